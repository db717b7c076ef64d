//! The value of a score.
//!
//! It is the mean of the factors that are there, by their weights. A factor
//! beyond 0 or 100 counts as 0 or 100, and that it did is told. One that cannot
//! be evaluated, whatever it says about missing values, leaves the score without
//! a value: a score never rests on a mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono_tz::Tz;
use serde_json::Value as Json;

use crate::catalog::documents::ReadyScore;
use crate::facts::Facts;
use crate::playbook::document::MissingFactor;
use crate::rule::{Context, Sandbox};

/// What a score is for one subject.
#[derive(Clone, Debug, PartialEq)]
pub enum ScoreOutcome {
    Made(MadeScore),
    /// No factor has a value.
    Empty,
    /// A factor cannot be evaluated, or is missing and says that it then counts as
    /// undecided: its id, and why.
    Undecided {
        factor: String,
        why: String,
    },
}

/// A score that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct MadeScore {
    /// From 0 to 100.
    pub value: f64,
    /// The band that it is in, if any.
    pub band: Option<String>,
    /// The factors that counted, each from 0 to 100.
    pub factors: BTreeMap<String, f64>,
    /// The ids of factors that were beyond 0 or 100, in the order of the text.
    pub clamped: Vec<String>,
}

/// A factor of a score, now and the time before.
#[derive(Clone, Debug, PartialEq)]
pub struct FactorMove {
    pub factor: String,
    /// `None` where it is missing.
    pub value: Option<f64>,
    /// `None` where it was missing, or there was no score.
    pub before: Option<f64>,
}

impl FactorMove {
    /// How far it moved; what came or went did not move.
    fn distance(&self) -> f64 {
        self.value.zip(self.before).map_or(0.0, |(value, before)| (value - before).abs())
    }
}

/// The factors of a stored score and of the one before it, those that moved most
/// first, then by their ids.
pub fn factor_moves(factors: &Json, before: Option<&Json>) -> Vec<FactorMove> {
    let number = |factors: Option<&Json>, factor: &str| factors?.get(factor)?.as_f64();
    let ids = |factors: Option<&Json>| {
        let keys = factors.and_then(Json::as_object).into_iter().flat_map(|factors| factors.keys().cloned());
        keys.collect::<BTreeSet<String>>()
    };
    let mut moves: Vec<FactorMove> = (&ids(Some(factors)) | &ids(before))
        .into_iter()
        .map(|factor| FactorMove { value: number(Some(factors), &factor), before: number(before, &factor), factor })
        .collect();
    moves.sort_by(|one, other| other.distance().total_cmp(&one.distance()));
    moves
}

/// Evaluates a score as of the instant of the facts.
pub fn evaluate(score: &ReadyScore, sandbox: &Sandbox, facts: &Arc<Facts>, zone: Tz) -> ScoreOutcome {
    let context = Context { facts: facts.clone(), progress: None, zone };
    let (mut factors, mut clamped) = (BTreeMap::new(), Vec::new());
    let (mut sum, mut weights) = (0.0, 0.0);
    for factor in &score.factors {
        let value = match (factor.value.factor(sandbox, &context), factor.missing) {
            (Ok(Some(value)), _) => value,
            (Ok(None), MissingFactor::Skip) => continue,
            (Ok(None), MissingFactor::Zero) => 0.0,
            (Ok(None), MissingFactor::Undecided) => {
                return ScoreOutcome::Undecided { factor: factor.id.clone(), why: "it is missing".to_owned() };
            }
            (Err(error), _) => {
                return ScoreOutcome::Undecided { factor: factor.id.clone(), why: error.message };
            }
        };
        let within = value.clamp(0.0, 100.0);
        if within != value {
            clamped.push(factor.id.clone());
        }
        sum += within * factor.weight;
        weights += factor.weight;
        factors.insert(factor.id.clone(), within);
    }
    if factors.is_empty() {
        return ScoreOutcome::Empty;
    }
    // Weights may be so large that only their shares can be added up.
    let mean = if (sum / weights).is_finite() { sum / weights } else { shares(score, &factors) };
    let value = mean.clamp(0.0, 100.0);
    let band = score.bands.iter().find(|band| band.holds(value)).map(|band| band.name.clone());
    ScoreOutcome::Made(MadeScore { value, band, factors, clamped })
}

/// The mean with each weight as a share of the largest.
fn shares(score: &ReadyScore, factors: &BTreeMap<String, f64>) -> f64 {
    let there = || score.factors.iter().filter_map(|factor| Some((factor.weight, *factors.get(&factor.id)?)));
    let largest = there().map(|(weight, _)| weight).fold(f64::MIN_POSITIVE, f64::max);
    let (sum, weights) = there()
        .fold((0.0, 0.0), |(sum, all), (weight, value)| (sum + value * (weight / largest), all + weight / largest));
    sum / weights
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_moved_most_comes_first() {
        let moves = factor_moves(&json!({ "a": 50, "b": 10, "c": 7 }), Some(&json!({ "a": 60, "b": 90, "d": 1 })));
        let of = |factor: &str, value, before| FactorMove { factor: factor.to_owned(), value, before };
        assert_eq!(
            moves,
            [
                of("b", Some(10.0), Some(90.0)),
                of("a", Some(50.0), Some(60.0)),
                of("c", Some(7.0), None),
                of("d", None, Some(1.0))
            ]
        );
        assert_eq!(factor_moves(&json!({ "a": 50 }), None), [of("a", Some(50.0), None)]);
    }
}
