//! What a change of playbooks means for customers and colleagues: two sets of
//! texts beside each other, on the same store at the same instant. Who enters
//! and who leaves is decided by the run's own code; nothing is written.
//!
//! - `pairs` finds which text belongs to which, also across a renaming.
//! - `audience` is whom one text would let in, and whose work that is.
//! - `week` estimates what a text brings in a week.

mod audience;
mod pairs;
mod week;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use self::audience::{TextAudience, audience, tasks_of_way};
use self::pairs::{Pair, Text, pair_up};
use self::week::estimate;
pub use self::week::{DAYS, Week};
use super::evaluation_budget::BudgetSpent;
use super::plan::{Workload, collisions, weigh};
use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::facts::SubjectId;
use crate::playbook::changes::{PlaybookChanges, changes, script_changes};
use crate::playbook::document::{REPORT_WORD, SURVEY_WORD, claimed_kind};
use crate::playbook::{Mode, renaming};
use crate::worker::revision_cache::{Loaded, compile_revision};
use crate::worker::shared::Shared;

/// One set of texts.
#[derive(Debug, Default)]
pub struct TextSet {
    pub playbooks: Vec<ReadyPlaybook>,
    pub unusable: Vec<UnusableText>,
}

/// A text that cannot be compared with another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableText {
    /// The playbook that it claims to be.
    pub playbook: String,
    /// Why.
    pub reason: String,
}

/// What became of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextChange {
    Added,
    Removed,
    Changed,
    Same,
}

impl TextChange {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            TextChange::Added => "added",
            TextChange::Removed => "removed",
            TextChange::Changed => "changed",
            TextChange::Same => "same",
        }
    }
}

/// One thing by the earlier text and by the later one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BeforeAfter<T> {
    pub before: T,
    pub after: T,
}

/// Somebody whom only one of the two texts lets in.
#[derive(Clone, Debug, PartialEq)]
pub struct Crossing {
    pub subject: SubjectId,
    /// What the condition of that text read, by the text of each fact.
    pub values: Map<String, Json>,
    /// What keeps them out by the other text: `condition`, or a skip as runs count
    /// it. `None` where there is no other text.
    pub kept_out_by: Option<&'static str>,
}

/// What a change of one playbook means.
#[derive(Clone, Debug)]
pub struct PlaybookDiff {
    pub playbook: String,
    /// The name that the earlier text has, where it is another one.
    pub was: Option<String>,
    pub change: TextChange,
    pub changes: PlaybookChanges,
    /// Only the later text lets them in. In order.
    pub enter: Vec<Crossing>,
    /// Only the earlier text lets them in. In order.
    pub leave: Vec<Crossing>,
    /// How many each text lets in at the slot, those included whom both do.
    pub audience: BeforeAfter<usize>,
    /// How many neither can decide: the condition lacks a value, or fails.
    pub undecided: BeforeAfter<usize>,
    /// The other playbooks of those who enter.
    pub collisions: BTreeMap<SubjectId, BTreeSet<String>>,
    /// Names of accounts, by id.
    pub names: HashMap<String, String>,
    /// What a week brings; `None` where that cannot be said.
    pub week: BeforeAfter<Option<Week>>,
    /// Open tasks, with those that whom the texts let in would bring on their whole way.
    pub workload: Vec<Workload>,
    /// How many are on their way by now.
    pub active: u64,
    /// What else is to be known of it.
    pub notes: Vec<String>,
    /// Why parts of it cannot be said, if so.
    pub reason: Option<String>,
    /// Whether that is because a run would fail.
    pub fails: bool,
}

impl PlaybookDiff {
    /// Whether somebody enters or leaves.
    pub fn moves_somebody(&self) -> bool {
        !self.enter.is_empty() || !self.leave.is_empty()
    }
}

/// The texts in force.
pub async fn published_texts(shared: &Shared) -> anyhow::Result<TextSet> {
    let mut set = TextSet::default();
    for known in shared.store.published().await?.into_iter().filter(|known| known.present) {
        match compile_revision(&shared.store, &shared.config, &known.id, &known.revision).await? {
            Some(Ok(loaded)) => set.playbooks.push(loaded.ready),
            Some(Err(reason)) => set.unusable.push(UnusableText { playbook: known.id, reason }),
            None => {}
        }
    }
    Ok(set)
}

/// Compares two sets of texts at a slot, playbook by playbook in order of their names.
pub async fn compare_all(
    shared: &Arc<Shared>,
    before: TextSet,
    after: TextSet,
    slot: Instant,
) -> anyhow::Result<Vec<PlaybookDiff>> {
    let published = shared.store.published().await?;
    let mut compared = Vec::new();
    for pair in pair_up(before, after, &published) {
        compared.push(compare(shared, pair, slot).await?);
    }
    let entering: Vec<(String, Vec<SubjectId>)> =
        compared.iter().map(|one| (one.history.clone(), one.lets_in.clone())).collect();
    let entering = entering.iter().map(|(playbook, subjects)| (playbook.as_str(), subjects.as_slice())).collect();
    let mut others = collisions(shared, &entering).await?;
    let mut diffs: Vec<PlaybookDiff> = Vec::new();
    for Compared { mut diff, history, .. } in compared {
        let mut others = others.remove(&history).unwrap_or_default();
        others.retain(|subject, _| diff.enter.iter().any(|one| one.subject == *subject));
        diff.collisions = others;
        diffs.push(diff);
    }
    diffs.sort_by(|one, other| one.playbook.cmp(&other.playbook));
    Ok(diffs)
}

/// A comparison before other playbooks are looked at.
struct Compared {
    diff: PlaybookDiff,
    /// The name under which its history stands.
    history: String,
    /// Whom the later text lets in.
    lets_in: Vec<SubjectId>,
}

async fn compare(shared: &Arc<Shared>, pair: Pair, slot: Instant) -> anyhow::Result<Compared> {
    let Pair { history: names, before, after } = pair;
    let history = names.first().cloned().unwrap_or_default();
    let further = names.get(1..).unwrap_or_default();
    let mut active = 0;
    for name in &names {
        active += shared.store.count_active(name).await?;
    }
    let mut diff = PlaybookDiff {
        playbook: after.name().or(before.name()).unwrap_or_default().to_owned(),
        was: before.name().filter(|name| after.name().is_some_and(|other| other != *name)).map(str::to_owned),
        change: change(&before, &after),
        changes: PlaybookChanges::default(),
        enter: Vec::new(),
        leave: Vec::new(),
        audience: BeforeAfter::default(),
        undecided: BeforeAfter::default(),
        collisions: BTreeMap::new(),
        names: HashMap::new(),
        week: BeforeAfter::default(),
        workload: Vec::new(),
        active,
        notes: Vec::new(),
        reason: before.reason("the earlier text cannot be used").or(after.reason("the text cannot be used")),
        fails: false,
    };
    if shared.store.stopped().await?.covers(&history) {
        diff.notes.push("it is stopped: nobody enters until it is resumed".to_owned());
    }
    if let (Some(old), Some(new)) = (before.ready(), after.ready()) {
        diff.changes = changes(&old.playbook, &new.playbook);
        diff.changes.lines.extend(script_changes("script", &old.scripts, &new.scripts));
        for (noun, is_meant) in [(SURVEY_WORD, false), (REPORT_WORD, true)] {
            let of = |texts: &BTreeMap<String, String>| -> BTreeMap<String, String> {
                let is_report = |text: &str| claimed_kind(text).is_some_and(|kind| kind.word == REPORT_WORD);
                let texts = texts.iter().filter(|(_, text)| is_report(text) == is_meant);
                texts.map(|(id, text)| (id.clone(), text.clone())).collect()
            };
            diff.changes.lines.extend(script_changes(noun, &of(&old.surveys), &of(&new.surveys)));
        }
    }
    let same_rules = decides_alike(&before, &after);
    let before = before.load(shared, &history)?;
    let after = after.load(shared, &history)?;
    let decided = decide_both(shared, &mut diff, [&before, &after], further, same_rules, slot).await;
    let lets_in = match decided {
        Err(error) if error.is::<BudgetSpent>() => {
            diff.fails = true;
            diff.reason = Some(format!("whom it lets in cannot be said: {error}"));
            Vec::new()
        }
        decided => decided?,
    };
    Ok(Compared { diff, history, lets_in })
}

fn change(before: &Text, after: &Text) -> TextChange {
    match (before, after) {
        (Text::None, _) => TextChange::Added,
        (_, Text::None) => TextChange::Removed,
        (Text::Ready { ready: before, .. }, Text::Ready { ready: after, .. }) if before.revision == after.revision => {
            TextChange::Same
        }
        _ => TextChange::Changed,
    }
}

/// Whether two texts let in the same and do the same, whatever they are called.
fn decides_alike(before: &Text, after: &Text) -> bool {
    let (Some(before), Some(after)) = (before.ready(), after.ready()) else { return false };
    before.scripts == after.scripts
        && before.surveys == after.surveys
        && renaming::rules(&before.playbook.text) == renaming::rules(&after.playbook.text)
}

/// Fills in whom the texts let in and what comes of it; gives whom the later one
/// lets in.
async fn decide_both(
    shared: &Arc<Shared>,
    diff: &mut PlaybookDiff,
    [before, after]: [&Option<Arc<Loaded>>; 2],
    further: &[String],
    same_rules: bool,
    slot: Instant,
) -> anyhow::Result<Vec<SubjectId>> {
    let now_in = of_text(shared, after, further, slot).await?;
    let earlier = match same_rules {
        true => now_in.clone(),
        false => of_text(shared, before, further, slot).await?,
    };
    // A text that cannot be used brings nobody knows what; one that is not there, nothing.
    let known = |of: &OneText, loaded: &Option<Arc<Loaded>>| {
        (loaded.is_some() || diff.reason.is_none()).then(|| of.week.clone())
    };
    diff.week = BeforeAfter { before: known(&earlier, before), after: known(&now_in, after) };
    diff.audience = BeforeAfter { before: earlier.audience.enter.len(), after: now_in.audience.enter.len() };
    diff.undecided = BeforeAfter { before: earlier.audience.undecided, after: now_in.audience.undecided };
    // Nobody crosses between texts of which one cannot be used.
    if diff.reason.is_none() {
        diff.enter = crossings(&now_in.audience, &earlier.audience, before.is_some());
        diff.leave = crossings(&earlier.audience, &now_in.audience, after.is_some());
        diff.workload = workload(shared, &earlier.assigned, &now_in.assigned, slot).await?;
    }
    let accounts: BTreeSet<String> =
        diff.enter.iter().chain(&diff.leave).map(|one| one.subject.account.clone()).collect();
    diff.names = shared.store.account_names(&accounts.into_iter().collect::<Vec<_>>()).await?;
    let is_paused =
        |loaded: &Option<Arc<Loaded>>| loaded.as_ref().is_none_or(|one| one.ready.playbook.mode == Mode::Paused);
    if diff.active > 0 && is_paused(after) && !is_paused(before) {
        diff.notes.push(format!("{} on their way stand still", diff.active));
    } else if diff.active > 0 && !same_rules && before.is_some() {
        diff.notes.push(format!("{} on their way go on in the text they entered with", diff.active));
    }
    Ok(now_in.audience.enter.into_keys().collect())
}

/// What one text does.
#[derive(Clone, Default)]
struct OneText {
    audience: TextAudience,
    /// Tasks of the whole way, by whom they go to.
    assigned: BTreeMap<String, u64>,
    week: Week,
}

async fn of_text(
    shared: &Arc<Shared>,
    loaded: &Option<Arc<Loaded>>,
    further: &[String],
    slot: Instant,
) -> anyhow::Result<OneText> {
    let Some(loaded) = loaded else { return Ok(OneText::default()) };
    let audience = audience(shared, loaded, further, slot).await?;
    let assigned = tasks_of_way(shared, loaded, &audience, slot).await?;
    let week = estimate(shared, loaded, further, slot).await?;
    Ok(OneText { audience, assigned, week })
}

fn crossings(of: &TextAudience, other: &TextAudience, other_exists: bool) -> Vec<Crossing> {
    let only = of.enter.iter().filter(|(subject, _)| !other.enter.contains_key(subject));
    only.map(|(subject, enrollment)| Crossing {
        subject: subject.clone(),
        values: enrollment.evidence.clone(),
        kept_out_by: other_exists.then(|| other.skipped.get(subject).copied().unwrap_or("condition")),
    })
    .collect()
}

/// Open tasks, with what the earlier text brings and with what the later one does.
async fn workload(
    shared: &Shared,
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
    slot: Instant,
) -> anyhow::Result<Vec<Workload>> {
    let everybody: BTreeMap<String, u64> = before.keys().chain(after.keys()).map(|csm| (csm.clone(), 0)).collect();
    let loads = weigh(shared, &everybody, &[], slot).await?;
    let more = |of: &BTreeMap<String, u64>, csm: &str| of.get(csm).copied().unwrap_or(0);
    let both = |load: Workload| Workload {
        before: load.before + more(before, &load.csm),
        after: load.before + more(after, &load.csm),
        ..load
    };
    Ok(loads.into_iter().map(both).collect())
}
