//! The states of a message: what each means, what may follow and who sets it.
//!
//! The table is the one place where they stand in Rust; the schema repeats the
//! words, and a test compares the two. Only `store::messages::transitions`
//! writes a state.

use std::fmt;

use State::{
    Accepted, Bounced, Cancelled, Captured, Complained, Deferred, Expired, Failed, Planned, Rejected, Sending, Shadow,
    Skipped, Suppressed, Unknown,
};

use crate::message::unknown_word::UnknownWord;

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Planned,
    Deferred,
    Sending,
    Accepted,
    Captured,
    Rejected,
    Failed,
    Unknown,
    Expired,
    Suppressed,
    Skipped,
    Cancelled,
    Bounced,
    Complained,
    Shadow,
}

/// Who sets a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setter {
    /// The transaction that decides about an enrollment, or writes a notice.
    Decision,
    /// A claim of what is due.
    Claim,
    /// The last look before a message leaves.
    Gate,
    /// The answer of a server, also when it comes late.
    Answer,
    /// The sender of an expired claim is gone, or is being stopped.
    Recovery,
    /// A second body of which the server said something.
    Resend,
    /// A report that came back about it.
    Report,
    /// A digest that took a notice in.
    Digest,
    /// A person.
    Person,
    /// The erasure of a customer.
    Erasure,
}

/// One state.
struct Row {
    state: State,
    name: &'static str,
    meaning: &'static str,
    next: &'static [State],
    set_by: &'static [Setter],
}

const TABLE: [Row; 15] = {
    use Setter::{Answer, Claim, Decision, Digest, Erasure, Gate, Person, Recovery, Report, Resend};
    [
        Row {
            state: Planned,
            name: "planned",
            meaning: "Written with its decision; nobody has looked at it yet.",
            next: &[Sending, Captured, Cancelled],
            set_by: &[Decision],
        },
        Row {
            state: Deferred,
            name: "deferred",
            meaning: "Waits until `next_at`, for its reason; nothing of it has left.",
            next: &[Sending, Captured, Cancelled, Accepted],
            set_by: &[Gate, Answer, Recovery, Erasure],
        },
        Row {
            state: Sending,
            name: "sending",
            meaning: "Claimed under a token and a lease; behind its marker its body may be on its way.",
            next: &[
                Deferred, Accepted, Captured, Rejected, Failed, Unknown, Expired, Suppressed, Skipped, Cancelled,
                Shadow,
            ],
            set_by: &[Claim],
        },
        Row {
            state: Accepted,
            name: "accepted",
            meaning: "The receiver's server has it.",
            next: &[Bounced, Complained, Rejected, Failed, Expired],
            set_by: &[Answer, Resend, Report, Person],
        },
        Row {
            state: Captured,
            name: "captured",
            meaning: "Kept by us instead of being sent: there is no relay, or it is in a digest.",
            next: &[],
            set_by: &[Answer, Digest],
        },
        Row {
            state: Rejected,
            name: "rejected",
            meaning: "The receiver's server refused it for good.",
            next: &[],
            set_by: &[Answer],
        },
        Row {
            state: Failed,
            name: "failed",
            meaning: "Could not be made or delivered, and is not tried again.",
            next: &[Accepted, Rejected, Expired],
            set_by: &[Decision, Gate, Answer, Person],
        },
        Row {
            state: Unknown,
            name: "unknown",
            meaning: "Its body left, or may have, and no answer came; never sent again unless its step says so.",
            next: &[Accepted, Deferred, Rejected, Failed, Expired, Bounced, Complained],
            set_by: &[Answer, Recovery],
        },
        Row {
            state: Expired,
            name: "expired",
            meaning: "Did not leave while it was valid.",
            next: &[],
            set_by: &[Gate, Answer],
        },
        Row {
            state: Suppressed,
            name: "suppressed",
            meaning: "Its address wants no mail of its class.",
            next: &[],
            set_by: &[Gate],
        },
        Row {
            state: Skipped,
            name: "skipped",
            meaning: "Was not to be sent: nobody to send it to, no consent, a duplicate.",
            next: &[],
            set_by: &[Decision, Gate],
        },
        Row {
            state: Cancelled,
            name: "cancelled",
            meaning: "Its reason went away before it left.",
            next: &[],
            set_by: &[Decision, Gate, Erasure],
        },
        Row {
            state: Bounced,
            name: "bounced",
            meaning: "A server took it and it came back.",
            next: &[Complained],
            set_by: &[Report],
        },
        Row {
            state: Complained,
            name: "complained",
            meaning: "It arrived, and its reader called it unwanted.",
            next: &[],
            set_by: &[Report],
        },
        Row {
            state: Shadow,
            name: "shadow",
            meaning: "Recorded only: its playbook runs in shadow.",
            next: &[],
            set_by: &[Gate],
        },
    ]
};

impl State {
    pub const ALL: [State; 15] = {
        let mut all = [Planned; 15];
        let mut at = 0;
        while at < TABLE.len() {
            all[at] = TABLE[at].state;
            at += 1;
        }
        all
    };

    /// Their names, in the same order.
    pub const NAMES: [&'static str; 15] = {
        let mut names = [""; 15];
        let mut at = 0;
        while at < TABLE.len() {
            names[at] = TABLE[at].name;
            at += 1;
        }
        names
    };

    /// Waits to be claimed.
    pub const WAITING: [State; 2] = [Planned, Deferred];

    fn row(self) -> &'static Row {
        // In the order of the variants; a test holds it so.
        &TABLE[self as usize]
    }

    /// The word in the database, in lists and behind `--state`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }

    /// What it means, in one sentence.
    pub fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// The states that may follow.
    pub fn successors(self) -> &'static [State] {
        self.row().next
    }

    /// Who sets it.
    pub fn set_by(self) -> &'static [Setter] {
        self.row().set_by
    }

    /// Whether the machine does nothing more with it. Facts that come late may
    /// still change it.
    pub fn is_final(self) -> bool {
        !matches!(self, Planned | Deferred | Sending)
    }

    /// Whether it left, as far as is known.
    pub fn has_left(self) -> bool {
        matches!(self, Accepted | Captured | Bounced | Complained)
    }

    /// Whether a place in the attention budget stays taken by it.
    pub fn uses_budget(self) -> bool {
        matches!(self, Sending | Accepted | Captured | Unknown | Complained)
    }
}

impl TryFrom<String> for State {
    type Error = UnknownWord;

    fn try_from(name: String) -> Result<State, UnknownWord> {
        State::parse(&name).ok_or(UnknownWord(name))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_states() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.state as usize, place, "{}", row.name);
            assert_eq!(State::parse(row.name), Some(row.state));
            assert!(row.meaning.ends_with('.') && !row.set_by.is_empty(), "{}", row.name);
            assert!(!row.next.contains(&row.state), "{}", row.name);
        }
        assert_eq!(State::parse("sent"), None);
    }

    #[test]
    fn every_state_can_be_reached_and_every_waiting_one_left() {
        let mut reached = vec![Planned];
        let mut at = 0;
        while let Some(state) = reached.get(at).copied() {
            reached.extend(state.successors().iter().filter(|next| !reached.contains(next)).collect::<Vec<_>>());
            at += 1;
        }
        for state in State::ALL {
            assert!(reached.contains(&state), "{state} is reached");
            assert!(state.is_final() || !state.successors().is_empty(), "{state} ends");
        }
    }

    /// The machine never sends again what has ended; facts that come late move
    /// these, and no others.
    #[test]
    fn only_late_facts_change_what_has_ended() {
        for state in State::ALL.into_iter().filter(|state| state.is_final()) {
            match state {
                // Nobody knew, or a person said: the server's own words count.
                Unknown | Accepted | Failed | Bounced => assert!(!state.successors().is_empty(), "{state}"),
                _ => assert_eq!(state.successors(), [], "{state}"),
            }
            assert!(!state.successors().contains(&Sending), "{state}");
            assert_eq!(state.successors().contains(&Deferred), state == Unknown, "{state}");
        }
    }

    #[test]
    fn only_a_claim_lets_anything_leave() {
        for state in State::ALL {
            assert_eq!(state.successors().contains(&Sending), State::WAITING.contains(&state), "{state}");
        }
        assert_eq!(Sending.set_by(), [Setter::Claim]);
    }
}
