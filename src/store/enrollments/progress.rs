//! What enrollments have behind them: tasks done, mail sent, answers. Read by
//! the keys of their accounts, as in `enrollments`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::clock::Instant;
use crate::enrollment::{Enrollment, MessageEnd};
use crate::facts::Progress;
use crate::message::channel::Channel;
use crate::message::state::State;
use crate::store::Store;
use crate::store::messages::transitions::among;

impl Store {
    /// What each enrollment knows of itself, in the order given.
    pub async fn progress(&self, enrollments: &[Enrollment]) -> sqlx::Result<Vec<Progress>> {
        let accounts: Vec<&str> = enrollments.iter().map(|enrollment| enrollment.account.as_str()).collect();
        let ids: Vec<Uuid> = enrollments.iter().map(|enrollment| enrollment.id).collect();
        let tasks: Vec<(Uuid, String, Option<String>)> = sqlx::query_as(
            "select t.enrollment_id, t.step, t.outcome
             from unnest($1::text[], $2::uuid[]) as w (account_id, id)
             join keepwell.tasks t on t.account_id = w.account_id and t.enrollment_id = w.id and t.state = 'done'",
        )
        .persistent(false)
        .bind(&accounts)
        .bind(&ids)
        .fetch_all(self.pool())
        .await?;
        // Each by its own key: statistics from before a batch was sent say that
        // nothing was, and reading all that was for each would seem cheap.
        let sent = format!(
            "select w.id, m.step
             from unnest($1::text[], $2::uuid[]) as w (account_id, id)
             cross join lateral (
                 select step from keepwell.messages
                 where account_id = w.account_id and enrollment_id = w.id
                   and channel = '{}' and state in {}
                 offset 0) m",
            Channel::OF_CUSTOMERS,
            among(&[State::Accepted, State::Captured, State::Shadow, State::Bounced, State::Complained])
        );
        let sent: Vec<(Uuid, String)> = sqlx::query_as(AssertSqlSafe(sent))
            .persistent(false)
            .bind(&accounts)
            .bind(&ids)
            .fetch_all(self.pool())
            .await?;
        let mut done: HashMap<Uuid, (BTreeSet<String>, BTreeMap<String, String>)> = HashMap::new();
        for (id, step, outcome) in tasks {
            let slot = done.entry(id).or_default();
            if let Some(outcome) = outcome {
                slot.1.insert(step.clone(), outcome);
            }
            slot.0.insert(step);
        }
        let mut mailed: HashMap<Uuid, BTreeSet<String>> = HashMap::new();
        for (id, step) in sent {
            mailed.entry(id).or_default().insert(step);
        }
        let mut answers = self.answers(enrollments).await?;
        Ok(enrollments
            .iter()
            .map(|enrollment| {
                let (done, outcomes) = done.remove(&enrollment.id).unwrap_or_default();
                Progress {
                    entered_at: enrollment.started_at,
                    step_at: enrollment.step_at,
                    entry: enrollment.entry.clone(),
                    done,
                    outcomes,
                    sent: {
                        let sent = mailed.remove(&enrollment.id).unwrap_or_default();
                        sent.into_iter().chain(enrollment.mails_counted().cloned()).collect()
                    },
                    answers: answers.remove(&enrollment.id).unwrap_or_default(),
                }
            })
            .collect())
    }

    /// How far the customer mail of each enrollment's current step is.
    pub async fn message_ends(&self, enrollments: &[Enrollment]) -> sqlx::Result<HashMap<Uuid, Vec<MessageEnd>>> {
        let accounts: Vec<&str> = enrollments.iter().map(|enrollment| enrollment.account.as_str()).collect();
        let ids: Vec<Uuid> = enrollments.iter().map(|enrollment| enrollment.id).collect();
        let steps: HashMap<Uuid, &Option<String>> =
            enrollments.iter().map(|enrollment| (enrollment.id, &enrollment.step)).collect();
        let ends = format!(
            "select m.enrollment_id, m.step, m.ended_at
             from unnest($1::text[], $2::uuid[]) as w (account_id, id)
             join keepwell.messages m on m.account_id = w.account_id and m.enrollment_id = w.id
             where m.channel = '{}'",
            Channel::OF_CUSTOMERS
        );
        let rows: Vec<(Uuid, String, Option<Instant>)> = sqlx::query_as(AssertSqlSafe(ends))
            .persistent(false)
            .bind(&accounts)
            .bind(&ids)
            .fetch_all(self.pool())
            .await?;
        let mut ends: HashMap<Uuid, Vec<MessageEnd>> = HashMap::new();
        for (id, step, ended_at) in rows {
            if steps.get(&id).is_some_and(|current| current.as_deref() == Some(step.as_str())) {
                ends.entry(id).or_default().push(MessageEnd(ended_at));
            }
        }
        Ok(ends)
    }
}
