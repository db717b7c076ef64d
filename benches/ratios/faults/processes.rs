//! Daemons that are killed, told to stop, and frozen.

use std::time::Duration;

use super::company::Company;
use super::{Chance, Row, Size};
use crate::support::program::Daemon;

/// F1: three daemons, of which one at a time is killed.
pub async fn kills(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("kills", "").await?;
    let waves = (size.messages / 300).clamp(1, 40);
    let (mut left, mut at_work, mut spans) = (size.kills, 0, Vec::new());
    for wave in 0..waves {
        company.wave(size.messages / waves).await?;
        let mut daemons: Vec<Daemon> = (0..3).map(|_| company.daemon()).collect();
        let mut share = left / (waves - wave) as usize;
        while share > 0 && !company.is_done().await? {
            tokio::time::sleep(chance.millis(20, 250)).await;
            let victim = chance.below(3) as usize;
            daemons.swap_remove(victim).kill();
            at_work += usize::from(!company.is_done().await?);
            daemons.push(company.daemon());
            if chance.below(2) == 0 {
                company.let_a_minute_pass().await?;
            }
            share -= 1;
            left -= 1;
        }
        company.let_a_minute_pass().await?;
        spans.push(company.finish().await?);
        daemons.into_iter().for_each(Daemon::stop_well);
    }
    let note = format!("{at_work} of {} kills hit a wave at work", size.kills - left);
    Ok(Row {
        name: "F1 kill -9, three daemons",
        trials: size.kills - left,
        found: company.compare().await?,
        spans,
        note,
    })
}

/// F3: SIGTERM under load.
pub async fn stops(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("stops", "").await?;
    let mut spans = Vec::new();
    let mut left = 0;
    for _ in 0..size.rounds {
        company.wave(60).await?;
        let daemon = company.daemon();
        tokio::time::sleep(chance.millis(50, 600)).await;
        let (status, took) = daemon.stop();
        anyhow::ensure!(status.success(), "it ended with {status}");
        spans.push(took);
        left += company.number("select count(*) from keepwell.messages where state = 'sending'").await?;
    }
    let daemon = company.daemon();
    company.let_a_minute_pass().await?;
    company.finish().await?;
    daemon.stop_well();
    let note = format!("from SIGTERM to exit 0; {left} claims left behind");
    Ok(Row { name: "F3 SIGTERM under load", trials: size.rounds, found: company.compare().await?, spans, note })
}

/// F4: a daemon stands still until its claims have run out and another has
/// done its work; then it goes on.
pub async fn freezes(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("freezes", "").await?;
    let mut spans = Vec::new();
    for _ in 0..size.rounds {
        company.wave(60).await?;
        let frozen = company.daemon();
        tokio::time::sleep(chance.millis(50, 500)).await;
        frozen.signal(libc::SIGSTOP);
        let other = company.daemon();
        company.let_a_minute_pass().await?;
        tokio::time::sleep(Duration::from_millis(700)).await;
        company.let_a_minute_pass().await?;
        frozen.signal(libc::SIGCONT);
        spans.push(company.finish().await?);
        frozen.stop_well();
        other.stop_well();
    }
    let note = "its claims were taken meanwhile".to_owned();
    Ok(Row { name: "F4 SIGSTOP beyond the lease", trials: size.rounds, found: company.compare().await?, spans, note })
}
