//! What a name stands for: the same in an expression under way and where an
//! expression is nothing but a name.

use chrono_tz::Tz;
use rhai::Dynamic;

use super::date;
use super::value::to_dynamic;
use crate::facts::{Cell, CellPath, Facts, Type, Value};
use crate::rule::holder::{AttributeTypes, Holder, Person};

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
            attribute(raw, ty, zone)
        }
        (CellPath::Column(_), value) => column(value, zone),
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
    attribute(raw, attributes.get(&(Holder::Person(person), key.to_owned())), zone)
}

/// A JSON attribute, read as the type it is compared with where there is one.
fn attribute(raw: &serde_json::Value, ty: Option<&Type>, zone: Tz) -> Dynamic {
    match ty {
        Some(ty) => column(&attribute_as(raw, *ty), zone),
        None => to_dynamic(&Value::from_attribute(raw)),
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
