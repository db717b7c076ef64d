//! What a name stands for: the same in an expression under way and where an
//! expression is nothing but a name.

use std::fmt::Display;

use chrono_tz::Tz;
use rhai::Dynamic;

use super::date;
use super::label;
use super::unfit::UnfitAttribute;
use super::value::to_dynamic;
use crate::facts::{Cell, CellPath, Facts, Type, Value};
use crate::rule::functions::LABEL;
use crate::rule::holder::{AttributeTypes, Holder, Person};
use crate::timestamp::Timestamp;

/// An expression that calculates nothing: its value is looked up.
#[derive(Clone, Debug)]
pub(crate) enum Plain {
    Literal(Dynamic),
    Cell(Cell),
    Column(Person, String),
    Attribute(Person, String),
}

/// The value of a cell, read as an expression in this zone reads it.
pub(crate) fn cell(facts: &Facts, zone: Tz, attributes: &AttributeTypes, cell: &Cell) -> Result<Dynamic, String> {
    let value = facts.get(cell).ok_or_else(|| format!("`{cell}` was not fetched"))?;
    Ok(match (cell.path.whenever(), value) {
        (CellPath::Trait(key), Value::Json(raw)) => {
            let ty = match attributes.is_empty() {
                true => None,
                false => attributes.get(&(Holder::Subject(cell.subject), key.clone())),
            };
            attribute(raw, ty, zone, cell)
        }
        (CellPath::Column(_), value) => column(value, zone),
        (CellPath::Call { function, .. }, Value::Text(text)) if *function == LABEL => label::of(text),
        (_, value) => to_dynamic(value),
    })
}

/// A value that a column holds: a date begins with its day in the playbook's
/// zone.
pub(crate) fn column(value: &Value, zone: Tz) -> Dynamic {
    match value {
        Value::Time(at) => date::of_column(*at, zone),
        other => to_dynamic(other),
    }
}

/// An attribute of a person.
pub(crate) fn person_attribute(
    person: Person,
    key: &str,
    raw: &serde_json::Value,
    attributes: &AttributeTypes,
    zone: Tz,
) -> Dynamic {
    let name = format_args!("{}.traits.{key}", person.name());
    attribute(raw, attributes.get(&(Holder::Person(person), key.to_owned())), zone, &name)
}

/// A JSON attribute, read as the type it is compared with where there is one.
fn attribute(raw: &serde_json::Value, ty: Option<&Type>, zone: Tz, name: &dyn Display) -> Dynamic {
    let value = Value::from_attribute(raw);
    let Some(ty) = ty else { return to_dynamic(&value) };
    let unreadable = match (&value, ty) {
        (Value::Null, _)
        | (_, Type::Json)
        | (Value::Int(_) | Value::Float(_), Type::Int | Type::Float)
        | (Value::Text(_), Type::Text)
        | (Value::Bool(_), Type::Bool) => return to_dynamic(&value),
        (Value::Text(text), Type::Time) => match Timestamp::parse(text) {
            Ok(time) => return date::of_timestamp(time, zone),
            Err(why) => Some(why),
        },
        _ => None,
    };
    Dynamic::from(UnfitAttribute::new(name, value, *ty, unreadable))
}
