//! What happened to customers in the past, at rates that are known: whose
//! logins or NPS fell, who left afterwards and who stayed.
//!
//! [`PLANTED`] drives the generator, so a replay of the shipped playbooks has a
//! true answer to find. Who falls depends on the account itself and on those
//! before it, so that more accounts change nothing.

use std::ops::RangeInclusive;

use chrono::Duration;

use super::rows::UsageFall;
use super::spread::{Spread, Topic, seconds};
use crate::clock::Instant;

/// What is true of the sample's past.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleRates {
    /// Days before the anchor in which all falls lie, the oldest first, and all
    /// churns that no fall came before.
    pub days_ago: (i64, i64),
    /// Days after a fall in which a churn counts as foreseen by it.
    pub within_days: i64,
    /// What the playbook `usage-drop` looks for: logins that fell by 40 percent or more.
    pub usage_drop: FallRates,
    /// What the playbook `nps-drop` looks for: an answer that fell by 3 or more to 6 or less.
    pub nps_drop: FallRates,
}

/// How far one kind of fall foretells that an account leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct FallRates {
    /// Of the accounts that fell, the share that churned.
    pub precision: f64,
    /// Of the accounts that churned, the share that had fallen.
    pub recall: f64,
    /// Days from the moment at which the fall can be seen to the churn, evenly
    /// spread; a few days more or less where logins are counted.
    pub lead_days: RangeInclusive<f64>,
}

/// Of the sample with 320 accounts: 26 have churned, 13 of them after a fall of
/// logins and 8 after one of their NPS; logins of 7 others fell and came back,
/// as did the NPS of 12.
pub const PLANTED: SampleRates = SampleRates {
    days_ago: (547, 90),
    within_days: 90,
    usage_drop: FallRates { precision: 0.65, recall: 0.5, lead_days: 15.0..=75.0 },
    nps_drop: FallRates { precision: 0.4, recall: 0.3, lead_days: 20.0..=70.0 },
};

/// A fall is seen this many days before the end of the period at the latest,
/// and an account is this old then: the playbooks ask for 90.
const MARGIN_DAYS: f64 = 96.0;

/// The age from which an account that churned may have fallen before.
const OLD_ENOUGH_DAYS: f64 = 200.0;

/// The age from which an account that stayed may have fallen and recovered.
const LONG_HERE_DAYS: f64 = 300.0;

/// What happened to an account.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Past {
    pub churned_at: Option<Instant>,
    pub usage_fall: Option<UsageFall>,
    pub nps_fell_at: Option<Instant>,
}

/// Says account by account who fell.
pub(crate) struct PastAllocation {
    anchor: Instant,
    usage: FallQuota,
    nps: FallQuota,
}

impl PastAllocation {
    pub(crate) fn new(anchor: Instant) -> PastAllocation {
        PastAllocation { anchor, usage: FallQuota::new(&PLANTED.usage_drop), nps: FallQuota::new(&PLANTED.nps_drop) }
    }

    /// For an account that has left by the anchor, this many days old.
    pub(crate) fn churned(&mut self, spread: Spread, age_days: f64) -> Past {
        let is_old = age_days > OLD_ENOUGH_DAYS;
        let usage_lead = self.usage.churned(is_old);
        // With both, the one that is seen earlier must not be too early.
        let fits = |lead: f64| usage_lead.is_none_or(|other| age_days > OLD_ENOUGH_DAYS + (lead - other).abs());
        let nps_lead = self.nps.churned(is_old && fits(self.nps.next_lead()));

        let leads = [usage_lead, nps_lead];
        let longest = leads.into_iter().flatten().fold(0.0, f64::max);
        let shortest = leads.into_iter().flatten().reduce(f64::min);
        let (latest, earliest) = match shortest {
            Some(lead) => (MARGIN_DAYS - lead, age_days - MARGIN_DAYS - longest),
            // Nobody saw it come.
            None => (MARGIN_DAYS, age_days - 60.0),
        };
        let churned_days_ago = spread.between(Topic::Past, 0, latest, earliest);
        let churned_at = self.anchor - seconds(churned_days_ago);
        Past {
            churned_at: Some(churned_at),
            usage_fall: usage_lead.map(|lead| usage_fall(spread, churned_at - seconds(lead), false)),
            nps_fell_at: nps_lead.map(|lead| churned_at - seconds(lead)),
        }
    }

    /// For an ordinary account that is still there, this many days old.
    pub(crate) fn stayed(&mut self, spread: Spread, age_days: f64) -> Past {
        let is_old = age_days > LONG_HERE_DAYS;
        let seen_days_ago = |index, latest: f64| spread.between(Topic::Past, index, latest, age_days - MARGIN_DAYS);
        // Recovered long before those whose logins fall now are looked for.
        let usage_fall =
            self.usage.stayed(is_old).then(|| usage_fall(spread, self.anchor - seconds(seen_days_ago(1, 150.0)), true));
        let nps_fell_at = self.nps.stayed(is_old).then(|| self.anchor - seconds(seen_days_ago(2, MARGIN_DAYS)));
        Past { churned_at: None, usage_fall, nps_fell_at }
    }
}

/// A fall that is seen at about `seen_at`: then the last 30 days have 40 % less
/// than the 30 days before.
fn usage_fall(spread: Spread, seen_at: Instant, recovers: bool) -> UsageFall {
    let rest = spread.between(Topic::Drop, 1, 0.2, 0.42);
    let from = seen_at - seconds(30.0 * 0.4 / (1.0 - rest));
    let low_days = spread.between(Topic::Drop, 2, 34.0, 50.0);
    UsageFall { from, until: recovers.then(|| from + Duration::days(low_days as i64)), rest }
}

/// How many more accounts have to fall in one way, so that its rates come true.
struct FallQuota {
    rates: &'static FallRates,
    /// Of accounts that churned.
    churned: f64,
    /// Of accounts that stayed.
    stayed: f64,
    /// How many churned accounts have fallen.
    fallen: usize,
}

impl FallQuota {
    fn new(rates: &'static FallRates) -> FallQuota {
        FallQuota { rates, churned: 0.5, stayed: 0.5, fallen: 0 }
    }

    /// Multiples of the golden ratio fill the range evenly, however many there are.
    fn next_lead(&self) -> f64 {
        let place = (0.5 + self.fallen as f64 * 0.618_033_988_749_895).fract();
        let (shortest, longest) = (self.rates.lead_days.start(), self.rates.lead_days.end());
        shortest + place * (longest - shortest)
    }

    /// How many days before its churn an account's fall is seen, if it has one.
    fn churned(&mut self, fits: bool) -> Option<f64> {
        self.churned += self.rates.recall;
        if self.churned < 1.0 || !fits {
            return None;
        }
        let lead = self.next_lead();
        self.churned -= 1.0;
        self.stayed += (1.0 - self.rates.precision) / self.rates.precision;
        self.fallen += 1;
        Some(lead)
    }

    /// Whether an account that stayed fell.
    fn stayed(&mut self, fits: bool) -> bool {
        let falls = fits && self.stayed >= 1.0;
        if falls {
            self.stayed -= 1.0;
        }
        falls
    }
}
