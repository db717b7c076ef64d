//! Two ways of the same work, run in turns: A B B A, so that what else the
//! machine does falls on both.

use std::time::{Duration, Instant};

/// What is promised of a pair.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// Ours takes at most this many times theirs, or this much more.
    AtMost(f64, Duration),
    /// Theirs takes at least this many times ours.
    Faster(f64),
    /// Nothing: it tells where time goes.
    None,
}

/// How a pair went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Medians.
    pub ours: Duration,
    pub theirs: Duration,
    /// Ours by theirs in each round, in ascending order.
    ratios: Vec<f64>,
}

/// Runs both sides once to warm up and then `rounds` times in turns. Both give
/// how much they found, which must be the same.
pub async fn in_turns(
    name: &str,
    rounds: usize,
    ours: impl AsyncFnMut() -> anyhow::Result<u64>,
    theirs: impl AsyncFnMut() -> anyhow::Result<u64>,
) -> anyhow::Result<Outcome> {
    prepared_in_turns(name, rounds, async |_| Ok(()), ours, theirs).await
}

/// Who runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Ours,
    Theirs,
}

/// The same, where something is set up before each run. That is not measured.
pub async fn prepared_in_turns(
    name: &str,
    rounds: usize,
    mut prepare: impl AsyncFnMut(Side) -> anyhow::Result<()>,
    mut ours: impl AsyncFnMut() -> anyhow::Result<u64>,
    mut theirs: impl AsyncFnMut() -> anyhow::Result<u64>,
) -> anyhow::Result<Outcome> {
    prepare(Side::Ours).await?;
    let a = ours().await?;
    prepare(Side::Theirs).await?;
    let found = (a, theirs().await?);
    anyhow::ensure!(found.0 == found.1, "{name}: ours finds {}, the other {}", found.0, found.1);
    let (mut ours_took, mut theirs_took, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let (a, b);
        if round % 2 == 0 {
            prepare(Side::Ours).await?;
            a = timed(&mut ours).await?;
            prepare(Side::Theirs).await?;
            b = timed(&mut theirs).await?;
        } else {
            prepare(Side::Theirs).await?;
            b = timed(&mut theirs).await?;
            prepare(Side::Ours).await?;
            a = timed(&mut ours).await?;
        }
        ratios.push(a.as_secs_f64() / b.as_secs_f64());
        ours_took.push(a);
        theirs_took.push(b);
    }
    ours_took.sort_unstable();
    theirs_took.sort_unstable();
    ratios.sort_unstable_by(f64::total_cmp);
    Ok(Outcome { ours: ours_took[rounds / 2], theirs: theirs_took[rounds / 2], ratios })
}

async fn timed(work: &mut impl AsyncFnMut() -> anyhow::Result<u64>) -> anyhow::Result<Duration> {
    let start = Instant::now();
    work().await?;
    Ok(start.elapsed())
}

impl Outcome {
    /// The median of the ratios, the least and the greatest.
    pub fn ratio(&self) -> (f64, f64, f64) {
        (self.ratios[self.ratios.len() / 2], self.ratios[0], self.ratios[self.ratios.len() - 1])
    }

    /// One line for a person.
    pub fn print(&self, name: &str, goal: Goal) {
        let (median, least, greatest) = self.ratio();
        let (ratio, said) = match goal {
            Goal::AtMost(times, more) => {
                let reached = median <= times || self.ours <= self.theirs + more;
                let more = if more.is_zero() { String::new() } else { format!(" or {} ms more", more.as_millis()) };
                (format!("{median:.2} ({least:.2}-{greatest:.2})"), format!("at most {times}{more}: {}", word(reached)))
            }
            Goal::Faster(times) => (
                format!("1/{:.1} (1/{:.1}-1/{:.1})", 1.0 / median, 1.0 / least, 1.0 / greatest),
                format!("at least {times} times as fast: {}", word(1.0 / median >= times)),
            ),
            Goal::None => (format!("{median:.2} ({least:.2}-{greatest:.2})"), "none".to_owned()),
        };
        println!("  {name:<44} {:>9} {:>9}  {ratio:<22} {said}", millis(self.ours), millis(self.theirs));
    }
}

/// The heading of the lines that [`Outcome::print`] writes.
pub fn heading(ours: &str, theirs: &str) {
    println!("  {:<44} {ours:>9} {theirs:>9}  {:<22} goal", "", "ratio (least-greatest)");
}

fn word(reached: bool) -> &'static str {
    if reached { "reached" } else { "NOT reached" }
}

fn millis(span: Duration) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1000.0)
}
