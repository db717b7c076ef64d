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
use super::population::{KeptFigures, MemberSamples, calls_by_subject, fill};
use super::scope::SubjectScope;
use super::statement::{Statement, position_of, rows_of};
use super::window::SubjectWindow;
use crate::clock::Instant;
use crate::facts::{Facts, Layout, PopulationCall, Subject, SubjectId, Value};
use crate::rule::Predicate;
use crate::rule::functions::{FactSource, UnknownCell};
use crate::rule::population::{PopulationCells, PopulationFigures, PopulationQuestion, question_of};
use crate::store::customers::reader_role::{begin, limit_statements};
use crate::store::customers::relations::{ReadAs, Relations};

/// How many subjects a chunk of a scan has at most.
const CHUNK: usize = 1000;
/// Up to so many subjects are always looked up one by one …
const ALWAYS_PROBED: i64 = 1_000;
/// … and more than so many never.
const NEVER_PROBED: i64 = 100_000;

/// The cells of one reader of a walk.
#[derive(Clone, Debug)]
struct WalkLayout {
    layout: Arc<Layout>,
    /// Where they stand in the walk's.
    places: Vec<usize>,
    population: Option<PopulationCells>,
}

/// The statements of a walk over all subjects. Built once, used often.
#[derive(Clone, Debug)]
pub struct Walk {
    layout: Arc<Layout>,
    readers: Vec<WalkLayout>,
    probes: Statement,
    /// `None` when no pass could answer anything.
    passes: Option<Passes>,
    /// Our own state about the subjects of a chunk.
    pub(crate) own: Option<Statement>,
    /// What is asked about all subjects together.
    populations: Option<Populations>,
    /// As whom it is asked.
    pub(crate) read_as: ReadAs,
}

/// The population functions of a walk's layout, and the walks over their members.
#[derive(Clone, Debug)]
struct Populations {
    /// All questions about accounts in one walk, and all about contacts in another.
    passes: Vec<(Arc<[PopulationCall]>, Walk)>,
    kept: Arc<KeptFigures>,
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
        let reader = |cells: &Arc<Layout>| WalkLayout {
            layout: Arc::clone(cells),
            places: cells.cells().iter().filter_map(|cell| layout.position(cell)).collect(),
            population: PopulationCells::of(cells),
        };
        Ok(Walk {
            probes: build(Shape::Probes)?,
            passes,
            own: own.has_cells().then_some(own),
            read_as: relations.read_as(),
            populations: Populations::of(&layout, relations)?,
            readers: wanted.iter().map(|(cells, _)| reader(cells)).collect(),
            layout,
        })
    }

    /// Starts it, with facts as of an instant, which is taken to the
    /// microsecond, as the store keeps time. `since_entry` and `since_step` have
    /// no meaning here: such windows are empty. Without a shape, it is the one
    /// that suits how many subjects are in question.
    pub async fn start(&self, pool: &PgPool, as_of: Instant, shape: Option<Shape>) -> sqlx::Result<Scan<'_>> {
        // Before a connection is held.
        let figures = self.figures(pool, as_of).await?;
        self.start_in(begin(pool, self.read_as).await?, as_of, shape, figures).await
    }

    /// The same; Postgres ends each of its statements that takes longer.
    pub async fn start_within(
        &self,
        pool: &PgPool,
        as_of: Instant,
        shape: Option<Shape>,
        patience: Duration,
    ) -> sqlx::Result<Scan<'_>> {
        let figures = self.figures(pool, as_of).await?;
        let mut transaction = begin(pool, self.read_as).await?;
        limit_statements(&mut transaction, patience).await?;
        self.start_in(transaction, as_of, shape, figures).await
    }

    async fn start_in(
        &self,
        mut transaction: Transaction<'static, Postgres>,
        as_of: Instant,
        shape: Option<Shape>,
        figures: Arc<PopulationFigures>,
    ) -> sqlx::Result<Scan<'_>> {
        let as_of = as_of.trunc_subsecs(6);
        let (statement, shape) = match (&self.passes, shape) {
            (Some(passes), Some(Shape::Passes)) => (&passes.statement, Shape::Passes),
            (Some(passes), None) if passes.suit(&mut transaction, as_of).await? => (&passes.statement, Shape::Passes),
            _ => (&self.probes, Shape::Probes),
        };
        let declare = format!("declare facts no scroll cursor for {}", statement.sql());
        statement.query(declare, as_of, &[]).execute(&mut *transaction).await?;
        Ok(Scan { walk: self, statement, shape, as_of, figures, ended: false, transaction })
    }
}

impl Walk {
    /// What all subjects together give as of an instant, for what its readers ask.
    pub(super) async fn figures(&self, pool: &PgPool, as_of: Instant) -> sqlx::Result<Arc<PopulationFigures>> {
        match &self.populations {
            // A walk inside a walk: what it asks of members is no such question.
            Some(populations) => Ok(Arc::new(Box::pin(populations.figures(pool, as_of)).await?)),
            None => Ok(Arc::default()),
        }
    }

    /// The population functions of its first reader.
    pub(super) fn population(&self) -> Option<&PopulationCells> {
        self.readers.first().and_then(|reader| reader.population.as_ref())
    }

    /// Its statement that asks about each subject apart.
    pub(super) fn look_ups(&self) -> &Statement {
        &self.probes
    }
}

impl Populations {
    /// `None` where the layout asks nothing of the kind. An error names the first
    /// fact of members that nothing answers.
    fn of(layout: &Layout, relations: &Relations) -> Result<Option<Populations>, UnknownCell> {
        let mut passes = Vec::new();
        for calls in calls_by_subject(layout)?.into_values() {
            let questions: Vec<&PopulationQuestion> = calls.iter().filter_map(question_of).collect();
            let wanted: Vec<_> =
                questions.iter().map(|question| (question.layout(), question.member_predicate())).collect();
            let walk = Walk::new(&wanted, relations)?;
            passes.push((calls.into(), walk));
        }
        let kept = Arc::clone(&relations.figures);
        Ok((!passes.is_empty()).then_some(Populations { passes, kept }))
    }

    /// The figures as of an instant, as [`PopulationQuestion::instant`] takes it.
    async fn figures(&self, pool: &PgPool, as_of: Instant) -> sqlx::Result<PopulationFigures> {
        let instant = PopulationQuestion::instant(as_of.trunc_subsecs(6));
        let kept = self.kept.at(instant);
        let mut known = kept.lock().await;
        for (calls, walk) in &self.passes {
            if calls.iter().all(|call| known.contains_key(call.key())) {
                continue;
            }
            let mut scan = walk.start(pool, instant, None).await?;
            let mut samples = MemberSamples::new(calls);
            while let members = scan.next_of_each().await?
                && !members.is_empty()
            {
                samples = samples.add(members).await?;
            }
            scan.close().await?;
            for (key, figure) in samples.figures() {
                known.entry(key).or_insert(figure);
            }
        }
        let calls = self.passes.iter().flat_map(|(calls, _)| calls.iter());
        Ok(calls.filter_map(|call| Some((call.key().clone(), known.get(call.key())?.clone()))).collect())
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
    figures: Arc<PopulationFigures>,
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
            matching: None,
        };
        if let [reader] = &self.walk.readers[..] {
            let all = subjects.iter().zip(values).map(|(subject, values)| facts(&reader.layout, subject, values));
            return Ok(vec![fill(reader.population.as_ref(), &self.figures, all.collect()).await?]);
        }
        let mut dealt: Vec<Vec<Facts>> = vec![Vec::new(); self.walk.readers.len()];
        for ((row, subject), values) in rows.iter().zip(&subjects).zip(&values) {
            for keeper in self.statement.keepers(row)? {
                if let (Some(reader), Some(dealt)) = (self.walk.readers.get(keeper), dealt.get_mut(keeper)) {
                    dealt.push(facts(
                        &reader.layout,
                        subject,
                        reader.places.iter().map(|at| values[*at].clone()).collect(),
                    ));
                }
            }
        }
        let mut filled = Vec::with_capacity(dealt.len());
        for (reader, subjects) in self.walk.readers.iter().zip(dealt) {
            filled.push(fill(reader.population.as_ref(), &self.figures, subjects).await?);
        }
        Ok(filled)
    }

    /// Gives the connection back.
    pub async fn close(self) -> sqlx::Result<()> {
        self.transaction.rollback().await
    }
}
