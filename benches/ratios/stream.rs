//! The way of a script that reads everything and decides for itself: every
//! account with its scores and events, in batches, and Keepwell's own meaning
//! of the condition in memory. On an index and without one it does the same.

use std::collections::HashMap;
use std::sync::Arc;

use keepwell::clock::Instant;
use keepwell::facts::EventRecord;
use keepwell::facts::history::{History, ScoreRecord};
use keepwell::facts::{CellPath, Schema, SubjectId, Value};
use keepwell::rule::functions::fold::fold_facts;
use keepwell::rule::{Context, Verdict};
use keepwell::worker::revision_cache::Loaded;
use sqlx::postgres::PgConnection;

use crate::Options;
use crate::engine::{evaluate, now, playbooks};
use crate::evaluate::CONDITIONS;
use crate::pairs::{Goal, heading, in_turns};
use crate::store::Store;

/// How many accounts are read at once.
const BATCH: i64 = 5_000;

pub async fn measure(store: &Store, options: &Options) -> anyhow::Result<()> {
    heading("keepwell", "stream");
    for (at, (name, condition, _)) in CONDITIONS.into_iter().enumerate() {
        let playbook = playbooks(&[condition.to_owned()])?.remove(0);
        let mut connection = store.connection().await?;
        let outcome = in_turns(
            name,
            options.rounds,
            async || evaluate(store, &playbook).await,
            async || stream(&mut connection, &playbook).await,
        )
        .await?;
        // The first has an index that answers it.
        outcome.print(&format!("{name}, indexed"), Goal::Faster(if at == 0 { 100.0 } else { 20.0 }));
    }
    Ok(())
}

/// On how many accounts the condition is true.
async fn stream(connection: &mut PgConnection, loaded: &Arc<Loaded>) -> anyhow::Result<u64> {
    let reads = |relation: &str| {
        loaded.ready.entry_layout.cells().iter().any(|cell| match &cell.path {
            CellPath::Call { function, .. } => function.contains(relation),
            _ => false,
        })
    };
    let (scores, events) = (reads("score"), reads("event"));
    let schema = Schema::default_store();
    let (mut found, mut last) = (0, String::new());
    loop {
        let accounts: Vec<Account> = sqlx::query_as(
            "select id, name, status, mrr::float8 as mrr, signed_up_at, activated_at, renewal_at
             from customers.accounts where id > $1 order by id limit $2",
        )
        .bind(&last)
        .bind(BATCH)
        .fetch_all(&mut *connection)
        .await?;
        let (Some(first), Some(end)) = (accounts.first(), accounts.last()) else { return Ok(found) };
        let first = first.id.clone();
        last.clone_from(&end.id);
        let mut histories: HashMap<String, History> =
            accounts.into_iter().map(|account| (account.id.clone(), account.history())).collect();
        if scores {
            let rows: Vec<(String, String, Option<String>, String, f64, Instant)> = sqlx::query_as(
                "select account_id, id, contact_id, name, value, at from customers.scores where account_id between $1 and $2",
            )
            .bind(&first)
            .bind(&last)
            .fetch_all(&mut *connection)
            .await?;
            for (account, id, contact, name, value, at) in rows {
                if let Some(history) = histories.get_mut(&account) {
                    history.scores.push(ScoreRecord { id, name, value, at, contact, own: None });
                }
            }
        }
        if events {
            let rows: Vec<(String, Option<String>, String, Instant)> = sqlx::query_as(
                "select account_id, contact_id, name, at from customers.events where account_id between $1 and $2",
            )
            .bind(&first)
            .bind(&last)
            .fetch_all(&mut *connection)
            .await?;
            for (account, contact, name, at) in rows {
                if let Some(history) = histories.get_mut(&account) {
                    history.events.push(EventRecord { name, at, contact, properties: serde_json::Map::new() });
                }
            }
        }
        for (account, history) in histories {
            let subject = SubjectId { account, contact: String::new() };
            let facts = fold_facts(&history, &subject, &loaded.ready.entry_layout, &schema, now(), None, None)?;
            let context = Context { facts: Arc::new(facts), progress: None, zone: loaded.ready.zone };
            found += u64::from(loaded.ready.when.verdict(&loaded.ready.sandbox, &context) == Verdict::True);
        }
    }
}

/// The columns that these conditions may read.
#[derive(sqlx::FromRow)]
struct Account {
    id: String,
    name: String,
    status: String,
    mrr: f64,
    signed_up_at: Instant,
    activated_at: Option<Instant>,
    renewal_at: Option<Instant>,
}

impl Account {
    fn history(self) -> History {
        let time = |at: Option<Instant>| at.map_or(Value::Null, Value::Time);
        let columns = [
            ("name", Value::text(&self.name)),
            ("status", Value::text(&self.status)),
            ("mrr", Value::Float(self.mrr)),
            ("signed_up_at", Value::Time(self.signed_up_at)),
            ("activated_at", time(self.activated_at)),
            ("renewal_at", time(self.renewal_at)),
        ];
        let account = columns.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        History { account, ..History::default() }
    }
}
