//! All SQL, and the only use of sqlx: a room for each part of the engine, in
//! each room a file for each table or question.
//!
//! - [`customers`]: the customer store: facts for conditions, import, mapping
//!   onto a company's own tables, the sample company, erasure;
//! - [`documents`]: evaluations of documents beside playbooks, and their scores;
//! - [`runs`]: published playbooks, runs with their leases, what holds a run back;
//! - [`enrollments`]: who is on the way through a playbook, and transitions;
//! - [`tasks`]: tasks of colleagues, their escalation and handover;
//! - [`messages`]: the outbox, markers, outcomes, suppressions, the budget;
//! - [`users`]: who may use the pages, sessions, links and attempts to log in;
//! - [`upkeep`]: stops, the audit, retention, clocks and the database's identity;
//! - [`views`]: what the command line and the pages list;
//! - [`sql`]: how statements are sent, whatever they are about;
//! - `connect`, `migrate`: the connection and the schemas.
//!
//! Rules that hold in every file: `$now` is bound, only leases use the
//! database's clock; one decision is one transaction about one account, and
//! none spans the network; unique indexes are the referee of "once"; a commit
//! that lost a race is an answer and not an error; database calls are never
//! cancelled.
//!
//! This file has what all rooms use, [`Store`]; so it uses nothing of a file
//! that names it.

use std::sync::{Arc, Mutex, OnceLock};

use sqlx::postgres::PgPool;

use crate::clock::Instant;
use crate::facts::Schema;

use messages::shared_connections::SharedConnections;
use sql::pool::PoolAccess;
use upkeep::last_marker::LastMarker;

pub use customers::relations::{Key, ReadAs, Relation, Relations};
pub use migrations::{Incompatible, MigrationError};
pub(crate) use sql::errors::{FailureKind, failure_kind};
pub use sql::errors::{
    TRANSACTION_POOLER, explain_unreachable, is_about_a_row, is_overdue, is_refusal, is_schema_mismatch,
};

mod connect;
pub mod customers;
pub mod documents;
pub mod enrollments;
pub mod lease;
pub mod messages;
mod migrate;
mod migrations;
pub mod runs;
pub mod sql;
pub mod tasks;
pub mod upkeep;
pub mod users;
pub mod views;

/// How long a claim holds unless it is renewed.
pub const LEASE: chrono::Duration = chrono::Duration::seconds(60);

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    /// What its connections may do.
    access: PoolAccess,
    /// Of the login that only reads customers, where there is one.
    reader: Option<PgPool>,
    secret: Arc<OnceLock<Vec<u8>>>,
    /// What stands behind the @ of a Message-ID.
    mail_domain: Arc<str>,
    relations: Arc<Relations>,
    /// The last marker this process has committed.
    last_marker: Arc<Mutex<LastMarker>>,
    shared: Arc<SharedConnections>,
}

impl Store {
    /// The domain of new Message-IDs: that of the sender's address.
    pub fn with_mail_domain(mut self, from: &str) -> Store {
        let domain = from.rsplit('@').next().unwrap_or_default().trim_end_matches('>');
        if !domain.is_empty() && domain.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c)) {
            self.mail_domain = domain.into();
        }
        self
    }

    /// The same, with the customers in these relations.
    pub fn with_relations(mut self, relations: Relations) -> Store {
        self.relations = Arc::new(relations);
        self
    }

    /// Where the customers are.
    pub fn relations(&self) -> &Relations {
        &self.relations
    }

    /// What authors can name.
    pub fn schema(&self) -> &Schema {
        &self.relations.schema
    }

    /// What an account's id is in the customer store.
    pub(crate) fn key(&self) -> Key {
        self.relations.key()
    }

    /// What stands for a relation of the customer store in a statement.
    pub(crate) fn relation(&self, relation: Relation) -> &str {
        self.relations.of(relation)
    }

    /// For Keepwell's own state. Customers are read by [`Store::customers_pool`].
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// For reading customers: connections of the login that only reads, where
    /// there is one, else those of everything.
    pub fn customers_pool(&self) -> &PgPool {
        self.reader.as_ref().unwrap_or(&self.pool)
    }

    /// How many connections there are at most.
    pub(crate) fn connections(&self) -> u32 {
        self.pool.options().get_max_connections()
    }

    /// The server's version, in its own words.
    pub async fn server_version(&self) -> sqlx::Result<String> {
        sqlx::query_scalar("select current_setting('server_version')").fetch_one(&self.pool).await
    }

    /// The database's clock, for leases and for whoever compares clocks.
    pub(crate) async fn lease_clock(&self) -> sqlx::Result<Instant> {
        sqlx::query_scalar("select clock_timestamp()").fetch_one(&self.pool).await
    }

    /// The installation's key for address hashes and links.
    pub async fn secret(&self) -> sqlx::Result<&[u8]> {
        if let Some(secret) = self.secret.get() {
            return Ok(secret);
        }
        let secret: Vec<u8> =
            sqlx::query_scalar("select secret from keepwell.installation").fetch_one(&self.pool).await?;
        Ok(self.secret.get_or_init(|| secret))
    }
}
