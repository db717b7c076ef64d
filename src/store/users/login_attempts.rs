//! Failed logins, counted by all daemons together: by the name that is tried and
//! by the network it comes from.

use chrono::Duration;

use crate::clock::Instant;
use crate::store::Store;
use crate::user::attempts::{AttemptScope, MEMORY};

impl Store {
    /// Begins an attempt to log in, which counts as failed until
    /// [`Store::forgive_attempt`] says otherwise: of attempts at the same moment
    /// no more are made than one after the other. An error is how long to wait;
    /// an attempt that has to wait does not count.
    pub async fn begin_attempt(&self, scopes: &[AttemptScope], now: Instant) -> sqlx::Result<Result<(), Duration>> {
        let mut keys: Vec<(String, &AttemptScope)> = scopes.iter().map(|scope| (scope.key(), scope)).collect();
        // In one order, so that two attempts never wait for each other.
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        let mut tx = self.pool().begin().await?;
        let mut waiting = Duration::zero();
        for (key, scope) in &keys {
            let (failures, free_at): (i32, Instant) = sqlx::query_as(
                "insert into keepwell.login_attempts as a (scope, failures, last_at, free_at) values ($1, 0, $2, $2)
                 on conflict (scope) do update set failures = case when a.last_at <= $3 then 0 else a.failures end
                 returning failures, free_at",
            )
            .bind(key)
            .bind(now)
            .bind(now - MEMORY)
            .fetch_one(&mut *tx)
            .await?;
            waiting = waiting.max(free_at - now);
            let failures = failures.saturating_add(1);
            sqlx::query(
                "update keepwell.login_attempts set failures = $2, last_at = $3, free_at = $4 where scope = $1",
            )
            .bind(key)
            .bind(failures)
            .bind(now)
            .bind(now + scope.delay(failures))
            .execute(&mut *tx)
            .await?;
        }
        if waiting > Duration::zero() {
            tx.rollback().await?;
            return Ok(Err(waiting));
        }
        tx.commit().await?;
        sqlx::query(
            "delete from keepwell.login_attempts where scope = any (array(
                 select scope from keepwell.login_attempts where last_at <= $1 for update skip locked))",
        )
        .bind(now - MEMORY)
        .execute(self.pool())
        .await?;
        Ok(Ok(()))
    }

    /// Takes an attempt back that was right: the failures of the name from this network
    /// are forgotten, those of others are not.
    pub async fn forgive_attempt(&self, scopes: &[AttemptScope], now: Instant) -> sqlx::Result<()> {
        for scope in scopes {
            let forgiven = match scope {
                AttemptScope::UserFrom { .. } => {
                    sqlx::query("delete from keepwell.login_attempts where scope = $1").bind(scope.key())
                }
                AttemptScope::User(_) | AttemptScope::Network(_) => sqlx::query(
                    "update keepwell.login_attempts set failures = greatest(failures - 1, 0), free_at = $2
                     where scope = $1",
                )
                .bind(scope.key())
                .bind(now),
            };
            forgiven.execute(self.pool()).await?;
        }
        Ok(())
    }
}
