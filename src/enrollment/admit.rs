//! The verdict on a candidate: an enrollment, or a skip with a named reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use chrono::TimeZone;
use sha2::{Digest, Sha256};

use super::stops::has_left;
use super::{Enrollment, Phase, State, stops};
use crate::catalog::{ReadyPlaybook, ReadyReentry};
use crate::clock::Instant;
use crate::facts::{Facts, Progress, Value};
use crate::ids;
use crate::playbook::calendar::Calendar;
use crate::playbook::{Duration, Mode};
use crate::rule::{Context, EvalError, Verdict};

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
    Undecided(EvalError),
    /// It is in this playbook already.
    Active,
    /// `reentry` does not allow another one.
    Reentry,
    /// The gap since the previous one is too short.
    Gap,
    /// The value of `once_per` is missing.
    NoKey,
    /// `blocked`, `goal`, `exit`, `status` or `stage`; `stopped` by a person.
    Stopped(&'static str),
}

impl Skip {
    /// The name a run counts it under.
    pub fn name(&self) -> &'static str {
        match self {
            Skip::Undecided(_) => "undecided",
            Skip::Active => "active",
            Skip::Reentry => "reentry",
            Skip::Gap => "gap",
            Skip::NoKey => "no key",
            Skip::Stopped(name) => name,
        }
    }
}

/// Decides one subject at a slot, which is the instant of its facts.
///
/// A skip uses nothing up: the next run looks again.
pub fn admit(playbook: &ReadyPlaybook, facts: Facts, history: &History, calendar: &Calendar) -> Admission {
    // A contact who has left is no subject, whatever the condition says.
    if has_left(&facts).is_some() {
        return Admission::NotCandidate;
    }
    let context = at_entry(playbook, facts);
    match playbook.when.verdict(&playbook.sandbox, &context) {
        Verdict::False => Admission::NotCandidate,
        Verdict::Undecided(error) => Admission::Skip(Skip::Undecided(error)),
        Verdict::True => enter(playbook, &context, history, calendar),
    }
}

/// The same for a subject that was named, by a step `enroll` or by a person:
/// the condition need not hold, and everything else applies.
pub fn admit_named(playbook: &ReadyPlaybook, facts: Facts, history: &History, calendar: &Calendar) -> Admission {
    enter(playbook, &at_entry(playbook, facts), history, calendar)
}

/// What decisions at entry see: an enrollment that begins now.
fn at_entry(playbook: &ReadyPlaybook, facts: Facts) -> Context {
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
    Context { facts: Arc::new(facts), progress: Some(Arc::new(progress)), zone: playbook.zone }
}

/// Everything but the condition.
fn enter(playbook: &ReadyPlaybook, context: &Context, history: &History, calendar: &Calendar) -> Admission {
    if history.stopped {
        return Admission::Skip(Skip::Stopped("stopped"));
    }
    if history.active {
        return Admission::Skip(Skip::Active);
    }
    let entry_key = match reentry_key(playbook, context, history, calendar) {
        Ok(key) => key,
        Err(skip) => return Admission::Skip(skip),
    };
    match stops(playbook, context) {
        Err(error) => return Admission::Skip(Skip::Undecided(error)),
        Ok(Some(stop)) => return Admission::Skip(Skip::Stopped(stop.name)),
        Ok(None) => {}
    }
    let facts = &context.facts;
    let now = facts.as_of;
    let entry = context.progress.as_ref().map(|progress| progress.entry.clone()).unwrap_or_default();
    Admission::Enroll(Box::new(Enrollment {
        id: ids::enrollment(&playbook.playbook.id, &facts.account, &facts.contact, &entry_key),
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
        entry,
        evidence: playbook.when.evidence(facts),
        shadow: playbook.playbook.mode == Mode::Shadow,
        version: 0,
    }))
}

/// The entry key, or why there can be no further enrollment.
fn reentry_key(
    playbook: &ReadyPlaybook,
    context: &Context,
    history: &History,
    calendar: &Calendar,
) -> Result<String, Skip> {
    let now = context.facts.as_of;
    match &playbook.reentry {
        ReadyReentry::Never if history.keys.is_empty() => Ok(String::new()),
        ReadyReentry::Never => Err(Skip::Reentry),
        ReadyReentry::Again { once_per, gap } => {
            if let (Some(gap), Some(last)) = (gap, history.last_started)
                && !gap_is_over(*gap, last, now, playbook, calendar)
            {
                return Err(Skip::Gap);
            }
            let Some(rule) = once_per else {
                return Ok(now.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
            };
            let value = rule.value(&playbook.sandbox, context).map_err(Skip::Undecided)?;
            let key = short(canonical(&value, playbook).ok_or(Skip::NoKey)?);
            if history.keys.contains(&key) { Err(Skip::Reentry) } else { Ok(key) }
        }
    }
}

fn gap_is_over(gap: Duration, last: Instant, now: Instant, playbook: &ReadyPlaybook, calendar: &Calendar) -> bool {
    calendar.add(last, gap, playbook.zone) <= now
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

/// The canonical text of a value; a time is its date in the playbook's zone.
fn canonical(value: &Value, playbook: &ReadyPlaybook) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Time(time) => playbook.zone.from_utc_datetime(&time.naive_utc()).date_naive().to_string(),
        Value::Json(value) => value.to_string(),
    })
}
