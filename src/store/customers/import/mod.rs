//! Rows from files into the customer store: updated by key, a batch a
//! transaction, in the order of the file. Importing the same rows again changes
//! nothing, so an interrupted import goes on by being repeated.
//!
//! - `columns`: columns that were added to a relation;
//! - `write`: the statements of all relations but one;
//! - `changes`: the history of accounts, which is written as a whole, account by
//!   account, from what `imported_history` puts together.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use sqlx::PgConnection;

use self::write::{ColumnSet, RowChange, Statements};
use crate::import::change::ChangeReader;
use crate::import::relation::{Kind, Need, Relation};
use crate::import::row::{Problem, Row};
use crate::import::value::Cell;
use crate::store::Store;
use crate::store::sql::errors::retry_contention;

mod changes;
mod columns;
mod imported_history;
mod write;

/// How many keys a dry run remembers, so that a key that comes again is not
/// counted as new twice. It bounds memory; beyond it the count is approximate.
const REMEMBERED: usize = 2_000_000;

/// What became of the rows of a batch; in a dry run, what would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub new: u64,
    pub changed: u64,
    pub unchanged: u64,
    /// Rows that name an account that is not there. They are imported.
    pub without_account: u64,
    /// Changes that are not earlier than what Keepwell has recorded itself. They
    /// are passed over and count as unchanged.
    pub recorded: u64,
    /// Changes of what is no column of accounts, where these may be passed over.
    /// They count as unchanged.
    pub ignored: u64,
    /// Rows that are not imported.
    pub problems: Vec<Problem>,
}

/// Ids with spaces around them, which are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaddedIds {
    /// Rows whose key had some.
    pub rows: u64,
    /// Rows that are the same as another one of the file without them. Of a file
    /// with millions of rows that is approximate.
    pub same: u64,
    /// The line of the first of these.
    pub line: Option<u64>,
}

/// One import into one relation.
#[derive(Debug)]
pub struct Import {
    relation: Arc<Relation>,
    /// What reads changes, where the rows are changes.
    changes: Option<ChangeReader>,
    only_new: bool,
    /// In a dry run, the keys that would be there and what their rows say, both
    /// as hashes.
    rehearsed: Option<HashMap<u64, u64>>,
    padded: PaddedIds,
    /// Keys of accounts, contacts or CSMs as hashes, and whether they had spaces.
    keys: HashMap<u64, bool>,
}

impl Import {
    /// With `only_new`, rows whose key is there are left alone and count as
    /// unchanged. A dry run only reads.
    pub fn new(relation: Arc<Relation>, only_new: bool, dry_run: bool) -> Import {
        let (padded, keys) = (PaddedIds::default(), HashMap::new());
        Import { relation, changes: None, only_new, rehearsed: dry_run.then(HashMap::new), padded, keys }
    }

    /// The same for the history of accounts.
    pub fn of_changes(relation: Arc<Relation>, reader: ChangeReader, only_new: bool, dry_run: bool) -> Import {
        Import { changes: Some(reader), ..Import::new(relation, only_new, dry_run) }
    }

    /// What was found of ids with spaces so far.
    pub fn padded(&self) -> &PaddedIds {
        &self.padded
    }

    fn look_for_spaces(&mut self, rows: &[Row]) {
        self.padded.rows += rows.iter().filter(|row| row.padded).count() as u64;
        if !self.relation.keys().all(|column| column.kind == Kind::Id) {
            return;
        }
        for row in rows {
            let key = hash(&self.key(row));
            match self.keys.get(&key) {
                Some(padded) if *padded != row.padded => {
                    self.padded.same += 1;
                    self.padded.line.get_or_insert(row.line);
                }
                None if self.keys.len() < REMEMBERED => {
                    self.keys.insert(key, row.padded);
                }
                Some(_) | None => {}
            }
        }
    }

    /// Imports the rows of a batch in one transaction. Rows that the database
    /// refuses are problems and leave the others alone; an error means that the
    /// database cannot be used, and that nothing of the batch is certain.
    pub async fn batch(&mut self, store: &Store, rows: &[Row]) -> sqlx::Result<Outcome> {
        if rows.is_empty() {
            return Ok(Outcome::default());
        }
        self.look_for_spaces(rows);
        if self.rehearsed.is_some() && self.changes.is_none() {
            return self.rehearse(store, rows).await;
        }
        match self.commit(store, rows).await {
            Err(error) if is_about_a_row(&error) => {}
            done => return done,
        }
        // Which row it was shows when each has a transaction of its own.
        let mut all = Outcome::default();
        for row in rows {
            match self.commit(store, std::slice::from_ref(row)).await {
                Ok(one) => {
                    all.new += one.new;
                    all.changed += one.changed;
                    all.unchanged += one.unchanged;
                    all.without_account += one.without_account;
                    all.recorded += one.recorded;
                    all.ignored += one.ignored;
                    all.problems.extend(one.problems);
                }
                Err(error) if is_about_a_row(&error) => {
                    let message = match error.as_database_error() {
                        Some(error) => format!("the database refuses this row: {}", error.message()),
                        None => format!("the database refuses this row: {error}"),
                    };
                    all.problems.push(Problem::new(row.line, None, message));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// Writes rows in one transaction, again if another one was in the way.
    async fn commit(&self, store: &Store, rows: &[Row]) -> sqlx::Result<Outcome> {
        retry_contention(async || {
            let mut transaction = store.pool.begin().await?;
            let outcome = match &self.changes {
                Some(reader) => changes::write(&mut transaction, reader, self.only_new, rows).await?,
                None => self.write(&mut transaction, rows).await?,
            };
            match self.rehearsed {
                Some(_) => transaction.rollback().await?,
                None => transaction.commit().await?,
            }
            Ok(outcome)
        })
        .await
    }

    async fn write(&self, connection: &mut PgConnection, rows: &[Row]) -> sqlx::Result<Outcome> {
        let mut outcome =
            Outcome { without_account: self.without_account(connection, rows).await?, ..Outcome::default() };
        // A key that comes again belongs to a later statement: the order of
        // rows with the same key counts, that of others does not.
        let mut rounds: Vec<BTreeMap<ColumnSet, Vec<&Row>>> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for row in rows {
            let round = seen.entry(self.key(row)).or_default();
            if *round == rounds.len() {
                rounds.push(BTreeMap::new());
            }
            rounds[*round].entry(ColumnSet::of(row)).or_default().push(row);
            *round += 1;
        }
        for (shape, rows) in rounds.into_iter().flatten() {
            let statements = Statements::new(&self.relation, shape);
            let found = statements.find(connection, &rows).await?;
            let (mut new, mut changed) = (Vec::new(), Vec::new());
            for (row, found) in rows.into_iter().zip(found) {
                match found {
                    RowChange::New => match self.incomplete(row) {
                        Some(problem) => outcome.problems.push(problem),
                        None => new.push(row),
                    },
                    RowChange::Changed if !self.only_new => changed.push(row),
                    RowChange::Changed | RowChange::Unchanged => outcome.unchanged += 1,
                }
            }
            if !new.is_empty() {
                statements.insert(connection, &new, self.only_new).await?;
            }
            if !changed.is_empty() {
                statements.update(connection, &changed).await?;
            }
            outcome.new += new.len() as u64;
            outcome.changed += changed.len() as u64;
        }
        Ok(outcome)
    }

    async fn rehearse(&mut self, store: &Store, rows: &[Row]) -> sqlx::Result<Outcome> {
        let mut connection = store.pool.acquire().await?;
        let mut outcome =
            Outcome { without_account: self.without_account(&mut connection, rows).await?, ..Outcome::default() };
        let mut shapes: BTreeMap<ColumnSet, Vec<usize>> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            shapes.entry(ColumnSet::of(row)).or_default().push(at);
        }
        let mut found = vec![RowChange::New; rows.len()];
        for (shape, places) in shapes {
            let some: Vec<&Row> = places.iter().map(|&at| &rows[at]).collect();
            let answers = Statements::new(&self.relation, shape).find(&mut connection, &some).await?;
            for (at, answer) in places.into_iter().zip(answers) {
                found[at] = answer;
            }
        }
        for (row, found) in rows.iter().zip(found) {
            let (key, content) = (hash(&self.key(row)), hash(&format!("{:?}", row.cells)));
            let earlier = self.rehearsed.as_ref().and_then(|rehearsed| rehearsed.get(&key)).copied();
            let found = match earlier {
                Some(earlier) if earlier == content => RowChange::Unchanged,
                Some(_) => RowChange::Changed,
                None => found,
            };
            match found {
                RowChange::New => match self.incomplete(row) {
                    Some(problem) => {
                        outcome.problems.push(problem);
                        continue;
                    }
                    None => outcome.new += 1,
                },
                RowChange::Changed if !self.only_new => outcome.changed += 1,
                RowChange::Changed | RowChange::Unchanged => {
                    outcome.unchanged += 1;
                    continue;
                }
            }
            if let Some(rehearsed) = &mut self.rehearsed
                && (rehearsed.len() < REMEMBERED || earlier.is_some())
            {
                rehearsed.insert(key, content);
            }
        }
        Ok(outcome)
    }

    async fn without_account(&self, connection: &mut PgConnection, rows: &[Row]) -> sqlx::Result<u64> {
        if !self.relation.names_accounts() {
            return Ok(0);
        }
        let named = rows.iter().filter_map(|row| match &row.cells[0] {
            Cell::Text(account) => Some(account.as_str()),
            _ => None,
        });
        let accounts: Vec<&str> = named.collect();
        Ok(write::without_account(connection, &accounts).await?.unsigned_abs())
    }

    /// What a new row lacks.
    fn incomplete(&self, row: &Row) -> Option<Problem> {
        let mut columns = self.relation.columns.iter().zip(&row.cells);
        let (column, _) = columns.find(|(column, cell)| column.need == Need::New && **cell == Cell::Keep)?;
        let message = format!("has no value, and this {} is new", self.relation.one);
        Some(Problem::new(row.line, Some(&column.name), message))
    }

    /// The key as one text; no part of it has a NUL.
    fn key(&self, row: &Row) -> String {
        let mut key = String::new();
        for cell in &row.cells[..self.relation.key_count()] {
            match cell {
                Cell::Text(text) => key.push_str(text),
                Cell::Time(time) => key.push_str(&time.timestamp_micros().to_string()),
                other => key.push_str(&format!("{other:?}")),
            }
            key.push('\0');
        }
        key
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Whether the database refused data: a value, a constraint, a limit.
fn is_about_a_row(error: &sqlx::Error) -> bool {
    has_class(error, &["21", "22", "23", "54"])
}

fn has_class(error: &sqlx::Error, classes: &[&str]) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| classes.iter().any(|class| code.starts_with(class)))
}
