//! One typed value of a cell.

use std::sync::Arc;

use chrono::{SecondsFormat, TimeZone};
use chrono_tz::Tz;

use crate::clock::Instant;
use crate::timestamp::Timestamp;

/// A value as conditions see it. Numbers compare by value whatever their kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Missing; authors write `none`.
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    /// An instant in UTC.
    Time(Instant),
    /// A JSON attribute, before it is read as one of the other kinds.
    Json(Arc<serde_json::Value>),
}

/// What kind of value a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    Bool,
    Int,
    Float,
    Text,
    Time,
    Json,
}

impl Type {
    /// The word used in messages to authors.
    pub fn name(self) -> &'static str {
        match self {
            Type::Bool => "true or false",
            Type::Int => "a whole number",
            Type::Float => "a number",
            Type::Text => "text",
            Type::Time => "a time",
            Type::Json => "an attribute",
        }
    }

    pub fn is_number(self) -> bool {
        matches!(self, Type::Int | Type::Float)
    }
}

impl Value {
    pub fn text(value: &str) -> Value {
        Value::Text(value.into())
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// One text for each value; a time is its date in the zone, and a missing
    /// value has none.
    pub fn canonical(&self, zone: Tz) -> Option<String> {
        Some(match self {
            Value::Null => return None,
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Float(value) => value.to_string(),
            Value::Text(text) => text.to_string(),
            Value::Time(time) => zone.from_utc_datetime(&time.naive_utc()).date_naive().to_string(),
            Value::Json(value) => value.to_string(),
        })
    }

    /// For storage and display. Times are RFC 3339 in UTC; a number that JSON
    /// cannot hold becomes null.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::Text(value) => (**value).into(),
            Value::Time(value) => value.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
            Value::Json(value) => (**value).clone(),
        }
    }

    /// Reads back what [`Value::to_json`] wrote, or what Postgres makes of a
    /// column in JSON, as a value of this type; a time without a zone is in UTC,
    /// and anything that does not fit is missing.
    pub fn from_json(json: &serde_json::Value, ty: Type) -> Value {
        use serde_json::Value as Json;
        match (ty, json) {
            (_, Json::Null) => Value::Null,
            (Type::Json, other) => Value::Json(Arc::new(other.clone())),
            (Type::Bool, Json::Bool(value)) => Value::Bool(*value),
            (Type::Int, Json::Number(value)) => value.as_i64().map_or(Value::Null, Value::Int),
            (Type::Float, Json::Number(value)) => value.as_f64().map_or(Value::Null, Value::Float),
            (Type::Text, Json::String(value)) => Value::text(value),
            (Type::Time, Json::String(value)) => {
                Timestamp::parse(value).map_or(Value::Null, |time| Value::Time(time.in_utc()))
            }
            _ => Value::Null,
        }
    }

    /// A JSON attribute read as the kind it holds: objects and arrays stay JSON.
    pub fn from_attribute(json: &serde_json::Value) -> Value {
        use serde_json::Value as Json;
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(value) => match value.as_i64() {
                Some(whole) => Value::Int(whole),
                None => value.as_f64().map_or(Value::Null, Value::Float),
            },
            Json::String(value) => Value::text(value),
            other => Value::Json(Arc::new(other.clone())),
        }
    }
}
