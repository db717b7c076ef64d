//! What a pass over the members of a population gives.
//!
//! Only finite numbers are values: an infinity and what is no number are left
//! out like a missing value. The order in which members come changes nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::measure::Measure;

/// The values of members so far, each with how often it occurred.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    values: Vec<(f64, u64)>,
    /// The different values, of what need not be numbers.
    distinct: BTreeSet<String>,
}

/// What is known once all members were seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Figure {
    /// The same for everybody; `None` where it is missing.
    Number(Option<f64>),
    /// What a subject's own value is compared with.
    Distribution(Distribution),
}

/// The figures of several calls, by their keys.
pub type PopulationFigures = HashMap<Arc<str>, Arc<Figure>>;

/// Values in order, each with how many lie below it and how many are equal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    steps: Vec<RankedValue>,
    count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct RankedValue {
    value: f64,
    below: u64,
    equal: u64,
}

impl Sample {
    /// Adds a value that so many members have.
    pub fn add(&mut self, value: f64, members: u64) {
        if value.is_finite() && members > 0 {
            // Both zeros are one value.
            self.values.push((value + 0.0, members));
        }
    }

    /// Adds a value of which it only counts whether it occurs.
    pub fn add_distinct(&mut self, value: &str) {
        if !self.distinct.contains(value) {
            self.distinct.insert(value.to_owned());
        }
    }

    /// Adds what so many equal members contribute; `earlier` gets the values of the
    /// earlier day.
    pub fn add_member(&mut self, earlier: &mut Sample, member: &MemberValue, members: u64) {
        member.now.iter().for_each(|value| self.add(*value, members));
        member.distinct.iter().for_each(|value| self.add_distinct(value));
        member.earlier.iter().for_each(|value| earlier.add(*value, members));
    }

    /// The figure of one measure, with its percent where it is a quantile. `earlier`
    /// holds the values of the earlier day, for a trend.
    pub fn figure(self, measure: Measure, percent: Option<i64>, earlier: Sample) -> Figure {
        if measure == Measure::Distinct {
            return Figure::Number(Some(self.distinct.len() as f64));
        }
        let now = Distribution::of(self);
        match measure {
            Measure::Percentile => Figure::Distribution(now),
            Measure::Median => Figure::Number(now.median()),
            Measure::Quantile => Figure::Number(percent.and_then(|percent| now.quantile(percent as f64 / 100.0))),
            Measure::Mean => Figure::Number(now.mean()),
            Measure::Sum => Figure::Number(now.sum()),
            Measure::Count | Measure::Distinct => Figure::Number(Some(now.count as f64)),
            Measure::Share => Figure::Number(now.mean().map(|share| share * 100.0)),
            Measure::Trend => Figure::Number(change(Distribution::of(earlier).mean(), now.mean())),
        }
    }
}

/// What a member contributes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemberValue {
    pub now: Option<f64>,
    /// That of the earlier day, for a trend.
    pub earlier: Option<f64>,
    /// What it is, where only different values are counted.
    pub distinct: Option<String>,
}

/// The change from an earlier value in percent of it; `None` where there is none,
/// or nothing to take percents of.
fn change(before: Option<f64>, now: Option<f64>) -> Option<f64> {
    let (before, now) = before.filter(|before| *before != 0.0).zip(now)?;
    // Each by itself: the difference of two huge numbers may be no number.
    let percent = (now / before.abs() - before.signum()) * 100.0;
    percent.is_finite().then_some(percent)
}

impl Distribution {
    fn of(sample: Sample) -> Distribution {
        let mut values = sample.values;
        values.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
        let (mut steps, mut count): (Vec<RankedValue>, u64) = (Vec::new(), 0);
        for (value, members) in values {
            match steps.last_mut() {
                Some(last) if last.value == value => last.equal += members,
                _ => steps.push(RankedValue { value, below: count, equal: members }),
            }
            count += members;
        }
        Distribution { steps, count }
    }

    /// The share, from 0 to 100, of those below a value plus half of those equal;
    /// `None` where nobody has a value.
    pub fn percentile(&self, value: f64) -> Option<f64> {
        if self.count == 0 || !value.is_finite() {
            return None;
        }
        let at = self.steps.partition_point(|step| step.value < value);
        let (below, equal) = match self.steps.get(at) {
            Some(step) if step.value == value => (step.below, step.equal),
            Some(step) => (step.below, 0),
            None => (self.count, 0),
        };
        Some((below as f64 + equal as f64 / 2.0) / self.count as f64 * 100.0)
    }

    /// The middle value, or the mean of the two in the middle.
    fn median(&self) -> Option<f64> {
        let last = self.count.checked_sub(1)?;
        let at = |place: u64| {
            let step = self.steps.partition_point(|step| step.below + step.equal <= place);
            self.steps.get(step).map(|step| step.value)
        };
        let (low, high) = (at(last / 2)?, at(self.count / 2)?);
        let middle = (low + high) / 2.0;
        Some(if middle.is_finite() { middle } else { low / 2.0 + high / 2.0 })
    }

    /// The value below which that share lies, between two values in proportion to
    /// their distance, as `percentile_cont` of SQL gives it.
    fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.count.checked_sub(1)?;
        let at = |place: u64| {
            let step = self.steps.partition_point(|step| step.below + step.equal <= place);
            self.steps.get(step).map(|step| step.value)
        };
        let place = share.clamp(0.0, 1.0) * last as f64;
        let (low, high) = (at(place.floor() as u64)?, at(place.ceil() as u64)?);
        let part = place - place.floor();
        Some(low * (1.0 - part) + high * part)
    }

    fn sum(&self) -> Option<f64> {
        let sum: f64 = self.steps.iter().map(|step| step.value * step.equal as f64).sum();
        // Of nobody it would be the negative zero.
        sum.is_finite().then_some(sum + 0.0)
    }

    fn mean(&self) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let count = self.count as f64;
        if let Some(sum) = self.sum() {
            return Some(sum / count);
        }
        let mean: f64 = self.steps.iter().map(|step| step.value * (step.equal as f64 / count)).sum();
        mean.is_finite().then_some(mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        let mut sample = Sample::default();
        values.iter().for_each(|value| sample.add(*value, 1));
        sample
    }

    fn number(values: &[f64], measure: Measure) -> Option<f64> {
        match sample(values).figure(measure, None, Sample::default()) {
            Figure::Number(number) => number,
            Figure::Distribution(_) => None,
        }
    }

    #[test]
    fn a_percentile_counts_half_of_the_equals() {
        let distribution = Distribution::of(sample(&[3.0, 1.0, 3.0, 5.0]));
        for (value, percentile) in [(0.0, 0.0), (1.0, 12.5), (2.0, 25.0), (3.0, 50.0), (5.0, 87.5), (9.0, 100.0)] {
            assert_eq!(distribution.percentile(value), Some(percentile), "{value}");
        }
        assert_eq!(distribution.percentile(f64::NAN), None);
        assert_eq!(Distribution::default().percentile(1.0), None);
        // Somebody alone stands in the middle.
        assert_eq!(Distribution::of(sample(&[7.0])).percentile(7.0), Some(50.0));
        assert_eq!(Distribution::of(sample(&[0.0, -0.0])).percentile(-0.0), Some(50.0));
    }

    #[test]
    fn a_median_is_in_the_middle() {
        for (values, median) in [
            (&[][..], None),
            (&[4.0], Some(4.0)),
            (&[9.0, 1.0], Some(5.0)),
            (&[2.0, 2.0, 100.0], Some(2.0)),
            (&[f64::NAN, f64::INFINITY, 3.0, f64::NEG_INFINITY], Some(3.0)),
            (&[f64::MAX, f64::MAX], Some(f64::MAX)),
            (&[-f64::MAX, f64::MAX], Some(0.0)),
        ] {
            assert_eq!(number(values, Measure::Median), median, "{values:?}");
        }
    }

    #[test]
    fn how_often_a_value_occurs_counts() {
        let mut sample = Sample::default();
        for (value, members) in [(1.0, 3), (0.0, 7), (1.0, 2), (5.0, 0)] {
            sample.add(value, members);
        }
        assert_eq!(
            sample.clone().figure(Measure::Share, None, Sample::default()),
            Figure::Number(Some(5.0 / 12.0 * 100.0))
        );
        assert_eq!(sample.clone().figure(Measure::Median, None, Sample::default()), Figure::Number(Some(0.0)));
    }

    #[test]
    fn totals_count_everybody() {
        let values = [1.0, 2.0, 2.0, 7.0];
        assert_eq!(number(&values, Measure::Sum), Some(12.0));
        assert_eq!(number(&values, Measure::Mean), Some(3.0));
        assert_eq!(number(&values, Measure::Count), Some(4.0));
        assert_eq!(number(&[], Measure::Sum), Some(0.0));
        assert_eq!(number(&[], Measure::Count), Some(0.0));
        assert_eq!(number(&[], Measure::Mean), None);
        assert_eq!(number(&[1e308; 3], Measure::Sum), None);
        let mut words = Sample::default();
        ["a", "b", "a"].iter().for_each(|word| words.add_distinct(word));
        assert_eq!(words.figure(Measure::Distinct, None, Sample::default()), Figure::Number(Some(2.0)));
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        let quantile = |values: &[f64], percent| match sample(values).figure(
            Measure::Quantile,
            Some(percent),
            Sample::default(),
        ) {
            Figure::Number(number) => number,
            Figure::Distribution(_) => None,
        };
        for (percent, value) in [(0, 1.0), (25, 1.75), (50, 2.5), (90, 3.7), (100, 4.0)] {
            let is = quantile(&[4.0, 1.0, 3.0, 2.0], percent).expect("there are values");
            assert!((is - value).abs() < 1e-12, "{percent}: {is}");
        }
        assert_eq!(quantile(&[], 50), None);
        assert_eq!(quantile(&[7.0], 90), Some(7.0));
        assert_eq!(quantile(&[-1e308, 1e308], 50), Some(0.0));
    }

    #[test]
    fn a_trend_is_the_change_of_the_mean() {
        let trend = |before: &[f64], now: &[f64]| match sample(now).figure(Measure::Trend, None, sample(before)) {
            Figure::Number(number) => number,
            Figure::Distribution(_) => None,
        };
        assert_eq!(trend(&[10.0, 30.0], &[25.0]), Some(25.0));
        assert_eq!(trend(&[-10.0], &[-5.0]), Some(50.0));
        assert_eq!(trend(&[10.0], &[]), None);
        assert_eq!(trend(&[], &[10.0]), None);
        assert_eq!(trend(&[0.0], &[10.0]), None);
        assert_eq!(trend(&[1e308; 3], &[1e308; 2]), Some(0.0));
        assert_eq!(trend(&[1e-300], &[1e300]), None);
    }
}
