//! Shares of two groups.

use serde::Serialize;

use super::{Bounds, Difference, anytime};

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// How many of a group have something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    pub of: i64,
    pub part: i64,
}

impl Share {
    /// 0 of an empty group.
    pub fn rate(self) -> f64 {
        self.part as f64 / self.of.max(1) as f64
    }

    /// Wilson's score interval, 95 % (E. B. Wilson, JASA 22, 1927).
    pub fn range(self) -> Bounds {
        let (n, rate) = (self.of.max(1) as f64, self.rate());
        let middle = (rate + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt();
        Bounds::around(middle, half)
    }

    /// The variance of the rate. One more with and one without keep it from being
    /// 0 where all or nobody has it.
    fn variance(self) -> f64 {
        let (n, rate) = (self.of as f64, (self.part as f64 + 1.0) / (self.of as f64 + 2.0));
        rate * (1.0 - rate) / n.max(1.0)
    }
}

/// By how much the share of `one` is larger than that of `other`: Newcombe's
/// interval, method 10 (R. G. Newcombe, Statistics in Medicine 17, 1998, 873-890).
/// `level` is that of the range that holds at any time.
pub fn difference_of_shares(one: Share, other: Share, level: f64) -> Difference {
    let (of_one, of_other) = (one.range(), other.range());
    let (rate, base) = (one.rate(), other.rate());
    let value = rate - base;
    let low = value - ((rate - of_one.low).powi(2) + (of_other.high - base).powi(2)).sqrt();
    let high = value + ((of_one.high - rate).powi(2) + (base - of_other.low).powi(2)).sqrt();
    let error = (one.variance() + other.variance()).sqrt();
    let anytime = anytime(value, error, one.of + other.of, level).within(-1.0, 1.0);
    Difference { value, range: Bounds { low, high }, anytime }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(of: i64, part: i64) -> Share {
        Share { of, part }
    }

    #[test]
    fn newcombes_examples() {
        // Newcombe (1998), table II, method 10: (a), (b), (e) and (g).
        for (one, other, low, high) in [
            (of(70, 56), of(80, 48), 0.0524, 0.3339),
            (of(10, 9), of(10, 3), 0.1705, 0.8090),
            (of(10, 0), of(20, 0), -0.1611, 0.2775),
            (of(10, 10), of(20, 0), 0.6791, 1.0),
        ] {
            let range = difference_of_shares(one, other, 0.05).range;
            assert!((range.low - low).abs() < 5e-5 && (range.high - high).abs() < 5e-5, "{one:?} {other:?}: {range:?}");
        }
    }

    #[test]
    fn wilsons_interval_of_newcombes_example() {
        // Newcombe, Statistics in Medicine 17, 1998, 857-872, table I, method 3: 81 of 263, 15 of 148.
        for (share, low, high) in [(of(263, 81), 0.2553, 0.3662), (of(148, 15), 0.0624, 0.1605)] {
            let range = share.range();
            assert!((range.low - low).abs() < 5e-5 && (range.high - high).abs() < 5e-5, "{share:?}: {range:?}");
        }
    }

    #[test]
    fn the_range_that_holds_at_any_time_is_wider_and_ends_where_shares_end() {
        let found = difference_of_shares(of(700, 560), of(80, 48), 0.05);
        assert!(found.anytime.low < found.range.low && found.anytime.high > found.range.high, "{found:?}");
        let all = difference_of_shares(of(40, 40), of(40, 0), 0.05);
        assert_eq!(all.anytime.high, 1.0);
        assert!(all.anytime.low > 0.0, "{all:?}");
    }
}
