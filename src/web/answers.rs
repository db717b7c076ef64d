//! What customers answered to surveys: the list that product reads, tags and takes
//! along, and how the scores went from month to month.

use std::collections::BTreeMap;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::kpis::{HistoryLine, history_line};
use super::language::{phrase, say};
use super::page::{Frame, Trouble, Web, account_href, account_name, below, date, href, moment};
use super::visitor::Visitor;
use super::{WebState, fact};
use crate::clock::Instant;
use crate::playbook::local_time;
use crate::playbook::scale::{SURVEY_WORD, Scale};
use crate::printable::csv_field;
use crate::store::messages::answer_row::AnswerRow;
use crate::store::messages::feedback::{LONGEST_TAG, TagDeed, read_tag};
use crate::store::views::web::{AnswerCount, AnswerListFilter, AnswerListRow};

/// How many answers one page shows.
const AT_MOST: usize = 50;
/// How many answers one export has.
const MOST_EXPORTED: i64 = 100_000;
/// The periods that can be chosen, in days.
const PERIODS: [i64; 3] = [30, 90, 365];
/// How many months the course of a score shows.
const MONTHS: u32 = 12;

/// The columns of an export, in order.
pub const ANSWER_COLUMNS: [&str; 9] = [SURVEY_WORD, "account", "contact", "score", "value", "text", "at", "tags", "id"];

/// What the list is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct AnswersQuery {
    survey: Option<String>,
    tag: Option<String>,
    account: Option<String>,
    days: Option<String>,
    /// `words`: only answers with words.
    only: Option<String>,
    /// The time of the answer at which the page before ended, in microseconds since
    /// 1970, and its id.
    from: Option<i64>,
    after: Option<Uuid>,
}

/// What a person does with the tags of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct TagForm {
    tag: String,
    /// `remove` takes it off; anything else puts it on.
    #[serde(default)]
    deed: String,
    /// The list to go back to.
    #[serde(default)]
    back: String,
}

#[derive(Serialize)]
struct AnswerList {
    surveys: Vec<FilterChoice>,
    tags: Vec<FilterChoice>,
    periods: Vec<FilterChoice>,
    in_words: bool,
    account: Option<String>,
    narrowed: bool,
    scores: Vec<ScoreCourse>,
    answers: Vec<AnswerLine>,
    /// This page, to come back to.
    back: String,
    export_href: String,
    first_href: Option<String>,
    next_href: Option<String>,
    longest_tag: usize,
}

#[derive(Serialize)]
struct FilterChoice {
    /// Empty for all.
    value: String,
    name: String,
    current: bool,
}

/// How a score went from month to month.
#[derive(Serialize)]
struct ScoreCourse {
    name: String,
    /// What a figure is, a phrase.
    meaning: &'static str,
    line: Option<HistoryLine>,
    /// The latest first.
    months: Vec<MonthView>,
}

#[derive(Serialize)]
struct MonthView {
    month: String,
    answers: i64,
    figure: String,
}

#[derive(Serialize)]
struct AnswerLine {
    id: Uuid,
    value: Option<i32>,
    score: Option<String>,
    words: Option<String>,
    survey: Option<String>,
    account: String,
    account_href: String,
    contact: Option<String>,
    when: String,
    mail: Option<MailView>,
    tags: Vec<String>,
}

#[derive(Serialize)]
struct MailView {
    href: String,
    subject: String,
    when: String,
}

fn unreadable(_: QueryRejection) -> Trouble {
    Trouble::refusal(StatusCode::BAD_REQUEST, "This address cannot be read. Begin again from the list of answers.")
}

impl AnswersQuery {
    /// Without parts that are empty, as a form sends them, or that say nothing.
    fn tidied(self) -> AnswersQuery {
        let kept = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let days = kept(self.days).filter(|days| PERIODS.iter().any(|known| known.to_string() == *days));
        AnswersQuery {
            survey: kept(self.survey),
            tag: kept(self.tag),
            account: kept(self.account),
            days,
            only: kept(self.only).filter(|only| only == "words"),
            ..self
        }
    }

    /// What narrows the list, as pairs of an address.
    fn pairs(&self) -> Vec<(&str, &str)> {
        let parts = [
            (SURVEY_WORD, &self.survey),
            ("tag", &self.tag),
            ("account", &self.account),
            ("days", &self.days),
            ("only", &self.only),
        ];
        parts.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }

    fn filter(&self, now: Instant) -> AnswerListFilter {
        let days = self.days.as_ref().and_then(|days| days.parse().ok());
        let after = self.from.and_then(chrono::DateTime::from_timestamp_micros).zip(self.after);
        AnswerListFilter {
            survey: self.survey.clone(),
            tag: self.tag.clone(),
            account: self.account.clone(),
            since: days.map(|days| now - TimeDelta::days(days)),
            in_words: self.only.is_some(),
            after,
        }
    }
}

/// Answers, the latest first.
pub(super) async fn list(
    State(web): Web,
    query: Result<Query<AnswersQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(query) = query.map_err(unreadable)?;
    let query = query.tidied();
    let now = web.clock.now();
    let filter = query.filter(now);
    let mut rows = web.store.answers_page(&filter, AT_MOST as i64 + 1).await?;
    let more = rows.len() > AT_MOST;
    rows.truncate(AT_MOST);
    let (surveys, tags) = web.store.answer_words().await?;
    let pairs = query.pairs();
    let next_href = rows.last().filter(|_| more).map(|last| {
        let (at, id) = (last.answer.at.timestamp_micros().to_string(), last.answer.id.to_string());
        let mut pairs = pairs.clone();
        pairs.extend([("from", at.as_str()), ("after", id.as_str())]);
        href("/answers", &pairs)
    });
    let days = PERIODS.map(|days| (days.to_string(), say!("{n} days", n = days)));
    let page = AnswerList {
        surveys: choices(say!("All surveys"), surveys.into_iter().map(twice), query.survey.as_deref()),
        tags: choices(say!("All tags"), tags.into_iter().map(twice), query.tag.as_deref()),
        periods: choices(say!("All time"), days.into_iter(), query.days.as_deref()),
        in_words: filter.in_words,
        account: query.account.clone(),
        narrowed: !pairs.is_empty(),
        scores: score_courses(&web, query.survey.as_deref(), now).await?,
        answers: rows.into_iter().map(|row| line(&web, row)).collect(),
        back: href("/answers", &pairs),
        export_href: href("/answers.csv", &pairs),
        first_href: filter.after.map(|_| href("/answers", &pairs)),
        next_href,
        longest_tag: LONGEST_TAG,
    };
    Frame::new(&web, "answers", None).await?.page(StatusCode::OK, "answers.html", page)
}

/// The same answers for a spreadsheet.
pub(super) async fn export(
    State(web): Web,
    query: Result<Query<AnswersQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(query) = query.map_err(unreadable)?;
    let filter = AnswerListFilter { after: None, ..query.tidied().filter(web.clock.now()) };
    let rows = web.store.answers_page(&filter, MOST_EXPORTED).await?;
    let rows: Vec<AnswerRow> = rows.into_iter().map(|row| row.answer).collect();
    let mut response = answers_csv(&rows).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"answers.csv\""));
    Ok(response)
}

/// A person puts a tag on an answer, or takes it off.
pub(super) async fn tag(
    State(web): Web,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Result<Form<TagForm>, FormRejection>,
) -> Result<Response, Trouble> {
    const UNKNOWN: Trouble = Trouble::NotFound("There is no such answer.");
    let id: Uuid = id.parse().map_err(|_| UNKNOWN)?;
    let unread = |status| Trouble::refusal(status, "The form could not be read. The answer is as it was.");
    let Form(form) = form.map_err(|rejected| unread(rejected.status()))?;
    let Some(tag) = read_tag(&form.tag) else {
        let words = phrase!("A tag is a word or a few, without a comma. The answer is as it was.");
        return Err(Trouble::refusal(StatusCode::UNPROCESSABLE_ENTITY, words));
    };
    let deed = if form.deed == "remove" { TagDeed::Remove } else { TagDeed::Add };
    let webhook = web.shared.config.answers_webhook.as_deref();
    web.store.tag_answer(id, tag, deed, visitor.actor(), webhook, web.clock.now()).await?.ok_or(UNKNOWN)?;
    let is_list = form.back.starts_with("/answers?") && !form.back.contains(char::is_control);
    Ok(Redirect::to(if is_list { &form.back } else { "/answers" }).into_response())
}

/// Answers as a spreadsheet reads them, with a line of names first.
pub fn answers_csv(answers: &[AnswerRow]) -> String {
    let mut text = ANSWER_COLUMNS.join(",") + "\r\n";
    for answer in answers {
        let texts = |text: Option<&str>| csv_field(text.unwrap_or_default());
        let fields = [
            texts(answer.survey.as_deref()),
            csv_field(&answer.account),
            csv_field(&answer.contact),
            texts(answer.score.as_deref()),
            answer.value.map_or(String::new(), |value| value.to_string()),
            texts(answer.text.as_deref()),
            answer.at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
            csv_field(&answer.tags.join(", ")),
            answer.id.to_string(),
        ];
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

fn twice(word: String) -> (String, String) {
    (word.clone(), word)
}

/// All, and each of them; what is chosen and not among them stays chosen.
fn choices(all: String, known: impl Iterator<Item = (String, String)>, chosen: Option<&str>) -> Vec<FilterChoice> {
    let choice = |(value, name): (String, String)| FilterChoice { current: chosen.unwrap_or("") == value, value, name };
    let mut choices = vec![choice((String::new(), all))];
    choices.extend(known.map(choice));
    if let (Some(chosen), false) = (chosen, choices.iter().any(|one| one.current)) {
        choices.push(choice(twice(chosen.to_owned())));
    }
    choices
}

fn line(web: &WebState, row: AnswerListRow) -> AnswerLine {
    let AnswerListRow { answer, account_name: account, contact_name, mail, mail_subject, mail_at } = row;
    let mail = mail.zip(mail_at).map(|(id, at)| MailView {
        href: below("/messages", &id.to_string()),
        subject: mail_subject.filter(|subject| !subject.is_empty()).unwrap_or_else(|| say!("A mail")),
        when: date(at, web.zone),
    });
    AnswerLine {
        id: answer.id,
        value: answer.value,
        score: answer.score,
        words: answer.text.filter(|text| !text.trim().is_empty()),
        survey: answer.survey,
        account: account_name(account, &answer.account),
        account_href: account_href(&answer.account),
        contact: contact_name.or(Some(answer.contact)).filter(|contact| !contact.is_empty()),
        when: moment(answer.at, web.zone),
        mail,
        tags: answer.tags,
    }
}

/// How each score went in the last months, this one included.
async fn score_courses(web: &WebState, survey: Option<&str>, now: Instant) -> Result<Vec<ScoreCourse>, Trouble> {
    let today = now.with_timezone(&web.zone).date_naive();
    let first = today.with_day(1).and_then(|day| day.checked_sub_months(chrono::Months::new(MONTHS - 1)));
    let first = first.unwrap_or(today);
    let since = local_time::instant(web.zone, first.and_time(NaiveTime::MIN));
    let mut scores: BTreeMap<String, BTreeMap<NaiveDate, Vec<AnswerCount>>> = BTreeMap::new();
    for row in web.store.answer_counts(survey, since, web.zone).await? {
        scores.entry(row.score.clone()).or_default().entry(row.month).or_default().push(row);
    }
    Ok(scores.into_iter().map(|(name, months)| score_course(web, name, &months)).collect())
}

fn score_course(web: &WebState, name: String, months: &BTreeMap<NaiveDate, Vec<AnswerCount>>) -> ScoreCourse {
    let figures: Vec<(NaiveDate, i64, f64)> =
        months.iter().map(|(month, counts)| (*month, answers(counts), figure(&name, counts))).collect();
    let at = |month: NaiveDate| local_time::instant(web.zone, month.and_time(NaiveTime::MIN));
    let points: Vec<(Instant, f64)> = figures.iter().map(|(month, _, figure)| (at(*month), *figure)).collect();
    let view = |(month, answers, figure): &(NaiveDate, i64, f64)| MonthView {
        month: super::dates::month(month),
        answers: *answers,
        figure: fact::number((figure * 10.0).round() / 10.0),
    };
    ScoreCourse {
        meaning: if is_nps(&name) { phrase!("share of 9 and 10 less that of 0 to 6") } else { phrase!("mean") },
        line: history_line(&points, "ratio"),
        months: figures.iter().rev().map(view).collect(),
        name,
    }
}

fn is_nps(score: &str) -> bool {
    score == Scale::Nps.score_name("")
}

fn answers(counts: &[AnswerCount]) -> i64 {
    counts.iter().map(|row| row.count).sum()
}

/// The net promoter score (F. F. Reichheld, Harvard Business Review, December 2003) in
/// percentage points; of any other score the mean.
fn figure(score: &str, counts: &[AnswerCount]) -> f64 {
    let weight = |value: i32| match (is_nps(score), value) {
        (true, 9..) => 100.0,
        (true, ..=6) => -100.0,
        (true, _) => 0.0,
        (false, value) => f64::from(value),
    };
    let sum: f64 = counts.iter().map(|row| weight(row.value) * row.count as f64).sum();
    sum / answers(counts).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(i32, i64)]) -> Vec<AnswerCount> {
        let count = |(value, count): &(i32, i64)| AnswerCount {
            score: String::new(),
            month: NaiveDate::default(),
            value: *value,
            count: *count,
        };
        of.iter().map(count).collect()
    }

    #[test]
    fn promoters_less_detractors_and_elsewhere_the_mean() {
        let ten = counts(&[(10, 4), (9, 1), (8, 1), (7, 1), (6, 1), (0, 2)]);
        assert_eq!(figure("nps", &ten), 20.0);
        assert_eq!(figure("csat", &counts(&[(5, 1), (2, 2)])), 3.0);
        assert_eq!(figure("nps", &[]), 0.0);
    }
}
