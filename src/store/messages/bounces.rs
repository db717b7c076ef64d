//! What came back about mail, each report once, and what follows from it.

use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use super::suppressions::{Suppression, suppress_hash};
use super::transitions::{among, learn};
use crate::clock::Instant;
use crate::message::bounce::{BounceReason, Severity};
use crate::message::class::Class;
use crate::message::outcome::Fact;
use crate::message::state::State;
use crate::store::Store;

/// So many given up mails to an address in so many days end the trying.
const SOFT: (i64, i64) = (3, 30);

/// What a report means for the mail and its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A relay has it.
    Arrived,
    /// It did not arrive; the address may be good.
    Soft,
    /// It did not arrive, and the address is not the reason.
    Policy,
    /// There is no such address: nothing is sent there any more.
    Hard,
    /// Its reader does not want such mail: only transactional mail goes on.
    Complaint,
    /// Its reader wants no more of its class.
    Unwanted,
    /// Understood, and nothing follows from it.
    Noted,
    /// Kept for a person to look at.
    Unclear,
}

/// One report as it is kept.
#[derive(Clone, Debug)]
pub struct Returned<'a> {
    /// The file's name.
    pub name: &'a str,
    /// The word of the report: `hard`, `delayed`, …
    pub verdict: &'a str,
    pub meaning: Meaning,
    pub detail: &'a str,
    /// Whether the address may be suppressed: not where mail is redirected.
    pub may_suppress: bool,
}

/// A recipient whom a server refused to take mail for.
#[derive(Clone, Copy, Debug)]
pub struct RecipientRefusal<'a> {
    pub account: &'a str,
    pub message: Uuid,
    /// The address that was refused.
    pub to: &'a str,
    pub reason: BounceReason,
    pub reply: &'a str,
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was taken before.
    Already,
    /// The mail is just being sent: come again.
    NotYet,
    /// Kept; nothing followed from it.
    Kept,
    /// The address gets no more mail of that class.
    Unsubscribed { account: String },
    /// The mail is now in this state, and its address suppressed or not.
    Settled { account: String, state: State, suppressed: bool },
}

#[derive(FromRow)]
struct Known {
    account_id: String,
    #[sqlx(try_from = "String")]
    class: Class,
    to_address: Option<String>,
    #[sqlx(try_from = "String")]
    state: State,
}

impl Store {
    /// The address that a message went to; `None` when there is no such message,
    /// or its customer was erased.
    pub async fn recipient_of(&self, message: Uuid) -> sqlx::Result<Option<String>> {
        let to: Option<Option<String>> = sqlx::query_scalar("select to_address from keepwell.messages where id = $1")
            .bind(message)
            .fetch_optional(self.pool())
            .await?;
        Ok(to.flatten())
    }

    /// Takes a report about a message, in one transaction, once for its name.
    pub async fn take_report(&self, report: &Returned<'_>, message: Option<Uuid>, now: Instant) -> sqlx::Result<Taken> {
        let known: Option<Known> =
            sqlx::query_as("select account_id, class, to_address, state from keepwell.messages where id = $1")
                .bind(message)
                .fetch_optional(self.pool())
                .await?;
        if known.as_ref().is_some_and(|known| known.state == State::Sending) {
            return Ok(Taken::NotYet);
        }
        let hash = match known.as_ref().and_then(|known| known.to_address.as_deref()) {
            Some(to) => self.address_hash(to).await?,
            None => String::new(),
        };
        let account = known.as_ref().map_or("", |known| known.account_id.as_str());
        let mut tx = self.pool().begin().await?;
        let new = sqlx::query(
            "insert into keepwell.bounces (name, at, verdict, detail, account_id, message, address_hash)
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (name) do nothing",
        )
        .bind(report.name)
        .bind(now)
        .bind(report.verdict)
        .bind(report.detail)
        .bind(account)
        .bind(message)
        .bind(&hash)
        .execute(&mut *tx)
        .await?;
        if new.rows_affected() == 0 {
            tx.rollback().await?;
            return Ok(Taken::Already);
        }
        let state = match report.meaning {
            Meaning::Arrived => Some(State::Accepted),
            Meaning::Soft | Meaning::Policy | Meaning::Hard => Some(State::Bounced),
            Meaning::Complaint => Some(State::Complained),
            Meaning::Unwanted | Meaning::Noted | Meaning::Unclear => None,
        };
        if let (Meaning::Unwanted, Some(known)) = (report.meaning, &known)
            && known.class.may_be_refused()
            && report.may_suppress
            && !hash.is_empty()
        {
            let suppression = Suppression { class: known.class.name(), source: "unsubscribe" };
            suppress_hash(&mut tx, &hash, suppression, now).await?;
            tx.commit().await?;
            return Ok(Taken::Unsubscribed { account: known.account_id.clone() });
        }
        let (Some(known), Some(state), Some(message)) = (known, state, message) else {
            tx.commit().await?;
            return Ok(Taken::Kept);
        };
        // Only what left can come back. A bounce takes the place of an outcome
        // that nobody knew; a complaint that of a bounce.
        let from: &[State] = match state {
            State::Accepted => &[State::Unknown],
            State::Bounced => &[State::Unknown, State::Accepted],
            _ => &[State::Unknown, State::Accepted, State::Bounced],
        };
        let accepted = format!("'{}'", Fact::Accepted.name());
        let sql = format!(
            "update keepwell.messages m set {} where account_id = $1 and id = $2 and state in {}",
            learn("$3", "$4", "coalesce(m.sent_at, m.ended_at)", &accepted),
            among(from)
        );
        let changed = sqlx::query(AssertSqlSafe(sql))
            .bind(&known.account_id)
            .bind(message)
            .bind(state.name())
            .bind((state != State::Accepted).then(|| format!("{}: {}", report.verdict, report.detail)))
            .execute(&mut *tx)
            .await?
            .rows_affected();
        let mut suppressed = false;
        let left = matches!(known.state, State::Accepted | State::Unknown | State::Bounced | State::Complained);
        if left && report.may_suppress && known.class != Class::Internal && !hash.is_empty() {
            let (classes, source): (&[&str], _) = match report.meaning {
                Meaning::Hard => (&["all"], "bounce"),
                Meaning::Soft if self.is_hopeless(&mut tx, &hash, now).await? => (&["all"], "soft bounces"),
                Meaning::Complaint => (&[Class::Lifecycle.name(), Class::Marketing.name()], "complaint"),
                _ => (&[], ""),
            };
            for class in classes {
                suppress_hash(&mut tx, &hash, Suppression { class, source }, now).await?;
                suppressed = true;
            }
        }
        tx.commit().await?;
        // What bounced was not read; a complaint was.
        if changed > 0 && state == State::Bounced && known.class.may_be_refused() {
            self.give_back(&known.account_id, now).await?;
        }
        if changed == 0 && !suppressed {
            return Ok(Taken::Kept);
        }
        Ok(Taken::Settled { account: known.account_id, state, suppressed })
    }

    /// Takes a refusal, once for its message, as a report that says the same; true
    /// when the address gets nothing more. The message itself is settled elsewhere.
    pub async fn take_refusal(&self, refusal: &RecipientRefusal<'_>, now: Instant) -> sqlx::Result<bool> {
        if !refusal.reason.is_about_recipient() {
            return Ok(false);
        }
        let severity = refusal.reason.severity();
        let hash = self.address_hash(refusal.to).await?;
        let mut tx = self.pool().begin().await?;
        let new = sqlx::query(
            "insert into keepwell.bounces (name, at, verdict, detail, account_id, message, address_hash)
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (name) do nothing",
        )
        .bind(format!("refusal of {}", refusal.message))
        .bind(now)
        .bind(severity.name())
        .bind(format!("{}: {}", refusal.reason.name(), refusal.reply))
        .bind(refusal.account)
        .bind(refusal.message)
        .bind(&hash)
        .execute(&mut *tx)
        .await?;
        let source = match severity {
            _ if new.rows_affected() == 0 => None,
            Severity::Hard => Some("refusal"),
            _ if self.is_hopeless(&mut tx, &hash, now).await? => Some("soft bounces"),
            _ => None,
        };
        if let Some(source) = source {
            suppress_hash(&mut tx, &hash, Suppression { class: "all", source }, now).await?;
        }
        tx.commit().await?;
        Ok(source.is_some())
    }

    /// Whether enough different mails to an address were given up lately.
    async fn is_hopeless(&self, tx: &mut sqlx::PgConnection, hash: &str, now: Instant) -> sqlx::Result<bool> {
        let soft: i64 = sqlx::query_scalar(
            "select count(distinct message) from keepwell.bounces
             where address_hash = $1 and verdict = 'soft' and at > $2",
        )
        .bind(hash)
        .bind(now - chrono::Duration::days(SOFT.1))
        .fetch_one(tx)
        .await?;
        Ok(soft >= SOFT.0)
    }

    /// Mails to the bounce address since then that nobody could make sense of:
    /// their number and the latest name.
    pub async fn unclear_reports(&self, since: Instant) -> sqlx::Result<(i64, Option<String>)> {
        sqlx::query_as(
            "select count(*), (array_agg(name order by at desc))[1] from keepwell.bounces
             where verdict = 'unclear' and at >= $1",
        )
        .bind(since)
        .fetch_one(self.pool())
        .await
    }
}
