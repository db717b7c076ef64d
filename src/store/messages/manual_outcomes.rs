//! A person's word on mail of which nobody knew whether it arrived.

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::transitions::{among, learn};
use crate::clock::Instant;
use crate::ids::Actor;
use crate::message::outcome::Fact;
use crate::message::state::State;
use crate::store::Store;
use crate::store::upkeep::audit;

/// What a person says of a message whose outcome nobody knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManualOutcome {
    /// The server has taken it.
    Accepted,
    /// It has not.
    Failed,
}

impl ManualOutcome {
    pub const ALL: [ManualOutcome; 2] = [ManualOutcome::Accepted, ManualOutcome::Failed];

    /// The state that the message gets.
    pub fn state(self) -> State {
        match self {
            ManualOutcome::Accepted => State::Accepted,
            ManualOutcome::Failed => State::Failed,
        }
    }
}

/// What became of a person's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettleAnswer {
    Taken,
    /// The outcome is known already.
    Known,
    /// There is no such message.
    NoMessage,
}

impl Store {
    /// Takes a person's word on a message whose outcome nobody knows. Nothing
    /// is sent again by it: what was not accepted has failed. It can be
    /// corrected, and gives way to what the server is found to have said.
    pub async fn settle_unknown(
        &self,
        id: Uuid,
        outcome: ManualOutcome,
        by: Actor<'_>,
        now: Instant,
    ) -> sqlx::Result<SettleAnswer> {
        let state = outcome.state();
        let reason = match outcome {
            ManualOutcome::Accepted => format!("accepted, says {}", by.0),
            ManualOutcome::Failed => format!("not accepted, says {}", by.0),
        };
        let mut tx = self.pool().begin().await?;
        let sent_at = match outcome {
            ManualOutcome::Accepted => "coalesce(m.ended_at, $4)",
            ManualOutcome::Failed => "null",
        };
        // The outcome itself stays unknown, which keeps the machine from sending it again.
        let sql = format!(
            "update keepwell.messages m set {} where id = $1 and outcome = '{}' and state in {}
             returning account_id",
            learn("$2", "$3", sent_at, "m.outcome"),
            Fact::Unknown.name(),
            among(&[State::Unknown, State::Accepted, State::Failed])
        );
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(id).bind(state.name()).bind(reason);
        let query = if outcome == ManualOutcome::Accepted { query.bind(now) } else { query };
        let account: Option<String> = query.fetch_optional(&mut *tx).await?;
        if let Some(account) = account {
            let about = serde_json::json!({ "account": account, "message": id, "as": state.name() });
            audit::record(&mut tx, "settle", by, &about, now).await?;
            tx.commit().await?;
            if outcome == ManualOutcome::Failed {
                self.give_back(&account, now).await?;
            }
            return Ok(SettleAnswer::Taken);
        }
        tx.rollback().await?;
        let known: bool = sqlx::query_scalar("select exists (select 1 from keepwell.messages where id = $1)")
            .bind(id)
            .fetch_one(self.pool())
            .await?;
        Ok(if known { SettleAnswer::Known } else { SettleAnswer::NoMessage })
    }
}
