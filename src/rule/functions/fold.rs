//! Facts from a history in memory, as test cases need them.

use std::sync::Arc;

use super::{UnknownCell, Window, find};
use crate::clock::Instant;
use crate::facts::{Cell, CellPath, Facts, History, Layout, Schema, Subject, Type, Value};

/// Why a history has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A column that every account has was not given.
    #[error("the column `{0}` is read but was not given a value")]
    MissingColumn(String),
    #[error(transparent)]
    Unknown(#[from] UnknownCell),
}

/// The cells of a layout for one account at one instant, exactly as the store
/// would give them.
///
/// A nullable column that was not given is missing; a required one is an
/// error. `since_entry` and `since_step` start the windows that name them;
/// without one such a window is empty. Cells of contacts are unknown here.
pub fn fold_facts(
    history: &History,
    account: &str,
    layout: &Arc<Layout>,
    schema: &Schema,
    as_of: Instant,
    since_entry: Option<Instant>,
    since_step: Option<Instant>,
) -> Result<Facts, FoldError> {
    let values = layout
        .cells()
        .iter()
        .map(|cell| match &cell.path {
            _ if cell.subject != Subject::Account => Err(UnknownCell(cell.clone()).into()),
            CellPath::Column(name) if name == "id" => Ok(Value::text(account)),
            CellPath::Column(name) => column(history, cell, name, schema),
            CellPath::Trait(key) => Ok(match history.traits.get(key) {
                None | Some(serde_json::Value::Null) => Value::Null,
                Some(json) => Value::Json(Arc::new(json.clone())),
            }),
            CellPath::Call { function, args } => find(function)
                .and_then(|function| {
                    let call = Window::new(function, args, as_of, since_entry, since_step)?;
                    Some(function.fold(history, &call))
                })
                .ok_or_else(|| UnknownCell(cell.clone()).into()),
        })
        .collect::<Result<_, FoldError>>()?;
    Ok(Facts { account: account.to_owned(), contact: String::new(), as_of, layout: Arc::clone(layout), values })
}

fn column(history: &History, cell: &Cell, name: &str, schema: &Schema) -> Result<Value, FoldError> {
    let column = schema.stored(Subject::Account, name).ok_or_else(|| UnknownCell(cell.clone()))?;
    match history.account.get(name) {
        None | Some(Value::Null) if column.nullable => Ok(Value::Null),
        None | Some(Value::Null) => Err(FoldError::MissingColumn(name.to_owned())),
        // The store gives a column's own type; an author may write 9000 for 9000.0.
        Some(Value::Int(whole)) if column.ty == Type::Float => Ok(Value::Float(*whole as f64)),
        Some(value) => Ok(value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn fold(history: &History, path: CellPath) -> Result<Value, FoldError> {
        let mut layout = Layout::default();
        layout.add(Cell { subject: Subject::Account, path });
        let schema = Schema::default_store();
        let now = DateTime::UNIX_EPOCH;
        fold_facts(history, "a", &Arc::new(layout), &schema, now, None, None).map(|facts| facts.values[0].clone())
    }

    #[test]
    fn columns_are_required_or_missing() {
        let mut history = History::default();
        let column = |name: &str| CellPath::Column(name.to_owned());
        assert_eq!(fold(&history, column("tier")), Ok(Value::Null));
        assert_eq!(fold(&history, column("id")), Ok(Value::text("a")));
        assert_eq!(fold(&history, column("mrr")), Err(FoldError::MissingColumn("mrr".to_owned())));
        history.account.insert("mrr".to_owned(), Value::Int(9000));
        assert_eq!(fold(&history, column("mrr")), Ok(Value::Float(9000.0)));
        let unknown = fold(&history, column("mmr")).map_err(|error| error.to_string());
        assert_eq!(unknown, Err("there is no fact account.mmr".to_owned()));
    }

    #[test]
    fn json_null_is_missing() {
        let mut history = History::default();
        let plan = || CellPath::Trait("plan".to_owned());
        assert_eq!(fold(&history, plan()), Ok(Value::Null));
        history.traits.insert("plan".to_owned(), serde_json::Value::Null);
        assert_eq!(fold(&history, plan()), Ok(Value::Null));
        history.traits.insert("plan".to_owned(), "pro".into());
        assert_eq!(fold(&history, plan()), Ok(Value::Json(Arc::new("pro".into()))));
    }
}
