//! A report's expressions, compiled, and what they give for one account.
//!
//! Each figure is one expression that is asked twice, about the same account: with
//! the facts of the end of the period, and with those of its beginning, as
//! `account.ago(…)` reads them. So before is what anybody could have read then, and
//! what is not on record is missing. Rates are those of the end for both: a price that
//! rose is no value that was added.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::SubsecRound;
use chrono_tz::Tz;

use super::{Lack, Rate, Reading, ReportedFigure, ValueReport};
use crate::clock::Instant;
use crate::facts::{Cell, Facts, Layout, Subject, Value};
use crate::playbook::Source;
use crate::playbook::document::{Figure, Report};
use crate::rule::functions::days_back;
use crate::rule::population::cell_of_earlier_day;
use crate::rule::{Context, Rule, Sandbox};

/// A report whose expressions are compiled.
#[derive(Debug)]
pub struct ReportMaker {
    pub id: String,
    report: Arc<Report>,
    zone: Tz,
    /// The value and the rate of each figure, in the order of the text.
    rules: Vec<(Rule, Option<Rule>)>,
    /// Whether accounts say since when they are there.
    has_begin: bool,
}

impl ReportMaker {
    /// Compiles each expression with `compile`, which reports what is wrong. `None`
    /// means that there was an error.
    pub fn compile(
        id: &str,
        report: &Arc<Report>,
        zone: Tz,
        has_begin: bool,
        mut compile: impl FnMut(&Source) -> Option<Rule>,
    ) -> Option<ReportMaker> {
        let mut rules = Vec::new();
        for figure in &report.figures {
            let value = compile(&figure.value);
            let rate = figure.worth.as_ref().and_then(|worth| worth.rate.as_ref());
            let rate = rate.map(&mut compile);
            rules.push(match (value, rate) {
                (Some(value), None) => Some((value, None)),
                (Some(value), Some(Some(rate))) => Some((value, Some(rate))),
                _ => None,
            });
        }
        let rules = rules.into_iter().collect::<Option<Vec<_>>>()?;
        Some(ReportMaker { id: id.to_owned(), report: report.clone(), zone, rules, has_begin })
    }

    /// All that it reads of an account.
    pub fn cells(&self) -> BTreeSet<Cell> {
        let mut cells = BTreeSet::from(["name", "locale"].map(|name| Cell::column(Subject::Account, name)));
        if self.has_begin {
            cells.insert(begin());
        }
        for (value, rate) in &self.rules {
            cells.extend(value.cells().iter().cloned());
            cells.extend(value.cells().iter().map(|cell| cell_of_earlier_day(cell, self.report.days)));
            cells.extend(rate.iter().flat_map(|rate| rate.cells()).cloned());
        }
        cells
    }

    /// Each figure with the expression of its value.
    pub fn values(&self) -> impl Iterator<Item = (&Figure, &Rule)> {
        self.report.figures.iter().zip(self.rules.iter().map(|(value, _)| value))
    }

    /// Every expression of it.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().flat_map(|(value, rate)| std::iter::once(value).chain(rate))
    }

    /// Makes the report as of the instant of the facts. The goals are not among them.
    pub fn make(&self, sandbox: &Sandbox, facts: &Arc<Facts>) -> ValueReport {
        let report = &self.report;
        let then = days_back(facts.as_of, report.days);
        let now = Context { facts: facts.clone(), progress: None, zone: self.zone };
        let was_there = self.was_there(facts, then);
        let figure = |(figure, (value, rate)): (&Figure, &(Rule, Option<Rule>))| {
            let read = |context: &Context| match value.measure(sandbox, context) {
                Ok(Some(value)) => Reading::Value(value),
                Ok(None) => Reading::Missing(Lack::NotRecorded),
                Err(error) => Reading::Missing(Lack::Failed(error.message)),
            };
            let before = match was_there {
                true => read(&Context { facts: earlier(value, facts, then, report.days), ..now.clone() }),
                false => Reading::Missing(Lack::NotYet),
            };
            let assumed = figure.worth.as_ref().and_then(|worth| worth.default);
            let assumed = assumed.map(|value| Rate { value, is_own: false });
            let rate = match rate.as_ref().map(|rate| rate.measure(sandbox, &now)) {
                None | Some(Ok(None)) => assumed,
                Some(Ok(Some(value))) if value > 0.0 => Some(Rate { value, is_own: true }),
                // What is said to be worth nothing, or cannot be read, is not guessed.
                Some(Ok(Some(_)) | Err(_)) => None,
            };
            ReportedFigure {
                id: figure.id.clone(),
                label: figure.label.clone(),
                unit: figure.unit.clone(),
                falls: figure.falls,
                before,
                after: read(&now),
                rate: rate.filter(|_| report.currency.is_some()),
            }
        };
        let column = |name: &str| match facts.column(name) {
            Some(Value::Text(text)) => Some(text.to_string()),
            _ => None,
        };
        ValueReport {
            report: self.id.clone(),
            account: facts.account.clone(),
            account_name: column("name").unwrap_or_else(|| facts.account.clone()),
            locale: column("locale"),
            // As exactly as the database keeps it.
            at: facts.as_of.trunc_subsecs(6),
            days: report.days,
            zone: self.zone,
            title: report.title.clone(),
            intro: report.intro.clone(),
            currency: report.currency.clone(),
            figures: report.figures.iter().zip(&self.rules).map(figure).collect(),
            goals: Vec::new(),
        }
    }

    /// Whether the account was there at an instant; true where nobody says it.
    fn was_there(&self, facts: &Facts, then: Instant) -> bool {
        !self.has_begin || !matches!(facts.get(&begin()), Some(Value::Time(begin)) if *begin >= then)
    }
}

/// Since when an account is there.
fn begin() -> Cell {
    Cell::column(Subject::Account, "signed_up_at")
}

/// What a rule reads, as it was so many days earlier.
fn earlier(rule: &Rule, facts: &Facts, then: Instant, days: i64) -> Arc<Facts> {
    let mut layout = Layout::of(facts.layout.subject());
    rule.cells().iter().for_each(|cell| {
        layout.add(cell.clone());
    });
    let value = |cell: &Cell| facts.get(&cell_of_earlier_day(cell, days)).cloned().unwrap_or(Value::Null);
    Arc::new(Facts {
        account: facts.account.clone(),
        contact: facts.contact.clone(),
        as_of: then,
        values: layout.cells().iter().map(value).collect(),
        layout: Arc::new(layout),
        matching: None,
    })
}
