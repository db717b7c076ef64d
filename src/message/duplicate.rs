//! When a mail only repeats another one: its step has said the same about the
//! same account to the same address within a day, under whatever contact.
//!
//! A mail about another account, or with other words, is no duplicate, and a
//! transactional one never is: each of them says something that somebody has
//! to know.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::message::class::Class;

/// How long a step does not repeat itself.
pub const WINDOW: TimeDelta = TimeDelta::hours(24);

/// The reason that people read.
pub const REASON: &str = "duplicate address";

/// Whether mail of a class is ever dropped as a duplicate.
pub fn may_be_dropped(class: Class) -> bool {
    class != Class::Transactional
}

/// What two mails of one step about one account have in common when one repeats
/// the other: their words, without footers and links that each has for itself.
pub fn fingerprint(subject: &str, body: &str) -> Uuid {
    let mut digest = Sha256::new();
    for part in [subject, body] {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.finalize()).for_each(|(byte, of_digest)| *byte = of_digest);
    Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_from_others() {
        let one = fingerprint("Hello", "Ann");
        assert_eq!(one, fingerprint("Hello", "Ann"));
        for (subject, body) in [("Hell", "oAnn"), ("Hello", "ann"), ("HelloAnn", "")] {
            assert_ne!(one, fingerprint(subject, body));
        }
    }
}
