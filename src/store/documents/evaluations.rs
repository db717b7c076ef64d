//! One evaluation of a document at a slot, from its opening to its end. The
//! primary key decides who does it, the lease who may finish it.

use std::collections::BTreeSet;

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::clock::Instant;
use crate::facts::SubjectId;
use crate::random;
use crate::store::lease::{Lost, unless_lost};
use crate::store::messages::insert::OwnerNotice;
use crate::store::runs::RunKind;
use crate::store::{LEASE, Store};

/// An evaluation that this process may work on.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct Evaluation {
    pub document: String,
    pub slot: Instant,
    pub revision: String,
    pub token: Option<Uuid>,
}

/// What became of the wish to open an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub enum OpenedEvaluation {
    Ours(Evaluation),
    /// Somebody works on it.
    Theirs,
    /// It was done before, or was skipped, or has failed.
    Ended,
}

/// What an evaluation counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluationTally {
    /// Subjects that were looked at.
    pub subjects: i64,
    /// Results that were made.
    pub written: i64,
    /// Subjects that could not be decided.
    pub undecided: i64,
    /// Of some of these why, and what else should be known; at most [`EvaluationTally::DETAILS`].
    pub details: Vec<serde_json::Value>,
}

impl EvaluationTally {
    pub const DETAILS: usize = 200;

    /// Keeps what should be known of a subject.
    pub fn detail(&mut self, subject: &SubjectId, reason: &str, message: &str) {
        if self.details.len() < EvaluationTally::DETAILS {
            let mut detail = serde_json::json!({ "account": subject.account, "reason": reason, "message": message });
            if !subject.contact.is_empty() {
                detail["contact"] = subject.contact.as_str().into();
            }
            self.details.push(detail);
        }
    }
}

impl Store {
    /// Opens the evaluation of a document at a slot.
    pub async fn open_evaluation(
        &self,
        document: &str,
        revision: &str,
        slot: Instant,
        kind: RunKind,
        now: Instant,
    ) -> sqlx::Result<OpenedEvaluation> {
        let lease = self.lease_clock().await? + LEASE;
        let opened: Option<Evaluation> = sqlx::query_as(
            "insert into keepwell.evaluations (document, slot, kind, revision, state, started_at, token, lease_until)
             values ($1, $2, $3, $4, 'running', $5, $6, $7)
             on conflict (document, slot) do nothing returning document, slot, revision, token",
        )
        .bind(document)
        .bind(slot)
        .bind(kind.name())
        .bind(revision)
        .bind(now)
        .bind(random::token())
        .bind(lease)
        .fetch_optional(self.pool())
        .await?;
        if let Some(evaluation) = opened {
            return Ok(OpenedEvaluation::Ours(evaluation));
        }
        let state: Option<String> =
            sqlx::query_scalar("select state from keepwell.evaluations where document = $1 and slot = $2")
                .bind(document)
                .bind(slot)
                .fetch_optional(self.pool())
                .await?;
        Ok(if state.as_deref() == Some("running") { OpenedEvaluation::Theirs } else { OpenedEvaluation::Ended })
    }

    /// The documents that have an evaluation at a slot, whoever has it.
    pub async fn evaluated_at(&self, slot: Instant) -> sqlx::Result<BTreeSet<String>> {
        let ids: Vec<String> = sqlx::query_scalar("select document from keepwell.evaluations where slot = $1")
            .bind(slot)
            .fetch_all(self.pool())
            .await?;
        Ok(ids.into_iter().collect())
    }

    /// The evaluations that somebody works on, of slots until an instant, itself included.
    pub async fn open_evaluations(&self, until: Instant) -> sqlx::Result<Vec<Evaluation>> {
        sqlx::query_as(
            "select document, slot, revision, token from keepwell.evaluations
             where state = 'running' and slot <= $1 order by slot, document",
        )
        .bind(until)
        .fetch_all(self.pool())
        .await
    }

    /// Takes over evaluations whose holder went away.
    pub async fn take_over_evaluations(&self) -> sqlx::Result<Vec<Evaluation>> {
        let now = self.lease_clock().await?;
        // Who comes second finds the lease renewed.
        sqlx::query_as(
            "update keepwell.evaluations set token = $1, lease_until = $2
             where state = 'running' and lease_until < $3 returning document, slot, revision, token",
        )
        .bind(random::token())
        .bind(now + LEASE)
        .bind(now)
        .fetch_all(self.pool())
        .await
    }

    /// Keeps an evaluation ours.
    pub async fn renew_evaluation(&self, evaluation: &Evaluation) -> sqlx::Result<Result<(), Lost>> {
        let lease = self.lease_clock().await? + LEASE;
        let renewed = sqlx::query(
            "update keepwell.evaluations set lease_until = $4 where document = $1 and slot = $2 and token = $3",
        )
        .bind(&evaluation.document)
        .bind(evaluation.slot)
        .bind(evaluation.token)
        .bind(lease)
        .execute(self.pool())
        .await?;
        Ok(unless_lost(renewed.rows_affected()))
    }

    /// Ends an evaluation that is done.
    pub async fn finish_evaluation(
        &self,
        evaluation: &Evaluation,
        tally: &EvaluationTally,
        now: Instant,
    ) -> sqlx::Result<Result<(), Lost>> {
        let ended = end(&mut *self.pool().acquire().await?, evaluation, "done", None, tally, now).await?;
        Ok(unless_lost(ended))
    }

    /// Ends an evaluation as failed, and writes the notice unless the one before it has
    /// failed, too: then it was written by that one, or by one before.
    pub async fn fail_evaluation(
        &self,
        evaluation: &Evaluation,
        reason: &str,
        notice: Option<&OwnerNotice<'_>>,
        now: Instant,
    ) -> sqlx::Result<Result<(), Lost>> {
        let naming = self.naming().await?;
        let mut tx = self.pool().begin().await?;
        let nothing = EvaluationTally::default();
        let ended = end(&mut tx, evaluation, "failed", Some(reason), &nothing, now).await?;
        let before: Option<String> = sqlx::query_scalar(
            "select state from keepwell.evaluations where document = $1 and slot < $2 and state in ('done', 'failed')
             order by slot desc limit 1",
        )
        .bind(&evaluation.document)
        .bind(evaluation.slot)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(notice) = notice.filter(|_| ended > 0 && before.as_deref() != Some("failed")) {
            notice.insert(&mut tx, naming, now).await?;
        }
        tx.commit().await?;
        Ok(unless_lost(ended))
    }

    /// Records a slot at which a document is not evaluated, with the reason.
    pub async fn skip_evaluation(
        &self,
        document: &str,
        revision: &str,
        slot: Instant,
        kind: RunKind,
        reason: &str,
        now: Instant,
    ) -> sqlx::Result<u64> {
        let skipped = sqlx::query(
            "insert into keepwell.evaluations (document, slot, kind, revision, state, reason, started_at, ended_at)
             values ($1, $2, $3, $4, 'skipped', $5, $6, $6) on conflict (document, slot) do nothing",
        )
        .bind(document)
        .bind(slot)
        .bind(kind.name())
        .bind(revision)
        .bind(reason)
        .bind(now)
        .execute(self.pool())
        .await?;
        Ok(skipped.rows_affected())
    }

    /// How long work goes on before its lease is renewed.
    pub(crate) fn lease_third() -> std::time::Duration {
        (LEASE / 3).to_std().unwrap_or_default()
    }
}

/// Ends an evaluation that is still its holder's; how many rows that changed.
async fn end(
    connection: &mut PgConnection,
    evaluation: &Evaluation,
    state: &str,
    reason: Option<&str>,
    tally: &EvaluationTally,
    now: Instant,
) -> sqlx::Result<u64> {
    let ended = sqlx::query(
        "update keepwell.evaluations set state = $4, reason = $5, subjects = $6, written = $7, undecided = $8,
             details = $9, ended_at = $10, token = null, lease_until = null
         where document = $1 and slot = $2 and token = $3",
    )
    .bind(&evaluation.document)
    .bind(evaluation.slot)
    .bind(evaluation.token)
    .bind(state)
    .bind(reason)
    .bind(tally.subjects)
    .bind(tally.written)
    .bind(tally.undecided)
    .bind(serde_json::json!(tally.details))
    .bind(now)
    .execute(connection)
    .await?;
    Ok(ended.rows_affected())
}
