//! Stops playbooks whose mail is not wanted or does not arrive, and tells their
//! owners. A person lets them go on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::DurationRound;

use super::Shared;
use crate::clock::Instant;
use crate::enrollment::trip::Judgement;
use crate::ids;

/// Looks at all playbooks, once a minute: what receivers say comes in at any
/// time. Returns how many were stopped.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> super::Result<usize> {
    let minute = now.duration_trunc(chrono::Duration::minutes(1)).unwrap_or(now);
    if !shared.store.take_look("trips", minute).await? {
        return Ok(0);
    }
    look(shared, None, now).await
}

/// Looks at these playbooks at once, or at all.
pub(super) async fn look(shared: &Shared, of: Option<&[String]>, now: Instant) -> super::Result<usize> {
    let mut stopped = 0;
    for (playbook, signals) in shared.store.signals(of, now).await? {
        match signals.judge() {
            Judgement::Fine => {}
            Judgement::Warn(reason) => {
                let week = now.format("%G-%V").to_string();
                let text = format!(
                    "Readers of the playbook {playbook} complain: {reason}. At 0.3 % it is stopped.\n\n\
                     To see what it sends: keepwell messages --playbook {playbook} --state complained"
                );
                tell(shared, &["complaints", &playbook, &week], &playbook, "Complaints", &text, now).await?;
            }
            Judgement::Trip(reason) => {
                if shared.store.trip(&playbook, &reason, now).await? {
                    stopped += 1;
                    tracing::error!(%playbook, "stopped: {reason}");
                    let text = format!(
                        "Keepwell has stopped the playbook {playbook}: {reason}.\n\n\
                         Nothing of it goes on until a person has looked at it. To see what came of its mail: \
                         keepwell messages --playbook {playbook}\n\n\
                         To let it go on: keepwell resume --playbook {playbook}"
                    );
                    let at = now.to_rfc3339();
                    tell(shared, &["trip", &playbook, &at], &playbook, "Stopped", &text, now).await?;
                }
            }
        }
    }
    Ok(stopped)
}

/// Tells the owners. The notice belongs to no playbook: what is stopped says
/// nothing any more.
async fn tell(
    shared: &Shared,
    occasion: &[&str],
    playbook: &str,
    what: &str,
    text: &str,
    now: Instant,
) -> super::Result<()> {
    let current = super::advancer::current(shared, playbook).await?;
    let own = current.as_ref().and_then(|current| current.ready.playbook.alerts_to.as_ref());
    if let Some(to) = own.or(shared.config.alerts_to.as_ref()) {
        let subject = format!("{what}: {playbook}");
        shared.store.notice(ids::notice(occasion), "", to, &subject, text, now).await?;
    }
    Ok(())
}

/// What went badly in one batch of mail.
#[derive(Clone, Debug, Default)]
pub(super) struct Troubles(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    mails: usize,
    bad: usize,
    playbooks: BTreeSet<String>,
}

impl Troubles {
    /// Counts a mail of a playbook, and whether it went badly.
    pub fn count(&self, playbook: &str, bad: bool) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.mails += 1;
        if bad {
            seen.bad += 1;
            seen.playbooks.insert(playbook.to_owned());
        }
    }

    /// Looks at once at playbooks in trouble, where there is more than a little
    /// of it: the rest has time until the next minute.
    pub async fn look(&self, shared: &Shared, now: Instant) -> super::Result<()> {
        let playbooks: Vec<String> = {
            let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Seen { mails, bad, playbooks } = std::mem::take(&mut *seen);
            if bad * 20 > mails { playbooks.into_iter().collect() } else { Vec::new() }
        };
        if !playbooks.is_empty() {
            look(shared, Some(&playbooks), now).await?;
        }
        Ok(())
    }
}
