//! Postgres goes away, or is out of reach.

use std::time::{Duration, Instant};

use super::company::Company;
use super::{Chance, Row, Size};
use crate::support::program::Daemon;
use crate::support::proxy::{Behind, Fault, Proxy};

/// F8: Postgres is stopped at once and started again.
pub async fn crashes(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("crashes", "").await?;
    let mut spans = Vec::new();
    for _ in 0..size.rounds {
        company.wave(60).await?;
        let daemons = [company.daemon(), company.daemon()];
        company.ready(&daemons).await;
        tokio::time::sleep(chance.millis(0, 600)).await;
        company.crash()?;
        tokio::time::sleep(chance.millis(100, 1_500)).await;
        company.restart().await?;
        company.let_a_minute_pass().await?;
        spans.push(company.finish().await?);
        daemons.into_iter().for_each(Daemon::stop_well);
    }
    let note = "from its return".to_owned();
    Ok(Row {
        name: "F8 Postgres stopped and started",
        trials: size.rounds,
        found: company.compare().await?,
        spans,
        note,
    })
}

/// F9: a daemon is cut off from Postgres without a word, both ways or one.
pub async fn partitions(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("partitions", "").await?;
    let proxy = Proxy::before(Behind::Unix(company.socket()));
    let direct = company.postgres.url("keepwell");
    let through = company.url_by(proxy.address);
    let (mut spans, mut most) = (Vec::new(), 0);
    for round in 0..size.rounds {
        company.wave(80).await?;
        company.home.set("DATABASE_URL", &through);
        let cut_off = company.daemon();
        company.home.set("DATABASE_URL", &direct);
        let before = company.server.accepted().len();
        let since = Instant::now();
        while company.server.accepted().len() < before + 5 && since.elapsed() < Duration::from_secs(30) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(chance.millis(1, 60)).await;
        proxy.set(if round % 2 == 0 { Fault::Stall } else { Fault::HalfOpen });
        let at = Instant::now();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        most = most.max(company.taken_after(at));
        let other = company.daemon();
        company.let_a_minute_pass().await?;
        tokio::time::sleep(chance.millis(200, 1_500)).await;
        proxy.set(Fault::None);
        company.let_a_minute_pass().await?;
        spans.push(company.finish().await?);
        cut_off.stop_well();
        other.stop_well();
    }
    let note = format!("at most {most} bodies after it, of 8 sessions");
    Ok(Row { name: "F9 cut off from Postgres", trials: size.rounds, found: company.compare().await?, spans, note })
}

/// F10: connections are terminated every 200 ms.
pub async fn storms(size: Size, _: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("storms", "").await?;
    let (terminated, span) = storm(&mut company, size).await?;
    let note = format!("{terminated} connections");
    let (name, trials, found) = ("F10 connections terminated", size.rounds * 3, company.compare().await?);
    Ok(Row { name, trials, found, spans: vec![span], note })
}

/// Terminates connections while three daemons send a wave: how many, and how
/// long the rest took.
pub(super) async fn storm(company: &mut Company, size: Size) -> anyhow::Result<(i64, Duration)> {
    company.wave(60 * size.rounds as i64).await?;
    let daemons = [company.daemon(), company.daemon(), company.daemon()];
    company.ready(&daemons).await;
    let mut terminated = 0;
    for _ in 0..size.rounds * 3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        terminated += company.terminate_half().await?;
    }
    company.let_a_minute_pass().await?;
    let span = company.finish().await?;
    daemons.into_iter().for_each(Daemon::stop_well);
    Ok((terminated, span))
}
