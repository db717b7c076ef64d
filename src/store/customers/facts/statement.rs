//! The text of a fact query, its parameters, and how its rows are read.

use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{PgConnection, Postgres, Row, query::Query};

use super::answer::Answer;
use super::bind::{Bind, bound};
use super::hoist::{HoistedFunctions, Shape, WalkReader, passes, subjects_concerned};
use super::scope::SubjectScope;
use super::text::Text;
use super::window::SubjectWindow;
use crate::clock::Instant;
use crate::facts::{CellPath, Layout, Subject, Type, Value};
use crate::rule::Predicate;
use crate::rule::functions::{FactSource, UnknownCell};
use crate::store::Relations;

/// A statement for some cells of a layout.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    sql: String,
    binds: Vec<Bind>,
    /// How many columns name the subject.
    lead: usize,
    /// Of every column after these: its position in the layout, its type and
    /// whether that is to be read from JSON.
    outputs: Vec<(usize, Type, bool)>,
    /// The relations it passes over besides the subjects.
    pub(crate) passed: Vec<String>,
}

impl Statement {
    /// The statement for the cells of one source, on the rows that some reader
    /// keeps. With more than one reader the last column says which of them do.
    /// An error names the first cell, whatever its source, that nothing answers.
    pub(crate) fn build(
        layout: &Layout,
        relations: &Relations,
        scope: SubjectScope,
        source: FactSource,
        readers: &[WalkReader<'_>],
        shape: Shape,
    ) -> Result<Statement, UnknownCell> {
        let schema = &relations.schema;
        let mut text = Text::new(scope, layout.subject(), relations);
        let hoisted = text.hoist(readers, schema, shape)?;
        let mut columns: Vec<String> = match (scope, layout.subject()) {
            (SubjectScope::All, Subject::Account) => vec![relations.key().to_text("a.id")],
            (SubjectScope::All, Subject::Contact) => vec![relations.key().to_text("a.id"), "who.id".to_owned()],
            (SubjectScope::Named | SubjectScope::OwnState, _) => vec!["w.position".to_owned()],
        };
        let lead = columns.len();
        let mut outputs = Vec::new();
        for (position, cell) in layout.cells().iter().enumerate() {
            if cell.path.is_about_all() {
                continue;
            }
            let unknown = || UnknownCell(cell.clone());
            let answer = Answer::find(cell, layout.subject(), schema).ok_or_else(unknown)?;
            if answer.source() == source {
                columns.push(match (hoisted.value(cell), subjects_concerned(readers, cell)) {
                    (Some(value), _) => value,
                    (None, Some(concerned)) if matches!(cell.path, CellPath::Call { .. } | CellPath::Ago { .. }) => {
                        let concerned = text.predicate(&concerned, &hoisted, schema)?;
                        format!("case when {concerned} then {} end", text.answer(&answer).ok_or_else(unknown)?)
                    }
                    (None, _) => text.answer(&answer).ok_or_else(unknown)?,
                });
                outputs.push((position, answer.ty(), answer.is_recorded()));
            }
        }
        if readers.len() > 1 {
            let mut marks = Vec::new();
            for reader in readers {
                marks.push(format!("coalesce({}, false)", text.predicate(reader.kept, &hoisted, schema)?));
            }
            columns.push(format!("array_positions(array[{}], true)", marks.join(", ")));
        }
        let mut sql = format!("select {} from {}{}", columns.join(", "), text.from(), hoisted.joins());
        let mut clauses: Vec<String> = text.is_there(schema).into_iter().collect();
        let kept = Predicate::any(readers.iter().map(|reader| reader.kept.clone()));
        if !readers.is_empty() && kept != Predicate::Always {
            clauses.push(text.predicate(&kept, &hoisted, schema)?);
            // Said apart, so that it is decided before any function is asked.
            let columns_say = kept.without_calls();
            if readers.len() > 1 && columns_say != kept {
                clauses.push(text.predicate(&columns_say, &hoisted, schema)?);
            }
        }
        if !clauses.is_empty() {
            sql.push_str(" where ");
            sql.push_str(&clauses.join(" and "));
        }
        Ok(Statement { sql, binds: text.binds, lead, outputs, passed: hoisted.passed })
    }

    /// The subjects that columns do not rule out for some reader that asks for
    /// what a pass can answer.
    pub(crate) fn asking(
        subject: Subject,
        readers: &[WalkReader<'_>],
        relations: &Relations,
    ) -> Result<Statement, UnknownCell> {
        let (mut text, schema) = (Text::new(SubjectScope::All, subject, relations), &relations.schema);
        let asking = readers.iter().filter(|reader| !passes(&[**reader]).is_empty());
        let asked = Predicate::any(asking.map(|reader| reader.kept.without_calls()));
        let mut clauses: Vec<String> = text.is_there(schema).into_iter().collect();
        clauses.push(text.predicate(&asked, &HoistedFunctions::default(), schema)?);
        let sql = format!("select from {} where {}", text.from(), clauses.join(" and "));
        Ok(Statement { sql, binds: text.binds, lead: 0, outputs: Vec::new(), passed: Vec::new() })
    }

    /// Whether it fetches anything but the accounts themselves.
    pub(crate) fn has_cells(&self) -> bool {
        !self.outputs.is_empty()
    }

    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// A query with this statement's parameters; `sql` is its text, possibly
    /// inside another statement.
    pub(crate) fn query(
        &self,
        sql: String,
        as_of: Instant,
        subjects: &[SubjectWindow],
    ) -> Query<'static, Postgres, PgArguments> {
        bound(sql, &self.binds, as_of, subjects)
    }

    /// Puts a row's cells where they belong.
    pub(crate) fn read(&self, row: &PgRow, values: &mut [Value]) -> sqlx::Result<()> {
        for (index, (position, ty, recorded)) in self.outputs.iter().enumerate() {
            let at = self.lead + index;
            values[*position] = match recorded {
                false => read_value(row, at, *ty)?,
                true => match read_value(row, at, Type::Json)? {
                    Value::Json(json) => Value::from_json(&json, *ty),
                    value => value,
                },
            };
        }
        Ok(())
    }

    /// The places of those of several readers that keep a row.
    pub(crate) fn keepers(&self, row: &PgRow) -> sqlx::Result<Vec<usize>> {
        let places: Vec<i32> = row.try_get(self.lead + self.outputs.len())?;
        Ok(places.into_iter().filter_map(|place| usize::try_from(place - 1).ok()).collect())
    }
}

fn read_value(row: &PgRow, index: usize, ty: Type) -> sqlx::Result<Value> {
    let value = match ty {
        Type::Bool => row.try_get::<Option<_>, _>(index)?.map(Value::Bool),
        Type::Int => row.try_get::<Option<_>, _>(index)?.map(Value::Int),
        Type::Float => row.try_get::<Option<_>, _>(index)?.map(Value::Float),
        Type::Text => row.try_get::<Option<&str>, _>(index)?.map(|text| Value::Text(text.into())),
        Type::Time => row.try_get::<Option<_>, _>(index)?.map(Value::Time),
        // An attribute may hold what no reader can: a number like 1e400, or
        // nesting without end. It is missing then; the row still counts.
        Type::Json => row
            .try_get::<Option<serde_json::Value>, _>(index)
            .unwrap_or(None)
            .filter(|json| !json.is_null())
            .map(|json| Value::Json(Arc::new(json))),
    };
    Ok(value.unwrap_or(Value::Null))
}

/// The rows of a statement over named subjects; each begins with the 1-based
/// position of its subject.
pub(super) async fn rows_of(
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
pub(super) fn position_of(row: &PgRow) -> sqlx::Result<usize> {
    let ordinal: i64 = row.try_get(0)?;
    usize::try_from(ordinal - 1).map_err(|error| sqlx::Error::Decode(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Arg, Cell, PropertyFilter, PropertyValue};
    use crate::rule::functions::{FUNCTIONS, ParamKind};

    /// Every form of every function, with arguments that fit.
    fn calls() -> Vec<Cell> {
        let mut cells = Vec::new();
        for function in FUNCTIONS {
            for params in function.forms() {
                let args = params
                    .into_iter()
                    .map(|param| match param.kind {
                        ParamKind::Days | ParamKind::DaysAgo | ParamKind::Moves => Arg::Int(30),
                        ParamKind::Texts => Arg::Texts(vec!["x".to_owned()]),
                        ParamKind::Gap | ParamKind::Age => Arg::Text("30m".to_owned()),
                        ParamKind::NumberColumn => Arg::Text("seats".to_owned()),
                        ParamKind::Properties => {
                            let x = [("x".to_owned(), PropertyValue::Bool(true))].into();
                            Arg::Properties(PropertyFilter::new(x).expect("it is one"))
                        }
                        _ => Arg::Text("x".to_owned()),
                    })
                    .collect();
                cells
                    .push(Cell { subject: Subject::Account, path: CellPath::Call { function: function.name(), args } });
            }
        }
        cells
    }

    fn build(cells: &[Cell], scope: SubjectScope, source: FactSource) -> Result<Statement, UnknownCell> {
        let mut layout = Layout::default();
        layout.merge(cells);
        let reader = WalkReader { cells, kept: &Predicate::Always };
        Statement::build(&layout, &Relations::default(), scope, source, &[reader], Shape::Probes)
    }

    #[test]
    fn every_named_parameter_is_filled() {
        for scope in [SubjectScope::All, SubjectScope::Named, SubjectScope::OwnState] {
            for source in [FactSource::Customers, FactSource::Own] {
                let statement = build(&calls(), scope, source).expect("every form is known");
                assert!(statement.has_cells());
                assert!(!statement.sql().contains(['{', '}']), "{}", statement.sql());
            }
        }
    }

    #[test]
    fn equal_parameters_are_bound_once() {
        let call = |days| Cell {
            subject: Subject::Account,
            path: CellPath::Call { function: "events", args: vec![Arg::Text("login".to_owned()), Arg::Int(days)] },
        };
        let statement = build(&[call(7), call(30)], SubjectScope::All, FactSource::Customers).expect("both are known");
        assert_eq!(statement.binds, [Bind::Text("login".to_owned()), Bind::Since(7), Bind::AsOf, Bind::Since(30)]);
    }

    #[test]
    fn a_cell_that_nothing_answers_is_named() {
        let cell = |subject, path| Cell { subject, path };
        let column = |name: &str| CellPath::Column(name.to_owned());
        let short = CellPath::Call { function: "events", args: vec![] };
        for (cell, name) in [
            (cell(Subject::Account, column("mmr")), "account.mmr"),
            (cell(Subject::Contact, column("role")), "contact.role"),
            (cell(Subject::Account, short), "account.events()"),
        ] {
            let error = build(&[cell], SubjectScope::All, FactSource::Customers)
                .map(|statement| statement.sql)
                .map_err(|error| error.to_string());
            assert_eq!(error, Err(format!("there is no fact {name}")));
        }
    }
}
