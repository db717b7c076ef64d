//! What a message leaves by.

use std::fmt;

use crate::message::unknown_word::UnknownWord;

/// What a message leaves by.
///
/// To add one: a variant with its row here, how it is delivered in
/// `worker/messages/channels`, and the step that asks for it. The schema's list
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
        self == Channel::Email
    }

    /// Whether one that left may leave again when no answer came: the receiver
    /// can tell the second from the first by its id.
    pub fn may_repeat(self) -> bool {
        self == Channel::Webhook
    }

    /// Whether each try is kept for people to look at.
    pub fn records_attempts(self) -> bool {
        self != Channel::Notice
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
    fn names_are_read_back() {
        for channel in Channel::ALL {
            assert_eq!(Channel::parse(channel.name()), Some(channel));
        }
        assert_eq!(Channel::parse("fax"), None);
    }
}
