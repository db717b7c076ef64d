//! Identities are derived, not drawn.
//!
//! Replaying a decision yields the same ids, so a repeated insert collides on
//! purpose and the database's unique indexes decide what happened once.

use uuid::Uuid;

use crate::clock::Instant;

const NAMESPACE: Uuid = Uuid::from_bytes(*b"keepwell-ids-v1.");

/// The id of a playbook, where it stands beside other ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaybookId<'a>(pub &'a str);

/// The id of a revision of a playbook: the hash of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevisionId<'a>(pub &'a str);

/// The id of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountId<'a>(pub &'a str);

/// The id of a contact within its account; empty where the account is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContactId<'a>(pub &'a str);

/// Who acts, by the name they give or the machine knows them by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor<'a>(pub &'a str);

/// A person's word, as the audit keeps it.
#[derive(Clone, Copy, Debug)]
pub struct Word<'a> {
    pub by: Actor<'a>,
    /// Why, in their own words, where they say it.
    pub because: Option<&'a str>,
    pub at: Instant,
}

impl<'a> Word<'a> {
    /// Of somebody who does not say why.
    pub fn new(by: Actor<'a>, at: Instant) -> Word<'a> {
        Word { by, because: None, at }
    }

    /// The same with a reason, as far as it says anything.
    pub fn because(self, reason: Option<&'a str>) -> Word<'a> {
        Word { because: reason.map(str::trim).filter(|reason| !reason.is_empty()), ..self }
    }
}

/// The id of a subject's way through a playbook. `entry_key` tells repeated
/// enrollments of one subject apart.
pub fn enrollment(playbook: PlaybookId<'_>, account: AccountId<'_>, contact: ContactId<'_>, entry_key: &str) -> Uuid {
    derive(&["enrollment", playbook.0, account.0, contact.0, entry_key])
}

/// The id of one consequence of one step: `ordinal` numbers the effects of a
/// step's visit from 0.
pub fn effect(enrollment: Uuid, step: &str, visit: i32, ordinal: usize) -> Uuid {
    derive(&["effect", &enrollment.to_string(), step, &visit.to_string(), &ordinal.to_string()])
}

/// The id of a notice that belongs to no enrollment, for example an alert
/// about a held run. The same words give the same id.
pub fn notice(parts: &[&str]) -> Uuid {
    let mut all = vec!["notice"];
    all.extend_from_slice(parts);
    derive(&all)
}

/// A number below `below`, always the same for the same parts and spread
/// evenly over others; 0 when `below` is 0.
pub fn share(parts: &[&str], below: u64) -> u64 {
    let mut all = vec!["share"];
    all.extend_from_slice(parts);
    let (number, _) = derive(&all).as_u64_pair();
    // The low bits of the first half hold the version.
    (number >> 16).checked_rem(below).unwrap_or(0)
}

fn derive(parts: &[&str]) -> Uuid {
    // Length prefixes keep ("a", "bc") and ("ab", "c") apart.
    let mut name = String::new();
    for part in parts {
        name.push_str(&part.len().to_string());
        name.push(':');
        name.push_str(part);
    }
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_spread_evenly() {
        let mut seen = [0; 10];
        for account in 0..1_000 {
            seen[share(&[&account.to_string()], 10) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (60..140).contains(count)), "{seen:?}");
        assert_eq!(share(&["a"], 0), 0);
    }

    #[test]
    fn parts_do_not_run_together() {
        let id = |playbook, account, key| enrollment(PlaybookId(playbook), AccountId(account), ContactId(""), key);
        assert_ne!(id("a", "bc", ""), id("ab", "c", ""));
        assert_eq!(id("a", "b", "k"), id("a", "b", "k"));
    }
}
