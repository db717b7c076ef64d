//! What was written to customers and colleagues, and what became of it.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::WebState;
use super::guard::PREVIEW_POLICY;
use super::page::{Frame, Notice, Trouble, Web, account_href, account_name, below, capitalize, href, moment};
use super::visitor::Visitor;
use crate::message::channel::{Channel, ChannelProperties, Witness};
use crate::message::state;
use crate::store::messages::manual_outcomes::{ManualOutcome, SettleAnswer};
use crate::store::views::web::MessageRow;

/// How many messages one page shows.
const AT_MOST: i64 = 200;

/// What the list is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct MessageQuery {
    state: Option<String>,
    playbook: Option<String>,
}

#[derive(Serialize)]
struct List {
    playbook: Option<String>,
    filters: Vec<Filter>,
    messages: Vec<Line>,
    total: i64,
}

#[derive(Serialize)]
struct Filter {
    label: String,
    count: i64,
    href: String,
    current: bool,
}

#[derive(Serialize)]
struct Line {
    href: String,
    state: String,
    reason: Option<String>,
    /// What it is, where it is no mail to a customer.
    kind: Option<&'static str>,
    to: Option<String>,
    subject: String,
    playbook: String,
    when: String,
}

/// Messages, newest first.
pub(super) async fn list(State(web): Web, Query(asked): Query<MessageQuery>) -> Result<Response, Trouble> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (state, playbook) = (given(asked.state), given(asked.playbook));
    let counts = web.store.message_states(playbook.as_deref()).await?;
    let rows = web.store.messages_page(playbook.as_deref(), state.as_deref(), AT_MOST).await?;
    let all = counts.iter().map(|(_, count)| count).sum();
    let target = |state: Option<&str>| {
        let pairs = [("state", state), ("playbook", playbook.as_deref())];
        let pairs: Vec<(&str, &str)> = pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        href("/messages", &pairs)
    };
    let mut filters =
        vec![Filter { label: "All".to_owned(), count: all, href: target(None), current: state.is_none() }];
    filters.extend(counts.iter().map(|(name, count)| Filter {
        label: name.clone(),
        count: *count,
        href: target(Some(name)),
        current: state.as_ref() == Some(name),
    }));
    let total = filters.iter().find(|filter| filter.current).map_or(0, |filter| filter.count);
    let messages = rows
        .into_iter()
        .map(|row| Line {
            href: below("/messages", &row.id.to_string()),
            subject: subject(&row),
            state: row.state,
            reason: row.reason,
            kind: Some(properties(&row.channel)).filter(|of| !of.reaches_customers).map(|of| of.label),
            to: row.to_address,
            playbook: row.playbook,
            when: moment(row.created_at, web.zone),
        })
        .collect();
    let page = List { playbook, filters, messages, total };
    Frame::new(&web, "messages", None).await?.page(StatusCode::OK, "messages.html", page)
}

/// What is true of the channel in a row.
pub(super) fn properties(name: &str) -> ChannelProperties {
    Channel::parse(name).unwrap_or(Channel::Nothing).properties()
}

/// The subject, or which step's message it is as long as it is not written.
fn subject(row: &MessageRow) -> String {
    match &row.subject {
        Some(subject) if !subject.is_empty() => subject.clone(),
        _ => format!("Step {}", row.step),
    }
}

#[derive(Serialize)]
struct MessagePage {
    message: Whole,
}

#[derive(Serialize)]
struct Whole {
    id: Uuid,
    subject: String,
    state: String,
    reason: Option<String>,
    /// What it is, in words.
    kind: String,
    to: Option<String>,
    account: Option<String>,
    account_href: String,
    account_name: String,
    playbook: String,
    playbook_href: String,
    step: String,
    /// Which of its step's texts it has.
    variant: Option<String>,
    when: String,
    next_at: Option<String>,
    sent_at: Option<String>,
    message_id: String,
    /// How a person finds out what became of it; `None` when it is known.
    witness: Option<Witness>,
    attempts: Vec<Attempt>,
    html: Option<String>,
    text: Option<String>,
    no_body: &'static str,
}

#[derive(Serialize)]
struct Attempt {
    when: String,
    outcome: String,
    detail: Option<String>,
}

const UNKNOWN: Trouble = Trouble::NotFound("There is no such message.");

/// One message with its body in a frame that can do nothing.
pub(super) async fn show(State(web): Web, Path(id): Path<String>) -> Result<Response, Trouble> {
    page(&web, id.parse().map_err(|_| UNKNOWN)?, StatusCode::OK, None).await
}

/// What a person says of a message whose outcome nobody knew.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    verdict: String,
}

/// A person has looked it up.
pub(super) async fn settle(
    State(web): Web,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Result<Form<Said>, FormRejection>,
) -> Result<Response, Trouble> {
    let id: Uuid = id.parse().map_err(|_| UNKNOWN)?;
    let unread = |status| Trouble::refusal(status, "The form could not be read. The message is as it was.");
    let Form(said) = form.map_err(|rejected| unread(rejected.status()))?;
    let outcome = ManualOutcome::ALL.into_iter().find(|outcome| outcome.state().name() == said.verdict);
    let outcome = outcome.ok_or_else(|| unread(StatusCode::UNPROCESSABLE_ENTITY))?;
    match web.store.settle_unknown(id, outcome, visitor.actor(), web.clock.now()).await? {
        SettleAnswer::Taken => Ok(Redirect::to(&below("/messages", &id.to_string())).into_response()),
        SettleAnswer::Known => {
            let notice = Notice::error("What became of it is known, so nothing has changed.".to_owned());
            page(&web, id, StatusCode::CONFLICT, Some(notice)).await
        }
        SettleAnswer::NoMessage => Err(UNKNOWN),
    }
}

async fn page(web: &WebState, id: Uuid, status: StatusCode, notice: Option<Notice>) -> Result<Response, Trouble> {
    let row = web.store.message_whole(id).await?.ok_or(UNKNOWN)?;
    let attempts = web.store.attempts_of(&row.account_id, row.id).await?;
    let subject = row.subject.filter(|subject| !subject.is_empty()).unwrap_or_else(|| format!("Step {}", row.step));
    let no_body = match (row.sent_at, row.ended_at) {
        (None, None) => "The words are written when the message is about to leave.",
        (None, Some(_)) => "No words were written.",
        (Some(_), _) => "The body is no longer kept.",
    };
    let channel = properties(&row.channel);
    let kind = match channel.reaches_customers {
        true => capitalize(&format!("{} {}", row.class, channel.label)),
        false => capitalize(channel.label),
    };
    let witness = (row.outcome.as_deref() == Some(state::State::Unknown.name())).then_some(channel.witness);
    let waits = state::State::WAITING.iter().any(|state| state.name() == row.state);
    let message = Whole {
        id: row.id,
        subject,
        state: row.state,
        reason: row.reason,
        kind,
        to: row.to_address,
        account_name: account_name(row.account_name, &row.account_id),
        account_href: account_href(&row.account_id),
        account: Some(row.account_id).filter(|id| !id.is_empty()),
        playbook_href: below("/playbooks", &row.playbook),
        playbook: row.playbook,
        step: row.step,
        variant: row.variant,
        when: moment(row.created_at, web.zone),
        next_at: waits.then(|| moment(row.next_at, web.zone)),
        sent_at: row.sent_at.map(|at| moment(at, web.zone)),
        message_id: row.message_id,
        witness,
        attempts: attempts
            .into_iter()
            .map(|one| Attempt { when: moment(one.started_at, web.zone), outcome: one.outcome, detail: one.reply })
            .collect(),
        html: row.body_html.filter(|html| !html.is_empty()),
        text: row.body_text.filter(|text| !text.is_empty()),
        no_body,
    };
    let frame = Frame::new(web, "messages", notice).await?;
    let mut response = frame.page(status, "message.html", MessagePage { message })?;
    // The frame inherits what its page may load.
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PREVIEW_POLICY));
    Ok(response)
}
