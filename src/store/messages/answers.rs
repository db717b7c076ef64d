//! What people answered to surveys.

use std::collections::{BTreeMap, HashMap};

use sqlx::FromRow;
use uuid::Uuid;

use super::answer_posts;
use super::outcomes::wake;
use crate::clock::Instant;
use crate::enrollment::Enrollment;
use crate::facts::Value;
use crate::playbook::scale::Scale;
use crate::signature::{Signed, is_keyed, keyed};
use crate::store::Store;

/// What a link says of a survey whose answers are texts.
const TEXT: &str = "text";

/// A survey mail, as its link finds it.
#[derive(Clone, Debug, FromRow)]
pub struct SurveyMail {
    pub account_id: String,
    pub contact_id: String,
    pub id: Uuid,
    pub enrollment_id: Uuid,
    pub playbook: String,
    pub step: String,
    /// The question as it was asked.
    pub question: String,
    pub valid_until: Instant,
    /// The survey's id; `None` or empty of a step's own question.
    pub survey: Option<String>,
    /// The latest answer.
    pub value: Option<i32>,
    pub comment: Option<String>,
}

impl Store {
    /// The unguessable part of a survey's links: reusable while it is open. It
    /// says what is asked for, and tells nothing else.
    pub async fn survey_token(&self, message: Uuid, scale: Option<Scale>) -> sqlx::Result<String> {
        let said = format!("{}.{}", message.simple(), scale.map_or(TEXT.to_owned(), Scale::code));
        let signature = keyed(self.secret().await?, "survey", &said);
        Ok(format!("{said}.{signature}"))
    }

    /// The survey mail that a link belongs to and what it asks for; `None`
    /// when the token is not ours or the mail is gone.
    pub async fn survey_mail(&self, token: &str) -> sqlx::Result<Option<(SurveyMail, Option<Scale>)>> {
        let Some((said, signature)) = token.rsplit_once('.') else { return Ok(None) };
        if !is_keyed(self.secret().await?, "survey", Signed { text: said, signature }) {
            return Ok(None);
        }
        let Some((id, code)) = said.split_once('.') else { return Ok(None) };
        let Ok(id) = id.parse::<Uuid>() else { return Ok(None) };
        let asked: Option<SurveyMail> = sqlx::query_as(
            "select m.account_id, m.contact_id, m.id, m.enrollment_id, m.playbook, m.step,
                 coalesce(m.question, m.subject, '') as question, m.valid_until, m.survey, a.value, a.comment
             from keepwell.messages m
             left join keepwell.answers a on a.account_id = m.account_id and a.message = m.id
             where m.id = $1 and m.enrollment_id is not null",
        )
        .bind(id)
        .fetch_optional(self.pool())
        .await?;
        Ok(asked.map(|asked| (asked, Scale::of_code(code))))
    }

    /// Keeps an answer, which replaces an earlier one to the same mail, and
    /// lets the enrollment that waits for it look again. The same answer once more
    /// stays the answer of its instant. What is new is posted as well to the URL in the
    /// environment variable `webhook`, where one is given. Whether it is kept: where the mail
    /// has been erased since it was read, nothing is.
    pub async fn answer(
        &self,
        asked: &SurveyMail,
        scale: Option<Scale>,
        value: Option<i32>,
        comment: Option<&str>,
        webhook: Option<&str>,
        now: Instant,
    ) -> sqlx::Result<bool> {
        let survey = asked.survey.as_deref().unwrap_or_default();
        let naming = self.naming().await?;
        let mut tx = self.pool().begin().await?;
        // An erasure begins with the enrollments: either it comes after this answer, and finds
        // it, or it came before, and the mail or its contact is gone.
        sqlx::query("select from keepwell.enrollments where account_id = $1 and id = $2 for update")
            .bind(&asked.account_id)
            .bind(asked.enrollment_id)
            .execute(&mut *tx)
            .await?;
        let is_new: Option<bool> = sqlx::query_scalar(
            "insert into keepwell.answers as a
                 (account_id, contact_id, message, enrollment_id, playbook, step, score, value, comment, answered_at,
                  survey)
             select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, '')
             from keepwell.messages m where m.account_id = $1 and m.id = $3 and m.contact_id = $2
             on conflict (account_id, message) do update
             set value = excluded.value, comment = excluded.comment,
                 answered_at = case when (a.value, a.comment) is distinct from (excluded.value, excluded.comment)
                     then excluded.answered_at else a.answered_at end
             returning answered_at = $10",
        )
        .bind(&asked.account_id)
        .bind(&asked.contact_id)
        .bind(asked.id)
        .bind(asked.enrollment_id)
        .bind(&asked.playbook)
        .bind(&asked.step)
        .bind(scale.map(|scale| scale.score_name(survey)))
        .bind(value)
        .bind(comment)
        .bind(now)
        .bind(survey)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(is_new) = is_new else { return Ok(false) };
        if let Some(variable) = webhook.filter(|_| is_new) {
            answer_posts::plan(&mut tx, variable, (&asked.account_id, asked.id), naming, now).await?;
        }
        wake(&mut tx, &asked.account_id, asked.enrollment_id, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The answer to each survey step of each enrollment; of several, the latest.
    pub(crate) async fn answers(
        &self,
        enrollments: &[Enrollment],
    ) -> sqlx::Result<HashMap<Uuid, BTreeMap<String, Value>>> {
        let accounts: Vec<&str> = enrollments.iter().map(|enrollment| enrollment.account.as_str()).collect();
        let ids: Vec<Uuid> = enrollments.iter().map(|enrollment| enrollment.id).collect();
        let rows: Vec<(Uuid, String, Option<i32>, Option<String>)> = sqlx::query_as(
            "select enrollment_id, step, value, comment from keepwell.answers
             where account_id = any($1) and enrollment_id = any($2) order by answered_at, message",
        )
        .bind(&accounts)
        .bind(&ids)
        .fetch_all(self.pool())
        .await?;
        let mut found: HashMap<Uuid, BTreeMap<String, Value>> = HashMap::new();
        for (id, step, value, comment) in rows {
            let value = match (value, comment) {
                (Some(value), _) => Value::Int(i64::from(value)),
                (None, comment) => Value::text(&comment.unwrap_or_default()),
            };
            found.entry(id).or_default().insert(step, value);
        }
        Ok(found)
    }
}
