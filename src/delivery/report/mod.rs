//! What came back about a mail: a delivery report (RFC 3464) or one in plain
//! text, a complaint (RFC 5965), an automatic answer (RFC 3834), or somebody
//! who wants no more mail. Read from the bytes of a message.
//!
//! Anybody can write to the bounce address. So nothing is believed here beyond
//! what a report says about a mail that carries a word of ours, the reader looks
//! at bounded numbers and lengths, and what it does not understand is no report.
//! What a mail holds as an attached message is never read as a report: it is
//! quoted.

mod automatic;
mod delivery_status;
mod feedback;
mod parts;
mod plain_text;

use crate::address::parse_address;
use crate::message::bounce::BounceReason;

use parts::Parts;

/// Longest text that is kept of a report, in characters.
const LONGEST: usize = 300;
/// Parts, groups of fields and recipients that are looked at; more is not a
/// report of one mail.
const MOST: usize = 50;

/// The subject of a mail that wants no more mail.
pub const UNSUBSCRIBE: &str = "unsubscribe";

/// What a message says about a mail of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A server tells what became of it, for one recipient or several: those
    /// that it was forwarded to are among them.
    Delivery(Vec<RecipientReport>),
    /// Its reader wants no more of its class, as `List-Unsubscribe` offers it or
    /// by a report of the type `opt-out`.
    Unsubscribe,
    /// Its reader called it unwanted: `abuse` or `fraud` (RFC 5965).
    Complaint { kind: String },
    /// Its reader called it wanted (`not-spam`, RFC 6430).
    Wanted,
    /// A report about something else than its reader's wish: `auth-failure`
    /// (RFC 6591), `virus`, …
    Feedback { kind: String },
    /// A machine answered for its reader, who is away.
    AutomaticReply,
}

/// What became of a mail to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientReport {
    /// The addresses that the recipient goes by; none where the report names none.
    pub addresses: Vec<String>,
    pub fate: Fate,
    /// The status and the words, on one line; at most about 300 characters.
    pub detail: String,
}

/// What became of a mail, from the least to the most severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived, or went on to somebody who does not report.
    Delivered,
    /// It is still being tried.
    Delayed,
    /// Given up.
    Failed(BounceReason),
}

impl Fate {
    /// The order of severity.
    fn rank(self) -> u8 {
        match self {
            Fate::Delivered => 0,
            Fate::Delayed => 1,
            Fate::Failed(reason) => 2 + reason.severity() as u8,
        }
    }
}

/// The most severe of what a report says.
pub fn most_severe<'a>(reports: impl IntoIterator<Item = &'a RecipientReport>) -> Option<&'a RecipientReport> {
    // The first of equals.
    reports.into_iter().reduce(|worst, one| if one.fate.rank() > worst.fate.rank() { one } else { worst })
}

/// What a report says about the mail to this reader; `None` when it speaks only
/// of others, to whom it was forwarded. A report that names nobody is about the
/// reader, since a mail of ours has one.
pub fn about<'a>(reports: &'a [RecipientReport], reader: &str) -> Option<&'a RecipientReport> {
    let normal = |address: &str| parse_address(address).unwrap_or_else(|_| address.trim().to_owned()).to_lowercase();
    let reader = normal(reader);
    let names = |one: &&RecipientReport| one.addresses.iter().any(|address| normal(address) == reader);
    most_severe(reports.iter().filter(names))
        .or_else(|| most_severe(reports.iter().filter(|one| one.addresses.is_empty())))
}

/// Reads a message; `None` when it is no report that can be understood. Never
/// panics, and takes a time in proportion to the length.
pub fn read(bytes: &[u8]) -> Option<Report> {
    let parts = Parts::read(bytes)?;
    if let Some(report) = feedback::read(&parts) {
        return Some(report);
    }
    if let Some(reports) = delivery_status::read(&parts) {
        return Some(Report::Delivery(reports));
    }
    if parts.subject().trim().eq_ignore_ascii_case(UNSUBSCRIBE) {
        return Some(Report::Unsubscribe);
    }
    if automatic::is_absence(&parts) {
        return Some(Report::AutomaticReply);
    }
    if let Some(reports) = plain_text::read(&parts) {
        return Some(Report::Delivery(reports));
    }
    automatic::is_automatic(&parts).then_some(Report::AutomaticReply)
}

/// At most so many characters, on one line.
fn clipped(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().filter(|c| !c.is_control()));
    }
    out.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests;
