//! Sessions: events of one contact with no longer gap between them than is
//! given. Events without a contact are taken together.
//!
//! One event alone is a session of no length.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::window::Window;
use crate::clock::Instant;
use crate::facts::History;
use crate::playbook::duration::Duration;

/// The gap that a text such as `30m` says: from a minute to a day.
pub fn gap(text: &str) -> Option<TimeDelta> {
    match Duration::parse(text)? {
        Duration::Seconds(seconds @ 60..=86_400) => TimeDelta::try_seconds(seconds),
        Duration::Seconds(_) | Duration::BusinessDays(_) => None,
    }
}

/// The first and the last event of each session of a call's window, in no order.
pub fn sessions(history: &History, call: &Window<'_>) -> Vec<(Instant, Instant)> {
    let Some(gap) = call.text("gap").and_then(gap) else { return Vec::new() };
    let mut by_contact: BTreeMap<Option<&str>, Vec<Instant>> = BTreeMap::new();
    for event in call.events(history) {
        by_contact.entry(event.contact.as_deref()).or_default().push(event.at);
    }
    let mut sessions = Vec::new();
    for mut instants in by_contact.into_values() {
        instants.sort_unstable();
        let mut open: Option<(Instant, Instant)> = None;
        for at in instants {
            open = match open {
                Some((first, last)) if at - last <= gap => Some((first, at)),
                ended => {
                    sessions.extend(ended);
                    Some((at, at))
                }
            };
        }
        sessions.extend(open);
    }
    sessions
}
