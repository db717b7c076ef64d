//! Messages for their list and the page of one.

use std::sync::LazyLock;

use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, FromRow, Postgres};
use uuid::Uuid;

use crate::clock::Instant;
use crate::message::state::State;
use crate::store::messages::transitions::WAITING;
use crate::store::{Relation, Store};

/// One message without its body.
#[derive(Clone, Debug, FromRow)]
pub struct MessageRow {
    pub id: Uuid,
    /// Empty for mail that belongs to no account.
    pub account_id: String,
    pub playbook: String,
    pub step: String,
    pub channel: String,
    pub to_address: Option<String>,
    /// Where it went in place of its reader.
    pub redirected_to: Option<String>,
    /// `None` until it is rendered.
    pub subject: Option<String>,
    pub state: String,
    /// `unknown` also when a person has said what became of it.
    pub outcome: Option<String>,
    pub reason: Option<String>,
    pub created_at: Instant,
}

/// One message whole.
#[derive(Clone, Debug, FromRow)]
pub struct MessageWhole {
    pub id: Uuid,
    /// Empty for mail that belongs to no account.
    pub account_id: String,
    pub account_name: Option<String>,
    pub playbook: String,
    pub step: String,
    pub channel: String,
    pub class: String,
    pub to_address: Option<String>,
    /// Where it went in place of its reader.
    pub redirected_to: Option<String>,
    /// Which of its step's texts it has; `None` where there is one for all.
    pub variant: Option<String>,
    pub subject: Option<String>,
    pub body_text: Option<String>,
    pub body_html: Option<String>,
    pub state: String,
    /// `unknown` also when a person has said what became of it.
    pub outcome: Option<String>,
    pub reason: Option<String>,
    pub message_id: String,
    pub created_at: Instant,
    /// When it is looked at next, if it has not ended.
    pub next_at: Instant,
    pub sent_at: Option<Instant>,
    pub ended_at: Option<Instant>,
}

/// One try at sending a message.
#[derive(Clone, Debug, FromRow)]
pub struct AttemptRow {
    pub started_at: Instant,
    pub outcome: String,
    /// What the server said.
    pub reply: Option<String>,
}

/// Which messages a list has.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    /// Only those about one of these accounts.
    pub accounts: Option<Vec<String>>,
    /// Only those to this address, in any case of letters.
    pub address: Option<String>,
    pub state: Option<State>,
    pub playbook: Option<String>,
    /// Only those that were written from the first instant on and before the second.
    pub day: Option<(Instant, Instant)>,
    /// Only those before the one with this instant and id.
    pub before: Option<(Instant, Uuid)>,
}

impl MessageFilter {
    /// The condition on rows, with the values of `bind`. What is not asked for is
    /// not in it, so that the index for the rest is found.
    fn condition(&self) -> String {
        let mut all = vec!["true"];
        if self.accounts.is_some() {
            all.push("account_id = any($1)");
        }
        if self.address.is_some() {
            all.push("to_address is not null and lower(trim(to_address)) = lower(trim($2))");
        }
        match self.state {
            Some(state) if state.is_final() => all.push("state = $3 and ended_at is not null"),
            // Those that wait have indexes without the others.
            Some(state) if State::WAITING.contains(&state) => all.push(&WAITS),
            Some(_) => all.push("state = $3"),
            None => {}
        }
        if self.playbook.is_some() {
            all.push("playbook = $4");
        }
        if self.day.is_some() {
            all.push("created_at >= $5 and created_at < $6");
        }
        if self.before.is_some() {
            all.push("(created_at, id) < ($7, $8)");
        }
        // Every value has a type, asked for or not.
        all.push("num_nulls($1::text[], $2::text, $3::text, $4::text, $5::timestamptz, $6::timestamptz, $7::timestamptz, $8::uuid) >= 0");
        all.join(" and ")
    }

    /// Binds `$1` to `$8`.
    fn bind<'q, O>(&'q self, query: QueryAs<'q, Postgres, O, PgArguments>) -> QueryAs<'q, Postgres, O, PgArguments> {
        query
            // A plan for what is asked for.
            .persistent(false)
            .bind(&self.accounts)
            .bind(&self.address)
            .bind(self.state.map(State::name))
            .bind(&self.playbook)
            .bind(self.day.map(|(begin, _)| begin))
            .bind(self.day.map(|(_, end)| end))
            .bind(self.before.map(|(at, _)| at))
            .bind(self.before.map(|(_, id)| id))
    }
}

static WAITS: LazyLock<String> = LazyLock::new(|| format!("state = $3 and state in {}", *WAITING));

impl Store {
    /// Messages, newest first.
    pub async fn messages_page(&self, filter: &MessageFilter, limit: i64) -> sqlx::Result<Vec<MessageRow>> {
        let sql = format!(
            "select id, account_id, playbook, step, channel, to_address, redirected_to, subject, state, outcome, reason,
                 created_at
             from keepwell.messages where {} order by created_at desc, id desc limit $9",
            filter.condition()
        );
        filter.bind(sqlx::query_as(AssertSqlSafe(sql))).bind(limit).fetch_all(self.pool()).await
    }

    /// How many of the latest messages are in each state, of at most `limit`.
    pub async fn message_states(&self, filter: &MessageFilter, limit: i64) -> sqlx::Result<Vec<(String, i64)>> {
        let sql = format!(
            "select state, count(*) from (
                 select state from keepwell.messages where {} order by created_at desc, id desc limit $9) latest
             group by state order by state",
            filter.condition()
        );
        filter.bind(sqlx::query_as(AssertSqlSafe(sql))).bind(limit).fetch_all(self.pool()).await
    }

    /// How many messages there are of which nobody knows whether they arrived.
    pub async fn unknown_messages(&self) -> sqlx::Result<i64> {
        sqlx::query_scalar("select count(*) from keepwell.messages where state = $1 and ended_at is not null")
            .bind(State::Unknown.name())
            .fetch_one(self.pool())
            .await
    }

    /// The bytes of a mail as they went over the wire, as long as they are kept.
    pub async fn message_bytes(&self, account: &str, message: Uuid) -> sqlx::Result<Option<Vec<u8>>> {
        sqlx::query_scalar("select bytes from keepwell.copies where account_id = $1 and message = $2")
            .bind(account)
            .bind(message)
            .fetch_optional(self.pool())
            .await
    }

    /// One message with its body.
    pub async fn message_whole(&self, id: Uuid) -> sqlx::Result<Option<MessageWhole>> {
        let accounts = self.relation(Relation::Accounts);
        let account = self.key().of_text("m.account_id");
        let sql = format!(
            "select m.id, m.account_id, a.name as account_name, m.playbook, m.step, m.channel, m.class, m.to_address,
                 m.subject, m.body_text, m.body_html, m.state, m.outcome, m.reason, m.message_id, m.created_at, m.next_at,
                 m.sent_at, m.ended_at, m.variant, m.redirected_to
             from keepwell.messages m left join {accounts} a on a.id = {account}
             where m.id = $1"
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(id).fetch_optional(&mut *self.read().await?).await
    }

    /// The tries at sending a message, in order.
    pub async fn attempts_of(&self, account: &str, message: Uuid) -> sqlx::Result<Vec<AttemptRow>> {
        sqlx::query_as(
            "select started_at, outcome, reply from keepwell.attempts where account_id = $1 and message = $2 order by n",
        )
        .bind(account)
        .bind(message)
        .fetch_all(self.pool())
        .await
    }
}
