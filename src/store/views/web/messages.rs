//! Messages for their list and the page of one.

use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::clock::Instant;
use crate::store::{Relation, Store};

/// One message without its body.
#[derive(Clone, Debug, FromRow)]
pub struct MessageRow {
    pub id: Uuid,
    pub playbook: String,
    pub step: String,
    pub channel: String,
    pub to_address: Option<String>,
    /// `None` until it is rendered.
    pub subject: Option<String>,
    pub state: String,
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

impl Store {
    /// Messages, newest first, of a playbook and in a state if these are given.
    pub async fn messages_page(
        &self,
        playbook: Option<&str>,
        state: Option<&str>,
        limit: i64,
    ) -> sqlx::Result<Vec<MessageRow>> {
        sqlx::query_as(
            "select id, playbook, step, channel, to_address, subject, state, reason, created_at
             from keepwell.messages
             where ($1::text is null or playbook = $1) and ($2::text is null or state = $2)
             order by created_at desc, id limit $3",
        )
        .bind(playbook)
        .bind(state)
        .bind(limit)
        .fetch_all(self.pool())
        .await
    }

    /// How many messages are in each state, of one playbook if it is given.
    pub async fn message_states(&self, playbook: Option<&str>) -> sqlx::Result<Vec<(String, i64)>> {
        sqlx::query_as(
            "select state, count(*) from keepwell.messages where $1::text is null or playbook = $1
             group by state order by state",
        )
        .bind(playbook)
        .fetch_all(self.pool())
        .await
    }

    /// One message with its body.
    pub async fn message_whole(&self, id: Uuid) -> sqlx::Result<Option<MessageWhole>> {
        let accounts = self.relation(Relation::Accounts);
        let account = self.key().of_text("m.account_id");
        let sql = format!(
            "select m.id, m.account_id, a.name as account_name, m.playbook, m.step, m.channel, m.class, m.to_address,
                 m.subject, m.body_text, m.body_html, m.state, m.outcome, m.reason, m.message_id, m.created_at, m.next_at,
                 m.sent_at, m.ended_at, m.variant
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
