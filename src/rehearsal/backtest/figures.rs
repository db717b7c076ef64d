//! How well firings foresaw an outcome.

use std::collections::BTreeMap;

use chrono::TimeDelta;

/// How often accounts are drawn anew for the interval.
const DRAWS: usize = 400;

/// What one account adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AccountFigures {
    /// Subjects that fired.
    pub fired: u32,
    /// Of these, those whose outcome came in time.
    pub hits: u32,
    /// Slots at which a subject was one the playbook is for, and the outcome had not come.
    pub eligible: u32,
    /// Of these, those behind which it came in time.
    pub came: u32,
}

/// How many accounts add the same: most do, so this stays small however many there are.
pub(super) type AccountCounts = BTreeMap<AccountFigures, u64>;

/// How well firings foresaw an outcome; `None` where nothing can be divided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Subjects whose outcome came true in time after their first firing.
    pub hits: u64,
    /// Subjects that fired without.
    pub false_alarms: u64,
    /// Of these, those whose time is not over yet.
    pub pending: u64,
    /// Outcomes that came true in the period without a firing in the time before.
    pub misses: u64,
    /// hits / (hits + false alarms)
    pub precision: Option<f64>,
    /// hits / (hits + misses)
    pub recall: Option<f64>,
    /// From a first firing to the outcome, in days.
    pub lead_days: Option<Quartiles>,
    /// The share of eligible subjects whose outcome came in time, averaged over the slots.
    pub base_rate: Option<f64>,
    /// precision / base rate
    pub lift: Option<Interval>,
}

/// The middle of a number of values, and the middles of its halves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quartiles {
    pub p25: f64,
    pub median: f64,
    pub p75: f64,
}

/// A value, and between which bounds 95 of 100 drawings of accounts put it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Figures {
    pub(super) fn new(
        accounts: &AccountCounts,
        at_slots: &[(u32, u32)],
        lead: Vec<TimeDelta>,
        misses: u64,
        pending: u64,
    ) -> Figures {
        let hits = sum(accounts, |account| account.hits);
        let fired = sum(accounts, |account| account.fired);
        let precision = share(hits, fired);
        let rates: Vec<f64> = at_slots.iter().filter_map(|(of, came)| share((*came).into(), (*of).into())).collect();
        let base_rate = (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64);
        let lift = precision.zip(base_rate).and_then(|(precision, base)| lift(accounts, precision, base));
        Figures {
            hits,
            false_alarms: fired - hits,
            pending,
            misses,
            precision,
            recall: share(hits, hits + misses),
            lead_days: Quartiles::of(lead.iter().map(|lead| lead.num_seconds() as f64 / 86_400.0).collect()),
            base_rate,
            lift,
        }
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Quartiles {
    /// Between two values, in proportion; `None` of no values.
    pub fn of(mut values: Vec<f64>) -> Option<Quartiles> {
        values.sort_unstable_by(f64::total_cmp);
        Some(Quartiles { p25: at(&values, 0.25)?, median: at(&values, 0.5)?, p75: at(&values, 0.75)? })
    }
}

/// The value at a share of the way through sorted ones.
fn at(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(low + (high - low) * place.fract())
}

/// The lift with its bootstrap interval: whole accounts are drawn anew, because
/// what happens at one slot of an account says much about its next. How often each
/// is drawn follows a Poisson distribution of mean 1, independently of the others
/// (Hanley and MacGibbon, 2006), so those that are alike are drawn together.
fn lift(accounts: &AccountCounts, precision: f64, base: f64) -> Option<Interval> {
    if base == 0.0 {
        return None;
    }
    // The base rate of a drawing is a ratio of sums, and the stated one an average of ratios.
    let of_sums = share(sum(accounts, |one| one.came), sum(accounts, |one| one.eligible)).filter(|rate| *rate > 0.0)?;
    let scale = base / of_sums;
    let mut dice = Dice(0x6b65_6570_7765_6c6c);
    let mut drawn = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        let (mut fired, mut hits, mut eligible, mut came) = (0, 0, 0, 0);
        for (one, count) in accounts {
            let times = dice.poisson(*count);
            fired += times * u64::from(one.fired);
            hits += times * u64::from(one.hits);
            eligible += times * u64::from(one.eligible);
            came += times * u64::from(one.came);
        }
        if let (Some(precision), Some(rate)) = (share(hits, fired), share(came, eligible).filter(|rate| *rate > 0.0)) {
            drawn.push(precision / (rate * scale));
        }
    }
    drawn.sort_unstable_by(f64::total_cmp);
    Some(Interval { value: precision / base, low: at(&drawn, 0.025)?, high: at(&drawn, 0.975)? })
}

fn sum(accounts: &AccountCounts, field: fn(&AccountFigures) -> u32) -> u64 {
    accounts.iter().map(|(one, count)| u64::from(field(one)) * count).sum()
}

/// From this mean on, a Poisson distribution is drawn as a normal one.
const NORMAL_FROM: u64 = 100;

/// The same numbers in each backtest (splitmix64).
struct Dice(u64);

impl Dice {
    /// Above 0 and below 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ((mixed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// A number of a Poisson distribution.
    fn poisson(&mut self, mean: u64) -> u64 {
        if mean >= NORMAL_FROM {
            // Box and Muller, 1958.
            let radius = (-2.0 * self.unit().ln()).sqrt();
            let normal = radius * (2.0 * std::f64::consts::PI * self.unit()).cos();
            return (mean as f64 + (mean as f64).sqrt() * normal).round().max(0.0) as u64;
        }
        // As many factors as the product stays above the bound.
        let bound = (-(mean as f64)).exp();
        let (mut product, mut count) = (self.unit(), 0);
        while product > bound {
            product *= self.unit();
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_the_ratios_of_their_names() {
        let hit = AccountFigures { fired: 1, hits: 1, eligible: 10, came: 5 };
        let alarm = AccountFigures { fired: 1, hits: 0, eligible: 10, came: 0 };
        let quiet = AccountFigures { fired: 0, hits: 0, eligible: 10, came: 0 };
        let accounts = AccountCounts::from([(hit, 30), (alarm, 10), (quiet, 60)]);
        let lead = (1..=30).map(TimeDelta::days).collect();
        let figures = Figures::new(&accounts, &[(100, 15), (100, 15)], lead, 10, 2);
        assert_eq!((figures.hits, figures.false_alarms, figures.misses, figures.pending), (30, 10, 10, 2));
        assert_eq!(figures.precision, Some(0.75));
        assert_eq!(figures.recall, Some(0.75));
        assert_eq!(figures.base_rate, Some(0.15));
        assert_eq!(figures.lead_days, Some(Quartiles { p25: 8.25, median: 15.5, p75: 22.75 }));
        let lift = figures.lift.expect("there is a lift");
        assert!((lift.value - 5.0).abs() < 1e-9);
        assert!(lift.low < 5.0 && 5.0 < lift.high && lift.low > 3.0 && lift.high < 8.0, "{lift:?}");
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(Figures::new(&AccountCounts::new(), &[], Vec::new(), 0, 0), Figures::default());
        let quiet = AccountCounts::from([(AccountFigures { fired: 0, hits: 0, eligible: 3, came: 0 }, 1)]);
        let figures = Figures::new(&quiet, &[(1, 0); 3], Vec::new(), 0, 0);
        assert_eq!((figures.precision, figures.base_rate, figures.lift), (None, Some(0.0), None));
    }

    #[test]
    fn a_poisson_number_has_its_mean_for_mean_and_variance() {
        let mut dice = Dice(1);
        for mean in [1_u64, 7, 99, 100, 5_000] {
            let numbers: Vec<f64> = (0..20_000).map(|_| dice.poisson(mean) as f64).collect();
            let average = numbers.iter().sum::<f64>() / numbers.len() as f64;
            let variance = numbers.iter().map(|one| (one - average).powi(2)).sum::<f64>() / numbers.len() as f64;
            assert!((average / mean as f64 - 1.0).abs() < 0.03, "{average} of {mean}");
            assert!((variance / mean as f64 - 1.0).abs() < 0.05, "{variance} of {mean}");
        }
    }
}
