//! What people answered, as a list that people read and tag.

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::answer_posts;
use super::answer_row::AnswerRow;
use crate::clock::Instant;
use crate::ids::Actor;
use crate::store::Store;
use crate::store::upkeep::audit::record;

/// Which answers.
#[derive(Clone, Debug, Default)]
pub struct AnswerFilter {
    pub account: Option<String>,
    pub survey: Option<String>,
    pub tag: Option<String>,
    /// At most so many, the latest of them.
    pub limit: Option<i64>,
}

/// The longest tag, in characters.
pub const LONGEST_TAG: usize = 60;

/// A tag as it is kept: a word or a few, without a comma; `None` where it is none.
pub fn read_tag(text: &str) -> Option<&str> {
    let tag = text.trim();
    let is_tag = !tag.is_empty() && tag.chars().count() <= LONGEST_TAG;
    (is_tag && !tag.contains(|c: char| c.is_control() || c == ',')).then_some(tag)
}

/// What becomes of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagDeed {
    Add,
    Remove,
}

impl Store {
    /// Answers, the latest first.
    pub async fn list_answers(&self, filter: &AnswerFilter) -> sqlx::Result<Vec<AnswerRow>> {
        sqlx::query_as(
            "select a.message as id, a.survey, a.account_id as account, a.contact_id as contact, a.score, a.value,
                 a.comment as text, a.answered_at as at, a.tags
             from keepwell.answers a
             where ($1::text is null or a.account_id = $1) and ($2::text is null or a.survey = $2)
               and ($3::text is null or $3 = any(a.tags))
             order by a.answered_at desc, a.message limit $4",
        )
        .bind(&filter.account)
        .bind(&filter.survey)
        .bind(&filter.tag)
        .bind(filter.limit)
        .fetch_all(self.pool())
        .await
    }

    /// Whether anybody has answered a survey of that id.
    pub async fn has_answers(&self, survey: &str) -> sqlx::Result<bool> {
        sqlx::query_scalar("select exists (select from keepwell.answers where survey = $1)")
            .bind(survey)
            .fetch_one(self.pool())
            .await
    }

    /// Puts a tag on an answer, or takes it off. The tags that it has then; `None` where
    /// there is no such answer. A change is posted as well to the URL in the environment
    /// variable `webhook`, where one is given.
    pub async fn tag_answer(
        &self,
        answer: Uuid,
        text: &str,
        deed: TagDeed,
        by: Actor<'_>,
        webhook: Option<&str>,
        now: Instant,
    ) -> sqlx::Result<Option<Vec<String>>> {
        let naming = self.naming().await?;
        let mut tx = self.pool().begin().await?;
        let changed = tag(&mut tx, answer, text, deed, deed == TagDeed::Remove).await?;
        let is_changed = changed.is_some();
        let found = match changed {
            Some(found) => Some(found),
            None => tag(&mut tx, answer, text, deed, deed == TagDeed::Add).await?,
        };
        if let Some((account, _)) = &found {
            if let Some(variable) = webhook.filter(|_| is_changed) {
                answer_posts::plan(&mut tx, variable, (account, answer), naming, now).await?;
            }
            let word = match deed {
                TagDeed::Add => "tag-answer",
                TagDeed::Remove => "untag-answer",
            };
            record(&mut tx, word, by, &json!({ "answer": answer, "tag": text }), now).await?;
        }
        tx.commit().await?;
        Ok(found.map(|(_, tags)| tags))
    }
}

/// Puts a tag on an answer, or takes it off, where `is_tagged` says whether it has the tag
/// now: its account and its tags then; `None` where that is not so, and where there is no such answer.
async fn tag(
    tx: &mut PgConnection,
    answer: Uuid,
    text: &str,
    deed: TagDeed,
    is_tagged: bool,
) -> sqlx::Result<Option<(String, Vec<String>)>> {
    sqlx::query_as(
        "update keepwell.answers
         set tags = case when $3 then array_append(array_remove(tags, $2), $2) else array_remove(tags, $2) end
         where message = $1 and ($2 = any(tags)) = $4 returning account_id, tags",
    )
    .bind(answer)
    .bind(text)
    .bind(deed == TagDeed::Add)
    .bind(is_tagged)
    .fetch_optional(tx)
    .await
}
