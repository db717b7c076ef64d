//! The outbox: messages written with the decision, sent afterwards.
//!
//! Invariants: a message is claimed by one token at a time; between the
//! server's 354 and the first byte of the body stands [`Store::mark`]; a
//! marked message without an outcome is never claimed again, it becomes
//! `unknown`; late facts are taken whoever holds the claim.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::budget::UnderWay;
use super::control::Halted;
use super::epoch::Mark;
use super::{LEASE, Store};
use crate::clock::Instant;
use crate::random;

/// A claimed message.
#[derive(Clone, Debug, FromRow)]
pub struct Claimed {
    pub account_id: String,
    pub contact_id: String,
    pub id: Uuid,
    pub enrollment_id: Option<Uuid>,
    pub playbook: String,
    pub revision: Option<String>,
    pub step: String,
    /// `email`, `notice`, `webhook` or `slack`.
    pub channel: String,
    /// `lifecycle`, `marketing`, `transactional` or `internal`.
    pub class: String,
    /// `csm`, `manager`, `alerts_to` or `slack:NAME`, of a notice.
    pub audience: Option<String>,
    pub to_address: Option<String>,
    pub subject: Option<String>,
    pub words: Option<serde_json::Value>,
    pub attempts: i32,
    pub valid_until: Instant,
    pub token: Option<Uuid>,
    pub message_id: String,
    pub shadow: bool,
    /// Not before this; `None` as long as no undo window has begun.
    pub leaves_at: Option<Instant>,
    /// The end of the quiet hours that held it last.
    pub held_until: Option<Instant>,
}

/// What a claimed mail waits for when it is put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Another try.
    Retry,
    /// The end of its undo window.
    Undo { until: Instant },
    /// The end of quiet hours, which may come some minutes before its turn.
    Quiet { until: Instant },
    /// A place in the attention budget.
    Budget,
}

/// The answer of the marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marked {
    Go,
    /// Not now, and why: stopped, suppressed, no longer ours.
    No(&'static str),
}

/// How a claimed message ends or goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled<'a> {
    /// Ended in this state.
    Ended { state: &'static str, reason: Option<&'a str>, outcome: Option<&'static str> },
    /// Looked at again at this instant; a known failure if anything was tried,
    /// so the marker is lifted.
    Deferred { next_at: Instant, reason: &'a str, counts: bool, wait: Wait },
}

impl Settled<'_> {
    /// Whether a place in the budget, if it had one, is free again.
    fn gives_back(&self) -> bool {
        match self {
            Settled::Ended { state, .. } => !matches!(*state, "accepted" | "captured" | "unknown"),
            Settled::Deferred { wait, .. } => *wait == Wait::Retry,
        }
    }
}

/// What was rendered, for the preview and the record.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl Store {
    /// Claims due messages of what is not halted, those that
    /// may have a customer's attention first in the order of their rank. Mail
    /// for which runs that are `under_way` may bring something better waits.
    pub async fn claim_messages(
        &self,
        now: Instant,
        halted: &Halted,
        under_way: &UnderWay,
        limit: i64,
    ) -> sqlx::Result<Vec<Claimed>> {
        let lease = self.lease_clock().await? + LEASE;
        let claimed = sqlx::query_as(
            "update keepwell.messages m
             set state = 'sending', token = $4, lease_until = $5, attempts = m.attempts + 1,
                 reserved_at = null
             from (select account_id, id from keepwell.messages
                   where state in ('planned', 'deferred') and next_at <= $1 and playbook <> all($2)
                     and account_id <> all($6) and channel <> all($7)
                     and (class not in ('lifecycle', 'marketing')
                          or created_at < coalesce(case when playbook = $8 then $10 else $9 end, 'infinity'))
                   order by priority desc, valid_until, account_id, id limit $3) due
             where m.account_id = due.account_id and m.id = due.id and m.state in ('planned', 'deferred')
             returning m.account_id, m.contact_id, m.id, m.enrollment_id, m.playbook, m.revision, m.step, m.channel,
                 m.class, m.audience, m.to_address, coalesce(m.subject, '') as subject, m.words, m.attempts, m.valid_until,
                 m.token, m.message_id, m.shadow, m.leaves_at, m.held_until",
        )
        .bind(now)
        .bind(&halted.playbooks)
        .bind(limit)
        .bind(random::token())
        .bind(lease)
        .bind(&halted.accounts)
        .bind(&halted.channels)
        .bind(under_way.first.as_ref().map(|(playbook, _)| playbook))
        .bind(under_way.first.as_ref().map(|(_, slot)| *slot))
        .bind(under_way.others)
        .fetch_all(self.pool())
        .await;
        match claimed {
            // Two daemons in each other's way: the other one has them.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("40P01") => Ok(Vec::new()),
            claimed => claimed,
        }
    }

    /// Whether anything that is not halted is due to be sent.
    pub async fn has_due_messages(&self, now: Instant, halted: &Halted) -> sqlx::Result<bool> {
        sqlx::query_scalar(
            "select exists (select 1 from keepwell.messages
             where state in ('planned', 'deferred') and next_at <= $1 and playbook <> all($2)
               and account_id <> all($3) and channel <> all($4))",
        )
        .bind(now)
        .bind(&halted.playbooks)
        .bind(&halted.accounts)
        .bind(&halted.channels)
        .fetch_one(self.pool())
        .await
    }

    /// Keeps claims alive while a batch is worked through.
    pub async fn renew_claims(&self, token: Uuid) -> sqlx::Result<()> {
        let lease = self.lease_clock().await? + LEASE;
        sqlx::query("update keepwell.messages set lease_until = $2 where token = $1 and state = 'sending'")
            .bind(token)
            .bind(lease)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Gives claims back that have not reached the marker; the sender is being
    /// stopped. A marker that comes later finds that the message is not ours.
    /// Behind the marker nobody listens to the server any more: the outcome is
    /// not known. Returns how many were given back.
    pub async fn release_claims(&self, token: Uuid, now: Instant) -> sqlx::Result<u64> {
        let released = sqlx::query(
            "update keepwell.messages set state = 'deferred', token = null, lease_until = null, next_at = $2,
                 attempts = attempts - 1, reason = 'its sender was stopped before the mail left'
             where token = $1 and state = 'sending' and marked_at is null",
        )
        .bind(token)
        .bind(now)
        .execute(self.pool())
        .await?;
        let over = self.lease_clock().await? - chrono::Duration::seconds(1);
        sqlx::query("update keepwell.messages set lease_until = $2 where token = $1 and state = 'sending'")
            .bind(token)
            .bind(over)
            .execute(self.pool())
            .await?;
        self.settle_expired(now).await?;
        Ok(released.rows_affected())
    }

    /// The text of a notice.
    pub async fn notice_text(&self, message: &Claimed) -> sqlx::Result<String> {
        let text: Option<String> =
            sqlx::query_scalar("select body_text from keepwell.messages where account_id = $1 and id = $2")
                .bind(&message.account_id)
                .bind(message.id)
                .fetch_one(self.pool())
                .await?;
        Ok(text.unwrap_or_default())
    }

    /// Keeps what is about to be sent, for the preview and the record.
    pub async fn keep_rendered(&self, message: &Claimed, to: &str, rendered: &Rendered) -> sqlx::Result<()> {
        sqlx::query(
            "update keepwell.messages set subject = $4, body_text = $5, body_html = $6, to_address = $7
             where account_id = $1 and id = $2 and token = $3 and state = 'sending'",
        )
        .bind(&message.account_id)
        .bind(message.id)
        .bind(message.token)
        .bind(&rendered.subject)
        .bind(&rendered.text)
        .bind(&rendered.html)
        .bind(to)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// The marker: after it the body may leave, and only once. One short
    /// transaction: what is stopped and the lease clock are read in their own
    /// statements; the recipient's row is locked against a suppression that is
    /// being acknowledged; then the message is marked if it is still ours.
    pub async fn mark(&self, message: &Claimed, to: &str) -> sqlx::Result<Marked> {
        let hash = self.address_hash(to).await?;
        let mut tx = self.pool().begin().await?;
        let (lease_now, epoch, number): (Instant, i64, i64) = sqlx::query_as(
            "select clock_timestamp(), (extract(epoch from epoch) * 1000000)::bigint, nextval('keepwell.marks')
             from keepwell.installation",
        )
        .fetch_one(&mut *tx)
        .await?;
        let scopes = [
            format!("playbook:{}", message.playbook),
            format!("channel:{}", message.channel),
            format!("account:{}", message.account_id),
        ];
        let stopped: bool =
            sqlx::query_scalar("select exists (select 1 from keepwell.stops where scope = 'all' or scope = any($1))")
                .bind(scopes)
                .fetch_one(&mut *tx)
                .await?;
        if stopped {
            tx.rollback().await?;
            return Ok(Marked::No("stopped"));
        }
        if message.class != "internal" {
            let suppressed: Option<serde_json::Value> =
                sqlx::query_scalar("select suppressed from keepwell.recipients where address_hash = $1 for share")
                    .bind(&hash)
                    .fetch_optional(&mut *tx)
                    .await?;
            if suppressed.is_some_and(|classes| super::suppressions::covers(&classes, &message.class)) {
                tx.rollback().await?;
                return Ok(Marked::No("suppressed"));
            }
        }
        let marked = sqlx::query(
            "update keepwell.messages set marked_at = $4, outcome = null
             where account_id = $1 and id = $2 and token = $3 and state = 'sending' and marked_at is null
               and lease_until > $4",
        )
        .bind(&message.account_id)
        .bind(message.id)
        .bind(message.token)
        .bind(lease_now)
        .execute(&mut *tx)
        .await?;
        if marked.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(Marked::No("no longer ours"));
        }
        tx.commit().await?;
        self.remember(Mark { epoch, number });
        Ok(Marked::Go)
    }

    /// Writes how an attempt went. An accepted or refused mail is a fact and
    /// is taken even when the claim was lost meanwhile; a deferral is not.
    /// The enrollment that waits for the message is looked at again.
    pub async fn settle(
        &self,
        message: &Claimed,
        settled: &Settled<'_>,
        reply: Option<&str>,
        started: Instant,
        now: Instant,
    ) -> sqlx::Result<bool> {
        let mut tx = self.pool().begin().await?;
        let (outcome, changed) = match settled {
            Settled::Ended { state, reason, outcome } => {
                let sent = matches!(*state, "accepted" | "captured").then_some(now);
                let changed = sqlx::query(
                    "update keepwell.messages
                     set state = $4, reason = $5, outcome = $6, sent_at = $7, ended_at = $8, lease_until = null,
                         attempts = attempts - $9
                     where account_id = $1 and id = $2
                       and ((token = $3 and state = 'sending') or (state = 'unknown' and $4 in ('accepted', 'rejected')))",
                )
                .bind(&message.account_id)
                .bind(message.id)
                .bind(message.token)
                .bind(state)
                .bind(reason)
                .bind(outcome)
                .bind(sent)
                .bind(now)
                // Given up before anything was tried.
                .bind(i32::from(outcome.is_none()))
                .execute(&mut *tx)
                .await?
                .rows_affected();
                (*state, changed)
            }
            Settled::Deferred { next_at, reason, counts, wait } => {
                let (leaves_at, held_until) = match wait {
                    Wait::Undo { until } => (Some(*until), None),
                    Wait::Quiet { until } => (None, Some(*until)),
                    Wait::Retry | Wait::Budget => (None, None),
                };
                let changed = sqlx::query(
                    "update keepwell.messages
                     set state = 'deferred', reason = $5, next_at = $4, lease_until = null, token = null,
                         marked_at = null, outcome = null, attempts = attempts - $6,
                         leaves_at = coalesce($7, leaves_at), held_until = coalesce($8, held_until), over_budget = $9
                     where account_id = $1 and id = $2 and token = $3 and state = 'sending'",
                )
                .bind(&message.account_id)
                .bind(message.id)
                .bind(message.token)
                .bind(next_at)
                .bind(reason)
                .bind(i32::from(!counts))
                .bind(leaves_at)
                .bind(held_until)
                .bind(*wait == Wait::Budget)
                .execute(&mut *tx)
                .await?
                .rows_affected();
                ("deferred", changed)
            }
        };
        let tried = match settled {
            Settled::Ended { outcome, .. } => outcome.is_some(),
            Settled::Deferred { counts, .. } => *counts,
        };
        if changed > 0 && message.channel != "notice" && tried {
            sqlx::query(
                "insert into keepwell.attempts (account_id, message, n, started_at, ended_at, outcome, reply)
                 values ($1, $2, $3, $4, $5, $6, $7) on conflict (account_id, message, n) do nothing",
            )
            .bind(&message.account_id)
            .bind(message.id)
            .bind(message.attempts)
            .bind(started)
            .bind(now)
            .bind(outcome)
            .bind(reply)
            .execute(&mut *tx)
            .await?;
        }
        if changed > 0
            && message.channel == "email"
            && let (Some(enrollment), Settled::Ended { .. }) = (message.enrollment_id, settled)
        {
            wake(&mut tx, &message.account_id, enrollment, now).await?;
        }
        tx.commit().await?;
        if changed > 0 && matches!(message.class.as_str(), "lifecycle" | "marketing") && settled.gives_back() {
            self.give_back(&message.account_id, now).await?;
        }
        Ok(changed > 0)
    }

    /// Ends claims whose lease ran out: before the marker they are free again,
    /// behind it nobody knows, but a webhook may go twice and so is free as
    /// well. Returns how many of each.
    pub async fn settle_expired(&self, now: Instant) -> sqlx::Result<(u64, u64)> {
        let lease_now = self.lease_clock().await?;
        let freed = sqlx::query(
            // Several daemons notice at the same time; what one has locked the
            // others leave to it.
            "update keepwell.messages m set state = 'deferred', token = null, lease_until = null, next_at = $2,
                 reason = case when marked_at is null then 'its sender went away before the mail left'
                               else 'its sender went away before the server answered' end,
                 marked_at = null
             from (select account_id, id from keepwell.messages
                   where state = 'sending' and lease_until < $1 and (marked_at is null or channel = 'webhook')
                   for update skip locked) over
             where m.account_id = over.account_id and m.id = over.id",
        )
        .bind(lease_now)
        .bind(now)
        .execute(self.pool())
        .await?
        .rows_affected();
        let lost: Vec<(String, Uuid, Option<Uuid>)> = sqlx::query_as(
            "select account_id, id, enrollment_id from keepwell.messages
             where state = 'sending' and lease_until < $1 and marked_at is not null",
        )
        .bind(lease_now)
        .fetch_all(self.pool())
        .await?;
        let mut unknown = 0;
        for (account, id, enrollment) in lost {
            let mut tx = self.pool().begin().await?;
            unknown += sqlx::query(
                "update keepwell.messages set state = 'unknown', outcome = 'unknown', ended_at = $4, lease_until = null,
                     reason = 'its sender went away before the server answered'
                 where account_id = $1 and id = $2 and state = 'sending' and lease_until < $3 and marked_at is not null",
            )
            .bind(&account)
            .bind(id)
            .bind(lease_now)
            .bind(now)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if let Some(enrollment) = enrollment {
                wake(&mut tx, &account, enrollment, now).await?;
            }
            tx.commit().await?;
        }
        Ok((freed, unknown))
    }

    /// Reserves an address for a mail of a step; false when the same step
    /// mailed it, under whatever contact, within the last 24 hours.
    pub async fn reserve_address(&self, message: &Claimed, to: &str, now: Instant) -> sqlx::Result<bool> {
        let hash = self.address_hash(to).await?;
        let rows = sqlx::query(
            "insert into keepwell.address_guard as g (address_hash, playbook, step, message, at)
             values ($1, $2, $3, $4, $5)
             on conflict (address_hash, playbook, step) do update set message = excluded.message, at = excluded.at
             where g.message = excluded.message or g.at <= $6",
        )
        .bind(hash)
        .bind(&message.playbook)
        .bind(&message.step)
        .bind(message.id)
        .bind(now)
        .bind(now - chrono::Duration::hours(24))
        .execute(self.pool())
        .await?;
        Ok(rows.rows_affected() > 0)
    }
}

/// Makes the enrollment look again now that one of its messages has ended. A
/// look that is under way may not have seen the end: the new version makes its
/// commit stale, else it would put the enrollment back to sleep.
pub(super) async fn wake(tx: &mut PgConnection, account: &str, enrollment: Uuid, at: Instant) -> sqlx::Result<()> {
    sqlx::query(
        "update keepwell.enrollments set look_at = least(look_at, $3), version = version + 1
         where account_id = $1 and id = $2 and state = 'active' and phase = 'sending'",
    )
    .bind(account)
    .bind(enrollment)
    .bind(at)
    .execute(tx)
    .await?;
    Ok(())
}
