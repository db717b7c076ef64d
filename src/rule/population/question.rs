//! One call of a population function, compiled: who its members are, and what it
//! asks of each.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DurationRound, TimeDelta, Timelike};
use chrono_tz::Tz;

use super::figure::{Figure, MemberValue, Sample};
use super::measure::Measure;
use crate::clock::Instant;
use crate::facts::{Cell, CellPath, Facts, Layout, PopulationCall, Schema, Subject, Type, Value};
use crate::rule::compiled::{Rule, Verdict};
use crate::rule::engine::context::Context;
use crate::rule::engine::sandbox::Sandbox;
use crate::rule::functions::days_back;
use crate::rule::prefilter::predicate::{Comparison, Operand, Predicate, Term};

/// Who the members of a population are.
#[derive(Debug)]
pub(crate) enum Members {
    /// Those whose account has one of these statuses.
    Statuses(Vec<String>),
    /// Those for whom this holds, whatever their status.
    Where(Rule),
}

/// A population function with its expressions, as it is asked of each member.
#[derive(Debug)]
pub struct PopulationQuestion {
    pub measure: Measure,
    /// Whose values they are.
    pub subject: Subject,
    /// `None` where members are only counted.
    expression: Option<Rule>,
    members: Members,
    /// How many days lie between the two values of a trend.
    days: Option<i64>,
    /// Which quantile it is.
    percent: Option<i64>,
    sandbox: Sandbox,
    zone: Tz,
    layout: Arc<Layout>,
    kept: Predicate,
    /// What the expression reads, and where the same of the earlier day stands in
    /// the layout.
    earlier: Option<(Arc<Layout>, Vec<usize>)>,
    /// Where it stands since when a member is there; before that it has no value.
    begins: Option<usize>,
}

/// What a question is compiled of.
pub(crate) struct Parts<'a> {
    pub measure: Measure,
    pub expression: Option<Rule>,
    pub members: Members,
    /// The days of a trend, or the percent of a quantile.
    pub number: Option<i64>,
    pub sandbox: &'a Sandbox,
    pub zone: Tz,
    pub schema: &'a Schema,
}

/// What was compiled of a call; `None` for no such call.
pub fn question_of(call: &PopulationCall) -> Option<&PopulationQuestion> {
    call.question()
}

/// A cell as it was so many days earlier. What never changes is read as it is.
pub(crate) fn cell_of_earlier_day(cell: &Cell, days: i64) -> Cell {
    let path = match &cell.path {
        CellPath::Column(name) if ["id", "account_id", "signed_up_at", "created_at"].contains(&&**name) => {
            cell.path.clone()
        }
        CellPath::Ago { days: more, path } => CellPath::Ago { days: days.saturating_add(*more), path: path.clone() },
        path => path.clone().ago(Some(days)),
    };
    Cell { subject: cell.subject, path }
}

impl PopulationQuestion {
    pub(crate) fn new(parts: Parts<'_>) -> PopulationQuestion {
        let Parts { measure, expression, members, number, sandbox, zone, schema } = parts;
        let (days, percent) = match measure {
            Measure::Trend => (number, None),
            Measure::Quantile => (None, number),
            _ => (None, None),
        };
        let read = || expression.iter().flat_map(|expression| expression.cells());
        let mut cells: BTreeSet<Cell> = read().cloned().collect();
        let status = Cell::column(Subject::Account, "status");
        let kept = match &members {
            Members::Statuses(statuses) => {
                cells.insert(status.clone());
                Predicate::any(statuses.iter().map(|word| Predicate::Compare {
                    left: Term { cell: status.clone(), ty: Type::Text },
                    comparison: Comparison::Equals,
                    right: Operand::Text(word.clone()),
                }))
            }
            Members::Where(rule) => {
                cells.extend(rule.cells().iter().cloned());
                rule.prefilter().map_or(Predicate::Always, |prefilter| prefilter.predicate.clone())
            }
        };
        let subject = match cells.iter().any(|cell| cell.subject == Subject::Contact) {
            true => Subject::Contact,
            false => Subject::Account,
        };
        let mut layout = Layout::of(subject);
        cells.into_iter().for_each(|cell| {
            layout.add(cell);
        });
        let earlier = days.map(|days| {
            let mut asked = Layout::of(subject);
            read().for_each(|cell| {
                asked.add(cell.clone());
            });
            let places = asked.cells().iter().map(|cell| layout.add(cell_of_earlier_day(cell, days))).collect();
            (Arc::new(asked), places)
        });
        let since = match subject {
            Subject::Account => "signed_up_at",
            Subject::Contact => "created_at",
        };
        let is_there = schema.column(subject, since).is_some_and(|column| column.ty == Type::Time);
        let begins = (days.is_some() && is_there).then(|| layout.add(Cell::column(subject, since)));
        PopulationQuestion {
            measure,
            subject,
            expression,
            members,
            days,
            percent,
            sandbox: sandbox.clone(),
            zone,
            layout: Arc::new(layout),
            kept,
            earlier,
            begins,
        }
    }

    /// The facts that are read of each member.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// True of every member, and perhaps of some who are none.
    pub fn member_predicate(&self) -> &Predicate {
        &self.kept
    }

    /// What its answer depends on beside its text: the members and the zone.
    pub(crate) fn circumstances(&self) -> String {
        let statuses = match &self.members {
            Members::Statuses(statuses) => {
                let mut statuses = statuses.clone();
                statuses.sort();
                format!("{statuses:?}")
            }
            Members::Where(_) => String::new(),
        };
        format!("{} {statuses} {}", self.subject.name(), self.zone)
    }

    /// The subject's own value of the expression; `None` where it is missing.
    pub fn own_value(&self, facts: &Arc<Facts>) -> Option<f64> {
        self.value(facts.clone())
    }

    /// What a subject contributes; `None` for one that is no member.
    pub fn member(&self, facts: Facts) -> Option<MemberValue> {
        let facts = Arc::new(facts);
        let is_member = match &self.members {
            Members::Statuses(statuses) => match facts.column("status") {
                Some(Value::Text(status)) => statuses.iter().any(|word| **word == **status),
                _ => false,
            },
            Members::Where(rule) => rule.verdict(&self.sandbox, &self.context(facts.clone())) == Verdict::True,
        };
        if !is_member {
            return None;
        }
        if self.measure == Measure::Distinct {
            return Some(MemberValue { distinct: self.distinct_value(facts), ..MemberValue::default() });
        }
        let earlier = self.earlier_value(&facts);
        Some(MemberValue { earlier, now: self.value(facts), distinct: None })
    }

    /// What its members give, once all were seen; `earlier` is of the earlier day.
    pub fn figure(&self, now: Sample, earlier: Sample) -> Figure {
        now.figure(self.measure, self.percent, earlier)
    }

    /// A value as a text that is the same for equal ones; `None` where it is missing.
    fn distinct_value(&self, facts: Arc<Facts>) -> Option<String> {
        let context = self.context(facts);
        match self.expression.as_ref()?.value(&self.sandbox, &context).ok()? {
            Value::Null => None,
            // Whole numbers are the same however they are kept.
            Value::Float(number) if number.is_finite() && number.fract() == 0.0 => Some(format!("{number:.0}")),
            value => Some(value.to_json().to_string()),
        }
    }

    fn earlier_value(&self, facts: &Facts) -> Option<f64> {
        let ((layout, places), days) = self.earlier.as_ref().zip(self.days)?;
        let then = days_back(facts.as_of, days);
        let begins = self.begins.and_then(|at| facts.values.get(at));
        if matches!(begins, Some(Value::Time(begins)) if *begins >= then) {
            return None;
        }
        let value = |at: &usize| facts.values.get(*at).cloned().unwrap_or(Value::Null);
        self.value(Arc::new(Facts {
            account: facts.account.clone(),
            contact: facts.contact.clone(),
            as_of: then,
            layout: layout.clone(),
            values: places.iter().map(value).collect(),
            matching: None,
        }))
    }

    fn context(&self, facts: Arc<Facts>) -> Context {
        Context { facts, progress: None, zone: self.zone }
    }

    fn value(&self, facts: Arc<Facts>) -> Option<f64> {
        let Some(expression) = &self.expression else { return Some(1.0) };
        let context = self.context(facts);
        if self.measure == Measure::Share {
            return match expression.verdict(&self.sandbox, &context) {
                Verdict::True => Some(1.0),
                Verdict::False => Some(0.0),
                Verdict::Undecided(_) => None,
            };
        }
        let number = match expression.value(&self.sandbox, &context).ok()? {
            Value::Int(whole) => whole as f64,
            Value::Float(number) => number,
            // What a step `set` wrote down is a text, also where it is a number.
            Value::Text(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    /// As of when it is asked by somebody at an instant: then, where that is a
    /// whole minute, as each slot is; else at the quarter of an hour before. So
    /// a hundred mails within a minute ask once.
    pub fn instant(at: Instant) -> Instant {
        if at.second() == 0 && at.nanosecond() == 0 {
            return at;
        }
        at.duration_trunc(TimeDelta::minutes(15)).unwrap_or(at)
    }
}

/// The call as the address of a fact.
pub(crate) fn call(text: &str, scripts: &str, question: PopulationQuestion) -> PopulationCall {
    let key = format!("{text} {} {scripts}", question.circumstances());
    let reads = question.layout.cells().to_vec();
    let question: Arc<dyn Any + Send + Sync> = Arc::new(question);
    PopulationCall::new(text, &key, reads, question)
}
