//! The attention that each account got: touches, completed tasks and customer mails.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, FromRow};

use crate::clock::Instant;
use crate::message::state::State;
use crate::store::{Relation, Store};

/// What an account got in a period. Nothing of shadow mode counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Attention {
    /// Events that the configuration names as touches, such as meetings.
    pub touches: i64,
    /// Tasks that a colleague has completed.
    pub tasks: i64,
    /// Customer mails that were delivered.
    pub mails: i64,
}

#[derive(FromRow)]
struct AccountAttention {
    account: String,
    #[sqlx(flatten)]
    attention: Attention,
}

impl Store {
    /// The attention that accounts got from an instant on, until before another;
    /// accounts that got none are left out.
    pub async fn attention_by_account(
        &self,
        from: Instant,
        until: Instant,
    ) -> sqlx::Result<HashMap<String, Attention>> {
        let sql = format!(
            "select g.account, sum(g.touches)::int8 as touches, sum(g.tasks)::int8 as tasks, sum(g.mails)::int8 as mails
             from (
                 select {} as account, count(*) as touches, 0 as tasks, 0 as mails
                 from {} e where e.name = any($3) and e.at >= $1 and e.at < $2 group by e.account_id
                 union all
                 select t.account_id collate \"default\", 0, count(*), 0
                 from keepwell.tasks t where t.state = 'done' and t.ended_at >= $1 and t.ended_at < $2 group by t.account_id
                 union all
                 select m.account_id collate \"default\", 0, 0, count(*)
                 from keepwell.messages m
                 where m.channel = 'email' and not m.shadow and m.state in ('{}', '{}')
                     and m.sent_at >= $1 and m.sent_at < $2
                 group by m.account_id) g
             where g.account is not null and g.account <> '' group by g.account",
            self.key().to_text("e.account_id"),
            self.relation(Relation::Events),
            State::Accepted,
            State::Captured
        );
        let rows: Vec<AccountAttention> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(from)
            .bind(until)
            .bind(&self.relations().touch_events)
            .fetch_all(&mut *self.read().await?)
            .await?;
        Ok(rows.into_iter().map(|row| (row.account, row.attention)).collect())
    }
}
