//! What operators do with values.

use std::cmp::Ordering;

use super::tree::Operator;
use crate::facts::Value;

/// Whether a condition takes its branch: missing, no, zero and blank do not.
pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Int(number) => *number != 0,
        Value::Float(number) => *number != 0.0,
        Value::Text(_) => !is_blank(value),
        Value::Time(_) => true,
        Value::Json(json) => match &**json {
            serde_json::Value::Array(items) => !items.is_empty(),
            serde_json::Value::Object(items) => !items.is_empty(),
            _ => true,
        },
    }
}

pub(super) fn is_blank(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.trim().is_empty())
}

pub(super) fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => as_number(a) == as_number(b),
        _ => a == b,
    }
}

pub(super) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        _ => as_number(a)?.partial_cmp(&as_number(b)?),
    }
}

/// Numbers calculate as in a spreadsheet: `7 / 2` is 3.5, and whole numbers
/// that grow too large go on as decimal ones.
pub(super) fn calculate(operator: Operator, a: &Value, b: &Value) -> Result<Value, String> {
    let symbol = operator.symbol();
    let (Some(x), Some(y)) = (as_number(a), as_number(b)) else {
        return Err(format!("`{symbol}` needs numbers"));
    };
    if matches!(operator, Operator::Divide | Operator::Remainder) && y == 0.0 {
        return Err("a division by zero".to_owned());
    }
    if let (Value::Int(a), Value::Int(b)) = (a, b) {
        let whole = match operator {
            Operator::Add => a.checked_add(*b),
            Operator::Subtract => a.checked_sub(*b),
            Operator::Multiply => a.checked_mul(*b),
            Operator::Remainder => a.checked_rem(*b),
            Operator::Divide => None,
        };
        if let Some(whole) = whole {
            return Ok(Value::Int(whole));
        }
    }
    let number = match operator {
        Operator::Add => x + y,
        Operator::Subtract => x - y,
        Operator::Multiply => x * y,
        Operator::Divide => x / y,
        Operator::Remainder => x % y,
    };
    if number.is_finite() { Ok(Value::Float(number)) } else { Err(format!("`{symbol}` has no result here")) }
}
