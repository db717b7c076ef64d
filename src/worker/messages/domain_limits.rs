//! One domain that takes no mail, or takes it slowly, holds up no other.
//!
//! All mail goes to one relay, whose connections everybody shares: an attempt
//! for which the relay waits, on a domain that does not answer, has one of them
//! for minutes. So each domain (of a webhook: each host) has few attempts under
//! way at once, gains room while it takes what it gets, and loses it when it
//! does not. What finds none waits for its turn; when there is none in sight,
//! it goes back to the outbox, without having been tried.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::clock::{Deadline, Instant};
use crate::delivery::Outcome;

/// Under way at once to a domain that nothing is known of. Postfix begins with
/// 5 to the domain itself; behind a relay they are worth less.
const FIRST: usize = 2;

/// So many failures in a row, and no attempt is made for a while. Postfix takes
/// one failed round of its connections.
const FAILURES: u32 = 3;

/// How long the first such while is; each doubles. A greylisting server wants
/// to be asked again after some minutes (RFC 6647, section 4.1).
const PAUSE: chrono::Duration = chrono::Duration::minutes(1);

/// The longest: about as long as the first waits between two attempts of the
/// same message.
const LONGEST: chrono::Duration = chrono::Duration::minutes(16);

/// An attempt takes longer than usual.
const SLOW: Duration = Duration::from_secs(15);

/// More domains than this are forgotten as soon as nothing is under way.
const REMEMBERED: usize = 10_000;

/// What is known of each domain, by this process.
#[derive(Clone)]
pub struct Domains {
    known: Arc<Mutex<HashMap<String, Domain>>>,
    /// Told when an attempt has ended.
    changed: Arc<Notify>,
    slow: Duration,
}

struct Domain {
    /// How many may be under way at once.
    room: usize,
    /// Those under way, by their numbers, and when each that has begun will be slow.
    under_way: Vec<(u64, Option<Deadline>)>,
    given: u64,
    /// In a row: since the last success, and of those given out since it closed.
    failures: u32,
    /// Nothing is tried before this, and why.
    closed: Option<(Instant, String)>,
    /// How many had been given out when it closed last.
    given_before: u64,
}

/// Whether a message may be tried now.
#[derive(Debug)]
pub enum SendPermit {
    Now(InFlight),
    /// As soon as another attempt has ended.
    Wait,
    /// Not before this instant, for this reason.
    Later {
        at: Instant,
        reason: String,
    },
}

/// One attempt under way.
pub struct InFlight {
    domains: Domains,
    domain: String,
    number: u64,
}

impl Default for Domains {
    fn default() -> Domains {
        Domains::slow_after(SLOW)
    }
}

impl Domains {
    /// Calls an attempt slow after so long.
    pub fn slow_after(slow: Duration) -> Domains {
        Domains { known: Arc::default(), changed: Arc::default(), slow }
    }

    /// Asks for the turn of a message. At most half of the `connections` are
    /// for one domain, so that none takes them all.
    pub fn ask(&self, name: &str, connections: usize, now: Instant) -> SendPermit {
        if let Some((at, reason)) = self.closed(name, now) {
            return SendPermit::Later { at, reason };
        }
        let mut known = self.lock();
        let domain = known.entry(name.to_owned()).or_default();
        domain.room = domain.room.min(connections.div_ceil(2)).max(1);
        if domain.under_way.len() >= domain.room {
            return SendPermit::Wait;
        }
        domain.given += 1;
        let number = domain.given;
        domain.under_way.push((number, None));
        SendPermit::Now(InFlight { domains: self.clone(), domain: name.to_owned(), number })
    }

    /// Whether nothing of a domain is tried now: until when, and why.
    pub fn closed(&self, name: &str, now: Instant) -> Option<(Instant, String)> {
        let known = self.lock();
        let domain = known.get(name)?;
        if let Some((until, why)) = domain.closed.as_ref().filter(|(until, _)| *until > now) {
            return Some((*until, format!("waits for {name}: {why}")));
        }
        let slow = domain.under_way.iter().any(|(_, slow)| slow.is_some_and(Deadline::has_passed));
        slow.then(|| (now + PAUSE, format!("waits for {name}, which has not answered yet")))
    }

    /// Completes when an attempt has ended after this was called.
    pub fn changed(&self) -> OwnedNotified {
        self.changed.clone().notified_owned()
    }

    fn begin(&self, name: &str, number: u64) {
        let slow = Deadline::after(self.slow);
        let mut known = self.lock();
        let under_way = known.get_mut(name).map(|domain| &mut domain.under_way).into_iter().flatten();
        under_way.filter(|(other, _)| *other == number).for_each(|(_, at)| *at = Some(slow));
    }

    fn end(&self, name: &str, number: u64, outcome: Option<&Outcome>, now: Instant) {
        let mut known = self.lock();
        if let Some(domain) = known.get_mut(name) {
            domain.under_way.retain(|(under_way, _)| *under_way != number);
            match outcome {
                Some(Outcome::Accepted { .. } | Outcome::Captured) => domain.succeeded(),
                Some(Outcome::Deferred { reply: why } | Outcome::AskedToWait { reply: why, .. }) => {
                    domain.failed(number, why, now);
                }
                Some(Outcome::Unknown { what }) => domain.failed(number, what, now),
                // About one message, about the relay, or nothing was tried.
                _ => {}
            }
        }
        if known.len() > REMEMBERED {
            known.retain(|_, domain| !domain.under_way.is_empty() || domain.closed.is_some());
        }
        drop(known);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Domain>> {
        // Nothing that holds the lock can panic half-way.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Domain {
    fn default() -> Domain {
        Domain { room: FIRST, under_way: Vec::new(), given: 0, failures: 0, closed: None, given_before: 0 }
    }
}

impl Domain {
    fn succeeded(&mut self) {
        self.room += 1;
        self.failures = 0;
        self.closed = None;
    }

    fn failed(&mut self, number: u64, why: &str, now: Instant) {
        // What was under way when it closed says the same once more.
        if number <= self.given_before {
            return;
        }
        self.failures += 1;
        self.room = (self.room / 2).max(1);
        if let Some(doubled) = self.failures.checked_sub(FAILURES) {
            let pause = (PAUSE * (1 << doubled.min(4))).min(LONGEST);
            self.closed = Some((now + pause, why.to_owned()));
            self.given_before = self.given;
            // One finds out whether it is better.
            self.room = 1;
        }
    }
}

impl InFlight {
    /// The attempt begins, now that a connection is free for it.
    pub fn begin(&self) {
        self.domains.begin(&self.domain, self.number);
    }

    /// The attempt has ended, at this instant.
    pub fn end(self, outcome: &Outcome, now: Instant) {
        self.domains.end(&self.domain, self.number, Some(outcome), now);
    }
}

impl Drop for InFlight {
    /// Without a word it has told nothing.
    fn drop(&mut self) {
        self.domains.end(&self.domain, self.number, None, Instant::default());
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InFlight({} {})", self.domain, self.number)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn at(minutes: i64) -> Instant {
        Instant::default() + chrono::Duration::minutes(minutes)
    }

    pub fn taken() -> Outcome {
        Outcome::Accepted { reply: "250 ok".to_owned() }
    }

    pub fn refused() -> Outcome {
        Outcome::Deferred { reply: "451 later".to_owned() }
    }

    /// As many passes as there are now.
    fn passes(domains: &Domains, name: &str, now: Instant) -> Vec<InFlight> {
        std::iter::from_fn(|| match domains.ask(name, 8, now) {
            SendPermit::Now(pass) => Some(pass),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn room_grows_with_success_to_half_of_the_connections_and_shrinks_with_failure() {
        let domains = Domains::default();
        let mut seen = Vec::new();
        for outcome in [taken(), taken(), refused(), taken()] {
            let passes = passes(&domains, "a.example", at(0));
            seen.push(passes.len());
            for pass in passes.into_iter().take(2) {
                pass.end(&outcome, at(0));
            }
        }
        // Two successes each time; two failures halve it twice.
        assert_eq!(seen, [2, 4, 4, 1]);
        assert_eq!(passes(&domains, "other.example", at(0)).len(), 2);
    }

    #[test]
    fn three_failures_in_a_row_close_a_domain_for_longer_each_time() {
        let domains = Domains::default();
        let fail = |now| match domains.ask("a.example", 8, now) {
            SendPermit::Now(pass) => pass.end(&refused(), now),
            turn => panic!("{turn:?}"),
        };
        let until = |now| domains.closed("a.example", now).map(|(until, _)| (until - at(0)).num_minutes());
        fail(at(0));
        fail(at(0));
        assert_eq!(until(at(0)), None);
        fail(at(0));
        assert_eq!(until(at(0)), Some(1));
        let (_, reason) = domains.closed("a.example", at(0)).expect("it is closed");
        assert_eq!(reason, "waits for a.example: 451 later");
        // One at a time finds out whether it is better.
        let mut now = 1;
        for pause in [2, 4, 8, 16, 16] {
            assert_eq!(until(at(now)), None);
            fail(at(now));
            assert_eq!(until(at(now)), Some(now + pause));
            now += pause;
        }
        let probes = passes(&domains, "a.example", at(now));
        assert_eq!(probes.len(), 1);
        probes.into_iter().for_each(|probe| probe.end(&taken(), at(now)));
        assert_eq!(until(at(now)), None);
        assert_eq!(passes(&domains, "a.example", at(now)).len(), 2);
    }

    #[test]
    fn a_burst_of_failures_closes_a_domain_once() {
        let domains = Domains::default();
        for _ in 0..100 {
            let SendPermit::Now(pass) = domains.ask("a.example", 64, at(0)) else { panic!("there is room") };
            pass.end(&taken(), at(0));
        }
        let burst = passes(&domains, "a.example", at(0));
        assert_eq!(burst.len(), 4);
        burst.into_iter().for_each(|pass| pass.end(&refused(), at(0)));
        assert!(domains.closed("a.example", at(0)).is_some_and(|(until, _)| until == at(1)));
        let probes = passes(&domains, "a.example", at(1));
        assert_eq!(probes.len(), 1);
        probes.into_iter().for_each(|probe| probe.end(&refused(), at(1)));
        assert!(domains.closed("a.example", at(1)).is_some_and(|(until, _)| until == at(3)));
    }

    #[test]
    fn behind_a_silent_attempt_nothing_is_tried() {
        let domains = Domains::slow_after(Duration::ZERO);
        let SendPermit::Now(silent) = domains.ask("a.example", 8, at(0)) else { panic!("there is room") };
        let SendPermit::Now(waits) = domains.ask("a.example", 8, at(0)) else {
            panic!("a wait for ourselves tells nothing")
        };
        drop(waits);
        silent.begin();
        let SendPermit::Later { at: until, reason } = domains.ask("a.example", 8, at(0)) else { panic!("it is slow") };
        assert_eq!((until, reason.as_str()), (at(1), "waits for a.example, which has not answered yet"));
        drop(silent);
        assert!(matches!(domains.ask("a.example", 8, at(0)), SendPermit::Now(_)));
    }
}
