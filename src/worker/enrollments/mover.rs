//! Those who wait in earlier revisions, taken to the current one by a person's
//! word: first shown, then done, one after the other in the order of accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::advancer::{Foreseen, foresee};
use crate::catalog::ReadyBody;
use crate::clock::Instant;
use crate::enrollment::move_revision::{Place, Say, cancel, move_enrollment};
use crate::enrollment::{Enrollment, Phase, State, Transition};
use crate::facts::SubjectId;
use crate::playbook::reader::advice;
use crate::store::enrollments::transitions::Commit;
use crate::worker::revision_cache::Loaded;
use crate::worker::shared::Shared;

const BATCH: i64 = 500;

/// How many of a group are named.
const SAMPLE: usize = 5;

/// Where steps lead that are not to lead to the step of the same id.
pub type Map = BTreeMap<String, Place>;

/// What a move would do.
#[derive(Debug)]
pub struct Shown {
    pub playbook: String,
    /// The revision they come to, and its steps in order.
    pub revision: String,
    pub steps: Vec<String>,
    /// By revision and step that they stand in.
    pub groups: BTreeMap<(String, String), Group>,
    pub next: AfterMove,
    /// Why nothing would happen after it for now, if so.
    pub halted: Option<&'static str>,
    /// Each as it stands and as it would, in the order of accounts.
    ways: Vec<(Enrollment, Enrollment)>,
}

/// Those who stand in one step of one revision.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// `None` when the current revision has no such step and nobody said
    /// where it leads.
    pub to: Option<Place>,
    pub count: usize,
    pub sample: Vec<SubjectId>,
    /// Of these, those who stay, with why.
    pub left: BTreeMap<String, usize>,
}

/// What would happen to those who are moved, right after it.
#[derive(Clone, Debug, Default)]
pub struct AfterMove {
    /// What would be done at once: kinds of steps with how often.
    pub deeds: BTreeMap<&'static str, usize>,
    /// How many would end at once, by state.
    pub ends: BTreeMap<&'static str, usize>,
    /// How many would wait on.
    pub waits: usize,
    /// When the first of these is due, where that is known.
    pub due: Option<Instant>,
    /// How many cannot be decided.
    pub undecided: usize,
    /// Steps ahead that were done before and are passed over.
    pub not_again: BTreeMap<String, usize>,
}

/// What became of a move.
#[derive(Clone, Debug, Default)]
pub struct Done {
    pub moved: usize,
    pub ended: usize,
    /// Those who did not stand any more where they were seen.
    pub gone_on: Vec<SubjectId>,
}

impl Shown {
    /// Whether nobody is in an earlier revision.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Steps that lead nowhere yet.
    pub fn unmapped(&self) -> BTreeSet<&str> {
        self.groups.iter().filter(|(_, group)| group.to.is_none()).map(|((_, step), _)| step.as_str()).collect()
    }

    /// How many would be moved or ended.
    pub fn goes(&self) -> usize {
        self.ways.len()
    }

    fn group(&mut self, one: &Enrollment) -> &mut Group {
        let step = one.step.clone().unwrap_or_default();
        self.groups.entry((one.revision.clone(), step)).or_default()
    }
}

/// What it would be to take everybody of a playbook to its current revision.
/// An error is a person's mistake, or a fault.
pub async fn show(shared: &Arc<Shared>, playbook: &str, map: &Map, word: Say<'_>) -> anyhow::Result<Shown> {
    let published = shared.store.published().await?;
    let Some(current) = published.iter().find(|known| known.id == playbook) else {
        let known = published.iter().map(|known| known.id.as_str());
        anyhow::bail!("there is no published playbook `{playbook}`: {}", advice(playbook, known));
    };
    let to = match shared.loaded(playbook, &current.revision).await? {
        Ok(loaded) => loaded,
        Err(why) => anyhow::bail!("the current revision of {playbook} cannot be used: {why}"),
    };
    let steps: Vec<String> = to.ready.steps.iter().map(|step| step.id.clone()).collect();
    for place in map.values() {
        if let Place::Step(id) = place
            && !steps.contains(id)
        {
            let help = advice(id, steps.iter().map(String::as_str).chain(["end"]));
            anyhow::bail!("the current revision of {playbook} has no step `{id}`: {help}");
        }
    }
    let halted = match shared.halted().await? {
        None => Some("everything is stopped"),
        Some(halted) if halted.playbooks.iter().any(|id| id == playbook) => {
            Some("the playbook is stopped, paused, or its file is gone")
        }
        Some(_) => None,
    };
    let mut shown = Shown {
        playbook: playbook.to_owned(),
        revision: current.revision.clone(),
        steps,
        groups: BTreeMap::new(),
        next: AfterMove::default(),
        halted,
        ways: Vec::new(),
    };
    let mut last: Option<Enrollment> = None;
    loop {
        let page = shared.store.on_other_revisions(playbook, &current.revision, last.as_ref(), BATCH).await?;
        let Some(end) = page.last().cloned() else { break };
        last = Some(end);
        add(shared, &mut shown, &to, page, map, word).await?;
    }
    if let Some(step) = map.keys().find(|step| !shown.groups.keys().any(|(_, stood)| stood == *step)) {
        let stood: BTreeSet<&str> = shown.groups.keys().map(|(_, step)| step.as_str()).collect();
        anyhow::bail!("nobody waits in `{step}` of an earlier revision: {}", advice(step, stood.iter().copied()));
    }
    Ok(shown)
}

/// Adds some of those who wait.
async fn add(
    shared: &Arc<Shared>,
    shown: &mut Shown,
    to: &Arc<Loaded>,
    page: Vec<Enrollment>,
    map: &Map,
    word: Say<'_>,
) -> anyhow::Result<()> {
    let mut acted = shared.store.acted_steps(&page).await?;
    let mut come = Vec::new();
    for one in page {
        let step = one.step.clone().unwrap_or_default();
        let place = map.get(&step).cloned().or_else(|| to.ready.step(&step).map(|_| Place::Step(step)));
        let acted = acted.remove(&one.id).unwrap_or_default();
        let became = match &place {
            None => None,
            Some(Place::End) => Some(Ok(cancel(&one, word))),
            Some(Place::Step(id)) => Some(move_enrollment(&one, &to.ready, id, acted, word)),
        };
        let group = shown.group(&one);
        group.to = place;
        group.count += 1;
        if group.sample.len() < SAMPLE {
            group.sample.push(one.subject());
        }
        match became {
            None => {}
            Some(Ok(after)) => {
                if after.state == State::Active {
                    shown.next.pass_over(&after, to);
                    come.push(after.clone());
                }
                shown.ways.push((one, after));
            }
            Some(Err(why)) => *group.left.entry(why.to_string()).or_default() += 1,
        }
    }
    for Foreseen { transition, .. } in foresee(shared, to, come, word.at).await? {
        shown.next.add(&transition);
    }
    Ok(())
}

impl AfterMove {
    /// Counts what lies ahead of one who is just moved and was done before.
    fn pass_over(&mut self, one: &Enrollment, to: &Loaded) {
        let here = one.step.as_ref().and_then(|step| to.ready.step(step)).unwrap_or_default();
        let ahead = if one.phase == Phase::Begin { here } else { here + 1 };
        let acted = one.moved.as_ref().map(|moved| &moved.acted);
        for step in to.ready.steps.iter().skip(ahead).filter(|step| matches!(step.body, ReadyBody::Action(_))) {
            if acted.is_some_and(|acted| acted.contains(&step.id)) {
                *self.not_again.entry(step.id.clone()).or_default() += 1;
            }
        }
    }

    /// Counts what one would do first.
    fn add(&mut self, transition: &Transition) {
        let one = &transition.enrollment;
        for effect in transition.effects.iter().filter(|_| !one.shadow) {
            if let Some(kind) = effect.body.kind() {
                *self.deeds.entry(kind).or_default() += 1;
            }
        }
        if one.state != State::Active {
            *self.ends.entry(one.state.name()).or_default() += 1;
            return;
        }
        self.waits += 1;
        self.due = self.due.into_iter().chain(one.due_at).min();
        self.undecided += usize::from(one.reason.as_ref().is_some_and(|reason| reason.starts_with("undecided")));
    }
}

/// Does what was shown. Whoever does not stand any more where they were seen
/// is left alone.
pub async fn carry_out(shared: &Shared, shown: &Shown, word: Say<'_>) -> anyhow::Result<Done> {
    let mut done = Done::default();
    for (before, after) in &shown.ways {
        match shared.store.move_enrollment(before, after, word).await? {
            Commit::Stale => done.gone_on.push(before.subject()),
            Commit::Committed if after.state == State::Active => done.moved += 1,
            Commit::Committed => done.ended += 1,
        }
    }
    Ok(done)
}
