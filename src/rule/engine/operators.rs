//! What `<`, `==`, `+` and the others mean: as in a spreadsheet.
//!
//! Numbers compare and calculate by value whatever their kind; `7 / 2` is 3.5;
//! a missing value equals only a missing value; anything else about a missing
//! value, a mixture of kinds, overflow and division by zero is an error, which
//! makes a verdict undecided.

use std::cmp::Ordering;

use rhai::{Array, Dynamic, Engine, EvalAltResult};

use super::date;
use super::display::display_text;
use super::error::fail;
use super::value::{LONGEST_TEXT, Span, describe, is_missing, text};
use crate::clock::Instant;

type Result<T> = std::result::Result<T, Box<EvalAltResult>>;

/// Registers every operator on values of any kind.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_fn("==", |a: Dynamic, b: Dynamic| equal(&a, &b));
    engine.register_fn("!=", |a: Dynamic, b: Dynamic| !equal(&a, &b));
    engine.register_fn("<", |a: Dynamic, b: Dynamic| {
        Ok::<_, Box<EvalAltResult>>(order("<", &a, &b)? == Some(Ordering::Less))
    });
    engine.register_fn("<=", |a: Dynamic, b: Dynamic| {
        Ok::<_, Box<EvalAltResult>>(matches!(order("<=", &a, &b)?, Some(Ordering::Less | Ordering::Equal)))
    });
    engine.register_fn(">", |a: Dynamic, b: Dynamic| {
        Ok::<_, Box<EvalAltResult>>(order(">", &a, &b)? == Some(Ordering::Greater))
    });
    engine.register_fn(">=", |a: Dynamic, b: Dynamic| {
        Ok::<_, Box<EvalAltResult>>(matches!(order(">=", &a, &b)?, Some(Ordering::Greater | Ordering::Equal)))
    });
    engine.register_fn("+", |a: Dynamic, b: Dynamic| add(&a, &b));
    engine.register_fn("-", |a: Dynamic, b: Dynamic| subtract(&a, &b));
    engine.register_fn("*", |a: Dynamic, b: Dynamic| arithmetic("*", &a, &b, i64::checked_mul, |x, y| x * y));
    engine.register_fn("/", |a: Dynamic, b: Dynamic| divide(&a, &b));
    engine.register_fn("%", |a: Dynamic, b: Dynamic| remainder(&a, &b));
    engine.register_fn("-", |a: Dynamic| match number(&a) {
        Some(Number::Int(n)) => n.checked_neg().map(Dynamic::from).ok_or_else(|| "the number is too large".into()),
        Some(Number::Float(n)) => Ok(Dynamic::from(-n)),
        None => fail::<Dynamic>(format!("`-` needs a number, not {}", describe(&a))),
    });
    engine.register_fn("!", |a: Dynamic| match a.as_bool() {
        Ok(value) => Ok(!value),
        Err(_) => fail(format!("`!` needs true or false, not {}", describe(&a))),
    });
    engine.register_fn("contains", |list: Array, item: Dynamic| list.iter().any(|member| equal(member, &item)));
}

#[derive(Clone, Copy)]
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
}

pub(crate) fn number(value: &Dynamic) -> Option<Number> {
    if let Ok(n) = value.as_int() {
        return Some(Number::Int(n));
    }
    value.as_float().ok().map(Number::Float)
}

fn instant(value: &Dynamic) -> Option<Instant> {
    value.clone().try_cast::<Instant>()
}

fn span(value: &Dynamic) -> Option<Span> {
    value.clone().try_cast::<Span>()
}

/// Equality by value; a missing value equals only a missing one, and values of
/// different kinds are different.
pub(crate) fn equal(a: &Dynamic, b: &Dynamic) -> bool {
    if a.is_unit() || b.is_unit() {
        return is_missing(a) && is_missing(b);
    }
    match (number(a), number(b)) {
        (Some(Number::Int(x)), Some(Number::Int(y))) => return x == y,
        (Some(x), Some(y)) => return x.float() == y.float(),
        _ => {}
    }
    if let (Some(x), Some(y)) = (instant(a), instant(b)) {
        return x == y;
    }
    if let (Some(x), Some(y)) = (span(a), span(b)) {
        return x == y;
    }
    if let (Some(x), Some(y)) = (text(a), text(b)) {
        return x == y;
    }
    if let (Ok(x), Ok(y)) = (a.as_bool(), b.as_bool()) {
        return x == y;
    }
    false
}

/// `None` only for NaN, which is below, above and equal to nothing.
fn order(operator: &str, a: &Dynamic, b: &Dynamic) -> Result<Option<Ordering>> {
    match (number(a), number(b)) {
        (Some(Number::Int(x)), Some(Number::Int(y))) => return Ok(Some(x.cmp(&y))),
        (Some(x), Some(y)) => return Ok(x.float().partial_cmp(&y.float())),
        _ => {}
    }
    if let (Some(x), Some(y)) = (instant(a), instant(b)) {
        return Ok(Some(x.cmp(&y)));
    }
    if let (Some(x), Some(y)) = (span(a), span(b)) {
        return Ok(x.0.partial_cmp(&y.0));
    }
    if let (Some(x), Some(y)) = (text(a), text(b)) {
        return Ok(Some(x.as_str().cmp(y.as_str())));
    }
    fail(format!("`{operator}` cannot compare {} with {}", describe(a), describe(b)))
}

fn add(a: &Dynamic, b: &Dynamic) -> Result<Dynamic> {
    // A span from a missing time is missing, as a wait's `date` allows.
    if (a.is_unit() && span(b).is_some()) || (span(a).is_some() && b.is_unit()) {
        return Ok(Dynamic::UNIT);
    }
    if let (Some(t), Some(s)) = (instant(a), span(b)) {
        return shift(a, t, s.0);
    }
    if let (Some(s), Some(t)) = (span(a), instant(b)) {
        return shift(b, t, s.0);
    }
    if let (Some(x), Some(y)) = (span(a), span(b)) {
        return x.0.checked_add(&y.0).map(|sum| Dynamic::from(Span(sum))).ok_or_else(|| "the span is too long".into());
    }
    if (text(a).is_some() || text(b).is_some()) && !a.is_unit() && !b.is_unit() {
        let (x, y) = (display_text(a)?, display_text(b)?);
        if x.len() + y.len() > LONGEST_TEXT {
            return fail("the text is too long");
        }
        return Ok(Dynamic::from(format!("{x}{y}")));
    }
    arithmetic("+", a, b, i64::checked_add, |x, y| x + y)
}

fn subtract(a: &Dynamic, b: &Dynamic) -> Result<Dynamic> {
    if a.is_unit() && span(b).is_some() {
        return Ok(Dynamic::UNIT);
    }
    if let (Some(t), Some(s)) = (instant(a), span(b)) {
        return shift(a, t, -s.0);
    }
    if let (Some(x), Some(y)) = (span(a), span(b)) {
        return x
            .0
            .checked_sub(&y.0)
            .map(|rest| Dynamic::from(Span(rest)))
            .ok_or_else(|| "the span is too long".into());
    }
    arithmetic("-", a, b, i64::checked_sub, |x, y| x - y)
}

fn shift(time: &Dynamic, t: Instant, by: chrono::Duration) -> Result<Dynamic> {
    t.checked_add_signed(by).map(|moved| date::carry(time, moved)).ok_or_else(|| "the time lies too far away".into())
}

fn arithmetic(
    operator: &str,
    a: &Dynamic,
    b: &Dynamic,
    whole: fn(i64, i64) -> Option<i64>,
    float: fn(f64, f64) -> f64,
) -> Result<Dynamic> {
    match (number(a), number(b)) {
        (Some(Number::Int(x)), Some(Number::Int(y))) => {
            whole(x, y).map(Dynamic::from).ok_or_else(|| "the number is too large".into())
        }
        (Some(x), Some(y)) => Ok(Dynamic::from(float(x.float(), y.float()))),
        _ => fail(format!("`{operator}` cannot calculate with {} and {}", describe(a), describe(b))),
    }
}

fn divide(a: &Dynamic, b: &Dynamic) -> Result<Dynamic> {
    match (number(a), number(b)) {
        (Some(_), Some(y)) if y.float() == 0.0 => fail("division by zero"),
        (Some(x), Some(y)) => Ok(Dynamic::from(x.float() / y.float())),
        _ => fail(format!("`/` cannot calculate with {} and {}", describe(a), describe(b))),
    }
}

fn remainder(a: &Dynamic, b: &Dynamic) -> Result<Dynamic> {
    match (number(a), number(b)) {
        (Some(_), Some(y)) if y.float() == 0.0 => fail("division by zero"),
        (Some(Number::Int(x)), Some(Number::Int(y))) => {
            x.checked_rem(y).map(Dynamic::from).ok_or_else(|| "the number is too large".into())
        }
        (Some(x), Some(y)) => Ok(Dynamic::from(x.float() % y.float())),
        _ => fail(format!("`%` cannot calculate with {} and {}", describe(a), describe(b))),
    }
}
