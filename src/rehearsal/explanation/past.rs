//! Facts as they were, and which of them nobody recorded.
//!
//! Events, scores, tickets and our own state carry their instants, and fact
//! functions read nothing later. Columns of accounts are read from their
//! history; columns of contacts have none.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::facts::{Cell, CellPath, Facts, Schema, Subject, Value};

/// Puts the account's columns as they were into facts: `row` is its row as the
/// latest change before their instant left it. Gives the facts for which there
/// is no record, and which stay as they are now.
pub fn restore(facts: &mut Facts, schema: &Schema, row: Option<&Json>) -> BTreeSet<Cell> {
    let mut constant = BTreeSet::new();
    let layout = Arc::clone(&facts.layout);
    for (cell, value) in layout.cells().iter().zip(&mut facts.values) {
        match recorded(cell, schema, row) {
            Record::Value(was) => *value = was,
            Record::Missing => {
                constant.insert(cell.clone());
            }
            Record::Needless => {}
        }
    }
    constant
}

/// What is on record of a fact.
enum Record {
    Value(Value),
    Missing,
    /// It carries its own instant, or never changes.
    Needless,
}

fn recorded(cell: &Cell, schema: &Schema, row: Option<&Json>) -> Record {
    match (&cell.path, cell.subject) {
        (CellPath::Column(name), _) if name == "id" || name == "account_id" => Record::Needless,
        (CellPath::Column(name), Subject::Contact) if name == "created_at" || name == "left_at" => Record::Needless,
        (CellPath::Column(_) | CellPath::Trait(_), Subject::Contact) => Record::Missing,
        // What a document has found in place of a column that is not there.
        (CellPath::Column(name), Subject::Account) if schema.column(Subject::Account, name).is_none() => {
            Record::Needless
        }
        (CellPath::Column(name), Subject::Account) => {
            match (row.and_then(|row| row.get(name)), schema.stored(Subject::Account, name)) {
                (Some(was), Some(column)) => Record::Value(Value::from_json(was, column.ty)),
                _ => Record::Missing,
            }
        }
        (CellPath::Trait(key), Subject::Account) => match row.and_then(|row| row.get("traits")) {
            Some(traits) => Record::Value(match traits.get(key) {
                None | Some(Json::Null) => Value::Null,
                Some(was) => Value::Json(Arc::new(was.clone())),
            }),
            None => Record::Missing,
        },
        // Of the others everything is read as it is.
        (CellPath::Population(_), _) => Record::Missing,
        // Who has a role and an address is not recorded.
        (CellPath::Call { function: "contacts" | "left", .. }, _) => Record::Missing,
        (CellPath::Call { .. } | CellPath::Ago { .. } | CellPath::Kpi(_), _) => Record::Needless,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::facts::Layout;

    #[test]
    fn what_is_on_record_is_put_back_and_the_rest_is_named() {
        let column = |name| Cell::column(Subject::Account, name);
        let attribute = |key: &str| Cell { subject: Subject::Account, path: CellPath::Trait(key.to_owned()) };
        let count = Cell { subject: Subject::Account, path: CellPath::Call { function: "open_tasks", args: vec![] } };
        let cells = [column("id"), column("tier"), column("mrr"), attribute("plan"), attribute("size"), count];
        let mut layout = Layout::default();
        layout.merge(&cells);
        let now = [Value::text("a1"), Value::text("C"), Value::Float(9.0), Value::Null, Value::Int(3), Value::Int(2)];
        let as_of = "2026-03-02T09:00:00Z".parse().expect("an instant");
        let facts = Facts {
            account: "a1".to_owned(),
            contact: String::new(),
            as_of,
            layout: Arc::new(layout),
            values: now.to_vec(),
            matching: None,
        };
        let mut then = facts.clone();
        let row = json!({ "id": "a1", "tier": "A", "traits": { "plan": "pro" } });
        let constant = restore(&mut then, &Schema::default_store(), Some(&row));
        assert_eq!(constant, BTreeSet::from([column("mrr")]));
        assert_eq!(then.get(&column("tier")), Some(&Value::text("A")));
        assert_eq!(then.get(&column("mrr")), Some(&Value::Float(9.0)));
        assert_eq!(then.get(&attribute("plan")), Some(&Value::Json(Arc::new("pro".into()))));
        assert_eq!(then.get(&attribute("size")), Some(&Value::Null));
        assert_eq!(then.values.last(), Some(&Value::Int(2)));

        let mut then = facts.clone();
        let constant = restore(&mut then, &Schema::default_store(), None);
        assert_eq!(then.values, facts.values);
        assert_eq!(constant.len(), 4, "{constant:?}");
    }
}
