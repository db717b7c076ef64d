//! The tier of an account: the first whose condition holds. One that it is in
//! already keeps it by `keep`, too, unless a better tier takes it.

use super::standing::{Clause, Clauses, StandingOutcome};
use crate::catalog::documents::ReadyLevel;

/// The tier that an account comes to; `present` is the one that it is in.
///
/// # Errors
/// The outcome of a condition that cannot be evaluated.
pub fn next_tier(
    tiers: &[ReadyLevel],
    clauses: &Clauses<'_>,
    present: Option<&str>,
) -> Result<StandingOutcome, StandingOutcome> {
    for tier in tiers {
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
