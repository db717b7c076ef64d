//! What is open of an account: what a pause keeps back, and what the end of a
//! journey closes.

use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::clock::Instant;
use crate::message::channel::Channel;
use crate::message::state::State;
use crate::store::Store;
use crate::store::messages::transitions::WAITING;

/// Mail of one class to an account that waits to leave.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct WaitingMail {
    pub class: String,
    /// How many can still leave.
    pub waiting: i64,
    /// How many are too late to leave.
    pub late: i64,
}

/// What a person ends with an enrollment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct OpenWork {
    /// Open tasks that close with it.
    pub tasks: i64,
    /// Mails that have not left.
    pub mails: i64,
}

impl Store {
    /// Mail to an account that waits to leave, by class.
    pub async fn waiting_mail_of(&self, account: &str, now: Instant) -> sqlx::Result<Vec<WaitingMail>> {
        let sql = format!(
            "select class, count(*) filter (where valid_until >= $2) as waiting,
                 count(*) filter (where valid_until < $2) as late
             from keepwell.messages
             where account_id = $1 and channel = '{}' and state in {} and not shadow group by class order by class",
            Channel::OF_CUSTOMERS,
            *WAITING
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(account).bind(now).fetch_all(&mut *self.read().await?).await
    }

    /// What closes with an enrollment. Mail that is being sent and has no marker yet gets none.
    pub async fn open_work_of(&self, account: &str, enrollment: Uuid) -> sqlx::Result<OpenWork> {
        let sql = format!(
            "select (select count(*) from keepwell.tasks
                     where account_id = $1 and enrollment_id = $2 and state = 'open' and not keep) as tasks,
                    (select count(*) from keepwell.messages
                     where account_id = $1 and enrollment_id = $2 and channel = '{}' and not shadow
                       and (state in {} or state = '{}' and marked_at is null)) as mails",
            Channel::OF_CUSTOMERS,
            *WAITING,
            State::Sending
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(account).bind(enrollment).fetch_one(&mut *self.read().await?).await
    }
}
