//! The verdict on a candidate: an enrollment, or a skip with a named reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::end_conditions::{EndReason, UndecidedGuard, has_left, stops};
use super::guard::Guard;
use super::holdout::{self, Drawn};
use super::matched_since::{MatchChange, MatchedSince};
use super::state::{Enrollment, Phase, State};
use super::turn::first_turn;
use crate::catalog::{ReadyPlaybook, ReadyReentry};
use crate::clock::Instant;
use crate::facts::{Cell, Facts, Progress, Value};
use crate::ids::{self, AccountId, ContactId, PlaybookId};
use crate::playbook::calendar::Calendar;
use crate::playbook::{Duration, Mode};
use crate::rule::{Context, Verdict};

/// What is known of a subject's earlier enrollments in this playbook.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Whether one is active, or held in a run that is approved.
    pub active: bool,
    /// Entry keys used so far.
    pub keys: BTreeSet<String>,
    /// Whether a person stopped everything for the account.
    pub stopped: bool,
    /// When the latest one started.
    pub last_started: Option<Instant>,
    /// Its state before this slot; `None` where its condition was last seen
    /// false or never seen, and where the playbook does not follow it.
    pub matched_since: Option<MatchedSince>,
    /// Whether a run of a later slot has decided it already.
    pub overtaken: bool,
    /// Whether this is the playbook's very first run.
    pub first_run: bool,
    /// The first slot at which the playbook looked who enters; `None` where turns do not
    /// matter.
    pub began: Option<Instant>,
    /// What the account's enrollments here say about its side of the comparison.
    pub drawn: Drawn,
}

impl History {
    /// Adds what stands under another name, whose history is put together with this
    /// one. Of two rises the own one stays.
    pub fn add(&mut self, other: History) {
        self.active |= other.active;
        self.keys.extend(other.keys);
        self.stopped |= other.stopped;
        self.last_started = self.last_started.max(other.last_started);
        self.matched_since = self.matched_since.or(other.matched_since);
        self.overtaken |= other.overtaken;
        self.first_run |= other.first_run;
        self.began = [self.began, other.began].into_iter().flatten().min();
        self.drawn = self.drawn.merge(other.drawn);
    }
}

/// What became of a subject at a slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub admission: Admission,
    /// How its condition has turned. It stands whatever becomes of the
    /// admission: a skip uses up neither the chance nor the rise.
    pub match_change: MatchChange,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    /// The condition is false: not a candidate.
    NotCandidate,
    Enroll(Box<Enrollment>),
    Skip(Skip),
}

/// Why a candidate does not enter.
#[derive(Clone, Debug, PartialEq)]
pub enum Skip {
    /// A condition could not be decided.
    Undecided(UndecidedGuard),
    /// It is in this playbook already.
    Active,
    /// `reentry` does not allow another one: the key was used.
    Reentry { key: Option<String> },
    /// The gap since the previous one is too short; it ends then.
    Gap { until: Instant },
    /// It matched at the playbook's very first run, and ever since.
    Existing { since: Instant },
    /// The condition has not been true for long enough.
    NotYet { since: Instant, until: Instant },
    /// Its first turn to be asked begins later.
    Turn { begins: Instant },
    /// A run of a later slot has decided it already.
    Overtaken,
    /// The value of `once_per` is missing.
    NoKey,
    /// A column that `entry` keeps, and that the condition would have proven
    /// present, is missing: only who is named comes without the condition.
    NoValue(String),
    /// A person stopped everything for the account.
    Stopped,
    /// What would end its enrollment at once keeps it from beginning.
    Ended(EndReason),
}

impl Skip {
    /// Counted for those that `max_per_day` keeps for another day.
    pub const DAY_CAP: &str = "day cap";

    /// The name a run counts it under.
    pub fn name(&self) -> &'static str {
        match self {
            Skip::Undecided(_) => "undecided",
            Skip::Active => "active",
            Skip::Reentry { .. } => "reentry",
            Skip::Gap { .. } => "gap",
            Skip::Existing { .. } => "existing",
            Skip::NotYet { .. } => "not yet",
            Skip::Turn { .. } => "turn",
            Skip::Overtaken => "superseded",
            Skip::NoKey => "no key",
            Skip::NoValue(_) => "no value",
            Skip::Stopped => "stopped",
            Skip::Ended(end) => end.name,
        }
    }

    /// Whether it may end by itself, so that somebody whom an event made a candidate
    /// is looked at again.
    pub fn may_end(&self) -> bool {
        match self {
            Skip::Undecided(_) | Skip::NoKey | Skip::NoValue(_) | Skip::Stopped | Skip::Ended(_) => true,
            Skip::Active
            | Skip::Reentry { .. }
            | Skip::Gap { .. }
            | Skip::Existing { .. }
            | Skip::NotYet { .. }
            | Skip::Turn { .. }
            | Skip::Overtaken => false,
        }
    }

    /// What decided it.
    pub fn guard(&self) -> Guard {
        match self {
            Skip::Undecided(undecided) => undecided.guard,
            Skip::Active | Skip::Reentry { .. } | Skip::Overtaken | Skip::NoKey => Guard::Reentry,
            Skip::Gap { .. } => Guard::Gap,
            Skip::Existing { .. } => Guard::Existing,
            Skip::NotYet { .. } => Guard::NotYet,
            Skip::Turn { .. } => Guard::Turn,
            Skip::NoValue(_) => Guard::Clause,
            Skip::Stopped => Guard::Stopped,
            Skip::Ended(end) => end.guard(),
        }
    }
}

/// Decides one subject at a slot, which is the instant of its facts.
///
/// A skip uses nothing up: the next run looks again.
pub fn admit(
    playbook: &ReadyPlaybook,
    facts: impl Into<Arc<Facts>>,
    history: &History,
    calendar: &Calendar,
) -> Decision {
    let facts = facts.into();
    // A contact who has left is no subject, whatever the condition says: it
    // is not asked, and so nothing turns.
    if has_left(&facts).is_some() {
        return Decision { admission: Admission::NotCandidate, match_change: MatchChange::Unchanged };
    }
    if playbook.on.as_ref().is_some_and(|on| !on.is_due(&facts)) {
        return Decision { admission: Admission::NotCandidate, match_change: MatchChange::Unchanged };
    }
    let context = at_entry(playbook, facts);
    let (admission, match_change) = match playbook.when.verdict(&playbook.sandbox, &context) {
        Verdict::False => (Admission::NotCandidate, MatchChange::fall(history.matched_since)),
        Verdict::Undecided(error) => {
            let undecided = UndecidedGuard { guard: Guard::Clause, error };
            (Admission::Skip(Skip::Undecided(undecided)), MatchChange::Unchanged)
        }
        Verdict::True => {
            let matched_since = history
                .matched_since
                .unwrap_or_else(|| MatchedSince::begin(playbook, history.first_run, context.facts.as_of));
            let admission = match history.overtaken {
                true => Admission::Skip(Skip::Overtaken),
                false => enter(playbook, &context, history, Some(matched_since), calendar),
            };
            (admission, matched_since.change(playbook, history.matched_since))
        }
    };
    Decision { admission, match_change }
}

/// The same for a subject that was named, by a step `enroll` or by a person:
/// the condition need not hold, and so it does not matter since when it has
/// been true; everything else applies.
pub fn admit_named(playbook: &ReadyPlaybook, facts: Facts, history: &History, calendar: &Calendar) -> Admission {
    enter(playbook, &at_entry(playbook, facts), history, None, calendar)
}

/// What decisions at entry see: an enrollment that begins now.
pub fn at_entry(playbook: &ReadyPlaybook, facts: impl Into<Arc<Facts>>) -> Context {
    let facts = facts.into();
    let now = facts.as_of;
    let entry: BTreeMap<String, Value> = playbook
        .entry_columns
        .iter()
        .filter_map(|(name, cell)| facts.get(cell).map(|value| (name.clone(), value.clone())))
        .collect();
    let progress = Progress {
        entered_at: now,
        step_at: now,
        entry,
        done: BTreeSet::new(),
        outcomes: BTreeMap::new(),
        sent: BTreeSet::new(),
        answers: BTreeMap::new(),
    };
    Context { facts, progress: Some(Arc::new(progress)), zone: playbook.zone }
}

/// Everything but the condition; `matched_since` is since when it has been true.
fn enter(
    playbook: &ReadyPlaybook,
    context: &Context,
    history: &History,
    matched_since: Option<MatchedSince>,
    calendar: &Calendar,
) -> Admission {
    if history.stopped {
        return Admission::Skip(Skip::Stopped);
    }
    if history.active {
        return Admission::Skip(Skip::Active);
    }
    if let Some(MatchedSince { since, existing: true }) = matched_since {
        return Admission::Skip(Skip::Existing { since });
    }
    if let (Some(_), None, Some(began)) = (matched_since, history.last_started, history.began)
        && let Some(begins) = first_turn(playbook, &context.facts.subject(), began, context.facts.as_of)
    {
        return Admission::Skip(Skip::Turn { begins });
    }
    let entry_key = match reentry_key(playbook, context, history, matched_since, calendar) {
        Ok(key) => key,
        Err(skip) => return Admission::Skip(skip),
    };
    if let (Some(span), Some(matched_since)) = (playbook.playbook.holds_for, matched_since)
        && let Some(until) = not_over(span, matched_since.since, context.facts.as_of, playbook, calendar)
    {
        return Admission::Skip(Skip::NotYet { since: matched_since.since, until });
    }
    if let Some(missing) = unproven(playbook, context) {
        return Admission::Skip(Skip::NoValue(missing));
    }
    match stops(playbook, context) {
        Err(undecided) => return Admission::Skip(Skip::Undecided(undecided)),
        Ok(Some(end)) => return Admission::Skip(Skip::Ended(end)),
        Ok(None) => {}
    }
    let facts = &context.facts;
    let now = facts.as_of;
    let entry = context.progress.as_ref().map(|progress| progress.entry.clone()).unwrap_or_default();
    Admission::Enroll(Box::new(Enrollment {
        id: ids::enrollment(
            PlaybookId(&playbook.playbook.id),
            AccountId(&facts.account),
            ContactId(&facts.contact),
            &entry_key,
        ),
        account: facts.account.clone(),
        contact: facts.contact.clone(),
        playbook: playbook.playbook.id.clone(),
        revision: playbook.revision.clone(),
        entry_key,
        state: State::Active,
        reason: None,
        step: playbook.steps.first().map(|step| step.id.clone()),
        phase: Phase::Begin,
        step_at: now,
        due_at: Some(now),
        look_at: Some(now),
        started_at: now,
        ended_at: None,
        goal_at: None,
        goal_until: None,
        entry,
        evidence: playbook.when.evidence(facts),
        shadow: playbook.playbook.mode == Mode::Shadow,
        arm: holdout::draw(playbook.playbook.holdout, &playbook.playbook.id, &facts.account, history.drawn),
        counted: BTreeMap::new(),
        moved: None,
        version: 0,
    }))
}

/// The first kept column that the rest of the playbook relies on, because its
/// condition proves it present, and that is missing all the same.
fn unproven(playbook: &ReadyPlaybook, context: &Context) -> Option<String> {
    let proven = playbook.when.proves();
    let missing = |cell: &Cell| context.facts.get(cell) == Some(&Value::Null);
    let mut kept = playbook.entry_columns.values();
    kept.find(|cell| missing(cell) && proven.contains(&cell.to_string())).map(ToString::to_string)
}

/// The entry key, or why there can be no further enrollment.
fn reentry_key(
    playbook: &ReadyPlaybook,
    context: &Context,
    history: &History,
    matched_since: Option<MatchedSince>,
    calendar: &Calendar,
) -> Result<String, Skip> {
    let now = context.facts.as_of;
    let open_gap = |gap: &Option<Duration>| match (gap, history.last_started) {
        (Some(gap), Some(last)) => not_over(*gap, last, now, playbook, calendar),
        _ => None,
    };
    match &playbook.reentry {
        ReadyReentry::Never if history.keys.is_empty() => Ok(String::new()),
        ReadyReentry::Never => Err(Skip::Reentry { key: None }),
        ReadyReentry::OnRematch { gap } => {
            // One key for one rise: the index of keys keeps it from being used twice.
            let key = key_of(matched_since.map_or(now, |matched_since| matched_since.since));
            match (history.keys.contains(&key), open_gap(gap)) {
                (true, _) => Err(Skip::Reentry { key: Some(key) }),
                (false, Some(until)) => Err(Skip::Gap { until }),
                (false, None) => Ok(key),
            }
        }
        ReadyReentry::Again { once_per, gap } => {
            if let Some(until) = open_gap(gap) {
                return Err(Skip::Gap { until });
            }
            let Some(rule) = once_per else { return Ok(key_of(now)) };
            let undecided = |error| Skip::Undecided(UndecidedGuard { guard: Guard::Reentry, error });
            let value = rule.value(&playbook.sandbox, context).map_err(undecided)?;
            let key = short(value.canonical(playbook.zone).ok_or(Skip::NoKey)?);
            if history.keys.contains(&key) { Err(Skip::Reentry { key: Some(key) }) } else { Ok(key) }
        }
    }
}

/// When a span ends that is not over yet.
fn not_over(
    span: Duration,
    from: Instant,
    now: Instant,
    playbook: &ReadyPlaybook,
    calendar: &Calendar,
) -> Option<Instant> {
    Some(calendar.add(from, span, playbook.zone)).filter(|end| *end > now)
}

fn key_of(instant: Instant) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// A key that an index can hold: a long one is its hash.
fn short(key: String) -> String {
    const LONGEST: usize = 200;
    if key.len() <= LONGEST {
        return key;
    }
    let mut hash = "sha256:".to_owned();
    for byte in Sha256::digest(key.as_bytes()) {
        let _ = write!(hash, "{byte:02x}");
    }
    hash
}
