//! What an attempt's outcome makes of its message.

use chrono::TimeDelta;

use crate::clock::Instant;
use crate::message::bounce::BounceReason;
use crate::message::channel::Channel;
use crate::message::gate::Wait;
use crate::message::refusal::Refusal;
use crate::message::state::State;

/// How one attempt ended. Texts are at most about 500 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The relay has it.
    Accepted { reply: String },
    /// Not sent: the mail is kept by us.
    Captured,
    /// Not sent; another attempt may succeed.
    Deferred { reply: String },
    /// Not taken: the receiver asked to be left alone for these seconds.
    AskedToWait { reply: String, seconds: u64 },
    /// Not taken, and no further attempt is made.
    Failed { reply: String },
    /// Not sent; another attempt would fail as well. `reason` is why, where the
    /// server refused the recipient's address.
    Rejected { reply: String, reason: Option<BounceReason> },
    /// Nobody knows. Never sent again by the machine.
    Unknown { what: String },
    /// Not sent: the mark said no, for this reason.
    NotMarked(Refusal),
    /// Not sent; whether the mark was recorded has to be looked up.
    MarkUnclear,
    /// Not sent: the relay cannot be reached, or not be used as configured, TLS
    /// or login, which only a person can mend. Says nothing about the message,
    /// so no attempt is used up.
    ChannelDown { why: String, misfit: bool },
}

impl Outcome {
    /// The server's words.
    pub fn reply(&self) -> Option<&str> {
        match self {
            Outcome::Accepted { reply }
            | Outcome::Deferred { reply }
            | Outcome::AskedToWait { reply, .. }
            | Outcome::Failed { reply }
            | Outcome::Rejected { reply, .. } => Some(reply),
            Outcome::Unknown { what } => Some(what),
            Outcome::ChannelDown { why, .. } => Some(why),
            Outcome::Captured | Outcome::NotMarked(_) | Outcome::MarkUnclear => None,
        }
    }
}

/// What is known of a body that may have left, as it stands in the column
/// `outcome` and beside each attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    Accepted,
    Rejected,
    Deferred,
    Unknown,
}

impl Fact {
    pub const ALL: [Fact; 4] = [Fact::Accepted, Fact::Rejected, Fact::Deferred, Fact::Unknown];

    /// The word in the database.
    pub fn name(self) -> &'static str {
        match self {
            Fact::Accepted => "accepted",
            Fact::Rejected => "rejected",
            Fact::Deferred => "deferred",
            Fact::Unknown => "unknown",
        }
    }
}

/// How a claimed message ends or goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// Ended in this state; `fact` is `None` when nothing was tried.
    Ended { state: State, reason: Option<String>, fact: Option<Fact> },
    /// Looked at again at this instant; a known failure if anything was tried,
    /// so the marker is lifted. `counts` says whether an attempt is used up.
    Deferred { next_at: Instant, reason: String, counts: bool, wait: Wait },
}

impl Settled {
    /// Ended before anything was tried.
    pub fn untried(state: State, reason: Option<String>) -> Settled {
        Settled::Ended { state, reason, fact: None }
    }

    /// Put back before anything was tried.
    pub fn later(next_at: Instant, reason: String) -> Settled {
        Settled::Deferred { next_at, reason, counts: false, wait: Wait::Retry }
    }

    /// The state it is in now.
    pub fn state(&self) -> State {
        match self {
            Settled::Ended { state, .. } => *state,
            Settled::Deferred { .. } => State::Deferred,
        }
    }

    /// Whether it waits to be claimed again.
    pub fn is_deferred(&self) -> bool {
        matches!(self, Settled::Deferred { .. })
    }

    /// Whether a place in the budget, if it had one, is free again.
    pub fn frees_budget(&self) -> bool {
        match self {
            Settled::Ended { state, .. } => !state.uses_budget(),
            Settled::Deferred { wait, .. } => *wait == Wait::Retry,
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            Settled::Ended { reason, .. } => reason.as_deref(),
            Settled::Deferred { reason, .. } => Some(reason),
        }
    }

    pub fn fact(&self) -> Option<Fact> {
        match self {
            Settled::Ended { fact, .. } => *fact,
            Settled::Deferred { .. } => None,
        }
    }

    /// When it is looked at again.
    pub fn next_at(&self) -> Option<Instant> {
        match self {
            Settled::Ended { .. } => None,
            Settled::Deferred { next_at, .. } => Some(*next_at),
        }
    }

    /// What it waits for.
    pub fn wait(&self) -> Option<Wait> {
        match self {
            Settled::Ended { .. } => None,
            Settled::Deferred { wait, .. } => Some(*wait),
        }
    }

    /// Whether something was tried, so that there is an attempt to record.
    pub fn was_tried(&self) -> bool {
        match self {
            Settled::Ended { fact, .. } => fact.is_some(),
            Settled::Deferred { counts, .. } => *counts,
        }
    }
}

/// A message of which an attempt ended.
#[derive(Clone, Copy, Debug)]
pub struct Attempted {
    pub channel: Channel,
    /// Which attempt it was, counted from 1.
    pub attempt: i32,
    pub valid_until: Instant,
    /// When it ended.
    pub ended: Instant,
}

/// How a message goes on after an attempt; `None` when somebody else says so,
/// who has it by now. `jitter`, around 1.0, spreads retries.
pub fn settle(outcome: &Outcome, of: &Attempted, jitter: f64) -> Option<Settled> {
    let ended = |state, reason: Option<&str>, fact| {
        Some(Settled::Ended { state, reason: reason.map(str::to_owned), fact: Some(fact) })
    };
    let later = |next_at, reason: &str| Some(Settled::later(next_at, reason.to_owned()));
    match outcome {
        Outcome::Accepted { .. } => ended(State::Accepted, None, Fact::Accepted),
        Outcome::Captured => ended(State::Captured, None, Fact::Accepted),
        Outcome::Rejected { reply, .. } => ended(State::Rejected, Some(reply), Fact::Rejected),
        Outcome::Failed { reply } => ended(State::Failed, Some(reply), Fact::Rejected),
        Outcome::Unknown { what } => ended(State::Unknown, Some(what), Fact::Unknown),
        Outcome::Deferred { reply } | Outcome::AskedToWait { reply, .. } => {
            let next_at = of.ended + until_next(outcome, of, jitter);
            match next_at > of.valid_until {
                true => ended(State::Expired, Some(reply), Fact::Deferred),
                false => Some(Settled::Deferred { next_at, reason: reply.clone(), counts: true, wait: Wait::Retry }),
            }
        }
        Outcome::NotMarked(why @ Refusal::Suppressed) => {
            Some(Settled::untried(State::Suppressed, Some(why.to_string())))
        }
        Outcome::NotMarked(Refusal::NotOurs) => None,
        Outcome::NotMarked(why) => later(of.ended, &why.to_string()),
        // Marked or not, nothing has left: it may go again.
        Outcome::MarkUnclear => later(of.ended, "the database did not answer before it left"),
        Outcome::ChannelDown { why, misfit: true } => later(of.ended, why),
        Outcome::ChannelDown { why, misfit: false } => later(of.ended + CHANNEL_DOWN, why),
    }
}

/// When a channel that could not be reached is tried again.
const CHANNEL_DOWN: TimeDelta = TimeDelta::minutes(5);

/// How long to wait after an attempt that failed: as long as its channel does,
/// and no less than was asked for.
fn until_next(outcome: &Outcome, of: &Attempted, jitter: f64) -> TimeDelta {
    let attempt = u32::try_from(of.attempt.max(1)).unwrap_or(1);
    let usual = of.channel.retry_after(attempt, jitter);
    match outcome {
        Outcome::AskedToWait { seconds, .. } if of.channel.names_its_pace() => at_most_a_month(*seconds),
        Outcome::AskedToWait { seconds, .. } => usual.max(at_most_a_month(*seconds)),
        _ => usual,
    }
}

/// These seconds, but no more than a month, which is longer than anything
/// stays valid.
fn at_most_a_month(seconds: u64) -> TimeDelta {
    TimeDelta::seconds(i64::try_from(seconds.min(30 * 86_400)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().expect("an instant")
    }

    /// `state`, when it is looked at again, `counts` and the fact, as text.
    fn settled(channel: Channel, attempt: i32, outcome: &Outcome) -> String {
        let ended = at("2026-03-02T09:00:00Z");
        let of = Attempted { channel, attempt, valid_until: at("2026-03-02T12:00:00Z"), ended };
        match settle(outcome, &of, 1.0) {
            None => "nothing".to_owned(),
            Some(settled) => {
                let next =
                    settled.next_at().map_or("-".to_owned(), |next| format!("+{}s", (next - ended).num_seconds()));
                let fact = settled.fact().map_or("-", Fact::name);
                let tried = if settled.was_tried() { "tried" } else { "untried" };
                let frees = if settled.frees_budget() { "frees" } else { "keeps" };
                format!("{} {next} {fact} {tried} {frees} {}", settled.state(), settled.reason().unwrap_or("-"))
            }
        }
    }

    #[test]
    fn what_an_answer_makes_of_a_message() {
        use Channel::{Email, Notice, Slack, Webhook};
        let reply = || "said".to_owned();
        let wait = |seconds| Outcome::AskedToWait { reply: reply(), seconds };
        let deferred = || Outcome::Deferred { reply: reply() };
        let down = |misfit| Outcome::ChannelDown { why: reply(), misfit };
        for (channel, attempt, outcome, expected) in [
            (Email, 1, Outcome::Accepted { reply: reply() }, "accepted - accepted tried keeps -"),
            (Email, 1, Outcome::Captured, "captured - accepted tried keeps -"),
            (Email, 1, Outcome::Rejected { reply: reply(), reason: None }, "rejected - rejected tried frees said"),
            (Webhook, 1, Outcome::Failed { reply: reply() }, "failed - rejected tried frees said"),
            (Email, 1, Outcome::Unknown { what: reply() }, "unknown - unknown tried keeps said"),
            // Deferred: longer from attempt to attempt, each channel in its way.
            (Email, 1, deferred(), "deferred +300s - tried frees said"),
            (Email, 6, deferred(), "deferred +7200s - tried frees said"),
            (Notice, 2, deferred(), "deferred +600s - tried frees said"),
            (Webhook, 1, deferred(), "deferred +5s - tried frees said"),
            (Slack, 1, deferred(), "deferred +300s - tried frees said"),
            // What would come after its validity is not tried.
            (Webhook, 6, deferred(), "expired - deferred tried frees said"),
            // Asked to wait: no less than the channel's own time, but for Slack.
            (Email, 1, wait(60), "deferred +300s - tried frees said"),
            (Email, 1, wait(900), "deferred +900s - tried frees said"),
            (Slack, 1, wait(60), "deferred +60s - tried frees said"),
            (Slack, 1, wait(u64::MAX), "expired - deferred tried frees said"),
            // Nothing was tried.
            (Email, 1, Outcome::NotMarked(Refusal::Suppressed), "suppressed - - untried frees suppressed"),
            (Email, 1, Outcome::NotMarked(Refusal::NotOurs), "nothing"),
            (Email, 1, Outcome::NotMarked(Refusal::Stopped), "deferred +0s - untried frees stopped"),
            (
                Email,
                1,
                Outcome::NotMarked(Refusal::OtherSurvey),
                "deferred +0s - untried frees another survey asks the contact first",
            ),
            (Email, 1, Outcome::NotMarked(Refusal::Stopping), "deferred +0s - untried frees stopping"),
            (Email, 1, Outcome::NotMarked(Refusal::Stale), "deferred +0s - untried frees looked at too long ago"),
            (Email, 1, Outcome::MarkUnclear, "deferred +0s - untried frees the database did not answer before it left"),
            (Email, 1, down(true), "deferred +0s - untried frees said"),
            (Email, 1, down(false), "deferred +300s - untried frees said"),
        ] {
            assert_eq!(settled(channel, attempt, &outcome), expected, "{outcome:?}");
        }
    }

    #[test]
    fn the_last_retry_is_at_the_end_of_its_validity() {
        let ended = at("2026-03-02T09:00:00Z");
        let of = |minutes| Attempted {
            channel: Channel::Email,
            attempt: 1,
            valid_until: ended + TimeDelta::minutes(minutes),
            ended,
        };
        let deferred = Outcome::Deferred { reply: "later".to_owned() };
        assert!(settle(&deferred, &of(5), 1.0).is_some_and(|settled| settled.is_deferred()));
        assert!(settle(&deferred, &of(4), 1.0).is_some_and(|settled| settled.state() == State::Expired));
    }

    /// A state that follows from an answer is one that the table allows.
    #[test]
    fn answers_follow_the_table() {
        for outcome in [
            Outcome::Accepted { reply: String::new() },
            Outcome::Captured,
            Outcome::Deferred { reply: String::new() },
            Outcome::Failed { reply: String::new() },
            Outcome::Rejected { reply: String::new(), reason: None },
            Outcome::Unknown { what: String::new() },
            Outcome::NotMarked(Refusal::Suppressed),
            Outcome::MarkUnclear,
        ] {
            let ended = at("2026-03-02T09:00:00Z");
            let of = Attempted { channel: Channel::Email, attempt: 1, valid_until: ended + TimeDelta::days(1), ended };
            let state = settle(&outcome, &of, 1.0).map(|settled| settled.state());
            assert!(state.is_some_and(|state| State::Sending.successors().contains(&state)), "{outcome:?}");
        }
    }
}
