//! When a rule can turn while nothing is done: behind what the history holds, and
//! at times of day at which a count of days or hours grows.

use std::collections::BTreeSet;

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;

use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::facts::time::begins;
use crate::facts::{CellPath, History, Type, Value};
use crate::playbook::local_time;
use crate::rule::Rule;
use crate::rule::functions::global::{CLOCK_FUNCTIONS, NOW};
use crate::rule::functions::{self, change_instants_until, change_times_of_day};
use crate::timestamp::Timestamp;

/// Functions that look at the calendar of the playbook's zone.
const CALENDAR_FUNCTIONS: [&str; 5] = ["month", "day", "weekday", "period", "in_season"];
/// Functions that count hours, or move a time by some.
const HOUR_FUNCTIONS: [&str; 3] = ["hours", "hours_since", "hours_until"];

/// The only instants behind which a rule can turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    /// In order.
    instants: Vec<Instant>,
    /// On every day.
    times_of_day: TimesOfDay,
    /// Whether what the course itself does can bring about later ones.
    pub follow_course: bool,
}

impl Turns {
    /// Those of rules of a playbook up to an instant; `None` where they are not known.
    pub fn of<'a>(
        rules: &[&'a Rule],
        playbook: &'a ReadyPlaybook,
        history: &History,
        (from, until): (Instant, Instant),
    ) -> Option<Turns> {
        let (mut turns, mut instants) = (Turns::default(), Vec::new());
        for cell in rules.iter().flat_map(|rule| rule.cells()) {
            match change_instants_until(cell, history, until) {
                Some(of_cell) => instants.extend(of_cell),
                None => {
                    turns.follow_course = true;
                    change_times_of_day(cell, history)?.into_iter().for_each(|at| turns.times_of_day.insert(at));
                }
            }
        }
        let clock = ClockUse::of(rules, playbook)?;
        if clock.reads {
            turns.follow_course = true;
            turns.add_clock(&clock, rules, history, (from, until), playbook.zone);
        }
        turns.extend(instants);
        Some(turns)
    }

    /// Adds instants in any order.
    pub fn extend(&mut self, instants: impl IntoIterator<Item = Instant>) {
        self.instants.extend(instants);
        self.instants.sort_unstable();
        self.instants.dedup();
    }

    /// The first that is not before an instant.
    pub fn next_from(&self, from: Instant) -> Option<Instant> {
        let next = self.instants.get(self.instants.partition_point(|instant| *instant < from)).copied();
        next.into_iter().chain(self.times_of_day.next_from(from)).min()
    }

    /// A comparison with `now` and a count of days or hours turn at the time of day of
    /// the time that they are about, and a calendar at the midnights of its zone.
    fn add_clock(
        &mut self,
        clock: &ClockUse<'_>,
        rules: &[&Rule],
        history: &History,
        (from, until): (Instant, Instant),
        zone: Tz,
    ) {
        let mut times = Times { zone, found: history.own_instants().collect() };
        history.values().for_each(|value| times.add_value(value));
        history.attributes().for_each(|attribute| times.add_json(attribute));
        history.labels.iter().filter_map(|label| label.value.as_deref()).for_each(|text| times.add_text(text));
        clock.texts.iter().for_each(|text| times.add_text(text));
        for cell in rules.iter().flat_map(|rule| rule.cells()) {
            if let CellPath::Call { function, args } = without_ago(&cell.path)
                && functions::find(function).is_some_and(|function| function.gives(args).ty == Type::Time)
            {
                times.found.extend(change_times_of_day(cell, history).unwrap_or_default());
            }
        }
        if clock.reads_calendar {
            let (first, last) = (local_time::date(zone, from), local_time::date(zone, until));
            let days = first.iter_days().take_while(|day| *day <= last);
            times.found.extend(days.map(|day| local_time::instant(zone, day.and_time(NaiveTime::MIN))));
        }
        // What is full at an instant is seen at that very instant.
        let turns = times.found.iter().flat_map(|at| [Some(*at), at.checked_sub_signed(TimeDelta::microseconds(1))]);
        turns.flatten().for_each(|at| self.times_of_day.insert(at));
        if clock.counts_hours {
            self.times_of_day.repeat_hourly();
        }
    }
}

fn without_ago(path: &CellPath) -> &CellPath {
    match path {
        CellPath::Ago { path, .. } => without_ago(path),
        path => path,
    }
}

/// What rules, and the scripts that they call, read of the clock.
struct ClockUse<'a> {
    reads: bool,
    reads_calendar: bool,
    counts_hours: bool,
    /// The texts that stand in scripts, of which some may be times.
    texts: Vec<&'a str>,
}

impl<'a> ClockUse<'a> {
    /// `None` where a script has an instant of its own to count from.
    fn of(rules: &[&Rule], playbook: &'a ReadyPlaybook) -> Option<ClockUse<'a>> {
        let mut words: BTreeSet<String> = rules.iter().flat_map(|rule| rule.words()).collect();
        let mut texts = Vec::new();
        let modules: BTreeSet<&String> = rules.iter().flat_map(|rule| rule.modules()).collect();
        for module in modules {
            let in_script = playbook.script_words.get(module)?;
            if in_script.contains(NOW) {
                return None;
            }
            words.extend(in_script.iter().cloned());
            texts.extend(playbook.scripts.get(module)?.split(['"', '`', '\'']));
        }
        let has_one = |names: &[&str]| names.iter().any(|name| words.contains(*name));
        Some(ClockUse {
            reads: has_one(&CLOCK_FUNCTIONS) || words.contains(NOW),
            reads_calendar: has_one(&CALENDAR_FUNCTIONS),
            counts_hours: has_one(&HOUR_FUNCTIONS),
            texts,
        })
    }
}

/// The times that stand in values and texts.
struct Times {
    zone: Tz,
    found: Vec<Instant>,
}

impl Times {
    fn add_value(&mut self, value: &Value) {
        match value {
            // A date begins with its day in the playbook's zone.
            Value::Time(at) => self.found.extend([*at, begins(*at, self.zone)]),
            Value::Text(text) => self.add_text(text),
            Value::Json(json) => self.add_json(json),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        }
    }

    fn add_json(&mut self, json: &serde_json::Value) {
        match json {
            serde_json::Value::String(text) => self.add_text(text),
            serde_json::Value::Array(items) => items.iter().for_each(|item| self.add_json(item)),
            serde_json::Value::Object(fields) => fields.values().for_each(|field| self.add_json(field)),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        match Timestamp::parse(text) {
            Ok(Timestamp::Local(local)) => self.found.push(local_time::instant(self.zone, local)),
            Ok(time) => self.add_value(&Value::Time(time.in_utc())),
            Err(_) => {}
        }
    }
}

/// Times of a day in UTC, as microseconds since its midnight.
#[derive(Clone, Debug, Default)]
struct TimesOfDay(BTreeSet<i64>);

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

impl TimesOfDay {
    fn insert(&mut self, at: Instant) {
        self.0.insert(at.timestamp_micros().rem_euclid(DAY));
    }

    /// Adds the same minutes of every other hour.
    fn repeat_hourly(&mut self) {
        let in_hour: BTreeSet<i64> = self.0.iter().map(|time| time.rem_euclid(HOUR)).collect();
        self.0 = in_hour.into_iter().flat_map(|time| (0..24).map(move |hour| hour * HOUR + time)).collect();
    }

    /// The first instant at one of them that is not before an instant.
    fn next_from(&self, from: Instant) -> Option<Instant> {
        let time = from.timestamp_micros().rem_euclid(DAY);
        let wait = match self.0.range(time..).next() {
            Some(later) => later - time,
            None => self.0.first()? + DAY - time,
        };
        from.checked_add_signed(TimeDelta::microseconds(wait))
    }
}
