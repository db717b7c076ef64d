//! Who may use the pages.
//!
//! - this file: users, and what admins change of them;
//! - [`sessions`]: who is logged in;
//! - [`password_links`]: links that set a password once;
//! - [`login_attempts`]: failed logins, counted by all daemons together.
//!
//! Tokens are kept as hashes only, see `tokens`. What changes what a user may
//! do ends the user's sessions in the same transaction.

use serde_json::json;
use sqlx::{FromRow, PgConnection};

use crate::clock::Instant;
use crate::ids::Actor;
use crate::store::Store;
use crate::store::upkeep::audit::record;
use crate::user::role::Role;

pub mod login_attempts;
pub mod password_links;
pub mod sessions;
mod tokens;

/// A user, as admins see one.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct User {
    pub name: String,
    #[sqlx(try_from = "String")]
    pub role: Role,
    /// Whose inbox is theirs.
    pub csm_id: Option<String>,
    pub email: Option<String>,
    /// Whether a password is set.
    pub has_password: bool,
    /// `None`: may log in.
    pub disabled_at: Option<Instant>,
    /// When a link that waits for its use expires.
    pub link_until: Option<Instant>,
    /// When they were last seen, as far as their sessions say.
    pub seen_at: Option<Instant>,
}

/// A user to be.
#[derive(Clone, Copy, Debug)]
pub struct NewUser<'a> {
    /// As [`crate::user::user_name`] gives it.
    pub name: &'a str,
    pub role: Role,
    pub csm_id: Option<&'a str>,
    pub email: Option<&'a str>,
    /// A hash; without one a link sets the password.
    pub password: Option<&'a str>,
}

/// A change of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserChange {
    Disable,
    Enable,
    Role(Role),
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserAnswer {
    Changed,
    /// It was so before.
    Already,
    Unknown,
    /// Nobody could manage people any more.
    LastAdmin,
}

impl Store {
    /// Whether there is any user, disabled ones included. Users are never
    /// deleted, so yes stays yes.
    pub async fn has_users(&self) -> sqlx::Result<bool> {
        sqlx::query_scalar("select exists (select 1 from keepwell.users)").fetch_one(self.pool()).await
    }

    /// All users, by name.
    pub async fn list_users(&self, now: Instant) -> sqlx::Result<Vec<User>> {
        sqlx::query_as(
            "select u.name, u.role, u.csm_id, u.email, u.password is not null as has_password, u.disabled_at,
                 (select l.expires_at from keepwell.password_links l where l.user_name = u.name and l.expires_at > $1)
                     as link_until,
                 (select max(s.seen_at) from keepwell.sessions s where s.user_name = u.name) as seen_at
             from keepwell.users u order by u.name",
        )
        .bind(now)
        .fetch_all(self.pool())
        .await
    }

    /// The role and the CSM of a user who may log in.
    pub async fn enabled_user(&self, name: &str) -> sqlx::Result<Option<(Role, Option<String>)>> {
        let found: Option<(String, Option<String>)> =
            sqlx::query_as("select role, csm_id from keepwell.users where name = $1 and disabled_at is null")
                .bind(name)
                .fetch_optional(self.pool())
                .await?;
        Ok(found.and_then(|(role, csm_id)| Some((Role::of(&role)?, csm_id))))
    }

    /// The role of a user, also of one who may not log in any more.
    pub async fn user_role(&self, name: &str) -> sqlx::Result<Option<Role>> {
        let role: Option<String> = sqlx::query_scalar("select role from keepwell.users where name = $1")
            .bind(name)
            .fetch_optional(self.pool())
            .await?;
        Ok(role.and_then(|role| Role::of(&role)))
    }

    /// The password's hash of a user who may log in with one.
    pub async fn password_of(&self, name: &str) -> sqlx::Result<Option<String>> {
        let found: Option<Option<String>> =
            sqlx::query_scalar("select password from keepwell.users where name = $1 and disabled_at is null")
                .bind(name)
                .fetch_optional(self.pool())
                .await?;
        Ok(found.flatten())
    }

    /// Adds a user; false when the name is taken.
    pub async fn add_user(&self, user: NewUser<'_>, by: Actor<'_>, now: Instant) -> sqlx::Result<bool> {
        let mut tx = self.pool().begin().await?;
        let added = insert(&mut tx, user, by, now).await?;
        tx.commit().await?;
        Ok(added)
    }

    /// Changes a user, whose sessions end with it.
    pub async fn change_user(
        &self,
        name: &str,
        change: UserChange,
        by: Actor<'_>,
        now: Instant,
    ) -> sqlx::Result<UserAnswer> {
        let mut tx = self.pool().begin().await?;
        // Two admins who disable each other wait for each other here.
        let admins: Vec<String> = sqlx::query_scalar(
            "select name from keepwell.users where role = 'admin' and disabled_at is null order by name for update",
        )
        .fetch_all(&mut *tx)
        .await?;
        let found: Option<(String, Option<Instant>)> =
            sqlx::query_as("select role, disabled_at from keepwell.users where name = $1 for update")
                .bind(name)
                .fetch_optional(&mut *tx)
                .await?;
        let Some((role, disabled_at)) = found else {
            tx.rollback().await?;
            return Ok(UserAnswer::Unknown);
        };
        let (is_already, is_loss) = match change {
            UserChange::Disable => (disabled_at.is_some(), true),
            UserChange::Enable => (disabled_at.is_none(), false),
            UserChange::Role(new) => (new.name() == role, new != Role::Admin),
        };
        if is_already || (is_loss && admins == [name]) {
            tx.rollback().await?;
            return Ok(if is_already { UserAnswer::Already } else { UserAnswer::LastAdmin });
        }
        let changed = match change {
            UserChange::Disable => {
                sqlx::query("update keepwell.users set disabled_at = $2 where name = $1").bind(name).bind(now)
            }
            UserChange::Enable => {
                sqlx::query("update keepwell.users set disabled_at = null where name = $1").bind(name)
            }
            UserChange::Role(role) => {
                sqlx::query("update keepwell.users set role = $2 where name = $1").bind(name).bind(role.name())
            }
        };
        changed.execute(&mut *tx).await?;
        end_sessions(&mut tx, name).await?;
        let (deed, about) = match change {
            UserChange::Disable => ("disable-user", json!({ "user": name })),
            UserChange::Enable => ("enable-user", json!({ "user": name })),
            UserChange::Role(role) => ("change-role", json!({ "user": name, "role": role.name() })),
        };
        record(&mut tx, deed, by, &about, now).await?;
        tx.commit().await?;
        Ok(UserAnswer::Changed)
    }
}

/// Adds a user; false when the name is taken.
async fn insert(tx: &mut PgConnection, user: NewUser<'_>, by: Actor<'_>, now: Instant) -> sqlx::Result<bool> {
    let added = sqlx::query(
        "insert into keepwell.users (name, role, csm_id, email, password, created_at)
         values ($1, $2, $3, $4, $5, $6) on conflict (name) do nothing",
    )
    .bind(user.name)
    .bind(user.role.name())
    .bind(user.csm_id)
    .bind(user.email)
    .bind(user.password)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    let added = added.rows_affected() > 0;
    if added {
        record(tx, "add-user", by, &json!({ "user": user.name, "role": user.role.name() }), now).await?;
    }
    Ok(added)
}

/// Ends all sessions of a user.
async fn end_sessions(tx: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    sqlx::query("delete from keepwell.sessions where user_name = $1").bind(name).execute(tx).await?;
    Ok(())
}
