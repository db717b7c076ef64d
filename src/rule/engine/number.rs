//! Numbers of either kind while an expression is evaluated.

use rhai::Dynamic;

/// A whole number, or any other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub fn float(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Float(n) => n,
        }
    }

    /// The number that a text says. `inf` and `NaN` are words.
    pub fn parse(text: &str) -> Option<Number> {
        if !text.ends_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let whole = text.parse().ok().map(Number::Int);
        whole.or_else(|| text.parse().ok().filter(|number: &f64| number.is_finite()).map(Number::Float))
    }
}

pub(crate) fn number(value: &Dynamic) -> Option<Number> {
    if let Ok(n) = value.as_int() {
        return Some(Number::Int(n));
    }
    value.as_float().ok().map(Number::Float)
}
