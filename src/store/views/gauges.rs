//! How much there is to do, for whoever watches the daemon. Each figure is counted over
//! what waits or over the last hour, by an index, and never over all that ever was.

use std::time::Duration;

use sqlx::{AssertSqlSafe, FromRow};

use crate::clock::Instant;
use crate::message::state::State;
use crate::store::Store;
use crate::store::customers::reader_role::limit_statements;
use crate::store::messages::outbox::parked;
use crate::store::messages::transitions::WAITING;
use crate::store::upkeep::stopped::Halted;

/// Messages of a channel that wait.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct ChannelBacklog {
    pub channel: String,
    pub waiting: i64,
    /// How many may leave now.
    pub due: i64,
    /// Since when the first of those may leave.
    pub oldest_due: Option<Instant>,
}

/// Messages of a channel that ended in a state.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct EndedMessages {
    pub channel: String,
    pub state: String,
    pub count: i64,
}

/// What there is to do at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkGauges {
    /// In order of the channel.
    pub waiting: Vec<ChannelBacklog>,
    /// Messages that a sender has in hand.
    pub sending: i64,
    /// Those of the last hour, in order of channel and state.
    pub ended: Vec<EndedMessages>,
    /// Runs that wait for a person.
    pub held_runs: i64,
    pub running_runs: i64,
    pub open_tasks: i64,
    /// Open tasks that are due before now.
    pub overdue_tasks: i64,
}

#[derive(FromRow)]
struct Counts {
    sending: i64,
    held_runs: i64,
    running_runs: i64,
    open_tasks: i64,
    overdue_tasks: i64,
}

impl Store {
    /// What there is to do; nothing is due of what is halted, or at all where `halted` is
    /// `None`. An error where the database takes longer than `patience` for one of the figures.
    pub async fn work_gauges(
        &self,
        now: Instant,
        halted: Option<Halted>,
        patience: Duration,
    ) -> sqlx::Result<WorkGauges> {
        let mut tx = self.pool().begin().await?;
        limit_statements(&mut tx, patience).await?;
        let may_leave = format!(
            "next_at <= $1 and playbook <> all($2) and account_id <> all($3) and channel <> all($4)
             and class || ':' || account_id <> all($5) and not $6 and not {}",
            parked("messages", "$1")
        );
        let sql = format!(
            "select channel, count(*) as waiting, count(*) filter (where may_leave) as due,
                 min(next_at) filter (where may_leave) as oldest_due
             from (select channel, next_at, ({may_leave}) as may_leave from keepwell.messages
                   where state in {} offset 0) m
             group by channel order by channel",
            *WAITING
        );
        let is_all_stopped = halted.is_none();
        let halted = halted.unwrap_or_default();
        let waiting = sqlx::query_as(AssertSqlSafe(sql))
            .bind(now)
            .bind(&halted.playbooks)
            .bind(&halted.accounts)
            .bind(halted.channel_names())
            .bind(&halted.account_mail)
            .bind(is_all_stopped)
            .fetch_all(&mut *tx)
            .await?;
        let ended = sqlx::query_as(
            "select channel, state, count(*) as count from keepwell.messages
             where ended_at > $1 and ended_at is not null and not forgotten group by channel, state order by channel, state",
        )
        .bind(now - chrono::Duration::hours(1))
        .fetch_all(&mut *tx)
        .await?;
        let sql = format!(
            "select (select count(*) from keepwell.messages where state = '{}') as sending,
                    (select count(*) from keepwell.runs where state = 'held' and approved_at is null) as held_runs,
                    (select count(*) from keepwell.runs where state = 'running') as running_runs,
                    (select count(*) from keepwell.tasks where state = 'open') as open_tasks,
                    (select count(*) from keepwell.tasks where state = 'open' and due_at < $1) as overdue_tasks",
            State::Sending
        );
        let counts: Counts = sqlx::query_as(AssertSqlSafe(sql)).bind(now).fetch_one(&mut *tx).await?;
        tx.rollback().await?;
        let Counts { sending, held_runs, running_runs, open_tasks, overdue_tasks } = counts;
        Ok(WorkGauges { waiting, sending, ended, held_runs, running_runs, open_tasks, overdue_tasks })
    }
}
