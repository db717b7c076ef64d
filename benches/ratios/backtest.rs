//! A backtest of one playbook over a year of daily slots, against evaluating the
//! same slots one by one as their runs did.

use std::sync::Arc;
use std::time::{Duration, Instant as Watch};

use chrono::TimeDelta;
use keepwell::catalog::Condition;
use keepwell::clock::Instant;
use keepwell::config::Config;
use keepwell::facts::Schema;
use keepwell::playbook::source::SourceSet;
use keepwell::rehearsal::backtest::{AccountOutcome, Backtest, Period, ReplayedPlaybook, Tally};
use keepwell::worker::revision_cache::Loaded;
use keepwell::worker::runs::backtest::run_backtest;

use crate::Options;
use crate::engine::{evaluate_at, now, playbooks, ready};
use crate::evaluate::CONDITIONS;
use crate::store::Store;

/// Of the slots of a year, every so manieth is evaluated by itself.
const EVERY: usize = 15;
const GOAL: f64 = 5.0;

fn period() -> Period {
    Period { from: now() - TimeDelta::days(365), to: now() }
}

/// Every slot of the period, and its playbook.
async fn replay(store: &Store, condition: &str) -> anyhow::Result<(Arc<Backtest>, Tally)> {
    let (config, schema) = (Config::default(), Schema::default_store());
    let ready = Arc::new(ready(&[condition.to_owned()])?.remove(0));
    let playbook = ReplayedPlaybook::new(ready, &period(), &config)?;
    let left = "account.status == \"churned\"";
    let condition = Condition::compile("outcome", left, &SourceSet::default(), &config, &schema);
    let condition = condition.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let outcome = AccountOutcome::new(condition, TimeDelta::days(90), period().from, period().to, now());
    let backtest = Arc::new(Backtest::new(playbook, Vec::new(), period(), outcome, &config, &schema));
    let tally = run_backtest(&store.keepwell, backtest.clone(), &[], &mut |_| {}).await?;
    Ok((backtest, tally))
}

/// Some of these slots, each by itself.
async fn one_by_one(store: &Store, loaded: &Arc<Loaded>, slots: &[Instant]) -> anyhow::Result<Duration> {
    let start = Watch::now();
    for slot in slots.iter().step_by(EVERY) {
        evaluate_at(store, loaded, *slot).await?;
    }
    let evaluated = slots.len().div_ceil(EVERY);
    Ok(start.elapsed().mul_f64(slots.len() as f64 / evaluated as f64))
}

pub async fn measure(store: &Store, options: &Options) -> anyhow::Result<()> {
    for (name, condition, _) in CONDITIONS {
        let loaded = playbooks(&[condition.to_owned()])?.remove(0);
        let mut ratios = Vec::new();
        let mut last = (Duration::ZERO, Duration::ZERO, 0);
        for _ in 0..options.rounds {
            let start = Watch::now();
            let (backtest, tally) = replay(store, condition).await?;
            let whole = start.elapsed();
            let each = one_by_one(store, &loaded, backtest.slots()).await?;
            ratios.push(each.as_secs_f64() / whole.as_secs_f64());
            last = (whole, each, tally.firings.len());
        }
        ratios.sort_unstable_by(f64::total_cmp);
        let ratio = ratios[ratios.len() / 2];
        let reached = if ratio >= GOAL { "reached" } else { "NOT reached" };
        println!(
            "  {name}: {ratio:.1} times as fast ({:.1} s for a year, {:.1} s slot by slot, {} firings); goal {GOAL}: {reached}",
            last.0.as_secs_f64(),
            last.1.as_secs_f64(),
            last.2
        );
    }
    Ok(())
}

/// What the child of `memory` does.
pub async fn child(store: &Store) -> anyhow::Result<()> {
    for (_, condition, _) in CONDITIONS {
        replay(store, condition).await?;
    }
    crate::memory::print_peak()
}
