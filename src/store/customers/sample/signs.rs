//! Signs of trouble at fixed places among the accounts, for the playbooks that
//! look for them: a champion who left, tickets that pile up, errors during the
//! setup, and somebody who never came back.

use serde_json::{Value as Json, json};

use super::rows::{SampleAccount, Story};
use super::spread::{Spread, Topic, seconds};
use crate::clock::Instant;

/// From this age on an account is past its beginnings.
const SETTLED_DAYS: f64 = 100.0;

/// When the champion left, a short while ago and with nobody to follow.
pub(crate) fn champion_left_at(anchor: Instant, row: usize, account: &SampleAccount) -> Option<Instant> {
    let days_ago = Spread::of(row).between(Topic::Sign, 0, 4.0, 24.0);
    (row % 80 == 43 && is_settled(anchor, account)).then(|| anchor - seconds(days_ago))
}

/// When tickets were opened that all came within a few weeks; none elsewhere.
pub(crate) fn piled_tickets(anchor: Instant, row: usize, account: &SampleAccount) -> Vec<Instant> {
    let days_ago = |index: usize| Spread::of(row).between(Topic::Sign, 10 + index, 5.0, 25.0);
    match row % 96 == 70 && is_settled(anchor, account) {
        true => (0..4).map(|index| anchor - seconds(days_ago(index))).collect(),
        false => Vec::new(),
    }
}

/// Whether it signed in on its first day and never again.
pub(crate) fn never_came_back(anchor: Instant, row: usize, account: &SampleAccount) -> bool {
    let is_stuck = account.story == Story::Ordinary && account.activated_at.is_none();
    is_stuck && row % 2 == 1 && (9.0..26.0).contains(&age_days(anchor, account))
}

/// Errors of the last two days, at some of those who are new.
pub(crate) fn errors(anchor: Instant, row: usize, account: &SampleAccount) -> Vec<(Instant, &'static str, Json)> {
    let spread = Spread::of(row);
    if row % 5 != 2 || !(2.5..40.0).contains(&age_days(anchor, account)) || never_came_back(anchor, row, account) {
        return Vec::new();
    }
    let feature = spread.pick(Topic::Sign, 20, &["import", "integration", "invitation"]);
    let count = spread.whole(Topic::Sign, 21, 3, 5) as usize;
    let days_ago = |index: usize| spread.between(Topic::Sign, 22 + index, 0.1, 2.0);
    (0..count).map(|index| (anchor - seconds(days_ago(index)), "error", json!({ "feature": feature }))).collect()
}

fn is_settled(anchor: Instant, account: &SampleAccount) -> bool {
    account.story == Story::Ordinary && account.status == "active" && age_days(anchor, account) > SETTLED_DAYS
}

fn age_days(anchor: Instant, account: &SampleAccount) -> f64 {
    (anchor - account.signed_up_at).num_seconds() as f64 / 86_400.0
}
