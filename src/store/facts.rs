//! Facts from the customer store: one statement fetches exactly the cells that
//! are asked for.
//!
//! Cells of Keepwell's own state come by a second statement over the accounts
//! of a chunk, so that the customer store may lie elsewhere and rehearsal can
//! put its own answers there. Literals and instants are bind parameters;
//! window starts are computed here and not by the database.

use std::sync::Arc;

use chrono::SubsecRound;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Row, Transaction};

use self::statement::{Statement, Target};
use crate::clock::Instant;
use crate::facts::{Facts, Layout, Schema, Subject, SubjectId, Value};
use crate::rule::Predicate;
use crate::rule::functions::{FactSource, UnknownCell};

mod bind;
mod predicate_sql;
mod statement;

pub use predicate_sql::Clauses;

/// How many subjects a chunk of a scan has at most.
const CHUNK: usize = 1000;

/// One view of both schemas' rows for the statements of a read, and no writes.
const BEGIN: &str = "begin transaction isolation level repeatable read, read only";

/// The statements that fetch the cells of one layout. Built once, used often.
#[derive(Clone, Debug)]
pub struct FactQuery {
    layout: Arc<Layout>,
    /// Every subject that is kept.
    scan: Statement,
    /// Named subjects, each with its windows.
    fetch: Statement,
    /// Our own state about named subjects; `None` when no cell asks for it.
    own: Option<Statement>,
}

/// A subject to fetch facts of, and where its windows start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectWindow {
    pub account: String,
    /// Empty for accounts.
    pub contact: String,
    /// What `since_entry` means; without it such a window is empty.
    pub since_entry: Option<Instant>,
    /// What `since_step` means; without it such a window is empty.
    pub since_step: Option<Instant>,
}

impl From<SubjectId> for SubjectWindow {
    /// Without an enrollment: both windows are empty.
    fn from(SubjectId { account, contact }: SubjectId) -> SubjectWindow {
        SubjectWindow { account, contact, since_entry: None, since_step: None }
    }
}

impl FactQuery {
    /// The query for a layout. An error names the first cell that neither the
    /// schema nor a function answers; in a layout for accounts, cells of
    /// contacts are among these.
    pub fn new(layout: Arc<Layout>, schema: &Schema) -> Result<FactQuery, UnknownCell> {
        FactQuery::keeping(layout, schema, &Predicate::Always)
    }

    /// The same, whose walk over all subjects passes by those on which the
    /// predicate is not true. Subjects that are fetched by name are all there.
    pub fn keeping(layout: Arc<Layout>, schema: &Schema, kept: &Predicate) -> Result<FactQuery, UnknownCell> {
        let build = |target, source| Statement::build(&layout, schema, target, source, &Predicate::Always);
        let own = build(Target::OwnState, FactSource::Own)?;
        Ok(FactQuery {
            scan: Statement::build(&layout, schema, Target::All, FactSource::Customers, kept)?,
            fetch: build(Target::Named, FactSource::Customers)?,
            own: own.has_cells().then_some(own),
            layout,
        })
    }

    /// The cells it fetches.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    fn facts(&self, subject: &SubjectWindow, as_of: Instant) -> Facts {
        Facts {
            account: subject.account.clone(),
            contact: subject.contact.clone(),
            as_of,
            layout: Arc::clone(&self.layout),
            values: vec![Value::Null; self.layout.cells().len()],
        }
    }
}

/// A walk over the subjects that a query keeps, in no particular order and in flat memory.
///
/// It holds one connection and one read-only snapshot until it is closed or
/// dropped.
#[derive(Debug)]
pub struct Scan<'q> {
    query: &'q FactQuery,
    as_of: Instant,
    transaction: Transaction<'static, Postgres>,
}

/// Starts a walk over the subjects that the query keeps, with their facts as of
/// an instant, which is taken to the microsecond, as the store keeps time.
/// `since_entry` and `since_step` have no meaning there: such windows are empty.
pub async fn scan<'q>(pool: &PgPool, query: &'q FactQuery, as_of: Instant) -> sqlx::Result<Scan<'q>> {
    let as_of = as_of.trunc_subsecs(6);
    let mut transaction = begin(pool).await?;
    let declare = format!("declare facts no scroll cursor for {}", query.scan.sql());
    query.scan.query(declare, as_of, &[]).execute(&mut *transaction).await?;
    Ok(Scan { query, as_of, transaction })
}

impl Scan<'_> {
    /// The next subjects, up to 1,000; empty when there are no more.
    pub async fn next(&mut self) -> sqlx::Result<Vec<Facts>> {
        // Not kept as a prepared statement: the columns of this text differ
        // from one scan to the next.
        let fetch = format!("fetch {CHUNK} from facts");
        let rows = sqlx::query(AssertSqlSafe(fetch)).persistent(false).fetch_all(&mut *self.transaction).await?;
        let mut subjects = Vec::with_capacity(rows.len());
        let mut chunk = Vec::with_capacity(rows.len());
        for row in &rows {
            let contact = match self.query.layout.subject() {
                Subject::Account => String::new(),
                Subject::Contact => row.try_get(1)?,
            };
            let subject = SubjectWindow { account: row.try_get(0)?, contact, since_entry: None, since_step: None };
            let mut facts = self.query.facts(&subject, self.as_of);
            self.query.scan.read(row, &mut facts)?;
            subjects.push(subject);
            chunk.push(facts);
        }
        if let (Some(own), false) = (&self.query.own, chunk.is_empty()) {
            for row in rows_of(&mut self.transaction, own, self.as_of, &subjects).await? {
                if let Some(facts) = chunk.get_mut(ordinal(&row)?) {
                    own.read(&row, facts)?;
                }
            }
        }
        Ok(chunk)
    }

    /// Gives the connection back.
    pub async fn close(self) -> sqlx::Result<()> {
        self.transaction.rollback().await
    }
}

/// The facts of the named subjects, in the same order; `None` for one that does
/// not exist.
pub async fn fetch(
    pool: &PgPool,
    query: &FactQuery,
    as_of: Instant,
    subjects: &[SubjectWindow],
) -> sqlx::Result<Vec<Option<Facts>>> {
    let mut found = vec![None; subjects.len()];
    if subjects.is_empty() {
        return Ok(found);
    }
    let mut transaction = begin(pool).await?;
    for row in rows_of(&mut transaction, &query.fetch, as_of, subjects).await? {
        let at = ordinal(&row)?;
        if let (Some(subject), Some(place)) = (subjects.get(at), found.get_mut(at)) {
            let mut facts = query.facts(subject, as_of);
            query.fetch.read(&row, &mut facts)?;
            *place = Some(facts);
        }
    }
    if let Some(own) = &query.own {
        for row in rows_of(&mut transaction, own, as_of, subjects).await? {
            if let Some(Some(facts)) = found.get_mut(ordinal(&row)?) {
                own.read(&row, facts)?;
            }
        }
    }
    transaction.rollback().await?;
    Ok(found)
}

/// A read-only transaction, set up for statements with many small subqueries
/// whose rows are all read: compiling them costs far more than it saves, and
/// the plan is for every row and not for the first few.
async fn begin(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    let mut transaction = pool.begin_with(BEGIN).await?;
    sqlx::query("select set_config('jit', 'off', true), set_config('cursor_tuple_fraction', '1', true)")
        .execute(&mut *transaction)
        .await?;
    Ok(transaction)
}

/// The rows of a statement over named accounts; each begins with the 1-based
/// position of its subject.
async fn rows_of(
    connection: &mut PgConnection,
    statement: &Statement,
    as_of: Instant,
    subjects: &[SubjectWindow],
) -> sqlx::Result<Vec<PgRow>> {
    statement.query(statement.sql().to_owned(), as_of, subjects).fetch_all(connection).await
}

/// The 0-based position of a row's subject.
fn ordinal(row: &PgRow) -> sqlx::Result<usize> {
    let ordinal: i64 = row.try_get(0)?;
    usize::try_from(ordinal - 1).map_err(|error| sqlx::Error::Decode(error.into()))
}
