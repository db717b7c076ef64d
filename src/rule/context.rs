//! What an expression sees while it is evaluated.
//!
//! Rhai's functions take no hidden argument, so the context of the evaluation
//! under way stands in a thread-local that only this folder reaches.
//! Invariant: it is set for exactly the length of one evaluation, which is
//! synchronous.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use chrono_tz::Tz;

use crate::clock::{Deadline, Instant};
use crate::facts::{Cell, CellPath, Facts, Progress, Subject, Type, Value};

/// The world of one evaluation.
#[derive(Clone, Debug)]
pub struct Context {
    pub facts: Arc<Facts>,
    /// `None` outside an enrollment: at entry, in `when`.
    pub progress: Option<Arc<Progress>>,
    /// The playbook's zone, for calendar functions.
    pub zone: Tz,
}

/// The evaluation under way on this thread.
pub(super) struct Current {
    pub context: Context,
    /// The kind each JSON attribute is read as in this expression.
    pub traits: Arc<HashMap<(Subject, String), Type>>,
    pub deadline: Deadline,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Runs `work` with `current` in place, and takes it away again whatever happens.
pub(super) fn with<R>(current: Current, work: impl FnOnce() -> R) -> R {
    struct Clear;
    impl Drop for Clear {
        fn drop(&mut self) {
            CURRENT.with(|slot| slot.borrow_mut().take());
        }
    }
    CURRENT.with(|slot| *slot.borrow_mut() = Some(current));
    let _clear = Clear;
    work()
}

/// Reads the current evaluation; an error outside of one.
pub(super) fn read<R>(question: impl FnOnce(&Current) -> Result<R, String>) -> Result<R, String> {
    CURRENT.with(|slot| match slot.borrow().as_ref() {
        Some(current) => question(current),
        None => Err("there is no account in view here".to_owned()),
    })
}

impl Current {
    pub fn now(&self) -> Instant {
        self.context.facts.as_of
    }

    /// The value of a cell as this expression reads it.
    pub fn cell(&self, cell: &Cell) -> Result<Value, String> {
        let value = self.context.facts.get(cell).ok_or_else(|| format!("`{cell}` was not fetched"))?;
        Ok(match (cell.path.whenever(), value) {
            (CellPath::Trait(key), Value::Json(raw)) => match self.traits.get(&(cell.subject, key.clone())) {
                Some(ty) => attribute_as(raw, *ty),
                None => Value::from_attribute(raw),
            },
            (_, value) => value.clone(),
        })
    }

    pub fn progress(&self) -> Result<&Progress, String> {
        self.context.progress.as_deref().ok_or_else(|| "there is no enrollment in view here".to_owned())
    }
}

/// A JSON attribute read as the kind it is compared with; another kind is missing.
fn attribute_as(raw: &serde_json::Value, ty: Type) -> Value {
    match (Value::from_attribute(raw), ty) {
        (value @ (Value::Int(_) | Value::Float(_)), Type::Int | Type::Float)
        | (value @ Value::Text(_), Type::Text)
        | (value @ Value::Bool(_), Type::Bool) => value,
        (value, Type::Json) => value,
        (Value::Text(text), Type::Time) => {
            chrono::DateTime::parse_from_rfc3339(&text).map_or(Value::Null, |time| Value::Time(time.to_utc()))
        }
        _ => Value::Null,
    }
}
