//! The one place where the wall clock is read.
//!
//! Everything else takes an instant as an argument: decisions use the instant
//! of their slot or due time, SQL binds `$now`. Only leases use the database's
//! clock, inside `store`.

use chrono::{DateTime, SubsecRound, Utc};

/// An instant in UTC, as all of Keepwell keeps time.
pub type Instant = DateTime<Utc>;

/// Where "now" comes from: the machine, or an instant that a person named
/// (`run --at INSTANT`).
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's wall clock.
    System,
    /// Always this instant.
    Fixed(Instant),
}

impl Clock {
    /// The current instant, to the microsecond, which is what Postgres keeps.
    pub fn now(&self) -> Instant {
        match self {
            Clock::System => Utc::now().trunc_subsecs(6),
            Clock::Fixed(instant) => *instant,
        }
    }
}

/// A limit on elapsed time, by the monotonic clock; it says nothing about
/// dates.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(std::time::Instant);

impl Deadline {
    /// A deadline this far ahead.
    pub fn after(span: std::time::Duration) -> Deadline {
        Deadline(std::time::Instant::now() + span)
    }

    pub fn has_passed(self) -> bool {
        std::time::Instant::now() >= self.0
    }
}
