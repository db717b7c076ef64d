//! When the value of a cell can change.

use chrono::TimeDelta;

use super::function::Function;
use super::store_names::names_of;
use crate::clock::Instant;
use crate::facts::history::History;
use crate::facts::{Arg, Cell, CellPath, NameKind, Standing, Subject};

/// The instants behind which a cell of this account may have another value than
/// before, in order: between two of them it keeps one. `None` where that is not
/// known, as of what counts days.
pub fn change_instants(cell: &Cell, history: &History) -> Option<Vec<Instant>> {
    let mut instants = of_path(cell, &cell.path, history)?;
    instants.sort_unstable();
    instants.dedup();
    Some(instants)
}

/// The same up to an instant, also of what counts the days since the latest of
/// what it reads.
pub fn change_instants_until(cell: &Cell, history: &History, until: Instant) -> Option<Vec<Instant>> {
    let CellPath::Call { function, args } = &cell.path else { return change_instants(cell, history) };
    let function = super::find(function)?;
    if !function.counts_days() {
        return change_instants(cell, history);
    }
    let mut happened = records_read(cell, function, args, history);
    happened.sort_unstable();
    happened.dedup();
    let mut instants = happened.clone();
    let is_of_all = cell.subject == Subject::Account && !args.iter().any(|arg| matches!(arg, Arg::Properties(_)));
    for (place, at) in happened.iter().enumerate() {
        // The latest of a contact, or with such properties, may be one that is not
        // the account's latest of that name.
        let next = happened.get(place + 1).filter(|_| is_of_all);
        let end = next.copied().unwrap_or(until).min(until);
        let full = (1..).map_while(|days| at.checked_add_signed(TimeDelta::try_days(days)?));
        // A day is full at that very instant.
        instants.extend(full.take_while(|full| *full <= end).map(|full| full - TimeDelta::microseconds(1)));
    }
    instants.sort_unstable();
    instants.dedup();
    Some(instants)
}

fn of_path(cell: &Cell, path: &CellPath, history: &History) -> Option<Vec<Instant>> {
    match path {
        CellPath::Column(_) | CellPath::Trait(_) if cell.subject == Subject::Contact => Some(Vec::new()),
        CellPath::Column(_) | CellPath::Trait(_) => {
            let mut instants: Vec<Instant> =
                history.changes.iter().map(|change| change.at).chain(history.recorded_at).collect();
            if let CellPath::Column(name) = path
                && let Some(standing) = Standing::of_column(cell.subject, name)
            {
                let found = history.standings.iter().filter(|record| record.standing == standing);
                // They count at their very instant.
                instants.extend(found.map(|record| record.at - TimeDelta::microseconds(1)));
            }
            Some(instants)
        }
        CellPath::Population(_) | CellPath::Kpi(_) => None,
        CellPath::Ago { days, path } => Some(later(of_path(cell, path, history)?, *days)),
        CellPath::Call { function, args } => {
            let function = super::find(function).filter(|function| function.is_steady())?;
            let happened = records_read(cell, function, args, history);
            let windows = args.iter().filter_map(|arg| match arg {
                Arg::Int(days) => Some(*days),
                Arg::Text(_) | Arg::Texts(_) | Arg::Properties(_) | Arg::SinceEntry | Arg::SinceStep => None,
            });
            // A window, and the equally long one before it.
            let ages: Vec<i64> = windows.flat_map(|days| [days, days.saturating_mul(2)]).collect();
            let left = ages.into_iter().flat_map(|days| later(happened.clone(), days));
            Some(left.chain(happened.iter().copied()).collect())
        }
    }
}

/// The instants at whose times of day, on any day, a cell of this account can
/// change, where it is not known on which: what counts whole days turns at the
/// time of day at which what it counts from happened. `None` where not even that is known, as of
/// what is asked of all accounts together.
pub fn change_times_of_day(cell: &Cell, history: &History) -> Option<Vec<Instant>> {
    let mut path = &cell.path;
    while let CellPath::Ago { path: earlier, .. } = path {
        path = earlier;
    }
    match path {
        CellPath::Column(_) | CellPath::Trait(_) => Some(Vec::new()),
        CellPath::Population(_) | CellPath::Kpi(_) | CellPath::Ago { .. } => None,
        CellPath::Call { function, args } => {
            let mut instants = records_read(cell, super::find(function)?, args, history);
            instants.extend(history.own_instants());
            instants.extend(history.changes.iter().map(|change| change.at).chain(history.recorded_at));
            Some(instants)
        }
    }
}

/// When what a function reads happened.
fn records_read(cell: &Cell, function: &dyn Function, args: &[Arg], history: &History) -> Vec<Instant> {
    let sql = function.sql(args);
    let mut instants = Vec::new();
    if sql.contains("{events}") || sql.contains("{touches}") {
        let names = names_of(cell);
        let mut named = names.iter().filter(|(kind, _)| *kind == NameKind::Event).map(|(_, name)| &**name).peekable();
        match named.peek() {
            Some(_) => instants.extend(named.flat_map(|name| history.events.named(name)).map(|event| event.at)),
            None => instants.extend(history.events.iter().map(|event| event.at)),
        }
    }
    if sql.contains("{scores}") || sql.contains("{own_scores}") {
        instants.extend(history.scores.iter().map(|score| score.at));
        // Our own count at their very instant.
        let own = history.scores.iter().filter(|score| score.own.is_some());
        instants.extend(own.map(|score| score.at - TimeDelta::microseconds(1)));
    }
    if sql.contains("{answers}") {
        instants.extend(history.answers.iter().map(|answer| answer.at));
    }
    if sql.contains("{goals}") {
        // They count at their very instant.
        instants.extend(history.goals.iter().map(|goal| goal.at - TimeDelta::microseconds(1)));
    }
    if sql.contains("{plans}") {
        instants.extend(history.plans.iter().flat_map(|plan| [plan.since - TimeDelta::microseconds(1), plan.since]));
    }
    if sql.contains("{tickets}") {
        let tickets = history.tickets.iter();
        instants.extend(tickets.flat_map(|ticket| [Some(ticket.opened_at), ticket.closed_at]).flatten());
    }
    if sql.contains("{contacts}") {
        let contacts = history.contacts.iter();
        let times = contacts.flat_map(|contact| [contact.time("created_at"), contact.time("left_at")]).flatten();
        // Who leaves is gone at that very instant.
        instants.extend(times.flat_map(|at| [at - TimeDelta::microseconds(1), at]));
    }
    instants
}

/// The same instants so many times 24 hours later.
fn later(instants: Vec<Instant>, days: i64) -> Vec<Instant> {
    let Some(span) = TimeDelta::try_days(days) else { return Vec::new() };
    instants.into_iter().filter_map(|at| at.checked_add_signed(span)).collect()
}
