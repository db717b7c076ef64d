//! F24: a slow way to Postgres that stands still at times, and a relay at one
//! byte a second.

use std::time::{Duration, Instant};

use super::company::Company;
use super::{Chance, Row, Size};
use crate::support::program::Daemon;
use crate::support::proxy::{Behind, Fault, Proxy};

/// Each way.
const FAR: Duration = Duration::from_millis(100);

/// Accounts of a round: each takes some dozen ways there and back.
const WAVE: i64 = 20;

/// Two daemons, 200 ms from their database, which is out of reach now and then.
pub async fn slow_database(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("far", "").await?;
    let way = Proxy::before(Behind::Unix(company.socket()));
    let direct = company.postgres.url("keepwell");
    let rounds = (size.rounds / 5).max(2);
    let (mut spans, mut late, mut stalled) = (Vec::new(), 0, Duration::ZERO);
    for _ in 0..rounds {
        company.home.set("DATABASE_URL", &direct);
        company.wave(WAVE).await?;
        company.home.set("DATABASE_URL", &company.url_by(way.address));
        let since = Instant::now();
        way.set(Fault::Delay(FAR));
        let daemons = [company.daemon(), company.daemon()];
        company.ready(&daemons).await;
        while !company.is_done().await? {
            tokio::time::sleep(chance.millis(2_000, 5_000)).await;
            let stall = chance.millis(500, 2_500);
            way.set(Fault::Stall);
            tokio::time::sleep(stall).await;
            way.set(Fault::Delay(FAR));
            stalled += stall;
            anyhow::ensure!(since.elapsed() < Duration::from_secs(600), "it does not end");
        }
        spans.push(since.elapsed());
        late += daemons.iter().map(|daemon| daemon.log().matches("claims could not be renewed").count()).sum::<usize>();
        way.set(Fault::None);
        daemons.into_iter().for_each(Daemon::stop_well);
    }
    let all: Duration = spans.iter().sum();
    let note = format!(
        "200 ms away, {} s of {} s out of reach; {:.1} mails a second; {late} renewals missed; from the start",
        stalled.as_secs(),
        all.as_secs(),
        (WAVE as usize * rounds) as f64 / all.as_secs_f64(),
    );
    Ok(Row { name: "F24 Postgres is far away", trials: rounds, found: company.compare().await?, spans, note })
}

/// Mails to the slow relay.
const TRIED: i64 = 6;

/// A relay whose every word takes minutes is given up in time, and gets its
/// mail when it is mended.
pub async fn slow_relay() -> anyhow::Result<Row> {
    let mut company = Company::open("trickle", "").await?;
    let way = Proxy::before(Behind::Tcp(company.server.address));
    company.home.set("KEEPWELL_SMTP_URL", &format!("smtp://{}?tls=none", way.address));
    // Fewer than sessions: all are tried at once, and none again before five minutes.
    company.wave(TRIED).await?;
    way.set(Fault::Trickle(Duration::from_secs(1)));
    let since = Instant::now();
    let daemon = company.daemon();
    let tried = "select count(*) from keepwell.messages where channel = 'email' and state in ('deferred', 'unknown')";
    // A greeting may take a minute, as may each answer before the body.
    let patience = Duration::from_secs(1_200);
    while company.number(tried).await? < TRIED {
        anyhow::ensure!(since.elapsed() < patience, "a silent relay is never given up");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let given_up = since.elapsed();
    // Whoever still talks to it may do so for as long.
    while open(way.address.port()) > 0 && since.elapsed() < patience {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let hung = open(way.address.port());
    anyhow::ensure!(hung == 0, "{hung} sockets hang");
    way.set(Fault::None);
    company.retry_now().await?;
    let spans = vec![company.finish().await?];
    daemon.stop_well();
    let note = format!("given up after {} s, 0 sockets left; from its recovery", given_up.as_secs());
    Ok(Row { name: "F24 the relay at 1 byte/s", trials: 1, found: company.compare().await?, spans, note })
}

/// Established connections of this machine to a port of its own.
fn open(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let to = format!(":{port:04X}");
    table
        .lines()
        .filter(|line| {
            let mut words = line.split_whitespace().skip(2);
            words.next().is_some_and(|remote| remote.ends_with(&to)) && words.next() == Some("01")
        })
        .count()
}
