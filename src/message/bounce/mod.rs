//! Why a mail was not delivered, and what follows for its address.
//!
//! A server says it in three ways that often contradict one another: a status
//! ([`status`], RFC 3463), the code of its reply, and words. The words decide
//! first, by the table [`phrases`], because they say what happened, where the
//! same code stands for a dead mailbox at one host and for a block list at
//! another. [`classify`] is the one decision: for reports that come by mail and
//! for replies of the relay alike.
//!
//! A hard reason that is false silences a reader for good; one that is missed
//! costs a few mails. So whatever is in doubt is soft.

mod classify;
mod matching;
pub mod phrases;
pub mod status;

pub use classify::{classify, in_context};

/// Why a mail was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BounceReason {
    /// No such mailbox.
    MailboxUnknown,
    /// The mailbox has moved away.
    MailboxMoved,
    /// The mailbox was closed.
    MailboxDisabled,
    /// The domain does not exist, or takes no mail.
    DomainUnknown,
    /// The mailbox is locked or suspended, which may end.
    MailboxSuspended,
    MailboxFull,
    /// More mail, or faster, than the receiver takes.
    RateLimited,
    MessageTooLarge,
    /// The receiver's or a relay's own trouble.
    System,
    /// A server could not be reached, or not in time.
    Network,
    /// Nothing says why.
    Unspecified,
    /// The sender's domain or address stands on a list of senders to refuse.
    BlockList,
    /// SPF, DKIM or DMARC.
    SenderAuthentication,
    /// The sender's address, host or rights.
    SenderRejected,
    /// What the mail holds, or how it is made.
    Content,
    /// The receiver's rules.
    Policy,
}

/// What a reason means for the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It may pass.
    Soft,
    /// Refused for what the sender is or writes, not for who the recipient is.
    Policy,
    /// Nothing will ever arrive there.
    Hard,
}

impl Severity {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Soft => "soft",
            Severity::Policy => "policy",
            Severity::Hard => "hard",
        }
    }
}

impl BounceReason {
    pub const ALL: [BounceReason; 16] = {
        use BounceReason::*;
        [
            MailboxUnknown,
            MailboxMoved,
            MailboxDisabled,
            DomainUnknown,
            MailboxSuspended,
            MailboxFull,
            RateLimited,
            MessageTooLarge,
            System,
            Network,
            Unspecified,
            BlockList,
            SenderAuthentication,
            SenderRejected,
            Content,
            Policy,
        ]
    };

    /// The words for it, as lists show them.
    pub fn name(self) -> &'static str {
        match self {
            BounceReason::MailboxUnknown => "mailbox unknown",
            BounceReason::MailboxMoved => "mailbox moved",
            BounceReason::MailboxDisabled => "mailbox disabled",
            BounceReason::DomainUnknown => "domain unknown",
            BounceReason::MailboxSuspended => "mailbox suspended",
            BounceReason::MailboxFull => "mailbox full",
            BounceReason::RateLimited => "rate limited",
            BounceReason::MessageTooLarge => "message too large",
            BounceReason::System => "system trouble",
            BounceReason::Network => "not reached",
            BounceReason::Unspecified => "no reason given",
            BounceReason::BlockList => "block list",
            BounceReason::SenderAuthentication => "sender authentication",
            BounceReason::SenderRejected => "sender rejected",
            BounceReason::Content => "content",
            BounceReason::Policy => "policy",
        }
    }

    /// Whether it speaks of the mailbox or its domain. Anything else that a relay
    /// says to a recipient's address may be its own trouble.
    pub fn is_about_recipient(self) -> bool {
        let may_pass = matches!(self, BounceReason::MailboxFull | BounceReason::MailboxSuspended);
        may_pass || self.severity() == Severity::Hard
    }

    /// What it means for the address.
    pub fn severity(self) -> Severity {
        match self {
            BounceReason::MailboxUnknown
            | BounceReason::MailboxMoved
            | BounceReason::MailboxDisabled
            | BounceReason::DomainUnknown => Severity::Hard,
            BounceReason::MailboxSuspended
            | BounceReason::MailboxFull
            | BounceReason::RateLimited
            | BounceReason::MessageTooLarge
            | BounceReason::System
            | BounceReason::Network
            | BounceReason::Unspecified => Severity::Soft,
            BounceReason::BlockList
            | BounceReason::SenderAuthentication
            | BounceReason::SenderRejected
            | BounceReason::Content
            | BounceReason::Policy => Severity::Policy,
        }
    }
}
