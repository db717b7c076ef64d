//! The past of every account, for backtests: each row that they need is read
//! once, for a chunk of accounts at a time.
//!
//! - `wanted` says what of the past is asked for;
//! - `rows` reads it for a chunk of accounts, `plans` their success plans;
//! - `columns` puts together what an account's columns were when.

mod columns;
mod plans;
mod rows;
mod wanted;

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, Postgres, Transaction};

pub use self::wanted::WantedPast;
use crate::facts::AccountPast;
use crate::store::{Relation, Store};

/// How many accounts are read at once.
const CHUNK: usize = 1_000;

/// A walk over the pasts of all accounts, in flat memory. It holds one
/// connection and one read-only view until it is closed or dropped.
pub struct Pasts<'s> {
    store: &'s Store,
    wanted: WantedPast,
    transaction: Transaction<'static, Postgres>,
    is_over: bool,
}

impl Store {
    /// Begins a walk over all accounts, those included that were deleted, as far
    /// as their history is on record.
    pub async fn pasts(&self, wanted: WantedPast) -> sqlx::Result<Pasts<'_>> {
        let key = self.key();
        let mut transaction = self.read().await?;
        let mut ids = format!("select {} as id from {} a", key.to_text("a.id"), self.relation(Relation::Accounts));
        if !self.schema().absent.contains(Relation::Changes.name()) {
            let changes = self.relation(Relation::Changes);
            ids = format!("{ids} union select {} from {changes} h where h.became is null", key.to_text("h.account_id"));
        }
        // It is idle while a chunk is played, however long that takes.
        let declare =
            format!("set local idle_in_transaction_session_timeout = 0; declare pasts no scroll cursor for {ids}");
        sqlx::raw_sql(AssertSqlSafe(declare)).execute(&mut *transaction).await?;
        Ok(Pasts { store: self, wanted, transaction, is_over: false })
    }
}

impl Pasts<'_> {
    /// The next accounts with their columns alone; empty when there are no more.
    pub async fn next(&mut self) -> sqlx::Result<Vec<AccountPast>> {
        if self.is_over {
            return Ok(Vec::new());
        }
        let fetch = format!("fetch {CHUNK} from pasts");
        let ids: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(fetch)).persistent(false).fetch_all(&mut *self.transaction).await?;
        self.is_over = ids.len() < CHUNK;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        rows::read_columns(self.store, &self.wanted, &mut self.transaction, ids).await
    }

    /// Adds what happened to some of these accounts, and their people.
    pub async fn complete(&mut self, pasts: &mut [AccountPast]) -> sqlx::Result<()> {
        if pasts.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = pasts.iter().map(|past| past.account.clone()).collect();
        let mut people = self.store.people(&ids).await?;
        let mut by_id: HashMap<&str, &mut AccountPast> = ids.iter().map(String::as_str).zip(pasts).collect();
        for (id, past) in &mut by_id {
            if let Some(around) = people.remove(*id) {
                past.history.contacts = around.contacts.into_iter().map(Into::into).collect();
                past.csm = around.csm;
            }
        }
        rows::read_happenings(self.store, &self.wanted, &mut self.transaction, &ids, &mut by_id).await
    }

    /// Gives the connection back.
    pub async fn close(self) -> sqlx::Result<()> {
        self.transaction.rollback().await
    }
}
