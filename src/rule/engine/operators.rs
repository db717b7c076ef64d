//! What `<`, `==`, `+` and the others mean: as in a spreadsheet.
//!
//! Numbers compare and calculate by value whatever their kind; `7 / 2` is 3.5;
//! a missing value equals only a missing value; anything else about a missing
//! value, a mixture of kinds, overflow and division by zero is an error, which
//! makes a verdict undecided.

use std::cmp::Ordering;
use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, EvalAltResult};

use super::context::look_up;
use super::date;
use super::display::display_text;
use super::error::fail;
use super::label::{label_number, read_number};
use super::number::{Number, number};
use super::unfit::{UnfitAttribute, show_dynamic};
use super::value::{LONGEST_TEXT, Span, describe, is_missing, text};
use crate::clock::Instant;

type Result<T> = std::result::Result<T, Box<EvalAltResult>>;

/// Registers every operator on values of any kind.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_fn("==", |a: Dynamic, b: Dynamic| equal("==", &a, &b));
    engine.register_fn("!=", |a: Dynamic, b: Dynamic| equal("!=", &a, &b).map(|equal| !equal));
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
    engine.register_fn("-", |a: Dynamic| match read_number(&a) {
        Some(Number::Int(n)) => n.checked_neg().map(Dynamic::from).ok_or_else(|| "the number is too large".into()),
        Some(Number::Float(n)) => Ok(Dynamic::from(-n)),
        None => fail::<Dynamic>(needs("-", "a number", &a)),
    });
    engine.register_fn("!", |a: Dynamic| match a.as_bool() {
        Ok(value) => Ok(!value),
        Err(_) => fail(needs("!", "true or false", &a)),
    });
    engine.register_fn("contains", |whole: Dynamic, part: Dynamic| contains(&whole, &part));
}

/// What is wrong with a value where another kind of value is needed.
pub(crate) fn needs(name: &str, what: &str, value: &Dynamic) -> String {
    match UnfitAttribute::of(value) {
        Some(unfit) => unfit.needed_by(name),
        None => format!("`{name}` needs {what}, not {}", describe(value)),
    }
}

/// Both sides as numbers; beside a number a label is the number that it says.
fn numbers(a: &Dynamic, b: &Dynamic) -> Option<(Number, Number)> {
    match (number(a), number(b)) {
        (Some(x), Some(y)) => Some((x, y)),
        (Some(x), None) => label_number(b).map(|y| (x, y)),
        (None, Some(y)) => label_number(a).map(|x| (x, y)),
        (None, None) => None,
    }
}

fn instant(value: &Dynamic) -> Option<Instant> {
    value.clone().try_cast::<Instant>()
}

fn span(value: &Dynamic) -> Option<Span> {
    value.clone().try_cast::<Span>()
}

/// Both sides of a comparison; a text beside a time as the time that it is.
fn with_times(a: &Dynamic, b: &Dynamic) -> Result<(Dynamic, Dynamic)> {
    let timed = |value: &Dynamic, other: &Dynamic| match other.is::<Instant>() {
        true => as_time(value),
        false => Ok(value.clone()),
    };
    Ok((timed(a, b)?, timed(b, a)?))
}

/// A text as the time that it is; any other value as it is.
fn as_time(value: &Dynamic) -> Result<Dynamic> {
    if text(value).is_none() {
        return Ok(value.clone());
    }
    let zone = look_up(|current| Ok(current.context.zone))?;
    Ok(date::read(value, zone)?.unwrap_or_else(|| value.clone()))
}

/// Equality by value; a missing value equals only a missing one. Whether values
/// of different kinds are equal cannot be decided.
fn equal(operator: &str, a: &Dynamic, b: &Dynamic) -> Result<bool> {
    if a.is_unit() || b.is_unit() {
        return Ok(is_missing(a) && is_missing(b));
    }
    match numbers(a, b) {
        Some((Number::Int(x), Number::Int(y))) => return Ok(x == y),
        Some((x, y)) => return Ok(x.float() == y.float()),
        None => {}
    }
    if let (Some(x), Some(y)) = (text(a), text(b)) {
        return Ok(x == y);
    }
    if let (Ok(x), Ok(y)) = (a.as_bool(), b.as_bool()) {
        return Ok(x == y);
    }
    let (a, b) = with_times(a, b)?;
    if let (Some(x), Some(y)) = (instant(&a), instant(&b)) {
        return Ok(x == y);
    }
    if let (Some(x), Some(y)) = (span(&a), span(&b)) {
        return Ok(x == y);
    }
    if let (Some(x), Some(y)) = (json(&a), json(&b)) {
        return Ok(x == y);
    }
    incomparable(operator, &a, &b)
}

/// Whether a list has a value, or a text a part.
fn contains(whole: &Dynamic, part: &Dynamic) -> Result<bool> {
    if let Some(list) = whole.read_lock::<Array>() {
        return has_member(&list, part);
    }
    let Some(of) = text(whole) else { return fail(needs("contains", "a text", whole)) };
    let Some(part) = text(part) else { return fail(needs("contains", "a text", part)) };
    Ok(of.contains(part.as_str()))
}

/// Whether a list has a value. Members of another kind are passed over, unless
/// all of them are.
fn has_member(list: &Array, item: &Dynamic) -> Result<bool> {
    let (mut comparable, mut odd) = (false, None);
    for member in list {
        match equal("in", item, member) {
            Ok(true) => return Ok(true),
            Ok(false) => comparable |= !member.is_unit(),
            Err(error) => odd = odd.or(Some(error)),
        }
    }
    match odd {
        Some(error) if !comparable => Err(error),
        _ => Ok(false),
    }
}

/// A list or an object of the store.
fn json(value: &Dynamic) -> Option<Arc<serde_json::Value>> {
    value.clone().try_cast()
}

fn incomparable<T>(operator: &str, a: &Dynamic, b: &Dynamic) -> Result<T> {
    match (UnfitAttribute::of(a), UnfitAttribute::of(b)) {
        (Some(unfit), _) => fail(unfit.compared_with(b)),
        (None, Some(unfit)) => fail(unfit.compared_with(a)),
        (None, None) => fail(format!("`{operator}` cannot compare {} with {}", show_dynamic(a), show_dynamic(b))),
    }
}

fn incalculable<T>(operator: &str, a: &Dynamic, b: &Dynamic) -> Result<T> {
    match UnfitAttribute::of(a).or_else(|| UnfitAttribute::of(b)) {
        Some(unfit) => fail(unfit.needed_by(operator)),
        None => fail(format!("`{operator}` cannot calculate with {} and {}", describe(a), describe(b))),
    }
}

/// `None` only for NaN, which is below, above and equal to nothing.
fn order(operator: &str, a: &Dynamic, b: &Dynamic) -> Result<Option<Ordering>> {
    match numbers(a, b) {
        Some((Number::Int(x), Number::Int(y))) => return Ok(Some(x.cmp(&y))),
        Some((x, y)) => return Ok(x.float().partial_cmp(&y.float())),
        None => {}
    }
    if let (Some(x), Some(y)) = (text(a), text(b)) {
        return Ok(Some(x.as_str().cmp(y.as_str())));
    }
    let (a, b) = with_times(a, b)?;
    if let (Some(x), Some(y)) = (instant(&a), instant(&b)) {
        return Ok(Some(x.cmp(&y)));
    }
    if let (Some(x), Some(y)) = (span(&a), span(&b)) {
        return Ok(x.0.partial_cmp(&y.0));
    }
    incomparable(operator, &a, &b)
}

fn add(a: &Dynamic, b: &Dynamic) -> Result<Dynamic> {
    // A text that is no time is put together with what follows.
    if let Some(s) = span(b)
        && let Ok(time) = as_time(a)
        && let Some(t) = instant(&time)
    {
        return shift(&time, t, s.0);
    }
    // A span from a missing time is missing, as a wait's `date` allows.
    if (a.is_unit() && span(b).is_some()) || (span(a).is_some() && b.is_unit()) {
        return Ok(Dynamic::UNIT);
    }
    if let (Some(s), Some(t)) = (span(a), instant(b)) {
        return shift(b, t, s.0);
    }
    if let (Some(x), Some(y)) = (span(a), span(b)) {
        return x.0.checked_add(&y.0).map(|sum| Dynamic::from(Span(sum))).ok_or_else(|| "the span is too long".into());
    }
    let is_sum = read_number(a).and(read_number(b)).is_some();
    if !is_sum && (text(a).is_some() || text(b).is_some()) && !a.is_unit() && !b.is_unit() {
        let (x, y) = (display_text(a)?, display_text(b)?);
        if x.len() + y.len() > LONGEST_TEXT {
            return fail("the text is too long");
        }
        return Ok(Dynamic::from(format!("{x}{y}")));
    }
    arithmetic("+", a, b, i64::checked_add, |x, y| x + y)
}

fn subtract(a: &Dynamic, b: &Dynamic) -> Result<Dynamic> {
    let a = &if span(b).is_some() { as_time(a)? } else { a.clone() };
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
    match read_number(a).zip(read_number(b)) {
        Some((Number::Int(x), Number::Int(y))) => {
            whole(x, y).map(Dynamic::from).ok_or_else(|| "the number is too large".into())
        }
        Some((x, y)) => Ok(Dynamic::from(float(x.float(), y.float()))),
        None => incalculable(operator, a, b),
    }
}

fn divide(a: &Dynamic, b: &Dynamic) -> Result<Dynamic> {
    match read_number(a).zip(read_number(b)) {
        Some((_, y)) if y.float() == 0.0 => fail("division by zero"),
        Some((x, y)) => Ok(Dynamic::from(x.float() / y.float())),
        None => incalculable("/", a, b),
    }
}

fn remainder(a: &Dynamic, b: &Dynamic) -> Result<Dynamic> {
    match read_number(a).zip(read_number(b)) {
        Some((_, y)) if y.float() == 0.0 => fail("division by zero"),
        Some((Number::Int(x), Number::Int(y))) => {
            x.checked_rem(y).map(Dynamic::from).ok_or_else(|| "the number is too large".into())
        }
        Some((x, y)) => Ok(Dynamic::from(x.float() % y.float())),
        None => incalculable("%", a, b),
    }
}
