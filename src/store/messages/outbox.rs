//! The outbox: messages written with the decision, sent afterwards.
//!
//! Invariants: a message is claimed by one token at a time; between the
//! server's 354 and the first byte of the body stands [`Store::mark`]; a
//! marked message without an outcome is never claimed again, it becomes
//! `unknown`; late facts are taken whoever holds the claim ([`Store::settle`]).

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::budget::UnderWay;
use super::claimed::Claimed;
use super::transitions::{WAITING, claim};
use crate::clock::Instant;
use crate::message::channel::Channel;
use crate::message::state::State;
use crate::random;
use crate::store::upkeep::stopped::Halted;
use crate::store::{LEASE, Store};

/// Whether a message is mail of an enrollment that must not move: what a person did
/// with one of its tasks can still be undone, or has ended it. `message` is the
/// table's name in the statement, `now` its place of the instant. `offset 0` keeps the
/// look one by key for each message that is due: without it a plan may read all enrollments.
pub(in crate::store) fn parked(message: &str, now: &str) -> String {
    of_enrollment(message, &parks(now))
}

/// The same at a marker, where also mail of an enrollment that has ended since its claim,
/// otherwise than at the end of its steps, stays: it looks at the gate again, which ends it.
pub(super) fn withheld(message: &str, now: &str) -> String {
    of_enrollment(message, &format!("({} or e.state not in ('active', 'completed'))", parks(now)))
}

/// Whether a person's word on a task keeps the enrollment `e` from moving.
fn parks(now: &str) -> String {
    format!("e.state = 'active' and (e.undo_until > {now} or e.stop_reason is not null)")
}

fn of_enrollment(message: &str, condition: &str) -> String {
    format!(
        "({message}.channel = '{mail}' and exists (
             select from keepwell.enrollments e
             where e.account_id = {message}.account_id and e.id = {message}.enrollment_id and {condition} offset 0))",
        mail = Channel::OF_CUSTOMERS
    )
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
        let sql = format!(
            // What somebody else has in hand at this moment is left to them.
            "update keepwell.messages m set {claim}
             from (select account_id, id from keepwell.messages
                   where state in {waiting} and next_at <= $1 and playbook <> all($2)
                     and account_id <> all($6) and channel <> all($7) and class || ':' || account_id <> all($11)
                     and (class not in ('lifecycle', 'marketing')
                          or created_at < coalesce(case when playbook = $8 then $10 else $9 end, 'infinity'))
                     and not {parked}
                   order by priority desc, valid_until, account_id, id limit $3 for update skip locked) due
             where m.account_id = due.account_id and m.id = due.id
             returning m.account_id, m.contact_id, m.id, m.enrollment_id, m.playbook, m.revision, m.step, m.channel,
                 m.class, m.audience, m.to_address, m.variant, coalesce(m.subject, '') as subject, m.words, m.attempts, m.valid_until,
                 m.token, m.message_id, m.shadow, m.leaves_at, m.held_until, m.reason, m.report, m.report_at",
            claim = claim("$4", "$5"),
            waiting = *WAITING,
            parked = parked("messages", "$1")
        );
        sqlx::query_as(AssertSqlSafe(sql))
            .bind(now)
            .bind(&halted.playbooks)
            .bind(limit)
            .bind(random::token())
            .bind(lease)
            .bind(&halted.accounts)
            .bind(halted.channel_names())
            .bind(under_way.first.as_ref().map(|(playbook, _)| playbook))
            .bind(under_way.first.as_ref().map(|(_, slot)| *slot))
            .bind(under_way.others)
            .bind(&halted.account_mail)
            .fetch_all(self.pool())
            .await
    }

    /// A message that waits, as a claim would give it, which this is not.
    pub async fn waiting_message(&self, id: Uuid) -> sqlx::Result<Option<Claimed>> {
        let sql = format!(
            "select m.account_id, m.contact_id, m.id, m.enrollment_id, m.playbook, m.revision, m.step, m.channel,
                 m.class, m.audience, m.to_address, m.variant, coalesce(m.subject, '') as subject, m.words, m.attempts,
                 m.valid_until, $2::uuid as token, m.message_id, m.shadow, m.leaves_at, m.held_until, m.reason, m.report, m.report_at
             from keepwell.messages m where m.id = $1 and m.state in {}",
            *WAITING
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(id).bind(Uuid::nil()).fetch_optional(self.pool()).await
    }

    /// Whether anything that is not halted is due to be sent.
    pub async fn has_due_messages(&self, now: Instant, halted: &Halted) -> sqlx::Result<bool> {
        let sql = format!(
            "select exists (select 1 from keepwell.messages
             where state in {} and next_at <= $1 and playbook <> all($2)
               and account_id <> all($3) and channel <> all($4) and class || ':' || account_id <> all($5) and not {})",
            *WAITING,
            parked("messages", "$1")
        );
        sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(now)
            .bind(&halted.playbooks)
            .bind(&halted.accounts)
            .bind(halted.channel_names())
            .bind(&halted.account_mail)
            .fetch_one(self.pool())
            .await
    }

    /// Keeps claims alive while a batch is worked through. One that has run
    /// out is not revived: the machine may have stood still for hours.
    pub async fn renew_claims(&self, token: Uuid) -> sqlx::Result<()> {
        let lease_now = self.lease_clock().await?;
        // What is being marked or settled at this moment needs no renewal, and
        // waiting for it could mean that both wait for each other.
        let sql = format!(
            "update keepwell.messages m set lease_until = $2
             from (select account_id, id from keepwell.messages
                   where token = $1 and state = '{}' and lease_until >= $3 for update skip locked) held
             where m.account_id = held.account_id and m.id = held.id",
            State::Sending
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(token)
            .bind(lease_now + LEASE)
            .bind(lease_now)
            .execute(self.pool())
            .await?;
        Ok(())
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
}
