//! What the web pages show: typed rows, newest or most urgent first, and
//! never more than a page.
//!
//! - `tasks`: the inbox and the page of a task;
//! - `runs`: the pages of playbooks, with runs and enrollments;
//! - `messages`: the list of messages and the page of one.

use crate::store::Store;

mod messages;
mod runs;
mod tasks;

pub use messages::{AttemptRow, MessageRow, MessageWhole};
pub use runs::{EnrollmentRow, HeldRow, RunRow};
pub use tasks::{Inbox, OpenCount, TaskRow, Usefulness};

impl Store {
    /// Whether the database answers.
    pub async fn ping(&self) -> sqlx::Result<()> {
        sqlx::query("select 1").execute(self.pool()).await.map(|_| ())
    }
}
