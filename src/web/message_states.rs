//! The states of a message in words for people, and the page that explains
//! them.

use axum::extract::State as FromState;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

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
            "Planned",
            "A step has decided to send it. Its words are not written yet, and nothing of it has left.",
            "It is looked at when its time comes. If its reason goes away before, it is cancelled.",
        ),
        State::Deferred => (
            "Waits",
            "It was about to leave and waits, for the reason beside it: quiet hours, the budget, an undo window, or a \
             server that asked for patience. Nothing of it has left.",
            "It is looked at again at the time beside it, and not sent after its last day.",
        ),
        State::Sending => (
            "Being sent",
            "It is on its way to the server at this moment.",
            "In a minute at most its outcome is known.",
        ),
        State::Accepted => (
            "Sent",
            "The receiver’s server has taken it. Whether somebody has read it is not known.",
            "A report that it came back, or a complaint, still changes this.",
        ),
        State::Captured => (
            "Not sent: kept here",
            "No relay is configured, so it was kept here and has reached nobody; or it is a notice that went into a digest.",
            "It is not sent later. With KEEPWELL_SMTP_URL set, later messages leave.",
        ),
        State::Rejected => (
            "Refused",
            "The receiver’s server refused it for good. It has not arrived.",
            "It is not tried again. The server’s words are on its page.",
        ),
        State::Failed => (
            "Failed",
            "It could not be made or delivered, for the reason beside it. It has not arrived.",
            "It is not tried again.",
        ),
        State::Unknown => (
            "Outcome unknown",
            "It left, or may have left, and the server’s answer was lost. Nobody knows whether it arrived.",
            "It is not sent again, unless its step says so. An operator looks it up and says what became of it.",
        ),
        State::Expired => (
            "Not sent: too late",
            "It did not leave within the time in which it made sense.",
            "It is not sent any more. What held it is the reason beside it.",
        ),
        State::Suppressed => (
            "Not sent: not wanted",
            "Its address gets no mail of this class: its reader wants none, or mail to it came back.",
            "It is not sent later. The list of suppressions says why.",
        ),
        State::Skipped => (
            "Not sent: left out",
            "It was not to be sent: there was nobody to send it to, no consent, or the same words had gone there already.",
            "The journey goes on without it.",
        ),
        State::Cancelled => (
            "Not sent: cancelled",
            "Its reason went away before it left: the goal was reached, the journey ended, or a person stopped it.",
            "It is not sent any more.",
        ),
        State::Bounced => (
            "Came back",
            "A server took it, and later it came back. It has not arrived.",
            "It is not tried again. If the mailbox does not exist, its address gets nothing more.",
        ),
        State::Complained => (
            "Called unwanted",
            "It arrived, and its reader has marked it as unwanted.",
            "The address gets only transactional mail from then on.",
        ),
        State::Shadow => (
            "Not sent: shadow",
            "Its playbook runs in shadow: what it would have sent is recorded, and nothing leaves.",
            "It is not sent later. In the mode live, later messages leave.",
        ),
    };
    StateWords { label, meaning, next }
}

/// The label of a state by its name in the database.
pub(super) fn label(name: &str) -> String {
    State::parse(name).map_or_else(|| name.to_owned(), |state| words(state).label.to_owned())
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
