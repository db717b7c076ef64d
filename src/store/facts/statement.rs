//! The text of a fact query, its parameters, and how its rows are read.

use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row};

use super::SubjectWindow;
use super::bind::{Bind, Start, bound};
use super::hoist::{Hoisted, Reader, Shape, concerned, passes};
use crate::clock::Instant;
use crate::facts::{Arg, Cell, CellPath, Column, Layout, Schema, Subject, Type, Value};
use crate::rule::Predicate;
use crate::rule::functions::{self, FactSource, Function, Param, UnknownCell};
use crate::store::{Relation, Relations};

/// The instants that can be read lie from here …
pub(super) const FIRST: &str = "'0001-01-01 00:00:00+00'";
/// … to before here.
pub(super) const END: &str = "'10000-01-01 00:00:00+00'";

/// What the relations of our own state are called in the database.
const OWN: [(&str, &str); 3] =
    [("enrollments", "keepwell.enrollments"), ("tasks", "keepwell.tasks"), ("messages", "keepwell.messages")];

/// Which rows a statement has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// One for every account that is kept; the first column is its id.
    AllAccounts,
    /// One for each bound account that exists; the first column is the 1-based
    /// position among the bound ones.
    NamedAccounts,
    /// One for each bound account, without looking into the customer store;
    /// the first column as above.
    OwnState,
}

/// A statement for some cells of a layout.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    sql: String,
    binds: Vec<Bind>,
    /// Position in the layout and type of every column but the first.
    outputs: Vec<(usize, Type)>,
    /// The relations it passes over besides the accounts.
    pub(super) passed: Vec<String>,
}

/// What answers a cell.
pub(super) enum Answer<'a> {
    Column(&'a Column),
    Trait(&'a str),
    Call(&'static dyn Function, &'a [Arg]),
}

impl Statement {
    /// The statement for the cells of one source, on the rows that some reader
    /// keeps. With more than one reader the last column says, for each, whether
    /// it does. An error names the first cell, whatever its source, that nothing
    /// answers.
    pub(super) fn build(
        layout: &Layout,
        relations: &Relations,
        target: Target,
        source: FactSource,
        readers: &[Reader<'_>],
        shape: Shape,
    ) -> Result<Statement, UnknownCell> {
        let schema = &relations.schema;
        let mut text = Text::new(target, relations);
        let hoisted = text.hoist(readers, schema, shape)?;
        let mut columns = vec![match target {
            Target::AllAccounts => relations.key().to_text("a.id"),
            Target::NamedAccounts | Target::OwnState => "w.position".to_owned(),
        }];
        let mut outputs = Vec::new();
        for (position, cell) in layout.cells().iter().enumerate() {
            let unknown = || UnknownCell(cell.clone());
            let answer = Answer::find(cell, schema).ok_or_else(unknown)?;
            if answer.source() == source {
                columns.push(match (hoisted.value(cell), concerned(readers, cell)) {
                    (Some(value), _) => value,
                    (None, Some(concerned)) if matches!(cell.path, CellPath::Call { .. }) => {
                        let concerned = text.predicate(&concerned, &hoisted, schema)?;
                        format!("case when {concerned} then {} end", text.answer(&answer).ok_or_else(unknown)?)
                    }
                    (None, _) => text.answer(&answer).ok_or_else(unknown)?,
                });
                outputs.push((position, answer.ty()));
            }
        }
        if readers.len() > 1 {
            let mut marks = Vec::new();
            for reader in readers {
                marks.push(format!("coalesce({}, false)", text.predicate(reader.kept, &hoisted, schema)?));
            }
            columns.push(format!("array[{}]", marks.join(", ")));
        }
        let mut sql = format!("select {} from {}{}", columns.join(", "), text.from(), hoisted.joins());
        let kept = Predicate::any(readers.iter().map(|reader| reader.kept.clone()));
        if !readers.is_empty() && kept != Predicate::Always {
            sql.push_str(" where ");
            sql.push_str(&text.predicate(&kept, &hoisted, schema)?);
            // Said apart, so that it is decided before any function is asked.
            let columns_say = kept.without_calls();
            if readers.len() > 1 && columns_say != kept {
                sql.push_str(" and ");
                sql.push_str(&text.predicate(&columns_say, &hoisted, schema)?);
            }
        }
        Ok(Statement { sql, binds: text.binds, outputs, passed: hoisted.passed })
    }

    /// The accounts that columns do not rule out for some reader that asks for
    /// what a pass can answer.
    pub(super) fn asking(readers: &[Reader<'_>], relations: &Relations) -> Result<Statement, UnknownCell> {
        let (mut text, schema) = (Text::new(Target::AllAccounts, relations), &relations.schema);
        let asking = readers.iter().filter(|reader| !passes(&[**reader]).is_empty());
        let asked = Predicate::any(asking.map(|reader| reader.kept.without_calls()));
        let asked = text.predicate(&asked, &Hoisted::default(), schema)?;
        let sql = format!("select from {} where {asked}", text.from());
        Ok(Statement { sql, binds: text.binds, outputs: Vec::new(), passed: Vec::new() })
    }

    /// Whether it fetches anything but the accounts themselves.
    pub(super) fn has_cells(&self) -> bool {
        !self.outputs.is_empty()
    }

    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    /// A query with this statement's parameters; `sql` is its text, possibly
    /// inside another statement.
    pub(super) fn query(
        &self,
        sql: String,
        as_of: Instant,
        subjects: &[SubjectWindow],
    ) -> Query<'static, Postgres, PgArguments> {
        bound(sql, &self.binds, as_of, subjects)
    }

    /// Puts a row's cells where they belong.
    pub(super) fn read(&self, row: &PgRow, values: &mut [Value]) -> sqlx::Result<()> {
        for (index, (position, ty)) in self.outputs.iter().enumerate() {
            values[*position] = read_value(row, index + 1, *ty)?;
        }
        Ok(())
    }

    /// Which readers keep a row, of a statement with more than one.
    pub(super) fn marks(&self, row: &PgRow) -> sqlx::Result<Vec<bool>> {
        row.try_get(self.outputs.len() + 1)
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

impl<'a> Answer<'a> {
    pub(super) fn find(cell: &'a Cell, schema: &'a Schema) -> Option<Answer<'a>> {
        if cell.subject != Subject::Account {
            return None;
        }
        match &cell.path {
            CellPath::Column(name) => schema.stored(Subject::Account, name).map(Answer::Column),
            CellPath::Trait(key) => Some(Answer::Trait(key)),
            CellPath::Call { function, args } => functions::find(function).map(|function| Answer::Call(function, args)),
        }
    }

    fn source(&self) -> FactSource {
        match self {
            Answer::Column(_) | Answer::Trait(_) => FactSource::Customers,
            Answer::Call(function, _) => function.source(),
        }
    }

    /// Whether it can be missing.
    pub(super) fn nullable(&self) -> bool {
        match self {
            Answer::Column(column) => column.nullable,
            Answer::Trait(_) => true,
            Answer::Call(function, args) => function.gives(args).nullable,
        }
    }

    /// What its expression is cast to.
    pub(super) fn cast(&self) -> &'static str {
        match self.ty() {
            Type::Bool => "boolean",
            Type::Int => "int8",
            Type::Float => "float8",
            Type::Text => "text",
            Type::Time => "timestamptz",
            Type::Json => "jsonb",
        }
    }

    fn ty(&self) -> Type {
        match self {
            Answer::Column(column) => column.ty,
            Answer::Trait(_) => Type::Json,
            Answer::Call(function, args) => function.gives(args).ty,
        }
    }
}

/// A statement's text while it grows.
pub(super) struct Text<'r> {
    target: Target,
    pub(super) relations: &'r Relations,
    pub(super) binds: Vec<Bind>,
}

impl<'r> Text<'r> {
    pub(super) fn new(target: Target, relations: &'r Relations) -> Text<'r> {
        Text { target, relations, binds: Vec::new() }
    }

    /// The relations it reads, at most one row for each account or subject.
    pub(super) fn from(&mut self) -> String {
        if self.target == Target::AllAccounts {
            return format!("{} as a", self.relations.of(Relation::Accounts));
        }
        let mut arrays = vec![self.parameter(Bind::Accounts)];
        let mut columns = vec!["account_id"];
        for start in Start::ALL {
            arrays.push(self.parameter(Bind::Starts(start)));
            columns.push(start.column());
        }
        let subjects = format!("unnest({}) with ordinality as w ({}, position)", arrays.join(", "), columns.join(", "));
        match self.target {
            Target::NamedAccounts => {
                let (accounts, key) = (self.relations.of(Relation::Accounts), self.relations.key());
                format!("{subjects} join {accounts} as a on a.id = {}", key.of_text("w.account_id"))
            }
            Target::AllAccounts | Target::OwnState => subjects,
        }
    }

    /// A cell's expression, cast to the type that is read; `None` when the
    /// arguments do not fit the function.
    pub(super) fn answer(&mut self, answer: &Answer<'_>) -> Option<String> {
        let expression = match answer {
            Answer::Column(column) => {
                let name = quoted(&column.name);
                match column.ty {
                    // Infinity and years beyond four digits cannot be read; they are missing.
                    Type::Time => format!("case when {name} >= {FIRST} and {name} < {END} then {name} end"),
                    _ => name,
                }
            }
            Answer::Trait(key) => {
                format!("a.traits -> {}", self.parameter(Bind::Text((*key).to_owned())))
            }
            Answer::Call(function, args) => {
                self.fill(function.sql(args), function.source(), &functions::pair(*function, args)?)?
            }
        };
        Some(format!("({expression})::{}", answer.cast()))
    }

    /// A function's text with its named parameters filled in.
    pub(super) fn fill(&mut self, text: &str, source: FactSource, pairs: &[(&Param, &Arg)]) -> Option<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((text, tail)) = rest.split_once('{') {
            let (name, tail) = tail.split_once('}')?;
            filled.push_str(text);
            filled.push_str(&self.named(name, source, pairs)?);
            rest = tail;
        }
        filled.push_str(rest);
        Some(filled)
    }

    /// What stands for a named parameter of a call.
    fn named(&mut self, name: &str, source: FactSource, pairs: &[(&Param, &Arg)]) -> Option<String> {
        if let Some(relation) = Relation::named(name) {
            return Some(self.relations.of(relation).to_owned());
        }
        if let Some((_, relation)) = OWN.iter().find(|(word, _)| *word == name) {
            return Some((*relation).to_owned());
        }
        match name {
            "account" => Some(match (self.target, source) {
                (Target::OwnState, _) => "w.account_id".to_owned(),
                // Our own tables know an account by its text.
                (_, FactSource::Own) => self.relations.key().to_text("a.id"),
                (_, FactSource::Customers) => "a.id".to_owned(),
            }),
            "as_of" => Some(self.parameter(Bind::AsOf)),
            "since" | "before" => pairs.iter().find_map(|(_, arg)| self.window(name == "since", arg)),
            _ => pairs.iter().find_map(|(param, arg)| match arg {
                Arg::Text(text) if param.name == name => Some(self.parameter(Bind::Text(text.clone()))),
                Arg::Texts(texts) if param.name == name => Some(self.parameter(Bind::Texts(texts.clone()))),
                _ => None,
            }),
        }
    }

    /// The start of the window of an argument, or of the one before that.
    fn window(&mut self, since: bool, arg: &Arg) -> Option<String> {
        let start = match (arg, since) {
            (Arg::Text(_) | Arg::Texts(_), _) => return None,
            (Arg::Int(days), true) => return Some(self.parameter(Bind::Since(*days))),
            (Arg::Int(days), false) => return Some(self.parameter(Bind::Before(*days))),
            (Arg::SinceEntry, true) => Start::EntrySince,
            (Arg::SinceEntry, false) => Start::EntryBefore,
            (Arg::SinceStep, true) => Start::StepSince,
            (Arg::SinceStep, false) => Start::StepBefore,
        };
        Some(match self.target {
            // No enrollment, so the window is empty.
            Target::AllAccounts => self.parameter(Bind::AsOf),
            Target::NamedAccounts | Target::OwnState => format!("w.{}", start.column()),
        })
    }

    /// A typed parameter; equal ones are bound once.
    pub(super) fn parameter(&mut self, bind: Bind) -> String {
        let ty = match bind {
            Bind::AsOf | Bind::Since(_) | Bind::Before(_) | Bind::FromNow(_) => "timestamptz",
            Bind::Bool(_) => "boolean",
            Bind::Int(_) => "int8",
            Bind::Float(_) => "float8",
            Bind::Json(_) => "jsonb",
            Bind::Span(_) => "interval",
            Bind::Text(_) => "text",
            Bind::Texts(_) | Bind::Accounts => "text[]",
            Bind::Starts(_) => "timestamptz[]",
        };
        let index = match self.binds.iter().position(|known| *known == bind) {
            Some(index) => index,
            None => {
                self.binds.push(bind);
                self.binds.len() - 1
            }
        };
        format!("${}::{ty}", index + 1)
    }
}

/// A column of an account.
pub(super) fn quoted(column: &str) -> String {
    format!("a.\"{}\"", column.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::functions::{FUNCTIONS, ParamKind};

    /// Every form of every function, with arguments that fit.
    fn calls() -> Vec<Cell> {
        let mut cells = Vec::new();
        for function in FUNCTIONS {
            for complete in [true, false] {
                let args = function
                    .params()
                    .iter()
                    .filter(|param| complete || !param.optional)
                    .map(|param| match param.kind {
                        ParamKind::Days => Arg::Int(30),
                        ParamKind::Texts => Arg::Texts(vec!["x".to_owned()]),
                        _ => Arg::Text("x".to_owned()),
                    })
                    .collect();
                cells
                    .push(Cell { subject: Subject::Account, path: CellPath::Call { function: function.name(), args } });
            }
        }
        cells
    }

    fn build(cells: &[Cell], target: Target, source: FactSource) -> Result<Statement, UnknownCell> {
        let mut layout = Layout::default();
        layout.merge(cells);
        let reader = Reader { cells, kept: &Predicate::Always };
        Statement::build(&layout, &Relations::default(), target, source, &[reader], Shape::Probes)
    }

    #[test]
    fn every_named_parameter_is_filled() {
        for target in [Target::AllAccounts, Target::NamedAccounts, Target::OwnState] {
            for source in [FactSource::Customers, FactSource::Own] {
                let statement = build(&calls(), target, source).expect("every form is known");
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
        let statement =
            build(&[call(7), call(30)], Target::AllAccounts, FactSource::Customers).expect("both are known");
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
            let error = build(&[cell], Target::AllAccounts, FactSource::Customers)
                .map(|statement| statement.sql)
                .map_err(|error| error.to_string());
            assert_eq!(error, Err(format!("there is no fact {name}")));
        }
    }
}
