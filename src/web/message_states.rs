//! The states of a message in words for people, and the page that explains
//! them.

use axum::extract::State as FromState;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::language::{phrase, translated};
use super::page::{Frame, Trouble, Web, href};
use crate::message::state::State;

/// What people read of a state.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct StateWords {
    /// A few words, for lists.
    pub label: &'static str,
    /// What has happened with the message.
    pub meaning: &'static str,
    /// What comes next, or what a person can do.
    pub next: &'static str,
}

/// The words for a state.
pub(super) fn words(state: State) -> StateWords {
    let (label, meaning, next) = match state {
        State::Planned => (
            phrase!("Planned"),
            phrase!("A step has decided to send it. Its words are not written yet, and nothing of it has left."),
            phrase!("It is looked at when its time comes. If its reason goes away before, it is cancelled."),
        ),
        State::Deferred => (
            phrase!("Waits"),
            phrase!(
                "It was about to leave and waits, for the reason beside it: quiet hours, the budget, an undo window, or a \
             server that asked for patience. Nothing of it has left."
            ),
            phrase!("It is looked at again at the time beside it, and not sent after its last day."),
        ),
        State::Sending => (
            phrase!("Being sent"),
            phrase!("It is on its way to the server at this moment."),
            phrase!("In a minute at most its outcome is known."),
        ),
        State::Accepted => (
            phrase!("Sent"),
            phrase!("The receiver’s server has taken it. Whether somebody has read it is not known."),
            phrase!("A report that it came back, or a complaint, still changes this."),
        ),
        State::Captured => (
            phrase!("Not sent: kept here"),
            phrase!(
                "No relay is configured, so it was kept here and has reached nobody; or it is a notice that went into a digest."
            ),
            phrase!("It is not sent later. With KEEPWELL_SMTP_URL set, later messages leave."),
        ),
        State::Rejected => (
            phrase!("Refused"),
            phrase!("The receiver’s server refused it for good. It has not arrived."),
            phrase!("It is not tried again. The server’s words are on its page."),
        ),
        State::Failed => (
            phrase!("Failed"),
            phrase!("It could not be made or delivered, for the reason beside it. It has not arrived."),
            phrase!("It is not tried again."),
        ),
        State::Unknown => (
            phrase!("Outcome unknown"),
            phrase!("It left, or may have left, and the server’s answer was lost. Nobody knows whether it arrived."),
            phrase!(
                "It is not sent again, unless its step says so. An operator looks it up and says what became of it."
            ),
        ),
        State::Expired => (
            phrase!("Not sent: too late"),
            phrase!("It did not leave within the time in which it made sense."),
            phrase!("It is not sent any more. What held it is the reason beside it."),
        ),
        State::Suppressed => (
            phrase!("Not sent: not wanted"),
            phrase!("Its address gets no mail of this class: its reader wants none, or mail to it came back."),
            phrase!("It is not sent later. The list of suppressions says why."),
        ),
        State::Skipped => (
            phrase!("Not sent: left out"),
            phrase!(
                "It was not to be sent: there was nobody to send it to, no consent, or the same words had gone there already."
            ),
            phrase!("The journey goes on without it."),
        ),
        State::Cancelled => (
            phrase!("Not sent: cancelled"),
            phrase!(
                "Its reason went away before it left: the goal was reached, the journey ended, or a person stopped it."
            ),
            phrase!("It is not sent any more."),
        ),
        State::Bounced => (
            phrase!("Came back"),
            phrase!("A server took it, and later it came back. It has not arrived."),
            phrase!("It is not tried again. If the mailbox does not exist, its address gets nothing more."),
        ),
        State::Complained => (
            phrase!("Called unwanted"),
            phrase!("It arrived, and its reader has marked it as unwanted."),
            phrase!("The address gets only transactional mail from then on."),
        ),
        State::Shadow => (
            phrase!("Not sent: shadow"),
            phrase!("Its playbook runs in shadow: what it would have sent is recorded, and nothing leaves."),
            phrase!("It is not sent later. In the mode live, later messages leave."),
        ),
    };
    StateWords { label, meaning, next }
}

/// The label of a state by its name in the database, in the reader's language.
pub(super) fn label(name: &str) -> String {
    State::parse(name).map_or_else(|| name.to_owned(), |state| translated(words(state).label).into_owned())
}

#[derive(Serialize)]
struct StatesPage {
    states: Vec<StateView>,
}

#[derive(Serialize)]
struct StateView {
    name: &'static str,
    href: String,
    #[serde(flatten)]
    words: StateWords,
}

/// What each state means.
pub(super) async fn show(FromState(web): Web) -> Result<Response, Trouble> {
    let view = |state: State| StateView {
        name: state.name(),
        href: href("/messages", &[("state", state.name())]),
        words: words(state),
    };
    let page = StatesPage { states: State::ALL.into_iter().map(view).collect() };
    Frame::new(&web, "messages", None).await?.page(StatusCode::OK, "message_states.html", page)
}
