//! Who is logged in.

use chrono::Duration;

use super::tokens;
use crate::clock::Instant;
use crate::store::Store;
use crate::user::role::Role;

/// How long a session lasts that nobody uses.
pub const IDLE: Duration = Duration::hours(8);

/// How long a session lasts at all.
pub const LONGEST_SESSION: Duration = Duration::days(7);

/// How exactly it is kept when a session was used.
const SEEN_EVERY: Duration = Duration::minutes(1);

/// Who asks with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionUse {
    /// Somebody who looks or does something.
    Person,
    /// A page that somebody has left open; the session ends all the same.
    Script,
}

/// Who a session belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionUser {
    pub name: String,
    pub role: Role,
    /// Whose inbox is theirs.
    pub csm_id: Option<String>,
}

impl Store {
    /// Opens a session and returns its token, which is kept nowhere here. The one
    /// that the same browser had before is over, and so are those whose time is.
    pub async fn open_session(&self, name: &str, before: Option<&str>, now: Instant) -> sqlx::Result<String> {
        let token = tokens::draw();
        let mut tx = self.pool().begin().await?;
        sqlx::query("delete from keepwell.sessions where token_hash = $1 or seen_at <= $2 or since <= $3")
            .bind(before.map(tokens::hash))
            .bind(now - IDLE)
            .bind(now - LONGEST_SESSION)
            .execute(&mut *tx)
            .await?;
        sqlx::query("insert into keepwell.sessions (token_hash, user_name, since, seen_at) values ($1, $2, $3, $3)")
            .bind(tokens::hash(&token))
            .bind(name)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(token)
    }

    /// Whose session this is: `None` when it is nobody's, is over, or its user is
    /// disabled. Its use by a person counts.
    pub async fn session_user(&self, token: &str, by: SessionUse, now: Instant) -> sqlx::Result<Option<SessionUser>> {
        let hash = tokens::hash(token);
        let found: Option<(String, String, Option<String>, Instant)> = sqlx::query_as(
            "select u.name, u.role, u.csm_id, s.seen_at from keepwell.sessions s join keepwell.users u on u.name = s.user_name
             where s.token_hash = $1 and s.seen_at > $2 and s.since > $3 and u.disabled_at is null",
        )
        .bind(&hash)
        .bind(now - IDLE)
        .bind(now - LONGEST_SESSION)
        .fetch_optional(self.pool())
        .await?;
        let Some((name, role, csm_id, seen_at)) = found else { return Ok(None) };
        if by == SessionUse::Person && now - seen_at >= SEEN_EVERY {
            sqlx::query("update keepwell.sessions set seen_at = greatest(seen_at, $2) where token_hash = $1")
                .bind(&hash)
                .bind(now)
                .execute(self.pool())
                .await?;
        }
        Ok(Role::of(&role).map(|role| SessionUser { name, role, csm_id }))
    }

    /// Ends a session.
    pub async fn close_session(&self, token: &str) -> sqlx::Result<()> {
        sqlx::query("delete from keepwell.sessions where token_hash = $1")
            .bind(tokens::hash(token))
            .execute(self.pool())
            .await?;
        Ok(())
    }
}
