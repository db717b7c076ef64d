//! Delivery reports as RFC 3464 forms them, wherever in a message they stand.

use std::borrow::Cow;

use super::parts::Parts;
use super::{Fate, MOST, RecipientReport, clipped, plain_text};
use crate::delivery::headers::{field, split};
use crate::message::bounce::status::EnhancedStatus;
use crate::message::bounce::{BounceReason, Severity, classify, in_context};

/// The report's recipients; `None` when there is no such report.
pub(super) fn read(parts: &Parts<'_>) -> Option<Vec<RecipientReport>> {
    let types = ["message/delivery-status", "message/global-delivery-status"];
    let mut bodies = parts.bodies(&types);
    let text = parts.text();
    // Some servers form the report so and send it as text.
    bodies.extend(report_within(&text).map(|body| Cow::Borrowed(body.as_bytes())));
    let groups = bodies.iter().map(|body| recipients(body)).find(|groups| !groups.is_empty())?;
    Some(groups.into_iter().map(|(code, report)| beside_text(code, report, &text)).collect())
}

/// A report with what the text for people says beside it: the server's words,
/// where the report gives a bare status, and when the server said them.
fn beside_text(code: Option<EnhancedStatus>, report: RecipientReport, text: &str) -> RecipientReport {
    let Fate::Failed(reason) = report.fate else { return report };
    let unspecified = reason == BounceReason::Unspecified;
    if !unspecified && reason.severity() != Severity::Hard {
        return report;
    }
    let Some(words) = plain_text::words_about(text, &report.addresses) else { return report };
    if !unspecified {
        return RecipientReport { fate: Fate::Failed(in_context(reason, &words)), ..report };
    }
    match classify(code, &words) {
        BounceReason::Unspecified => report,
        reason => {
            let detail = clipped(&format!("{} {words}", report.detail));
            RecipientReport { fate: Fate::Failed(reason), detail, ..report }
        }
    }
}

/// The groups of fields of a report that stands within a text.
fn report_within(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    let begins = |name: &str| {
        lower.match_indices(name).map(|(at, _)| at).find(|at| *at == 0 || lower.as_bytes()[at - 1] == b'\n')
    };
    let (recipient, _) = (begins("final-recipient:")?, begins("action:")?);
    Some(&text[begins("reporting-mta:").map_or(recipient, |at| at.min(recipient)).min(begins("action:")?)..])
}

/// What the groups of fields say, each with its status; the fields of the whole
/// report are none of them.
fn recipients(body: &[u8]) -> Vec<(Option<EnhancedStatus>, RecipientReport)> {
    let mut found = Vec::new();
    let mut rest = body;
    for _ in 0..MOST {
        let (fields, after) = split(rest);
        found.extend(recipient(&fields));
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    found
}

fn recipient(fields: &[(String, String)]) -> Option<(Option<EnhancedStatus>, RecipientReport)> {
    let status = field(fields, "status").unwrap_or_default();
    let diagnostic = field(fields, "diagnostic-code").unwrap_or_default();
    let code = EnhancedStatus::parse(status);
    let word = field(fields, "action")?.split([' ', '\t', '(', ';']).next().unwrap_or_default();
    let fate = match word.to_ascii_lowercase().as_str() {
        "delivered" | "relayed" | "expanded" | "deliverable" => Fate::Delivered,
        "delayed" => Fate::Delayed,
        "failed" | "failure" | "expired" => {
            // A comment behind the status may be all that there is.
            let words = if diagnostic.is_empty() { status } else { diagnostic };
            Fate::Failed(classify(code, words))
        }
        _ => return None,
    };
    let shown = code.map(|code| code.to_string());
    let detail: Vec<&str> = [shown.as_deref(), Some(diagnostic)].into_iter().flatten().collect();
    let names = ["original-recipient", "final-recipient"];
    let mut addresses: Vec<String> = Vec::new();
    for address in names.iter().filter_map(|name| field(fields, name)).flat_map(addresses_of) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Some((code, RecipientReport { addresses, fate, detail: clipped(&detail.join(" ")) }))
}

/// `rfc822; a@b.example`, and the same out of its encoding (RFC 3461, xtext).
fn addresses_of(value: &str) -> Vec<String> {
    let address = value.split_once(';').map_or(value, |(_, address)| address);
    let address = address.trim().trim_matches(['<', '>']).trim();
    if !address.contains('@') {
        return Vec::new();
    }
    let mut found = vec![address.to_owned()];
    found.extend(decode_xtext(address));
    found
}

/// A text in xtext: `+2B` stands for `+`.
fn decode_xtext(text: &str) -> Option<String> {
    let (first, rest) = text.split_once('+')?;
    let mut out = first.as_bytes().to_vec();
    for piece in rest.split('+') {
        let code = piece.get(..2)?;
        out.push(u8::from_str_radix(code, 16).ok()?);
        out.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(out).ok()
}
