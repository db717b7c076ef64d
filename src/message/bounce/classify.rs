//! The decision: from a status and words to a reason.

use super::matching::{find, holds};
use super::phrases::{BEFORE_RECIPIENT, BEHIND_TEXT};
use super::status::{EnhancedStatus, ServerReply};
use super::{BounceReason, Severity};

/// How much of the words is read, in bytes: replies are short.
const LONGEST: usize = 16 << 10;

/// Why a mail was not delivered, by the status that a report gives beside the
/// words, and by the words, which may begin with a relay's own and hold a
/// server's reply. The reply's own status counts before the report's.
///
/// What may pass is never hard, nor is a refusal at another place of the
/// dialogue than where the recipient is named.
pub fn classify(status: Option<EnhancedStatus>, text: &str) -> BounceReason {
    let text = &text[..text.floor_char_boundary(LONGEST)];
    let reply = ServerReply::find(text);
    let specific = |status: &EnhancedStatus| !status.is_unspecific();
    let own = reply.status.filter(specific);
    let code = own.or(status.filter(specific)).or(reply.status).or(status);
    let temporary = match (own, reply.code) {
        (None, None) => code.is_some_and(|code| code.class == 4),
        _ => reply.is_temporary() || (own.is_none() && status.is_some_and(|status| status.class == 4)),
    };
    let words = normalize(reply.words);
    let reason = find(&words, code).unwrap_or_else(|| by_code(code));
    if reason.severity() != Severity::Hard {
        return reason;
    }
    match temporary {
        true if reason == BounceReason::DomainUnknown => BounceReason::Network,
        true => BounceReason::Unspecified,
        false => in_context(reason, text),
    }
}

/// A reason beside what else is said about when the server refused. Before the
/// recipient was named, it refused the sender. Behind the mail's text it had
/// taken the recipient already: filters pretend then that nobody is there.
pub fn in_context(reason: BounceReason, words: &str) -> BounceReason {
    if reason.severity() != Severity::Hard {
        return reason;
    }
    let words = &words[..words.floor_char_boundary(LONGEST)];
    let words = words.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| holds(&words, phrase));
    if says(BEFORE_RECIPIENT) {
        return BounceReason::SenderRejected;
    }
    if says(BEHIND_TEXT) { BounceReason::Unspecified } else { reason }
}

/// What a code alone says (RFC 3463, RFC 7504, RFC 7505 and the registry of
/// codes at IANA; 5.1.10 and 5.1.351 are Exchange Online's).
fn by_code(code: Option<EnhancedStatus>) -> BounceReason {
    use BounceReason::*;
    let Some(EnhancedStatus { class, subject, detail }) = code else { return Unspecified };
    match (class, subject, detail) {
        (5, 1, 0 | 1 | 3 | 10 | 351) => MailboxUnknown,
        (5, 1, 2) | (5, 4, 4) => DomainUnknown,
        (5, 1, 6) => MailboxMoved,
        (5, 1, 7..=9) => SenderRejected,
        (5, 2, 1) => MailboxDisabled,
        (_, 2, 2) => MailboxFull,
        (_, 2, 3) | (_, 3, 4) => MessageTooLarge,
        (5, 7, 13) => MailboxSuspended,
        (5, 7, 20..=27) => SenderAuthentication,
        (_, 7, _) => Policy,
        (_, 6, _) => Content,
        (_, 4, _) => Network,
        (_, 3, _) => System,
        _ => Unspecified,
    }
}

/// The words in lower case and on one line, without addresses and without the
/// codes that begin each line of a long reply.
fn normalize(text: &str) -> String {
    let text = text.to_lowercase().replace(['\u{2018}', '\u{2019}'], "'");
    let mut words = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let is_code =
            word.chars().all(|c| c.is_ascii_digit() || ".-#".contains(c)) && word.starts_with(['4', '5', '#']);
        if !is_code && !word.contains('@') {
            words.push_str(word);
            words.push(' ');
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words are ours, after the kinds that servers write.
    #[test]
    fn words_decide_before_codes() {
        use BounceReason::*;
        for (status, text, wanted) in [
            // The status alone.
            ("5.1.1", "", MailboxUnknown),
            ("5.1.2", "", DomainUnknown),
            ("5.2.1 (disabled)", "", MailboxDisabled),
            ("5.1.8", "", SenderRejected),
            ("5.7.26", "", SenderAuthentication),
            ("5.7.1", "", Policy),
            ("5.2.2", "", MailboxFull),
            ("4.4.7", "", Network),
            ("5.1.1111", "", Unspecified),
            ("none", "smtp; it would not", Unspecified),
            // The reply's own code counts before the report's.
            ("5.0.0", "smtp; 550 5.1.1 <a@b.example>: no", MailboxUnknown),
            ("5.0.0", "smtp;550-5.7.1 no", Policy),
            ("5.1.1", "smtp; 550 5.7.1 not from you", Policy),
            ("5.0.0", "smtp; 5.1.0 - Unknown address error 550-'5.2.2 <a@b.example>... no room'", MailboxFull),
            ("5.0.0", "smtp; 550 #5.1.0 address rejected", MailboxUnknown),
            ("5.0.0", "smtp; 550 sorry, nobody here (#5.1.1)", MailboxUnknown),
            // Words against the code.
            ("5.1.0", "smtp; 550-5.1.0 your domain is on a block list, see https://rbl.example", BlockList),
            ("5.1.0", "550 5.1.0 the SPF record of acme.example does not allow 192.0.2.9", SenderAuthentication),
            ("5.2.1", "550-5.2.1 this user is receiving mail at too high a rate just now", RateLimited),
            ("5.1.1", "550 5.1.1 over quota", MailboxFull),
            ("5.7.1", "550 5.7.1 <a@b.example>: Recipient address rejected: User unknown", MailboxUnknown),
            ("5.1.8", "553 5.1.8 <a@b.example>... Domain of sender address does not exist", SenderRejected),
            ("5.0.0", "smtp; 550 <a@b.example>: User unknown", MailboxUnknown),
            ("5.0.0", "550-The account that you tried to\r\n550-5.0.0 reach does not exist", MailboxUnknown),
            ("5.4.4", "X-Postfix; Host or domain name not found: b.example", DomainUnknown),
            ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied.", MailboxUnknown),
            ("5.7.1", "550 5.7.1 <a@b.example>: Recipient address rejected: Access denied", Policy),
            ("5.4.1", "550 5.4.1 the door is closed", Network),
            // What may pass is not hard.
            ("4.1.1", "450 4.1.1 User unknown", Unspecified),
            ("4.0.0", "smtp; DNS lookup: NXDOMAIN, domain name not found", Network),
            ("5.1.1", "450 User unknown", Unspecified),
            // Nor is a refusal before the recipient was named.
            ("5.1.1", "host mx.b.example said: 550 user unknown (in reply to MAIL FROM command)", SenderRejected),
            ("", "SMTP error after MAIL FROM:<a@b.example>: 553 5.1.0 b.example does not exist", SenderRejected),
            // Nor one behind the text.
            ("5.0.0", "host mx.b.example said: 550 unknown user (in reply to end of DATA command)", Unspecified),
        ] {
            assert_eq!(classify(EnhancedStatus::parse(status), text), wanted, "{status} {text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_words_have_a_reason(text: String, mixed in "(550|5\\.1\\.1|user unknown|[ -~é]{0,4}| ){0,30}") {
            classify(None, &text);
            classify(EnhancedStatus::parse("5.1.1"), &mixed);
        }
    }
}
