//! Complaints and their like: RFC 5965, and what Microsoft sends instead.

use super::parts::Parts;
use super::{Report, clipped};
use crate::delivery::headers::{field, split};

pub(super) fn read(parts: &Parts<'_>) -> Option<Report> {
    for body in parts.bodies(&["message/feedback-report"]) {
        let (fields, _) = split(&body);
        if let Some(kind) = field(&fields, "feedback-type") {
            return Some(meaning(clipped(kind).to_ascii_lowercase()));
        }
    }
    // The Junk Mail Reporting Program of Outlook.com returns the mail as it is,
    // with the reader's address in a field of its own.
    parts.has_returned_field("x-hmxmroriginalrecipient").then(|| Report::Complaint { kind: "abuse".to_owned() })
}

/// What a type says about the reader's wish.
fn meaning(kind: String) -> Report {
    match kind.as_str() {
        "abuse" | "fraud" => Report::Complaint { kind },
        "not-spam" => Report::Wanted,
        // Not in the registry, but sent: the reader pressed "unsubscribe".
        "opt-out" | "opt-out-list" => Report::Unsubscribe,
        _ => Report::Feedback { kind },
    }
}
