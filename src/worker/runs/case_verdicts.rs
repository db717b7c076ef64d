//! What the cases of new revisions say, played beside everything else.
//!
//! A revision whose cases take long is judged later than the others, which are
//! published meanwhile.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::catalog::ReadyPlaybook;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::facts::Schema;
use crate::rehearsal::objections;

/// How many playbooks' cases are played at once.
const PLAYERS: usize = 4;

/// A revision as it stands in a file: its messages name the file.
type RevisionKey = (Arc<str>, String, String);

/// The cases of one revision.
enum CasePlay {
    UnderWay(JoinHandle<anyhow::Result<Vec<Diagnostic>>>),
    /// What they have against it.
    Ended(Vec<Diagnostic>),
}

/// The verdicts of this process. The same text gives the same, so none is asked
/// twice.
pub(super) struct CaseVerdicts {
    played: HashMap<RevisionKey, CasePlay>,
    players: Arc<Semaphore>,
}

/// What came of a set of playbooks.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    /// What the cases have against playbooks.
    pub objections: Vec<Diagnostic>,
    /// Ids of playbooks whose cases are still being played.
    pub pending: HashSet<String>,
}

impl Default for CaseVerdicts {
    fn default() -> Self {
        CaseVerdicts { played: HashMap::new(), players: Arc::new(Semaphore::new(PLAYERS)) }
    }
}

impl CaseVerdicts {
    /// Judges these playbooks by their own cases, and forgets all others. What
    /// is not known after `patience` is pending; without it, everything is
    /// waited for.
    pub async fn judge(
        &mut self,
        playbooks: &[Arc<ReadyPlaybook>],
        config: &Config,
        schema: &Schema,
        patience: Option<Duration>,
    ) -> anyhow::Result<Judgement> {
        let keys: HashSet<RevisionKey> = playbooks.iter().map(|ready| key(ready)).collect();
        // Whoever plays one that is gone plays it to its end, for nobody.
        self.played.retain(|key, _| keys.contains(key));
        for ready in playbooks {
            self.played.entry(key(ready)).or_insert_with(|| {
                let (players, ready) = (self.players.clone(), ready.clone());
                let (config, schema) = (config.clone(), schema.clone());
                CasePlay::UnderWay(tokio::spawn(async move {
                    let _place = players.acquire().await;
                    Ok(tokio::task::spawn_blocking(move || objections(&ready, &config, &schema)).await?)
                }))
            });
        }
        let all = async {
            for ready in playbooks {
                self.end(&key(ready)).await?;
            }
            Ok::<_, anyhow::Error>(())
        };
        match patience {
            None => all.await?,
            Some(patience) => tokio::time::timeout(patience, all).await.unwrap_or(Ok(()))?,
        }
        let mut judged = Judgement::default();
        for ready in playbooks {
            let key = key(ready);
            // One behind a slow one may have ended without being waited for.
            if matches!(self.played.get(&key), Some(CasePlay::UnderWay(task)) if task.is_finished()) {
                self.end(&key).await?;
            }
            match self.played.get(&key) {
                Some(CasePlay::Ended(objections)) => judged.objections.extend(objections.iter().cloned()),
                _ => drop(judged.pending.insert(ready.playbook.id.clone())),
            }
        }
        Ok(judged)
    }

    /// Waits until the cases of a revision are played. After an error they are
    /// played again when somebody asks.
    async fn end(&mut self, key: &RevisionKey) -> anyhow::Result<()> {
        let Some(CasePlay::UnderWay(task)) = self.played.get_mut(key) else { return Ok(()) };
        let ended = task.await.map_err(anyhow::Error::from).and_then(|played| played);
        self.played.remove(key);
        self.played.insert(key.clone(), CasePlay::Ended(ended?));
        Ok(())
    }

    /// Whether cases that were pending have been played by now.
    pub fn have_ended(&self) -> bool {
        self.played.values().any(|played| matches!(played, CasePlay::UnderWay(task) if task.is_finished()))
    }
}

fn key(ready: &ReadyPlaybook) -> RevisionKey {
    (ready.playbook.file.clone(), ready.playbook.id.clone(), ready.revision.clone())
}
