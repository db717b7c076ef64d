//! Each clause of the condition: its truth, and the values it read.

use std::collections::BTreeSet;

use super::words::value_in_words;
use crate::facts::{Cell, Value};
use crate::rule::prefilter::Clause;
use crate::rule::{Context, EvalError, Rule, Sandbox, Verdict};

/// What a clause said.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    True,
    False,
    Undecided(EvalError),
    /// A clause before it had decided already. What it would have said, where
    /// that can be said.
    NotReached(Option<bool>),
}

impl Truth {
    /// The word in the answers of the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Truth::True => "true",
            Truth::False => "false",
            Truth::Undecided(_) => "undecided",
            Truth::NotReached(_) => "not reached",
        }
    }
}

/// One clause of the condition, and what it said of the subject.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedClause {
    pub clause: Clause,
    pub truth: Truth,
    /// What it compares and what it reads, by the text of each.
    pub values: Vec<(String, Value)>,
    /// Of what it reads, the facts that nobody recorded for that instant.
    pub constant: Vec<String>,
}

impl ExplainedClause {
    /// Whether it keeps the condition from being true.
    pub fn is_in_the_way(&self) -> bool {
        matches!(self.truth, Truth::False | Truth::Undecided(_))
    }

    /// `account.tier = "C", account.mrr = 501`.
    pub fn values_in_words(&self) -> String {
        let words: Vec<String> =
            self.values.iter().map(|(text, value)| format!("{text} = {}", value_in_words(value))).collect();
        words.join(", ")
    }
}

/// All clauses of a condition, in order, as one evaluation goes through them;
/// `constant` are the facts that nobody recorded for its instant.
pub(super) fn explain_clauses(
    condition: &Rule,
    sandbox: &Sandbox,
    context: &Context,
    constant: &BTreeSet<Cell>,
) -> Vec<ExplainedClause> {
    let mut decided = false;
    let explained = condition.clauses().into_iter().map(|rule| {
        let truth = match (decided, rule.verdict(sandbox, context)) {
            (false, Verdict::True) => Truth::True,
            (false, Verdict::False) => Truth::False,
            (false, Verdict::Undecided(error)) => Truth::Undecided(error),
            (true, Verdict::True) => Truth::NotReached(Some(true)),
            (true, Verdict::False) => Truth::NotReached(Some(false)),
            // Where the clause before it was to guard it.
            (true, Verdict::Undecided(_)) => Truth::NotReached(None),
        };
        decided |= !matches!(truth, Truth::True);
        let unrecorded = rule.clause.cells.iter().filter(|cell| constant.contains(cell));
        ExplainedClause {
            constant: unrecorded.map(ToString::to_string).collect(),
            values: rule.values(sandbox, context),
            clause: rule.clause,
            truth,
        }
    });
    explained.collect()
}
