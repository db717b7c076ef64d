//! The stage of an account.
//!
//! It is in the last stage whose `enter` has held: it moves on to a later stage
//! whose `enter` holds, skipping those between, and leaves its stage for an earlier
//! one by `fall` alone. Where `enter` and `fall` of its stage both hold it stays: it
//! would come back at the next look.

use super::standing::{Clause, Clauses, StandingOutcome};
use crate::catalog::documents::ReadyLevel;

/// The stage that an account comes to; `present` is the one that it is in.
///
/// # Errors
/// The outcome of a clause that cannot be evaluated.
pub fn next_stage(
    stages: &[ReadyLevel],
    clauses: &Clauses<'_>,
    present: Option<&str>,
) -> Result<StandingOutcome, StandingOutcome> {
    let enters = |stage: &ReadyLevel| clauses.hold(&stage.enter, || format!("`enter` of `{}`", stage.id));
    let place = present.and_then(|present| stages.iter().position(|stage| stage.id == present));
    let later = place.map_or(stages, |place| &stages[place + 1..]);
    for stage in later.iter().rev() {
        if enters(stage)? {
            return Ok(clauses.moved(Some(&stage.id), Clause::Enter, Some(&stage.enter)));
        }
    }
    let Some(place) = place else {
        return Ok(match present {
            Some(_) => clauses.moved(None, Clause::None, None),
            None => StandingOutcome::Stays,
        });
    };
    let stage = &stages[place];
    let Some(fall) = &stage.inside else { return Ok(StandingOutcome::Stays) };
    if !clauses.hold(fall, || format!("`fall` of `{}`", stage.id))? || enters(stage)? {
        return Ok(StandingOutcome::Stays);
    }
    for earlier in stages[..place].iter().rev() {
        if enters(earlier)? {
            return Ok(clauses.moved(Some(&earlier.id), Clause::Fall, Some(fall)));
        }
    }
    Ok(clauses.moved(None, Clause::Fall, Some(fall)))
}
