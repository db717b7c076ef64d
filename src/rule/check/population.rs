//! The type check of `percentile_of(…)` and its kin.
//!
//! What stands inside is about each member of the population: it is checked by
//! itself, without an enrollment and without guards, because a missing operand
//! makes the member's value missing.

use std::collections::HashSet;

use rhai::{AST, Expr, Position, Stmt};
use sha2::{Digest, Sha256};

use super::ago;
use super::checker::{Checker, Findings};
use super::kind::{Kind, Typed};
use crate::diagnostic::Diagnostic;
use crate::facts::{Cell, CellPath, Type};
use crate::rule::compile::finish;
use crate::rule::compiled::Rule;
use crate::rule::population::{Measure, Members, Parts, PopulationQuestion, call};
use crate::rule::prefilter;
use crate::rule::scope::{Scope, View};

/// An expression about each member, compiled.
struct Inner {
    rule: Rule,
    text: String,
}

impl Checker<'_> {
    /// A call with what stands in its parentheses.
    pub(crate) fn population(&mut self, measure: Measure, args: &[Expr], position: Position) -> Typed {
        let name = measure.name();
        let unknown = |checker: &Self| checker.unknown(format!("{name}(…)"), position);
        if self.in_population {
            let message = format!("`{name}` cannot stand inside another question about all accounts");
            let help =
                "compare both outside, as in `median_of(account.mrr) != none && share_of(account.mrr == 0) != none`";
            self.problem("KW0212", position, message, Some(help.to_owned()));
            return unknown(self);
        }
        if self.in_script || !self.bound.is_empty() {
            let message = format!("`{name}` is not available in a script");
            let help = "write it where the script is called, and give the script its value";
            self.problem("KW0212", position, message, Some(help.to_owned()));
            return unknown(self);
        }
        if measure == Measure::Percentile && self.scope.view != View::Subject {
            let message = format!("`{name}` compares one account with the others, and here is no such account");
            let help = "the value that nine of ten do not exceed is `quantile_of(account.mrr, 90)`";
            self.problem("KW0212", position, message, Some(help.to_owned()));
            return unknown(self);
        }
        let least = if measure.takes_number() { 2 } else { 1 };
        let most = if measure == Measure::Count { 1 } else { least + 1 };
        if args.len() < least || args.len() > most {
            let takes = match measure {
                Measure::Trend => "an expression, a number of days, and perhaps a condition that says of whom",
                Measure::Quantile => {
                    "an expression, a percent from 0 to 100, and perhaps a condition that says of whom"
                }
                Measure::Share => "a condition, and perhaps another that says of whom",
                Measure::Count => "a condition that says of whom",
                Measure::Percentile | Measure::Median | Measure::Mean | Measure::Sum | Measure::Distinct => {
                    "an expression, and perhaps a condition that says of whom"
                }
            };
            self.problem("KW0205", position, format!("`{name}` takes {takes}"), Some(measure.help().to_owned()));
            return unknown(self);
        }
        let number = match measure.takes_number() {
            true => match self.number_argument(measure, &args[1]) {
                Some(number) => Some(number),
                None => return unknown(self),
            },
            false => None,
        };
        // Who is counted is all that a count asks.
        let (expression, filter) = match measure {
            Measure::Count => (None, args.first()),
            _ => (args.first(), args.get(least)),
        };
        let expression = expression.map(|expression| self.inner(measure, expression, measure.takes_condition()));
        let filter = filter.map(|filter| self.inner(measure, filter, true));
        let sound = |inner: Option<Option<Inner>>| inner.map_or(Some(None), |inner| inner.map(Some));
        let (Some(expression), Some(filter)) = (sound(expression), sound(filter)) else { return unknown(self) };
        if let (Some(days), Some(expression), Measure::Trend) = (number, &expression, measure)
            && !self.has_past(&expression.rule, days, position)
        {
            return unknown(self);
        }
        let parts = || expression.iter().chain(&filter);
        let mut texts: Vec<&str> = parts().map(|part| part.text.as_str()).collect();
        let number_text = number.map(|number| number.to_string());
        number_text.iter().for_each(|number| texts.insert(1, number));
        let text = format!("{name}({})", texts.join(", "));
        let own = match (measure, &expression) {
            (Measure::Percentile, Some(expression)) => expression.rule.cells().to_vec(),
            _ => Vec::new(),
        };
        let scripts = self.scripts_of(parts().flat_map(|part| part.rule.modules()));
        let members = match filter {
            Some(filter) => Members::Where(filter.rule),
            None => Members::Statuses(self.scope.statuses.to_vec()),
        };
        let question = PopulationQuestion::new(Parts {
            measure,
            expression: expression.map(|expression| expression.rule),
            members,
            number,
            sandbox: self.sandbox,
            zone: self.scope.zone,
            schema: self.scope.schema,
        });
        let cell = Cell { subject: question.subject, path: CellPath::Population(call(&text, &scripts, question)) };
        self.findings.calls.insert(args[0].position(), cell.clone());
        self.findings.cells.insert(cell);
        self.findings.cells.extend(own);
        let nullable = measure.can_be_missing() && !self.known.contains(&text);
        Typed { kind: Kind::Float, nullable, text, position }
    }

    /// The days of a trend, or the percent of a quantile.
    fn number_argument(&mut self, measure: Measure, argument: &Expr) -> Option<i64> {
        let (fits, needed): (fn(i64) -> bool, _) = match measure {
            Measure::Quantile => (|percent| (0..=100).contains(&percent), "a whole number from 0 to 100"),
            _ => (|days| days >= 1, "a number of days from 1"),
        };
        match argument {
            Expr::IntegerConstant(number, _) if fits(*number) => Some(*number),
            _ => {
                let message = format!("`{}` needs {needed} behind its expression", measure.name());
                self.problem("KW0205", argument.position(), message, Some(measure.help().to_owned()));
                None
            }
        }
    }

    /// What the scripts say that an expression reaches: the same text may mean
    /// something else in another revision.
    fn scripts_of<'m>(&self, modules: impl Iterator<Item = &'m String>) -> String {
        let (mut hash, mut any) = (Sha256::new(), false);
        for text in modules.filter_map(|module| self.modules.text(module)) {
            any = true;
            hash.update(text.as_bytes());
            hash.update([0]);
        }
        if any { hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect() } else { String::new() }
    }

    /// Checks and compiles what is asked of each member.
    fn inner(&mut self, measure: Measure, expr: &Expr, is_condition: bool) -> Option<Inner> {
        let nothing = HashSet::new();
        let scope =
            Scope { view: View::Subject, in_enrollment: false, in_wait: false, known: &nothing, ..self.scope.clone() };
        let mut checker = Checker {
            source: self.source,
            scope: &scope,
            modules: self.modules,
            sandbox: self.sandbox,
            seasons: self.seasons,
            findings: Findings::default(),
            bound: Vec::new(),
            in_script: false,
            in_population: true,
            in_text: None,
            any_default: false,
            lets_missing: false,
            parts: self.parts,
            call_site: self.call_site,
            known: HashSet::new(),
        };
        let typed = checker.expr(expr);
        if is_condition {
            checker.want_bool(&typed, measure.name());
        } else if measure == Measure::Distinct {
            checker.want_comparable(measure, &typed);
        } else {
            checker.want_measurable(measure, &typed);
        }
        let says_nothing = checker.findings.cells.is_empty() && checker.findings.modules.is_empty();
        if says_nothing && typed.kind != Kind::Unknown && !checker.findings.problems.iter().any(Diagnostic::is_error) {
            let message = format!("`{}` is the same for all accounts", typed.text);
            checker.problem("KW0205", expr.position(), message, Some(measure.help().to_owned()));
        }
        self.parts = checker.parts;
        self.findings.exhausted |= checker.findings.exhausted;
        self.findings.modules.extend(checker.findings.modules.iter().cloned());
        let sound = !checker.findings.exhausted && !checker.findings.problems.iter().any(Diagnostic::is_error);
        let prefilter = (sound && is_condition).then(|| Box::new(prefilter::translate(&mut checker, expr)));
        let ast = AST::new([Stmt::Expr(Box::new(expr.clone()))], rhai::Module::new());
        let mut problems = Vec::new();
        let rule = finish(self.source, ast, checker.findings, HashSet::new(), &mut problems);
        for problem in problems {
            self.report(problem);
        }
        Some(Inner { rule: Rule { prefilter, ..rule? }, text: typed.text })
    }

    /// What numbers can be made of.
    fn want_measurable(&mut self, measure: Measure, typed: &Typed) {
        let help = match &typed.kind {
            Kind::Int | Kind::Float | Kind::Label | Kind::Unknown => return,
            Kind::Attribute(holder, key) => return self.read_as(*holder, key, Type::Float, typed.position),
            Kind::Time => format!("count days first: `{}(days_since({}))`", measure.name(), typed.text),
            Kind::Bool => format!("the share for whom it holds is `share_of({})`", typed.text),
            _ => measure.help().to_owned(),
        };
        let message = format!("`{}` needs a number; `{}` is {}", measure.name(), typed.text, typed.kind.name());
        self.problem("KW0205", typed.position, message, Some(help));
    }

    /// What is the same or another.
    fn want_comparable(&mut self, measure: Measure, typed: &Typed) {
        let is_value = typed.kind.ty().is_some() || matches!(typed.kind, Kind::Label | Kind::Attribute(..));
        if !is_value && typed.kind != Kind::Unknown {
            let message = format!(
                "`{}` needs text, a number or a time; `{}` is {}",
                measure.name(),
                typed.text,
                typed.kind.name()
            );
            self.problem("KW0205", typed.position, message, Some(measure.help().to_owned()));
        }
    }

    /// Whether all that is read can be asked about an earlier day.
    fn has_past(&mut self, rule: &Rule, days: i64, position: Position) -> bool {
        if let Some(cell) = ago::cell_without_past(rule) {
            let message = format!("`{cell}` of {days} days ago is not on record, and `trend_of` needs it");
            self.problem("KW0212", position, message, Some(ago::WITH_PAST.to_owned()));
            return false;
        }
        true
    }
}
