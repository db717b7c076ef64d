//! Which revision came into force when, and going back to one.

use serde_json::json;
use sqlx::{FromRow, PgConnection};

use crate::clock::Instant;
use crate::ids::Actor;
use crate::store::Store;
use crate::store::upkeep::audit::record;

/// How a revision came into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its file was found in the playbooks' folder.
    Files,
    /// A saved plan was applied.
    Apply,
    /// Somebody went back to it.
    Rollback,
}

impl Cause {
    /// The word in the database and in lists.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Files => "files",
            Cause::Apply => "apply",
            Cause::Rollback => "rollback",
        }
    }
}

/// Who publishes, and how.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub by: &'a str,
    pub cause: Cause,
}

/// One publication of a playbook.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct PublicationRow {
    pub playbook: String,
    pub revision: String,
    pub published_at: Instant,
    /// `not recorded` of the time before publications were kept.
    pub published_by: String,
    /// As [`Cause::name`].
    pub cause: String,
    /// Whether it is in force now.
    pub current: bool,
}

/// What became of a person's wish to go back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RollbackAnswer {
    Done,
    /// It is in force already.
    Current,
    /// No playbook of that name is in force from a file.
    NotInForce,
    /// It never had that revision.
    Unknown,
}

/// Writes down that a revision came into force.
pub(super) async fn record_publication(
    tx: &mut PgConnection,
    playbook: &str,
    revision: &str,
    origin: Origin<'_>,
    now: Instant,
) -> sqlx::Result<()> {
    sqlx::query("insert into keepwell.publications (playbook, revision, at, by, cause) values ($1, $2, $3, $4, $5)")
        .bind(playbook)
        .bind(revision)
        .bind(now)
        .bind(origin.by)
        .bind(origin.cause.name())
        .execute(tx)
        .await?;
    Ok(())
}

impl Store {
    /// What was in force of a playbook, the latest first.
    pub async fn publications(&self, playbook: &str) -> sqlx::Result<Vec<PublicationRow>> {
        sqlx::query_as(
            "select p.playbook, p.revision, p.at as published_at, p.by as published_by, p.cause,
                 p.number = max(p.number) over () and exists (
                     select from keepwell.playbooks c where c.id = p.playbook and c.revision = p.revision and c.present
                 ) as current
             from keepwell.publications p where p.playbook = $1 order by p.number desc",
        )
        .bind(playbook)
        .fetch_all(self.pool())
        .await
    }

    /// Puts an earlier revision into force again, as a new publication. The file as
    /// it stands is left out until it changes.
    pub async fn roll_back(
        &self,
        playbook: &str,
        revision: &str,
        by: Actor<'_>,
        now: Instant,
    ) -> sqlx::Result<RollbackAnswer> {
        let mut tx = self.pool().begin().await?;
        // As a publication does, which comes before it or after it.
        sqlx::query("lock table keepwell.playbooks in share row exclusive mode").execute(&mut *tx).await?;
        let current: Option<(String, Option<String>)> =
            sqlx::query_as("select revision, pinned from keepwell.playbooks where id = $1 and present")
                .bind(playbook)
                .fetch_optional(&mut *tx)
                .await?;
        let Some((current, pinned)) = current else { return Ok(RollbackAnswer::NotInForce) };
        if current == revision {
            return Ok(RollbackAnswer::Current);
        }
        let is_known: bool =
            sqlx::query_scalar("select exists (select from keepwell.revisions where playbook = $1 and revision = $2)")
                .bind(playbook)
                .bind(revision)
                .fetch_one(&mut *tx)
                .await?;
        if !is_known {
            return Ok(RollbackAnswer::Unknown);
        }
        // Back to what the file says is no rollback any more.
        let file = pinned.unwrap_or(current);
        sqlx::query(
            "update keepwell.playbooks set revision = $2, published_at = $3, pinned = nullif($4, $2) where id = $1",
        )
        .bind(playbook)
        .bind(revision)
        .bind(now)
        .bind(file)
        .execute(&mut *tx)
        .await?;
        record_publication(&mut tx, playbook, revision, Origin { by: by.0, cause: Cause::Rollback }, now).await?;
        record(&mut tx, "rollback", by, &json!({ "playbook": playbook, "revision": revision }), now).await?;
        tx.commit().await?;
        Ok(RollbackAnswer::Done)
    }
}
