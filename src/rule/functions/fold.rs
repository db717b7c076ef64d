//! Facts from a history in memory, as test cases need them.

use std::sync::Arc;

use super::find;
use super::function::{Function, UnknownCell};
use super::window::{Window, days_back};
use crate::clock::Instant;
use crate::facts::history::ContactRecord;
use crate::facts::{Arg, Cell, CellPath, Facts, History, Layout, Schema, Subject, SubjectId, Type, Value};

/// Why a history has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A column that every account, or every contact, has was not given.
    #[error("the column `{}.{name}` is read but was not given a value", .subject.name())]
    MissingColumn { subject: Subject, name: String },
    #[error(transparent)]
    Unknown(#[from] UnknownCell),
}

/// The cells of a layout for one subject at one instant, exactly as the store
/// would give them. The history is that of its account.
///
/// What is asked about all accounts together is missing: one history does not say
/// it. A nullable column that was not given is missing; a required one is an
/// error. `since_entry` and `since_step` start the windows that name them;
/// without one such a window is empty. Cells of a contact are unknown where the
/// subject is an account, or a contact that the history does not have.
pub fn fold_facts(
    history: &History,
    subject: &SubjectId,
    layout: &Arc<Layout>,
    schema: &Schema,
    as_of: Instant,
    since_entry: Option<Instant>,
    since_step: Option<Instant>,
) -> Result<Facts, FoldError> {
    let contact = history.contacts.iter().find(|contact| !subject.contact.is_empty() && contact.id == subject.contact);
    let values = layout
        .cells()
        .iter()
        .map(|cell| {
            let unknown = || FoldError::from(UnknownCell(cell.clone()));
            // One account does not say it: whoever knows the others fills it in.
            if cell.path.is_about_all() {
                return Ok(Value::Null);
            }
            let whose = match cell.subject {
                Subject::Account => SubjectHistory { id: &subject.account, contact: None, history },
                Subject::Contact => {
                    SubjectHistory { id: &subject.contact, contact: Some(contact.ok_or_else(unknown)?), history }
                }
            };
            match &cell.path {
                CellPath::Column(name) => whose.column(cell, name, schema, as_of),
                CellPath::Trait(key) => Ok(whose.attribute(key, as_of)),
                CellPath::Population(_) | CellPath::Kpi(_) => Err(unknown()),
                CellPath::Ago { days, path } => {
                    whose.earlier(path, days_back(as_of, *days), schema).ok_or_else(unknown)
                }
                CellPath::Call { function, args } => find(function)
                    .and_then(|function| {
                        let call = function.window(args, as_of, since_entry, since_step)?;
                        whose.call(function, call)
                    })
                    .ok_or_else(unknown),
            }
        })
        .collect::<Result<_, FoldError>>()?;
    let SubjectId { account, contact } = subject.clone();
    Ok(Facts { account, contact, as_of, layout: Arc::clone(layout), values, matching: None })
}

/// An account, or one contact of it.
struct SubjectHistory<'a> {
    id: &'a str,
    contact: Option<&'a ContactRecord>,
    history: &'a History,
}

impl SubjectHistory<'_> {
    fn column(&self, cell: &Cell, name: &str, schema: &Schema, as_of: Instant) -> Result<Value, FoldError> {
        if name == "id" {
            return Ok(Value::text(self.id));
        }
        let column = schema.stored(cell.subject, name).ok_or_else(|| FoldError::from(UnknownCell(cell.clone())))?;
        let value = match self.contact {
            None => self.history.column(name, as_of),
            Some(contact) => contact.columns.get(name),
        };
        match value {
            None | Some(Value::Null) if column.nullable => Ok(Value::Null),
            None | Some(Value::Null) => Err(FoldError::MissingColumn { subject: cell.subject, name: name.to_owned() }),
            // The store gives a column's own type; an author may write 9000 for 9000.0.
            Some(Value::Int(whole)) if column.ty == Type::Float => Ok(Value::Float(*whole as f64)),
            Some(value) => Ok(value.clone()),
        }
    }

    fn attribute(&self, key: &str, as_of: Instant) -> Value {
        let value = match self.contact {
            None => self.history.attribute(key, as_of),
            Some(contact) => contact.traits.get(key),
        };
        match value {
            None | Some(serde_json::Value::Null) => Value::Null,
            Some(json) => Value::Json(Arc::new(json.clone())),
        }
    }

    /// As of an earlier instant; `None` when nothing says what it was then.
    fn earlier(&self, path: &CellPath, then: Instant, schema: &Schema) -> Option<Value> {
        match path {
            CellPath::Ago { .. } | CellPath::Population(_) | CellPath::Kpi(_) => None,
            CellPath::Call { function, args } => {
                let function = find(function).filter(|function| function.has_past())?;
                if args.iter().any(|arg| matches!(arg, Arg::SinceEntry | Arg::SinceStep)) {
                    return None;
                }
                self.call(function, function.window(args, then, None, None)?)
            }
            _ if self.contact.is_some() => None,
            CellPath::Column(name) => {
                let column = schema.stored(Subject::Account, name)?;
                Some(match self.history.as_it_was(name, then) {
                    Some(_) if name == "id" => Value::text(self.id),
                    Some(Value::Int(whole)) if column.ty == Type::Float => Value::Float(whole as f64),
                    // Of what the store has today and nobody recorded nothing is known.
                    None if self.history.stored_column(name, then).is_some_and(|stored| !stored.is_null()) => {
                        Value::Null
                    }
                    None | Some(Value::Null) => self.history.standing(name, then).cloned().unwrap_or(Value::Null),
                    Some(value) => value,
                })
            }
            CellPath::Trait(key) => Some(match self.history.as_it_was("traits", then) {
                Some(Value::Json(traits)) => match traits.get(key) {
                    None | Some(serde_json::Value::Null) => Value::Null,
                    Some(json) => Value::Json(Arc::new(json.clone())),
                },
                _ => Value::Null,
            }),
        }
    }

    /// `None` when a contact has no such fact.
    fn call(&self, function: &dyn Function, call: Window<'_>) -> Option<Value> {
        let Some(contact) = self.contact else { return Some(function.fold(self.history, &call)) };
        function.of_contact()?;
        Some(function.fold(self.history, &call.of(&contact.id)))
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
        let subject = SubjectId { account: "a".to_owned(), contact: String::new() };
        fold_facts(history, &subject, &Arc::new(layout), &schema, now, None, None).map(|facts| facts.values[0].clone())
    }

    #[test]
    fn columns_are_required_or_missing() {
        let mut history = History::default();
        let column = |name: &str| CellPath::Column(name.to_owned());
        assert_eq!(fold(&history, column("tier")), Ok(Value::Null));
        assert_eq!(fold(&history, column("id")), Ok(Value::text("a")));
        assert_eq!(
            fold(&history, column("mrr")),
            Err(FoldError::MissingColumn { subject: Subject::Account, name: "mrr".to_owned() })
        );
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
