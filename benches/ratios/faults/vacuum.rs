//! F12: somebody forgets an open transaction, so that nothing that changes can
//! be cleared away, while mail leaves all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keepwell::store::Store;
use keepwell::store::messages::budget::UnderWay;
use keepwell::store::upkeep::stopped::Halted;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};

use super::company::Company;
use super::{Row, Size};
use crate::support::program::Daemon;

/// Accounts of a wave: there is always one at work.
const WAVE: i64 = 200;

/// What was seen of a span.
#[derive(Default)]
struct Seen {
    claims: Vec<Duration>,
    /// The oldest transaction of ours.
    oldest: Duration,
}

impl Seen {
    fn claim(&self, share: f64) -> f64 {
        let mut claims = self.claims.clone();
        claims.sort_unstable();
        match claims.len() {
            0 => 0.0,
            count => claims[((count - 1) as f64 * share).ceil() as usize].as_secs_f64() * 1e3,
        }
    }
}

/// The same load twice: alone, and beside a transaction that stays open.
pub async fn pinned(size: Size) -> anyhow::Result<Row> {
    let span = Duration::from_secs((6 * size.rounds as u64).clamp(20, 300));
    let mut company = Company::open("vacuum", "").await?;
    let daemons = [company.daemon(), company.daemon()];
    company.ready(&daemons).await;
    let alone = load(&mut company, span).await?;
    let dead = "select coalesce(sum(n_dead_tup), 0)::bigint from pg_stat_user_tables where schemaname = 'keepwell'";
    let bytes = "select pg_total_relation_size('keepwell.messages')";
    let (dead_before, bytes_before) = (company.number(dead).await?, company.number(bytes).await?);
    let mut forgotten = PgConnection::connect_with(&company.options).await?;
    // A transaction of this kind keeps what it has seen from its first statement on.
    forgotten.execute("begin isolation level repeatable read").await?;
    forgotten.execute("select count(*) from keepwell.messages").await?;
    let beside = load(&mut company, span).await?;
    let (dead_with, bytes_with) = (company.number(dead).await?, company.number(bytes).await?);
    forgotten.execute("rollback").await?;
    forgotten.close().await?;
    daemons.into_iter().for_each(Daemon::stop_well);
    let oldest = alone.oldest.max(beside.oldest);
    anyhow::ensure!(oldest < Duration::from_secs(5), "a transaction of ours was open for {oldest:?}");
    let note = format!(
        "{} s without and {0} s with it: a claim takes {:.1} and {:.1} ms, p99 {:.1} and {:.1} ms; dead rows {dead_before} and \
         {dead_with}; messages {} and {} kB; our oldest transaction {:.2} s",
        span.as_secs(),
        alone.claim(0.5),
        beside.claim(0.5),
        alone.claim(0.99),
        beside.claim(0.99),
        bytes_before / 1024,
        bytes_with / 1024,
        oldest.as_secs_f64(),
    );
    let trials = beside.claims.len();
    Ok(Row { name: "F12 a transaction is forgotten", trials, found: company.compare().await?, spans: Vec::new(), note })
}

/// Keeps the daemons busy for a while.
async fn load(company: &mut Company, span: Duration) -> anyhow::Result<Seen> {
    let over = Arc::new(AtomicBool::new(false));
    let looking = tokio::spawn(look(company.options.clone(), over.clone()));
    let since = Instant::now();
    while since.elapsed() < span {
        company.wave(WAVE).await?;
        company.finish().await?;
    }
    over.store(true, Ordering::Relaxed);
    looking.await?
}

/// Claims what is due, as a daemon does, and gives it back.
async fn look(options: PgConnectOptions, over: Arc<AtomicBool>) -> anyhow::Result<Seen> {
    let mut own = PgConnection::connect_with(&options).await?;
    let store = Store::connect(options, 1);
    let mut seen = Seen::default();
    while !over.load(Ordering::Relaxed) {
        let started = Instant::now();
        let now = chrono::Utc::now();
        let claimed = store.claim_messages(now, &Halted::default(), &UnderWay::default(), 4).await?;
        seen.claims.push(started.elapsed());
        if let Some(token) = claimed.first().map(|message| message.token) {
            store.release_claims(token, now).await?;
        }
        let oldest: f64 = sqlx::query_scalar(
            "select coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0)::float8
             from pg_stat_activity where application_name = 'keepwell'",
        )
        .fetch_one(&mut own)
        .await?;
        seen.oldest = seen.oldest.max(Duration::from_secs_f64(oldest.max(0.0)));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    store.close().await;
    own.close().await?;
    Ok(seen)
}
