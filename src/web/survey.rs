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
    sender: &'a str,
    question: &'a str,
    /// Whether the question is written in Chinese: then the page is, too.
    is_chinese: bool,
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
) -> Result<Response, Trouble> {
    let Some((asked, scale)) = web.store.survey_mail(&token).await? else {
        return damaged_link::page(&web, Purpose::Answer);
    };
    let value = valid(scale, chosen.answer.as_deref()).or(asked.value);
    let stage = if asked.valid_until < web.clock.now() { "over" } else { "ask" };
    let comment = asked.comment.as_deref().unwrap_or_default();
    SurveyPage { stage, chosen: value, comment, ..SurveyPage::new(&web, &token, &asked, scale) }.show()
}

/// Keeps the answer.
pub(super) async fn take(
    State(web): Web,
    Path(token): Path<String>,
    Form(given): Form<AnswerForm>,
) -> Result<Response, Trouble> {
    let Some((asked, scale)) = web.store.survey_mail(&token).await? else {
        return damaged_link::page(&web, Purpose::Answer);
    };
    let now = web.clock.now();
    let comment =
        given.comment.as_deref().unwrap_or_default().replace('\0', "").replace("\r\n", "\n").trim().to_owned();
    let value = valid(scale, given.answer.as_deref());
    if asked.valid_until < now {
        return SurveyPage { stage: "over", ..SurveyPage::new(&web, &token, &asked, scale) }.show();
    }
    let wrong = if scale.is_some() && value.is_none() {
        Some(("Please choose one of the answers.", "请选择一个答案。"))
    } else if scale.is_none() && comment.is_empty() {
        Some(("Please write an answer.", "请写下您的回答。"))
    } else if comment.chars().count() > LONGEST {
        Some(("That is too long: 4,000 characters are the limit.", "内容太长：最多 4000 个字符。"))
    } else {
        None
    };
    let wrong = wrong.map(|(english, chinese)| if is_chinese(&asked.question) { chinese } else { english });
    if wrong.is_some() {
        return SurveyPage { chosen: value, comment: &comment, wrong, ..SurveyPage::new(&web, &token, &asked, scale) }
            .show();
    }
    let comment = Some(comment.as_str()).filter(|comment| !comment.is_empty());
    web.store.answer(&asked, scale, value, comment, now).await?;
    SurveyPage { stage: "thanks", ..SurveyPage::new(&web, &token, &asked, scale) }.show()
}

/// Whether a text is written in Chinese: in Han characters, without those of Japanese
/// and Korean.
fn is_chinese(text: &str) -> bool {
    let other = |c: char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7af}');
    text.contains(|c: char| matches!(c, '\u{4e00}'..='\u{9fff}')) && !text.contains(other)
}

/// The value, if it is on the scale.
fn valid(scale: Option<Scale>, text: Option<&str>) -> Option<i32> {
    let value: i32 = text?.trim().parse().ok()?;
    scale?.values().contains(&value).then_some(value)
}

impl<'a> SurveyPage<'a> {
    fn new(web: &'a WebState, token: &str, asked: &'a SurveyMail, scale: Option<Scale>) -> SurveyPage<'a> {
        let is_chinese = is_chinese(&asked.question);
        let language = if is_chinese { "zh" } else { "en" };
        let (low, high) = scale.and_then(|scale| scale.ends(language)).unwrap_or_default();
        SurveyPage {
            sender: &web.sender,
            question: &asked.question,
            is_chinese,
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

    fn show(self) -> Result<Response, Trouble> {
        let status = if self.wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok((status, Html(render("survey.html", Serde(self).into())?)).into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::is_chinese;

    #[test]
    fn a_page_is_in_the_language_of_its_question() {
        assert!(is_chinese("您有多大可能向同事推荐我们？") && is_chinese("NPS：您满意吗？"));
        for other in ["How likely?", "どのくらい勧めますか？日本語", "추천하시겠습니까? 漢字", ""]
        {
            assert!(!is_chinese(other), "{other}");
        }
    }
}
