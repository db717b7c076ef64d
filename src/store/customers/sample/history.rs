//! What the accounts were before: a row of `account_changes` for each instant
//! at which one of their columns changed.
//!
//! Each column is a function of time whose value at the anchor is the present
//! one, so replaying the rows gives the accounts as they are.

use chrono::Duration;

use super::accounts::{next_anniversary, plan, price, stage};
use super::rows::{SampleAccount, SampleChange};
use super::spread::{Spread, Topic, seconds};
use crate::clock::Instant;

/// The history of one account, the oldest first. It begins at the sign-up.
pub(crate) fn changes(anchor: Instant, row: usize, account: &SampleAccount) -> Vec<SampleChange> {
    let course = Course::new(anchor, Spread::of(row), account);
    let mut instants = course.instants(account);
    instants.retain(|at| *at > account.signed_up_at && *at < anchor);
    instants.push(account.signed_up_at);
    instants.sort_unstable();
    let mut found: Vec<SampleChange> = Vec::new();
    for at in instants {
        let then = course.account_at(account, at);
        if found.last().is_none_or(|latest| latest.account != then) {
            found.push(SampleChange { at, account: then });
        }
    }
    found
}

/// When an account changed, and what it was before.
struct Course {
    /// The end of its trial; `None` where it is one still.
    converted_at: Option<Instant>,
    /// When somebody was made responsible for it.
    assigned_at: Instant,
    /// The CSM before, until then.
    handover: Option<(Instant, &'static str)>,
    /// What it had bought, each until an instant; the oldest first.
    earlier: Vec<(Instant, Contract)>,
    latest: Contract,
}

/// What a customer has bought.
#[derive(Clone, Copy, Debug)]
struct Contract {
    tier: &'static str,
    mrr: i64,
    seats: i32,
    seats_used: i32,
}

impl Course {
    fn new(anchor: Instant, spread: Spread, account: &SampleAccount) -> Course {
        let start = account.signed_up_at;
        let end = account.churned_at.unwrap_or(anchor);
        let trial_days = match spread.chance(Topic::Plan, 0, 0.35) {
            // Bought at once.
            true => 0.0,
            false => spread.between(Topic::Plan, 1, 7.0, 21.0),
        };
        let converted_at = match account.status {
            "trial" => None,
            _ => Some(within(start, seconds(trial_days), end)),
        };
        let mrr = if account.churned_at.is_some() { price(spread, account.tier) } else { account.mrr };
        let latest = Contract { tier: account.tier, mrr, seats: account.seats, seats_used: account.seats_used };
        let assigned_at = within(start, seconds(spread.between(Topic::Plan, 2, 0.05, 2.5)), end);
        Course {
            converted_at,
            assigned_at,
            handover: handover(spread, account, assigned_at, end),
            earlier: converted_at.map(|from| contracts(spread, latest, from, end)).unwrap_or_default(),
            latest,
        }
    }

    /// When a column may have changed.
    fn instants(&self, account: &SampleAccount) -> Vec<Instant> {
        let quarter = Duration::days(90);
        let mut instants = vec![account.signed_up_at + Duration::days(7), self.assigned_at];
        instants.extend(self.converted_at);
        instants.extend(account.activated_at.iter().flat_map(|at| [*at, *at + quarter]));
        instants.extend(account.churned_at);
        instants.extend(self.handover.map(|(until, _)| until));
        instants.extend(self.earlier.iter().map(|(until, _)| *until));
        if let Some(latest) = account.renewal_at {
            let mut renewal = next_anniversary(account.signed_up_at, account.signed_up_at);
            while renewal < latest {
                instants.extend([renewal - quarter, renewal]);
                renewal = next_anniversary(account.signed_up_at, renewal);
            }
            instants.push(latest - quarter);
        }
        instants
    }

    fn account_at(&self, account: &SampleAccount, at: Instant) -> SampleAccount {
        let is_past = |when: &Instant| *when <= at;
        let churned_at = account.churned_at.filter(is_past);
        let status = match (churned_at, self.converted_at.filter(is_past)) {
            (Some(_), _) => "churned",
            (None, Some(_)) => "active",
            (None, None) => "trial",
        };
        let contract = self.earlier.iter().find(|(until, _)| *until > at).map_or(self.latest, |(_, earlier)| *earlier);
        let is_annual = account.renewal_at.is_some() && status == "active";
        let renewal_at = is_annual.then(|| next_anniversary(account.signed_up_at, at));
        let activated_at = account.activated_at.filter(is_past);
        let csm_id = match self.handover {
            _ if at < self.assigned_at => None,
            Some((until, before)) if at < until => Some(before.to_owned()),
            _ => account.csm_id.clone(),
        };
        let mut then = SampleAccount {
            tier: contract.tier,
            status,
            stage: stage(status, account.signed_up_at, activated_at, renewal_at, at),
            csm_id,
            mrr: if status == "active" { contract.mrr } else { 0 },
            seats: contract.seats,
            seats_used: contract.seats_used,
            activated_at,
            renewal_at,
            churned_at,
            ..account.clone()
        };
        then.traits["plan"] = plan(contract.tier).into();
        then
    }
}

/// An instant some time after `start`, or `start` where that were too late.
fn within(start: Instant, after: Duration, end: Instant) -> Instant {
    if start + after < end { start + after } else { start }
}

/// One in five accounts had another CSM for some time.
fn handover(
    spread: Spread,
    account: &SampleAccount,
    assigned_at: Instant,
    end: Instant,
) -> Option<(Instant, &'static str)> {
    let present = account.csm_id.as_deref()?;
    let days = (end - assigned_at).num_days() as f64;
    if days < 60.0 || !spread.chance(Topic::Plan, 3, 0.2) {
        return None;
    }
    let others: Vec<&str> = ["csm-1", "csm-2", "csm-3", "csm-4"].into_iter().filter(|csm| *csm != present).collect();
    let before = spread.pick(Topic::Plan, 4, &others);
    Some((assigned_at + seconds(spread.between(Topic::Plan, 5, 30.0, days - 10.0)), before))
}

/// What an account had bought before its latest contract, the oldest first: at
/// most three contracts, the older the account the more. Most have grown.
fn contracts(spread: Spread, latest: Contract, from: Instant, end: Instant) -> Vec<(Instant, Contract)> {
    let days = (end - from).num_days() as f64 - 40.0;
    let most = (days / 120.0).clamp(0.0, 3.0) as i64;
    let count = if most == 0 { 0 } else { spread.whole(Topic::Plan, 6, 0, most) };
    let mut instants: Vec<Instant> = (0..count as usize)
        .map(|index| from + seconds(30.0 + spread.between(Topic::Plan, 10 + index, 0.0, days)))
        .collect();
    instants.sort_unstable();

    let mut found = Vec::new();
    let mut contract = latest;
    for (index, until) in instants.into_iter().enumerate().rev() {
        let grew = spread.chance(Topic::Plan, 20 + index, 0.75);
        let other_tier = match (grew, contract.tier) {
            _ if !spread.chance(Topic::Plan, 30 + index, 0.12) => None,
            (true, "A") => Some("B"),
            (true, "B") => Some("C"),
            (false, "B") => Some("A"),
            (false, "C") => Some("B"),
            _ => None,
        };
        let growth = match (grew, other_tier) {
            (true, Some(_)) => spread.between(Topic::Plan, 40 + index, 1.7, 2.6),
            (true, None) => spread.between(Topic::Plan, 40 + index, 1.1, 1.5),
            (false, Some(_)) => spread.between(Topic::Plan, 40 + index, 0.4, 0.6),
            (false, None) => spread.between(Topic::Plan, 40 + index, 0.7, 0.92),
        };
        let before = |count: i32| ((f64::from(count) / growth).round() as i32).max(1);
        let seats = before(contract.seats);
        contract = Contract {
            tier: other_tier.unwrap_or(contract.tier),
            mrr: ((contract.mrr as f64 / growth / 10.0).round() as i64 * 10).max(10),
            seats,
            seats_used: before(contract.seats_used).min(seats),
        };
        found.push((until, contract));
    }
    found.reverse();
    found
}
