//! The most memory that a process ever held which evaluates each condition
//! once, and one which backtests each over a year, on a small store and on a
//! large one.

use std::process::Command;

use anyhow::Context;

use crate::Options;
use crate::engine::{evaluate, playbooks};
use crate::evaluate::CONDITIONS;
use crate::store::{Scale, Store};

/// The part that is run in a process of its own.
pub const CHILD: &str = "one-evaluation";
/// The same for backtests.
pub const BACKTEST_CHILD: &str = "one-backtest";
const SMALL: i64 = 100_000;
/// In kilobytes.
const MOST: u64 = 64 * 1024;

/// `store` is open while the children run: this process owns its server.
pub async fn measure(_store: &Store, options: &Options) -> anyhow::Result<()> {
    let small = Scale { accounts: SMALL, events: SMALL * 20 };
    let mut peaks: [Vec<(i64, u64)>; 2] = Default::default();
    if small != options.scale {
        let store = Store::open(small).await?;
        for (peaks, child) in peaks.iter_mut().zip([CHILD, BACKTEST_CHILD]) {
            peaks.push(peak(small, child)?);
        }
        store.close().await;
    }
    for (peaks, child) in peaks.iter_mut().zip([CHILD, BACKTEST_CHILD]) {
        peaks.push(peak(options.scale, child)?);
        for (accounts, peak) in peaks.iter() {
            let growth = *peak as f64 / peaks[0].1 as f64;
            let reached = if *peak <= MOST { "reached" } else { "NOT reached" };
            println!(
                "  {child}, {accounts:>9} accounts: {:.1} MiB at most, {growth:.2} times the first; goal 64 MiB: {reached}",
                *peak as f64 / 1024.0
            );
        }
    }
    Ok(())
}

fn peak(scale: Scale, child: &str) -> anyhow::Result<(i64, u64)> {
    let output = Command::new(std::env::current_exe()?)
        .args([child, "--accounts", &scale.accounts.to_string(), "--events", &scale.events.to_string()])
        .output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout)?;
    Ok((scale.accounts, said.trim().parse().with_context(|| said.clone())?))
}

/// What the child does: it prints the most memory it held, in kilobytes.
pub async fn child(store: &Store) -> anyhow::Result<()> {
    for (_, condition, _) in CONDITIONS {
        evaluate(store, &playbooks(&[condition.to_owned()])?[0]).await?;
    }
    print_peak()
}

/// Prints the most memory that this process held, in kilobytes.
pub fn print_peak() -> anyhow::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM here")?;
    println!("{}", line.trim().trim_end_matches("kB").trim());
    Ok(())
}
