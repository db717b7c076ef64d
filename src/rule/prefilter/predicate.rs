//! A necessary part of a condition, in a form that a database can decide.
//!
//! The tree has no negation: what a condition's being true or false demands is
//! spelled out leaf by leaf. [`Predicate::matches`] is the meaning; the SQL of
//! it lies in `store`, and a test compares the two.

use std::cmp::Ordering;

use chrono::Duration;

use crate::clock::Instant;
use crate::facts::{Cell, CellPath, Facts, Type, Value};

/// What an account's facts must be like for the account to be kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    Always,
    Never,
    /// There is no value, or none that is sure to be readable.
    Missing(Term),
    Present(Term),
    /// Both sides exist and compare so; [`Comparison::Differs`] also where
    /// one side alone is missing.
    Compare {
        left: Term,
        comparison: Comparison,
        right: Operand,
    },
    /// The attribute holds another kind of value than the one it is read as.
    Unfit(Term),
    /// The float that equals nothing.
    NotANumber(Term),
    All(Vec<Predicate>),
    Any(Vec<Predicate>),
}

/// A cell as it is read: an attribute as the type it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub cell: Cell,
    pub ty: Type,
}

/// The right side of a comparison, of the left side's kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// The instant of the facts, moved by that many microseconds.
    FromNow(i64),
    /// Another cell; a time is moved by that many microseconds.
    Cell(Term, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equals,
    Differs,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Beyond this a number in JSON may not fit a float and counts as missing.
pub const LARGEST_READABLE: f64 = 1e308;

impl Comparison {
    /// The comparison that is false exactly where this one is true.
    pub fn negate(self) -> Comparison {
        match self {
            Comparison::Equals => Comparison::Differs,
            Comparison::Differs => Comparison::Equals,
            Comparison::Less => Comparison::AtLeast,
            Comparison::AtLeast => Comparison::Less,
            Comparison::Greater => Comparison::AtMost,
            Comparison::AtMost => Comparison::Greater,
        }
    }

    /// The same with its sides exchanged.
    pub fn mirror(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::Greater => Comparison::Less,
            Comparison::AtMost => Comparison::AtLeast,
            Comparison::AtLeast => Comparison::AtMost,
            same => same,
        }
    }

    /// Whether it holds between values that stand in this order.
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equals => order.is_eq(),
            Comparison::Differs => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::AtMost => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::AtLeast => order.is_ge(),
        }
    }
}

impl Predicate {
    /// The predicate that is always, or never, true.
    pub fn constant(truth: bool) -> Predicate {
        if truth { Predicate::Always } else { Predicate::Never }
    }

    /// Every part; simplified.
    pub fn all(parts: impl IntoIterator<Item = Predicate>) -> Predicate {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Predicate::Always => {}
                Predicate::Never => return Predicate::Never,
                Predicate::All(inner) => kept.extend(inner),
                other => kept.push(other),
            }
        }
        match kept.len() {
            0 => Predicate::Always,
            1 => kept.remove(0),
            _ => Predicate::All(kept),
        }
    }

    /// Some part; simplified.
    pub fn any(parts: impl IntoIterator<Item = Predicate>) -> Predicate {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Predicate::Never => {}
                Predicate::Always => return Predicate::Always,
                Predicate::Any(inner) => kept.extend(inner),
                other => kept.push(other),
            }
        }
        match kept.len() {
            0 => Predicate::Never,
            1 => kept.remove(0),
            _ => Predicate::Any(kept),
        }
    }

    /// What of it can be decided without a fact function: it keeps at least the
    /// same accounts.
    pub fn without_calls(&self) -> Predicate {
        match self {
            Predicate::All(parts) => Predicate::all(parts.iter().map(Predicate::without_calls)),
            Predicate::Any(parts) => Predicate::any(parts.iter().map(Predicate::without_calls)),
            leaf => {
                let mut calls = false;
                leaf.each_term(&mut |term| calls |= matches!(term.cell.path.whenever(), CellPath::Call { .. }));
                if calls { Predicate::Always } else { leaf.clone() }
            }
        }
    }

    /// Every part of it that has no parts itself, in order.
    pub fn each_leaf<'p>(&'p self, see: &mut impl FnMut(&'p Predicate)) {
        match self {
            Predicate::All(parts) | Predicate::Any(parts) => parts.iter().for_each(|part| part.each_leaf(see)),
            leaf => see(leaf),
        }
    }

    /// Every term in it, in the order of its clauses.
    pub fn each_term(&self, see: &mut impl FnMut(&Term)) {
        match self {
            Predicate::Always | Predicate::Never => {}
            Predicate::Missing(term)
            | Predicate::Present(term)
            | Predicate::Unfit(term)
            | Predicate::NotANumber(term) => see(term),
            Predicate::Compare { left, right, .. } => {
                see(left);
                if let Operand::Cell(other, _) = right {
                    see(other);
                }
            }
            Predicate::All(parts) | Predicate::Any(parts) => parts.iter().for_each(|part| part.each_term(see)),
        }
    }

    /// Whether an account with these facts is kept. A cell that was not fetched
    /// is missing.
    pub fn matches(&self, facts: &Facts) -> bool {
        match self {
            Predicate::Always => true,
            Predicate::Never => false,
            Predicate::Missing(term) => match facts.get(&term.cell).unwrap_or(&Value::Null) {
                Value::Null => true,
                Value::Json(raw) => {
                    raw.is_null()
                        || raw.is_object()
                        || raw.is_array()
                        || raw.as_f64().is_some_and(|n| n.abs() > LARGEST_READABLE)
                }
                _ => false,
            },
            Predicate::Present(term) => !is_null(facts.get(&term.cell)),
            Predicate::Unfit(term) => !is_null(facts.get(&term.cell)) && term.read(facts).is_null(),
            Predicate::Compare { left, comparison, right } => {
                let (left, right) = (left.read(facts), right.read(facts));
                match (left.is_null(), right.is_null()) {
                    (false, false) => order(&left, &right).is_some_and(|order| comparison.holds(order)),
                    (left, right) => *comparison == Comparison::Differs && left != right,
                }
            }
            Predicate::NotANumber(term) => matches!(term.read(facts), Value::Float(number) if number.is_nan()),
            Predicate::All(parts) => parts.iter().all(|part| part.matches(facts)),
            Predicate::Any(parts) => parts.iter().any(|part| part.matches(facts)),
        }
    }
}

/// Whether there is no value, or JSON's null.
fn is_null(value: Option<&Value>) -> bool {
    match value.unwrap_or(&Value::Null) {
        Value::Null => true,
        Value::Json(raw) => raw.is_null(),
        _ => false,
    }
}

impl Term {
    /// That it holds another kind of value than the one it is read as, where
    /// that can be: an attribute whose kind the database can tell.
    pub fn unfit(&self) -> Predicate {
        match self.ty {
            Type::Bool | Type::Text | Type::Int | Type::Float if self.is_attribute() => Predicate::Unfit(self.clone()),
            _ => Predicate::Never,
        }
    }

    /// Whether it is a key of `traits`.
    pub fn is_attribute(&self) -> bool {
        matches!(self.cell.path, CellPath::Trait(_))
    }

    fn read(&self, facts: &Facts) -> Value {
        let Some(value) = facts.get(&self.cell) else { return Value::Null };
        match value {
            Value::Json(raw) if self.ty != Type::Json => match (Value::from_attribute(raw), self.ty) {
                (value @ (Value::Int(_) | Value::Float(_)), Type::Int | Type::Float)
                | (value @ Value::Text(_), Type::Text)
                | (value @ Value::Bool(_), Type::Bool) => value,
                _ => Value::Null,
            },
            value => value.clone(),
        }
    }
}

impl Operand {
    fn read(&self, facts: &Facts) -> Value {
        match self {
            Operand::Bool(value) => Value::Bool(*value),
            Operand::Int(value) => Value::Int(*value),
            Operand::Float(value) => Value::Float(*value),
            Operand::Text(text) => Value::text(text),
            Operand::FromNow(by) => move_instant(facts.as_of, *by).map_or(Value::Null, Value::Time),
            Operand::Cell(term, by) => match term.read(facts) {
                Value::Time(at) => move_instant(at, *by).map_or(Value::Null, Value::Time),
                value => value,
            },
        }
    }
}

/// An instant that many microseconds later; `None` beyond the calendar.
pub fn move_instant(at: Instant, micros: i64) -> Option<Instant> {
    at.checked_add_signed(Duration::microseconds(micros))
}

/// The order of two values of one kind. What is not a number is the greatest,
/// as in Postgres.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    let floats = |a: f64, b: f64| a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()));
    Some(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Int(a), Value::Float(b)) => floats(*a as f64, *b),
        (Value::Float(a), Value::Int(b)) => floats(*a, *b as f64),
        (Value::Float(a), Value::Float(b)) => floats(*a, *b),
        (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Time(a), Value::Time(b)) => a.cmp(b),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::facts::{Layout, Subject};

    fn term(name: &str, ty: Type) -> Term {
        Term { cell: Cell { subject: Subject::Account, path: CellPath::Column(name.to_owned()) }, ty }
    }

    fn compare(name: &str, ty: Type, comparison: Comparison, right: Operand) -> Predicate {
        Predicate::Compare { left: term(name, ty), comparison, right }
    }

    #[test]
    fn a_missing_value_differs_and_compares_with_nothing() {
        let mut layout = Layout::default();
        layout.add(term("tier", Type::Text).cell);
        layout.add(term("seats", Type::Int).cell);
        let facts = Facts {
            account: "a".to_owned(),
            contact: String::new(),
            as_of: Instant::UNIX_EPOCH,
            layout: Arc::new(layout),
            values: vec![Value::Null, Value::Int(5)],
            matching: None,
        };
        let tier = |comparison| compare("tier", Type::Text, comparison, Operand::Text("A".to_owned()));
        assert!(tier(Comparison::Differs).matches(&facts));
        assert!(!tier(Comparison::Equals).matches(&facts));
        assert!(!tier(Comparison::AtLeast).matches(&facts));
        let seats = |comparison| compare("seats", Type::Int, comparison, Operand::Float(4.5));
        assert!(seats(Comparison::Greater).matches(&facts));
        assert!(!seats(Comparison::AtMost).matches(&facts));
        assert!(Predicate::Missing(term("tier", Type::Text)).matches(&facts));
        assert!(Predicate::Present(term("seats", Type::Int)).matches(&facts));
    }

    #[test]
    fn a_function_of_some_days_ago_is_a_function() {
        let call = CellPath::Call { function: "events", args: Vec::new() };
        let events = |path| Term { cell: Cell { subject: Subject::Account, path }, ty: Type::Int };
        let column = || Predicate::Present(term("tier", Type::Text));
        for path in [call.clone(), call.ago(Some(7))] {
            let both = Predicate::all([column(), Predicate::Present(events(path))]);
            assert_eq!(both.without_calls(), column());
        }
    }

    #[test]
    fn constants_disappear() {
        let leaf = || Predicate::Missing(term("tier", Type::Text));
        assert_eq!(Predicate::all([Predicate::Always, leaf()]), leaf());
        assert_eq!(Predicate::all([Predicate::Never, leaf()]), Predicate::Never);
        assert_eq!(Predicate::any([Predicate::Always, leaf()]), Predicate::Always);
        assert_eq!(Predicate::any([]), Predicate::Never);
        assert_eq!(Predicate::any([leaf(), Predicate::any([leaf(), leaf()])]), Predicate::Any(vec![leaf(); 3]));
    }
}
