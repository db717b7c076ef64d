//! What is stopped. Read before every claim and inside every marker.

use std::fmt;

use sqlx::FromRow;

use super::Store;
use crate::clock::Instant;

/// What a stop or resume is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    All,
    /// One channel of the outbox, such as `email`.
    Channel(String),
    Playbook(String),
    Account(String),
}

impl Target {
    fn scope(&self) -> String {
        match self {
            Target::All => "all".to_owned(),
            Target::Channel(name) => format!("channel:{name}"),
            Target::Playbook(id) => format!("playbook:{id}"),
            Target::Account(id) => format!("account:{id}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::All => write!(f, "everything"),
            Target::Channel(name) => write!(f, "the channel {name}"),
            Target::Playbook(id) => write!(f, "the playbook {id}"),
            Target::Account(id) => write!(f, "the account {id}"),
        }
    }
}

/// Everything that is stopped now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    pub all: bool,
    pub channels: Vec<String>,
    pub playbooks: Vec<String>,
    pub accounts: Vec<String>,
}

impl Stopped {
    /// Whether a playbook's runs are stopped.
    pub fn covers(&self, playbook: &str) -> bool {
        self.all || self.playbooks.iter().any(|stopped| stopped == playbook)
    }

    /// Each stop.
    pub fn targets(&self) -> Vec<Target> {
        let all = self.all.then_some(Target::All);
        let channels = self.channels.iter().cloned().map(Target::Channel);
        let playbooks = self.playbooks.iter().cloned().map(Target::Playbook);
        let accounts = self.accounts.iter().cloned().map(Target::Account);
        all.into_iter().chain(channels).chain(playbooks).chain(accounts).collect()
    }
}

/// What must not act now: nothing of it is claimed, and its due times stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Halted {
    /// Stopped, paused, or without a file.
    pub playbooks: Vec<String>,
    pub accounts: Vec<String>,
    /// Of the outbox only.
    pub channels: Vec<String>,
}

/// Messages that wait to leave, or would have.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Waiting {
    pub playbook: String,
    pub channel: String,
    /// How many go out when nothing stops them.
    pub due: i64,
    /// How many were not sent while they were valid.
    pub expired: i64,
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
            sqlx::query_scalar("select scope from keepwell.control order by scope").fetch_all(self.pool()).await?;
        let of = |kind: &str| scopes.iter().filter_map(|scope| scope.strip_prefix(kind)).map(str::to_owned).collect();
        Ok(Stopped {
            all: scopes.iter().any(|scope| scope == "all"),
            channels: of("channel:"),
            playbooks: of("playbook:"),
            accounts: of("account:"),
        })
    }

    /// What waits in the outbox at `now`, by playbook and channel.
    pub async fn waiting(&self, now: Instant) -> sqlx::Result<Vec<Waiting>> {
        sqlx::query_as(
            "select playbook, channel, count(*) filter (where valid_until >= $1) as due,
                 count(*) filter (where valid_until < $1) as expired
             from keepwell.messages where state in ('planned', 'deferred') and next_at <= $1
             group by playbook, channel order by playbook, channel",
        )
        .bind(now)
        .fetch_all(self.pool())
        .await
    }
}
