//! The tier of an account: the first whose condition holds. One that it is in
//! already keeps it by `keep`, too, unless a better tier takes it.

use std::sync::Arc;

use chrono_tz::Tz;

use super::standing::{Clause, Clauses, StandingOutcome};
use crate::catalog::documents::{ReadyLevel, ReadyTiers};
use crate::facts::Facts;
use crate::rule::Sandbox;

/// Evaluates tiers for an account as of the instant of the facts; `present` is the
/// tier that it is in by then.
pub fn evaluate(
    tiers: &ReadyTiers,
    sandbox: &Sandbox,
    facts: &Arc<Facts>,
    zone: Tz,
    present: Option<&str>,
) -> StandingOutcome {
    let clauses = Clauses::new(sandbox, facts, zone);
    find(&tiers.levels, &clauses, present).unwrap_or_else(|undecided| undecided)
}

fn find(
    levels: &[ReadyLevel],
    clauses: &Clauses<'_>,
    present: Option<&str>,
) -> Result<StandingOutcome, StandingOutcome> {
    for tier in levels {
        let is_present = present == Some(tier.id.as_str());
        if clauses.hold(&tier.enter, || format!("`when` of `{}`", tier.id))? {
            return Ok(match is_present {
                true => StandingOutcome::Stays,
                false => clauses.moved(Some(&tier.id), Clause::When, Some(&tier.enter)),
            });
        }
        if let Some(keep) = tier.inside.as_ref().filter(|_| is_present)
            && clauses.hold(keep, || format!("`keep` of `{}`", tier.id))?
        {
            return Ok(StandingOutcome::Stays);
        }
    }
    Ok(match present {
        Some(_) => clauses.moved(None, Clause::None, None),
        None => StandingOutcome::Stays,
    })
}
