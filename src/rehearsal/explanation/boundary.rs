//! When a clause that is false becomes true by time alone.
//!
//! The clause itself is asked again and again with a later `now`: at the
//! instants at which a count of days or hours since one of the times it reads
//! changes, and when a day begins. Facts stay as they are; only whole days
//! since something go on being counted. A clause that reads a window of events
//! is left out: what is in it then is not known yet.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{Days, NaiveTime, TimeDelta};

use super::words::day_in_words;
use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::facts::time::begins;
use crate::facts::{Arg, Cell, CellPath, Facts, Value};
use crate::playbook::local_time;
use crate::rule::{ClauseRule, Context, Verdict};
use crate::timestamp::Timestamp;

/// How far ahead is looked.
const HORIZON: i64 = 400;

/// When what is in the way is over, if nothing else changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Boundary {
    /// The clause or the key of the playbook that it is about.
    pub text: String,
    pub at: Instant,
    /// Why then: `30 days after account.signed_up_at (3 November 2026)`.
    pub because: String,
    /// The first other clause that would still be in the way then.
    pub then: Option<String>,
}

/// When a clause becomes true; `None` when time alone does not make it true, or
/// nobody can say.
pub(super) fn of_clause(playbook: &ReadyPlaybook, context: &Context, place: usize) -> Option<Boundary> {
    let clauses = playbook.when.clauses();
    let clause = clauses.get(place)?;
    let counts = clause.clause.cells.iter().map(count_of).collect::<Option<Vec<Count>>>()?;
    let is_true = |at: Instant| is_true_at(playbook, clause, context, at);
    let mut sources = sources(clause, context);
    // Of a count of whole days only its fall with the days from now on is known.
    if counts.contains(&Count::Days) {
        sources = vec![TimeSource { at: context.facts.as_of, name: None }];
    }
    let found = search(playbook, context.facts.as_of, &sources, is_true)?;
    let because = match found.source.and_then(|source| sources.get(source)) {
        Some(TimeSource { at, name: Some(name) }) => distance(found.at, *at, name, playbook),
        Some(TimeSource { name: None, .. }) => "if nothing happens until then that it counts".to_owned(),
        None => "a new day".to_owned(),
    };
    let later = at_instant(context, found.at);
    let then = clauses.iter().find(|other| other.verdict(&playbook.sandbox, &later) != Verdict::True);
    Some(Boundary {
        text: clause.clause.text.clone(),
        at: found.at,
        because,
        then: then.map(|other| other.clause.text.clone()),
    })
}

/// How a fact goes on while nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    /// It stays as it is.
    Constant,
    /// It is one more with every day.
    Days,
}

/// `None` for what is not known ahead: a window that moves on.
fn count_of(cell: &Cell) -> Option<Count> {
    match &cell.path {
        CellPath::Column(_) | CellPath::Trait(_) => Some(Count::Constant),
        CellPath::Ago { .. } | CellPath::Population(_) | CellPath::Kpi(_) => None,
        CellPath::Call { function, .. } if function.starts_with("days_since_") => Some(Count::Days),
        CellPath::Call { args, .. } => {
            let moves = args.iter().any(|arg| matches!(arg, Arg::Int(_) | Arg::SinceEntry | Arg::SinceStep));
            (!moves).then_some(Count::Constant)
        }
    }
}

/// A time from which a clause may count.
struct TimeSource {
    at: Instant,
    /// The fact; `None` for the instant that is asked about.
    name: Option<String>,
}

fn sources(clause: &ClauseRule, context: &Context) -> Vec<TimeSource> {
    let time = |value: &Value| match value {
        Value::Time(at) => Some(begins(*at, context.zone)),
        Value::Text(text) => Timestamp::parse(text).ok().map(|time| time.in_utc()),
        Value::Json(json) => json.as_str().and_then(|text| Timestamp::parse(text).ok()).map(|time| time.in_utc()),
        _ => None,
    };
    let read = clause.clause.cells.iter().filter_map(|cell| {
        let at = time(context.facts.get(cell)?)?;
        Some(TimeSource { at, name: Some(cell.to_string()) })
    });
    read.collect()
}

/// Where a search ended: the instant, and the source that it counts from;
/// `None` is the beginning of a day.
struct Found {
    at: Instant,
    source: Option<usize>,
}

/// The first instant after `now` at which the clause is true: by days, and then
/// by hours within the day.
fn search(
    playbook: &ReadyPlaybook,
    now: Instant,
    sources: &[TimeSource],
    is_true: impl Fn(Instant) -> bool,
) -> Option<Found> {
    let end = now.checked_add_signed(TimeDelta::days(HORIZON))?;
    let mut by_days: BTreeSet<(Instant, Option<usize>)> = BTreeSet::new();
    for (place, source) in sources.iter().enumerate() {
        by_days.extend(instants(source.at, TimeDelta::days(1), now, end).map(|at| (at, Some(place))));
    }
    let today = local_time::date(playbook.zone, now);
    let midnights = (1..=HORIZON.unsigned_abs()).filter_map(|days| today.checked_add_days(Days::new(days)));
    by_days.extend(midnights.map(|date| (local_time::instant(playbook.zone, date.and_time(NaiveTime::MIN)), None)));
    let mut before = now;
    let mut found = None;
    for (at, source) in by_days {
        if is_true(at) {
            found = Some(Found { at, source });
            break;
        }
        before = at;
    }
    let by_day = found?;
    let mut by_hours: BTreeSet<(Instant, Option<usize>)> = BTreeSet::new();
    for (place, source) in sources.iter().enumerate().filter(|(_, source)| source.name.is_some()) {
        let until = by_day.at - TimeDelta::seconds(1);
        by_hours.extend(instants(source.at, TimeDelta::hours(1), before, until).map(|at| (at, Some(place))));
    }
    let earlier = by_hours.into_iter().find(|(at, _)| is_true(*at));
    Some(earlier.map_or(by_day, |(at, source)| Found { at, source }))
}

/// The instants a whole number of steps away from one, and a second behind each,
/// after `after` and up to `until`: what is rounded down changes there.
fn instants(from: Instant, step: TimeDelta, after: Instant, until: Instant) -> impl Iterator<Item = Instant> {
    let whole = (after - from).num_seconds().div_euclid(step.num_seconds());
    let first = TimeDelta::try_seconds(whole.saturating_mul(step.num_seconds()))
        .and_then(|ahead| from.checked_add_signed(ahead))
        .unwrap_or(after);
    let steps = std::iter::successors(Some(first), move |at| at.checked_add_signed(step));
    let each = steps.take_while(move |at| *at <= until).flat_map(|at| [at, at + TimeDelta::seconds(1)]);
    each.filter(move |at| *at > after && *at <= until)
}

/// The facts at a later instant, if nothing happens until then.
fn at_instant(context: &Context, at: Instant) -> Context {
    let days = (at - context.facts.as_of).num_days();
    let cells = context.facts.layout.cells().iter().zip(&context.facts.values);
    let values = cells.map(|(cell, value)| match (count_of(cell), value) {
        (Some(Count::Days), Value::Int(count)) => Value::Int(count.saturating_add(days)),
        _ => value.clone(),
    });
    let facts = Facts { as_of: at, values: values.collect(), ..Facts::clone(&context.facts) };
    Context { facts: Arc::new(facts), ..context.clone() }
}

fn is_true_at(playbook: &ReadyPlaybook, clause: &ClauseRule, context: &Context, at: Instant) -> bool {
    clause.verdict(&playbook.sandbox, &at_instant(context, at)) == Verdict::True
}

/// `30 days after account.signed_up_at (3 November 2026)`.
fn distance(at: Instant, from: Instant, name: &str, playbook: &ReadyPlaybook) -> String {
    // A second behind the whole number is that number, too.
    let seconds = (at - from).num_seconds();
    let rounded = seconds - seconds.rem_euclid(3_600).min(1);
    let (count, unit) = match rounded % 86_400 {
        0 => (rounded / 86_400, "day"),
        _ => (rounded / 3_600, "hour"),
    };
    let (count, side) = if count < 0 { (-count, "before") } else { (count, "after") };
    let plural = if count == 1 { "" } else { "s" };
    let day = day_in_words(from, playbook.zone);
    match count {
        0 => format!("that is {name}"),
        _ => format!("{count} {unit}{plural} {side} {name} ({day})"),
    }
}
