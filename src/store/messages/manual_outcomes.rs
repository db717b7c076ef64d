//! A person's word on mail of which nobody knew whether it arrived.

use uuid::Uuid;

use crate::clock::Instant;
use crate::store::Store;
use crate::store::upkeep::audit;

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
