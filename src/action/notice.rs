//! Notices to colleagues: whom they are for, and how they are addressed.

use super::Situation;
use super::owner::Owner;
use crate::effect::NoticeDraft;
use crate::facts::{Csm, Value};
use crate::message::channel::Channel;
use crate::playbook::reader::is_variable;

/// Whom a notice is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    Csm,
    Manager,
    AlertsTo,
}

impl Audience {
    const ALL: [Audience; 3] = [Audience::Csm, Audience::Manager, Audience::AlertsTo];

    /// What authors write.
    pub const WORDS: [&'static str; 3] = [Audience::Csm.name(), Audience::Manager.name(), Audience::AlertsTo.name()];

    pub fn parse(word: &str) -> Option<Audience> {
        Audience::ALL.into_iter().find(|audience| audience.name() == word)
    }

    const fn name(self) -> &'static str {
        match self {
            Audience::Csm => "csm",
            Audience::Manager => "manager",
            Audience::AlertsTo => "alerts_to",
        }
    }
}

/// Where a notice goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoticeAddress {
    Person(Audience),
    /// The colleague who looks after the account in a role, or its CSM.
    Owner(Owner),
    /// The channel, and the environment variable that holds its URL.
    Post(Channel, String),
}

impl NoticeAddress {
    /// Reads `csm`, or a channel and a variable such as `slack:NAME`.
    pub fn parse(text: &str) -> Option<NoticeAddress> {
        if let Some(audience) = Audience::parse(text) {
            return Some(NoticeAddress::Person(audience));
        }
        let (name, variable) = text.split_once(':')?;
        let channel = Channel::parse(name).filter(|channel| channel.properties().takes_notices)?;
        is_variable(variable).then(|| NoticeAddress::Post(channel, variable.to_owned()))
    }

    /// What can be written, in words.
    pub fn expected() -> String {
        let posts = Channel::ALL.into_iter().filter(|channel| channel.properties().takes_notices);
        let posts: Vec<String> = posts.map(|channel| format!("{channel}:NAME")).collect();
        format!("csm, manager, alerts_to or {}", posts.join(" or "))
    }

    pub fn channel(&self) -> Channel {
        match self {
            NoticeAddress::Person(_) | NoticeAddress::Owner(_) => Channel::Notice,
            NoticeAddress::Post(channel, _) => *channel,
        }
    }

    /// A notice about the account in view.
    pub fn notice(&self, at: &Situation, text: String) -> NoticeDraft {
        match self {
            NoticeAddress::Person(audience) => about_account(at, *audience, text),
            NoticeAddress::Owner(owner) => {
                let subject = format!("{}: {}", at.playbook, account_name(at));
                let person = owner.find(at).or(at.people.csm.as_ref());
                addressed_to(at, person, owner.to_string(), subject, text)
            }
            NoticeAddress::Post(channel, variable) => NoticeDraft {
                channel: *channel,
                audience: format!("{channel}:{variable}"),
                to: Some(format!("env:{variable}")),
                subject: format!("{}: {}", at.playbook, account_name(at)),
                text,
                // Old news in a channel helps nobody.
                valid_until: at.context.facts.as_of + chrono::Duration::days(3),
                is_markdown: false,
                report: None,
            },
        }
    }
}

/// A notice about the account in view.
pub(super) fn about_account(at: &Situation, audience: Audience, text: String) -> NoticeDraft {
    let subject = format!("{}: {}", at.playbook, account_name(at));
    addressed(at, audience, subject, text)
}

/// A notice to the CSM, or to the owners where the account has none.
pub(super) fn to_csm(at: &Situation, subject: String, text: String) -> NoticeDraft {
    addressed(at, Audience::Csm, subject, text)
}

/// To the person, or while they are away to whoever covers for them; to the
/// owners where nobody is found.
pub(super) fn addressed(at: &Situation, audience: Audience, subject: String, text: String) -> NoticeDraft {
    let csm = at.people.csm.as_ref();
    let person = match audience {
        Audience::Csm => csm,
        Audience::Manager => at.people.manager.as_ref().or(csm),
        Audience::AlertsTo => None,
    };
    addressed_to(at, person, audience.name().to_owned(), subject, text)
}

fn addressed_to(at: &Situation, person: Option<&Csm>, audience: String, subject: String, text: String) -> NoticeDraft {
    let taker = person.map(|person| at.taker(person));
    let text = match taker.and_then(|taker| taker.covers) {
        Some(cover) => format!("{}\n\nYou cover for {cover}.", text.trim_end()),
        None => text,
    };
    NoticeDraft {
        channel: Channel::Notice,
        audience,
        to: taker.map(|taker| taker.csm.email.clone()).or(at.alerts_to.map(str::to_owned)),
        subject,
        text,
        // A word to a colleague is late rather than lost.
        valid_until: at.context.facts.as_of + chrono::Duration::days(30),
        is_markdown: false,
        report: None,
    }
}

/// A notice to an address, whoever that is.
pub(super) fn to_address(at: &Situation, address: &str, subject: String, text: String) -> NoticeDraft {
    let draft = addressed_to(at, None, address.to_owned(), subject, text);
    NoticeDraft { to: Some(address.to_owned()), ..draft }
}

pub(super) fn account_name(at: &Situation) -> String {
    match at.context.facts.column("name") {
        Some(Value::Text(name)) => name.to_string(),
        // All accounts together, or those of a CSM.
        _ if at.context.facts.account.is_empty() => {
            at.people.csm.as_ref().map_or("all accounts".to_owned(), |csm| csm.name.clone())
        }
        _ => at.context.facts.account.clone(),
    }
}
