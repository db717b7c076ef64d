//! Second bodies: what left, byte for byte, until it is known what became of
//! it.
//!
//! Invariants: a second body begins with `again_at` on its message, which is set
//! once, and only while nobody knows what became of the first; a message that
//! has it is never claimed again, so there is no third; whatever comes of the
//! second, and whatever else comes late of the first, the mail is `accepted` or
//! stays `unknown`.

use chrono::Duration;
use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use super::claimed::Claimed;
use super::mark_request::Marked;
use super::outbox::{parked, withheld};
use super::suppressions::covers;
use super::transitions::learn;
use crate::clock::Instant;
use crate::effect::SENT_AGAIN_AFTER;
use crate::message::outcome::Fact;
use crate::message::refusal::Refusal;
use crate::message::state::State;
use crate::random;
use crate::store::Store;
use crate::store::upkeep::epoch::SET_BACK;
use crate::store::upkeep::last_marker::LastMarker;
use crate::store::upkeep::stopped::{Halted, ITSELF, StopTarget};
use crate::store::upkeep::stops::insert;

/// Longer than a server may take for its answer.
const LEASE: Duration = Duration::minutes(20);

/// So much of it is left when the body begins.
const LEASE_LEFT: Duration = Duration::minutes(12);

/// What left, and may leave again.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct MailCopy {
    pub bytes: Vec<u8>,
    pub envelope_from: String,
    /// Where it went, which redirected mail does elsewhere than its row says.
    pub to_address: String,
}

impl Store {
    /// Keeps what is about to leave. A try before it has failed for certain.
    pub async fn keep_copy(&self, message: &Claimed, copy: &MailCopy) -> sqlx::Result<()> {
        sqlx::query(
            "insert into keepwell.copies (account_id, contact_id, message, bytes, envelope_from, to_address)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (account_id, message) do update
             set bytes = excluded.bytes, envelope_from = excluded.envelope_from, to_address = excluded.to_address
             where keepwell.copies.marked_at is null",
        )
        .bind(&message.account_id)
        .bind(&message.contact_id)
        .bind(message.id)
        .bind(&copy.bytes)
        .bind(&copy.envelope_from)
        .bind(&copy.to_address)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Claims a mail that may leave again, and forgets copies that no longer
    /// may: what became of the first is known, or it is too late.
    pub async fn claim_copy(&self, now: Instant, halted: &Halted) -> sqlx::Result<Option<(Claimed, MailCopy)>> {
        if !sqlx::query_scalar::<_, bool>("select exists (select 1 from keepwell.copies)")
            .fetch_one(self.pool())
            .await?
        {
            return Ok(None);
        }
        sqlx::query(
            "delete from keepwell.copies c using keepwell.messages m
             where m.account_id = c.account_id and m.id = c.message
               and (m.state not in ('planned', 'deferred', 'sending', 'unknown')
                    or m.state = 'unknown' and m.valid_until < $1)",
        )
        .bind(now)
        .execute(self.pool())
        .await?;
        let (lease_now, token) = (self.lease_clock().await?, random::token());
        let claim = format!(
            "update keepwell.copies c set token = $2, lease_until = $3
             from (select c.account_id, c.message from keepwell.copies c
                   join keepwell.messages m on m.account_id = c.account_id and m.id = c.message
                   where c.marked_at is null and (c.lease_until is null or c.lease_until < $8)
                     and m.state = 'unknown' and m.outcome = 'unknown' and m.again_at is null and m.valid_until >= $1
                     and coalesce(c.next_at, m.ended_at + $4) <= $1
                     and m.playbook <> all($5) and m.account_id <> all($6) and m.channel <> all($7)
                     and m.class || ':' || m.account_id <> all($9) and not {}
                   order by m.ended_at limit 1 for update of c skip locked) due
             where c.account_id = due.account_id and c.message = due.message
             returning c.bytes, c.envelope_from, c.to_address",
            parked("m", "$1")
        );
        let copy: Option<MailCopy> = sqlx::query_as(AssertSqlSafe(claim))
            .bind(now)
            .bind(token)
            .bind(lease_now + LEASE)
            .bind(SENT_AGAIN_AFTER)
            .bind(&halted.playbooks)
            .bind(&halted.accounts)
            .bind(halted.channel_names())
            .bind(lease_now)
            .bind(&halted.account_mail)
            .fetch_optional(self.pool())
            .await?;
        let Some(copy) = copy else { return Ok(None) };
        let message: Option<Claimed> = sqlx::query_as(
            "select m.account_id, m.contact_id, m.id, m.enrollment_id, m.playbook, m.revision, m.step, m.channel, m.class,
                 m.audience, m.to_address, m.variant, coalesce(m.subject, '') as subject, m.words, m.attempts + 1 as attempts,
                 m.valid_until, c.token, m.message_id, m.shadow, m.leaves_at, m.held_until, m.reason, m.report, m.report_at
             from keepwell.messages m join keepwell.copies c on c.account_id = m.account_id and c.message = m.id
             where c.token = $1",
        )
        .bind(token)
        .fetch_optional(self.pool())
        .await?;
        Ok(message.map(|message| (message, copy)))
    }

    /// The marker of a second body: as [`Store::mark`] gives the first, and only
    /// as long as nobody knows what became of that.
    pub async fn mark_copy(&self, message: &Claimed, to: &str, now: Instant) -> sqlx::Result<Marked> {
        let hash = self.address_hash(to).await?;
        let last = self.last_mark();
        let mut tx = self.pool().begin().await?;
        let scopes = super::marks::scopes(message);
        let look = format!(
            "select (extract(epoch from epoch) * 1000000)::bigint, nextval('keepwell.marks'),
                    exists (select 1 from keepwell.stops where scope = 'all' or scope = any($1)) or {}
             from keepwell.installation
             cross join (select $2::text as account_id, $3::uuid as enrollment_id, $4::text as channel) m",
            withheld("m", "$5")
        );
        let (epoch, number, stopped): (i64, i64, bool) = sqlx::query_as(AssertSqlSafe(look))
            .bind(&scopes[..])
            .bind(&message.account_id)
            .bind(message.enrollment_id)
            .bind(message.channel.name())
            .bind(now)
            .fetch_one(&mut *tx)
            .await?;
        if (LastMarker { epoch, number }) <= last {
            insert(&mut tx, &StopTarget::All, ITSELF, Some(SET_BACK), now).await?;
            tx.commit().await?;
            return Ok(Marked::No(Refusal::Stopped));
        }
        if stopped {
            tx.rollback().await?;
            return Ok(Marked::No(Refusal::Stopped));
        }
        let suppressed: Option<serde_json::Value> =
            sqlx::query_scalar("select suppressed from keepwell.recipients where address_hash = $1 for share")
                .bind(&hash)
                .fetch_optional(&mut *tx)
                .await?;
        if suppressed.is_some_and(|classes| covers(&classes, message.class.name())) {
            tx.rollback().await?;
            return Ok(Marked::No(Refusal::Suppressed));
        }
        if !begin(&mut tx, message, now).await? {
            tx.rollback().await?;
            return Ok(Marked::No(Refusal::NotOurs));
        }
        tx.commit().await?;
        self.remember(LastMarker { epoch, number });
        Ok(Marked::Go)
    }

    /// A second body does not leave now, and may at `next_at`.
    pub async fn put_back_copy(&self, message: &Claimed, next_at: Instant) -> sqlx::Result<()> {
        sqlx::query(
            "update keepwell.copies set lease_until = null, token = null, next_at = $4
             where account_id = $1 and message = $2 and token = $3 and marked_at is null",
        )
        .bind(&message.account_id)
        .bind(message.id)
        .bind(message.token)
        .bind(next_at)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// No second body leaves at all.
    pub async fn drop_copy(&self, message: &Claimed) -> sqlx::Result<()> {
        forget(&mut *self.pool().acquire().await?, message).await
    }

    /// What came of a second body. One that was not accepted leaves the mail
    /// `unknown`: of the first nobody knows more.
    pub async fn settle_copy(
        &self,
        message: &Claimed,
        accepted: bool,
        reply: &str,
        started: Instant,
        ended: Instant,
    ) -> sqlx::Result<()> {
        let mut tx = self.pool().begin().await?;
        sqlx::query(
            "insert into keepwell.attempts (account_id, message, n, started_at, ended_at, outcome, reply)
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (account_id, message, n) do nothing",
        )
        .bind(&message.account_id)
        .bind(message.id)
        .bind(message.attempts)
        .bind(started)
        .bind(ended)
        .bind(if accepted { Fact::Accepted.name() } else { Fact::Unknown.name() })
        .bind(reply)
        .execute(&mut *tx)
        .await?;
        let unknown = Fact::Unknown.name();
        let (set, from) = match accepted {
            true => {
                let (state, outcome) = (format!("'{}'", State::Accepted), format!("'{}'", Fact::Accepted.name()));
                // Also where a person has settled it: the server's own words count.
                (format!("{}, ended_at = $5", learn(&state, "$4", "$5", &outcome)), String::new())
            }
            false => ("reason = $4".to_owned(), format!(" and state = '{}'", State::Unknown)),
        };
        let sql = format!(
            "update keepwell.messages m set attempts = greatest(m.attempts, $3), {set}
             where account_id = $1 and id = $2 and outcome = '{unknown}'{from}"
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(&message.account_id)
            .bind(message.id)
            .bind(message.attempts)
            .bind((!accepted).then(|| format!("sent again, and still not known: {reply}")));
        let query = if accepted { query.bind(ended) } else { query };
        query.execute(&mut *tx).await?;
        forget(&mut tx, message).await?;
        tx.commit().await
    }
}

/// Nothing leaves that has no row.
async fn forget(connection: &mut PgConnection, message: &Claimed) -> sqlx::Result<()> {
    sqlx::query("delete from keepwell.copies where account_id = $1 and message = $2 and token = $3")
        .bind(&message.account_id)
        .bind(message.id)
        .bind(message.token)
        .execute(connection)
        .await?;
    Ok(())
}

/// Marks it, if it is still ours and still nobody knows.
async fn begin(tx: &mut PgConnection, message: &Claimed, now: Instant) -> sqlx::Result<bool> {
    // Changed rather than locked: whoever waits for the row to write down what a
    // server said of the first body looks at this again.
    let lease_now: Option<Instant> = sqlx::query_scalar(
        "update keepwell.messages set again_at = clock_timestamp()
         where account_id = $1 and id = $2 and state = 'unknown' and outcome = 'unknown' and valid_until >= $3
           and again_at is null
         returning again_at",
    )
    .bind(&message.account_id)
    .bind(message.id)
    .bind(now)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(lease_now) = lease_now else { return Ok(false) };
    let marked = sqlx::query(
        "update keepwell.copies set marked_at = $4
         where account_id = $1 and message = $2 and token = $3 and marked_at is null and lease_until >= $5",
    )
    .bind(&message.account_id)
    .bind(message.id)
    .bind(message.token)
    .bind(lease_now)
    .bind(lease_now + LEASE_LEFT)
    .execute(tx)
    .await?;
    Ok(marked.rows_affected() > 0)
}
