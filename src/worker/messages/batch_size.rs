//! How many messages a lane takes at once: about as many as it sends in a few
//! seconds. More would grow old behind a slow relay, whose gate looked at them
//! long before they leave; fewer would pay what each batch costs too often.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Without any knowledge, and never fewer: a relay that takes a second for each
/// mail begins so many within the time that a gate's verdict holds.
const FEWEST: i64 = 64;

/// What a batch costs by itself is small against so many.
const MOST: i64 = 512;

/// How long a batch should take.
const SPAN: Duration = Duration::from_secs(2);

/// What all lanes of a process have learned.
#[derive(Debug)]
pub struct Pace(AtomicI64);

impl Default for Pace {
    fn default() -> Pace {
        Pace(AtomicI64::new(FEWEST))
    }
}

impl Pace {
    /// How many to take next.
    pub fn batch(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// So many have gone in that time. A small batch says little about a
    /// larger one, so it grows to twice its size at the most.
    pub fn learn(&self, gone: usize, took: Duration) {
        let rate = gone as f64 / took.as_secs_f64().max(0.001);
        let next = (rate * SPAN.as_secs_f64()) as i64;
        self.0.store(next.min(gone as i64 * 2).clamp(FEWEST, MOST), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_follow_the_rate_between_two_limits() {
        let pace = Pace::default();
        let after = |gone, millis| {
            pace.learn(gone, Duration::from_millis(millis));
            pace.batch()
        };
        assert_eq!(after(64, 100), 128);
        assert_eq!(after(128, 100), 256);
        assert_eq!(after(256, 100), 512);
        assert_eq!(after(512, 100), 512);
        assert_eq!(after(512, 4_000), 256);
        assert_eq!(after(256, 30_000), 64);
        assert_eq!(after(1, 0), 64);
    }
}
