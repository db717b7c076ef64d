//! What a message leaves by.

use std::fmt;

use chrono::TimeDelta;
use serde::Serialize;

use crate::message::unknown_word::UnknownWord;

/// What a message leaves by.
///
/// To add one: a variant with its row in [`Channel::properties`], how it is
/// delivered in `worker/messages/posts`, and the step that asks for it. The
/// schema's list of channels follows in a migration; a test compares the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Mail to a customer.
    Email,
    /// Mail to a colleague.
    Notice,
    /// A POST to another system.
    Webhook,
    /// A post to a Slack channel.
    Slack,
    /// Nothing: the row says what a step could not do.
    Nothing,
}

/// What is true of a channel. One row for each: the compiler asks for all of it.
#[derive(Clone, Copy, Debug)]
pub struct ChannelProperties {
    /// The word in the database, in lists and behind `--channel`.
    pub name: &'static str,
    /// What a message of it is, in words for people.
    pub label: &'static str,
    /// What leaves by it, for the help of `--channel`; `None` when nothing
    /// does, so that nothing can be stopped.
    pub carries: Option<&'static str>,
    /// Where a person looks whether one without an answer arrived.
    pub witness: Witness,
    /// Whether a notice can name it, as in `slack:NAME`, where NAME is the
    /// environment variable with the URL.
    pub takes_notices: bool,
    /// Whether customers get it: their classes, consent, quiet hours and budget
    /// apply, and the step that sent it waits for its end.
    pub reaches_customers: bool,
    /// Whether one that left may leave again when no answer came: the receiver
    /// can tell the second from the first by its id.
    pub may_repeat: bool,
    /// Whether each try is kept for people to look at.
    pub records_attempts: bool,
    /// Whether a receiver who asks to be left alone for a while is asked again
    /// right after it, however often that was: else no sooner than usual.
    pub names_its_pace: bool,
}

/// Where a person looks whether a message arrived, in words for people.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Witness {
    /// Whose answer was lost, and where to look.
    pub advice: &'static str,
    pub arrived: &'static str,
    pub missing: &'static str,
}

const RELAY: Witness = Witness {
    advice: "The relay’s answer was lost, so Keepwell does not know and does not send it again. \
             The relay’s log has it under its Message-ID.",
    arrived: "The relay took it",
    missing: "It did not",
};

const RECEIVER: Witness = Witness {
    advice: "The receiver’s answer was lost, so Keepwell does not know whether it arrived.",
    arrived: "The receiver has it",
    missing: "It does not",
};

const SLACK_CHANNEL: Witness = Witness {
    advice: "Slack’s answer was lost, so Keepwell does not know and does not send it again. \
             Look whether it is in the channel.",
    arrived: "It is in the channel",
    missing: "It is not",
};

impl Channel {
    pub const ALL: [Channel; 5] = [Channel::Email, Channel::Notice, Channel::Webhook, Channel::Slack, Channel::Nothing];

    /// What customers get their mail by.
    pub const OF_CUSTOMERS: Channel = Channel::Email;
    /// What colleagues get their mail by.
    pub const OF_COLLEAGUES: Channel = Channel::Notice;

    /// What is true of it.
    pub fn properties(self) -> ChannelProperties {
        match self {
            Channel::Email => ChannelProperties {
                name: "email",
                label: "mail",
                carries: Some("Mail to customers"),
                witness: RELAY,
                takes_notices: false,
                reaches_customers: true,
                may_repeat: false,
                records_attempts: true,
                names_its_pace: false,
            },
            Channel::Notice => ChannelProperties {
                name: "notice",
                label: "notice to a colleague",
                carries: Some("Notices to colleagues"),
                witness: RELAY,
                takes_notices: false,
                reaches_customers: false,
                may_repeat: false,
                records_attempts: false,
                names_its_pace: false,
            },
            Channel::Webhook => ChannelProperties {
                name: "webhook",
                label: "webhook",
                carries: Some("Bodies for other systems"),
                witness: RECEIVER,
                takes_notices: false,
                reaches_customers: false,
                may_repeat: true,
                records_attempts: true,
                names_its_pace: false,
            },
            Channel::Slack => ChannelProperties {
                name: "slack",
                label: "notice in Slack",
                carries: Some("Notices in Slack channels"),
                witness: SLACK_CHANNEL,
                takes_notices: true,
                reaches_customers: false,
                may_repeat: false,
                records_attempts: true,
                names_its_pace: true,
            },
            Channel::Nothing => ChannelProperties {
                name: "none",
                label: "nothing that leaves",
                carries: None,
                witness: RECEIVER,
                takes_notices: false,
                reaches_customers: false,
                may_repeat: false,
                records_attempts: true,
                names_its_pace: false,
            },
        }
    }

    /// The word in the database, in lists and behind `--channel`.
    pub fn name(self) -> &'static str {
        self.properties().name
    }

    /// The channel of that name.
    pub fn parse(name: &str) -> Option<Channel> {
        Channel::ALL.into_iter().find(|channel| channel.name() == name)
    }

    /// See [`ChannelProperties::reaches_customers`].
    pub fn reaches_customers(self) -> bool {
        self.properties().reaches_customers
    }

    /// See [`ChannelProperties::may_repeat`].
    pub fn may_repeat(self) -> bool {
        self.properties().may_repeat
    }

    /// See [`ChannelProperties::records_attempts`].
    pub fn records_attempts(self) -> bool {
        self.properties().records_attempts
    }

    /// See [`ChannelProperties::names_its_pace`].
    pub fn names_its_pace(self) -> bool {
        self.properties().names_its_pace
    }

    /// How long to wait after the `attempt`-th failure, counted from 1, times
    /// `jitter` (around 1.0). Mail: 5, 10, 20, 40, 80 minutes, then 2 hours.
    /// What may repeat: 5 seconds, 5 and 30 minutes, 2, 5 and then always 10 hours.
    pub fn retry_after(self, attempt: u32, jitter: f64) -> TimeDelta {
        let seconds = match (self.may_repeat(), attempt) {
            (true, 0 | 1) => 5.0,
            (true, 2) => 300.0,
            (true, 3) => 1_800.0,
            (true, 4) => 7_200.0,
            (true, 5) => 18_000.0,
            (true, _) => 36_000.0,
            (false, 0 | 1) => 300.0,
            (false, 2..=5) => 300.0 * f64::from(1u32 << (attempt - 1)),
            (false, _) => 7_200.0,
        };
        let jitter = if jitter.is_finite() { jitter.clamp(0.5, 2.0) } else { 1.0 };
        TimeDelta::milliseconds((seconds * 1_000.0 * jitter) as i64)
    }
}

impl TryFrom<String> for Channel {
    type Error = UnknownWord;

    fn try_from(name: String) -> Result<Channel, UnknownWord> {
        Channel::parse(&name).ok_or(UnknownWord(name))
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_two_hours() {
        let minutes = |attempt| Channel::Email.retry_after(attempt, 1.0).num_minutes();
        assert_eq!((0..9).map(minutes).collect::<Vec<_>>(), [5, 5, 10, 20, 40, 80, 120, 120, 120]);
        assert_eq!(Channel::Email.retry_after(1, 1.2).num_seconds(), 360);
        assert_eq!(Channel::Email.retry_after(u32::MAX, f64::NAN).num_minutes(), 120);
        let waits: Vec<i64> = (1..8).map(|attempt| Channel::Webhook.retry_after(attempt, 1.0).num_seconds()).collect();
        assert_eq!(waits, [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000]);
    }

    #[test]
    fn names_are_read_back() {
        for channel in Channel::ALL {
            assert_eq!(Channel::parse(channel.name()), Some(channel));
        }
        assert_eq!(Channel::parse("fax"), None);
    }
}
