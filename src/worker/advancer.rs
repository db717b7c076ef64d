//! Waiting enrollments, looked at when they are due and on the quarter hours.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Duration;

use super::Shared;
use super::compiled::Loaded;
use crate::action::People;
use crate::clock::Instant;
use crate::effect::{EffectBody, MessageDraft};
use crate::enrollment::{Enrollment, Look, MessageEnd, Phase, State, Transition, advance, next_quarter};
use crate::facts::{Facts, Progress};
use crate::playbook::Mode;
use crate::rule::Context;
use crate::store::facts::{self, SubjectWindow};
use crate::store::is_refusal;

const BATCH: i64 = 500;

/// Moves every enrollment whose look is due.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> super::Result<usize> {
    moved(shared, now, true).await
}

async fn moved(shared: &Arc<Shared>, now: Instant, rechecks: bool) -> super::Result<usize> {
    let Some(halted) = shared.halted().await? else { return Ok(0) };
    let due = shared.store.due_enrollments(now, &halted, BATCH, rechecks, &shared.schema).await?;
    let mut groups: BTreeMap<(String, String, Instant), Vec<Enrollment>> = BTreeMap::new();
    for enrollment in due {
        let at = look_instant(&enrollment, now, shared.config.recheck);
        let group = (enrollment.playbook.clone(), enrollment.revision.clone(), at);
        groups.entry(group).or_default().push(enrollment);
    }
    let mut handled = 0;
    for ((playbook, revision, at), enrollments) in groups {
        handled += enrollments.len();
        look(shared, &playbook, &revision, at, now, enrollments).await?;
    }
    Ok(handled)
}

/// Moves what was due before a slot, so that its run finds enrollments as they
/// stood then also when everything is late. Quarter hours that were missed are
/// not made up for: the next look is as good.
pub async fn until(shared: &Arc<Shared>, slot: Instant) -> super::Result<()> {
    let before = slot - Duration::microseconds(1);
    while moved(shared, before, false).await? > 0 {}
    Ok(())
}

/// The instant a late look happens at: a wait ends at its due instant however
/// late the daemon is, and of missed quarter hours only the latest counts.
fn look_instant(enrollment: &Enrollment, now: Instant, recheck: Duration) -> Instant {
    let look_at = enrollment.look_at.unwrap_or(now);
    match (enrollment.phase, enrollment.due_at) {
        (Phase::Begin, _) => look_at,
        (Phase::Waiting, Some(due)) if due <= now => due,
        _ => look_at.max(next_quarter(now, recheck) - recheck),
    }
}

async fn look(
    shared: &Arc<Shared>,
    playbook: &str,
    revision: &str,
    at: Instant,
    now: Instant,
    enrollments: Vec<Enrollment>,
) -> super::Result<()> {
    let store = &shared.store;
    let loaded = match shared.loaded(playbook, revision).await? {
        Ok(loaded) => loaded,
        Err(why) => {
            for mut enrollment in enrollments {
                enrollment.reason = Some(format!("waits: {why}"));
                enrollment.look_at = Some(next_quarter(now, shared.config.recheck));
                let held = Transition { enrollment, effects: Vec::new(), stopped: false };
                store.commit(&held, 0, at).await?;
            }
            return Ok(());
        }
    };
    // Mode, alerts and priority are those of the current revision.
    let current = current(shared, playbook).await?.unwrap_or_else(|| loaded.clone());
    let shadow = current.ready.playbook.mode == Mode::Shadow;
    let alerts_to = current.ready.playbook.alerts_to.clone().or_else(|| shared.config.alerts_to.clone());
    let sights = sight(shared, &loaded, at, &enrollments).await?;
    let ends = store.message_ends(&enrollments).await?;
    let priority = i32::from(current.ready.playbook.mail_priority);
    let (with, compiled) = (shared.clone(), loaded.clone());
    let decided = tokio::task::spawn_blocking(move || {
        enrollments
            .into_iter()
            .zip(sights)
            .map(|(enrollment, seen)| {
                let messages = ends.get(&enrollment.id).map_or(&[] as &[MessageEnd], Vec::as_slice);
                let before = enrollment.clone();
                let decided = super::unless_panicking(|| {
                    decide(&with, &loaded, &enrollment, seen, messages, alerts_to.as_deref(), at)
                });
                let Some(mut transition) = decided else {
                    return failed(before, "a fault of Keepwell's own: see its log".to_owned(), at);
                };
                let next = &mut transition.enrollment;
                // Nothing came of a look into the past: the next one is not
                // at the same instant again, or it would never end.
                if stands(&enrollment, next) && next.look_at.is_some_and(|look_at| look_at <= now) {
                    next.look_at = Some(next_quarter(now, with.config.recheck));
                }
                transition
            })
            .collect::<Vec<Transition>>()
    });
    for mut transition in decided.await? {
        transition.enrollment.shadow |= shadow;
        match store.commit(&transition, priority, at).await {
            // Its own values are the trouble, and waiting does not mend them.
            Err(error) if is_refusal(&error) => {
                let enrollment = transition.enrollment.clone();
                tracing::error!(playbook, account = %enrollment.account, "an enrollment failed: {error}");
                let failed = failed(enrollment, format!("its next step cannot be written: {error}"), at);
                store.commit(&failed, priority, at).await?;
            }
            done => {
                done?;
            }
        }
        for effect in &transition.effects {
            if let EffectBody::Message(MessageDraft::Failed { reason }) = &effect.body {
                let account = &transition.enrollment.account;
                super::step_failed(shared, &compiled, &effect.step, account, reason, at).await?;
            }
        }
    }
    Ok(())
}

/// Whether a look left an enrollment where it was.
fn stands(before: &Enrollment, after: &Enrollment) -> bool {
    let place = |one: &Enrollment| (one.state, one.phase, one.step_at, one.due_at);
    place(before) == place(after) && before.step == after.step
}

/// An enrollment that ends because of a fault, visibly.
fn failed(enrollment: Enrollment, reason: String, at: Instant) -> Transition {
    let enrollment = Enrollment {
        state: State::Failed,
        reason: Some(reason),
        step: None,
        phase: Phase::Begin,
        due_at: None,
        look_at: None,
        ended_at: Some(at),
        ..enrollment
    };
    Transition { enrollment, effects: Vec::new(), stopped: true }
}

fn decide(
    shared: &Shared,
    loaded: &Loaded,
    enrollment: &Enrollment,
    seen: Option<Sight>,
    messages: &[MessageEnd],
    alerts_to: Option<&str>,
    at: Instant,
) -> Transition {
    let Some(seen) = seen else {
        let gone = Enrollment {
            state: State::Exited,
            reason: Some(gone(enrollment).to_owned()),
            step: None,
            due_at: None,
            look_at: None,
            ended_at: Some(at),
            ..enrollment.clone()
        };
        return Transition { enrollment: gone, effects: Vec::new(), stopped: true };
    };
    advance(&Look {
        playbook: &loaded.ready,
        enrollment,
        context: &seen.context,
        people: &seen.people,
        messages,
        calendar: &shared.calendar,
        alerts_to,
        recheck: shared.config.recheck,
    })
}

/// Why nothing can be seen of an enrollment's subject.
pub(super) fn gone(enrollment: &Enrollment) -> &'static str {
    if enrollment.contact.is_empty() { "the account is gone" } else { "the contact is gone" }
}

/// The current revision, some keys of which hold for running enrollments too.
/// `None` when this version cannot use it.
pub(super) async fn current(shared: &Shared, playbook: &str) -> super::Result<Option<Arc<Loaded>>> {
    let published = shared.store.published().await?;
    let Some(current) = published.iter().find(|known| known.id == playbook) else {
        return Ok(None);
    };
    Ok(shared.loaded(playbook, &current.revision).await?.ok())
}

/// Facts, progress and people of one enrollment at one instant.
#[derive(Debug)]
pub(super) struct Sight {
    pub context: Context,
    pub people: People,
}

/// Looks at many enrollments of one revision with a fixed number of
/// statements; `None` where the subject is gone.
pub(super) async fn sight(
    shared: &Shared,
    loaded: &Loaded,
    at: Instant,
    enrollments: &[Enrollment],
) -> super::Result<Vec<Option<Sight>>> {
    let store = &shared.store;
    let windows: Vec<SubjectWindow> = enrollments
        .iter()
        .map(|enrollment| SubjectWindow {
            account: enrollment.account.clone(),
            contact: enrollment.contact.clone(),
            since_entry: Some(enrollment.started_at),
            since_step: Some(enrollment.step_at),
        })
        .collect();
    let facts: Vec<Option<Facts>> = facts::fetch(store.pool(), &loaded.steps, at, &windows).await?;
    let progress: Vec<Progress> = store.progress(enrollments).await?;
    let accounts: Vec<String> = enrollments.iter().map(|enrollment| enrollment.account.clone()).collect();
    let people = store.people(&accounts).await?;
    Ok(facts
        .into_iter()
        .zip(progress)
        .map(|(facts, progress)| {
            facts.map(|facts| Sight {
                people: people.get(&facts.account).cloned().unwrap_or_default(),
                context: Context {
                    facts: Arc::new(facts),
                    progress: Some(Arc::new(progress)),
                    zone: loaded.ready.zone,
                },
            })
        })
        .collect())
}
