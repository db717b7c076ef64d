//! What is stopped: the values that are read before every claim.

use std::fmt;

use serde_json::{Value as Json, json};

use crate::message::channel::Channel;
use crate::message::class::Class;

/// What a stop or resume is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopTarget {
    All,
    /// What leaves by one channel.
    Channel(Channel),
    Playbook(String),
    Account(String),
    /// One account's mail of one class; its journeys go on.
    AccountMail {
        account: String,
        class: Class,
    },
    /// A daemon that rests by itself, until its clock is right.
    Daemon,
}

impl StopTarget {
    /// Its name in the database and in addresses of pages.
    pub fn scope(&self) -> String {
        match self {
            StopTarget::All => "all".to_owned(),
            StopTarget::Channel(channel) => format!("channel:{channel}"),
            StopTarget::Playbook(id) => format!("playbook:{id}"),
            StopTarget::Account(id) => format!("account:{id}"),
            StopTarget::AccountMail { account, class } => format!("mail:{}", mail_of(*class, account)),
            StopTarget::Daemon => "daemon".to_owned(),
        }
    }

    /// The target of that name; `None` for a scope of another version.
    pub fn of(scope: &str) -> Option<StopTarget> {
        match scope.split_once(':') {
            None => (scope == "all").then_some(StopTarget::All),
            Some(("channel", name)) => Channel::parse(name).map(StopTarget::Channel),
            Some(("playbook", id)) => Some(StopTarget::Playbook(id.to_owned())),
            Some(("account", id)) => Some(StopTarget::Account(id.to_owned())),
            Some(("mail", rest)) => {
                let (class, account) = rest.split_once(':')?;
                Some(StopTarget::AccountMail { account: account.to_owned(), class: Class::parse(class)? })
            }
            Some(_) => None,
        }
    }

    /// The target as the audit names it.
    pub(super) fn about(&self) -> Json {
        match self {
            StopTarget::All => json!({ "all": true }),
            StopTarget::Channel(channel) => json!({ "channel": channel.name() }),
            StopTarget::Playbook(id) => json!({ "playbook": id }),
            StopTarget::Account(id) => json!({ "account": id }),
            StopTarget::AccountMail { account, class } => json!({ "account": account, "class": class.name() }),
            StopTarget::Daemon => json!({ "daemon": true }),
        }
    }
}

/// A class of mail and the account that gets none, as a stop names them.
fn mail_of(class: Class, account: &str) -> String {
    format!("{class}:{account}")
}

impl fmt::Display for StopTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopTarget::All => write!(f, "everything"),
            StopTarget::Channel(channel) => write!(f, "the channel {channel}"),
            StopTarget::Playbook(id) => write!(f, "the playbook {id}"),
            StopTarget::Account(id) => write!(f, "the account {id}"),
            StopTarget::AccountMail { account, class } => write!(f, "{class} mail to the account {account}"),
            StopTarget::Daemon => write!(f, "a daemon"),
        }
    }
}

/// One stop, which lasts until somebody takes it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub target: StopTarget,
    /// A person, or `keepwell` when it stopped by itself.
    pub by: String,
    pub reason: Option<String>,
}

/// `by` of a stop that no person asked for.
pub const ITSELF: &str = "keepwell";

impl Stop {
    /// `by keepwell: 6 of 100 mails came back, more than 5 %`.
    pub fn describe(&self) -> String {
        match &self.reason {
            Some(reason) => format!("by {}: {reason}", self.by),
            None => format!("by {}", self.by),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.target, self.describe())
    }
}

/// Everything that is stopped now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    pub stops: Vec<Stop>,
}

impl Stopped {
    /// Whether everything is.
    pub fn all(&self) -> bool {
        self.is(&StopTarget::All)
    }

    /// Whether a playbook's runs are.
    pub fn covers(&self, playbook: &str) -> bool {
        self.all() || self.is(&StopTarget::Playbook(playbook.to_owned()))
    }

    /// Why a playbook itself is stopped, if it is.
    pub fn stop_of(&self, playbook: &str) -> Option<&Stop> {
        let target = StopTarget::Playbook(playbook.to_owned());
        self.stops.iter().find(|stop| stop.target == target)
    }

    /// Whether exactly this is.
    pub fn is(&self, target: &StopTarget) -> bool {
        self.stops.iter().any(|stop| &stop.target == target)
    }

    /// What is stopped by name.
    pub fn halted(self) -> Halted {
        let mut halted = Halted::default();
        for stop in self.stops {
            match stop.target {
                // Nobody acts then; or one daemon does not.
                StopTarget::All | StopTarget::Daemon => {}
                StopTarget::Channel(channel) => halted.channels.push(channel),
                StopTarget::Playbook(id) => halted.playbooks.push(id),
                StopTarget::Account(id) => halted.accounts.push(id),
                StopTarget::AccountMail { account, class } => halted.account_mail.push(mail_of(class, &account)),
            }
        }
        halted
    }
}

/// What must not act now: nothing of it is claimed, and its due times stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Halted {
    /// Stopped, paused, or without a file.
    pub playbooks: Vec<String>,
    pub accounts: Vec<String>,
    /// Of the outbox only: `marketing:acme`, a class of mail and its account.
    pub account_mail: Vec<String>,
    /// Of the outbox only.
    pub channels: Vec<Channel>,
}

impl Halted {
    /// The channels by the words of the database.
    pub fn channel_names(&self) -> Vec<&'static str> {
        self.channels.iter().map(|channel| channel.name()).collect()
    }
}
