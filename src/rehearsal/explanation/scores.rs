//! The scores of documents that a condition reads: their factors, and what moved
//! them.

use chrono_tz::Tz;
use serde_json::{Value as Json, json};

use super::words::moment_in_words;
use crate::evaluation::score::{FactorMove, factor_moves};
use crate::store::documents::scores::ScoreRow;

/// A score in words: its value, its change and its factors, those that moved most first.
pub(super) fn score_in_words(score: &ScoreRow, zone: Tz) -> String {
    let band = score.band.as_ref().map_or(String::new(), |band| format!(" ({band})"));
    let before = score.before.map_or(String::new(), |before| format!(", {} the time before", number(before)));
    let factors: Vec<String> = moves(score).iter().map(factor_in_words).collect();
    format!(
        "{} {}{band}{before}, of {}: {}",
        score.name,
        number(score.value),
        moment_in_words(score.at, zone),
        factors.join(", ")
    )
}

/// The same for programs.
pub(super) fn score_as_json(score: &ScoreRow) -> Json {
    json!({
        "name": score.name,
        "contact": Some(&score.contact).filter(|contact| !contact.is_empty()),
        "value": score.value,
        "band": score.band,
        "at": score.at,
        "before": score.before,
        "factors": score.factors,
        "factors_before": score.factors_before,
    })
}

fn moves(score: &ScoreRow) -> Vec<FactorMove> {
    factor_moves(&score.factors, score.factors_before.as_ref())
}

fn factor_in_words(one: &FactorMove) -> String {
    match (one.value, one.before) {
        (Some(value), Some(before)) if value != before => {
            format!("{} {} (was {})", one.factor, number(value), number(before))
        }
        (Some(value), _) => format!("{} {}", one.factor, number(value)),
        (None, Some(before)) => format!("{} missing (was {})", one.factor, number(before)),
        (None, None) => format!("{} missing", one.factor),
    }
}

/// A number to one decimal at most.
fn number(value: f64) -> String {
    ((value * 10.0).round() / 10.0).to_string()
}
