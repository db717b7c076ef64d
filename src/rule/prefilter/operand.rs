//! The values that a condition compares.

use rhai::{Dynamic, Expr, FnCallExpr, Position, Stmt};

use super::predicate::Term;
use super::translation::{Names, Translation};
use crate::facts::{Arg, Cell, CellPath, Subject, Type, Value};
use crate::rule::engine::value::from_dynamic;
use crate::rule::functions;
use crate::rule::holder::Holder;
use crate::rule::property_literal::{is_map, of_expr};

pub(super) const HOUR: i64 = 3_600_000_000;
pub(super) const DAY: i64 = 24 * HOUR;
/// The longest span that is understood, in microseconds: with more, an instant
/// could leave the calendar.
const LONGEST: i64 = 1_000_000 * DAY;

/// A value, as far as it is understood.
#[derive(Clone, Debug)]
pub(super) enum Part {
    None,
    /// True, false, a number or a text.
    Literal(Value),
    /// A cell; a time is moved by that many microseconds.
    Cell {
        term: Term,
        moved: i64,
    },
    /// Now, moved by that many microseconds.
    Now(i64),
    /// A span of that many microseconds.
    Span(i64),
    /// Whole units between a time and now; since it, or until it.
    Count {
        of: Box<Part>,
        unit: i64,
        since: bool,
    },
    /// The first that is not missing.
    First(Vec<Part>),
    Unknown,
}

/// A sum of microseconds that is still safe to add to an instant.
pub(super) fn add_spans(a: i64, b: i64) -> Option<i64> {
    a.checked_add(b).filter(|sum| sum.abs() <= LONGEST)
}

impl Part {
    /// A constant of the language.
    pub(super) fn constant(value: &Dynamic) -> Part {
        match from_dynamic(value) {
            Some(Value::Null) => Part::None,
            Some(value @ (Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_))) => Part::Literal(value),
            _ => Part::Unknown,
        }
    }
}

impl Translation<'_> {
    pub(super) fn part(&mut self, expr: &Expr, names: Names) -> Part {
        if self.is_spent() {
            return Part::Unknown;
        }
        match expr {
            Expr::BoolConstant(value, _) => Part::Literal(Value::Bool(*value)),
            Expr::IntegerConstant(value, _) => Part::Literal(Value::Int(*value)),
            Expr::FloatConstant(value, _) => Part::Literal(Value::Float(**value)),
            Expr::StringConstant(value, _) => Part::Literal(Value::text(value)),
            Expr::Unit(_) => Part::None,
            Expr::Stmt(block) => match block.statements() {
                [Stmt::Expr(inner)] => self.part(inner, names),
                [Stmt::FnCall(call, at)] => self.call_part(call, *at, names),
                _ => Part::Unknown,
            },
            Expr::Variable(variable, _, _) => match (names.argument(&variable.1), variable.1.as_str()) {
                (Some((argument, outer)), _) => self.part(argument, outer),
                (None, "none") => Part::None,
                (None, "now") if matches!(names, Names::Condition) => Part::Now(0),
                _ => Part::Unknown,
            },
            Expr::Coalesce(parts, _) => Part::First(parts.iter().map(|part| self.part(part, names)).collect()),
            Expr::Dot(chain, _, _) => match self.subject(&chain.lhs, names) {
                Some(subject) => self.member(subject, &chain.rhs, names),
                None => Part::Unknown,
            },
            Expr::FnCall(call, at) => self.call_part(call, *at, names),
            _ => Part::Unknown,
        }
    }

    /// The subject, if an expression is the account or the contact itself.
    fn subject(&mut self, expr: &Expr, names: Names) -> Option<Subject> {
        let Expr::Variable(variable, _, _) = expr else { return None };
        match names.argument(&variable.1) {
            Some((argument, outer)) => self.subject(argument, outer),
            None if matches!(names, Names::Condition) => {
                [Subject::Account, Subject::Contact].into_iter().find(|subject| subject.name() == variable.1.as_str())
            }
            None => None,
        }
    }

    /// What stands behind `account.` or `contact.`.
    fn member(&mut self, subject: Subject, rhs: &Expr, names: Names) -> Part {
        let cell = |path, ty| Part::Cell { term: Term { cell: Cell { subject, path }, ty }, moved: 0 };
        match rhs {
            Expr::Property(property, _) => {
                let name = property.2.as_str();
                let column = self.schema.column(subject, name);
                column.map_or(Part::Unknown, |column| cell(CellPath::Column(name.to_owned()), column.ty))
            }
            Expr::Dot(chain, _, _) => match (&chain.lhs, &chain.rhs) {
                (Expr::Property(traits, _), Expr::Property(key, _)) if traits.2.as_str() == "traits" => {
                    let key = key.2.to_string();
                    let ty =
                        self.attributes.get(&(Holder::Subject(subject), key.clone())).copied().unwrap_or(Type::Json);
                    cell(CellPath::Trait(key), ty)
                }
                _ => Part::Unknown,
            },
            Expr::MethodCall(call, _) if !self.is_own(&call.name, names) => {
                let Some(function) = functions::find(&call.name) else { return Part::Unknown };
                let args: Option<Vec<Arg>> = call
                    .args
                    .iter()
                    .map(|arg| match self.part(arg, names) {
                        Part::Unknown if is_since_entry(arg, names) => Some(Arg::SinceEntry),
                        Part::Literal(Value::Int(number)) => Some(Arg::Int(number)),
                        Part::Literal(Value::Text(text)) => Some(Arg::Text(text.to_string())),
                        _ if is_map(arg) => of_expr(arg).map(Arg::Properties),
                        _ => texts(arg).map(Arg::Texts),
                    })
                    .collect();
                let Some(args) = args.filter(|args| functions::pair(function, args).is_some()) else {
                    return Part::Unknown;
                };
                let ty = function.gives(&args).ty;
                cell(CellPath::Call { function: function.name(), args }, ty)
            }
            _ => Part::Unknown,
        }
    }

    fn call_part(&mut self, call: &FnCallExpr, at: Position, names: Names) -> Part {
        if let Some((module, function)) = self.module_function(call, names) {
            return self
                .inline(module, function, call, at, names, |translation, body, names| match body {
                    Stmt::Expr(expr) => translation.part(expr, names),
                    Stmt::FnCall(call, at) => translation.call_part(call, *at, names),
                    _ => Part::Unknown,
                })
                .unwrap_or(Part::Unknown);
        }
        if !self.is_built_in(call, names) {
            return Part::Unknown;
        }
        let parts: Vec<Part> = call.args.iter().map(|arg| self.part(arg, names)).collect();
        match (call.name.as_str(), parts.as_slice()) {
            ("days", [Part::Literal(Value::Int(count))]) => span_of(*count, DAY),
            ("hours", [Part::Literal(Value::Int(count))]) => span_of(*count, HOUR),
            ("days_since", [of]) => count(of, DAY, true),
            ("days_until", [of]) => count(of, DAY, false),
            ("hours_since", [of]) => count(of, HOUR, true),
            ("hours_until", [of]) => count(of, HOUR, false),
            ("-", [Part::Literal(Value::Int(number))]) => {
                number.checked_neg().map_or(Part::Unknown, |number| Part::Literal(Value::Int(number)))
            }
            ("-", [Part::Literal(Value::Float(number))]) => Part::Literal(Value::Float(-number)),
            (operator @ ("+" | "-" | "*"), [Part::Literal(a), Part::Literal(b)]) => calculate(operator, a, b),
            ("+", [time, Part::Span(by)]) | ("+", [Part::Span(by), time]) => move_time(time, *by),
            ("-", [time, Part::Span(by)]) => move_time(time, -by),
            _ => Part::Unknown,
        }
    }
}

/// A list of texts that are written out.
fn texts(arg: &Expr) -> Option<Vec<String>> {
    match arg {
        Expr::DynamicConstant(value, _) => {
            let items = value.clone().try_cast::<rhai::Array>()?;
            items.into_iter().map(|item| item.into_string().ok()).collect()
        }
        Expr::Array(items, _) => items
            .iter()
            .map(|item| match item {
                Expr::StringConstant(text, _) => Some(text.to_string()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// Whether an argument is the beginning of the enrollment.
fn is_since_entry(arg: &Expr, names: Names) -> bool {
    matches!((arg, names), (Expr::Variable(variable, ..), Names::Condition) if variable.1.as_str() == "since_entry")
}

fn span_of(count: i64, unit: i64) -> Part {
    count.checked_mul(unit).and_then(|span| add_spans(span, 0)).map_or(Part::Unknown, Part::Span)
}

fn count(of: &Part, unit: i64, since: bool) -> Part {
    match of {
        Part::Cell { term, .. } if term.ty == Type::Time => Part::Count { of: Box::new(of.clone()), unit, since },
        _ => Part::Unknown,
    }
}

fn move_time(time: &Part, by: i64) -> Part {
    let moved = match time {
        Part::Now(before) => add_spans(*before, by).map(Part::Now),
        Part::Cell { term, moved } if term.ty == Type::Time => {
            add_spans(*moved, by).map(|moved| Part::Cell { term: term.clone(), moved })
        }
        _ => None,
    };
    moved.unwrap_or(Part::Unknown)
}

/// The engine's arithmetic on two literal numbers.
fn calculate(operator: &str, a: &Value, b: &Value) -> Part {
    let result = match (a, b) {
        (Value::Int(a), Value::Int(b)) => match operator {
            "+" => a.checked_add(*b),
            "-" => a.checked_sub(*b),
            _ => a.checked_mul(*b),
        }
        .map(Value::Int),
        _ => match (float(a), float(b)) {
            (Some(a), Some(b)) => Some(Value::Float(match operator {
                "+" => a + b,
                "-" => a - b,
                _ => a * b,
            })),
            _ => None,
        },
    };
    result.map_or(Part::Unknown, Part::Literal)
}

/// A number as a float; `None` for anything else.
pub(super) fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}
