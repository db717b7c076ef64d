//! What the web pages show: typed rows, newest or most urgent first, and
//! never more than a page.
//!
//! - `tasks`: the page of a task, and how many each has open;
//! - `today`: the open tasks in the order of work, and what stands beside one;
//! - `journeys`: who stands at which step of a playbook, and who has left there;
//! - `runs`: the pages of playbooks, with runs and enrollments;
//! - `approvals`: runs that wait for a person, and whom they would touch;
//! - `deeds`: what people did;
//! - `messages`: the list of messages and the page of one;
//! - `suppressions`: addresses that want no mail, and whose they are;
//! - `stops`: since when what is stopped is, and what waits behind it;
//! - `overview`: what managers count of a period and a segment;
//! - `answers`: answers to surveys, and how they went from month to month;
//! - `accounts`: the list of accounts, and what the page of one begins with;
//! - `account_courses`: how an account's scores and tickets went;
//! - `contact_wishes`: which mail addresses do not get, and why;
//! - `open_work`: what a pause keeps back, and what closes with a journey;
//! - `waiting`: the numbers that stand on every page;
//! - `timeline`: what happened to one account and what was done.

use crate::store::Store;

mod account_courses;
mod accounts;
mod answers;
mod approvals;
mod contact_wishes;
mod deeds;
mod journeys;
mod messages;
mod open_work;
mod overview;
mod runs;
mod stops;
mod suppressions;
mod tasks;
mod timeline;
mod today;
mod waiting;

pub use account_courses::ScorePoint;
pub use accounts::{
    AccountDate, AccountEnrollmentRow, AccountFilter, AccountHeader, AccountOwner, AccountPart, AccountRow, Span,
    read_json,
};
pub use answers::{AnswerCount, AnswerListFilter, AnswerListRow};
pub use approvals::{HeldOfCsm, RunWord, largest_account};
pub use contact_wishes::Wish;
pub use deeds::{DeedFilter, DeedRow};
pub use journeys::{EnrolledRow, StepCount, StepGroup, StepReason};
pub use messages::{AttemptRow, MessageFilter, MessageRow, MessageWhole};
pub use open_work::{OpenWork, WaitingMail};
pub use overview::{
    EndedRow, EndedTasks, ListPart, MailCount, OnboardingStage, OpenTasks, RenewalEnds, RenewalMonth, RenewalRow,
    Segment,
};
pub use runs::{EnrollmentRow, HeldRow, RunRow};
pub use suppressions::{SuppressedContact, SuppressedRow, SuppressionFilter};
pub use tasks::{Inbox, OpenCount, TaskRow};
pub use timeline::{
    AnswerEvent, EnrollmentTurn, MessageEvent, NoteEvent, RefusalEvent, ScoreEvent, TaskTurn, TicketTurn, Timeline,
    TimelineEntry, TimelineEvent, TimelineSpan,
};
pub use today::{FoundById, IN_ORDER, ReceivedMail, TodayCount, TodayFilter, TodayRow};
pub use waiting::Waiting;

impl Store {
    /// Whether the database answers.
    pub async fn ping(&self) -> sqlx::Result<()> {
        sqlx::query("select 1").execute(self.pool()).await.map(|_| ())
    }
}
