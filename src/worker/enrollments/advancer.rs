//! Waiting enrollments, looked at when they are due and on the quarter hours.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::Duration;
use uuid::Uuid;

use super::snapshot::{Snapshot, current, gone, take_first_snapshots, take_snapshots};
use super::turns::PlaybookTurns;
use crate::action::staff::Staff;
use crate::clock::{Instant, WorkStopwatch};
use crate::effect::{Effect, EffectBody, MessageDraft};
use crate::enrollment::outlook::{self, WayAhead, is_where_it_was};
use crate::enrollment::{Enrollment, Look, MessageEnd, Phase, State, Transition, advance, next_quarter, own_acts};
use crate::message::{self, duplicate};
use crate::playbook::Mode;
use crate::postgres::describe_error;
use crate::rule::functions::count_own_acts;
use crate::store::runs::Run;
use crate::store::{FailureKind, failure_kind, is_about_a_row, is_refusal};
use crate::worker::owner_notice::{FailedStep, alert_failed_step, alert_lost_mail, alert_undecided_step};
use crate::worker::revision_cache::Loaded;
use crate::worker::round::Round;
use crate::worker::runs::evaluation_budget::EvaluationBudget;
use crate::worker::shared::Shared;

const BATCH: i64 = 500;

/// How many are decided between two looks at the time.
const BETWEEN_LOOKS: usize = 4;

/// Ends what people ended with a task, and moves every enrollment whose look is
/// due, of each playbook as many as its turn allows.
pub async fn tick(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<usize> {
    let (mut turns, mut count) = (PlaybookTurns::default(), 0);
    if shared.halted().await?.is_some() {
        count += shared.store.end_stopped(now).await?;
    }
    loop {
        let over = turns.over().len();
        count += move_due(shared, now, true, &mut turns).await?;
        // Behind what a slow playbook has due, that of others may be hidden.
        if turns.over().len() == over {
            return Ok(count);
        }
    }
}

/// Moves some of those that are due, except those of playbooks whose turn is
/// over.
async fn move_due(
    shared: &Arc<Shared>,
    now: Instant,
    rechecks: bool,
    turns: &mut PlaybookTurns,
) -> anyhow::Result<usize> {
    let Some(mut halted) = shared.halted().await? else { return Ok(0) };
    halted.playbooks.extend_from_slice(turns.over());
    let due = shared.store.due_enrollments(now, &halted, BATCH, rechecks).await?;
    let mut groups: BTreeMap<(String, String, Instant), Vec<Enrollment>> = BTreeMap::new();
    for enrollment in due {
        let at = look_instant(&enrollment, now, shared.config.recheck);
        let group = (enrollment.playbook.clone(), enrollment.revision.clone(), at);
        groups.entry(group).or_default().push(enrollment);
    }
    let mut round = Round::default();
    for ((playbook, revision, at), enrollments) in groups {
        if turns.is_over(&playbook) {
            continue;
        }
        let count = enrollments.len();
        let looked = match look(shared, &playbook, &revision, at, now, enrollments.clone(), turns).await {
            Err(error) if failure_kind(&error) == FailureKind::Lasting => {
                tracing::error!(%playbook, %revision, "cannot be looked at: {}", describe_error(error.as_ref()));
                put_off(shared, enrollments, &describe_error(error.as_ref()), at, now).await
            }
            looked => looked,
        };
        round.record(looked.map(|()| count))?;
    }
    round.end()
}

/// Moves what was due before a slot, so that its run finds enrollments as they
/// stood then also when everything is late; of a slow playbook only what one turn
/// allows. Quarter hours that were missed are not made up for: the next look is
/// as good.
pub async fn until(shared: &Arc<Shared>, slot: Instant) -> anyhow::Result<()> {
    let (before, mut turns) = (slot - Duration::microseconds(1), PlaybookTurns::default());
    while move_due(shared, before, false, &mut turns).await? > 0 {}
    Ok(())
}

/// The instant a late look happens at: a wait ends at its due instant however
/// late the daemon is, and of missed quarter hours only the latest counts.
pub(crate) fn look_instant(enrollment: &Enrollment, now: Instant, recheck: Duration) -> Instant {
    let look_at = enrollment.look_at.unwrap_or(now);
    match (enrollment.phase, enrollment.due_at) {
        (Phase::Begin, _) => look_at,
        (Phase::Waiting | Phase::Sending, Some(due)) if due <= now => due,
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
    turns: &mut PlaybookTurns,
) -> anyhow::Result<()> {
    let store = &shared.store;
    let loaded = match shared.loaded(playbook, revision).await? {
        Ok(loaded) => loaded,
        Err(why) => return put_off(shared, enrollments, &why, at, now).await,
    };
    let snapshots = take_snapshots(shared, &loaded, at, &enrollments).await?;
    let ends = store.message_ends(&enrollments).await?;
    let (count, budget) = (enrollments.len(), turns.of(playbook));
    let looked = Looked::at(shared, &loaded, enrollments, snapshots, ends, Some(budget), at, now).await?;
    if looked.transitions.len() < count {
        turns.end(shared, &loaded, now).await?;
    }
    commit_all(shared, &looked.transitions, looked.priority, at).await?;
    looked.tell_failures(shared, &loaded, at).await
}

/// Leaves enrollments where they are until the next quarter hour, and says why.
async fn put_off(
    shared: &Shared,
    enrollments: Vec<Enrollment>,
    why: &str,
    at: Instant,
    now: Instant,
) -> anyhow::Result<()> {
    let look_at = Some(next_quarter(now, shared.config.recheck));
    let waits = |one: Enrollment| {
        let enrollment = Enrollment { reason: Some(format!("waits: {why}")), look_at, ..one };
        Transition { enrollment, effects: Vec::new(), stopped: false, passages: Vec::new() }
    };
    let waiting: Vec<Transition> = enrollments.into_iter().map(waits).collect();
    commit_all(shared, &waiting, 0, at).await
}

/// What a look at an enrollment would decide, and what is seen after it.
#[derive(Debug)]
pub(crate) struct Foreseen {
    pub transition: Transition,
    /// `None` where the subject is gone.
    pub snapshot: Option<Snapshot>,
}

/// What a look at enrollments of one revision at an instant would decide;
/// nothing is written.
pub(crate) async fn foresee(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    enrollments: Vec<Enrollment>,
    at: Instant,
) -> anyhow::Result<Vec<Foreseen>> {
    let snapshots = take_snapshots(shared, loaded, at, &enrollments).await?;
    foresee_on(shared, loaded, enrollments, snapshots, at).await
}

/// The same, where this is seen of them.
pub(crate) async fn foresee_on(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    enrollments: Vec<Enrollment>,
    snapshots: Vec<Option<Snapshot>>,
    at: Instant,
) -> anyhow::Result<Vec<Foreseen>> {
    let ends = shared.store.message_ends(&enrollments).await?;
    let looked = Looked::at(shared, loaded, enrollments, snapshots, ends, None, at, at).await?;
    let done = |(transition, snapshot): (Transition, Option<Snapshot>)| {
        let snapshot = snapshot.map(|mut seen| {
            let acts = own_acts(&transition.enrollment, &transition.effects, &mut seen.open_tasks);
            seen.context.facts = count_own_acts(&seen.context.facts, &acts);
            seen
        });
        Foreseen { transition, snapshot }
    };
    Ok(looked.transitions.into_iter().zip(looked.snapshots).map(done).collect())
}

/// The way ahead of those that were foreseen at an instant, as things stand, and
/// what they were foreseen on.
pub(crate) async fn look_ahead(
    shared: &Arc<Shared>,
    loaded: &Arc<Loaded>,
    foreseen: Vec<Foreseen>,
    at: Instant,
) -> anyhow::Result<(Vec<WayAhead>, Vec<Foreseen>)> {
    let alerts_to = loaded.ready.playbook.alerts_to.clone().or_else(|| shared.config.alerts_to.clone());
    let mut staff = shared.store.staff(loaded.ready.weighs_load(), at).await?;
    let (with, loaded) = (shared.clone(), loaded.clone());
    let ways = tokio::task::spawn_blocking(move || {
        let mut ways = Vec::with_capacity(foreseen.len());
        for Foreseen { transition, snapshot } in &foreseen {
            let way = snapshot.as_ref().map_or_else(WayAhead::default, |seen| {
                let enrollment = &transition.enrollment;
                let look = build_look(&with, &loaded, enrollment, seen, &staff, &[], alerts_to.as_deref());
                outlook::look_ahead(&look, transition)
            });
            for taker in way.effects.iter().filter_map(|one| one.effect.assignee()) {
                staff.assign(taker);
            }
            ways.push(way);
        }
        (ways, foreseen)
    });
    Ok(ways.await?)
}

/// What looks at enrollments of one revision decided.
struct Looked {
    transitions: Vec<Transition>,
    /// What each was decided on.
    snapshots: Vec<Option<Snapshot>>,
    priority: i32,
}

impl Looked {
    /// Looks at each, off the async threads, as long as a budget lasts: it may come
    /// to the first of them only.
    #[expect(clippy::too_many_arguments)]
    async fn at(
        shared: &Arc<Shared>,
        loaded: &Arc<Loaded>,
        enrollments: Vec<Enrollment>,
        mut snapshots: Vec<Option<Snapshot>>,
        ends: HashMap<Uuid, Vec<MessageEnd>>,
        budget: Option<Arc<EvaluationBudget>>,
        at: Instant,
        now: Instant,
    ) -> anyhow::Result<Looked> {
        // Mode, alerts and priority are those of the current revision.
        let current = current(shared, &loaded.ready.playbook.id).await?.unwrap_or_else(|| loaded.clone());
        let playbook = &current.ready.playbook;
        let shadow = playbook.mode == Mode::Shadow;
        let alerts_to = playbook.alerts_to.clone().or_else(|| shared.config.alerts_to.clone());
        let priority = i32::from(playbook.mail_priority);
        let mut staff = shared.store.staff(loaded.ready.weighs_load(), now).await?;
        let (with, loaded) = (shared.clone(), loaded.clone());
        let decided = tokio::task::spawn_blocking(move || {
            let mut transitions = Vec::with_capacity(enrollments.len());
            let mut watch = WorkStopwatch::start();
            for (enrollment, seen) in enrollments.into_iter().zip(&snapshots) {
                let mut look = |mut enrollment: Enrollment| {
                    enrollment.shadow |= shadow;
                    let messages = ends.get(&enrollment.id).map_or(&[] as &[MessageEnd], Vec::as_slice);
                    let decided = crate::worker::round::unless_panicking(|| match seen {
                        Some(seen) => {
                            let alerts_to = alerts_to.as_deref();
                            advance(&build_look(&with, &loaded, &enrollment, seen, &staff, messages, alerts_to))
                        }
                        None => ended_gone(&enrollment, at),
                    });
                    let Some(mut transition) = decided else {
                        return failed(enrollment, "a fault of Keepwell's own: see its log".to_owned(), at);
                    };
                    for taker in transition.effects.iter().filter_map(Effect::assignee) {
                        staff.assign(taker);
                    }
                    let next = &mut transition.enrollment;
                    // Nothing came of a look into the past: the next one is not
                    // at the same instant again, or it would never end.
                    if is_where_it_was(&enrollment, next) && next.look_at.is_some_and(|look_at| look_at <= now) {
                        next.look_at = Some(next_quarter(now, with.config.recheck));
                    }
                    transition
                };
                transitions.push(look(enrollment));
                if let Some(budget) = budget.as_ref().filter(|_| transitions.len().is_multiple_of(BETWEEN_LOOKS)) {
                    if budget.spend(watch.elapsed()).is_err() {
                        break;
                    }
                    watch = WorkStopwatch::start();
                }
            }
            snapshots.truncate(transitions.len());
            Looked { transitions, snapshots, priority }
        });
        Ok(decided.await?)
    }

    /// Tells the owners of steps that failed, of steps at which somebody waits because
    /// nothing can be decided, and of mail that would only repeat another one.
    async fn tell_failures(&self, shared: &Shared, loaded: &Loaded, at: Instant) -> anyhow::Result<()> {
        let mut waiting = BTreeSet::new();
        for transition in &self.transitions {
            let account = &transition.enrollment.account;
            if let Some((step, reason)) = undecided(&transition.enrollment)
                && waiting.insert(step.to_owned())
            {
                alert_undecided_step(shared, loaded, FailedStep { step, account, reason }, at).await?;
            }
            for effect in &transition.effects {
                match &effect.body {
                    EffectBody::Message(MessageDraft::Failed { reason, .. }) => {
                        let failed = FailedStep { step: &effect.step, account, reason };
                        alert_failed_step(shared, loaded, failed, at).await?;
                    }
                    EffectBody::Message(MessageDraft::Skipped { reason, .. })
                        if *reason == duplicate::REASON && !transition.enrollment.shadow =>
                    {
                        let lost = FailedStep { step: &effect.step, account, reason };
                        alert_lost_mail(shared, loaded, lost, message::state::State::Skipped, at).await?;
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// The step at which an enrollment waits because something cannot be decided, and
/// what.
fn undecided(enrollment: &Enrollment) -> Option<(&str, &str)> {
    let reason = enrollment.reason.as_deref().filter(|_| enrollment.state == State::Active)?;
    Some((enrollment.step.as_deref().unwrap_or_default(), reason.strip_prefix("undecided: ")?))
}

/// Newly admitted enrollments of a run, looked at and not yet written. Those at
/// the end of the batch are not looked at where a budget was spent.
pub(crate) struct Entry {
    batch: Vec<Enrollment>,
    looked: Looked,
}

impl Entry {
    /// Takes the first look of a batch, at the slot: a first step that does not
    /// wait leaves its effects with the entry.
    pub async fn look(
        shared: &Arc<Shared>,
        loaded: &Arc<Loaded>,
        batch: &[Enrollment],
        budget: &Arc<EvaluationBudget>,
        slot: Instant,
        now: Instant,
    ) -> anyhow::Result<Entry> {
        let snapshots = take_first_snapshots(shared, loaded, slot, batch).await?;
        let (all, budget) = (batch.to_vec(), Some(budget.clone()));
        let looked = Looked::at(shared, loaded, all, snapshots, HashMap::new(), budget, slot, now).await?;
        Ok(Entry { batch: batch.to_vec(), looked })
    }

    /// Writes them, as long as the run is ours. Where the playbook or one of them was stopped meanwhile
    /// they only enter. So do those that were not looked at, and all when the
    /// database refuses what one of them asks for: their look then comes with the
    /// others that are due, which finds out whose fault it is.
    pub async fn write(self, shared: &Shared, loaded: &Loaded, run: &Run) -> anyhow::Result<()> {
        let store = &shared.store;
        let may_act = shared.halted().await?.is_some_and(|halted| {
            !halted.playbooks.contains(&loaded.ready.playbook.id)
                && !self.batch.iter().any(|one| halted.accounts.contains(&one.account))
        });
        if may_act {
            match store.enter(run, &self.looked.transitions, self.looked.priority).await {
                Ok(entered) => {
                    entered?;
                    let rest = &self.batch[self.looked.transitions.len()..];
                    if !rest.is_empty() {
                        store.enroll(run, rest, State::Active).await??;
                    }
                    return self.looked.tell_failures(shared, loaded, run.slot).await;
                }
                Err(error) if is_about_a_row(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        store.enroll(run, &self.batch, State::Active).await??;
        Ok(())
    }
}

/// Commits transitions together. What the database refuses as a whole is
/// halved until the one at fault stands alone, which ends as failed: its own
/// values are the trouble, and waiting does not mend them.
async fn commit_all(shared: &Shared, transitions: &[Transition], priority: i32, at: Instant) -> anyhow::Result<()> {
    let store = &shared.store;
    let mut parts = vec![transitions];
    while let Some(part) = parts.pop() {
        match (store.commit_all(part, priority, at).await, part) {
            (Ok(_), _) => {}
            (Err(error), [alone]) if is_refusal(&error) => {
                let enrollment = alone.enrollment.clone();
                tracing::error!(
                    playbook = %enrollment.playbook, account = %enrollment.account, "an enrollment failed: {}", describe_error(&error)
                );
                let failed =
                    failed(enrollment, format!("its next step cannot be written: {}", describe_error(&error)), at);
                store.commit(&failed, priority, at).await?;
            }
            (Err(error), several) if several.len() > 1 && is_about_a_row(&error) => {
                let (first, second) = several.split_at(several.len() / 2);
                parts.extend([second, first]);
            }
            (Err(error), _) => return Err(error.into()),
        }
    }
    Ok(())
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
    Transition { enrollment, effects: Vec::new(), stopped: true, passages: Vec::new() }
}

/// An enrollment whose subject is not there any more.
fn ended_gone(enrollment: &Enrollment, at: Instant) -> Transition {
    let gone = Enrollment {
        state: State::Exited,
        reason: Some(gone(enrollment).to_owned()),
        step: None,
        due_at: None,
        look_at: None,
        ended_at: Some(at),
        ..enrollment.clone()
    };
    Transition { enrollment: gone, effects: Vec::new(), stopped: true, passages: Vec::new() }
}

/// The look of `advance` at one of them.
fn build_look<'a>(
    shared: &'a Shared,
    loaded: &'a Loaded,
    enrollment: &'a Enrollment,
    seen: &'a Snapshot,
    staff: &'a Staff,
    messages: &'a [MessageEnd],
    alerts_to: Option<&'a str>,
) -> Look<'a> {
    Look {
        playbook: &loaded.ready,
        enrollment,
        context: &seen.context,
        people: &seen.people,
        open_tasks: &seen.open_tasks,
        staff,
        messages,
        calendar: &shared.calendar,
        alerts_to,
        variants: None,
        recheck: shared.config.recheck,
    }
}
