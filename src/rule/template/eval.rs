//! Rendering: the tree with one subject's facts.

use std::cmp::Ordering;

use chrono::Duration;
use chrono_tz::Tz;

use super::calculate::{as_number, calculate, equal, is_blank, order, truth};
use super::escape::Escape;
use super::tree::{ClockFunction, Comparison, Expr, Format, Kind, Name, Node};
use super::{MAX_OUTPUT, MAX_VALUE, RenderContext, RenderError};
use crate::diagnostic::Position;
use crate::facts::{CellPath, Contact, Csm, Value, time};
use crate::rule::print;

type Evaluated = Result<Value, RenderError>;

pub(super) fn render(nodes: &[Node], escape: Escape, context: &RenderContext) -> Result<String, RenderError> {
    let mut out = String::new();
    Rendering { context, escape }.nodes(nodes, &mut out)?;
    Ok(out)
}

struct Rendering<'a> {
    context: &'a RenderContext<'a>,
    escape: Escape,
}

impl Rendering<'_> {
    fn nodes(&self, nodes: &[Node], out: &mut String) -> Result<(), RenderError> {
        for node in nodes {
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Print(expr) => {
                    let value = self.present(expr)?;
                    let text = self.text(&value, expr)?;
                    self.escape.push(out, &text);
                    if out.len() > MAX_OUTPUT {
                        return Err(failure(expr.place, "the text is too long: over 256 KiB"));
                    }
                }
                Node::If { condition, then, otherwise } => {
                    let taken = if truth(&self.value(condition)?) { then } else { otherwise };
                    self.nodes(taken, out)?;
                }
            }
        }
        Ok(())
    }

    fn value(&self, expr: &Expr) -> Evaluated {
        Ok(match &expr.kind {
            Kind::Literal(value) => value.clone(),
            Kind::Name { name, .. } => self.look_up(name, expr.place)?,
            Kind::Not(inner) => Value::Bool(!truth(&self.value(inner)?)),
            Kind::And(left, right) => {
                let left = self.value(left)?;
                if truth(&left) { self.value(right)? } else { left }
            }
            Kind::Or(left, right) => {
                let left = self.value(left)?;
                if truth(&left) { left } else { self.value(right)? }
            }
            Kind::Compare(comparison, left, right) => Value::Bool(self.compare(*comparison, left, right)?),
            Kind::Among(value, list) => {
                let value = self.value(value)?;
                let mut found = false;
                for item in list {
                    found = found || equal(&value, &self.value(item)?);
                }
                Value::Bool(found)
            }
            Kind::Within(needle, haystack) => self.within(needle, haystack)?,
            Kind::Calculate(operator, left, right) => {
                let (a, b) = (self.value(left)?, self.value(right)?);
                if a.is_null() || b.is_null() {
                    return Ok(Value::Null);
                }
                calculate(*operator, &a, &b).map_err(|why| failure(expr.place, why))?
            }
            Kind::Negate(inner) => match self.value(inner)? {
                Value::Null => Value::Null,
                Value::Int(number) => number.checked_neg().map_or(Value::Float(-(number as f64)), Value::Int),
                Value::Float(number) => Value::Float(-number),
                _ => return Err(failure(expr.place, "`-` needs a number")),
            },
            Kind::Concat(left, right) => {
                let (a, b) = (self.value(left)?, self.value(right)?);
                if a.is_null() || b.is_null() {
                    return Ok(Value::Null);
                }
                let text = format!("{}{}", self.text(&a, left)?, self.text(&b, right)?);
                Value::text(&short_enough(text, expr)?)
            }
            Kind::Shift { time, amount, unit } => self.shift(expr, time, amount, *unit)?,
            Kind::Choose { condition, then, otherwise } => {
                if truth(&self.value(condition)?) {
                    self.value(then)?
                } else {
                    match otherwise {
                        Some(otherwise) => self.value(otherwise)?,
                        None => Value::Null,
                    }
                }
            }
            Kind::Default(value, fallback) => {
                let value = self.value(value)?;
                if value.is_null() || is_blank(&value) { self.value(fallback)? } else { value }
            }
            Kind::Format(inner, format) => self.format(inner, format)?,
            Kind::Clock(function, of) => match self.instant(of)? {
                Value::Time(at) => Value::Int(self.clock(*function, at)),
                Value::Null => Value::Null,
                _ => return Err(failure(of.place, "a time is needed here")),
            },
            Kind::Period(unit) => {
                let now = self.context.facts.as_of;
                time::period(now, unit, self.context.playbook_zone).map_or(Value::Null, |period| Value::text(&period))
            }
            Kind::InSeason(season) => {
                Value::Bool(season.contains(self.context.facts.as_of, self.context.playbook_zone))
            }
            Kind::HowMany(conditions) => {
                let holds = |condition: &&Expr| matches!(self.value(condition), Ok(Value::Bool(true)));
                Value::Int(conditions.iter().filter(holds).count() as i64)
            }
            Kind::IsMissing(inner) => Value::Bool(self.value(inner)?.is_null()),
        })
    }

    /// The value of an expression that may not be missing here.
    fn present(&self, expr: &Expr) -> Evaluated {
        let value = self.value(expr)?;
        if !value.is_null() {
            return Ok(value);
        }
        Err(match self.missing(expr)? {
            Some((name, place)) => failure(place, self.why_missing(name)),
            None => failure(expr.place, "there is no value to print here"),
        })
    }

    /// The name because of which an expression has no value.
    fn missing<'e>(&self, expr: &'e Expr) -> Result<Option<(&'e Name, Position)>, RenderError> {
        let among = |left: &'e Expr, right: &'e Expr| match self.missing(left)? {
            Some(found) => Ok(Some(found)),
            None => self.missing(right),
        };
        match &expr.kind {
            Kind::Name { name, .. } => Ok(self.look_up(name, expr.place)?.is_null().then_some((name, expr.place))),
            Kind::Negate(inner) | Kind::Format(inner, _) | Kind::Clock(_, inner) => self.missing(inner),
            Kind::Calculate(_, left, right)
            | Kind::Concat(left, right)
            | Kind::And(left, right)
            | Kind::Or(left, right) => among(left, right),
            Kind::Shift { time, amount, .. } => among(time, amount),
            Kind::Default(_, fallback) => self.missing(fallback),
            Kind::Choose { then, otherwise: Some(otherwise), .. } => among(then, otherwise),
            Kind::Choose { then, .. } => self.missing(then),
            _ => Ok(None),
        }
    }

    fn why_missing(&self, name: &Name) -> String {
        match name {
            Name::RecipientColumn(_) | Name::RecipientTrait(_) if self.context.recipient.is_none() => {
                format!("`{name}` is missing: the recipient is not a contact of this account")
            }
            Name::CsmColumn(_) if self.context.csm.is_none() => {
                format!("`{name}` is missing: this account has no CSM")
            }
            _ => format!("`{name}` is missing"),
        }
    }

    fn look_up(&self, name: &Name, place: Position) -> Evaluated {
        let context = self.context;
        let value = match name {
            Name::Cell(cell) => match context.facts.get(cell) {
                Some(value) => readable(value),
                None => return Err(failure(place, format!("`{name}` was not read"))),
            },
            Name::EntryAt => context.progress.map_or(Value::Null, |progress| Value::Time(progress.entered_at)),
            Name::Entry(column) => {
                context.progress.and_then(|progress| progress.entry.get(column)).map_or(Value::Null, readable)
            }
            Name::Recipient => present(context.recipient),
            Name::RecipientColumn(column) => {
                context.recipient.map_or(Value::Null, |contact| contact_column(contact, column))
            }
            Name::RecipientTrait(key) => {
                context.recipient.and_then(|contact| contact.traits.get(key)).map_or(Value::Null, Value::from_attribute)
            }
            Name::Csm => present(context.csm),
            Name::CsmColumn(column) => context.csm.map_or(Value::Null, |csm| csm_column(csm, column)),
            Name::Playbook => Value::text(context.playbook),
            Name::Now => Value::Time(context.facts.as_of),
            Name::Done(step) => Value::Bool(context.progress.is_some_and(|progress| progress.done.contains(step))),
            Name::Sent(step) => Value::Bool(context.progress.is_some_and(|progress| progress.sent.contains(step))),
            Name::Answer(step) => {
                context.progress.and_then(|progress| progress.answers.get(step)).map_or(Value::Null, Value::clone)
            }
            Name::Outcome(step) => context
                .progress
                .and_then(|progress| progress.outcomes.get(step))
                .map_or(Value::Null, |outcome| Value::text(outcome)),
        };
        match &value {
            Value::Text(text) if text.len() > MAX_VALUE => {
                let message = format!("`{name}` is too long: over 64 KiB");
                Err(failure(place, message))
            }
            _ => Ok(value),
        }
    }

    /// A value for counting and comparing: a date begins with its day in the
    /// playbook's zone, as in expressions.
    fn instant(&self, expr: &Expr) -> Evaluated {
        Ok(match self.value(expr)? {
            Value::Time(at) if is_column(expr) => Value::Time(time::begins(at, self.context.playbook_zone)),
            value => value,
        })
    }

    fn compare(&self, comparison: Comparison, left: &Expr, right: &Expr) -> Result<bool, RenderError> {
        if !comparison.is_ordering() {
            let same = equal(&self.value(left)?, &self.value(right)?);
            return Ok(same == (comparison == Comparison::Equal));
        }
        self.present(left)?;
        self.present(right)?;
        let (a, b) = (self.instant(left)?, self.instant(right)?);
        let Some(order) = order(&a, &b) else {
            let message = format!("`{}` cannot order these two values", comparison.symbol());
            return Err(failure(left.place, message));
        };
        Ok(match comparison {
            Comparison::Less => order == Ordering::Less,
            Comparison::AtMost => order != Ordering::Greater,
            Comparison::Greater => order == Ordering::Greater,
            _ => order != Ordering::Less,
        })
    }

    fn within(&self, needle: &Expr, haystack: &Expr) -> Evaluated {
        let (part, whole) = (self.value(needle)?, self.value(haystack)?);
        Ok(Value::Bool(match (&part, &whole) {
            (Value::Text(part), Value::Text(whole)) => whole.contains(&**part),
            (part, Value::Json(json)) => {
                json.as_array().is_some_and(|items| items.iter().any(|item| equal(part, &Value::from_attribute(item))))
            }
            (Value::Null, _) | (_, Value::Null) => false,
            _ => return Err(failure(haystack.place, "`in` looks into a list or a text")),
        }))
    }

    fn shift(&self, expr: &Expr, time: &Expr, amount: &Expr, unit: i64) -> Evaluated {
        let at = match self.value(time)? {
            Value::Time(at) => at,
            Value::Null => return Ok(Value::Null),
            _ => return Err(failure(time.place, "a time is needed here")),
        };
        let amount = match self.value(amount)? {
            Value::Null => return Ok(Value::Null),
            value => as_number(&value).ok_or_else(|| failure(amount.place, "a number is needed here"))?,
        };
        let seconds = amount * unit as f64;
        // Beyond this no calendar reaches; the cast below is then exact.
        let span = (seconds.abs() < 1e12).then(|| Duration::try_seconds(seconds.round() as i64)).flatten();
        span.and_then(|span| at.checked_add_signed(span))
            .map(Value::Time)
            .ok_or_else(|| failure(expr.place, "this time lies too far away"))
    }

    fn clock(&self, function: ClockFunction, at: crate::clock::Instant) -> i64 {
        let now = self.context.facts.as_of;
        let zone = self.context.playbook_zone;
        match function {
            ClockFunction::DaysSince => time::days_since(now, at),
            ClockFunction::DaysUntil => time::days_until(now, at),
            ClockFunction::HoursSince => time::hours_since(now, at),
            ClockFunction::HoursUntil => time::hours_until(now, at),
            ClockFunction::Month => time::month(at, zone),
            ClockFunction::Weekday => time::weekday(at, zone),
        }
    }

    fn format(&self, inner: &Expr, format: &Format) -> Evaluated {
        let value = self.value(inner)?;
        if value.is_null() {
            return Ok(Value::Null);
        }
        let wrong = |what: &str| failure(inner.place, format!("{what} is needed here"));
        let text = match format {
            Format::Date(pattern) => {
                let Value::Time(at) = value else {
                    return Err(wrong("a time"));
                };
                let (zone, locale) = (self.zone(inner, at), self.context.locale);
                match pattern {
                    None => print::date(at, zone, locale),
                    Some(pattern) => print::pattern(at, zone, locale, pattern)
                        .ok_or_else(|| failure(inner.place, "not a date pattern"))?,
                }
            }
            Format::Number(decimals) => {
                as_number(&value).and_then(|number| print::fixed(number, *decimals)).ok_or_else(|| wrong("a number"))?
            }
            Format::Percent { decimals, scale } => as_number(&value)
                .and_then(|number| print::fixed(number * scale, *decimals))
                .map(|number| number + "%")
                .ok_or_else(|| wrong("a number"))?,
            Format::Upper => self.text(&value, inner)?.to_uppercase(),
            Format::Lower => self.text(&value, inner)?.to_lowercase(),
        };
        Ok(Value::text(&short_enough(text, inner)?))
    }

    /// Where a time is read as a date: in the reader's zone. A column may hold a
    /// date, as its midnight in UTC, and that is the same date for everybody.
    fn zone(&self, of: &Expr, at: crate::clock::Instant) -> Tz {
        if is_column(of) && print::is_date(at) { Tz::UTC } else { self.context.zone }
    }

    /// A present value as it prints.
    fn text(&self, value: &Value, expr: &Expr) -> Result<String, RenderError> {
        let text = match value {
            Value::Time(at) => print::date(*at, self.zone(expr, *at), self.context.locale),
            value => {
                print::printed(value, self.context.zone, self.context.locale).map_err(|why| failure(expr.place, why))?
            }
        };
        short_enough(text, expr)
    }
}

fn failure(place: Position, message: impl Into<String>) -> RenderError {
    RenderError { message: message.into(), place }
}

/// Whether a time comes from a column, moved or not.
fn is_column(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Name { name: Name::Cell(cell), .. } => matches!(cell.path, CellPath::Column(_)),
        Kind::Name { name, .. } => matches!(name, Name::Entry(_) | Name::RecipientColumn(_) | Name::CsmColumn(_)),
        Kind::Shift { time, .. } => is_column(time),
        Kind::Default(value, fallback) | Kind::Or(value, fallback) => is_column(value) || is_column(fallback),
        Kind::Choose { then, otherwise, .. } => is_column(then) || otherwise.as_deref().is_some_and(is_column),
        _ => false,
    }
}

fn short_enough(text: String, expr: &Expr) -> Result<String, RenderError> {
    if text.len() > MAX_VALUE {
        return Err(failure(expr.place, "this value is too long: over 64 KiB"));
    }
    Ok(text)
}

/// An attribute is read as the kind it holds.
fn readable(value: &Value) -> Value {
    match value {
        Value::Json(json) => Value::from_attribute(json),
        other => other.clone(),
    }
}

fn present<T>(whole: Option<T>) -> Value {
    whole.map_or(Value::Null, |_| Value::Bool(true))
}

fn contact_column(contact: &Contact, column: &str) -> Value {
    let text = |value: &Option<String>| value.as_deref().map_or(Value::Null, Value::text);
    match contact.columns.get(column) {
        Some(value) => readable(value),
        None => match column {
            "id" => Value::text(&contact.id),
            "name" => Value::text(&contact.name),
            "email" => text(&contact.email),
            "role" => text(&contact.role),
            "timezone" => text(&contact.timezone),
            "locale" => text(&contact.locale),
            "created_at" => Value::Time(contact.created_at),
            "left_at" => contact.left_at.map_or(Value::Null, Value::Time),
            _ => Value::Null,
        },
    }
}

fn csm_column(csm: &Csm, column: &str) -> Value {
    let text = |value: &Option<String>| value.as_deref().map_or(Value::Null, Value::text);
    match column {
        "id" => Value::text(&csm.id),
        "name" => Value::text(&csm.name),
        "email" => Value::text(&csm.email),
        "manager_id" => text(&csm.manager_id),
        "timezone" => text(&csm.timezone),
        _ => Value::Null,
    }
}
