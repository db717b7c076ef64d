//! What is stopped: the values that are read before every claim.

use std::fmt;

use serde_json::{Value as Json, json};

/// What a stop or resume is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    All,
    /// One channel of the outbox, such as `email`.
    Channel(String),
    Playbook(String),
    Account(String),
    /// A daemon that rests by itself, until its clock is right.
    Daemon,
}

impl Target {
    pub(super) fn scope(&self) -> String {
        match self {
            Target::All => "all".to_owned(),
            Target::Channel(name) => format!("channel:{name}"),
            Target::Playbook(id) => format!("playbook:{id}"),
            Target::Account(id) => format!("account:{id}"),
            Target::Daemon => "daemon".to_owned(),
        }
    }

    /// `None` for a scope of another version.
    pub(super) fn of(scope: &str) -> Option<Target> {
        match scope.split_once(':') {
            None => (scope == "all").then_some(Target::All),
            Some(("channel", name)) => Some(Target::Channel(name.to_owned())),
            Some(("playbook", id)) => Some(Target::Playbook(id.to_owned())),
            Some(("account", id)) => Some(Target::Account(id.to_owned())),
            Some(_) => None,
        }
    }

    /// The target as the audit names it.
    pub(super) fn about(&self) -> Json {
        match self {
            Target::All => json!({ "all": true }),
            Target::Channel(name) => json!({ "channel": name }),
            Target::Playbook(id) => json!({ "playbook": id }),
            Target::Account(id) => json!({ "account": id }),
            Target::Daemon => json!({ "daemon": true }),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::All => write!(f, "everything"),
            Target::Channel(name) => write!(f, "the channel {name}"),
            Target::Playbook(id) => write!(f, "the playbook {id}"),
            Target::Account(id) => write!(f, "the account {id}"),
            Target::Daemon => write!(f, "a daemon"),
        }
    }
}

/// One stop, which lasts until somebody takes it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub target: Target,
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
        self.is(&Target::All)
    }

    /// Whether a playbook's runs are.
    pub fn covers(&self, playbook: &str) -> bool {
        self.all() || self.is(&Target::Playbook(playbook.to_owned()))
    }

    /// Why a playbook itself is stopped, if it is.
    pub fn stop_of(&self, playbook: &str) -> Option<&Stop> {
        let target = Target::Playbook(playbook.to_owned());
        self.stops.iter().find(|stop| stop.target == target)
    }

    /// Whether exactly this is.
    pub fn is(&self, target: &Target) -> bool {
        self.stops.iter().any(|stop| &stop.target == target)
    }

    /// What is stopped by name.
    pub fn halted(self) -> Halted {
        let mut halted = Halted::default();
        for stop in self.stops {
            match stop.target {
                // Nobody acts then; or one daemon does not.
                Target::All | Target::Daemon => {}
                Target::Channel(name) => halted.channels.push(name),
                Target::Playbook(id) => halted.playbooks.push(id),
                Target::Account(id) => halted.accounts.push(id),
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
    /// Of the outbox only.
    pub channels: Vec<String>,
}
