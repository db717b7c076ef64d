//! The statements that fetch the cells of one layout, and fetching named subjects.

use std::sync::Arc;

use sqlx::PgPool;

use super::hoist::{Shape, WalkReader};
use super::population::fill;
use super::scope::SubjectScope;
use super::statement::{Statement, position_of, rows_of};
use super::walk::{Scan, Walk};
use super::window::SubjectWindow;
use crate::clock::Instant;
use crate::facts::{Facts, Layout, Value};
use crate::rule::Predicate;
use crate::rule::functions::{FactSource, UnknownCell};
use crate::rule::population::PopulationFigures;
use crate::store::customers::reader_role::begin;
use crate::store::customers::relations::Relations;

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
        let fetch =
            Statement::build(&layout, relations, SubjectScope::Named, FactSource::Customers, &[], Shape::Probes)?;
        Ok(FactQuery { walk, kept: kept.clone(), fetch, layout })
    }

    /// The same, fetching of the named subjects only those on which the
    /// predicate may be true.
    pub fn among(layout: Arc<Layout>, relations: &Relations, kept: &Predicate) -> Result<FactQuery, UnknownCell> {
        let mut query = FactQuery::new(layout, relations)?;
        let readers = [WalkReader { cells: query.layout.cells(), kept }];
        let (scope, source) = (SubjectScope::Named, FactSource::Customers);
        query.fetch = Statement::build(&query.layout, relations, scope, source, &readers, Shape::Probes)?;
        Ok(query)
    }

    /// Its walk over all subjects.
    pub fn walk(&self) -> &Walk {
        &self.walk
    }

    /// One walk for several queries about the same kind of subject: each gets
    /// the cells it fetches of the subjects it keeps, as if it walked alone.
    pub fn shared_walk(queries: &[&FactQuery], relations: &Relations) -> Result<Walk, UnknownCell> {
        let wanted: Vec<_> = queries.iter().map(|query| (&query.layout, &query.kept)).collect();
        Walk::new(&wanted, relations)
    }

    /// What it asks about all subjects together, as of an instant: the figure of
    /// each population function by its key.
    pub async fn figures(&self, pool: &PgPool, as_of: Instant) -> sqlx::Result<PopulationFigures> {
        self.walk.figures(pool, as_of).await.map(Arc::unwrap_or_clone)
    }

    /// Its statement about named subjects.
    pub(super) fn look(&self) -> &Statement {
        &self.fetch
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
            matching: None,
        }
    }
}

/// Starts a walk over the subjects that the query keeps; see [`Walk::start`].
pub async fn scan<'q>(pool: &PgPool, query: &'q FactQuery, as_of: Instant) -> sqlx::Result<Scan<'q>> {
    query.walk.start(pool, as_of, None).await
}

/// The facts of the named subjects, in the same order; `None` for one that does
/// not exist. `pool` is that of [`Store::customers_pool`](crate::store::Store::customers_pool).
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
    let figures = query.walk.figures(pool, as_of).await?;
    let mut transaction = begin(pool, query.walk.read_as).await?;
    for row in rows_of(&mut transaction, &query.fetch, as_of, subjects).await? {
        let at = position_of(&row)?;
        if let (Some(subject), Some(place)) = (subjects.get(at), found.get_mut(at)) {
            let mut facts = query.facts(subject, as_of);
            query.fetch.read(&row, &mut facts.values)?;
            *place = Some(facts);
        }
    }
    if let Some(own) = &query.walk.own {
        for row in rows_of(&mut transaction, own, as_of, subjects).await? {
            if let Some(Some(facts)) = found.get_mut(position_of(&row)?) {
                own.read(&row, &mut facts.values)?;
            }
        }
    }
    transaction.rollback().await?;
    if query.walk.population().is_none() {
        return Ok(found);
    }
    let places: Vec<usize> = (0..found.len()).filter(|at| found[*at].is_some()).collect();
    let subjects = found.iter_mut().filter_map(Option::take).collect();
    let filled = fill(query.walk.population(), &figures, subjects).await?;
    places.into_iter().zip(filled).for_each(|(at, facts)| found[at] = Some(facts));
    Ok(found)
}
