//! Links with which somebody sets a password: once, within a day.

use chrono::Duration;
use serde_json::json;
use sqlx::PgConnection;

use super::{NewUser, end_sessions, insert, tokens};
use crate::clock::Instant;
use crate::ids::Actor;
use crate::store::Store;
use crate::store::upkeep::audit::record;
use crate::store::upkeep::stopped::ITSELF;
use crate::user::role::Role;

/// How long a link works.
pub const LINK_LASTS: Duration = Duration::hours(24);

/// What the first user is called whom nobody has added.
const FIRST_ADMIN: &str = "admin";

impl Store {
    /// Makes the link of a user who may log in and returns its token; an earlier
    /// link does not work any more. `None` when there is no such user.
    pub async fn make_password_link(&self, name: &str, by: Actor<'_>, now: Instant) -> sqlx::Result<Option<String>> {
        let mut tx = self.pool().begin().await?;
        let token = make(&mut tx, name, by, now).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// Whose link this is, as long as it works.
    pub async fn password_link_user(&self, token: &str, now: Instant) -> sqlx::Result<Option<String>> {
        sqlx::query_scalar(
            "select u.name from keepwell.password_links l join keepwell.users u on u.name = l.user_name
             where l.token_hash = $1 and l.expires_at > $2 and u.disabled_at is null",
        )
        .bind(tokens::hash(token))
        .bind(now)
        .fetch_optional(self.pool())
        .await
    }

    /// Sets the password of a link's user, whose sessions end, and returns the
    /// name. The link is used up: `None` when somebody has used it before.
    pub async fn use_password_link(&self, token: &str, hash: &str, now: Instant) -> sqlx::Result<Option<String>> {
        let mut tx = self.pool().begin().await?;
        let name: Option<String> = sqlx::query_scalar(
            "delete from keepwell.password_links where token_hash = $1 and expires_at > $2 returning user_name",
        )
        .bind(tokens::hash(token))
        .bind(now)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(name) = &name {
            let set = sqlx::query("update keepwell.users set password = $2 where name = $1 and disabled_at is null");
            if set.bind(name).bind(hash).execute(&mut *tx).await?.rows_affected() == 0 {
                tx.rollback().await?;
                return Ok(None);
            }
            end_sessions(&mut tx, name).await?;
            record(&mut tx, "set-password", Actor(name), &json!({ "user": name }), now).await?;
        }
        tx.commit().await?;
        Ok(name)
    }

    /// Makes a link for an admin when no admin could log in, and returns the name and the
    /// token: `None` when one can, or an admin's link still works. `by_header` says that a
    /// proxy brings users, who need no password. An admin who is there and may log in gets
    /// it, else one is added. Of several daemons one makes it.
    pub async fn make_first_admin_link(&self, by_header: bool, now: Instant) -> sqlx::Result<Option<(String, String)>> {
        let mut tx = self.pool().begin().await?;
        sqlx::query("lock table keepwell.users in share row exclusive mode").execute(&mut *tx).await?;
        let has_way: bool = sqlx::query_scalar(
            "select exists (
                 select from keepwell.users u
                 where u.role = 'admin' and u.disabled_at is null and (u.password is not null or $1 or exists (
                     select from keepwell.password_links l where l.user_name = u.name and l.expires_at > $2)))",
        )
        .bind(by_header)
        .bind(now)
        .fetch_one(&mut *tx)
        .await?;
        if has_way {
            tx.rollback().await?;
            return Ok(None);
        }
        let enabled: Option<String> = sqlx::query_scalar(
            "select name from keepwell.users where role = 'admin' and disabled_at is null order by name limit 1",
        )
        .fetch_optional(&mut *tx)
        .await?;
        let name = match enabled {
            Some(name) => name,
            None => add_first_admin(&mut tx, now).await?,
        };
        let token = make(&mut tx, &name, Actor(ITSELF), now).await?;
        tx.commit().await?;
        Ok(token.map(|token| (name, token)))
    }
}

/// Adds an admin under the first name that is free: `admin`, `admin-2` and so on.
async fn add_first_admin(tx: &mut PgConnection, now: Instant) -> sqlx::Result<String> {
    let mut number = 1;
    loop {
        let name = if number == 1 { FIRST_ADMIN.to_owned() } else { format!("{FIRST_ADMIN}-{number}") };
        let admin = NewUser { name: &name, role: Role::Admin, csm_id: None, email: None, password: None };
        if insert(tx, admin, Actor(ITSELF), now).await? {
            return Ok(name);
        }
        number += 1;
    }
}

async fn make(tx: &mut PgConnection, name: &str, by: Actor<'_>, now: Instant) -> sqlx::Result<Option<String>> {
    let token = tokens::draw();
    let made = sqlx::query(
        "insert into keepwell.password_links (token_hash, user_name, expires_at)
         select $1, name, $3 from keepwell.users where name = $2 and disabled_at is null
         on conflict (user_name) do update set token_hash = excluded.token_hash, expires_at = excluded.expires_at",
    )
    .bind(tokens::hash(&token))
    .bind(name)
    .bind(now + LINK_LASTS)
    .execute(&mut *tx)
    .await?;
    if made.rows_affected() == 0 {
        return Ok(None);
    }
    record(tx, "make-link", by, &json!({ "user": name }), now).await?;
    Ok(Some(token))
}
