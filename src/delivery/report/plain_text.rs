//! Bounces that are plain text: Exim, qmail, sendmail, OpenSMTPD, DragonFly,
//! Gmail and others. Only what a mail server sent is read so, only up to the
//! mail that it returns, and only behind words that such texts are known by.

use super::parts::Parts;
use super::{Fate, MOST, RecipientReport, clipped};
use crate::address::parse_address;
use crate::message::bounce::status::ServerReply;
use crate::message::bounce::{BounceReason, classify};

/// Who writes bounces: what stands before the `@`.
const SENDERS: &[&str] = &[
    "mailer-daemon",
    "mailer_daemon",
    "mailerdaemon",
    "mail-daemon",
    "postmaster",
    "post_master",
    "mail.delivery.system",
    "mail-delivery-system",
];

/// How bounces begin their subjects, or what they have in them.
const SUBJECTS: &[&str] = &[
    "undeliver",
    "delivery fail",
    "delivery status notif",
    "delivery has failed",
    "mail delivery",
    "failure notice",
    "returned mail",
    "mail failure",
    "mail system error",
    "non delivery",
    "non-delivery",
    "delivery report",
    "delivery error",
    "could not be delivered",
    "unable to deliver",
    "error sending your mail",
    "rejected:",
];

/// What a notice that a mail waits is known by: it is no failure.
const DELAYS: &[&str] = &[
    "warning message only",
    "this is a warning only",
    "has been delayed",
    "is being delayed",
    "not yet been delivered",
    "will continue to be attempted",
    "no action is required on your part",
];

/// What stands before the failed addresses and the server's words.
const BEGINNINGS: &[&str] = &[
    "address(es) failed",
    "address failed",
    "addresses failed",
    "following address",
    "following recipient",
    "following email address",
    "following mail address",
    "list of recipients",
    "recipients was rejected by",
    "these recipients or groups",
    "deliver your message",
    "delivering your m",
    "deliver message to",
    "deliver the message",
    "was not delivered to",
    "not be delivered",
    "delivery failed",
    "delivery failure",
    "delivery has failed",
    "did not reach",
    "did not arrive",
    "did not like our",
    "failure reasons",
    "permanent error",
    "transcript of session",
    "-server message",
    "error message below",
    "returned permanent errors",
];

/// What stands before the mail that is returned.
const ENDINGS: &[&str] = &[
    "this is a copy of the message",
    "this is a copy of your message",
    "below this line is a copy",
    "below is a copy of the",
    "enclosed is a copy",
    "included is a copy",
    "copy of the original message",
    "original message follows",
    "original message header",
    "message headers follow",
    "message header follow",
    "message text follows",
    "unsent message follows",
    "unsent message below",
    "returned message ---",
    "original message ---",
    "original mail info",
    "original message: ---",
    "headers of the original",
    "header of the original",
    "additional information =",
];

/// Header fields that begin a returned mail where nothing else does.
const RETURNED_FIELDS: &[&str] = &["received:", "return-path:", "x-envelope-", "message-id:", "delivered-to:"];

/// The report's recipients; `None` when this is no bounce in plain text.
pub(super) fn read(parts: &Parts<'_>) -> Option<Vec<RecipientReport>> {
    if !is_from_a_mail_server(parts) {
        return None;
    }
    let text = parts.text();
    let failed = failed_recipients(parts);
    let notice = Notice::of(&text);
    let delayed = {
        let lower = notice.whole.to_lowercase();
        DELAYS.iter().any(|phrase| lower.contains(phrase))
    };
    if failed.is_empty() && !notice.is_known() && !(names_a_bounce(parts) && notice.says_why()) {
        return None;
    }
    let report = |addresses: Vec<String>, words: &str| RecipientReport {
        addresses,
        fate: if delayed { Fate::Delayed } else { Fate::Failed(classify(None, words)) },
        detail: clipped(words),
    };
    let segments = notice.segments();
    if segments.is_empty() {
        return Some(vec![report(failed, &notice.details)]);
    }
    let mut reports: Vec<RecipientReport> = Vec::new();
    for (address, words) in &segments {
        let words = if words.trim().is_empty() { &notice.details } else { words };
        reports.push(report(vec![address.clone()], words));
    }
    for address in failed {
        if !reports.iter().any(|known| known.addresses.iter().any(|one| one.eq_ignore_ascii_case(&address))) {
            reports.push(report(vec![address], &notice.details));
        }
    }
    Some(reports)
}

/// The words of a text about one of these addresses; all of them when it does
/// not tell recipients apart.
pub(super) fn words_about(text: &str, addresses: &[String]) -> Option<String> {
    let notice = Notice::of(text);
    let segments = notice.segments();
    let own = segments.iter().find(|(address, words)| {
        !words.trim().is_empty() && addresses.iter().any(|known| known.eq_ignore_ascii_case(address))
    });
    match own {
        Some((_, words)) => Some(words.clone()),
        None if segments.len() <= 1 => Some(notice.details).filter(|words| !words.trim().is_empty()),
        None => None,
    }
}

/// Whether a mail server wrote this, by its sender, its subject or a field.
pub(super) fn is_from_a_mail_server(parts: &Parts<'_>) -> bool {
    if parts.header("x-failed-recipients").is_some() {
        return true;
    }
    let from = parts.header("from").unwrap_or_default().to_ascii_lowercase();
    let address = from.rsplit_once('<').map_or(from.as_str(), |(_, address)| address);
    let local = address.split(['@', '>']).next().unwrap_or_default().trim().trim_matches('"');
    SENDERS.contains(&local) || names_a_bounce(parts)
}

/// Whether the subject is a bounce's, and no answer to one.
fn names_a_bounce(parts: &Parts<'_>) -> bool {
    let subject = parts.subject().trim().to_lowercase();
    let answered = ["re:", "aw:", "fw:", "fwd:"].iter().any(|begin| subject.starts_with(begin));
    !answered && SUBJECTS.iter().any(|phrase| subject.contains(phrase))
}

/// Exim's and Gmail's field.
fn failed_recipients(parts: &Parts<'_>) -> Vec<String> {
    let listed = parts.header("x-failed-recipients").unwrap_or_default();
    let addresses = listed.split([',', ' ', '\t']).map(|one| one.trim().trim_matches(['<', '>']));
    addresses.filter(|one| one.contains('@')).take(MOST).map(str::to_owned).collect()
}

/// A bounce's text before the mail that it returns.
struct Notice {
    whole: String,
    /// From the words that introduce the failed addresses.
    details: String,
    begins: bool,
    ends: bool,
}

impl Notice {
    fn of(text: &str) -> Notice {
        let mut lines: Vec<&str> = Vec::new();
        let mut ends = false;
        for line in text.lines() {
            let lower = line.to_lowercase();
            let lower = lower.trim();
            if ENDINGS.iter().any(|phrase| lower.contains(phrase)) {
                ends = true;
                break;
            }
            if !lines.is_empty() && RETURNED_FIELDS.iter().any(|name| lower.starts_with(name)) {
                break;
            }
            lines.push(line);
        }
        let introduces = |line: &&str| {
            let lower = line.to_lowercase();
            BEGINNINGS.iter().any(|phrase| lower.contains(phrase))
        };
        let begin = lines.iter().position(introduces);
        let details = lines[begin.unwrap_or(0)..].join("\n");
        Notice { whole: lines.join("\n"), details, begins: begin.is_some(), ends }
    }

    /// Whether it has what bounces are known by.
    fn is_known(&self) -> bool {
        let replied = ServerReply::find(&self.whole);
        self.begins || self.ends || replied.code.is_some() || replied.status.is_some()
    }

    fn says_why(&self) -> bool {
        classify(None, &self.whole) != BounceReason::Unspecified
    }

    /// The failed addresses, each with the words behind it. A line names one
    /// when it begins with it.
    fn segments(&self) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        for line in self.details.lines() {
            match beginning_address(line) {
                Some((address, rest)) if found.len() < MOST => {
                    match found.iter().position(|(known, _)| *known == address) {
                        // Some texts say the same in two languages.
                        Some(at) => {
                            let (known, mut words) = found.remove(at);
                            words.push('\n');
                            words.push_str(rest);
                            found.push((known, words));
                        }
                        None => found.push((address, rest.to_owned())),
                    }
                }
                _ => {
                    if let Some((_, words)) = found.last_mut() {
                        words.push('\n');
                        words.push_str(line);
                    }
                }
            }
        }
        found
    }
}

/// The address that a line begins with, behind marks, and what follows it.
fn beginning_address(line: &str) -> Option<(String, &str)> {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || "*>-\"'<•".contains(c));
    let end = line.find(|c: char| c.is_whitespace() || "<>\"':,;()[]".contains(c)).unwrap_or(line.len());
    let address = parse_address(line[..end].trim_end_matches('.')).ok()?;
    Some((address, &line[end..]))
}
