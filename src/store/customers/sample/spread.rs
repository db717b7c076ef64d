//! Numbers that look scattered and are a function of where they are asked for.

use chrono::Duration;

/// What a number is for, so that unrelated uses do not move together.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Topic {
    Age,
    Delay,
    Status,
    Contract,
    Money,
    Seats,
    Trait,
    People,
    PersonName,
    PersonState,
    PersonSince,
    Rate,
    Slope,
    Drop,
    Volume,
    Hour,
    Who,
    Detail,
    Nps,
    NpsAt,
    Ticket,
    Csat,
    Past,
    Plan,
    Practice,
    Sign,
    Order,
}

/// A source of scattered numbers for one row: the same row, topic and index
/// always give the same number, on every machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    row: u64,
}

impl Spread {
    pub(crate) fn of(row: usize) -> Spread {
        Spread { row: row as u64 }
    }

    /// Evenly spread over `0.0 .. 1.0`. Topics keep unrelated uses apart,
    /// `index` numbers repeated uses of one topic.
    pub(crate) fn unit(self, topic: Topic, index: usize) -> f64 {
        // The upper 53 bits fill a float's mantissa exactly.
        (self.bits(topic, index) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Evenly spread over `low ..= high`.
    pub(crate) fn whole(self, topic: Topic, index: usize, low: i64, high: i64) -> i64 {
        let width = (high - low + 1) as f64;
        low + (self.unit(topic, index) * width) as i64
    }

    /// Evenly spread over `low .. high`.
    pub(crate) fn between(self, topic: Topic, index: usize, low: f64, high: f64) -> f64 {
        low + self.unit(topic, index) * (high - low)
    }

    /// True for about `share` of all rows.
    pub(crate) fn chance(self, topic: Topic, index: usize, share: f64) -> bool {
        self.unit(topic, index) < share
    }

    /// One of `choices`, which must not be empty.
    pub(crate) fn pick<T: Copy>(self, topic: Topic, index: usize, choices: &[T]) -> T {
        choices[(self.unit(topic, index) * choices.len() as f64) as usize]
    }

    /// The mixing function of SplitMix64, applied to the three coordinates in turn.
    fn bits(self, topic: Topic, index: usize) -> u64 {
        mix(mix(mix(self.row) ^ topic as u64) ^ index as u64)
    }
}

fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Days with a fraction as a span of whole seconds.
pub(crate) fn seconds(days: f64) -> Duration {
    Duration::seconds((days * 86_400.0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_itself_and_stays_in_range() {
        for row in 0..1_000 {
            let spread = Spread::of(row);
            assert_eq!(spread.unit(Topic::Age, 2), Spread::of(row).unit(Topic::Age, 2));
            assert!((3..=9).contains(&spread.whole(Topic::Age, 0, 3, 9)));
            assert!([1, 2, 3].contains(&spread.pick(Topic::Delay, 0, &[1, 2, 3])));
        }
    }

    #[test]
    fn fills_its_range_evenly() {
        let low = (0..10_000).filter(|row| Spread::of(*row).chance(Topic::Nps, 0, 0.25)).count();
        assert!((2_300..2_700).contains(&low), "{low}");
    }
}
