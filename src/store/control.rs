//! What is stopped. Read before every claim and inside every marker.

use super::Store;
use crate::clock::Instant;

/// What a stop or resume is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    All,
    Playbook(String),
}

impl Target {
    fn scope(&self) -> String {
        match self {
            Target::All => "all".to_owned(),
            Target::Playbook(id) => format!("playbook:{id}"),
        }
    }
}

/// Everything that is stopped now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    pub all: bool,
    pub playbooks: Vec<String>,
}

impl Stopped {
    pub fn covers(&self, playbook: &str) -> bool {
        self.all || self.playbooks.iter().any(|stopped| stopped == playbook)
    }
}

impl Store {
    /// Stops a target; stopping it twice is the same.
    pub async fn stop(&self, target: &Target, by: &str, now: Instant) -> sqlx::Result<()> {
        sqlx::query("insert into keepwell.control (scope, at, by) values ($1, $2, $3) on conflict (scope) do nothing")
            .bind(target.scope())
            .bind(now)
            .bind(by)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Takes a stop back; returns whether there was one. Resuming everything
    /// lifts the stop of everything and leaves those of single playbooks.
    pub async fn resume(&self, target: &Target) -> sqlx::Result<bool> {
        let lifted = sqlx::query("delete from keepwell.control where scope = $1")
            .bind(target.scope())
            .execute(self.pool())
            .await?;
        Ok(lifted.rows_affected() > 0)
    }

    /// What is stopped.
    pub async fn stopped(&self) -> sqlx::Result<Stopped> {
        let scopes: Vec<String> =
            sqlx::query_scalar("select scope from keepwell.control").fetch_all(self.pool()).await?;
        Ok(Stopped {
            all: scopes.iter().any(|scope| scope == "all"),
            playbooks: scopes.iter().filter_map(|scope| scope.strip_prefix("playbook:")).map(str::to_owned).collect(),
        })
    }
}
