//! An answer to a survey, as it is listed and posted.

use serde_json::{Value as Json, json};
use sqlx::FromRow;
use uuid::Uuid;

use crate::clock::Instant;
use crate::playbook::document::SURVEY_WORD;

/// The latest answer to one survey mail.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct AnswerRow {
    /// The mail that asked.
    pub id: Uuid,
    /// `None` of a step's own question.
    pub survey: Option<String>,
    pub account: String,
    /// Empty for an address that belongs to no contact.
    pub contact: String,
    /// The name of the score; `None` where it is a text.
    pub score: Option<String>,
    pub value: Option<i32>,
    pub text: Option<String>,
    pub at: Instant,
    /// In the order in which they were given.
    pub tags: Vec<String>,
}

impl AnswerRow {
    /// As commands list it and as it is posted.
    pub fn to_json(&self) -> Json {
        json!({
            SURVEY_WORD: self.survey,
            "account": self.account,
            "contact": Some(self.contact.as_str()).filter(|contact| !contact.is_empty()),
            "score": self.score,
            "value": self.value,
            "text": self.text,
            "at": self.at,
            "tags": self.tags,
            "id": self.id,
        })
    }
}
