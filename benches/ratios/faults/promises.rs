//! What a person or a playbook demands while mail leaves: slots, stops,
//! suppressions, budgets.

use keepwell::store::messages::suppressions::Suppression;
use std::time::{Duration, Instant};

use keepwell::store::Store;
use keepwell::store::upkeep::stopped::StopTarget;
use sqlx::AssertSqlSafe;

use super::company::Company;
use super::{Chance, Row, Size};
use crate::support::program::Daemon;

/// F14: nobody was there for some slots.
pub async fn downtimes() -> anyhow::Result<Row> {
    let mut company = Company::open("downtimes", "catch_up: 1h\n").await?;
    let (mut notes, gaps) = (Vec::new(), [1, 5, 500]);
    for gap in gaps {
        company.wave(20).await?;
        company
            .sql(&format!(
                "update keepwell.playbooks set slots_after = date_trunc('minute', now()) - interval '{gap} minutes'"
            ))
            .await?;
        let before = company.number("select count(*) from keepwell.runs where state = 'skipped'").await?;
        let daemons = [company.daemon(), company.daemon(), company.daemon()];
        company.finish().await?;
        daemons.into_iter().for_each(Daemon::stop_well);
        let skipped = company.number("select count(*) from keepwell.runs where state = 'skipped'").await? - before;
        notes.push(format!("{gap} slots: {skipped} skipped"));
    }
    let twice = company
        .number("select count(*) from (select 1 from keepwell.runs group by playbook, slot having count(*) > 1) t")
        .await?;
    anyhow::ensure!(twice == 0, "{twice} slots ran twice");
    let note = notes.join(", ");
    Ok(Row { name: "F14 missed slots", trials: gaps.len(), found: company.compare().await?, spans: Vec::new(), note })
}

/// F19: everything is stopped while three daemons send.
pub async fn switches(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("switches", "").await?;
    let (mut spans, mut bodies, mut trials) = (Vec::new(), 0, 0);
    company.wave(size.messages).await?;
    let daemons = [company.daemon(), company.daemon(), company.daemon()];
    let store = Store::connect(company.options.clone(), 1);
    while !company.is_done().await? {
        tokio::time::sleep(chance.millis(50, 300)).await;
        if company.is_done().await? {
            break;
        }
        store.stop(&StopTarget::All, keepwell::ids::Actor("a person"), None, chrono::Utc::now()).await?;
        let stopped = Instant::now();
        tokio::time::sleep(Duration::from_millis(2_000)).await;
        let late: Vec<Instant> = company.taken.lock().unwrap().iter().filter(|at| **at > stopped).copied().collect();
        bodies = bodies.max(late.len());
        spans.push(late.last().map_or(Duration::ZERO, |last| *last - stopped));
        trials += 1;
        store.resume(&StopTarget::All, keepwell::ids::Actor("a person"), chrono::Utc::now()).await?;
    }
    store.close().await;
    daemons.into_iter().for_each(Daemon::stop_well);
    let note = format!("from the word to the last body; at most {bodies} bodies, of 24 sessions");
    Ok(Row { name: "F19 stop under load", trials, found: company.compare().await?, spans, note })
}

/// F20: people unsubscribe while their mail leaves.
pub async fn suppressions(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("suppressions", "").await?;
    let (count, mut acknowledged) = (40 * size.rounds as i64, Vec::new());
    company.wave(count).await?;
    let daemons = [company.daemon(), company.daemon()];
    let store = Store::connect(company.options.clone(), 2);
    for number in 1..=count {
        if chance.below(2) == 0 {
            continue;
        }
        let address = format!("person{number}@customer.example");
        store.suppress(&address, Suppression { class: "all", source: "a person" }, chrono::Utc::now()).await?;
        let at: chrono::DateTime<chrono::Utc> =
            sqlx::query_scalar("select clock_timestamp()").fetch_one(store.pool()).await?;
        acknowledged.push((address, at));
    }
    company.finish().await?;
    daemons.into_iter().for_each(Daemon::stop_well);
    let (mut late, mut spared) = (0, 0);
    for (address, at) in &acknowledged {
        let marked = "select count(*) from keepwell.messages where to_address = $1 and marked_at > $2";
        late += sqlx::query_scalar::<_, i64>(marked).bind(address).bind(at).fetch_one(store.pool()).await?;
        let state = "select count(*) from keepwell.messages where to_address = $1 and state = 'suppressed'";
        spared += sqlx::query_scalar::<_, i64>(AssertSqlSafe(state)).bind(address).fetch_one(store.pool()).await?;
    }
    store.close().await;
    anyhow::ensure!(late == 0, "{late} bodies began after their word was taken");
    let note = format!("{late} bodies after the answer; {spared} mails spared");
    Ok(Row {
        name: "F20 unsubscribed while it leaves",
        trials: acknowledged.len(),
        found: company.compare().await?,
        spans: Vec::new(),
        note,
    })
}

/// F13: two playbooks want to write to everybody, and one mail a day is allowed.
pub async fn budgets(size: Size) -> anyhow::Result<Row> {
    let mut company = Company::open("budgets", "budget: { contact: [1 per 1d], account: off }\n").await?;
    company.publish("other", 1)?;
    company.wave(size.messages).await?;
    company.make_due("other").await?;
    let daemons = [company.daemon(), company.daemon(), company.daemon()];
    let since = Instant::now();
    while company.number("select count(*) from keepwell.messages where state = 'accepted'").await? < size.messages {
        anyhow::ensure!(since.elapsed() < Duration::from_secs(900), "it does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Whoever would go over the limit has had time for it.
    tokio::time::sleep(Duration::from_secs(2)).await;
    daemons.into_iter().for_each(Daemon::stop_well);
    let waiting = company.number("select count(*) from keepwell.messages where state = 'deferred'").await?;
    let found = company.sent()?;
    let note = format!("one a day for each; {waiting} mails wait for tomorrow");
    Ok(Row { name: "F13 budget, three daemons", trials: 1, found, spans: vec![since.elapsed()], note })
}
