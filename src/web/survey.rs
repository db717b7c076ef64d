//! For customers: the answer to a survey, from a link in a mail.
//!
//! Programs that look at links before people do send GET, so GET records
//! nothing: it shows the page with the chosen value, and POST keeps it.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::damaged_link::{self, Purpose};
use super::page::{Trouble, Web, below, render};
use crate::effect::Score;
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
    sender: &'a str,
    question: &'a str,
    /// `ask`, `thanks` or `over`.
    stage: &'static str,
    action: String,
    score: Option<&'static str>,
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
) -> Result<Response, Trouble> {
    let Some((asked, score)) = web.store.survey_mail(&token).await? else {
        return damaged_link::page(&web, Purpose::Answer);
    };
    let value = valid(score, chosen.answer.as_deref()).or(asked.value);
    let stage = if asked.valid_until < web.clock.now() { "over" } else { "ask" };
    let comment = asked.comment.as_deref().unwrap_or_default();
    SurveyPage { stage, chosen: value, comment, ..SurveyPage::new(&web, &token, &asked, score) }.show()
}

/// Keeps the answer.
pub(super) async fn take(
    State(web): Web,
    Path(token): Path<String>,
    Form(given): Form<AnswerForm>,
) -> Result<Response, Trouble> {
    let Some((asked, score)) = web.store.survey_mail(&token).await? else {
        return damaged_link::page(&web, Purpose::Answer);
    };
    let now = web.clock.now();
    let comment =
        given.comment.as_deref().unwrap_or_default().replace('\0', "").replace("\r\n", "\n").trim().to_owned();
    let value = valid(score, given.answer.as_deref());
    if asked.valid_until < now {
        return SurveyPage { stage: "over", ..SurveyPage::new(&web, &token, &asked, score) }.show();
    }
    let wrong = if score.is_some() && value.is_none() {
        Some("Please choose one of the answers.")
    } else if score.is_none() && comment.is_empty() {
        Some("Please write an answer.")
    } else if comment.chars().count() > LONGEST {
        Some("That is too long: 4,000 characters are the limit.")
    } else {
        None
    };
    if wrong.is_some() {
        return SurveyPage { chosen: value, comment: &comment, wrong, ..SurveyPage::new(&web, &token, &asked, score) }
            .show();
    }
    let comment = Some(comment.as_str()).filter(|comment| !comment.is_empty());
    web.store.answer(&asked, score, value, comment, now).await?;
    SurveyPage { stage: "thanks", ..SurveyPage::new(&web, &token, &asked, score) }.show()
}

/// The value, if it is one of the score's.
fn valid(score: Option<Score>, text: Option<&str>) -> Option<i32> {
    let value: i32 = text?.trim().parse().ok()?;
    score?.values().contains(&value).then_some(value)
}

impl<'a> SurveyPage<'a> {
    fn new(web: &'a WebState, token: &str, asked: &'a SurveyMail, score: Option<Score>) -> SurveyPage<'a> {
        let (low, high) = score.map_or(("", ""), Score::ends);
        SurveyPage {
            sender: &web.sender,
            question: &asked.question,
            stage: "ask",
            action: below("/s", token),
            score: score.map(Score::name),
            values: score.map(|score| score.values().collect()).unwrap_or_default(),
            low,
            high,
            chosen: None,
            comment: "",
            wrong: None,
        }
    }

    fn show(self) -> Result<Response, Trouble> {
        let status = if self.wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok((status, Html(render("survey.html", Serde(self).into())?)).into_response())
    }
}
