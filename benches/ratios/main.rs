//! How fast Keepwell is, as ratios of pairs that run in turns on one Postgres:
//! Keepwell's own code on one side, what it should be compared with on the other.
//!
//! ```text
//! cargo bench                                   every part, 1,000,000 accounts, 20,000,000 events
//! cargo bench -- evaluate --accounts 100000     one part, on a smaller store
//! cargo bench -- enroll --entering 20000        a run that enrolls so many, 100,000 by default
//! cargo bench -- deliver --messages 20000       so many mails from the outbox to a relay, 5,000 by default
//! ```
//!
//! The store is built once for each scale and kept below `target/`; `enroll` and `deliver` have one of their own.
//! `deliver` needs `smtp-sink` and `smtp-source`, which are in Debian's package `postfix`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};

mod deliver;
mod engine;
mod enroll;
mod evaluate;
mod hundred;
mod memory;
mod pairs;
mod store;
mod stream;

use store::Scale;

/// What is measured, in the order in which it runs.
const PARTS: [&str; 6] = ["evaluate", "stream", "hundred", "memory", "enroll", "deliver"];

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Options {
    pub parts: Vec<String>,
    pub scale: Scale,
    /// How many accounts a run enrolls.
    pub entering: i64,
    /// How many mails are delivered.
    pub messages: i64,
    /// How many rounds of two runs of each side.
    pub rounds: usize,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> anyhow::Result<Options> {
        let (mut accounts, mut events, mut entering) = (1_000_000, None, 100_000);
        let (mut rounds, mut parts, mut messages) = (5, Vec::new(), 5_000);
        while let Some(word) = words.next() {
            let mut number = || -> anyhow::Result<i64> {
                let value = words.next().with_context(|| format!("{word} needs a number"))?;
                value.replace(['_', ','], "").parse().with_context(|| format!("{word} {value} is no number"))
            };
            match word.as_str() {
                // Cargo's own.
                "--bench" => {}
                "--accounts" => accounts = number()?,
                "--events" => events = Some(number()?),
                "--entering" => entering = number()?,
                "--messages" => messages = number()?,
                "--rounds" => rounds = usize::try_from(number()?)?.max(1),
                part if PARTS.contains(&part) || part == memory::CHILD => parts.push(word),
                other => bail!(
                    "{other} is neither a part ({}) nor --accounts, --events, --entering, --messages, --rounds",
                    PARTS.join(", ")
                ),
            }
        }
        if parts.is_empty() {
            parts = PARTS.map(str::to_owned).into();
        }
        let events = events.unwrap_or(accounts * 20);
        Ok(Options { parts, scale: Scale { accounts, events }, entering, messages, rounds })
    }
}

fn main() -> ExitCode {
    let run = || {
        let options = Options::parse(std::env::args().skip(1))?;
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(options))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: Options) -> anyhow::Result<()> {
    let asked = |part: &str| options.parts.iter().any(|asked| asked == part);
    let own = |part: &&String| ["enroll", "deliver"].contains(&part.as_str());
    let others: Vec<&String> = options.parts.iter().filter(|part| !own(part)).collect();
    if !others.is_empty() {
        let store = store::Store::open(options.scale).await?;
        if options.parts == [memory::CHILD] {
            return memory::child(&store).await;
        }
        for part in others {
            println!("\n{part}: {}", options.scale);
            match part.as_str() {
                "evaluate" => evaluate::measure(&store, &options).await?,
                "hundred" => hundred::measure(&store, &options).await?,
                "memory" => memory::measure(&store, &options).await?,
                "stream" => stream::measure(&store, &options).await?,
                other => bail!("there is no part {other}"),
            }
        }
        store.close().await;
    }
    if asked("enroll") {
        println!("\nenroll: {} accounts", options.entering);
        enroll::measure(&options).await?;
    }
    if asked("deliver") {
        println!("\ndeliver: {} mails", options.messages);
        deliver::measure(&options).await?;
    }
    // Let the servers write their last words before this process ends them.
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok(())
}
