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

/// How far our clock is ahead of another, negative when it is behind: the other
/// was read between two of our readings, and what lies between them is nobody's
/// fault.
pub fn ahead(before: Instant, theirs: Instant, after: Instant) -> chrono::Duration {
    match theirs {
        theirs if theirs < before => before - theirs,
        theirs if theirs > after => after - theirs,
        _ => chrono::Duration::zero(),
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

/// How long something took, by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch(std::time::Instant::now())
    }

    pub fn elapsed(self) -> std::time::Duration {
        self.0.elapsed()
    }

    /// In whole seconds: what is done at once is done at the instant at which
    /// it began, also where a person named that instant.
    pub fn whole_seconds(self) -> chrono::Duration {
        chrono::Duration::seconds(self.0.elapsed().as_secs() as i64)
    }
}

/// A limit on how long the current thread works; it says nothing about dates.
/// What it waits for a processor does not count, so that a busy machine changes
/// no decision.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    begin: std::time::Instant,
    span: std::time::Duration,
    /// How long the thread has worked when it is spent.
    end: std::time::Duration,
}

impl Allowance {
    /// So much from now on.
    pub fn of(span: std::time::Duration) -> Allowance {
        Allowance { begin: std::time::Instant::now(), span, end: worked() + span }
    }

    /// Asked on the thread that began to work.
    pub fn is_spent(self) -> bool {
        // No thread works for longer than time passes, and to ask for the time costs less.
        self.begin.elapsed() >= self.span && worked() >= self.end
    }
}

/// How long the current thread has worked since then; what it waited for a
/// processor does not count.
#[derive(Clone, Copy, Debug)]
pub struct WorkStopwatch(std::time::Duration);

impl WorkStopwatch {
    pub fn start() -> WorkStopwatch {
        WorkStopwatch(worked())
    }

    /// Asked on the thread that started it.
    pub fn elapsed(self) -> std::time::Duration {
        worked().saturating_sub(self.0)
    }
}

/// How long the current thread has been on a processor.
fn worked() -> std::time::Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the one argument that is written to is a valid `timespec`.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) } != 0;
    // It fails for no thread of its own; if it did, nothing would be spent.
    if failed { std::time::Duration::ZERO } else { std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32) }
}
