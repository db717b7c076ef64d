//! Stops playbooks whose mail is not wanted or does not arrive, and tells their
//! owners. A person lets them go on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::DurationRound;

use crate::clock::Instant;
use crate::ids;
use crate::message::auto_stop::Judgement;
use crate::playbook::Guardrails;
use crate::playbook::trips::{TripLimits, Trouble};
use crate::store::messages::insert::{NoticeText, OwnerNotice};
use crate::worker::enrollments::snapshot::current;
use crate::worker::shared::Shared;

/// Looks at all playbooks, once a minute: what receivers say comes in at any
/// time. Returns how many were stopped.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let minute = now.duration_trunc(chrono::Duration::minutes(1)).unwrap_or(now);
    if !shared.store.take_look("trips", minute).await? {
        return Ok(0);
    }
    look(shared, None, now).await
}

/// Looks at these playbooks at once, or at all.
pub(crate) async fn look(shared: &Shared, of: Option<&[String]>, now: Instant) -> anyhow::Result<usize> {
    let mut stopped = 0;
    for (playbook, signals) in shared.store.signals(of, now).await? {
        let limits = trip_limits(shared, &playbook).await?;
        match signals.judge(&limits) {
            Judgement::Fine => {}
            Judgement::Warn(reason) => {
                let week = now.format("%G-%V").to_string();
                let stops = match limits.share(Trouble::Complaints) {
                    Some(share) => format!("At {} % it is stopped.", (share * 1_000_000.0).round() / 10_000.0),
                    None => "It is not stopped for this: its `trips` say so.".to_owned(),
                };
                let text = format!(
                    "Readers of the playbook {playbook} complain: {reason}. {stops}\n\n\
                     To see what it sends: keepwell messages --playbook {playbook} --state complained"
                );
                let (id, subject) = (ids::notice(&["complaints", &playbook, &week]), format!("Complaints: {playbook}"));
                if let Some(to) = owners(shared, &playbook).await? {
                    shared
                        .store
                        .notice(&OwnerNotice::alert(id, "", &to, NoticeText { subject: &subject, text: &text }), now)
                        .await?;
                }
            }
            Judgement::Trip(reason) => {
                let text = format!(
                    "Keepwell has stopped the playbook {playbook}: {reason}.\n\n\
                     Nothing of it goes on until a person has looked at it. To see what came of its mail: \
                     keepwell messages --playbook {playbook}\n\n\
                     To let it go on: keepwell resume --playbook {playbook}"
                );
                let id = ids::notice(&["trip", &playbook, &now.to_rfc3339()]);
                let (to, subject) = (owners(shared, &playbook).await?, format!("Stopped: {playbook}"));
                let notice = to
                    .as_deref()
                    .map(|to| OwnerNotice::alert(id, "", to, NoticeText { subject: &subject, text: &text }));
                if shared.store.trip(&playbook, &reason, notice.as_ref(), now).await? {
                    stopped += 1;
                    tracing::error!(%playbook, "stopped: {reason}");
                }
            }
        }
    }
    Ok(stopped)
}

/// What of its mail stops a playbook: what its current revision says, or the
/// configuration where that cannot be used.
async fn trip_limits(shared: &Shared, playbook: &str) -> anyhow::Result<TripLimits> {
    let defaults = &shared.config.guardrails;
    Ok(match current(shared, playbook).await? {
        Some(current) => current.ready.playbook.guardrails.over(defaults).trips,
        None => Guardrails::default().over(defaults).trips,
    })
}

/// Who hears of it. What they read belongs to no playbook: what is stopped says
/// nothing any more.
async fn owners(shared: &Shared, playbook: &str) -> anyhow::Result<Option<String>> {
    let current = current(shared, playbook).await?;
    let own = current.and_then(|current| current.ready.playbook.alerts_to.clone());
    Ok(own.or_else(|| shared.config.alerts_to.clone()))
}

/// What went badly in one batch of mail.
#[derive(Clone, Debug, Default)]
pub(crate) struct Troubles(Arc<Mutex<Seen>>);

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
    pub async fn look(&self, shared: &Shared, now: Instant) -> anyhow::Result<()> {
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
