//! A range that holds at all looks together.
//!
//! Whoever looks every week and stops at the first week in which a 95 % interval
//! leaves out zero is wrong far more often than in 5 of 100 cases. A confidence
//! sequence is right at all times at once with 95 %: I. Waudby-Smith, D. Arbour,
//! R. Sinha, E. H. Kennedy and A. Ramdas, "Time-uniform central limit theory and
//! asymptotic confidence sequences", Annals of Statistics 52 (2024), 2613-2640,
//! which extends Robbins' normal mixture (H. Robbins, Annals of Mathematical
//! Statistics 41, 1970, 1397-1409).

use super::Bounds;

/// The number of values at which the range is narrowest beside the interval for
/// one look. It has to be chosen beforehand.
const NARROWEST_AT: f64 = 400.0;

/// The range around `middle`, whose standard error is `error` after `count`
/// values. `level` is how often it may miss at any time.
pub fn anytime(middle: f64, error: f64, count: i64, level: f64) -> Bounds {
    Bounds::around(middle, error * factor(count as f64, level))
}

/// How many standard errors it goes to either side: theorem 2.2 there, with the
/// tuning of its equation for a chosen time.
fn factor(count: f64, level: f64) -> f64 {
    let spread = -2.0 * level.ln();
    let rho_squared = (spread + spread.ln() + 1.0) / NARROWEST_AT;
    let scaled = (count * rho_squared).max(f64::MIN_POSITIVE);
    (2.0 * (scaled + 1.0) / scaled * ((scaled + 1.0).sqrt() / level).ln()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_about_half_as_wide_again_as_for_one_look() {
        // At the time of its tuning: sqrt(2 (1 + 1/8.783) ln(sqrt(9.783) / 0.05)).
        assert!((factor(400.0, 0.05) - 3.0354).abs() < 1e-3, "{}", factor(400.0, 0.05));
        assert!((100..2_000).step_by(50).all(|count| (2.9..3.6).contains(&factor(f64::from(count), 0.05))));
        assert!(factor(400.0, 0.01) > factor(400.0, 0.05));
    }

    #[test]
    fn whoever_looks_after_every_value_is_misled_in_fewer_than_one_of_twenty() {
        // 2,000 walks of 1,500 steps of +1 or -1 whose mean is 0, looked at from the 60th step on.
        let (walks, mut misled, mut misled_once) = (2_000, 0, 0);
        let mut dice = 0x6b65_6570_7765_6c6c_u64;
        for _ in 0..walks {
            let (mut sum, mut out, mut out_for_one_look) = (0_i64, false, false);
            for count in 1..=1_500_i64 {
                // Xorshift, G. Marsaglia (2003).
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                sum += if dice >> 63 == 1 { 1 } else { -1 };
                if count >= 60 {
                    let (mean, error) = (sum as f64 / count as f64, 1.0 / (count as f64).sqrt());
                    out |= !anytime(mean, error, count, 0.05).contains(0.0);
                    out_for_one_look |= mean.abs() > 1.96 * error;
                }
            }
            misled += usize::from(out);
            misled_once += usize::from(out_for_one_look);
        }
        // The bound is 100; the interval for one look misleads in a third of them.
        assert!(misled < 100, "{misled} of {walks}");
        assert!(misled_once > 500, "{misled_once} of {walks}");
    }
}
