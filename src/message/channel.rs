//! What a message leaves by.

use std::fmt;

use chrono::TimeDelta;

use crate::message::unknown_word::UnknownWord;

/// What a message leaves by.
///
/// To add one: a variant with its row here, how it is delivered in
/// `worker/messages/posts`, and the step that asks for it. The schema's list
/// of channels follows in a migration; a test compares the two.
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

impl Channel {
    pub const ALL: [Channel; 5] = [Channel::Email, Channel::Notice, Channel::Webhook, Channel::Slack, Channel::Nothing];

    /// What customers get their mail by.
    pub const OF_CUSTOMERS: Channel = Channel::Email;
    /// What colleagues get their mail by.
    pub const OF_COLLEAGUES: Channel = Channel::Notice;

    /// The word in the database, in lists and behind `--channel`.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Notice => "notice",
            Channel::Webhook => "webhook",
            Channel::Slack => "slack",
            Channel::Nothing => "none",
        }
    }

    /// The channel of that name.
    pub fn parse(name: &str) -> Option<Channel> {
        Channel::ALL.into_iter().find(|channel| channel.name() == name)
    }

    /// Whether customers get it: their classes, consent, quiet hours and budget
    /// apply, and the step that sent it waits for its end.
    pub fn reaches_customers(self) -> bool {
        self == Channel::OF_CUSTOMERS
    }

    /// Whether one that left may leave again when no answer came: the receiver
    /// can tell the second from the first by its id.
    pub fn may_repeat(self) -> bool {
        self == Channel::Webhook
    }

    /// Whether each try is kept for people to look at.
    pub fn records_attempts(self) -> bool {
        self != Channel::OF_COLLEAGUES
    }

    /// How long to wait after the `attempt`-th failure, counted from 1, times
    /// `jitter` (around 1.0). Mail: 5, 10, 20, 40, 80 minutes, then 2 hours.
    /// What may repeat: 5 seconds, 5 and 30 minutes, 2, 5 and then always 10 hours.
    pub fn retry_after(self, attempt: u32, jitter: f64) -> TimeDelta {
        let seconds = match (self, attempt) {
            (Channel::Webhook, 0 | 1) => 5.0,
            (Channel::Webhook, 2) => 300.0,
            (Channel::Webhook, 3) => 1_800.0,
            (Channel::Webhook, 4) => 7_200.0,
            (Channel::Webhook, 5) => 18_000.0,
            (Channel::Webhook, _) => 36_000.0,
            (_, 0 | 1) => 300.0,
            (_, 2..=5) => 300.0 * f64::from(1u32 << (attempt - 1)),
            (_, _) => 7_200.0,
        };
        let jitter = if jitter.is_finite() { jitter.clamp(0.5, 2.0) } else { 1.0 };
        TimeDelta::milliseconds((seconds * 1_000.0 * jitter) as i64)
    }

    /// Whether a receiver who asks to be left alone for a while is asked again
    /// right after it, however often that was: else no sooner than usual.
    pub fn names_its_pace(self) -> bool {
        self == Channel::Slack
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
