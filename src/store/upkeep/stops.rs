//! What is stopped. Read before every claim and inside every marker.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use super::audit::{record, record_word};
use super::stopped::{ITSELF, Stop, StopTarget, Stopped};
use crate::clock::Instant;
use crate::ids::{Actor, Word};
use crate::message::channel::Channel;
use crate::store::Store;
use crate::store::messages::insert::OwnerNotice;
use crate::store::messages::message_ids::Naming;
use crate::store::messages::transitions::WAITING;

/// Messages that wait to leave, or would have.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct WaitingMessages {
    pub playbook: String,
    #[sqlx(try_from = "String")]
    pub channel: Channel,
    /// How many go out when nothing stops them.
    pub due: i64,
    /// How many were not sent while they were valid.
    pub expired: i64,
}

impl WaitingMessages {
    /// Whether nothing that is still stopped keeps them. Stops of single accounts are not
    /// looked at here: they keep a few of many.
    pub fn may_leave_beside(&self, left: &Stopped) -> bool {
        !left.covers(&self.playbook) && !left.is(&StopTarget::Channel(self.channel))
    }
}

/// Stops a target; false when it is stopped already.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    target: &StopTarget,
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
    target: &StopTarget,
    reason: &str,
    notice: Option<&OwnerNotice<'_>>,
    naming: Naming<'_>,
    now: Instant,
) -> sqlx::Result<bool> {
    let stopped = insert(tx, target, ITSELF, Some(reason), now).await?;
    if let Some(notice) = notice.filter(|_| stopped) {
        notice.insert(tx, naming, now).await?;
    }
    Ok(stopped)
}

/// Takes a stop back; false when there was none. What made the machine stop a
/// playbook does not count again from the same moment on.
pub(crate) async fn lift(
    tx: &mut PgConnection,
    target: &StopTarget,
    by: Actor<'_>,
    now: Instant,
) -> sqlx::Result<bool> {
    let lifted = sqlx::query("delete from keepwell.control where scope = $1").bind(target.scope());
    let lifted = lifted.execute(&mut *tx).await?.rows_affected() > 0;
    if lifted {
        record(tx, "resume", by, &target.about(), now).await?;
        if let StopTarget::Playbook(id) = target {
            Store::count_anew(tx, id).await?;
        }
    }
    Ok(lifted)
}

impl Store {
    /// Stops a target. Stopping it twice is the same; returns whether this was
    /// the first time.
    pub async fn stop(
        &self,
        target: &StopTarget,
        by: Actor<'_>,
        reason: Option<&str>,
        now: Instant,
    ) -> sqlx::Result<bool> {
        let mut tx = self.pool().begin().await?;
        let stopped = insert(&mut tx, target, by.0, reason, now).await?;
        if stopped && by.0 != ITSELF {
            record_word(&mut tx, "stop", Word::new(by, now).because(reason), &target.about()).await?;
        }
        tx.commit().await?;
        Ok(stopped)
    }

    /// Makes a stop of somebody else that of whoever stops it once more; false when it is
    /// theirs already or of somebody else by now.
    pub async fn take_over_stop(&self, target: &StopTarget, from: &str, word: Word<'_>) -> sqlx::Result<bool> {
        let mut tx = self.pool().begin().await?;
        let taken = sqlx::query(
            "update keepwell.control set by = $3, reason = $4, at = $5 where scope = $1 and by = $2 and by <> $3",
        )
        .bind(target.scope())
        .bind(from)
        .bind(word.by.0)
        .bind(word.because)
        .bind(word.at)
        .execute(&mut *tx)
        .await?
        .rows_affected()
            > 0;
        if taken {
            record_word(&mut tx, "stop", word, &target.about()).await?;
        }
        tx.commit().await?;
        Ok(taken)
    }

    /// Takes a stop back; returns whether there was one. Resuming everything
    /// lifts the stop of everything and leaves those of single playbooks.
    pub async fn resume(&self, target: &StopTarget, by: Actor<'_>, now: Instant) -> sqlx::Result<bool> {
        let mut tx = self.pool().begin().await?;
        let lifted = lift(&mut tx, target, by, now).await?;
        tx.commit().await?;
        Ok(lifted)
    }

    /// Stops what the machine itself has found to be wrong, and tells whoever
    /// is to hear of it; false when it is stopped already.
    pub(crate) async fn stop_by_itself(
        &self,
        target: &StopTarget,
        reason: &str,
        notice: Option<&OwnerNotice<'_>>,
        now: Instant,
    ) -> sqlx::Result<bool> {
        let naming = self.naming().await?;
        let mut tx = self.pool().begin().await?;
        let stopped = insert_and_tell(&mut tx, target, reason, notice, naming, now).await?;
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
            Some(seconds) => Some(super::clocks::resting_stop(seconds)),
            None => Some(Stop { target: StopTarget::of(&scope)?, by, reason }),
        };
        Ok(Stopped { stops: rows.into_iter().filter_map(stop).collect() })
    }

    /// What waits in the outbox at `now` among what a target names, by playbook and
    /// channel.
    pub async fn waiting_messages(&self, target: &StopTarget, now: Instant) -> sqlx::Result<Vec<WaitingMessages>> {
        let sql = format!(
            "select playbook, channel, count(*) filter (where valid_until >= $1) as due,
                 count(*) filter (where valid_until < $1) as expired
             from keepwell.messages
             where state in {} and next_at <= $1 and ($2::text is null or playbook = $2)
               and ($3::text is null or channel = $3) and ($4::text is null or account_id = $4)
               and ($5::text is null or class = $5)
             group by playbook, channel order by playbook, channel",
            *WAITING
        );
        let (mut playbook, mut channel, mut account, mut class) = (None, None, None, None);
        match target {
            StopTarget::All => {}
            StopTarget::Playbook(id) => playbook = Some(id.as_str()),
            StopTarget::Channel(one) => channel = Some(one.name()),
            StopTarget::Account(id) => account = Some(id.as_str()),
            StopTarget::AccountMail { account: id, class: one } => {
                (account, class) = (Some(id.as_str()), Some(one.name()));
            }
            // It rests by itself, and others do its work.
            StopTarget::Daemon => return Ok(Vec::new()),
        }
        sqlx::query_as(AssertSqlSafe(sql))
            .bind(now)
            .bind(playbook)
            .bind(channel)
            .bind(account)
            .bind(class)
            .fetch_all(self.pool())
            .await
    }

    /// The enrollments among what a target names whose step is due at `now`, by
    /// playbook: they go on at once when nothing stops them.
    pub async fn due_steps(&self, target: &StopTarget, now: Instant) -> sqlx::Result<Vec<(String, i64)>> {
        let (mut playbook, mut account) = (None, None);
        match target {
            StopTarget::All => {}
            StopTarget::Playbook(id) => playbook = Some(id.as_str()),
            StopTarget::Account(id) => account = Some(id.as_str()),
            // Journeys go on while these are stopped.
            StopTarget::Channel(_) | StopTarget::AccountMail { .. } | StopTarget::Daemon => return Ok(Vec::new()),
        }
        sqlx::query_as(
            "select playbook, count(*) from keepwell.enrollments
             where state = 'active' and look_at <= $1 and (phase = 'begin' or due_at <= $1)
               and ($2::text is null or playbook = $2) and ($3::text is null or account_id = $3)
             group by playbook order by playbook",
        )
        .bind(now)
        .bind(playbook)
        .bind(account)
        .fetch_all(self.pool())
        .await
    }
}
