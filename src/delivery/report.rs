//! What came back about a mail: a delivery report (RFC 3464, with the codes of
//! RFC 3463) or a complaint (RFC 5965), read from the bytes of a message.
//!
//! Anybody can write to the bounce address. So nothing is believed here beyond
//! what a report says about a mail that carries a word of ours, the reader looks
//! at one level of parts and at bounded lengths, and what it does not understand
//! is no report.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::headers::{field, parameter, split};

/// Longest text that is kept of a report, in characters.
const LONGEST: usize = 300;
/// Parts and groups of fields that are looked at; more is not a report of one mail.
const MOST: usize = 50;

/// The subject of a mail that wants no more mail.
pub const UNSUBSCRIBE: &str = "unsubscribe";

/// What a message says about a mail of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A relay tells what became of it.
    Delivery { fate: Fate, told: String },
    /// Its reader wants no more of its class, as `List-Unsubscribe` offers it.
    Unsubscribe,
    /// Its reader complained, in the words of RFC 5965: `abuse`, `fraud`, …
    Complaint { kind: String },
}

/// What became of a mail, from the least to the most severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It arrived, or went on to somebody who does not report.
    Delivered,
    /// It is still being tried.
    Delayed,
    /// Given up, for a reason that may pass: a full mailbox, a server that was away.
    Soft,
    /// Refused for what the sender is or writes, not for who the recipient is.
    Policy,
    /// There is no such mailbox.
    Hard,
}

impl Fate {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Delivered => "delivered",
            Fate::Delayed => "delayed",
            Fate::Soft => "soft",
            Fate::Policy => "policy",
            Fate::Hard => "hard",
        }
    }
}

/// Reads a message; `None` when it is no report that can be understood. Never
/// panics, and takes a time in proportion to the length.
pub fn read(bytes: &[u8]) -> Option<Report> {
    let (headers, body) = split(bytes);
    let Some(content_type) = field(&headers, "content-type") else { return wants_out(&headers) };
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("multipart/report") {
        return wants_out(&headers);
    }
    let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty())?;
    parts(body, &boundary).into_iter().find_map(|part| {
        let (headers, body) = split(part);
        let kind = field(&headers, "content-type")?.split(';').next()?.trim().to_ascii_lowercase();
        let body = decoded(body, field(&headers, "content-transfer-encoding"));
        match kind.as_str() {
            "message/delivery-status" | "message/global-delivery-status" => delivery(&body),
            "message/feedback-report" => complaint(&body),
            _ => None,
        }
    })
}

/// What a mail program writes to the address and subject of ours. An absence
/// that is told has another subject.
fn wants_out(headers: &[(String, String)]) -> Option<Report> {
    field(headers, "subject")?.trim().eq_ignore_ascii_case(UNSUBSCRIBE).then_some(Report::Unsubscribe)
}

/// The most severe of what is said about each recipient: a mail of ours has
/// one, and others are those that it was forwarded to.
fn delivery(body: &[u8]) -> Option<Report> {
    let mut found: Option<(Fate, String)> = None;
    let mut rest = body;
    for _ in 0..MOST {
        let (fields, after) = split(rest);
        if let Some(action) = field(&fields, "action") {
            let status = field(&fields, "status").and_then(code);
            let diagnostic = field(&fields, "diagnostic-code").unwrap_or_default();
            let said = status.filter(|(_, subject, detail)| (*subject, *detail) != (0, 0));
            let status = said.or_else(|| diagnostic.split([' ', '-', '(']).find_map(code)).or(status);
            if let Some(fate) = fate(action, status) {
                let shown = status.map(|(class, subject, detail)| format!("{class}.{subject}.{detail}"));
                let told: Vec<&str> = [shown.as_deref(), Some(diagnostic)].into_iter().flatten().collect();
                let told = clipped(told.join(" ").trim());
                if found.as_ref().is_none_or(|(worst, _)| fate > *worst) {
                    found = Some((fate, told));
                }
            }
        }
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    found.map(|(fate, told)| Report::Delivery { fate, told })
}

fn fate(action: &str, status: Option<(u16, u16, u16)>) -> Option<Fate> {
    let word = action.split([' ', '\t', '(', ';']).next().unwrap_or_default();
    match word.to_ascii_lowercase().as_str() {
        "delivered" | "relayed" | "expanded" => Some(Fate::Delivered),
        "delayed" => Some(Fate::Delayed),
        "failed" => Some(match status {
            // The sender's own address is at fault.
            Some((5, 1, 7 | 8)) | Some((5, 7, _)) => Fate::Policy,
            Some((5, 1, _)) | Some((5, 2, 1)) => Fate::Hard,
            _ => Fate::Soft,
        }),
        _ => None,
    }
}

fn complaint(body: &[u8]) -> Option<Report> {
    let (fields, _) = split(body);
    let kind = clipped(field(&fields, "feedback-type")?).to_ascii_lowercase();
    Some(Report::Complaint { kind })
}

/// `5.1.1`, as RFC 3463 writes codes.
fn code(text: &str) -> Option<(u16, u16, u16)> {
    let mut numbers = text.trim().split(|c: char| c.is_whitespace() || c == '(').next()?.split('.');
    let mut next = || {
        let digits = numbers.next().filter(|digits| (1..=3).contains(&digits.len()))?;
        digits.parse::<u16>().ok()
    };
    let (class, subject, detail) = (next()?, next()?, next()?);
    (numbers.next().is_none() && [2, 4, 5].contains(&class)).then_some((class, subject, detail))
}

/// What stands between the boundaries.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let mark = format!("--{boundary}");
    let mut parts = Vec::new();
    let (mut begin, mut at) = (None, 0);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let after = at + line.len();
        if let Some(end) = line.strip_prefix(mark.as_bytes()) {
            let end = end.trim_ascii();
            if end.is_empty() || end == b"--" {
                if let Some(begin) = begin.replace(after) {
                    parts.push(&body[begin..at]);
                }
                if end == b"--" || parts.len() == MOST {
                    return parts;
                }
            }
        }
        at = after;
    }
    // A message that was cut off has no last boundary.
    parts.extend(begin.map(|begin| &body[begin..]));
    parts
}

fn decoded<'a>(body: &'a [u8], encoding: Option<&str>) -> std::borrow::Cow<'a, [u8]> {
    match encoding.map(str::to_ascii_lowercase).as_deref() {
        Some("base64") => {
            let letters: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            BASE64.decode(letters).map_or(body.into(), Into::into)
        }
        Some("quoted-printable") => quoted_printable(body).into(),
        _ => body.into(),
    }
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let digits = |two: &[u8]| std::str::from_utf8(two).ok().and_then(|two| u8::from_str_radix(two, 16).ok());
        match after {
            _ if *first != b'=' => out.push(*first),
            [b'\r', b'\n', after @ ..] | [b'\n', after @ ..] => rest = after,
            [high, low, after @ ..] if digits(&[*high, *low]).is_some() => {
                out.extend(digits(&[*high, *low]));
                rest = after;
            }
            _ => out.push(*first),
        }
    }
    out
}

/// At most so many characters, on one line.
fn clipped(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(fields: &str) -> Option<Report> {
        read(
            format!(
                "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"b=1\"\r\n\r\n\
                 hello\r\n--b=1\r\nContent-Type: text/plain\r\n\r\nIt failed.\r\n--b=1\r\n\
                 Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n{fields}\r\n--b=1--\r\n"
            )
            .as_bytes(),
        )
    }

    #[test]
    fn codes_say_how_bad_it_is() {
        for (status, diagnostic, wanted) in [
            ("5.1.1", "", Fate::Hard),
            ("5.2.1 (disabled)", "", Fate::Hard),
            ("5.1.8", "", Fate::Policy),
            ("5.7.26", "", Fate::Policy),
            ("5.2.2", "", Fate::Soft),
            ("4.4.7", "", Fate::Soft),
            ("5.0.0", "smtp; 550 5.1.1 <a@b.example>: no such user", Fate::Hard),
            ("5.0.0", "smtp;550-5.7.1 no", Fate::Policy),
            ("none", "smtp; it would not", Fate::Soft),
            ("5.1.1111", "", Fate::Soft),
        ] {
            let fields = format!(
                "Final-Recipient: rfc822; a@b.example\r\nAction: Failed\r\nStatus: {status}\r\nDiagnostic-Code: {diagnostic}\r\n"
            );
            let Some(Report::Delivery { fate, .. }) = report(&fields) else { panic!("{status}") };
            assert_eq!(fate, wanted, "{status} {diagnostic}");
        }
        let delayed = report("Action: delayed\r\nStatus: 4.4.1\r\n");
        assert!(matches!(delayed, Some(Report::Delivery { fate: Fate::Delayed, .. })), "{delayed:?}");
        // The worst of several recipients.
        let two = report(
            "Action: delivered\r\nStatus: 2.0.0\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550\r\n  no user\r\n",
        );
        assert_eq!(two, Some(Report::Delivery { fate: Fate::Hard, told: "5.1.1 smtp; 550 no user".to_owned() }));
        assert_eq!(report("Status: 5.1.1\r\n"), None);
        assert_eq!(report("Action: exploded\r\nStatus: 5.1.1\r\n"), None);
    }

    #[test]
    fn encoded_reports_are_read_too() {
        for (encoding, body) in [
            ("base64", BASE64.encode("Reporting-MTA: dns; mx\n\nAction: failed\nStatus: 5.1.1\n")),
            ("quoted-printable", "Reporting-MTA: dns; mx\n\nAction=3A fai=\nled\nStatus: 5.1.1\n".to_owned()),
        ] {
            let text = format!(
                "content-type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\
                 Content-Transfer-Encoding: {encoding}\n\n{body}\n--x--\n"
            );
            assert!(matches!(read(text.as_bytes()), Some(Report::Delivery { fate: Fate::Hard, .. })), "{encoding}");
        }
    }

    #[test]
    fn complaints_are_read() {
        let text = "Content-Type: multipart/report; report-type=feedback-report; boundary=x\n\n--x\n\
             Content-Type: message/feedback-report\n\nFeedback-Type: Abuse\nVersion: 1\n\n--x--\n";
        assert_eq!(read(text.as_bytes()), Some(Report::Complaint { kind: "abuse".to_owned() }));
    }

    #[test]
    fn whatever_else_arrives_is_no_report_and_harms_nothing() {
        let nested = "Content-Type: multipart/report; boundary=x\n\n--x\n".repeat(20_000);
        let many = format!("Content-Type: multipart/report; boundary=x\n\n{}", "--x\n\n".repeat(200_000));
        let fields = format!(
            "Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n{}",
            "a:\n\n".repeat(200_000)
        );
        let long = format!("Content-Type: multipart/report; boundary=\"{}\"\n\n", "x".repeat(500_000));
        for text in [
            "",
            "\n",
            ":",
            "no headers",
            "Subject: away\n\nI am away.",
            "Content-Type: multipart/report\n\n--",
            &nested,
            &many,
            &fields,
            &long,
        ] {
            assert_eq!(read(text.as_bytes()), None, "{}", &text[..text.len().min(60)]);
        }
        assert_eq!(read(&[0xff; 1000]), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, text in "(Content-Type: multipart/report; boundary=x\n\n)?(--x\n|=|A: b\n|\n|Action: failed\n|Content-Transfer-Encoding: base64\n|Content-Type: message/delivery-status\n|[a-z=5.1]{0,9}){0,40}") {
            read(&bytes);
            read(text.as_bytes());
        }
    }
}
