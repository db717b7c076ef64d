//! What is bound to the parameters of a fact query.

use sqlx::postgres::PgArguments;
use sqlx::postgres::types::PgInterval;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres};

use super::window::SubjectWindow;
use crate::clock::Instant;
use crate::facts::PropertyFilter;
use crate::rule::functions::{before, days_back};
use crate::rule::prefilter::predicate::move_instant;

/// What is bound to one parameter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bind {
    AsOf,
    /// What the other one is that many days earlier.
    Ago(i64, Box<Bind>),
    /// The start of a window of that many days.
    Since(i64),
    /// The start of the window before it.
    Before(i64),
    Text(String),
    Texts(Vec<String>),
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A number as JSON.
    Json(f64),
    /// Properties as a JSON object.
    Properties(PropertyFilter),
    /// Now, moved by that many microseconds.
    FromNow(i64),
    /// A span of that many microseconds.
    Span(i64),
    /// The subjects' accounts.
    Accounts,
    /// The subjects' contacts.
    Contacts,
    /// One window start for each subject.
    Starts(Start),
}

/// A window start that differs from subject to subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    EntrySince,
    EntryBefore,
    StepSince,
    StepBefore,
}

/// A query with its parameters.
pub(crate) fn bound(
    sql: String,
    binds: &[Bind],
    as_of: Instant,
    subjects: &[SubjectWindow],
) -> Query<'static, Postgres, PgArguments> {
    // Safe: our own text and quoted column names; literals are bound.
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for bind in binds {
        let (as_of, bind) = match bind {
            Bind::Ago(days, bind) => (days_back(as_of, *days), &**bind),
            bind => (as_of, bind),
        };
        query = match bind {
            // Only what depends on the instant is asked of another day.
            Bind::AsOf | Bind::Ago(..) => query.bind(as_of),
            Bind::Since(days) => query.bind(days_back(as_of, *days)),
            Bind::Before(days) => query.bind(before(as_of, days_back(as_of, *days))),
            Bind::Text(text) => query.bind(text.clone()),
            Bind::Texts(texts) => query.bind(texts.clone()),
            Bind::Bool(value) => query.bind(*value),
            Bind::Int(number) => query.bind(*number),
            Bind::Float(number) => query.bind(*number),
            Bind::Json(number) => query.bind(serde_json::Value::from(*number)),
            Bind::Properties(filter) => query.bind(filter.to_json()),
            Bind::FromNow(by) => query.bind(move_instant(as_of, *by)),
            Bind::Span(microseconds) => query.bind(PgInterval { months: 0, days: 0, microseconds: *microseconds }),
            Bind::Accounts => query.bind(subjects.iter().map(|subject| subject.account.clone()).collect::<Vec<_>>()),
            Bind::Contacts => query.bind(subjects.iter().map(|subject| subject.contact.clone()).collect::<Vec<_>>()),
            Bind::Starts(start) => {
                query.bind(subjects.iter().map(|subject| start.of(subject, as_of)).collect::<Vec<_>>())
            }
        };
    }
    query
}

impl Start {
    pub(crate) const ALL: [Start; 4] = [Start::EntrySince, Start::EntryBefore, Start::StepSince, Start::StepBefore];

    /// Its column in the relation of subjects.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Start::EntrySince => "entry_since",
            Start::EntryBefore => "entry_before",
            Start::StepSince => "step_since",
            Start::StepBefore => "step_before",
        }
    }

    fn of(self, subject: &SubjectWindow, as_of: Instant) -> Instant {
        let since = match self {
            Start::EntrySince | Start::EntryBefore => subject.since_entry,
            Start::StepSince | Start::StepBefore => subject.since_step,
        };
        let since = since.unwrap_or(as_of).min(as_of);
        match self {
            Start::EntrySince | Start::StepSince => since,
            Start::EntryBefore | Start::StepBefore => before(as_of, since),
        }
    }
}
