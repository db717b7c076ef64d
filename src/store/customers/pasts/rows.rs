//! Reading the rows of a chunk of accounts.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Postgres, Row, Transaction};

use super::columns::{ChangeRow, put_columns};
use super::wanted::WantedPast;
use crate::clock::Instant;
use crate::facts::history::{OwnScore, ScoreRecord, StandingRecord, TicketRecord};
use crate::facts::{AccountPast, EventRecord, Standing, Value};
use crate::store::customers::facts::{END, FIRST};
use crate::store::{Relation, Store};

type PastsById<'p> = HashMap<&'p str, &'p mut AccountPast>;

/// The pasts of accounts, with their rows and the history of their columns.
pub(super) async fn read_columns(
    store: &Store,
    wanted: &WantedPast,
    transaction: &mut Transaction<'static, Postgres>,
    ids: Vec<String>,
) -> sqlx::Result<Vec<AccountPast>> {
    let key = store.key();
    let sql = format!(
        "select {} as id, {} as row from {} a where {}",
        key.to_text("a.id"),
        columns("a", &wanted.columns),
        store.relation(Relation::Accounts),
        key.among("a.id", "$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(&ids).fetch_all(&mut **transaction).await?;
    let mut current: HashMap<String, Map<String, Json>> = HashMap::new();
    for row in rows {
        current.insert(row.try_get("id")?, object(&row, "row").unwrap_or_default());
    }
    let mut changes: HashMap<String, Vec<ChangeRow>> = HashMap::new();
    if !store.schema().absent.contains(Relation::Changes.name()) {
        let sql = format!(
            "select {} as id, h.at, {} as was, {} as became, h.was is null as is_first, h.became is null as is_last
             from {} h where {} and h.at >= {FIRST} and h.at < {END} order by h.account_id, h.at, h.id",
            key.to_text("h.account_id"),
            some_keys("h.was"),
            some_keys("h.became"),
            store.relation(Relation::Changes),
            key.among("h.account_id", "$1")
        );
        let rows =
            sqlx::query(AssertSqlSafe(sql)).bind(&ids).bind(&wanted.columns).fetch_all(&mut **transaction).await?;
        for row in rows {
            let given = |column, is_missing: bool| (!is_missing).then(|| object(&row, column).unwrap_or_default());
            let change = ChangeRow {
                at: row.try_get("at")?,
                was: given("was", row.try_get("is_first")?),
                became: given("became", row.try_get("is_last")?),
            };
            changes.entry(row.try_get("id")?).or_default().push(change);
        }
    }
    let mut found = read_standings(store, wanted, transaction, &ids).await?;
    let past = |id: String| {
        let (row, changes) = (current.remove(&id), changes.remove(&id).unwrap_or_default());
        let standings = found.remove(&id).unwrap_or_default();
        let mut past = AccountPast { account: id, ..AccountPast::default() };
        put_columns(&mut past, store.schema(), row, changes);
        put_standings(&mut past, standings);
        past
    };
    Ok(ids.into_iter().map(past).collect())
}

/// The stages and tiers that documents have found, by account, in the order of time.
async fn read_standings(
    store: &Store,
    wanted: &WantedPast,
    transaction: &mut Transaction<'static, Postgres>,
    ids: &[String],
) -> sqlx::Result<HashMap<String, Vec<StandingRecord>>> {
    let read = Standing::ALL.into_iter().filter(|standing| store.schema().takes(*standing));
    let names: Vec<&str> = read.map(Standing::name).collect();
    let rows: Vec<(String, String, Instant, Option<String>)> = sqlx::query_as(
        "select f.account_id, f.standing, f.at, f.value from keepwell.standings f
         where f.account_id = any($1) and f.standing = any($2) and f.at <= $3 order by f.at",
    )
    .bind(ids)
    .bind(names)
    .bind(wanted.until)
    .fetch_all(&mut **transaction)
    .await?;
    let mut found: HashMap<String, Vec<StandingRecord>> = HashMap::new();
    for (account, name, at, value) in rows {
        let Some(standing) = Standing::ALL.into_iter().find(|standing| standing.name() == name) else { continue };
        let value = value.map_or(Value::Null, |value| Value::text(&value));
        found.entry(account).or_default().push(StandingRecord { standing, at, value });
    }
    Ok(found)
}

/// Puts them into a past. Where the store has none they are what is on record.
fn put_standings(past: &mut AccountPast, standings: Vec<StandingRecord>) {
    for record in &standings {
        let name = record.standing.name();
        if matches!(past.history.account.get(name), None | Some(Value::Null)) {
            past.known_since.entry(name.to_owned()).or_insert(record.at);
        }
    }
    past.history.standings = standings;
}

/// These columns of a relation as a JSON object.
fn columns(alias: &str, names: &[String]) -> String {
    // A function takes at most a hundred arguments.
    let objects = names.chunks(40).map(|names| {
        let pairs = names.iter().map(|name| {
            let quoted = name.replace('"', "\"\"");
            format!("'{}', {alias}.\"{quoted}\"", name.replace('\'', "''"))
        });
        format!("jsonb_build_object({})", pairs.collect::<Vec<_>>().join(", "))
    });
    objects.collect::<Vec<_>>().join(" || ")
}

/// The wanted keys of a JSON object. `$2` names them.
fn some_keys(json: &str) -> String {
    format!(
        "(select jsonb_object_agg(e.key, e.value) \
          from jsonb_each(case when jsonb_typeof({json}) = 'object' then {json} end) e where e.key = any($2))"
    )
}

/// A JSON object. What no reader can hold, such as a number like 1e400, is missing.
fn object(row: &PgRow, column: &str) -> Option<Map<String, Json>> {
    match row.try_get::<Option<Json>, _>(column) {
        Ok(Some(Json::Object(object))) => Some(object),
        _ => None,
    }
}

/// Reads what happened to the accounts: events, scores and tickets.
pub(super) async fn read_happenings(
    store: &Store,
    wanted: &WantedPast,
    transaction: &mut Transaction<'static, Postgres>,
    ids: &[String],
    pasts: &mut PastsById<'_>,
) -> sqlx::Result<()> {
    let key = store.key();
    let among = |alias: &str| key.among(&format!("{alias}.account_id"), "$1");
    let is_there = |relation: Relation| !store.schema().absent.contains(relation.name());
    if let Some(events) = wanted.events.as_ref().filter(|_| is_there(Relation::Events)) {
        let properties = if events.properties { "e.properties" } else { "null::jsonb" };
        let named = if events.names.is_some() { "and e.name = any($4)" } else { "and $4::text[] is null" };
        let sql = format!(
            "select {} as id, e.name, e.at, e.contact_id, {properties} as properties from {} e
             where {} and e.at >= coalesce($3, {FIRST}) and e.at < $2 and e.at < {END} {named}",
            key.to_text("e.account_id"),
            store.relation(Relation::Events),
            among("e")
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(ids).bind(wanted.until).bind(events.since);
        let rows = query.bind(events.names.as_deref()).persistent(false).fetch_all(&mut **transaction).await?;
        let mut found: HashMap<String, Vec<EventRecord>> = HashMap::new();
        for row in rows {
            let event = EventRecord {
                name: row.try_get("name")?,
                at: row.try_get("at")?,
                contact: row.try_get("contact_id")?,
                properties: object(&row, "properties").unwrap_or_default(),
            };
            let id: &str = row.try_get("id")?;
            match found.get_mut(id) {
                Some(events) => events.push(event),
                None => drop(found.insert(id.to_owned(), vec![event])),
            }
        }
        for (id, events) in found {
            if let Some(past) = pasts.get_mut(id.as_str()) {
                past.history.events = events.into_iter().collect();
            }
        }
    }
    if wanted.scores && is_there(Relation::Scores) {
        let sql = format!(
            "select {} as account, s.id, s.contact_id, s.name, s.value::float8, s.at from {} s
             where {} and s.at >= {FIRST} and s.at < $2 and s.at < {END}",
            key.to_text("s.account_id"),
            store.relation(Relation::Scores),
            among("s")
        );
        type Score = (String, String, Option<String>, String, Option<f64>, Instant);
        let scores: Vec<Score> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(ids).bind(wanted.until).fetch_all(&mut **transaction).await?;
        for (account, id, contact, name, value, at) in scores {
            if let (Some(past), Some(value)) = (pasts.get_mut(account.as_str()), value) {
                past.history.scores.push(ScoreRecord { id, name, value, at, contact, own: None });
            }
        }
    }
    if wanted.scores {
        read_own_scores(transaction, wanted, ids, pasts).await?;
    }
    if wanted.plans {
        super::plans::read(transaction, wanted, ids, pasts).await?;
    }
    if wanted.tickets && is_there(Relation::Tickets) {
        let sql = format!(
            "select {} as account, t.contact_id, t.opened_at,
                 case when t.closed_at < {END} then greatest(t.closed_at, {FIRST}) end as closed_at, t.severity, t.topic, t.subject
             from {} t where {} and t.opened_at >= {FIRST} and t.opened_at < $2 and t.opened_at < {END}",
            key.to_text("t.account_id"),
            store.relation(Relation::Tickets),
            among("t")
        );
        type Ticket =
            (String, Option<String>, Instant, Option<Instant>, Option<String>, Option<String>, Option<String>);
        let tickets: Vec<Ticket> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(ids).bind(wanted.until).fetch_all(&mut **transaction).await?;
        for (account, contact, opened_at, closed_at, severity, topic, subject) in tickets {
            if let Some(past) = pasts.get_mut(account.as_str()) {
                let ticket = TicketRecord { contact, opened_at, closed_at, severity, topic, subject };
                past.history.tickets.push(ticket);
            }
        }
    }
    if wanted.owners && is_there(Relation::AccountOwners) {
        let sql = format!(
            "select {} as account, o.role, min(o.csm_id) from {} o where {} group by 1, 2",
            key.to_text("o.account_id"),
            store.relation(Relation::AccountOwners),
            among("o")
        );
        let owners: Vec<(String, String, String)> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(ids).fetch_all(&mut **transaction).await?;
        for (account, role, csm) in owners {
            if let Some(past) = pasts.get_mut(account.as_str()) {
                past.history.owners.insert(role, csm);
            }
        }
    }
    Ok(())
}

/// Reads the scores that documents have made.
async fn read_own_scores(
    transaction: &mut Transaction<'static, Postgres>,
    wanted: &WantedPast,
    ids: &[String],
    pasts: &mut PastsById<'_>,
) -> sqlx::Result<()> {
    type Score = (String, String, String, f64, Instant, Option<String>, Json);
    let scores: Vec<Score> = sqlx::query_as(
        "select account_id, contact_id, name, value, at, band, factors from keepwell.scores
         where account_id = any($1) and at < $2",
    )
    .bind(ids)
    .bind(wanted.until)
    .fetch_all(&mut **transaction)
    .await?;
    for (account, contact, name, value, at, band, factors) in scores {
        if let Some(past) = pasts.get_mut(account.as_str()) {
            let own = OwnScore { factors: serde_json::from_value(factors).unwrap_or_default(), band };
            let whose = Some(contact.clone()).filter(|contact| !contact.is_empty());
            past.history.scores.push(ScoreRecord { id: contact, name, value, at, contact: whose, own: Some(own) });
        }
    }
    Ok(())
}
