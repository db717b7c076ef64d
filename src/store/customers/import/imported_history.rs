//! What files say of one account's past, as rows of `account_changes`.
//!
//! Each row has all that is known of its instant, so a later file about
//! another column changes the rows of an earlier one: they are made anew from
//! the changes of each column, which the rows themselves keep.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use crate::clock::Instant;
use crate::import::change::{ChangedColumn, ColumnChange};

const TRAITS: &str = "traits";

/// A row of `account_changes`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ImportedRow {
    pub at: Instant,
    pub was: Option<Json>,
    pub became: Json,
}

/// What became of one change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeEffect {
    New,
    Changed,
    Unchanged,
}

/// One change of a column.
#[derive(Clone, Debug, PartialEq)]
struct ImportedChange {
    /// What it was, as far as somebody says it. It counts for the first change
    /// of a column only: the others follow from the one before.
    was: Option<Json>,
    became: Json,
}

/// The changes of each column of one account.
#[derive(Clone, Debug, Default)]
pub(super) struct ImportedHistory {
    columns: BTreeMap<ChangedColumn, BTreeMap<Instant, ImportedChange>>,
}

impl ImportedHistory {
    /// From the rows that imports have written, in order of time.
    pub(super) fn from_rows(rows: &[ImportedRow]) -> ImportedHistory {
        let mut history = ImportedHistory::default();
        let mut known: BTreeSet<ChangedColumn> = BTreeSet::new();
        for row in rows {
            let became: BTreeMap<ChangedColumn, Json> = values(&row.became).collect();
            for (column, was) in row.was.iter().flat_map(values) {
                let is_known = known.contains(&column) || !was.is_null();
                let now = became.get(&column).cloned().unwrap_or_default();
                let change = ImportedChange { was: is_known.then_some(was), became: now };
                history.columns.entry(column).or_default().insert(row.at, change);
            }
            known.extend(became.into_keys());
        }
        history
    }

    /// Takes a change in. With `only_new`, one that is there stays as it is.
    pub(super) fn take(&mut self, change: &ColumnChange, only_new: bool) -> ChangeEffect {
        let changes = self.columns.entry(change.column.clone()).or_default();
        let is_first = changes.range(..change.at).next().is_none();
        let given = ImportedChange { was: change.was.clone(), became: change.became.clone() };
        match changes.get_mut(&change.at) {
            None => {
                changes.insert(change.at, given);
                ChangeEffect::New
            }
            Some(there) => {
                let says_more = is_first && given.was.is_some() && given.was != there.was;
                if only_new || (there.became == given.became && !says_more) {
                    return ChangeEffect::Unchanged;
                }
                *there = ImportedChange { was: given.was.or_else(|| there.was.take()), became: given.became };
                ChangeEffect::Changed
            }
        }
    }

    /// Leaves out changes to what a column was already; whoever takes such a
    /// one in has changed nothing.
    pub(super) fn drop_empty(&mut self) -> Vec<(ChangedColumn, Instant)> {
        let mut dropped = Vec::new();
        for (column, changes) in &mut self.columns {
            let mut before = None;
            changes.retain(|at, change| {
                let was = before.replace(change.became.clone()).or_else(|| change.was.clone());
                let is_empty = was.as_ref() == Some(&change.became);
                if is_empty {
                    dropped.push((column.clone(), *at));
                }
                !is_empty
            });
        }
        dropped
    }

    /// The rows in order of time. The first is about the sign-up, if it is the
    /// earlier one and something is known of it. `attributes` are those of the
    /// account as it is: what no change is about stands in all rows.
    pub(super) fn rows(&self, signed_up_at: Instant, attributes: &Map<String, Json>) -> Vec<ImportedRow> {
        let mut attributes = attributes.clone();
        attributes.retain(|key, _| !self.columns.contains_key(&ChangedColumn::Trait(key.clone())));
        let mut known: BTreeMap<&ChangedColumn, Json> = BTreeMap::new();
        let mut instants: BTreeMap<Instant, Vec<(&ChangedColumn, &ImportedChange)>> = BTreeMap::new();
        for (column, changes) in &self.columns {
            let first = changes.values().next().and_then(|change| change.was.clone());
            known.extend(first.map(|was| (column, was)));
            for (at, change) in changes {
                instants.entry(*at).or_default().push((column, change));
            }
        }
        let mut rows = Vec::new();
        let is_late = instants.keys().next().is_some_and(|first| signed_up_at < *first);
        if is_late && !known.is_empty() {
            rows.push(ImportedRow { at: signed_up_at, was: None, became: row_of(&known, &attributes) });
        }
        for (at, changes) in instants {
            let mut was = BTreeMap::new();
            for (column, change) in changes {
                let before = known.insert(column, change.became.clone());
                was.insert(column, before.unwrap_or_default());
            }
            let was = row_of(&was, &Map::new());
            rows.push(ImportedRow { at, was: Some(was), became: row_of(&known, &attributes) });
        }
        rows
    }
}

/// The columns of a row, and its attributes one by one.
fn values(row: &Json) -> impl Iterator<Item = (ChangedColumn, Json)> {
    let columns = row.as_object().into_iter().flatten();
    columns.flat_map(|(name, value)| match value {
        Json::Object(attributes) if name == TRAITS => {
            let each = attributes.iter().map(|(key, value)| (ChangedColumn::Trait(key.clone()), value.clone()));
            each.collect::<Vec<_>>()
        }
        value => vec![(ChangedColumn::Column(name.clone()), value.clone())],
    })
}

fn row_of(known: &BTreeMap<&ChangedColumn, Json>, attributes: &Map<String, Json>) -> Json {
    let mut row = Map::new();
    let mut traits = Map::new();
    for (column, value) in known {
        match column {
            ChangedColumn::Column(name) => row.insert(name.clone(), value.clone()),
            ChangedColumn::Trait(key) => traits.insert(key.clone(), value.clone()),
        };
    }
    if !traits.is_empty() {
        traits.extend(attributes.clone());
        row.insert(TRAITS.to_owned(), traits.into());
    }
    row.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(day: u32) -> Instant {
        format!("2026-01-{day:02}T00:00:00Z").parse().expect("an instant")
    }

    fn change(column: &str, day: u32, was: Option<Json>, became: Json) -> ColumnChange {
        let column = match column.strip_prefix("traits.") {
            Some(key) => ChangedColumn::Trait(key.to_owned()),
            None => ChangedColumn::Column(column.to_owned()),
        };
        ColumnChange { line: 1, account: "a".to_owned(), column, at: at(day), was, became }
    }

    fn changes() -> Vec<ColumnChange> {
        vec![
            change("mrr", 5, Some(json!(100)), json!(200)),
            change("tier", 7, None, json!("B")),
            change("mrr", 9, Some(json!(200)), json!(300)),
            change("traits.size", 9, Some(json!(1)), json!(2)),
            change("tier", 12, Some(json!("B")), json!("A")),
            change("csm_id", 14, Some(Json::Null), json!("csm-1")),
        ]
    }

    fn rows_of(history: &ImportedHistory) -> Vec<ImportedRow> {
        let attributes = json!({ "size": 9, "plan": "team" });
        history.rows(at(1), attributes.as_object().expect("an object"))
    }

    #[test]
    fn each_row_has_what_is_known_of_its_instant() {
        let mut history = ImportedHistory::default();
        for change in changes() {
            assert_eq!(history.take(&change, false), ChangeEffect::New);
        }
        assert_eq!(history.drop_empty(), []);
        let rows: Vec<(u32, Option<Json>, Json)> =
            rows_of(&history).into_iter().map(|row| (chrono::Datelike::day(&row.at), row.was, row.became)).collect();
        let traits = |size: i64| json!({ "size": size, "plan": "team" });
        assert_eq!(
            rows,
            [
                (1, None, json!({ "mrr": 100, "csm_id": null, "traits": traits(1) })),
                (5, Some(json!({ "mrr": 100 })), json!({ "mrr": 200, "csm_id": null, "traits": traits(1) })),
                (
                    7,
                    Some(json!({ "tier": null })),
                    json!({ "mrr": 200, "tier": "B", "csm_id": null, "traits": traits(1) })
                ),
                (
                    9,
                    Some(json!({ "mrr": 200, "traits": { "size": 1 } })),
                    json!({ "mrr": 300, "tier": "B", "csm_id": null, "traits": traits(2) })
                ),
                (
                    12,
                    Some(json!({ "tier": "B" })),
                    json!({ "mrr": 300, "tier": "A", "csm_id": null, "traits": traits(2) })
                ),
                (
                    14,
                    Some(json!({ "csm_id": null })),
                    json!({ "mrr": 300, "tier": "A", "csm_id": "csm-1", "traits": traits(2) })
                ),
            ]
        );
    }

    /// Whatever the order of files, and however often.
    #[test]
    fn the_order_of_files_does_not_matter() {
        let mut whole = ImportedHistory::default();
        for change in changes() {
            whole.take(&change, false);
        }
        let expected = rows_of(&whole);
        for start in 0..changes().len() {
            let mut rows = Vec::new();
            let mut order = changes();
            order.rotate_left(start);
            order.reverse();
            for change in &order {
                let mut history = ImportedHistory::from_rows(&rows);
                assert_eq!(history.take(change, false), ChangeEffect::New);
                rows = rows_of(&history);
            }
            assert_eq!(rows, expected, "{start}");
            let mut history = ImportedHistory::from_rows(&rows);
            assert!(order.iter().all(|change| history.take(change, false) == ChangeEffect::Unchanged));
        }
    }

    #[test]
    fn a_correction_replaces_and_what_was_so_already_is_left_out() {
        let mut history = ImportedHistory::default();
        history.take(&change("mrr", 5, None, json!(100)), false);
        assert_eq!(history.take(&change("mrr", 5, None, json!(150)), true), ChangeEffect::Unchanged);
        assert_eq!(history.take(&change("mrr", 5, None, json!(150)), false), ChangeEffect::Changed);
        assert_eq!(history.take(&change("mrr", 5, Some(json!(90)), json!(150)), false), ChangeEffect::Changed);
        assert_eq!(history.take(&change("mrr", 8, None, json!(150)), false), ChangeEffect::New);
        assert_eq!(history.drop_empty(), [(ChangedColumn::Column("mrr".to_owned()), at(8))]);
        assert_eq!(rows_of(&history).len(), 2);
        // Before the first change nobody knows what it was.
        let mut history = ImportedHistory::default();
        history.take(&change("mrr", 5, None, json!(100)), false);
        assert_eq!(
            rows_of(&history),
            [ImportedRow { at: at(5), was: Some(json!({ "mrr": null })), became: json!({ "mrr": 100 }) }]
        );
    }
}
