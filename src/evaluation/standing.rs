//! What an evaluation says of where an account stands.

use std::sync::Arc;

use chrono_tz::Tz;

use crate::catalog::documents::{ReadyLevel, ReadyStandings};
use crate::facts::Facts;
use crate::rule::{Context, Rule, Sandbox, Verdict};

/// Where an account stands by a lifecycle or by tiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StandingOutcome {
    /// Where it stood before.
    Stays,
    Moves(FoundMove),
    /// A clause cannot be evaluated, so the account stays: which one, and why.
    Undecided {
        clause: String,
        why: String,
    },
}

/// A move that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundMove {
    /// `None`: to nowhere.
    pub to: Option<String>,
    pub clause: Clause,
    /// The values that the clause read, in words.
    pub reason: String,
}

/// What moves an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// A later stage takes it.
    Enter,
    /// Its stage lets it go.
    Fall,
    /// A tier takes it.
    When,
    /// No clause holds any more, or its stage is not in the document any more.
    None,
}

impl Clause {
    /// The word for it in documents and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Clause::Enter => "enter",
            Clause::Fall => "fall",
            Clause::When => "when",
            Clause::None => "none",
        }
    }
}

/// Where an account comes to, of these levels: `next_stage` or `next_tier`. `present` is
/// where it stands. An error is the outcome of a clause that cannot be evaluated.
pub type NextLevel =
    fn(levels: &[ReadyLevel], clauses: &Clauses<'_>, present: Option<&str>) -> Result<StandingOutcome, StandingOutcome>;

/// Evaluates a lifecycle or tiers for an account as of the instant of the facts;
/// `present` is where it stands by then.
pub fn evaluate(
    next: NextLevel,
    standings: &ReadyStandings,
    sandbox: &Sandbox,
    facts: &Arc<Facts>,
    zone: Tz,
    present: Option<&str>,
) -> StandingOutcome {
    let clauses = Clauses::new(sandbox, facts, zone);
    next(&standings.levels, &clauses, present).unwrap_or_else(|undecided| undecided)
}

/// The facts of one account, for the clauses of a document.
pub struct Clauses<'a> {
    sandbox: &'a Sandbox,
    context: Context,
}

impl<'a> Clauses<'a> {
    fn new(sandbox: &'a Sandbox, facts: &Arc<Facts>, zone: Tz) -> Clauses<'a> {
        Clauses { sandbox, context: Context { facts: facts.clone(), progress: None, zone } }
    }

    /// Whether a clause holds.
    ///
    /// # Errors
    /// The outcome where it cannot be evaluated; `name` says which clause it is.
    pub fn hold(&self, rule: &Rule, name: impl Fn() -> String) -> Result<bool, StandingOutcome> {
        match rule.verdict(self.sandbox, &self.context) {
            Verdict::True => Ok(true),
            Verdict::False => Ok(false),
            Verdict::Undecided(error) => Err(StandingOutcome::Undecided { clause: name(), why: error.message }),
        }
    }

    /// A move because of a clause.
    pub fn moved(&self, to: Option<&str>, clause: Clause, rule: Option<&Rule>) -> StandingOutcome {
        let reason = rule.map(|rule| rule.describe_facts(&self.context.facts)).unwrap_or_default();
        StandingOutcome::Moves(FoundMove { to: to.map(str::to_owned), clause, reason })
    }
}
