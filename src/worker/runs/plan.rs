//! Who would enter now: the run's own decisions, with nothing written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::breaker;
use super::candidates::Candidates;
use super::decide::decide;
use super::evaluation_budget::{BudgetSpent, EvaluationBudget};
use super::first_mails::{Fate, FirstMail, drop_duplicates, first_mails, share_budget};
use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::enrollment::hold::HoldAnswer;
use crate::enrollment::{Admission, Decision, Skip};
use crate::facts::SubjectId;
use crate::message::budget::Use;
use crate::message::state::State;
use crate::playbook::Mode;
use crate::rule::prefilter::Clause;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// What one playbook's run at a slot would do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub playbook: String,
    /// Subjects that would enter, complete also when the run would be held.
    pub enter: Vec<SubjectId>,
    /// Of these, those that would be held out.
    pub ghosts: Vec<SubjectId>,
    /// Why the run would be held, if it would.
    pub hold: Option<String>,
    /// Why nothing would happen at all, if so: stopped, paused, or a run that
    /// would fail.
    pub reason: Option<String>,
    pub candidates: usize,
    pub skipped: BTreeMap<String, usize>,
    /// Subjects that cannot be decided, with why.
    pub undecided: Vec<(SubjectId, String)>,
    /// The clauses of its condition, and where each is decided.
    pub clauses: Vec<Clause>,
    /// The mails that those who enter would get at once.
    pub mails: Vec<FirstMail>,
    /// How many would not be written at once, by reason, as `no recipient`.
    pub unwritten: BTreeMap<&'static str, usize>,
}

impl Plan {
    /// How many mails wait for what: quiet hours, another playbook, or what
    /// used the budget up; one that waits for several counts for each.
    pub fn put_off(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for mail in &self.mails {
            if let Fate::Waits { by, .. } = &mail.fate {
                by.iter()
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .for_each(|one| *counts.entry(one.as_str()).or_default() += 1);
            }
        }
        counts
    }

    /// How many mails would end without having left, by the state and the
    /// reason, but for those whose address wants none.
    pub fn lost_mails(&self) -> BTreeMap<(State, &str), usize> {
        let mut counts = BTreeMap::new();
        for mail in &self.mails {
            if let Fate::Never { state, reason } = &mail.fate
                && *state != State::Suppressed
            {
                *counts.entry((*state, reason.as_str())).or_default() += 1;
            }
        }
        counts
    }

    /// How many mails have a fate for which this holds.
    pub fn mails_that(&self, holds: impl Fn(&Fate) -> bool) -> usize {
        self.mails.iter().filter(|mail| holds(&mail.fate)).count()
    }
}

/// Plans the runs of playbooks as their files now stand, all at one slot. Their
/// mails share the budget; those of a run that would be held get what would be
/// left after all others, as if it were approved at once.
pub async fn plan_all(shared: &Arc<Shared>, playbooks: Vec<ReadyPlaybook>, slot: Instant) -> anyhow::Result<Vec<Plan>> {
    let mut plans = Vec::new();
    for ready in playbooks {
        plans.push(plan(shared, ready, slot).await?);
    }
    let (mut held, mut free): (Vec<&mut Plan>, Vec<&mut Plan>) = plans.iter_mut().partition(|plan| plan.hold.is_some());
    let mut mails: Vec<&mut FirstMail> = free.iter_mut().flat_map(|plan| &mut plan.mails).collect();
    let taken = share(shared, &mut mails, &[], slot).await?;
    for plan in &mut held {
        let mut mails: Vec<&mut FirstMail> = plan.mails.iter_mut().collect();
        share(shared, &mut mails, &taken, slot).await?;
    }
    Ok(plans)
}

/// Lets mails share what `ahead` leaves of the budget, without those that only
/// repeat another one: the place of such a mail is given to the next. Gives
/// what they take.
async fn share(
    shared: &Shared,
    mails: &mut [&mut FirstMail],
    ahead: &[(String, Use)],
    slot: Instant,
) -> anyhow::Result<Vec<(String, Use)>> {
    loop {
        let before: Vec<Fate> = mails.iter().map(|mail| mail.fate.clone()).collect();
        let taken = share_budget(shared, mails, ahead, slot).await?;
        if !drop_duplicates(shared, mails, slot).await? {
            return Ok(taken);
        }
        for (mail, before) in mails.iter_mut().zip(before) {
            if matches!(mail.fate, Fate::Waits { .. }) {
                mail.fate = before;
            }
        }
    }
}

/// Plans a run of a playbook.
async fn plan(shared: &Arc<Shared>, ready: ReadyPlaybook, slot: Instant) -> anyhow::Result<Plan> {
    let id = ready.playbook.id.clone();
    let clauses = ready.when.prefilter().map_or(Vec::new(), |prefilter| prefilter.clauses.clone());
    let mut plan = Plan { playbook: id.clone(), clauses, ..Plan::default() };
    if shared.store.stopped().await?.covers(&id) {
        plan.reason = Some("stopped".to_owned());
        return Ok(plan);
    }
    if ready.playbook.mode == Mode::Paused {
        plan.reason = Some("paused".to_owned());
        return Ok(plan);
    }
    let loaded = Arc::new(Loaded::new(ready, shared.store.relations())?);
    let limit = breaker::limit(shared, &loaded, slot).await?;
    let (mut entering, budget) = (Vec::new(), EvaluationBudget::of(shared.config.limits.run));
    let mut candidates = Candidates::open(shared, &loaded, slot).await?;
    loop {
        let chunk = candidates.next().await?;
        if chunk.is_empty() {
            break;
        }
        let histories = candidates.histories(&chunk, None).await?;
        let decided = match decide(shared, &loaded, chunk, histories, &budget).await {
            Err(error) if error.is::<BudgetSpent>() => {
                candidates.close().await?;
                let reason = Some(format!("the run would fail: {error}"));
                return Ok(Plan { playbook: id, reason, clauses: plan.clauses, ..Plan::default() });
            }
            decided => decided?,
        };
        for (subject, Decision { admission, .. }) in decided {
            match admission {
                Admission::NotCandidate => continue,
                Admission::Enroll(_) if limit.room_today.is_some_and(|room| plan.enter.len() as u64 >= room) => {
                    *plan.skipped.entry(Skip::DAY_CAP.to_owned()).or_default() += 1;
                }
                Admission::Enroll(enrollment) => {
                    if enrollment.is_ghost() {
                        plan.ghosts.push(subject.clone());
                    }
                    plan.enter.push(subject);
                    entering.push(*enrollment);
                }
                Admission::Skip(skip) => {
                    *plan.skipped.entry(skip.name().to_owned()).or_default() += 1;
                    if let Skip::Undecided(error) = skip {
                        plan.undecided.push((subject, error.to_string()));
                    }
                }
            }
            plan.candidates += 1;
        }
    }
    candidates.close().await?;
    (plan.mails, plan.unwritten) = first_mails(shared, &loaded, entering, slot).await?;
    plan.enter.sort();
    plan.ghosts.sort();
    let would_enter = plan.enter.len() as u64;
    if let HoldAnswer::Hold(reason) = limit.hold.answer(would_enter) {
        plan.hold = Some(reason.to_string());
    }
    Ok(plan)
}
