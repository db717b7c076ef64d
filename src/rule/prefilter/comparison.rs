//! What a comparison demands, and what a value's being missing does.

use rhai::Position;

use super::operand::{Part, add_spans, float};
use super::predicate::{Comparison, Operand, Predicate, Term};
use super::translation::Translation;
use crate::facts::{Type, Value};
use crate::rule::functions;

/// Whole numbers up to here are floats exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Translation<'_> {
    pub(super) fn missing(&mut self, part: &Part, at: Position) -> Predicate {
        match part {
            Part::None => Predicate::Always,
            Part::Literal(_) | Part::Now(_) | Part::Span(_) => Predicate::Never,
            Part::Cell { term, .. } if is_count(term) => Predicate::Never,
            Part::Cell { term, .. } => Predicate::Missing(term.clone()),
            // Which texts are times the database does not know.
            Part::Count { of, .. } if is_attribute(of) => self.leave(at),
            Part::Count { of, .. } => self.missing(of, at),
            Part::First(parts) => Predicate::all(parts.iter().map(|part| self.missing(part, at)).collect::<Vec<_>>()),
            Part::Unknown => self.leave(at),
        }
    }

    pub(super) fn present(&mut self, part: &Part, at: Position) -> Predicate {
        match part {
            Part::None => Predicate::Never,
            Part::Literal(_) | Part::Now(_) | Part::Span(_) => Predicate::Always,
            Part::Cell { term, .. } if is_count(term) => Predicate::Always,
            Part::Cell { term, .. } => Predicate::Present(term.clone()),
            Part::Count { of, .. } => self.present(of, at),
            Part::First(parts) => Predicate::any(parts.iter().map(|part| self.present(part, at)).collect::<Vec<_>>()),
            Part::Unknown => self.leave(at),
        }
    }

    /// What `left comparison right` demands where it is true, or is false.
    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        left: &Part,
        right: &Part,
        holds: bool,
        at: Position,
    ) -> Predicate {
        if self.is_spent() {
            return self.leave(at);
        }
        if let Part::First(parts) = left {
            let (mut ways, mut before) = (Vec::new(), Predicate::Always);
            for (index, part) in parts.iter().enumerate() {
                let last = index + 1 == parts.len();
                let chosen = if last { Predicate::Always } else { self.present(part, at) };
                let compared = self.compare(comparison, part, right, holds, at);
                ways.push(Predicate::all([before.clone(), chosen, compared]));
                before = Predicate::all([before, self.missing(part, at)]);
            }
            return Predicate::any(ways);
        }
        // What is simpler stands on the right.
        if matches!(right, Part::First(_)) || simplicity(left) > simplicity(right) {
            return self.compare(comparison.mirror(), right, left, holds, at);
        }
        let demanded = if holds { comparison } else { comparison.negate() };
        match (left, right) {
            (_, Part::None) => match demanded {
                Comparison::Equals => self.missing(left, at),
                Comparison::Differs => self.present(left, at),
                _ => self.leave(at),
            },
            (Part::Literal(a), Part::Literal(b)) => match constant_order(a, b) {
                Some(order) => Predicate::constant(demanded.holds(order)),
                None => self.leave(at),
            },
            (Part::Now(a), Part::Now(b)) => Predicate::constant(demanded.holds(a.cmp(b))),
            (Part::Count { of, unit, since }, Part::Literal(Value::Int(number))) => {
                match self.compare_count(of, *unit, *since, demanded, *number, at) {
                    Some(predicate) => predicate,
                    None => self.leave(at),
                }
            }
            (Part::Cell { term, .. }, Part::Literal(literal)) => match against_literal(term, demanded, literal) {
                Some(predicate) => {
                    let decided = allow_not_a_number(predicate, demanded, holds, [Some(term), None]);
                    Predicate::any([decided, term.unfit()])
                }
                None => self.leave(at),
            },
            (Part::Cell { term, moved }, Part::Now(by)) if term.ty == Type::Time && !term.is_attribute() => {
                match add_spans(*by, -moved)
                    .and_then(|by| compare_loosely(term, demanded, by, self.slack, Operand::FromNow))
                {
                    Some(predicate) => predicate,
                    None => self.leave(at),
                }
            }
            (Part::Cell { term, moved }, Part::Cell { term: other, moved: by }) => {
                let both = add_spans(*by, -moved).filter(|_| comparable(term, other));
                let Some(by) = both else { return self.leave(at) };
                let slack = if term.ty == Type::Time { 2 * self.slack } else { 0 };
                let other_cell = |by| Operand::Cell(other.clone(), by);
                let Some(order) = compare_loosely(term, demanded, by, slack, other_cell) else { return self.leave(at) };
                let order = allow_not_a_number(order, demanded, holds, [Some(term), Some(other)]);
                let order = Predicate::any([order, term.unfit(), other.unfit()]);
                match demanded {
                    // Two missing values are equal.
                    Comparison::Equals => {
                        let neither = [self.missing(left, at), self.missing(right, at)];
                        Predicate::any([order, Predicate::all(neither)])
                    }
                    _ => order,
                }
            }
            _ => self.leave(at),
        }
    }

    /// A count of whole units since or until a time, compared with a number:
    /// bounds of the time itself.
    fn compare_count(
        &mut self,
        of: &Part,
        unit: i64,
        since: bool,
        demanded: Comparison,
        number: i64,
        at: Position,
    ) -> Option<Predicate> {
        let Part::Cell { term, moved } = of else { return None };
        if term.is_attribute() {
            return None;
        }
        let slack = self.slack;
        // From `n` units on: at or before `now - n units`, or at or after `now + n units`.
        let bound = |count: i64, reached: bool| {
            let by = count.checked_mul(if since { -unit } else { unit })?;
            let comparison = match (since, reached) {
                (true, true) => Comparison::AtMost,
                (true, false) => Comparison::Greater,
                (false, true) => Comparison::AtLeast,
                (false, false) => Comparison::Less,
            };
            compare_loosely(
                term,
                comparison,
                add_spans(by, 0).and_then(|by| add_spans(by, -moved))?,
                slack,
                Operand::FromNow,
            )
        };
        let next = number.checked_add(1)?;
        Some(match demanded {
            Comparison::AtLeast => bound(number, true)?,
            Comparison::Less => bound(number, false)?,
            Comparison::Greater => bound(next, true)?,
            Comparison::AtMost => bound(next, false)?,
            Comparison::Equals => Predicate::all([bound(number, true)?, bound(next, false)?]),
            Comparison::Differs => {
                let missing = self.missing(of, at);
                Predicate::any([missing, bound(number, false)?, bound(next, true)?])
            }
        })
    }
}

fn make_comparison(left: &Term, comparison: Comparison, right: Operand) -> Predicate {
    Predicate::Compare { left: left.clone(), comparison, right }
}

/// A comparison of times that also holds for those that lie up to `slack`
/// beyond; `None` where that says nothing.
fn compare_loosely(
    left: &Term,
    comparison: Comparison,
    by: i64,
    slack: i64,
    right: impl Fn(i64) -> Operand,
) -> Option<Predicate> {
    if slack == 0 {
        return Some(make_comparison(left, comparison, right(by)));
    }
    let above = || Some(make_comparison(left, Comparison::AtLeast, right(add_spans(by, -slack)?)));
    let below = || Some(make_comparison(left, Comparison::AtMost, right(add_spans(by, slack)?)));
    match comparison {
        Comparison::Equals => Some(Predicate::all([above()?, below()?])),
        Comparison::Greater | Comparison::AtLeast => above(),
        Comparison::Less | Comparison::AtMost => below(),
        Comparison::Differs => None,
    }
}

/// Which side of a comparison a part belongs to: the right one, if it is less.
fn simplicity(part: &Part) -> u8 {
    match part {
        Part::None => 3,
        Part::Literal(_) => 2,
        Part::Now(_) | Part::Span(_) => 1,
        _ => 0,
    }
}

/// Whether a part is an attribute.
fn is_attribute(part: &Part) -> bool {
    matches!(part, Part::Cell { term, .. } if term.is_attribute())
}

/// Whether a cell is a function that always has a value.
fn is_count(term: &Term) -> bool {
    match &term.cell.path {
        crate::facts::CellPath::Call { function, args } => {
            functions::find(function).is_some_and(|function| !function.gives(args).nullable)
        }
        _ => false,
    }
}

fn constant_order(a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        _ => float(a)?.partial_cmp(&float(b)?),
    }
}

/// Whether two cells can be compared by the database as the engine does it.
fn comparable(a: &Term, b: &Term) -> bool {
    let attribute = |term: &Term| term.is_attribute() && !matches!(term.ty, Type::Text | Type::Bool);
    let numbers = a.ty.is_number() && b.ty.is_number();
    !attribute(a) && !attribute(b) && (numbers || a.ty == b.ty && a.ty != Type::Json)
}

/// A cell compared with a literal; `None` when that is left to the engine.
fn against_literal(term: &Term, demanded: Comparison, literal: &Value) -> Option<Predicate> {
    let right = match (term.ty, literal) {
        (Type::Bool, Value::Bool(value)) if matches!(demanded, Comparison::Equals | Comparison::Differs) => {
            Operand::Bool(*value)
        }
        // Postgres knows no text with this character.
        (Type::Text, Value::Text(text)) if !text.contains('\0') => Operand::Text(text.to_string()),
        (Type::Int | Type::Float, Value::Int(_) | Value::Float(_)) if term.is_attribute() => {
            return compare_about(term, demanded, float(literal)?);
        }
        (Type::Int, Value::Int(number)) => Operand::Int(*number),
        (Type::Int | Type::Float, _) => Operand::Float(float(literal).filter(|number| number.is_finite())?),
        _ => return None,
    };
    Some(make_comparison(term, demanded, right))
}

/// A number in JSON is decimal in the database and was rounded where it was
/// read: its bounds are wider than the rounding.
fn compare_about(term: &Term, demanded: Comparison, number: f64) -> Option<Predicate> {
    if number.is_nan() || number.abs() > EXACT {
        return None;
    }
    let slack = (number.abs() * 1e-12).max(1e-300);
    let above = || make_comparison(term, Comparison::AtLeast, Operand::Float(number - slack));
    let below = || make_comparison(term, Comparison::AtMost, Operand::Float(number + slack));
    Some(match demanded {
        Comparison::Equals => Predicate::all([above(), below()]),
        Comparison::Greater | Comparison::AtLeast => above(),
        Comparison::Less | Comparison::AtMost => below(),
        Comparison::Differs => return None,
    })
}

/// What is not a number equals nothing and is in no order with anything, so a
/// comparison with it is false; the database orders it.
fn allow_not_a_number(predicate: Predicate, demanded: Comparison, holds: bool, terms: [Option<&Term>; 2]) -> Predicate {
    if holds && demanded != Comparison::Differs {
        return predicate;
    }
    let floats = terms.into_iter().flatten().filter(|term| term.ty == Type::Float && !term.is_attribute());
    Predicate::any([predicate].into_iter().chain(floats.map(|term| Predicate::NotANumber(term.clone()))))
}
