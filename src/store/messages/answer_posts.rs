//! Answers to surveys for another system: a webhook for each answer and each change of it,
//! written in the transaction that keeps the answer. What was kept is posted, whatever
//! becomes of the process, and what was not kept is not.

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::answer_row::AnswerRow;
use super::insert::AnswerPost;
use super::message_ids::Naming;
use crate::clock::Instant;
use crate::ids;

/// What stands where other messages have their step; no step can be called so.
pub const ANSWER_STEP: &str = "answers.webhook";

/// For how long a post is tried.
const VALID_FOR: chrono::Duration = chrono::Duration::days(30);

/// Plans the post of an answer as it is now, to the URL in an environment variable; once
/// for each instant at which it says something else.
pub(super) async fn plan(
    tx: &mut PgConnection,
    variable: &str,
    (account, answer): (&str, Uuid),
    naming: Naming<'_>,
    now: Instant,
) -> sqlx::Result<()> {
    let row: AnswerRow = sqlx::query_as(
        "select a.message as id, a.survey, a.account_id as account, a.contact_id as contact, a.score, a.value,
             a.comment as text, a.answered_at as at, a.tags
         from keepwell.answers a where a.account_id = $1 and a.message = $2",
    )
    .bind(account)
    .bind(answer)
    .fetch_one(&mut *tx)
    .await?;
    let body = json!({ "type": "answer", "timestamp": now, "data": row.to_json() }).to_string();
    let post = AnswerPost {
        id: ids::notice(&["answer", account, &body]),
        account,
        contact: &row.contact,
        answer,
        step: ANSWER_STEP,
        variable: &format!("env:{variable}"),
        subject: &format!("An answer to {}", row.survey.as_deref().unwrap_or("a question of a playbook")),
        body: &body,
        valid_until: now + VALID_FOR,
    };
    post.insert(tx, naming, now).await
}
