//! What is stopped. Read before every claim and inside every marker.

use std::fmt;

use serde_json::{Value as Json, json};
use sqlx::{FromRow, PgConnection};

use super::audit::record;
use crate::clock::Instant;
use crate::store::Store;
use crate::store::messages::insert::Word;
use crate::store::messages::message_ids::Naming;

/// What a stop or resume is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    All,
    /// One channel of the outbox, such as `email`.
    Channel(String),
    Playbook(String),
    Account(String),
    /// A daemon that rests by itself, until its clock is right.
    Daemon,
}

impl Target {
    fn scope(&self) -> String {
        match self {
            Target::All => "all".to_owned(),
            Target::Channel(name) => format!("channel:{name}"),
            Target::Playbook(id) => format!("playbook:{id}"),
            Target::Account(id) => format!("account:{id}"),
            Target::Daemon => "daemon".to_owned(),
        }
    }

    /// `None` for a scope of another version.
    fn of(scope: &str) -> Option<Target> {
        match scope.split_once(':') {
            None => (scope == "all").then_some(Target::All),
            Some(("channel", name)) => Some(Target::Channel(name.to_owned())),
            Some(("playbook", id)) => Some(Target::Playbook(id.to_owned())),
            Some(("account", id)) => Some(Target::Account(id.to_owned())),
            Some(_) => None,
        }
    }
}

impl Target {
    /// The target as the audit names it.
    fn about(&self) -> Json {
        match self {
            Target::All => json!({ "all": true }),
            Target::Channel(name) => json!({ "channel": name }),
            Target::Playbook(id) => json!({ "playbook": id }),
            Target::Account(id) => json!({ "account": id }),
            Target::Daemon => json!({ "daemon": true }),
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
            Target::Daemon => write!(f, "a daemon"),
        }
    }
}

/// One stop, which lasts until somebody takes it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub target: Target,
    /// A person, or `keepwell` when it stopped by itself.
    pub by: String,
    pub reason: Option<String>,
}

/// `by` of a stop that no person asked for.
pub const ITSELF: &str = "keepwell";

impl Stop {
    /// `by keepwell: 6 of 100 mails came back, more than 5 %`.
    pub fn told(&self) -> String {
        match &self.reason {
            Some(reason) => format!("by {}: {reason}", self.by),
            None => format!("by {}", self.by),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.target, self.told())
    }
}

/// Everything that is stopped now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    pub stops: Vec<Stop>,
}

impl Stopped {
    /// Whether everything is.
    pub fn all(&self) -> bool {
        self.is(&Target::All)
    }

    /// Whether a playbook's runs are.
    pub fn covers(&self, playbook: &str) -> bool {
        self.all() || self.is(&Target::Playbook(playbook.to_owned()))
    }

    /// Why a playbook itself is stopped, if it is.
    pub fn stop_of(&self, playbook: &str) -> Option<&Stop> {
        let target = Target::Playbook(playbook.to_owned());
        self.stops.iter().find(|stop| stop.target == target)
    }

    /// Whether exactly this is.
    pub fn is(&self, target: &Target) -> bool {
        self.stops.iter().any(|stop| &stop.target == target)
    }

    /// What is stopped by name.
    pub fn halted(self) -> Halted {
        let mut halted = Halted::default();
        for stop in self.stops {
            match stop.target {
                // Nobody acts then; or one daemon does not.
                Target::All | Target::Daemon => {}
                Target::Channel(name) => halted.channels.push(name),
                Target::Playbook(id) => halted.playbooks.push(id),
                Target::Account(id) => halted.accounts.push(id),
            }
        }
        halted
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

/// Stops a target; false when it is stopped already.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    target: &Target,
    by: &str,
    reason: Option<&str>,
    now: Instant,
) -> sqlx::Result<bool> {
    let stopped = sqlx::query(
        "insert into keepwell.control (scope, at, by, reason) values ($1, $2, $3, $4) on conflict (scope) do nothing",
    )
    .bind(target.scope())
    .bind(now)
    .bind(by)
    .bind(reason)
    .execute(connection)
    .await?;
    Ok(stopped.rows_affected() > 0)
}

/// Stops a target by the machine's own hand, and tells whoever is to hear of
/// it; false when it is stopped already.
pub(crate) async fn insert_and_tell(
    tx: &mut PgConnection,
    target: &Target,
    reason: &str,
    word: Option<&Word<'_>>,
    naming: Naming<'_>,
    now: Instant,
) -> sqlx::Result<bool> {
    let stopped = insert(tx, target, ITSELF, Some(reason), now).await?;
    if let Some(word) = word.filter(|_| stopped) {
        word.insert(tx, naming, now).await?;
    }
    Ok(stopped)
}

/// Takes a stop back; false when there was none. What made the machine stop a
/// playbook does not count again from the same moment on.
pub(crate) async fn lift(tx: &mut PgConnection, target: &Target, by: &str, now: Instant) -> sqlx::Result<bool> {
    let lifted = sqlx::query("delete from keepwell.control where scope = $1").bind(target.scope());
    let lifted = lifted.execute(&mut *tx).await?.rows_affected() > 0;
    if lifted {
        record(tx, "resume", by, &target.about(), now).await?;
    }
    if let Target::Playbook(id) = target {
        Store::count_anew(tx, id).await?;
    }
    Ok(lifted)
}

impl Store {
    /// Stops a target. Stopping it twice is the same; returns whether this was
    /// the first time.
    pub async fn stop(&self, target: &Target, by: &str, reason: Option<&str>, now: Instant) -> sqlx::Result<bool> {
        let mut tx = self.pool().begin().await?;
        let stopped = insert(&mut tx, target, by, reason, now).await?;
        if stopped && by != ITSELF {
            record(&mut tx, "stop", by, &target.about(), now).await?;
        }
        tx.commit().await?;
        Ok(stopped)
    }

    /// Takes a stop back; returns whether there was one. Resuming everything
    /// lifts the stop of everything and leaves those of single playbooks.
    pub async fn resume(&self, target: &Target, by: &str, now: Instant) -> sqlx::Result<bool> {
        let mut tx = self.pool().begin().await?;
        let lifted = lift(&mut tx, target, by, now).await?;
        tx.commit().await?;
        Ok(lifted)
    }

    /// Stops what the machine itself has found to be wrong, and tells whoever
    /// is to hear of it; false when it is stopped already.
    pub(crate) async fn stop_by_itself(
        &self,
        target: &Target,
        reason: &str,
        word: Option<&Word<'_>>,
        now: Instant,
    ) -> sqlx::Result<bool> {
        let naming = self.naming().await?;
        let mut tx = self.pool().begin().await?;
        let stopped = insert_and_tell(&mut tx, target, reason, word, naming, now).await?;
        tx.commit().await?;
        Ok(stopped)
    }

    /// What is stopped.
    pub async fn stopped(&self) -> sqlx::Result<Stopped> {
        // Asked before everything that is done: in one statement with the
        // daemons that rest, who come last.
        let rows: Vec<(String, String, Option<String>, Option<i64>)> = sqlx::query_as(
            "select scope, by, reason, seconds from (
                 select scope, by, reason, null::bigint as seconds, null::uuid as process from keepwell.stops
                 union all
                 select '', '', null, seconds, process from keepwell.resting
                 where seen > clock_timestamp() - interval '1 minute') stops
             order by seconds is not null, scope, process",
        )
        .fetch_all(self.pool())
        .await?;
        let stop = |(scope, by, reason, seconds): (String, _, _, _)| match seconds {
            Some(seconds) => Some(super::clocks::rests(seconds)),
            None => Some(Stop { target: Target::of(&scope)?, by, reason }),
        };
        Ok(Stopped { stops: rows.into_iter().filter_map(stop).collect() })
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
