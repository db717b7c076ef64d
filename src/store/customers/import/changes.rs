//! Writing the past of accounts: an account's imported rows are made anew with
//! each batch that says something about it. What the trigger has recorded is
//! never touched.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};
use sqlx::{FromRow, PgConnection};

use super::Outcome;
use super::imported_history::{ChangeEffect, ImportedHistory, ImportedRow};
use crate::clock::Instant;
use crate::import::change::{ChangeReader, ChangedColumn, ColumnChange};
use crate::import::row::{Problem, Row};

/// An account whose past is imported.
#[derive(Debug, FromRow)]
struct KnownAccount {
    id: String,
    signed_up_at: Instant,
    traits: Json,
    /// From when on the trigger has recorded it.
    recorded_since: Option<Instant>,
}

/// Takes the changes of a batch in; the caller ends the transaction.
pub(super) async fn write(
    connection: &mut PgConnection,
    reader: &ChangeReader,
    only_new: bool,
    rows: &[Row],
) -> sqlx::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut changes = Vec::new();
    for row in rows {
        match reader.change(row) {
            Ok(Some(change)) => changes.push(change),
            Ok(None) => {
                outcome.ignored += 1;
                outcome.unchanged += 1;
            }
            Err(problem) => outcome.problems.push(problem),
        }
    }
    normalize(connection, &mut changes).await?;
    let accounts = accounts(connection, &changes).await?;
    let mut by_account: BTreeMap<&str, Vec<&ColumnChange>> = BTreeMap::new();
    for change in &changes {
        match accounts.get(&change.account) {
            None => outcome.problems.push(no_account(change)),
            Some(account) if account.recorded_since.is_some_and(|since| change.at >= since) => {
                outcome.recorded += 1;
                outcome.unchanged += 1;
            }
            Some(_) => by_account.entry(&change.account).or_default().push(change),
        }
    }
    let mut earlier = imported_rows(connection, by_account.keys().copied().collect()).await?;
    let mut written: Vec<(&str, Vec<ImportedRow>)> = Vec::new();
    for (id, changes) in by_account {
        let rows = earlier.remove(id).unwrap_or_default();
        let mut history = ImportedHistory::from_rows(&rows);
        let effects: Vec<ChangeEffect> = changes.iter().map(|change| history.take(change, only_new)).collect();
        let dropped: BTreeSet<(ChangedColumn, Instant)> = history.drop_empty().into_iter().collect();
        let none = Map::new();
        let made = accounts
            .get(id)
            .map(|account| history.rows(account.signed_up_at, account.traits.as_object().unwrap_or(&none)));
        let Some(made) = made.filter(|made| *made != rows) else {
            outcome.unchanged += changes.len() as u64;
            continue;
        };
        for (change, effect) in changes.iter().zip(effects) {
            match effect {
                ChangeEffect::New if dropped.contains(&(change.column.clone(), change.at)) => outcome.unchanged += 1,
                ChangeEffect::New => outcome.new += 1,
                ChangeEffect::Changed => outcome.changed += 1,
                ChangeEffect::Unchanged => outcome.unchanged += 1,
            }
        }
        written.push((id, made));
    }
    replace(connection, &written).await?;
    Ok(outcome)
}

fn no_account(change: &ColumnChange) -> Problem {
    let message = format!("there is no account `{}`: import it first, with `keepwell import accounts`", change.account);
    Problem::new(change.line, Some("account_id"), message)
}

/// Gives values the form in which the trigger writes them: that of the table's types.
async fn normalize(connection: &mut PgConnection, changes: &mut [ColumnChange]) -> sqlx::Result<()> {
    let mut values: Vec<(&str, &mut Json)> = Vec::new();
    for change in changes {
        if let ChangedColumn::Column(name) = &change.column {
            values.extend(change.was.as_mut().map(|was| (name.as_str(), was)));
            values.push((name, &mut change.became));
        }
    }
    let rows: Vec<Json> = values.iter().map(|(name, value)| json!({ *name: value })).collect();
    let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    let found: Vec<Option<Json>> = sqlx::query_scalar(
        "select to_jsonb(jsonb_populate_record(null::customers.accounts, i.value)) -> i.name
         from unnest($1::text[], $2::jsonb[]) with ordinality as i (name, value, place) order by i.place",
    )
    .bind(names)
    .bind(rows)
    .fetch_all(connection)
    .await?;
    for ((_, value), found) in values.into_iter().zip(found) {
        *value = found.unwrap_or_default();
    }
    Ok(())
}

/// The accounts that changes are about, locked against another import. Their
/// attributes are those of the first own record, which never changes.
async fn accounts(
    connection: &mut PgConnection,
    changes: &[ColumnChange],
) -> sqlx::Result<BTreeMap<String, KnownAccount>> {
    let ids: BTreeSet<&str> = changes.iter().map(|change| change.account.as_str()).collect();
    let found: Vec<KnownAccount> = sqlx::query_as(
        "select a.id, a.signed_up_at, coalesce(first.became -> 'traits', a.traits) as traits,
                first.at as recorded_since
         from customers.accounts a
         left join lateral (
             select h.at, h.became from customers.account_changes h
             where h.account_id = a.id and not h.imported and h.became is not null order by h.at, h.id limit 1
         ) first on true
         where a.id = any($1) order by a.id for no key update of a",
    )
    .bind(ids.into_iter().collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(|account| (account.id.clone(), account)).collect())
}

/// What imports have written of accounts so far, in order of time.
async fn imported_rows(
    connection: &mut PgConnection,
    accounts: Vec<&str>,
) -> sqlx::Result<BTreeMap<String, Vec<ImportedRow>>> {
    let rows: Vec<(String, Instant, Option<Json>, Json)> = sqlx::query_as(
        "select account_id, at, was, became from customers.account_changes
         where account_id = any($1) and imported and became is not null order by account_id, at, id",
    )
    .bind(accounts)
    .fetch_all(connection)
    .await?;
    let mut found: BTreeMap<String, Vec<ImportedRow>> = BTreeMap::new();
    for (account, at, was, became) in rows {
        found.entry(account).or_default().push(ImportedRow { at, was, became });
    }
    Ok(found)
}

async fn replace(connection: &mut PgConnection, accounts: &[(&str, Vec<ImportedRow>)]) -> sqlx::Result<()> {
    if accounts.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = accounts.iter().map(|(id, _)| *id).collect();
    sqlx::query("delete from customers.account_changes where account_id = any($1) and imported")
        .bind(&ids)
        .execute(&mut *connection)
        .await?;
    let rows: Vec<(&str, &ImportedRow)> =
        accounts.iter().flat_map(|(id, rows)| rows.iter().map(move |row| (*id, row))).collect();
    sqlx::query(
        "insert into customers.account_changes (account_id, at, was, became, imported)
         select i.account_id, i.at, i.was, i.became, true
         from unnest($1::text[], $2::timestamptz[], $3::jsonb[], $4::jsonb[])
             with ordinality as i (account_id, at, was, became, place)
         order by i.place",
    )
    .bind(rows.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.at).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.was.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.became.clone()).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(|_| ())
}
