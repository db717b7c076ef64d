//! What an account's columns were when, from its row and its history.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::clock::Instant;
use crate::facts::history::ChangeRecord;
use crate::facts::{AccountPast, Schema, Subject, Type, Value};

/// One row of the history of account columns, with the columns that are wanted.
#[derive(Clone, Debug)]
pub(super) struct ChangeRow {
    pub at: Instant,
    /// Which columns changed, with their values before; the whole row at a
    /// deletion, nothing at an insertion.
    pub was: Option<Map<String, Json>>,
    /// The whole row behind it; nothing at a deletion.
    pub became: Option<Map<String, Json>>,
}

/// Puts columns into a past. Where a history is on record it decides what each
/// column was, as the latest change before an instant left it; `row` is the
/// account's row now, `None` where it was deleted.
pub(super) fn put_columns(
    past: &mut AccountPast,
    schema: &Schema,
    row: Option<Map<String, Json>>,
    mut changes: Vec<ChangeRow>,
) {
    past.history.is_replayed = true;
    let mut last = row;
    if let Some(place) = changes.iter().rposition(|change| change.became.is_none()) {
        let later = changes.split_off(place + 1);
        if last.is_none() && later.is_empty() {
            // It ends with the account: what went before is its past.
            let deletion = changes.pop();
            past.deleted_at = deletion.as_ref().map(|change| change.at);
            last = deletion.and_then(|change| change.was);
            let born = changes.iter().rposition(|change| change.became.is_none()).map_or(0, |place| place + 1);
            changes.drain(..born);
        } else {
            // An account of that id was there before: another one.
            changes = later;
        }
    }
    // A key that is missing is not on record, as in what was imported.
    let mut known: Map<String, Json> = Map::new();
    for (place, ChangeRow { at, was, became }) in changes.into_iter().enumerate() {
        let became = became.unwrap_or_default();
        if place == 0 && was.is_none() {
            past.history.recorded_at = Some(at);
        } else {
            let stated = was.unwrap_or_default();
            let changed = became.iter().filter_map(|(column, value)| {
                let before = match (known.get(column), stated.get(column)) {
                    (Some(before), Some(_)) => before,
                    (Some(before), None) => Some(before).filter(|before| *before != value)?,
                    (None, stated) => stated?,
                };
                Some((column.clone(), read(schema, column, before)))
            });
            let was = changed.collect();
            past.history.changes.push(ChangeRecord { at, was });
        }
        for column in became.keys() {
            past.known_since.entry(column.clone()).or_insert(at);
        }
        known.extend(became);
    }
    let mut row = last.unwrap_or_default();
    row.extend(known);
    for (column, value) in row {
        match value {
            Json::Object(traits) if column == "traits" => past.history.traits = traits,
            value => {
                let value = read(schema, &column, &value);
                past.history.account.insert(column, value);
            }
        }
    }
}

fn read(schema: &Schema, column: &str, value: &Json) -> Value {
    match schema.stored(Subject::Account, column) {
        _ if column == "traits" => Value::Json(Arc::new(value.clone())),
        Some(known) => Value::from_json(value, known.ty),
        None => Value::from_json(value, Type::Text),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;

    fn object(value: Json) -> Option<Map<String, Json>> {
        value.as_object().cloned()
    }

    fn at(day: i64) -> Instant {
        Instant::UNIX_EPOCH + TimeDelta::days(20_000 + day)
    }

    fn change(day: i64, was: Json, became: Json) -> ChangeRow {
        ChangeRow { at: at(day), was: object(was), became: object(became) }
    }

    fn put(row: Json, changes: Vec<ChangeRow>) -> AccountPast {
        let mut past = AccountPast::default();
        put_columns(&mut past, &Schema::default_store(), object(row), changes);
        past
    }

    fn tier(past: &AccountPast, day: i64) -> Option<Value> {
        past.history.column("tier", at(day)).cloned()
    }

    #[test]
    fn columns_are_as_the_latest_change_left_them() {
        let past = put(
            json!({ "tier": "C", "mrr": 5.0 }),
            vec![
                change(1, Json::Null, json!({ "tier": "A", "mrr": 5.0 })),
                change(5, json!({ "tier": "A" }), json!({ "tier": "B", "mrr": 5.0 })),
                change(9, json!({ "tier": "B" }), json!({ "tier": "C", "mrr": 5.0 })),
            ],
        );
        let tiers: Vec<_> = [0, 3, 5, 6, 9, 10].into_iter().map(|day| tier(&past, day)).collect();
        assert_eq!(tiers, ["A", "A", "A", "B", "B", "C"].map(|tier| Some(Value::text(tier))));
        assert!(!past.history.is_on_record(at(1)) && past.history.is_on_record(at(2)));
        assert_eq!(past.history.column("mrr", at(3)), Some(&Value::Float(5.0)));
    }

    #[test]
    fn without_a_history_columns_are_as_they_are_now() {
        let past = put(json!({ "tier": "C", "traits": { "plan": "pro" } }), Vec::new());
        assert_eq!(tier(&past, -900), Some(Value::text("C")));
        assert_eq!(past.history.attribute("plan", at(0)), Some(&json!("pro")));
        assert!(!past.history.is_on_record(at(0)));
    }

    #[test]
    fn a_first_change_says_what_was_before() {
        let past = put(json!({ "tier": "C" }), vec![change(5, json!({ "tier": "A" }), json!({ "tier": "C" }))]);
        assert_eq!([tier(&past, 5), tier(&past, 6)], ["A", "C"].map(|tier| Some(Value::text(tier))));
    }

    #[test]
    fn a_history_that_says_only_what_became_is_enough() {
        let past = put(
            json!({ "tier": "C" }),
            vec![change(1, Json::Null, json!({ "tier": "A" })), change(5, Json::Null, json!({ "tier": "C" }))],
        );
        assert_eq!([tier(&past, 5), tier(&past, 6)], ["A", "C"].map(|tier| Some(Value::text(tier))));
    }

    #[test]
    fn what_a_record_does_not_name_is_not_on_record() {
        let past = put(
            json!({ "tier": "C", "mrr": 9.0 }),
            vec![
                change(1, Json::Null, json!({ "mrr": 5.0 })),
                change(3, json!({ "mrr": 5.0 }), json!({ "mrr": 7.0 })),
                change(6, json!({ "tier": "B" }), json!({ "tier": "C", "mrr": 9.0 })),
            ],
        );
        assert_eq!(
            [tier(&past, 0), tier(&past, 6), tier(&past, 7)],
            ["B", "B", "C"].map(|tier| Some(Value::text(tier)))
        );
        let mrr = |day| past.history.column("mrr", at(day)).cloned();
        assert_eq!([mrr(1), mrr(4), mrr(7)], [5.0, 7.0, 9.0].map(|mrr| Some(Value::Float(mrr))));
        assert_eq!((past.known_since["mrr"], past.known_since["tier"]), (at(1), at(6)));
    }

    #[test]
    fn who_was_deleted_has_a_past_that_ends() {
        let past = put(
            Json::Null,
            vec![
                change(1, Json::Null, json!({ "tier": "A" })),
                change(5, json!({ "tier": "A" }), json!({ "tier": "B" })),
                change(9, json!({ "tier": "B" }), Json::Null),
            ],
        );
        assert_eq!(past.deleted_at, Some(at(9)));
        assert_eq!([tier(&past, 3), tier(&past, 8)], ["A", "B"].map(|tier| Some(Value::text(tier))));
    }

    #[test]
    fn another_account_of_the_same_id_before_it_is_none_of_its_past() {
        let past = put(
            json!({ "tier": "C" }),
            vec![
                change(1, Json::Null, json!({ "tier": "A" })),
                change(2, json!({ "tier": "A" }), Json::Null),
                change(5, Json::Null, json!({ "tier": "C" })),
            ],
        );
        assert_eq!((past.deleted_at, tier(&past, 1)), (None, Some(Value::text("C"))));
        assert_eq!(past.history.recorded_at, Some(at(5)));
    }
}
