//! What of the past a set of facts needs.

use std::collections::BTreeSet;

use crate::clock::Instant;
use crate::facts::{Arg, Cell, CellPath, NameKind, Subject};
use crate::rule::functions::{days_back, find, names_of, texts};

/// What is read of each account.
#[derive(Clone, Debug)]
pub struct WantedPast {
    /// Columns of accounts, in order.
    pub(super) columns: Vec<String>,
    /// `None` where no event is read.
    pub(super) events: Option<WantedEvents>,
    pub(super) scores: bool,
    pub(super) tickets: bool,
    pub(super) owners: bool,
    pub(super) plans: bool,
    /// What happened later is not read.
    pub(super) until: Instant,
}

/// Which events are read.
#[derive(Clone, Debug)]
pub(super) struct WantedEvents {
    /// Of these names; `None` is all.
    pub names: Option<Vec<String>>,
    /// Not before this; `None` is without a bound.
    pub since: Option<Instant>,
    pub properties: bool,
}

/// What is read of every account, whatever the rules say.
const ALWAYS: [&str; 8] = ["id", "name", "status", "stage", "csm_id", "signed_up_at", "timezone", "locale"];

impl WantedPast {
    /// What these cells need that are asked for from `from` until `until`.
    pub fn new(cells: &BTreeSet<Cell>, touch_events: &[String], from: Instant, until: Instant) -> WantedPast {
        let mut columns: BTreeSet<String> = ALWAYS.map(str::to_owned).into();
        let mut wanted = WantedPast {
            columns: Vec::new(),
            events: None,
            scores: false,
            tickets: false,
            owners: false,
            plans: false,
            until,
        };
        let mut names = BTreeSet::new();
        let (mut all_names, mut since, mut properties, mut reads_events) = (false, Some(from), false, false);
        for cell in cells {
            let CellPath::Call { function, args } = cell.path.whenever() else {
                if cell.subject == Subject::Account {
                    columns.extend(column(cell).map(str::to_owned));
                }
                continue;
            };
            let Some(function) = find(function) else { continue };
            let sql = function.sql(args);
            wanted.scores |= sql.contains("{scores}") || sql.contains("{own_scores}");
            wanted.tickets |= sql.contains("{tickets}");
            wanted.owners |= sql.contains("{account_owners}");
            wanted.plans |= sql.contains("{plans}") || sql.contains("{goals}");
            if sql.contains("{changes}") {
                columns.extend(args.iter().flat_map(texts).map(str::to_owned));
            }
            let names_asked = names_of(cell);
            let named = names_asked.iter().filter(|(kind, _)| *kind == NameKind::Event).map(|(_, name)| &**name);
            let named: Vec<&str> = match sql.contains("{touches}") {
                true => touch_events.iter().map(String::as_str).collect(),
                false => named.collect(),
            };
            if sql.contains("{events}") || sql.contains("{touches}") {
                reads_events = true;
                all_names |= named.is_empty() && sql.contains("{events}");
                names.extend(named.into_iter().map(str::to_owned));
                properties |= sql.contains("properties") || args.iter().any(|arg| matches!(arg, Arg::Properties(_)));
                let starts = earliest_read(cell, args, from);
                since = since.zip(starts).map(|(since, starts)| since.min(starts));
            }
        }
        wanted.columns = columns.into_iter().collect();
        let names = (!all_names).then(|| names.into_iter().collect());
        wanted.events = reads_events.then_some(WantedEvents { names, since, properties });
        wanted
    }
}

fn column(cell: &Cell) -> Option<&str> {
    match cell.path.whenever() {
        CellPath::Column(name) => Some(name),
        CellPath::Trait(_) => Some("traits"),
        CellPath::Call { .. } | CellPath::Ago { .. } | CellPath::Population(_) | CellPath::Kpi(_) => None,
    }
}

/// Before when no event changes what a call gives from an instant on; `None`
/// where every event does.
fn earliest_read(cell: &Cell, args: &[Arg], from: Instant) -> Option<Instant> {
    let mut window = None;
    for arg in args {
        match arg {
            Arg::Int(days) => window = Some(days_back(days_back(from, *days), *days)),
            // No enrollment begins before the replay.
            Arg::SinceEntry | Arg::SinceStep => window = Some(from),
            Arg::Text(_) | Arg::Texts(_) | Arg::Properties(_) => {}
        }
    }
    let ago = match &cell.path {
        CellPath::Ago { days, .. } => *days,
        _ => 0,
    };
    window.map(|start| days_back(start, ago))
}
