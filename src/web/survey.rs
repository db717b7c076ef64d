//! For customers: the answer to a survey, from a link in a mail.
//!
//! Programs that look at links before people do send GET, so GET records
//! nothing: it shows the page with the chosen value, and POST keeps it.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::customer::{CustomerFrame, reader};
use super::damaged_link::{self, Purpose};
use super::page::{Trouble, Web, below};
use crate::customer_words::SurveyWords;
use crate::playbook::scale::Scale;
use crate::store::messages::answers::SurveyMail;

/// The longest comment, in characters.
const LONGEST: usize = 4_000;

/// What a link says: the value that was clicked.
#[derive(Deserialize)]
pub(super) struct AnswerLink {
    answer: Option<String>,
}

/// What a form sends.
#[derive(Deserialize)]
pub(super) struct AnswerForm {
    answer: Option<String>,
    comment: Option<String>,
}

#[derive(Serialize)]
struct SurveyPage<'a> {
    question: &'a str,
    /// `ask`, `thanks` or `over`.
    stage: &'static str,
    action: String,
    is_scored: bool,
    values: Vec<i32>,
    low: &'static str,
    high: &'static str,
    chosen: Option<i32>,
    comment: &'a str,
    /// What is wrong with what was sent.
    wrong: Option<&'static str>,
}

/// Shows the question; records nothing.
pub(super) async fn ask(
    State(web): Web,
    Path(token): Path<String>,
    Query(chosen): Query<AnswerLink>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    let Some((asked, scale)) = web.store.survey_mail(&token).await? else {
        return damaged_link::page(&web, &headers, Purpose::Answer);
    };
    let value = valid(scale, chosen.answer.as_deref()).or(asked.value);
    let stage = if asked.valid_until < web.clock.now() { "over" } else { "ask" };
    let comment = asked.comment.as_deref().unwrap_or_default();
    let frame = frame(&web, &asked, &headers).await;
    let page = SurveyPage::new(&frame, &token, &asked, scale);
    SurveyPage { stage, chosen: value, comment, ..page }.show(frame)
}

/// Keeps the answer.
pub(super) async fn take(
    State(web): Web,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(given): Form<AnswerForm>,
) -> Result<Response, Trouble> {
    let Some((asked, scale)) = web.store.survey_mail(&token).await? else {
        return damaged_link::page(&web, &headers, Purpose::Answer);
    };
    let now = web.clock.now();
    let comment =
        given.comment.as_deref().unwrap_or_default().replace('\0', "").replace("\r\n", "\n").trim().to_owned();
    let value = valid(scale, given.answer.as_deref());
    let wrong: Option<fn(&SurveyWords) -> &str> = if scale.is_some() && value.is_none() {
        Some(|words| &words.choose_one)
    } else if scale.is_none() && comment.is_empty() {
        Some(|words| &words.write_one)
    } else if comment.chars().count() > LONGEST {
        Some(|words| &words.too_long)
    } else {
        None
    };
    let stage = match wrong {
        _ if asked.valid_until < now => "over",
        Some(_) => "ask",
        None => {
            // Before anything else is found out: an answer waits for nobody.
            let comment = Some(comment.as_str()).filter(|comment| !comment.is_empty());
            let webhook = web.shared.config.answers_webhook.as_deref();
            if !web.store.answer(&asked, scale, value, comment, webhook, now).await? {
                return damaged_link::page(&web, &headers, Purpose::Answer);
            }
            "thanks"
        }
    };
    let frame = frame(&web, &asked, &headers).await;
    let page = SurveyPage::new(&frame, &token, &asked, scale);
    let wrong = wrong.filter(|_| stage == "ask").map(|wrong| wrong(&frame.words.survey));
    SurveyPage { stage, chosen: value, comment: &comment, wrong, ..page }.show(frame)
}

/// In the language of the contact who was asked.
async fn frame<'a>(web: &'a WebState, asked: &SurveyMail, headers: &HeaderMap) -> CustomerFrame<'a> {
    let readers = reader(web, &asked.account_id, &asked.contact_id).await;
    CustomerFrame::new(web, &readers, headers)
}

/// The value, if it is on the scale.
fn valid(scale: Option<Scale>, text: Option<&str>) -> Option<i32> {
    let value: i32 = text?.trim().parse().ok()?;
    scale?.values().contains(&value).then_some(value)
}

impl<'a> SurveyPage<'a> {
    fn new(frame: &CustomerFrame<'_>, token: &str, asked: &'a SurveyMail, scale: Option<Scale>) -> SurveyPage<'a> {
        let [low, high] = scale.and_then(|scale| frame.words.ends(scale)).unwrap_or_default();
        SurveyPage {
            question: &asked.question,
            stage: "ask",
            action: below("/s", token),
            is_scored: scale.is_some(),
            values: scale.map(|scale| scale.values().collect()).unwrap_or_default(),
            low,
            high,
            chosen: None,
            comment: "",
            wrong: None,
        }
    }

    fn show(self, frame: CustomerFrame<'_>) -> Result<Response, Trouble> {
        let status = if self.wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        frame.page(status, "survey.html", self)
    }
}
