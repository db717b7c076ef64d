//! What is left when daemons are killed, stopped and frozen, when Postgres goes
//! away and when a person stops everything: counted in the mail server's own
//! ledger, which is synced before it answers, and printed as a table.

use std::path::PathBuf;
use std::time::Duration;

pub mod clocks;
mod company;
mod connections;
mod copies;
mod failovers;
mod limits;
mod link;
mod pooler;
mod processes;
mod promises;
mod vacuum;
mod versions;

use company::Found;

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub kills: usize,
    pub messages: i64,
    /// How often each of the other faults strikes.
    pub rounds: usize,
}

/// Which of it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `F1` and the like; all without any.
    pub rows: Vec<String>,
    /// A program of an earlier version.
    pub older: Option<PathBuf>,
}

/// One row of the table.
pub struct Row {
    name: &'static str,
    trials: usize,
    found: Found,
    /// From the fault's end to that of all work.
    spans: Vec<Duration>,
    note: String,
}

impl Row {
    /// What cannot be tried here has not passed.
    fn skipped(name: &'static str, why: &str) -> Row {
        Row { name, trials: 0, found: Found::default(), spans: Vec::new(), note: format!("skipped: {why}") }
    }
}

/// Xorshift: the seed tells the whole story.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

pub async fn measure(size: Size, asked: &Asked) -> anyhow::Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let given = std::env::var("KEEPWELL_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or(now.as_nanos() as u64);
    println!(
        "\nfaults: {} messages, {} kills, {} rounds; KEEPWELL_TEST_SEED={seed}\n",
        size.messages, size.kills, size.rounds
    );
    let chance = &mut Chance(seed | 1);
    println!("| fault | trials | mails | duplicates | losses | unknown | recovery p50 / p99 | |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut bad = 0;
    for name in ROWS {
        if !asked.rows.is_empty() && !asked.rows.iter().any(|row| row == name) {
            continue;
        }
        bad += of_fault(name, size, asked, chance).await?;
    }
    anyhow::ensure!(bad == 0, "{bad} promises are broken");
    Ok(())
}

/// In the order in which they strike.
pub const ROWS: [&str; 17] =
    ["F1", "F3", "F4", "F8", "F9", "F10", "F11", "F12", "F13", "F14", "F15", "F19", "F20", "F22", "F23", "F24", "F25"];

/// Prints its rows; how much of them is wrong.
async fn of_fault(name: &str, size: Size, asked: &Asked, chance: &mut Chance) -> anyhow::Result<usize> {
    Ok(match name {
        "F1" => print(processes::kills(size, chance).await?),
        "F3" => print(processes::stops(size, chance).await?),
        "F4" => print(processes::freezes(size, chance).await?),
        "F8" => print(connections::crashes(size, chance).await?),
        "F9" => print(connections::partitions(size, chance).await?),
        "F10" => print(connections::storms(size, chance).await?) + print(pooler::storms(size).await?),
        "F11" => {
            let failovers = print(failovers::promotions(size).await?) + print(failovers::restores(size).await?);
            let beside = print(copies::templates(size).await?) + print(copies::dumps(size).await?);
            let reloads = print(copies::reloads(size, true).await?) + print(copies::reloads(size, false).await?);
            failovers + beside + print(copies::files(size).await?) + reloads + print(copies::recoveries(size).await?)
        }
        "F12" => print(vacuum::pinned(size).await?),
        "F13" => print(promises::budgets(size).await?),
        "F14" => print(promises::downtimes().await?),
        "F15" => print(clocks::jumps(size).await?) + print(clocks::nights().await?),
        "F19" => print(promises::switches(size, chance).await?),
        "F20" => print(promises::suppressions(size, chance).await?),
        "F22" => print(versions::upgrades(size, asked.older.as_deref(), chance).await?),
        "F23" => print(limits::full_disk(size).await?),
        "F24" => print(link::slow_relay().await?) + print(link::slow_database(size, chance).await?),
        "F25" => print(limits::few_files(size).await?),
        other => anyhow::bail!("there is no {other}"),
    })
}

/// Prints a row; how much of it is wrong.
fn print(mut row: Row) -> usize {
    row.spans.sort_unstable();
    let at = |share: f64| match row.spans.len() {
        0 => "–".to_owned(),
        count => format!("{:.2} s", row.spans[((count - 1) as f64 * share).ceil() as usize].as_secs_f64()),
    };
    let Found { sent, duplicates, losses, unknown } = row.found;
    // The rule of three: none in n is less than 3/n, with 95 % confidence.
    let bound = |count: usize| match (count, sent) {
        (0, 1..) => format!("0 (< {:.2} %)", 300.0 / sent as f64),
        _ => count.to_string(),
    };
    println!(
        "| {} | {} | {sent} | {} | {} | {unknown} | {} / {} | {} |",
        row.name,
        row.trials,
        bound(duplicates),
        bound(losses),
        at(0.5),
        at(0.99),
        row.note
    );
    duplicates + losses
}
