//! The test cases written inside a playbook, as data.
//!
//! Fixture columns stay YAML nodes: what columns exist is the store's schema,
//! which this folder does not know. `like` reads the list of cases and follows
//! `like:`; `reader` reads one of them, `document_case` one of a document beside
//! playbooks; `forms` lists their keys.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};

use super::budget::Budget;
use super::quiet_hours::QuietHours;
use super::yaml::{Entry, Node};
use super::{ExpectedForm, Source};
use crate::diagnostic::Position;

mod document_case;
mod forms;
mod like;
mod reader;

pub(super) use document_case::read_document_cases;
pub use document_case::{DocumentCase, Expects};
pub use forms::{
    ANSWER_KEYS, CASE, CASE_HEAD, EVENT, FIXTURES, GOAL_RECORD, MEMBER, SCORE, STANDING, TASK_RECORD, TICKET, WORLD,
    document_case,
};
pub(super) use like::read;

/// One case after `like:` has been followed: a world, what happens in it, and
/// everything that must come out.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub place: Position,
    /// The frozen clock at the first run; itself a slot.
    pub at: DateTime<FixedOffset>,
    pub fixtures: Fixtures,
    /// Accounts beside the case's own, for what is asked about all together.
    pub population: Vec<Member>,
    /// Recorded figures by the ids of their KPIs: one of `at`, or several by their times.
    pub kpis: Vec<Entry>,
    /// What the case says of the attention budget; without it there is none.
    pub budget: Budget,
    /// What it says of quiet hours.
    pub quiet_hours: Option<QuietHours>,
    /// Changes in force just before `at` plus their offset, in order of it.
    pub then: Vec<Change>,
    /// The variants that its entries name, by the step of the mail.
    pub variants: BTreeMap<String, String>,
    /// Complete and in order up to its last entry.
    pub expect: Vec<Expectation>,
}

/// The world of a case; every part is as the author wrote it.
#[derive(Clone, Debug, Default)]
pub struct Fixtures {
    /// Column name to value (a value may be a time relative to `at`).
    pub account: Vec<Entry>,
    /// The enrolled contact of a contact playbook. Without it, the first of
    /// `contacts`, or one of whom nothing is said.
    pub contact: Option<Vec<Entry>>,
    /// `None`: one reachable contact for each role the playbook mails.
    pub contacts: Option<Vec<Vec<Entry>>>,
    /// `None`: a CSM with a manager.
    pub csm: Option<Vec<Entry>>,
    /// Event name to `[-1d, -3d]` or `12 over 30d`.
    /// Ids of colleagues by role.
    pub owners: Vec<Entry>,
    pub events: Vec<Entry>,
    pub scores: Vec<Vec<Entry>>,
    /// Stages and tiers that documents have found.
    pub stages: Vec<Vec<Entry>>,
    pub tiers: Vec<Vec<Entry>>,
    /// Success plan to when the account got it.
    pub plans: Vec<Entry>,
    /// How far goals of success plans are.
    pub goals: Vec<Vec<Entry>>,
    pub tickets: Vec<Vec<Entry>>,
    /// Tasks of colleagues about the account, of whatever playbook.
    pub tasks: Vec<Vec<Entry>>,
    /// Ids of other playbooks with an active enrollment.
    pub in_playbook: Vec<Source>,
    /// Label to value; `none` removes it.
    pub labels: Vec<Entry>,
    /// What the columns of the account were before.
    pub past: Vec<PastColumns>,
}

/// Columns of an account as they were for a while.
#[derive(Clone, Debug)]
pub struct PastColumns {
    /// Seconds before `at`.
    pub before: i64,
    pub columns: Vec<Entry>,
}

/// Accounts that are all alike, beside the case's own.
#[derive(Clone, Debug)]
pub struct Member {
    pub fixtures: Fixtures,
    /// How many there are.
    pub times: u64,
}

/// What changes in the world while the case plays.
#[derive(Clone, Debug)]
pub struct Change {
    /// Seconds after `at`.
    pub after: i64,
    pub fixtures: Fixtures,
    /// Figures that were recorded since, as in the case.
    pub kpis: Vec<Entry>,
    /// Ids of task steps a person completes.
    pub done: Vec<String>,
    /// Task step id to the outcome chosen; completes the task too.
    pub outcomes: Vec<(String, String)>,
    /// What somebody answers to survey steps.
    pub answers: Vec<CaseAnswer>,
}

/// An answer to a survey step in a case.
#[derive(Clone, Debug)]
pub struct CaseAnswer {
    /// The step's id.
    pub step: String,
    /// A whole number or a text.
    pub value: Node,
    /// What is written beside a number.
    pub comment: Option<String>,
}

/// One thing that must happen.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    pub place: Position,
    /// The exact offset from `at`, in seconds.
    pub after: i64,
    pub expected: Expected,
    /// Email: a role or an address. Task: `csm`, `manager`, an address. Notice: its channel.
    pub to: Option<String>,
    /// Which of its step's texts a mail has.
    pub variant: Option<String>,
    /// The exact subject of a mail.
    pub subject: Option<String>,
    /// Text that must stand in the subject, body, title or text.
    pub contains: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// What a step brings about.
    Step { id: String, form: ExpectedForm },
    /// `completed`, `goal`, `exited`, `blocked` or the reason of an `end` step.
    Ended(String),
    /// A rule cannot be decided, which is what the case is about.
    Undecided,
}
