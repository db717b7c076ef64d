//! Claims that nobody works on any more: their lease ran out, or their sender
//! is being stopped. Before the marker they are free again, as if nobody had
//! taken them; behind it nobody knows, but a webhook may go twice and so is free
//! as well, with an attempt more.

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row};
use uuid::Uuid;

use super::outcomes::wake;
use super::transitions::{REPEATABLE, free, lose};
use crate::clock::Instant;
use crate::message::state::State;
use crate::store::Store;

/// Whose claims are over.
#[derive(Clone, Copy, Debug)]
enum Over {
    /// Of everybody whose lease had run out at this instant of the database.
    Expired(Instant),
    /// Of one batch.
    Held(Uuid),
}

impl Over {
    /// The claims, by `$1`.
    fn condition(self) -> String {
        let claimed = match self {
            Over::Expired(_) => "lease_until < $1",
            Over::Held(_) => "token = $1",
        };
        format!("state = '{}' and {claimed}", State::Sending)
    }

    /// Why they are free again.
    fn reason(self) -> &'static str {
        match self {
            Over::Expired(_) => "its sender went away before it left",
            Over::Held(_) => "its sender was stopped before it left",
        }
    }

    /// A statement about them.
    fn query(self, sql: String) -> Query<'static, Postgres, PgArguments> {
        let query = sqlx::query(AssertSqlSafe(sql));
        match self {
            Over::Expired(at) => query.bind(at),
            Over::Held(token) => query.bind(token),
        }
    }
}

impl Store {
    /// Ends claims whose lease ran out. Returns how many are free again, and of
    /// how many nobody knows what became of them.
    pub async fn settle_expired(&self, now: Instant) -> sqlx::Result<(u64, u64)> {
        let over = Over::Expired(self.lease_clock().await?);
        Ok((self.free(over, now).await?, self.lose(over, now).await?))
    }

    /// Gives the claims of a sender back that is being stopped. A marker that
    /// comes later finds that the message is not ours. Behind the marker nobody
    /// listens to the server any more: the outcome is not known. Returns how
    /// many are free again.
    pub async fn release_claims(&self, token: Uuid, now: Instant) -> sqlx::Result<u64> {
        let freed = self.free(Over::Held(token), now).await?;
        self.lose(Over::Held(token), now).await?;
        Ok(freed)
    }

    /// What is being marked or settled at this moment is left to that, and what
    /// another daemon has locked for the same reason to it.
    async fn free(&self, over: Over, now: Instant) -> sqlx::Result<u64> {
        let sql = format!(
            "update keepwell.messages m set {}
             from (select account_id, id from keepwell.messages
                   where {} and (marked_at is null or channel in {}) for update skip locked) over
             where m.account_id = over.account_id and m.id = over.id",
            free("$2", "case when m.marked_at is null then $3 else 'its sender went away before an answer came' end"),
            over.condition(),
            *REPEATABLE
        );
        Ok(over.query(sql).bind(now).bind(over.reason()).execute(self.pool()).await?.rows_affected())
    }

    async fn lose(&self, over: Over, now: Instant) -> sqlx::Result<u64> {
        let lost = format!(
            "select account_id, id, enrollment_id from keepwell.messages where {} and marked_at is not null
             for update skip locked",
            over.condition()
        );
        let mut unknown = 0;
        for row in over.query(lost).fetch_all(self.pool()).await? {
            let (account, id): (String, Uuid) = (row.try_get("account_id")?, row.try_get("id")?);
            let sql = format!(
                "update keepwell.messages m set {} where account_id = $2 and id = $3 and {} and marked_at is not null",
                lose("$4", "'its sender went away before the server answered'"),
                over.condition()
            );
            let mut tx = self.pool().begin().await?;
            let update = over.query(sql).bind(&account).bind(id).bind(now);
            unknown += update.execute(&mut *tx).await?.rows_affected();
            if let Some(enrollment) = row.try_get::<Option<Uuid>, _>("enrollment_id")? {
                wake(&mut tx, &account, enrollment, now).await?;
            }
            tx.commit().await?;
        }
        Ok(unknown)
    }
}
