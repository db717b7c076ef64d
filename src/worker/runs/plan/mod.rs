//! What a slot would do: who would enter, go on and leave, and what would come of
//! it. The run's own decisions, with nothing written.

mod collisions;
mod enrolled;
mod way;
mod workload;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub(super) use self::collisions::collisions;
pub use self::enrolled::Leaver;
use self::enrolled::follow_enrolled;
pub(super) use self::way::follow_way;
pub use self::way::{PlannedEffect, PlannedText, Rendering, count_by_step};
pub use self::workload::Workload;
pub(super) use self::workload::weigh;
use super::breaker;
use super::candidates::Candidates;
use super::decide::decide;
use super::evaluation_budget::{BudgetSpent, EvaluationBudget};
use super::first_mails::{Fate, FirstMail, FirstMails, drop_duplicates, share_budget};
use super::names::{Unpublished, before_the_rename, names_of_before};
use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::effect::kind;
use crate::enrollment::hold::HoldAnswer;
use crate::enrollment::{Admission, Decision, Skip};
use crate::facts::SubjectId;
use crate::message::budget::Use;
use crate::message::state::State;
use crate::playbook::Mode;
use crate::rule::prefilter::Clause;
use crate::worker::enrollments::advancer::foresee;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

/// How many who would enter are followed at once.
const BATCH: usize = 500;

/// How many mails of a playbook are written out: more, nobody would look at.
const MOST_MAILS: usize = 5_000;

/// What one playbook's run at a slot would do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub playbook: String,
    /// The names whose history it carries on once it is published.
    pub was: Vec<String>,
    /// Whether a rollback left this text out, so that it is not in force as it stands.
    pub is_rolled_back: bool,
    /// Subjects that would enter, complete also when the run would be held.
    pub enter: Vec<SubjectId>,
    /// Of these, those that would be held out.
    pub ghosts: Vec<SubjectId>,
    /// What the condition read of each who would enter, by the text of each fact.
    pub values: BTreeMap<SubjectId, serde_json::Map<String, serde_json::Value>>,
    /// Who is on their way through this playbook and goes on.
    pub continues: Vec<SubjectId>,
    /// Whose way through this playbook ends.
    pub leaves: Vec<Leaver>,
    /// What those who would enter would get on their whole way, as things stand.
    pub effects: Vec<PlannedEffect>,
    /// Whose open tasks would become more or fewer.
    pub workload: Vec<Workload>,
    /// The other playbooks of those who would enter: where their account is on
    /// its way, or would enter at the same slot.
    pub collisions: BTreeMap<SubjectId, BTreeSet<String>>,
    /// The names of the accounts above, by id.
    pub names: HashMap<String, String>,
    /// Why the run would be held, if it would.
    pub hold: Option<String>,
    /// Why nothing would happen at all, if so: stopped, paused, or a run that
    /// would fail.
    pub reason: Option<String>,
    /// Whether the run would fail.
    pub fails: bool,
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

    /// Forgets everybody but the subjects of one account.
    pub fn keep_account(&mut self, account: &str) {
        let is_kept = |subject: &SubjectId| subject.account == account;
        for subjects in [&mut self.enter, &mut self.ghosts, &mut self.continues] {
            subjects.retain(is_kept);
        }
        self.values.retain(|subject, _| is_kept(subject));
        self.collisions.retain(|subject, _| is_kept(subject));
        self.leaves.retain(|leaver| is_kept(&leaver.subject));
        self.effects.retain(|effect| is_kept(&effect.subject));
        self.undecided.retain(|(subject, _)| is_kept(subject));
        self.mails.retain(|mail| is_kept(&mail.subject));
        self.names.retain(|id, _| id == account);
    }

    /// The accounts of all who are named in it, each once.
    fn accounts(&self) -> Vec<String> {
        let leaving = self.leaves.iter().map(|leaver| &leaver.subject);
        let accounts: BTreeSet<&String> =
            self.enter.iter().chain(&self.continues).chain(leaving).map(|subject| &subject.account).collect();
        accounts.into_iter().cloned().collect()
    }

    /// How many mails have a fate for which this holds.
    pub fn mails_that(&self, holds: impl Fn(&Fate) -> bool) -> usize {
        self.mails.iter().filter(|mail| holds(&mail.fate)).count()
    }
}

/// Plans the runs of playbooks as their files now stand, all at one slot. `files`
/// are the ids of all files, where others of what is published are gone. Their
/// mails share the budget; those of a run that would be held get what would be
/// left after all others, as if it were approved at once. Effects come with
/// their texts and as mails where these are wanted.
pub async fn plan_all(
    shared: &Arc<Shared>,
    playbooks: Vec<ReadyPlaybook>,
    files: Option<&[String]>,
    slot: Instant,
    rendering: Rendering<'_>,
) -> anyhow::Result<Vec<Plan>> {
    let mut plans = Vec::new();
    for ready in playbooks {
        plans.push(plan(shared, ready, files, slot, rendering).await?);
    }
    find_collisions(shared, &mut plans).await?;
    let (mut held, mut free): (Vec<&mut Plan>, Vec<&mut Plan>) = plans.iter_mut().partition(|plan| plan.hold.is_some());
    let mut mails: Vec<&mut FirstMail> = free.iter_mut().flat_map(|plan| &mut plan.mails).collect();
    let taken = share(shared, &mut mails, &[], slot).await?;
    for plan in &mut held {
        let mut mails: Vec<&mut FirstMail> = plan.mails.iter_mut().collect();
        share(shared, &mut mails, &taken, slot).await?;
    }
    Ok(plans)
}

/// Finds the other playbooks of those who would enter.
async fn find_collisions(shared: &Shared, plans: &mut [Plan]) -> anyhow::Result<()> {
    let entering = plans.iter().map(|plan| (plan.playbook.as_str(), plan.enter.as_slice())).collect();
    let mut found = collisions(shared, &entering).await?;
    for plan in plans {
        plan.collisions = found.remove(&plan.playbook).unwrap_or_default();
    }
    Ok(())
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
async fn plan(
    shared: &Arc<Shared>,
    ready: ReadyPlaybook,
    files: Option<&[String]>,
    slot: Instant,
    rendering: Rendering<'_>,
) -> anyhow::Result<Plan> {
    let playbook = ready.playbook.id.clone();
    let conflicts = shared.store.name_conflicts(&[(&playbook, names_of_before(&ready))]).await?;
    // Until it is published its history stands under the name of before.
    let unpublished = before_the_rename(&shared.store, ready).await?;
    let further = unpublished.further_names();
    let Unpublished { ready, was } = unpublished;
    let id = ready.playbook.id.clone();
    let clauses = ready.when.prefilter().map_or(Vec::new(), |prefilter| prefilter.clauses.clone());
    let mut plan = Plan { playbook: playbook.clone(), was: was.clone(), clauses, ..Plan::default() };
    plan.is_rolled_back = shared
        .store
        .published()
        .await?
        .iter()
        .any(|known| known.id == id && known.pinned.as_ref() == Some(&ready.revision));
    let mut enrolled = follow_enrolled(shared, &id, slot).await?;
    for name in &further {
        enrolled.add(follow_enrolled(shared, name, slot).await?);
    }
    (plan.continues, plan.leaves) = (enrolled.continues, enrolled.leaves);
    let mut assigned = enrolled.assigned;
    if let Some(conflict) = conflicts.first() {
        plan.reason = Some(format!("would not be published: {conflict}"));
        return Ok(plan);
    }
    let stopped = shared.store.stopped().await?;
    if [&id].into_iter().chain(&further).any(|name| stopped.covers(name)) {
        plan.reason = Some("stopped".to_owned());
        return Ok(plan);
    }
    if ready.playbook.mode == Mode::Paused {
        plan.reason = Some("paused".to_owned());
        return Ok(plan);
    }
    let loaded = Arc::new(Loaded::new(ready, shared.store.relations())?);
    let limit = breaker::limit(shared, &loaded, slot, files).await?;
    let (mut entering, budget) = (Vec::new(), EvaluationBudget::of(shared.config.limits.run));
    let candidates = Candidates::open(shared, &loaded, slot).await?.with_history_of(&further).await?;
    let mut candidates = candidates.within(&budget);
    loop {
        let next = async {
            let chunk = candidates.next().await?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let mut histories = candidates.histories(&chunk, None).await?;
            for (_, history) in histories.iter_mut().filter(|(subject, _)| enrolled.over.contains(subject)) {
                history.active = false;
            }
            decide(shared, &loaded, chunk, histories, &budget).await.map(Some)
        };
        let decided = match next.await {
            Err(error) if error.is::<BudgetSpent>() => {
                candidates.close().await?;
                let reason = Some(format!("the run would fail: {error}"));
                let (continues, leaves, clauses) = (plan.continues, plan.leaves, plan.clauses);
                return Ok(Plan { playbook, was, reason, fails: true, clauses, continues, leaves, ..Plan::default() });
            }
            decided => decided?,
        };
        let Some(decided) = decided else { break };
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
                    plan.values.insert(subject.clone(), enrollment.evidence.clone());
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
    let mut first_mails = FirstMails::default();
    for batch in entering.chunks(BATCH) {
        let foreseen = foresee(shared, &loaded, batch.to_vec(), slot).await?;
        first_mails.add(shared, &loaded, &foreseen, slot).await?;
        plan.effects.extend(follow_way(shared, &loaded, foreseen, slot, rendering).await?);
        let mails = plan.effects.iter().filter(|effect| effect.mail.is_some()).count();
        anyhow::ensure!(
            mails <= MOST_MAILS,
            "{playbook} alone would send more than {MOST_MAILS} mails: name one account"
        );
    }
    (plan.mails, plan.unwritten) = (first_mails.mails, first_mails.unwritten);
    // Not in the order of the scan, which an update anywhere may change.
    plan.enter.sort();
    plan.ghosts.sort();
    plan.effects.sort_by(|one, other| (&one.subject, one.after).cmp(&(&other.subject, other.after)));
    plan.mails.sort_by(|one, other| one.subject.cmp(&other.subject));
    plan.undecided.sort_by(|one, other| one.0.cmp(&other.0));
    for effect in plan.effects.iter().filter(|effect| effect.kind == kind::TASK && effect.after.is_zero()) {
        if let Some(assignee) = &effect.to {
            *assigned.entry(assignee.clone()).or_default() += 1;
        }
    }
    plan.workload = weigh(shared, &assigned, &enrolled.stopped, slot).await?;
    plan.names = shared.store.account_names(&plan.accounts()).await?;
    let would_enter = plan.enter.len() as u64;
    if let HoldAnswer::Hold(reason) = limit.hold.answer(would_enter) {
        plan.hold = Some(reason.to_string());
    }
    Ok(plan)
}
