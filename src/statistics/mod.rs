//! Statistics that a report rests on: shares and means of two groups, and how
//! far apart these may lie. Pure, and tested against published examples.
//!
//! - `share` compares two shares (Wilson, Newcombe).
//! - `mean` compares two means (Welch).
//! - `anytime` makes a range that holds however often somebody looks.
//!
//! Shares lie between 0 and 1, and so do the levels: 0.05 is "95 % sure".

mod anytime;
mod mean;
mod share;

use serde::Serialize;

pub use anytime::anytime;
pub use mean::{Sample, difference_of_means};
pub use share::{Share, difference_of_shares};

/// How often a range may miss, where nothing else is said.
pub const LEVEL: f64 = 0.05;

/// From the lowest to the highest value that something may have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bounds {
    pub low: f64,
    pub high: f64,
}

impl Bounds {
    pub fn around(middle: f64, half: f64) -> Bounds {
        Bounds { low: middle - half, high: middle + half }
    }

    /// Whether a value lies within, the ends included.
    pub fn contains(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The part of it that lies within others.
    pub fn within(self, low: f64, high: f64) -> Bounds {
        Bounds { low: self.low.max(low), high: self.high.min(high) }
    }

    /// Both ends times a positive number.
    pub fn times(self, factor: f64) -> Bounds {
        Bounds { low: self.low * factor, high: self.high * factor }
    }
}

/// A value with its ranges.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub value: f64,
    /// Holds the truth in 95 of 100 cases, for one look.
    pub range: Bounds,
    /// Holds the truth at all looks together in at least 95 of 100 cases.
    pub anytime: Bounds,
}
