//! One account's past and present in memory: what a test case gives, and what
//! the in-memory meaning of a fact function reads.
//!
//! Invariant: a fold sees only what happened strictly before the instant it is
//! asked for, exactly as the SQL does.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event_log::EventLog;
use super::people::Contact;
use super::plans::{GoalRecord, PlanRecord};
use super::standing::Standing;
use super::subject::Subject;
use super::value::Value;
use crate::clock::Instant;

/// Everything the customer store and our own state know of one account, its
/// contacts included.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Columns of the account by name; an absent one was not given.
    pub account: BTreeMap<String, Value>,
    pub traits: serde_json::Map<String, serde_json::Value>,
    pub contacts: Vec<ContactRecord>,
    /// Who looks after the account, as it stands: a CSM's id by role.
    pub owners: BTreeMap<String, String>,
    pub events: EventLog,
    /// Names of events that are touches.
    pub touch_events: Vec<String>,
    pub scores: Vec<ScoreRecord>,
    pub tickets: Vec<TicketRecord>,
    pub enrollments: Vec<EnrollmentRecord>,
    /// Tasks of colleagues about the account, without those of shadow mode.
    pub tasks: Vec<TaskRecord>,
    /// Customer mails that left, without those of shadow mode.
    pub mails: Vec<MailRecord>,
    /// What people answered to surveys.
    pub answers: Vec<AnswerRecord>,
    /// Labels that were set or removed, in that order, without those of shadow mode.
    pub labels: Vec<LabelRecord>,
    /// The stages and tiers that documents have found, in the order of their instants.
    pub standings: Vec<StandingRecord>,
    /// The success plans that it has.
    pub plans: Vec<PlanRecord>,
    /// How far their goals were, in the order of their instants.
    pub goals: Vec<GoalRecord>,
    /// Changes of the account's columns after it was created.
    pub changes: Vec<ChangeRecord>,
    /// When its creation was recorded; `None` when that is not on record.
    pub recorded_at: Option<Instant>,
    /// Whether its columns are read as they were at an instant. A run reads them as they stand.
    pub is_replayed: bool,
}

#[derive(Clone, Debug, Default)]
pub struct ContactRecord {
    pub id: String,
    /// Columns by name.
    pub columns: BTreeMap<String, Value>,
    pub traits: serde_json::Map<String, serde_json::Value>,
}

impl History {
    /// A column of the account as the latest change before an instant left it,
    /// `traits` as JSON; `None` without a record from before then.
    pub fn as_it_was(&self, column: &str, then: Instant) -> Option<Value> {
        self.is_on_record(then).then(|| match self.before_later_change(column, then) {
            Some(before) => before.clone(),
            None if column == "traits" => Value::Json(Arc::new(self.traits.clone().into())),
            None => self.account.get(column).cloned().unwrap_or(Value::Null),
        })
    }

    /// Whether anything is recorded of the account's columns from before an instant.
    pub fn is_on_record(&self, then: Instant) -> bool {
        self.changes.iter().map(|change| change.at).chain(self.recorded_at).any(|at| at < then)
    }

    /// A column as conditions read it: as the customer store has it, else what a
    /// document has found by that instant. `None` where the account has neither.
    pub fn column(&self, column: &str, then: Instant) -> Option<&Value> {
        let stored = self.stored_column(column, then);
        match stored {
            None | Some(Value::Null) => self.standing(column, then).or(stored),
            stored => stored,
        }
    }

    /// A column of the customer store as it stands; in a replay as it was at an instant:
    /// what is on record, else its first known value. `None` where the account does not have it.
    pub fn stored_column(&self, column: &str, then: Instant) -> Option<&Value> {
        self.replaced_later(column, then).or_else(|| self.account.get(column))
    }

    /// The stage or the tier of that column that a document has found by an
    /// instant, itself included.
    pub fn standing(&self, column: &str, then: Instant) -> Option<&Value> {
        let standing = Standing::of_column(Subject::Account, column)?;
        self.standings_by(standing, then).last().map(|record| &record.value)
    }

    /// What documents have found by an instant, in that order.
    pub fn standings_by(&self, standing: Standing, then: Instant) -> impl Iterator<Item = &StandingRecord> {
        self.standings.iter().filter(move |record| record.standing == standing && record.at <= then)
    }

    /// How far a goal of a plan was by an instant, itself included.
    pub fn goal(&self, plan: &str, goal: &str, then: Instant) -> Option<&GoalRecord> {
        let of = |record: &&GoalRecord| record.plan == plan && record.goal == goal && record.at <= then;
        self.goals.iter().filter(of).max_by_key(|record| record.at)
    }

    /// An attribute, likewise.
    pub fn attribute(&self, key: &str, then: Instant) -> Option<&serde_json::Value> {
        match self.replaced_later("traits", then) {
            Some(Value::Json(traits)) => traits.get(key),
            Some(_) => None,
            None => self.traits.get(key),
        }
    }

    /// When what our own state knows happened, in no order.
    pub fn own_instants(&self) -> impl Iterator<Item = Instant> {
        let enrollments = self.enrollments.iter().flat_map(|one| [Some(one.started_at), one.ended_at, one.goal_at]);
        let tasks = self.tasks.iter().flat_map(|task| [Some(task.created_at), task.ended_at]);
        let mails = self.mails.iter().map(|mail| mail.sent_at);
        enrollments.chain(tasks).flatten().chain(mails).chain(self.labels.iter().map(|label| label.at))
    }

    /// Every value of a column that it has or had, its contacts' included, in no order.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        let contacts = self.contacts.iter().flat_map(|contact| contact.columns.values());
        let earlier = self.changes.iter().flat_map(|change| change.was.values());
        self.account.values().chain(contacts).chain(earlier)
    }

    /// Every attribute that it and its contacts have.
    pub fn attributes(&self) -> impl Iterator<Item = &serde_json::Value> {
        let contacts = self.contacts.iter().flat_map(|contact| contact.traits.values());
        self.traits.values().chain(contacts)
    }

    /// In a replay, what the first change of a column at or after an instant replaced.
    fn replaced_later(&self, column: &str, then: Instant) -> Option<&Value> {
        self.is_replayed.then(|| self.before_later_change(column, then)).flatten()
    }

    /// What the first change of a column at or after an instant replaced.
    fn before_later_change(&self, column: &str, then: Instant) -> Option<&Value> {
        // Of those at one instant, the first that is listed came first.
        let later = self.changes.iter().filter(|change| change.at >= then && change.was.contains_key(column));
        later.min_by_key(|change| change.at).and_then(|change| change.was.get(column))
    }
}

impl From<Contact> for ContactRecord {
    fn from(Contact { id, columns, traits, .. }: Contact) -> ContactRecord {
        ContactRecord { id, columns, traits }
    }
}

impl ContactRecord {
    /// A text column by name; `None` when it is missing.
    pub fn text(&self, column: &str) -> Option<&str> {
        match self.columns.get(column) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A time column by name; `None` when it is missing.
    pub fn time(&self, column: &str) -> Option<Instant> {
        match self.columns.get(column) {
            Some(Value::Time(at)) => Some(*at),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub struct ScoreRecord {
    /// Breaks ties between equal instants: the greater id is the later.
    pub id: String,
    pub name: String,
    pub value: f64,
    pub at: Instant,
    /// `None` is an account-level score.
    pub contact: Option<String>,
    /// What is known of one that a document made; `None` of the store's.
    pub own: Option<OwnScore>,
}

/// What is known of a score that a document made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnScore {
    /// Each factor that had a value, by its id: 0 to 100.
    pub factors: BTreeMap<String, f64>,
    /// The band that the value was in.
    pub band: Option<String>,
}

impl ScoreRecord {
    /// Whether it counts as of an instant: if it was made before, and of our own
    /// also at that very instant, since it was made for whoever looks then.
    pub fn is_there(&self, as_of: Instant) -> bool {
        self.at < as_of || (self.own.is_some() && self.at == as_of)
    }
}

/// A move to another stage or tier that a document has found.
#[derive(Clone, Debug, PartialEq)]
pub struct StandingRecord {
    pub standing: Standing,
    /// It counts from then on, itself included.
    pub at: Instant,
    /// A text; null: it stands nowhere from then on.
    pub value: Value,
}

#[derive(Clone, Debug)]
pub struct TicketRecord {
    /// Who asked; `None` when that is not known.
    pub contact: Option<String>,
    pub opened_at: Instant,
    pub closed_at: Option<Instant>,
    pub severity: Option<String>,
    /// What it is about, in the support team's own words.
    pub topic: Option<String>,
    pub subject: Option<String>,
}

/// A way through another playbook.
#[derive(Clone, Debug)]
pub struct EnrollmentRecord {
    pub playbook: String,
    /// The enrolled contact; `None` in an account playbook.
    pub contact: Option<String>,
    pub started_at: Instant,
    /// `None` while it is active.
    pub ended_at: Option<Instant>,
    /// When it reached its goal, on its way or after its end.
    pub goal_at: Option<Instant>,
}

/// A task of a colleague.
#[derive(Clone, Debug)]
pub struct TaskRecord {
    /// The enrolled contact; `None` in an account playbook.
    pub contact: Option<String>,
    pub created_at: Instant,
    /// `None` while it is open.
    pub ended_at: Option<Instant>,
    /// Whether it ended because a person completed it.
    pub done: bool,
}

/// A mail to somebody at the customer.
#[derive(Clone, Debug)]
pub struct MailRecord {
    /// Whom it went to; `None` for an address that belongs to no contact.
    pub contact: Option<String>,
    pub sent_at: Instant,
    /// Whether it asked something, as a survey does.
    pub asks: bool,
}

/// An answer to a survey.
#[derive(Clone, Debug)]
pub struct AnswerRecord {
    /// Breaks ties between equal instants: the greater id is the later.
    pub id: String,
    /// Whose it is; `None` for an address that belongs to no contact.
    pub contact: Option<String>,
    /// The name of its score; `None` where it is a text.
    pub score: Option<String>,
    /// The survey's id; `None` of a step's own question.
    pub survey: Option<String>,
    /// What was written; `None` where it has no words.
    pub text: Option<String>,
    pub at: Instant,
}

/// A label that was set or removed.
#[derive(Clone, Debug)]
pub struct LabelRecord {
    /// Whose label it is; `None` is the account's own.
    pub contact: Option<String>,
    pub name: String,
    /// `None` where it was removed.
    pub value: Option<String>,
    pub at: Instant,
}

/// Columns that changed at one instant.
#[derive(Clone, Debug)]
pub struct ChangeRecord {
    pub at: Instant,
    /// Their values before, by column; `traits` as JSON.
    pub was: BTreeMap<String, Value>,
}
