//! Means of two groups.

use serde::Serialize;

use super::{Bounds, Difference, LEVEL, anytime};

/// A group's values, as much of them as comparing needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    pub count: i64,
    pub mean: f64,
    /// With `count - 1` in the denominator; 0 of fewer than two values.
    pub variance: f64,
}

impl Sample {
    /// The variance of the mean.
    fn of_mean(self) -> f64 {
        self.variance / self.count.max(1) as f64
    }
}

/// By how much the mean of `one` is larger than that of `other`: Welch's interval
/// (B. L. Welch, Biometrika 34, 1947, 28-35), which lets the variances differ.
/// `level` is that of the range that holds at any time. `None` with fewer than
/// two values on a side.
pub fn difference_of_means(one: Sample, other: Sample, level: f64) -> Option<Difference> {
    if one.count < 2 || other.count < 2 {
        return None;
    }
    let value = one.mean - other.mean;
    let (first, second) = (one.of_mean(), other.of_mean());
    let error = (first + second).sqrt();
    let count = one.count + other.count;
    if error == 0.0 {
        let all = Bounds::around(value, 0.0);
        return Some(Difference { value, range: all, anytime: all });
    }
    let freedom =
        (first + second).powi(2) / (first.powi(2) / (one.count - 1) as f64 + second.powi(2) / (other.count - 1) as f64);
    let range = Bounds::around(value, error * students_quantile(1.0 - LEVEL / 2.0, freedom));
    Some(Difference { value, range, anytime: anytime(value, error, count, level) })
}

/// The value that Student's t does not exceed with that probability (0.5 to 1).
fn students_quantile(probability: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while students_share(high, freedom) < probability && high < 1e6 {
        high *= 2.0;
    }
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if students_share(middle, freedom) < probability { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The probability that Student's t does not exceed a value from 0 on.
fn students_share(value: f64, freedom: f64) -> f64 {
    1.0 - 0.5 * incomplete_beta(freedom / (freedom + value * value), freedom / 2.0, 0.5)
}

/// The regularized incomplete beta function by its continued fraction (Abramowitz
/// and Stegun, 26.5.8), calculated by Lentz's method.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut c, mut d) = (1.0, 1.0 / guard(1.0 - (a + b) * x / (a + 1.0)));
    let mut result = d;
    for m in 1..=500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = result;
        for step in [even, odd] {
            d = 1.0 / guard(1.0 + step * d);
            c = guard(1.0 + step / c);
            result *= d * c;
        }
        if (result / before - 1.0).abs() < 1e-14 {
            break;
        }
    }
    result
}

/// The logarithm of the gamma function of a positive number: Stirling's series
/// (Abramowitz and Stegun, 6.1.41), after the argument was raised.
fn ln_gamma(mut x: f64) -> f64 {
    let mut raised = 0.0;
    while x < 12.0 {
        raised += x.ln();
        x += 1.0;
    }
    let square = x * x;
    let series = (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * square)) / square) / square) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - raised
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Sample { count: values.len() as i64, mean, variance: squares / (values.len() - 1) as f64 }
    }

    #[test]
    fn students_quantiles_are_those_of_the_tables() {
        // Abramowitz and Stegun, table 26.10, and NIST/SEMATECH e-Handbook, 1.3.6.7.2.
        for (freedom, expected) in
            [(1.0, 12.706), (2.0, 4.303), (5.0, 2.571), (10.0, 2.228), (30.0, 2.042), (100.0, 1.984), (1e7, 1.960)]
        {
            let found = students_quantile(0.975, freedom);
            assert!((found - expected).abs() < 5e-4, "{freedom}: {found}");
        }
    }

    #[test]
    fn welchs_interval_of_students_sleep_data() {
        // "Student" (1908); R: t.test(extra ~ group, data = sleep) says
        // -3.3654832 to 0.2054832 with 17.776 degrees of freedom.
        let one = sample(&[0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]);
        let other = sample(&[1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]);
        let range = difference_of_means(one, other, 0.05).expect("enough").range;
        assert!((range.low + 3.365_483_2).abs() < 1e-6 && (range.high - 0.205_483_2).abs() < 1e-6, "{range:?}");
    }

    #[test]
    fn a_value_or_none_says_nothing_and_equal_values_leave_no_doubt() {
        let of = |count| Sample { count, mean: 2.0, variance: 0.0 };
        assert_eq!(difference_of_means(of(1), of(9), 0.05), None);
        assert_eq!(difference_of_means(of(9), of(9), 0.05).map(|found| found.range), Some(Bounds::around(0.0, 0.0)));
    }
}
