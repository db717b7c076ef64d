//! Facts from the customer store: one statement fetches exactly the cells that
//! are asked for.
//!
//! Cells of Keepwell's own state come by a second statement over the subjects
//! of a chunk, so that the customer store may lie elsewhere and rehearsal can
//! put its own answers there. Literals and instants are bind parameters;
//! window starts are computed here and not by the database.

use std::sync::Arc;

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use self::hoist::Reader;
use self::statement::{Statement, Target};
use crate::clock::Instant;
use crate::facts::{Facts, Layout, SubjectId, Value};
use crate::rule::Predicate;
use crate::rule::functions::{FactSource, UnknownCell};
use crate::store::Relations;
use crate::store::customers::reader_role::begin;

mod answer;
mod bind;
mod hoist;
mod predicate_sql;
mod statement;
mod text;
mod touches;
mod walk;

pub use hoist::Shape;
pub use predicate_sql::Clauses;
pub(in crate::store) use statement::{END, FIRST};
pub use walk::{Scan, Walk};

/// The statements that fetch the cells of one layout. Built once, used often.
#[derive(Clone, Debug)]
pub struct FactQuery {
    layout: Arc<Layout>,
    /// Every subject that is kept.
    walk: Walk,
    kept: Predicate,
    /// Named subjects, each with its windows.
    fetch: Statement,
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
    /// store nor a function answers; in a layout for accounts, cells of
    /// contacts are among these.
    pub fn new(layout: Arc<Layout>, relations: &Relations) -> Result<FactQuery, UnknownCell> {
        FactQuery::keeping(layout, relations, &Predicate::Always)
    }

    /// The same, whose walk over all subjects passes by those on which the
    /// predicate is not true. Subjects that are fetched by name are all there.
    pub fn keeping(layout: Arc<Layout>, relations: &Relations, kept: &Predicate) -> Result<FactQuery, UnknownCell> {
        let walk = Walk::new(&[(&layout, kept)], relations)?;
        let fetch = Statement::build(&layout, relations, Target::Named, FactSource::Customers, &[], Shape::Probes)?;
        Ok(FactQuery { walk, kept: kept.clone(), fetch, layout })
    }

    /// The same, fetching of the named subjects only those on which the
    /// predicate may be true.
    pub fn among(layout: Arc<Layout>, relations: &Relations, kept: &Predicate) -> Result<FactQuery, UnknownCell> {
        let mut query = FactQuery::new(layout, relations)?;
        let readers = [Reader { cells: query.layout.cells(), kept }];
        let (target, source) = (Target::Named, FactSource::Customers);
        query.fetch = Statement::build(&query.layout, relations, target, source, &readers, Shape::Probes)?;
        Ok(query)
    }

    /// Its walk over all subjects.
    pub fn walk(&self) -> &Walk {
        &self.walk
    }

    /// One walk for several queries about the same kind of subject: each gets
    /// the cells it fetches of the subjects it keeps, as if it walked alone.
    pub fn together(queries: &[&FactQuery], relations: &Relations) -> Result<Walk, UnknownCell> {
        let wanted: Vec<_> = queries.iter().map(|query| (&query.layout, &query.kept)).collect();
        Walk::new(&wanted, relations)
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

/// Starts a walk over the subjects that the query keeps; see [`Walk::start`].
pub async fn scan<'q>(pool: &PgPool, query: &'q FactQuery, as_of: Instant) -> sqlx::Result<Scan<'q>> {
    query.walk.start(pool, as_of, None).await
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
    let mut transaction = begin(pool, query.walk.as_reader).await?;
    for row in rows_of(&mut transaction, &query.fetch, as_of, subjects).await? {
        let at = ordinal(&row)?;
        if let (Some(subject), Some(place)) = (subjects.get(at), found.get_mut(at)) {
            let mut facts = query.facts(subject, as_of);
            query.fetch.read(&row, &mut facts.values)?;
            *place = Some(facts);
        }
    }
    if let Some(own) = &query.walk.own {
        for row in rows_of(&mut transaction, own, as_of, subjects).await? {
            if let Some(Some(facts)) = found.get_mut(ordinal(&row)?) {
                own.read(&row, &mut facts.values)?;
            }
        }
    }
    transaction.rollback().await?;
    Ok(found)
}

/// The rows of a statement over named subjects; each begins with the 1-based
/// position of its subject.
async fn rows_of(
    connection: &mut PgConnection,
    statement: &Statement,
    as_of: Instant,
    subjects: &[SubjectWindow],
) -> sqlx::Result<Vec<PgRow>> {
    // Planned each time: a plan kept from when the tables were small would read
    // all of them for each chunk.
    statement.query(statement.sql().to_owned(), as_of, subjects).persistent(false).fetch_all(connection).await
}

/// The 0-based position of a row's subject.
fn ordinal(row: &PgRow) -> sqlx::Result<usize> {
    let ordinal: i64 = row.try_get(0)?;
    usize::try_from(ordinal - 1).map_err(|error| sqlx::Error::Decode(error.into()))
}
