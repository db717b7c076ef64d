//! What is known not to be missing at a place of a template.

use std::collections::HashSet;

use super::tree::{Comparison, Expr, Kind, Name};
use crate::facts::Value;

/// The names proven present here: by the playbook's condition, and by the
/// `{% if %}`s and `and`s around.
#[derive(Clone)]
pub(super) struct Known<'a> {
    condition: &'a HashSet<String>,
    guards: Vec<Name>,
}

impl<'a> Known<'a> {
    pub fn new(condition: &'a HashSet<String>) -> Known<'a> {
        Known { condition, guards: Vec::new() }
    }

    /// The same, where `condition` came out as `truth`.
    pub fn when(&self, condition: &Expr, truth: bool) -> Known<'a> {
        let mut inner = self.clone();
        inner.guards.extend(proven(condition, truth));
        inner
    }

    fn has(&self, name: &Name, nullable: bool) -> bool {
        let guarded = self.guards.contains(name);
        match name {
            // The condition was read when the enrollment began.
            Name::Cell(_) | Name::Entry(_) => guarded || self.condition.contains(&name.to_string()),
            // Any column of the CSM proves that there is one.
            Name::CsmColumn(_) => {
                guarded
                    || (!nullable && self.guards.iter().any(|guard| matches!(guard, Name::Csm | Name::CsmColumn(_))))
            }
            Name::Csm => self.guards.iter().any(|guard| matches!(guard, Name::Csm | Name::CsmColumn(_))),
            _ => guarded,
        }
    }

    /// The part of an expression because of which it can be missing.
    pub fn weak<'e>(&self, expr: &'e Expr) -> Option<&'e Expr> {
        match &expr.kind {
            Kind::Literal(Value::Null) => Some(expr),
            Kind::Name { name, nullable } => {
                // The whole CSM can be missing, whatever its columns say.
                let can = *nullable || matches!(name, Name::CsmColumn(_));
                (can && !self.has(name, *nullable)).then_some(expr)
            }
            Kind::Negate(inner) | Kind::Format(inner, _) | Kind::Clock(_, inner) => self.weak(inner),
            Kind::Calculate(_, left, right) | Kind::Concat(left, right) => self.weak(left).or_else(|| self.weak(right)),
            Kind::Shift { time, amount, .. } => self.weak(time).or_else(|| self.weak(amount)),
            Kind::And(left, right) => self.when(left, false).weak(left).or_else(|| self.when(left, true).weak(right)),
            Kind::Or(left, right) => self.when(left, false).weak(right),
            Kind::Default(_, fallback) => self.weak(fallback),
            Kind::Choose { condition, then, otherwise } => {
                self.when(condition, true).weak(then).or_else(|| match otherwise {
                    Some(otherwise) => self.when(condition, false).weak(otherwise),
                    None => Some(expr),
                })
            }
            Kind::Literal(_)
            | Kind::Not(_)
            | Kind::Compare(..)
            | Kind::Among(..)
            | Kind::Within(..)
            | Kind::Period(_)
            | Kind::InSeason(_)
            | Kind::HowMany(_)
            | Kind::IsMissing(_) => None,
        }
    }
}

/// The names that are present when the condition came out as `truth`.
fn proven(condition: &Expr, truth: bool) -> Vec<Name> {
    match &condition.kind {
        Kind::Not(inner) => proven(inner, !truth),
        Kind::And(left, right) if truth => join(proven(left, true), proven(right, true)),
        Kind::And(left, right) => meet(proven(left, false), &proven(right, false)),
        Kind::Or(left, right) if truth => meet(proven(left, true), &proven(right, true)),
        Kind::Or(left, right) => join(proven(left, false), proven(right, false)),
        Kind::IsMissing(inner) if !truth => needs(inner),
        Kind::Compare(comparison, left, right) => match comparison {
            // A missing operand would have been an error.
            comparison if comparison.is_ordering() => join(needs(left), needs(right)),
            Comparison::Unequal if truth && is_none(right) => needs(left),
            Comparison::Unequal if truth && is_none(left) => needs(right),
            Comparison::Equal if !truth && is_none(right) => needs(left),
            Comparison::Equal if !truth && is_none(left) => needs(right),
            Comparison::Equal if truth && is_present(right) => needs(left),
            Comparison::Equal if truth && is_present(left) => needs(right),
            _ => Vec::new(),
        },
        Kind::Among(value, list) if truth && list.iter().all(is_present) => needs(value),
        Kind::Within(needle, haystack) if truth => join(needs(needle), needs(haystack)),
        Kind::Name { .. } | Kind::Clock(..) | Kind::Calculate(..) if truth => needs(condition),
        _ => Vec::new(),
    }
}

/// The names that must be present for the expression to be.
fn needs(expr: &Expr) -> Vec<Name> {
    match &expr.kind {
        Kind::Name { name, .. } => vec![name.clone()],
        Kind::Negate(inner) | Kind::Format(inner, _) | Kind::Clock(_, inner) => needs(inner),
        Kind::Calculate(_, left, right) | Kind::Concat(left, right) => join(needs(left), needs(right)),
        Kind::Shift { time, amount, .. } => join(needs(time), needs(amount)),
        _ => Vec::new(),
    }
}

fn is_none(expr: &Expr) -> bool {
    matches!(expr.kind, Kind::Literal(Value::Null))
}

fn is_present(expr: &Expr) -> bool {
    matches!(&expr.kind, Kind::Literal(value) if !value.is_null())
}

fn join(mut left: Vec<Name>, right: Vec<Name>) -> Vec<Name> {
    left.extend(right);
    left
}

fn meet(mut left: Vec<Name>, right: &[Name]) -> Vec<Name> {
    left.retain(|name| right.contains(name));
    left
}
