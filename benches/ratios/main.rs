//! How fast Keepwell is, as ratios of pairs that run in turns on one Postgres:
//! Keepwell's own code on one side, what it should be compared with on the other.
//!
//! ```text
//! cargo bench                                   every part, 1,000,000 accounts, 20,000,000 events
//! cargo bench -- evaluate --accounts 100000     one part, on a smaller store
//! cargo bench -- enroll --entering 20000        a run that enrolls so many, 100,000 by default
//! cargo bench -- deliver --messages 20000       so many mails from the outbox to a relay, 5,000 by default
//! cargo bench -- pages --slowest                the pages of colleagues, and what each waits for most
//! ```
//!
//! Four parts measure no time and run only when they are named:
//!
//! ```text
//! cargo bench -- faults --kills 500 --messages 10000 --rounds 50      what is left when everything fails
//! cargo bench -- F11 F23 --rounds 6                                   some faults; `faults::ROWS` has their names
//! cargo bench -- F22 --older path/to/keepwell                         a program of an earlier version beside this one
//! cargo bench -- mutants --accounts 10000                             what one mistake in a rule may do
//! cargo bench -- bounces --corpus DIR --expected DIR                  how well mails that came back are understood
//! cargo bench -- worlds                                               how often the ranges of `impact` hold the truth
//! ```
//!
//! The store is built once for each scale and kept below `target/`; `enroll` and `deliver` have one of their own.
//! `deliver` needs `smtp-sink` and `smtp-source`, which are in Debian's package `postfix`.
//! Of the faults, F11 needs `pg_basebackup`, `pg_dump` and `psql`, F10 `pgbouncer`, F15 Debian's package `faketime`,
//! and F23 a user who may mount; without them they say that they were skipped.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};

mod authoring;
mod backtest;
mod bounces;
mod deliver;
mod engine;
mod enroll;
mod evaluate;
#[allow(clippy::unwrap_used)]
mod faults;
mod hundred;
mod kpis;
mod memory;
mod mutants;
mod pages;
mod pairs;
mod store;
mod stream;
#[path = "../../tests/suite/support/mod.rs"]
#[allow(dead_code, unused_imports, unused_macros, clippy::unwrap_used)]
mod support;
mod worlds;

use store::Scale;

/// What is measured, in the order in which it runs.
const PARTS: [&str; 10] =
    ["evaluate", "stream", "hundred", "authoring", "backtest", "memory", "enroll", "deliver", "kpis", "pages"];

/// What runs only when it is named.
const NAMED: [&str; 4] = ["faults", "mutants", "bounces", "worlds"];

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
    /// How much of the faults, and which of them.
    pub faults: faults::Size,
    pub asked: faults::Asked,
    /// Where mails that came back are, and the answers to them.
    pub folders: bounces::Folders,
    /// Whether to say what pages wait for most.
    pub slowest: bool,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> anyhow::Result<Options> {
        let (mut accounts, mut events, mut entering) = (None, None, 100_000);
        let (mut rounds, mut parts) = (None, Vec::new());
        let (mut kills, mut messages) = (500, None);
        let mut asked = faults::Asked::default();
        let mut folders = bounces::Folders::default();
        let mut slowest = false;
        while let Some(word) = words.next() {
            let mut number = || -> anyhow::Result<i64> {
                let value = words.next().with_context(|| format!("{word} needs a number"))?;
                value.replace(['_', ','], "").parse().with_context(|| format!("{word} {value} is no number"))
            };
            match word.as_str() {
                "--older" => {
                    let program = words.next().context("--older needs the path of a program")?;
                    asked.older = Some(std::path::absolute(program)?);
                }
                "--corpus" | "--expected" => {
                    let folder = words.next().with_context(|| format!("{word} needs a folder"))?;
                    let folder = Some(std::path::absolute(folder)?);
                    match word.as_str() {
                        "--corpus" => folders.corpus = folder,
                        _ => folders.expected = folder,
                    }
                }
                row if faults::ROWS.contains(&row) => asked.rows.push(word),
                "--slowest" => slowest = true,
                // Cargo's own.
                "--bench" => {}
                "--accounts" => accounts = Some(number()?),
                "--events" => events = Some(number()?),
                "--entering" => entering = number()?,
                "--rounds" => rounds = Some(usize::try_from(number()?)?.max(1)),
                "--kills" => kills = usize::try_from(number()?)?,
                "--messages" => messages = Some(number()?.max(1)),
                part if PARTS.contains(&part)
                    || NAMED.contains(&part)
                    || part == memory::CHILD
                    || part == memory::BACKTEST_CHILD
                    || part == faults::clocks::CHILD =>
                {
                    parts.push(word);
                }
                other => bail!(
                    "{other} is neither a part ({}, {}) nor \
                     --accounts, --events, --entering, --rounds, --kills, --messages, --older, --corpus, --expected, --slowest",
                    PARTS.join(", "),
                    NAMED.join(", ")
                ),
            }
        }
        if !asked.rows.is_empty() {
            parts.push("faults".to_owned());
        }
        if parts.is_empty() {
            parts = PARTS.map(str::to_owned).into();
        }
        let few = if parts.iter().any(|part| part == "mutants") { 10_000 } else { 1_000_000 };
        let accounts = accounts.unwrap_or(few);
        let events = events.unwrap_or(accounts * 20);
        let faults = faults::Size { kills, messages: messages.unwrap_or(10_000), rounds: rounds.unwrap_or(50) };
        let (messages, rounds) = (messages.unwrap_or(5_000), rounds.unwrap_or(5));
        Ok(Options {
            parts,
            scale: Scale { accounts, events },
            entering,
            messages,
            rounds,
            faults,
            asked,
            folders,
            slowest,
        })
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
    if options.parts == [faults::clocks::CHILD] {
        return faults::clocks::child().await;
    }
    if asked("faults") {
        faults::measure(options.faults, &options.asked).await?;
    }
    if asked("bounces") {
        bounces::measure(&options.folders)?;
    }
    if asked("mutants") {
        mutants::measure(options.scale.accounts).await?;
    }
    if asked("worlds") {
        println!("\nworlds: companies whose true effects are known");
        worlds::measure().await?;
    }
    let own = |part: &&String| {
        ["enroll", "deliver", "kpis", "pages", "faults", "mutants", "bounces", "worlds"].contains(&part.as_str())
    };
    let others: Vec<&String> = options.parts.iter().filter(|part| !own(part)).collect();
    if !others.is_empty() {
        let store = store::Store::open(options.scale).await?;
        if options.parts == [memory::CHILD] {
            return memory::child(&store).await;
        }
        if options.parts == [memory::BACKTEST_CHILD] {
            return backtest::child(&store).await;
        }
        for part in others {
            println!("\n{part}: {}", options.scale);
            match part.as_str() {
                "evaluate" => evaluate::measure(&store, &options).await?,
                "hundred" => hundred::measure(&store, &options).await?,
                "authoring" => authoring::measure(&store, &options).await?,
                "backtest" => backtest::measure(&store, &options).await?,
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
    if asked("kpis") {
        println!("\nkpis: the sample company");
        kpis::measure(&options).await?;
    }
    // The last: from then on every statement is recorded.
    if asked("pages") {
        println!("\npages: {}", options.scale);
        let store = store::Store::open(options.scale).await?;
        pages::measure(&store, &options).await?;
        store.close().await;
    }
    // Let the servers write their last words before this process ends them.
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok(())
}
