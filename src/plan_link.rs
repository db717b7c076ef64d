//! Links to the pages on which customers see their success plans.
//!
//! A token says of which account and plan its page is and on which day it ends, and is
//! signed. Nobody can make one up, and none leads to another account's plan. Account and
//! plan stand in it in hexadecimal, so that nothing in a link breaks on its way.

use std::fmt;

use crate::clock::Instant;
use crate::signature::{Signed, hex, is_keyed, keyed, unhex};

/// On how many days after that of its making a link leads to its page.
pub const LINK_DAYS: i64 = 180;

/// Where the pages are, before their tokens.
pub const PLAN_PATH: &str = "/g";

/// Makes links and reads their tokens.
#[derive(Clone)]
pub struct PlanLinks {
    /// Where customers reach their pages, without a slash at the end.
    public_url: String,
    secret: Vec<u8>,
}

impl fmt::Debug for PlanLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlanLinks").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedPlan {
    pub account: String,
    pub plan: String,
    /// The last day in UTC, counted from 1970.
    last_day: i64,
}

impl LinkedPlan {
    /// Whether its time is over.
    pub fn is_over(&self, now: Instant) -> bool {
        day(now) > self.last_day
    }
}

impl PlanLinks {
    /// Links of an installation with this secret, below this address.
    pub fn new(public_url: &str, secret: &[u8]) -> PlanLinks {
        PlanLinks { public_url: public_url.trim_end_matches('/').to_owned(), secret: secret.to_owned() }
    }

    /// Links that lead nowhere, for texts that nobody is sent.
    pub fn example() -> PlanLinks {
        PlanLinks::new("https://success.example", b"")
    }

    /// A link to the page of an account's plan that is made at an instant: the same for a day.
    pub fn link(&self, account: &str, plan: &str, now: Instant) -> String {
        let claim = format!("{}.{}.{}", hex(account.as_bytes()), hex(plan.as_bytes()), day(now) + LINK_DAYS);
        let signature = keyed(&self.secret, "plan", &claim);
        format!("{}{PLAN_PATH}/{claim}.{signature}", self.public_url)
    }

    /// What a token says; `None` where it is not ours.
    pub fn read(&self, token: &str) -> Option<LinkedPlan> {
        let (claim, signature) = token.rsplit_once('.')?;
        if !is_keyed(&self.secret, "plan", Signed { text: claim, signature }) {
            return None;
        }
        let mut parts = claim.split('.');
        let mut text = || String::from_utf8(unhex(parts.next()?)?).ok();
        let (account, plan) = (text()?, text()?);
        Some(LinkedPlan { account, plan, last_day: parts.next()?.parse().ok()? })
    }
}

fn day(at: Instant) -> i64 {
    at.timestamp().div_euclid(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_link_says_whose_plan_it_is_and_for_how_long() {
        let links = PlanLinks::new("https://success.acme.example/", b"secret");
        let link = links.link("Müller & Sohn", "first-success", at("2026-03-02T23:59:59Z"));
        assert_eq!(link, links.link("Müller & Sohn", "first-success", at("2026-03-02T00:00:00Z")));
        let token = link.strip_prefix("https://success.acme.example/g/").expect("it stands below the address");
        assert!(token.chars().all(|c| c == '.' || c.is_ascii_digit() || c.is_ascii_lowercase()), "{token}");
        let read = links.read(token).expect("it is ours");
        assert_eq!((read.account.as_str(), read.plan.as_str()), ("Müller & Sohn", "first-success"));
        assert!(!read.is_over(at("2026-08-29T23:59:59Z")));
        assert!(read.is_over(at("2026-08-30T00:00:00Z")));
    }

    #[test]
    fn what_was_changed_in_a_link_is_not_ours() {
        let links = PlanLinks::new("", b"secret");
        let link = links.link("a1", "p", at("2026-03-02T09:00:00Z"));
        let token = link.strip_prefix("/g/").expect("it stands below the address");
        let (claim, signature) = token.rsplit_once('.').expect("it is signed");
        let mut parts = claim.split('.');
        let (account, plan, day) =
            (parts.next().expect("one"), parts.next().expect("two"), parts.next().expect("three"));
        for forged in [
            format!("{}.{plan}.{day}.{signature}", hex(b"a2")),
            format!("{account}.{}.{day}.{signature}", hex(b"q")),
            format!("{account}.{plan}.99999.{signature}"),
            format!("{account}{plan}..{day}.{signature}"),
            format!("{claim}.{}", "0".repeat(64)),
            format!("{claim}."),
            claim.to_owned(),
            String::new(),
            keyed(b"secret", "unsubscribe", claim),
        ] {
            assert_eq!(links.read(&forged), None, "{forged}");
        }
        assert!(PlanLinks::new("", b"other").read(token).is_none());
        assert!(links.read(token).is_some());
    }
}
