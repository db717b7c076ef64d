//! Delivery under other circumstances: a Postgres that lets commits wait for each
//! other, a transaction that somebody forgot, markers that do not share theirs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keepwell::store::Store;
use keepwell::store::messages::address_guard::Departure;
use keepwell::store::messages::budget::UnderWay;
use keepwell::store::messages::claimed::{Claimed, Rendered};
use keepwell::store::messages::mark_request::{MarkRequest, Marked};
use keepwell::store::upkeep::stopped::Halted;
use keepwell::worker::Shared;
use sqlx::{Connection, Executor, PgConnection, PgPool};

use super::work::commits;
use super::{FEW, MANY, due, send};
use crate::Options;
use crate::enroll::{FIRST, run};
use crate::pairs::{Goal, Side, heading, prepared_in_turns};

/// What Postgres' manual takes for an example of what may pay: half of the time
/// that a flush takes on a disk, in microseconds.
const DELAY: &str =
    "alter system set commit_delay = 200; alter system set commit_siblings = 2; select pg_reload_conf()";
const NO_DELAY: &str = "alter system reset commit_delay; alter system reset commit_siblings; select pg_reload_conf()";

/// Commits that wait a moment for others, against commits that do not.
pub async fn delayed_commits(shared: &Arc<Shared>, pool: &PgPool, options: &Options) -> anyhow::Result<()> {
    let prepare = async |side: Side| {
        run(pool, if side == Side::Ours { DELAY } else { NO_DELAY }).await?;
        due(pool, FEW).await
    };
    let all = async || send(shared).await;
    let outcome = prepared_in_turns("commit_delay", options.rounds, prepare, all, all).await?;
    run(pool, NO_DELAY).await?;
    heading("delayed", "usual");
    outcome.print("delivery with commit_delay = 200 us", Goal::None);
    Ok(())
}

/// Four times as many mails while somebody else's transaction stays open, which
/// keeps every dead row in its place, against none.
pub async fn forgotten_transaction(shared: &Arc<Shared>, pool: &PgPool, options: &Options) -> anyhow::Result<()> {
    let mut forgetful = PgConnection::connect_with(&pool.connect_options()).await?;
    let prepare = async |side: Side| {
        forgetful.execute("rollback").await?;
        due(pool, MANY).await?;
        if side == Side::Ours {
            forgetful.execute("begin isolation level repeatable read").await?;
            forgetful.execute("select count(*) from keepwell.installation").await?;
        }
        Ok(())
    };
    let all = async || send(shared).await;
    let outcome = prepared_in_turns("forgotten", options.rounds, prepare, all, all).await?;
    forgetful.close().await?;
    heading("forgotten", "none");
    outcome.print("delivery beside an open transaction", Goal::AtMost(1.25, Duration::ZERO));
    Ok(())
}

/// The markers alone: by 32 senders that share transactions, against each in a
/// transaction of its own.
pub async fn markers(store: &Store, pool: &PgPool, options: &Options) -> anyhow::Result<()> {
    let mut claimed = Vec::new();
    let (mut shared_transactions, mut own_transactions) = (0.0, 0.0);
    let (mut shared_took, mut own_took) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..options.rounds.max(1) {
        for (shares, transactions, took) in
            [(true, &mut shared_transactions, &mut shared_took), (false, &mut own_transactions, &mut own_took)]
        {
            due(pool, FEW).await?;
            claimed = claim(store).await?;
            let before = commits(pool).await?;
            let started = Instant::now();
            if shares {
                together(store, &claimed).await?
            } else {
                alone(store, &claimed).await?
            }
            *took += started.elapsed();
            *transactions += (commits(pool).await? - before) as f64;
        }
    }
    let each = |took: Duration| took.as_secs_f64() * 1e6 / (claimed.len() * options.rounds.max(1)) as f64;
    let per = |transactions: f64| transactions / (claimed.len() * options.rounds.max(1)) as f64;
    println!(
        "  a marker: {:.0} us and {:.2} transactions where 32 senders share them, {:.0} us and {:.2} alone",
        each(shared_took),
        per(shared_transactions),
        each(own_took),
        per(own_transactions)
    );
    Ok(())
}

/// Claims everything, up to right before its markers.
async fn claim(store: &Store) -> anyhow::Result<Vec<Claimed>> {
    let (halted, under_way) = (Halted::default(), UnderWay::default());
    let now = FIRST.parse()?;
    let claimed = store.claim_messages(now, &halted, &under_way, i64::from(i32::MAX)).await?;
    let departure = |message: &Claimed| Departure {
        message: message.clone(),
        to: message.to_address.clone().unwrap_or_default(),
        rendered: Rendered::default(),
        leaves: true,
        fingerprint: Some(message.id),
        now,
    };
    for departed in store.depart(&claimed.iter().map(departure).collect::<Vec<_>>()).await {
        anyhow::ensure!(departed?, "somebody gets it twice");
    }
    Ok(claimed)
}

async fn together(store: &Store, claimed: &[Claimed]) -> anyhow::Result<()> {
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..32 {
        let (store, mine) = (store.clone(), claimed.iter().skip(sender).step_by(32).cloned().collect::<Vec<_>>());
        senders.spawn(async move {
            for message in mine {
                let to = message.to_address.clone().unwrap_or_default();
                let marked = store.mark(MarkRequest::new(&message, &to), FIRST.parse()?).await?;
                anyhow::ensure!(marked == Marked::Go, "{marked:?}");
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = senders.join_next().await {
        done??;
    }
    Ok(())
}

async fn alone(store: &Store, claimed: &[Claimed]) -> anyhow::Result<()> {
    for message in claimed {
        let to = message.to_address.as_deref().unwrap_or_default();
        let marked = store.mark_all(&[MarkRequest::new(message, to)], FIRST.parse()?).await?;
        anyhow::ensure!(marked == [Marked::Go], "{marked:?}");
    }
    Ok(())
}
