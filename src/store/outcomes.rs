//! What became of attempts: written when a server has answered, when nobody
//! listens to it any more, or when a person knows.
//!
//! A fact about an attempt is taken whenever it comes: also when its claim was
//! lost meanwhile, and also when a person has said otherwise. What is not known
//! stays `unknown` in the column `outcome`, which keeps the machine from ever
//! sending it again.

use std::collections::HashSet;

use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::gather::all_failed;
use super::outbox::{Claimed, Wait};
use super::rows::Rows;
use super::{Store, audit, is_about_a_row};
use crate::clock::Instant;

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

    /// Whether something was tried, so that there is an attempt to record.
    fn tried(&self) -> bool {
        match self {
            Settled::Ended { outcome, .. } => outcome.is_some(),
            Settled::Deferred { counts, .. } => *counts,
        }
    }
}

/// What became of one claimed message.
#[derive(Clone, Debug)]
pub struct Ending<'a> {
    pub message: &'a Claimed,
    pub settled: Settled<'a>,
    /// The server's words.
    pub reply: Option<&'a str>,
    pub started: Instant,
    pub ended: Instant,
}

/// The same, as long as nobody has written it.
pub(super) struct Kept {
    message: Claimed,
    settled: KeptSettled,
    reply: Option<String>,
    started: Instant,
    ended: Instant,
}

enum KeptSettled {
    Ended { state: &'static str, reason: Option<String>, outcome: Option<&'static str> },
    Deferred { next_at: Instant, reason: String, counts: bool, wait: Wait },
}

impl From<&Ending<'_>> for Kept {
    fn from(ending: &Ending<'_>) -> Kept {
        let settled = match &ending.settled {
            Settled::Ended { state, reason, outcome } => {
                KeptSettled::Ended { state, reason: reason.map(str::to_owned), outcome: *outcome }
            }
            Settled::Deferred { next_at, reason, counts, wait } => {
                KeptSettled::Deferred { next_at: *next_at, reason: (*reason).to_owned(), counts: *counts, wait: *wait }
            }
        };
        let (message, reply) = (ending.message.clone(), ending.reply.map(str::to_owned));
        Kept { message, settled, reply, started: ending.started, ended: ending.ended }
    }
}

impl Kept {
    fn ending(&self) -> Ending<'_> {
        let settled = match &self.settled {
            KeptSettled::Ended { state, reason, outcome } => {
                Settled::Ended { state, reason: reason.as_deref(), outcome: *outcome }
            }
            KeptSettled::Deferred { next_at, reason, counts, wait } => {
                Settled::Deferred { next_at: *next_at, reason, counts: *counts, wait: *wait }
            }
        };
        let reply = self.reply.as_deref();
        Ending { message: &self.message, settled, reply, started: self.started, ended: self.ended }
    }
}

/// What a person says of a message whose outcome nobody knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server has taken it.
    Accepted,
    /// It has not.
    Failed,
}

/// What became of a person's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Taken,
    /// The outcome is known already.
    Known,
    /// There is no such message.
    NoMessage,
}

impl Store {
    /// Writes how one attempt went, together with those that end at the same
    /// moment; see [`Store::settle_all`].
    pub async fn settle(
        &self,
        message: &Claimed,
        settled: &Settled<'_>,
        reply: Option<&str>,
        started: Instant,
        ended: Instant,
    ) -> sqlx::Result<bool> {
        let ending = Ending { message, settled: settled.clone(), reply, started, ended };
        self.together.endings.ask(Kept::from(&ending), |all| self.settle_together(all)).await
    }

    async fn settle_together(&self, all: Vec<Kept>) -> Vec<sqlx::Result<bool>> {
        let endings: Vec<Ending<'_>> = all.iter().map(Kept::ending).collect();
        match self.settle_all(&endings).await {
            Ok(taken) => taken.into_iter().map(Ok).collect(),
            Err(error) if all.len() == 1 || !is_about_a_row(&error) => all_failed(error, all.len()),
            // One of them is at fault; the others shall not suffer.
            Err(_) => {
                let mut taken = Vec::with_capacity(all.len());
                for one in &endings {
                    let alone = self.settle_all(std::slice::from_ref(one)).await;
                    taken.push(alone.map(|taken| taken.contains(&true)));
                }
                taken
            }
        }
    }

    /// Writes how attempts went, all or none, and lets the enrollments that
    /// wait for them look again. Says of each whether it was taken: not when
    /// the claim was lost and nothing was learned about an attempt of ours.
    pub async fn settle_all(&self, endings: &[Ending<'_>]) -> sqlx::Result<Vec<bool>> {
        let mut tx = self.pool().begin().await?;
        let mut taken = end(&mut tx, endings).await?;
        taken.extend(defer(&mut tx, endings).await?);
        let of = |one: &&Ending<'_>| taken.contains(&one.message.id);
        record(&mut tx, endings.iter().filter(of).filter(|one| one.message.channel != "notice")).await?;
        let waiting = |one: &&Ending<'_>| {
            one.message.channel == "email" && matches!(one.settled, Settled::Ended { .. }) && of(one)
        };
        let waiting: Vec<(&str, Uuid, Instant)> = endings
            .iter()
            .filter(waiting)
            .filter_map(|one| Some((one.message.account_id.as_str(), one.message.enrollment_id?, one.ended)))
            .collect();
        let woken = wake_free(&mut tx, &waiting).await?;
        tx.commit().await?;
        // Those that were in somebody's hands: one at a time, since whoever
        // holds one may wait for another.
        for (account, enrollment, at) in waiting.into_iter().filter(|(_, id, _)| !woken.contains(id)) {
            let mut connection = self.pool().acquire().await?;
            wake(&mut connection, account, enrollment, at).await?;
        }
        for one in endings.iter().filter(of) {
            if matches!(one.message.class.as_str(), "lifecycle" | "marketing") && one.settled.gives_back() {
                self.give_back(&one.message.account_id, one.ended).await?;
            }
        }
        Ok(endings.iter().map(|one| taken.contains(&one.message.id)).collect())
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
                 reason = case when marked_at is null then 'its sender went away before it left'
                               else 'its sender went away before an answer came' end,
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

    /// Takes a person's word on a message whose outcome nobody knows. Nothing
    /// is sent again by it: what was not accepted has failed. It can be
    /// corrected, and gives way to what the server is found to have said.
    pub async fn settle_unknown(&self, id: Uuid, verdict: Verdict, by: &str, now: Instant) -> sqlx::Result<Word> {
        let (state, reason) = match verdict {
            Verdict::Accepted => ("accepted", format!("accepted, says {by}")),
            Verdict::Failed => ("failed", format!("not accepted, says {by}")),
        };
        let mut tx = self.pool().begin().await?;
        let account: Option<String> = sqlx::query_scalar(
            "update keepwell.messages set state = $2, reason = $3,
                 sent_at = case when $2 = 'accepted' then coalesce(ended_at, $4) end
             where id = $1 and outcome = 'unknown' and state in ('unknown', 'accepted', 'failed')
             returning account_id",
        )
        .bind(id)
        .bind(state)
        .bind(reason)
        .bind(now)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(account) = account {
            let about = serde_json::json!({ "account": account, "message": id, "as": state });
            audit::record(&mut tx, "settle", by, &about, now).await?;
            tx.commit().await?;
            if verdict == Verdict::Failed {
                self.give_back(&account, now).await?;
            }
            return Ok(Word::Taken);
        }
        tx.rollback().await?;
        let known: bool = sqlx::query_scalar("select exists (select 1 from keepwell.messages where id = $1)")
            .bind(id)
            .fetch_one(self.pool())
            .await?;
        Ok(if known { Word::Known } else { Word::NoMessage })
    }
}

/// Writes those that have ended. What the server said is taken of every attempt
/// of ours without a known outcome; that a webhook was taken, always.
async fn end(tx: &mut PgConnection, endings: &[Ending<'_>]) -> sqlx::Result<HashSet<Uuid>> {
    let ended: Vec<_> = endings
        .iter()
        .filter_map(|one| match &one.settled {
            Settled::Ended { state, reason, outcome } => Some((one, *state, *reason, *outcome)),
            Settled::Deferred { .. } => None,
        })
        .collect();
    if ended.is_empty() {
        return Ok(HashSet::new());
    }
    let each = || ended.iter();
    let sent = |state: &str, at: Instant| matches!(state, "accepted" | "captured").then_some(at);
    let rows = Rows::default()
        .column("account_id", each().map(|(one, ..)| one.message.account_id.as_str()))
        .column("id", each().map(|(one, ..)| one.message.id))
        .column("token", each().map(|(one, ..)| one.message.token))
        .column("state", each().map(|(_, state, ..)| *state))
        .column("reason", each().map(|(_, _, reason, _)| *reason))
        .column("outcome", each().map(|(.., outcome)| *outcome))
        .column("sent_at", each().map(|(one, state, ..)| sent(state, one.ended)))
        .column("ended_at", each().map(|(one, ..)| one.ended))
        // Given up before anything was tried.
        .column("untried", each().map(|(.., outcome)| i32::from(outcome.is_none())));
    let update = format!(
        "update keepwell.messages m
         set state = n.state, reason = n.reason, outcome = n.outcome, sent_at = n.sent_at, ended_at = n.ended_at,
             lease_until = null, attempts = m.attempts - n.untried
         from {}
         where m.account_id = n.account_id and m.id = n.id
           and ((m.token = n.token and (m.state = 'sending'
                                        or (m.outcome = 'unknown' and n.outcome in ('accepted', 'rejected', 'deferred'))))
                or (m.channel = 'webhook' and m.state in ('deferred', 'sending') and n.outcome = 'accepted'))
         returning m.id",
        rows.relation("n")
    );
    ids(rows.query(update)?.fetch_all(tx).await?)
}

/// Puts the others back. That the server did not take a message is a fact as
/// well: it may go again although its claim was lost meanwhile. Not where a
/// person has settled it, who may have written to the customer: it has failed.
async fn defer(tx: &mut PgConnection, endings: &[Ending<'_>]) -> sqlx::Result<HashSet<Uuid>> {
    let deferred: Vec<_> = endings
        .iter()
        .filter_map(|one| match &one.settled {
            Settled::Deferred { next_at, reason, counts, wait } => Some((one, *next_at, *reason, *counts, *wait)),
            Settled::Ended { .. } => None,
        })
        .collect();
    if deferred.is_empty() {
        return Ok(HashSet::new());
    }
    let each = || deferred.iter();
    let leaves_at = |wait| if let Wait::Undo { until } = wait { Some(until) } else { None };
    let held_until = |wait| if let Wait::Quiet { until } = wait { Some(until) } else { None };
    let rows = Rows::default()
        .column("account_id", each().map(|(one, ..)| one.message.account_id.as_str()))
        .column("id", each().map(|(one, ..)| one.message.id))
        .column("token", each().map(|(one, ..)| one.message.token))
        .column("next_at", each().map(|(_, next_at, ..)| *next_at))
        .column("reason", each().map(|(_, _, reason, ..)| *reason))
        .column("uncounted", each().map(|(.., counts, _)| i32::from(!counts)))
        .column("leaves_at", each().map(|(.., wait)| leaves_at(*wait)))
        .column("held_until", each().map(|(.., wait)| held_until(*wait)))
        .column("over_budget", each().map(|(.., wait)| *wait == Wait::Budget));
    let update = format!(
        "update keepwell.messages m
         set state = case when m.state in ('accepted', 'failed') then 'failed' else 'deferred' end,
             outcome = case when m.state in ('accepted', 'failed') then 'deferred' end,
             ended_at = case when m.state in ('accepted', 'failed') then m.ended_at end,
             sent_at = null, reason = n.reason, next_at = n.next_at, lease_until = null, token = null,
             marked_at = null, attempts = m.attempts - n.uncounted,
             leaves_at = coalesce(n.leaves_at, m.leaves_at), held_until = coalesce(n.held_until, m.held_until),
             over_budget = n.over_budget
         from {}
         where m.account_id = n.account_id and m.id = n.id and m.token = n.token
           and (m.state in ('sending', 'unknown') or m.state in ('accepted', 'failed') and m.outcome = 'unknown')
         returning m.id",
        rows.relation("n")
    );
    ids(rows.query(update)?.fetch_all(tx).await?)
}

/// Writes what was tried.
async fn record<'a>(tx: &mut PgConnection, endings: impl Iterator<Item = &'a Ending<'a>>) -> sqlx::Result<()> {
    let tried: Vec<&Ending<'_>> = endings.filter(|one| one.settled.tried()).collect();
    if tried.is_empty() {
        return Ok(());
    }
    let each = || tried.iter();
    let outcome = |one: &Ending<'_>| match one.settled {
        Settled::Ended { state, .. } => state,
        Settled::Deferred { .. } => "deferred",
    };
    let rows = Rows::default()
        .column("account_id", each().map(|one| one.message.account_id.as_str()))
        .column("message", each().map(|one| one.message.id))
        .column("n", each().map(|one| one.message.attempts))
        .column("started_at", each().map(|one| one.started))
        .column("ended_at", each().map(|one| one.ended))
        .column("outcome", each().map(|one| outcome(one)))
        .column("reply", each().map(|one| one.reply));
    rows.insert("keepwell.attempts", "on conflict (account_id, message, n) do nothing")?.execute(tx).await?;
    Ok(())
}

/// Makes enrollments look again as far as nobody holds them; returns which.
async fn wake_free(tx: &mut PgConnection, waiting: &[(&str, Uuid, Instant)]) -> sqlx::Result<HashSet<Uuid>> {
    if waiting.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = Rows::default()
        .column("account_id", waiting.iter().map(|(account, ..)| *account))
        .column("id", waiting.iter().map(|(_, id, _)| *id))
        .column("at", waiting.iter().map(|(.., at)| *at));
    let update = format!(
        "update keepwell.enrollments e set look_at = least(e.look_at, w.at), version = e.version + 1
         from (select account_id, id, min(at) as at
               from (select f.account_id, f.id, n.at from keepwell.enrollments f
                     join {} on n.account_id = f.account_id and n.id = f.id
                     where f.state = 'active' and f.phase = 'sending'
                     for update of f skip locked) free
               group by account_id, id) w
         where e.account_id = w.account_id and e.id = w.id
         returning e.id",
        rows.relation("n")
    );
    ids(rows.query(update)?.fetch_all(tx).await?)
}

fn ids(rows: Vec<sqlx::postgres::PgRow>) -> sqlx::Result<HashSet<Uuid>> {
    rows.iter().map(|row| row.try_get(0)).collect()
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
