//! The walk over all subjects, for one query or for several at once.
//!
//! Its statement has two shapes. How many subjects are still in question after
//! the clauses about columns is counted, up to a limit, before the walk begins;
//! the sizes of the relations on disk set the limit. Neither depends on the
//! server's statistics.

use std::sync::Arc;
use std::time::Duration;

use chrono::SubsecRound;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row, Transaction};

use super::hoist::{Shape, WalkReader, passes};
use super::scope::SubjectScope;
use super::statement::{Statement, position_of, rows_of};
use super::window::SubjectWindow;
use crate::clock::Instant;
use crate::facts::{Facts, Layout, Subject, SubjectId, Value};
use crate::rule::Predicate;
use crate::rule::functions::{FactSource, UnknownCell};
use crate::store::customers::reader_role::{begin, limit_statements};
use crate::store::customers::relations::{ReadAs, Relations};

/// How many subjects a chunk of a scan has at most.
const CHUNK: usize = 1000;
/// Up to so many subjects are always looked up one by one …
const ALWAYS_PROBED: i64 = 1_000;
/// … and more than so many never.
const NEVER_PROBED: i64 = 100_000;

/// The statements of a walk over all subjects. Built once, used often.
#[derive(Clone, Debug)]
pub struct Walk {
    layout: Arc<Layout>,
    /// The cells of each reader: its layout, and where they stand in the walk's.
    readers: Vec<(Arc<Layout>, Vec<usize>)>,
    probes: Statement,
    /// `None` when no pass could answer anything.
    passes: Option<Passes>,
    /// Our own state about the subjects of a chunk.
    pub(crate) own: Option<Statement>,
    /// As whom it is asked.
    pub(crate) read_as: ReadAs,
}

#[derive(Clone, Debug)]
struct Passes {
    statement: Statement,
    /// The subjects that would have to be looked up.
    asking: Statement,
}

impl Walk {
    /// A walk for some readers: the layout each wants of the subjects that its
    /// predicate keeps. All are for the same kind of subject. An error names the first cell that nothing answers.
    pub(crate) fn new(wanted: &[(&Arc<Layout>, &Predicate)], relations: &Relations) -> Result<Walk, UnknownCell> {
        let layout = match wanted {
            [(layout, _)] => Arc::clone(layout),
            several => {
                let subject = several.first().map_or(Subject::Account, |(layout, _)| layout.subject());
                debug_assert!(several.iter().all(|(layout, _)| layout.subject() == subject));
                let mut layout = Layout::of(subject);
                several.iter().for_each(|(one, _)| layout.merge(one.cells()));
                Arc::new(layout)
            }
        };
        let readers: Vec<WalkReader<'_>> =
            wanted.iter().map(|(layout, kept)| WalkReader { cells: layout.cells(), kept }).collect();
        let own = Statement::build(&layout, relations, SubjectScope::OwnState, FactSource::Own, &[], Shape::Probes)?;
        let build =
            |shape| Statement::build(&layout, relations, SubjectScope::All, FactSource::Customers, &readers, shape);
        let passes = match passes(&readers).is_empty() {
            true => None,
            false => Some(Passes {
                statement: build(Shape::Passes)?,
                asking: Statement::asking(layout.subject(), &readers, relations)?,
            }),
        };
        let places = |cells: &Layout| cells.cells().iter().filter_map(|cell| layout.position(cell)).collect();
        Ok(Walk {
            probes: build(Shape::Probes)?,
            passes,
            own: own.has_cells().then_some(own),
            read_as: relations.read_as(),
            readers: wanted.iter().map(|(cells, _)| (Arc::clone(cells), places(cells))).collect(),
            layout,
        })
    }

    /// Starts it, with facts as of an instant, which is taken to the
    /// microsecond, as the store keeps time. `since_entry` and `since_step` have
    /// no meaning here: such windows are empty. Without a shape, it is the one
    /// that suits how many subjects are in question.
    pub async fn start(&self, pool: &PgPool, as_of: Instant, shape: Option<Shape>) -> sqlx::Result<Scan<'_>> {
        self.start_in(begin(pool, self.read_as).await?, as_of, shape).await
    }

    /// The same; Postgres ends each of its statements that takes longer.
    pub async fn start_within(
        &self,
        pool: &PgPool,
        as_of: Instant,
        shape: Option<Shape>,
        patience: Duration,
    ) -> sqlx::Result<Scan<'_>> {
        let mut transaction = begin(pool, self.read_as).await?;
        limit_statements(&mut transaction, patience).await?;
        self.start_in(transaction, as_of, shape).await
    }

    async fn start_in(
        &self,
        mut transaction: Transaction<'static, Postgres>,
        as_of: Instant,
        shape: Option<Shape>,
    ) -> sqlx::Result<Scan<'_>> {
        let as_of = as_of.trunc_subsecs(6);
        let (statement, shape) = match (&self.passes, shape) {
            (Some(passes), Some(Shape::Passes)) => (&passes.statement, Shape::Passes),
            (Some(passes), None) if passes.suit(&mut transaction, as_of).await? => (&passes.statement, Shape::Passes),
            _ => (&self.probes, Shape::Probes),
        };
        let declare = format!("declare facts no scroll cursor for {}", statement.sql());
        statement.query(declare, as_of, &[]).execute(&mut *transaction).await?;
        Ok(Scan { walk: self, statement, shape, as_of, ended: false, transaction })
    }
}

impl Walk {
    /// Its statement that asks about each subject apart.
    pub(super) fn look_ups(&self) -> &Statement {
        &self.probes
    }
}

impl Passes {
    /// Whether more subjects are in question than should be looked up.
    async fn suit(&self, transaction: &mut Transaction<'static, Postgres>, as_of: Instant) -> sqlx::Result<bool> {
        // A partitioned relation is as large as its parts.
        let pages: i64 = sqlx::query_scalar(
            "select (coalesce(sum(pg_relation_size(coalesce(t.relid, r.relation))), 0) / 8192)::int8
             from (select to_regclass(name) as relation from unnest($1::text[]) as n (name)) as r
             left join lateral pg_partition_tree(r.relation) as t on true
             where r.relation is not null",
        )
        .bind(self.statement.passed.clone())
        .fetch_one(&mut **transaction)
        .await?;
        // Looking up a subject costs about as much as reading one page in a row.
        let limit = pages.clamp(ALWAYS_PROBED, NEVER_PROBED);
        let count = format!("select count(*) from ({} limit {}) as asking", self.asking.sql(), limit + 1);
        let asking: i64 = self.asking.query(count, as_of, &[]).fetch_one(&mut **transaction).await?.try_get(0)?;
        Ok(asking > limit)
    }
}

/// A walk under way, in no particular order and in flat memory.
///
/// It holds one connection and one read-only snapshot until it is closed or
/// dropped.
#[derive(Debug)]
pub struct Scan<'q> {
    walk: &'q Walk,
    statement: &'q Statement,
    shape: Shape,
    as_of: Instant,
    /// Whether the last chunk was not full.
    ended: bool,
    transaction: Transaction<'static, Postgres>,
}

impl Scan<'_> {
    /// How it asks for fact functions.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The next subjects of a walk for one query, up to 1,000; empty when there
    /// are no more.
    pub async fn next(&mut self) -> sqlx::Result<Vec<Facts>> {
        Ok(self.next_of_each().await?.into_iter().next().unwrap_or_default())
    }

    /// The same for each query of the walk; no list at all when there are no
    /// more subjects.
    pub async fn next_of_each(&mut self) -> sqlx::Result<Vec<Vec<Facts>>> {
        if self.ended {
            return Ok(Vec::new());
        }
        // Not kept as a prepared statement: the columns of this text differ
        // from one scan to the next.
        let fetch = format!("fetch {CHUNK} from facts");
        let rows = sqlx::query(AssertSqlSafe(fetch)).persistent(false).fetch_all(&mut *self.transaction).await?;
        self.ended = rows.len() < CHUNK;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut values = vec![vec![Value::Null; self.walk.layout.cells().len()]; rows.len()];
        let mut subjects = Vec::with_capacity(rows.len());
        for (row, values) in rows.iter().zip(&mut values) {
            let contact = match self.walk.layout.subject() {
                Subject::Account => String::new(),
                Subject::Contact => row.try_get(1)?,
            };
            subjects.push(SubjectWindow::from(SubjectId { account: row.try_get(0)?, contact }));
            self.statement.read(row, values)?;
        }
        if let Some(own) = &self.walk.own {
            for row in rows_of(&mut self.transaction, own, self.as_of, &subjects).await? {
                if let Some(values) = values.get_mut(position_of(&row)?) {
                    own.read(&row, values)?;
                }
            }
        }
        let facts = |layout: &Arc<Layout>, subject: &SubjectWindow, values| Facts {
            account: subject.account.clone(),
            contact: subject.contact.clone(),
            as_of: self.as_of,
            layout: Arc::clone(layout),
            values,
        };
        if let [(layout, _)] = &self.walk.readers[..] {
            let all = subjects.iter().zip(values).map(|(subject, values)| facts(layout, subject, values));
            return Ok(vec![all.collect()]);
        }
        let mut dealt: Vec<Vec<Facts>> = vec![Vec::new(); self.walk.readers.len()];
        for ((row, subject), values) in rows.iter().zip(&subjects).zip(&values) {
            for keeper in self.statement.keepers(row)? {
                if let (Some((layout, places)), Some(dealt)) = (self.walk.readers.get(keeper), dealt.get_mut(keeper)) {
                    dealt.push(facts(layout, subject, places.iter().map(|at| values[*at].clone()).collect()));
                }
            }
        }
        Ok(dealt)
    }

    /// Gives the connection back.
    pub async fn close(self) -> sqlx::Result<()> {
        self.transaction.rollback().await
    }
}
