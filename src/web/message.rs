//! One message: what it says, to whom, and what became of it.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State as FromState};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::WebState;
use super::guard::PREVIEW_POLICY;
use super::language::{phrase, say, translated};
use super::message_states::{label, words};
use super::page::{Frame, Notice, Trouble, Web, account_href, account_name, below, capitalize, local_path, moment};
use super::stored_words::stored_words;
use super::visitor::Visitor;
use crate::message::channel::{Channel, ChannelProperties, Witness};
use crate::message::state::State;
use crate::store::messages::manual_outcomes::{ManualOutcome, SettleAnswer};

/// What is true of the channel in a row.
pub(super) fn properties(name: &str) -> ChannelProperties {
    Channel::parse(name).unwrap_or(Channel::Nothing).properties()
}

/// The subject, or which step's message it is as long as it is not written.
pub(super) fn subject(subject: Option<&str>, step: &str) -> String {
    subject.filter(|subject| !subject.is_empty()).map_or_else(|| say!("Step {step}", step = step), str::to_owned)
}

/// Where mail to a customer goes in place of its reader, if it does. Of one that
/// waits the configuration of now says it.
pub(super) fn redirection(web: &WebState, channel: &str, state: &str, went: Option<String>) -> Option<String> {
    let waits = State::WAITING.iter().any(|waiting| waiting.name() == state);
    match (went, &web.shared.config.mail.redirect_to) {
        (_, Some(to)) if waits && properties(channel).reaches_customers => {
            Some(say!("Redirected: will go to {to}", to = to))
        }
        (Some(to), _) if !waits => Some(say!("Redirected to {to}", to = to)),
        _ => None,
    }
}

/// How a person finds out what became of a message; `None` when it is known.
pub(super) fn witness_of(channel: &str, outcome: Option<&str>) -> Option<Witness> {
    (outcome == Some(State::Unknown.name())).then_some(properties(channel).witness)
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
    /// The state in words, and what it means.
    label: String,
    meaning: &'static str,
    next: &'static str,
    reason: Option<String>,
    /// What it is, in words.
    kind: String,
    to: Option<String>,
    /// Where it went, or will go, in place of its reader.
    redirected: Option<String>,
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
    source_href: String,
    /// Whether it was kept here in place of being sent.
    kept: bool,
}

#[derive(Serialize)]
struct Attempt {
    when: String,
    outcome: String,
    detail: Option<String>,
}

const UNKNOWN: Trouble = Trouble::NotFound("There is no such message.");

/// One message with its body in a frame that can do nothing.
pub(super) async fn show(FromState(web): Web, Path(id): Path<String>) -> Result<Response, Trouble> {
    page(&web, id.parse().map_err(|_| UNKNOWN)?, StatusCode::OK, None).await
}

/// What a person says of a message whose outcome nobody knew.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    verdict: String,
    /// The page to go back to; empty is that of the message.
    #[serde(default)]
    back: String,
}

/// A person has looked it up.
pub(super) async fn settle(
    FromState(web): Web,
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
        SettleAnswer::Taken if said.back.is_empty() => {
            Ok(Redirect::to(&below("/messages", &id.to_string())).into_response())
        }
        SettleAnswer::Taken => Ok(Redirect::to(local_path(&said.back)).into_response()),
        SettleAnswer::Known => {
            let notice = Notice::error(say!("What became of it is known, so nothing has changed."));
            page(&web, id, StatusCode::CONFLICT, Some(notice)).await
        }
        SettleAnswer::NoMessage => Err(UNKNOWN),
    }
}

async fn page(web: &WebState, id: Uuid, status: StatusCode, notice: Option<Notice>) -> Result<Response, Trouble> {
    let row = web.store.message_whole(id).await?.ok_or(UNKNOWN)?;
    let attempts = web.store.attempts_of(&row.account_id, row.id).await?;
    let subject = subject(row.subject.as_deref(), &row.step);
    let no_body = match (row.sent_at, row.ended_at) {
        (None, None) => phrase!("The words are written when the message is about to leave."),
        (None, Some(_)) => phrase!("No words were written."),
        (Some(_), _) => phrase!("The body is no longer kept."),
    };
    let channel = properties(&row.channel);
    let kind = match channel.reaches_customers {
        true => capitalize(&format!("{} {}", row.class, channel.label)),
        false => capitalize(channel.label),
    };
    let kind = translated(&kind).into_owned();
    let witness = witness_of(&row.channel, row.outcome.as_deref());
    let waits = State::WAITING.iter().any(|state| state.name() == row.state);
    let words = State::parse(&row.state).map(words);
    let redirected = redirection(web, &row.channel, &row.state, row.redirected_to);
    let message = Whole {
        id: row.id,
        kept: State::parse(&row.state) == Some(State::Captured),
        source_href: format!("{}/source", below("/messages", &row.id.to_string())),
        subject,
        label: label(&row.state),
        meaning: words.map_or("", |words| words.meaning),
        next: words.map_or("", |words| words.next),
        state: row.state,
        reason: row.reason.map(|reason| stored_words(&reason, web.zone)),
        kind,
        to: row.to_address,
        redirected,
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
            .map(|one| Attempt {
                when: moment(one.started_at, web.zone),
                outcome: label(&one.outcome),
                detail: one.reply.map(|reply| stored_words(&reply, web.zone)),
            })
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

#[derive(Serialize)]
struct MessageSourcePage {
    subject: String,
    href: String,
    message_id: String,
    /// The bytes as they went over the wire, as far as they are text.
    wire: Option<String>,
    html: Option<String>,
    text: Option<String>,
}

/// The source of one message, as far as it is kept.
pub(super) async fn source(FromState(web): Web, Path(id): Path<String>) -> Result<Response, Trouble> {
    let id: Uuid = id.parse().map_err(|_| UNKNOWN)?;
    let row = web.store.message_whole(id).await?.ok_or(UNKNOWN)?;
    let bytes = web.store.message_bytes(&row.account_id, row.id).await?;
    let page = MessageSourcePage {
        subject: subject(row.subject.as_deref(), &row.step),
        href: below("/messages", &id.to_string()),
        message_id: row.message_id,
        wire: bytes.map(|bytes| String::from_utf8_lossy(&bytes).replace("\r\n", "\n")),
        html: row.body_html.filter(|html| !html.is_empty()),
        text: row.body_text.filter(|text| !text.is_empty()),
    };
    Frame::new(&web, "messages", None).await?.page(StatusCode::OK, "message_source.html", page)
}
