//! The text of a fact query, its parameters, and how its rows are read.

use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Postgres, Row, query::Query};

use super::SubjectWindow;
use super::answer::{AS_IT_WAS, Answer, By};
use super::bind::{Bind, Start, bound};
use super::hoist::{Hoisted, Reader, Shape, concerned, passes};
use super::touches::touches;
use crate::clock::Instant;
use crate::facts::{Arg, CellPath, Layout, Schema, Subject, Type, Value};
use crate::rule::Predicate;
use crate::rule::functions::{self, FactSource, Param, UnknownCell};
use crate::store::{Relation, Relations};

/// The instants that can be read lie from here …
pub(in crate::store) const FIRST: &str = "'0001-01-01 00:00:00+00'";
/// … to before here.
pub(in crate::store) const END: &str = "'10000-01-01 00:00:00+00'";

/// What the relations of our own state are called in the database.
const OWN: [(&str, &str); 4] = [
    ("enrollments", "keepwell.enrollments"),
    ("tasks", "keepwell.tasks"),
    ("messages", "keepwell.messages"),
    ("labels", "keepwell.labels"),
];

/// Which rows a statement has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// One for every subject that is kept: the account's id comes first, then
    /// for contacts the contact's. Contacts who have left are no subjects.
    All,
    /// One for each bound subject that exists; the first column is the 1-based
    /// position among the bound ones.
    Named,
    /// One for each bound subject, there or not; the first column as above.
    OwnState,
}

/// A statement for some cells of a layout.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    sql: String,
    binds: Vec<Bind>,
    /// How many columns name the subject.
    lead: usize,
    /// Of every column after these: its position in the layout, its type and
    /// whether that is to be read from JSON.
    outputs: Vec<(usize, Type, bool)>,
    /// The relations it passes over besides the subjects.
    pub(super) passed: Vec<String>,
}

impl Statement {
    /// The statement for the cells of one source, on the rows that some reader
    /// keeps. With more than one reader the last column says which of them do.
    /// An error names the first cell, whatever its source, that nothing answers.
    pub(super) fn build(
        layout: &Layout,
        relations: &Relations,
        target: Target,
        source: FactSource,
        readers: &[Reader<'_>],
        shape: Shape,
    ) -> Result<Statement, UnknownCell> {
        let schema = &relations.schema;
        let mut text = Text::new(target, layout.subject(), relations);
        let hoisted = text.hoist(readers, schema, shape)?;
        let mut columns: Vec<String> = match (target, layout.subject()) {
            (Target::All, Subject::Account) => vec![relations.key().to_text("a.id")],
            (Target::All, Subject::Contact) => vec![relations.key().to_text("a.id"), "who.id".to_owned()],
            (Target::Named | Target::OwnState, _) => vec!["w.position".to_owned()],
        };
        let lead = columns.len();
        let mut outputs = Vec::new();
        for (position, cell) in layout.cells().iter().enumerate() {
            let unknown = || UnknownCell(cell.clone());
            let answer = Answer::find(cell, layout.subject(), schema).ok_or_else(unknown)?;
            if answer.source() == source {
                columns.push(match (hoisted.value(cell), concerned(readers, cell)) {
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
    pub(super) fn asking(
        subject: Subject,
        readers: &[Reader<'_>],
        relations: &Relations,
    ) -> Result<Statement, UnknownCell> {
        let (mut text, schema) = (Text::new(Target::All, subject, relations), &relations.schema);
        let asking = readers.iter().filter(|reader| !passes(&[**reader]).is_empty());
        let asked = Predicate::any(asking.map(|reader| reader.kept.without_calls()));
        let mut clauses: Vec<String> = text.is_there(schema).into_iter().collect();
        clauses.push(text.predicate(&asked, &Hoisted::default(), schema)?);
        let sql = format!("select from {} where {}", text.from(), clauses.join(" and "));
        Ok(Statement { sql, binds: text.binds, lead: 0, outputs: Vec::new(), passed: Vec::new() })
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
    pub(super) fn keepers(&self, row: &PgRow) -> sqlx::Result<Vec<usize>> {
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

/// A statement's text while it grows.
pub(super) struct Text<'r> {
    target: Target,
    /// Whose rows they are.
    pub(super) subject: Subject,
    pub(super) relations: &'r Relations,
    pub(super) binds: Vec<Bind>,
    /// How many days earlier the call is asked that is being filled in.
    ago: Option<i64>,
}

impl<'r> Text<'r> {
    pub(super) fn new(target: Target, subject: Subject, relations: &'r Relations) -> Text<'r> {
        Text { target, subject, relations, binds: Vec::new(), ago: None }
    }

    /// The relations it reads, at most one row for each subject: its account
    /// is `a`, its contact `who`.
    pub(super) fn from(&mut self) -> String {
        let account = format!("{} as a", self.relations.of(Relation::Accounts));
        let contact = format!("{} as who", self.relations.of(Relation::Contacts));
        if self.target == Target::All {
            return match self.subject {
                Subject::Account => account,
                Subject::Contact => format!("{contact} join {account} on a.id = who.account_id"),
            };
        }
        let mut arrays = vec![self.parameter(Bind::Accounts)];
        let mut columns = vec!["account_id"];
        if self.subject == Subject::Contact {
            arrays.push(self.parameter(Bind::Contacts));
            columns.push("contact_id");
        }
        for start in Start::ALL {
            arrays.push(self.parameter(Bind::Starts(start)));
            columns.push(start.column());
        }
        let subjects = format!("unnest({}) with ordinality as w ({}, position)", arrays.join(", "), columns.join(", "));
        match (self.target, self.subject) {
            (Target::Named, subject) => {
                let key = self.relations.key().of_text("w.account_id");
                let joined = format!("{subjects} join {account} on a.id = {key}");
                match subject {
                    Subject::Account => joined,
                    Subject::Contact => {
                        format!("{joined} join {contact} on who.account_id = a.id and who.id = w.contact_id")
                    }
                }
            }
            (Target::All | Target::OwnState, _) => subjects,
        }
    }

    /// What is true of subjects that are still there, in a walk over all;
    /// `None` where that goes without saying.
    fn is_there(&mut self, schema: &Schema) -> Option<String> {
        if self.target != Target::All || self.subject != Subject::Contact {
            return None;
        }
        let left = quoted(Subject::Contact, &schema.stored(Subject::Contact, "left_at")?.name);
        Some(format!("({left} is null or {left} > {})", self.parameter(Bind::AsOf)))
    }

    /// A cell's expression, cast to the type that is read; `None` when the
    /// arguments do not fit the function.
    pub(super) fn answer(&mut self, answer: &Answer<'_>) -> Option<String> {
        self.ago = answer.ago;
        let expression = self.expression(answer);
        self.ago = None;
        Some(format!("({})::{}", expression?, answer.cast()))
    }

    fn expression(&mut self, answer: &Answer<'_>) -> Option<String> {
        Some(match &answer.by {
            By::Column(column) if answer.is_recorded() => {
                let name = self.parameter(Bind::Text(column.name.clone()));
                self.fill(
                    answer.subject,
                    &AS_IT_WAS.replace("{value}", &format!("-> {name}")),
                    FactSource::Customers,
                    &[],
                )?
            }
            By::Trait(key) if answer.is_recorded() => {
                let key = self.parameter(Bind::Text((*key).to_owned()));
                self.fill(
                    answer.subject,
                    &AS_IT_WAS.replace("{value}", &format!("-> 'traits' -> {key}")),
                    FactSource::Customers,
                    &[],
                )?
            }
            By::Column(column) => {
                let name = quoted(answer.subject, &column.name);
                match column.ty {
                    // Infinity and years beyond four digits cannot be read; they are missing.
                    Type::Time => format!("case when {name} >= {FIRST} and {name} < {END} then {name} end"),
                    _ => name,
                }
            }
            By::Trait(key) => {
                let key = self.parameter(Bind::Text((*key).to_owned()));
                format!("{}.traits -> {key}", alias(answer.subject))
            }
            By::Call(function, args) => {
                let pairs = functions::pair(*function, args)?;
                self.fill(answer.subject, function.sql(args), function.source(), &pairs)?
            }
        })
    }

    /// A function's text, asked of such a subject, with its named parameters
    /// filled in.
    pub(super) fn fill(
        &mut self,
        subject: Subject,
        text: &str,
        source: FactSource,
        pairs: &[(&Param, &Arg)],
    ) -> Option<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((text, tail)) = rest.split_once('{') {
            let (name, tail) = tail.split_once('}')?;
            filled.push_str(text);
            filled.push_str(&self.named(name, subject, source, pairs)?);
            rest = tail;
        }
        filled.push_str(rest);
        Some(filled)
    }

    /// What stands for a named parameter of a call.
    fn named(&mut self, name: &str, subject: Subject, source: FactSource, pairs: &[(&Param, &Arg)]) -> Option<String> {
        let (account, contact) = match (self.target, source) {
            (Target::OwnState, _) => ("w.account_id".to_owned(), "w.contact_id"),
            // Our own tables know an account by its text.
            (_, FactSource::Own) => (self.relations.key().to_text("a.id"), "who.id"),
            (_, FactSource::Customers) => ("a.id".to_owned(), "who.id"),
        };
        if let Some(relation) = name.strip_prefix("whose ") {
            let of_account = format!("{relation}.account_id = {account}");
            return Some(match subject {
                Subject::Account => of_account,
                Subject::Contact => format!("{of_account} and {relation}.contact_id = {contact}"),
            });
        }
        if let Some(relation) = Relation::named(name) {
            return Some(self.relations.of(relation).to_owned());
        }
        if let Some((_, relation)) = OWN.iter().find(|(word, _)| *word == name) {
            return Some((*relation).to_owned());
        }
        match name {
            "touches" => Some(touches(self.relations, self.target, &account, |bind| self.parameter(bind))),
            "account" if subject == Subject::Account => Some(account),
            "as_of" => Some(self.instant(Bind::AsOf)),
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
            (Arg::Int(days), true) => return Some(self.instant(Bind::Since(*days))),
            (Arg::Int(days), false) => return Some(self.instant(Bind::Before(*days))),
            // The check refuses it: an enrollment's windows end now.
            (Arg::SinceEntry | Arg::SinceStep, _) if self.ago.is_some() => return None,
            (Arg::SinceEntry, true) => Start::EntrySince,
            (Arg::SinceEntry, false) => Start::EntryBefore,
            (Arg::SinceStep, true) => Start::StepSince,
            (Arg::SinceStep, false) => Start::StepBefore,
        };
        Some(match self.target {
            // No enrollment, so the window is empty.
            Target::All => self.parameter(Bind::AsOf),
            Target::Named | Target::OwnState => format!("w.{}", start.column()),
        })
    }

    /// An instant, of the day that the call is asked about.
    fn instant(&mut self, bind: Bind) -> String {
        self.parameter(match self.ago {
            Some(days) => Bind::Ago(days, Box::new(bind)),
            None => bind,
        })
    }

    /// A typed parameter; equal ones are bound once.
    pub(super) fn parameter(&mut self, bind: Bind) -> String {
        let ty = match bind {
            Bind::AsOf | Bind::Ago(..) | Bind::Since(_) | Bind::Before(_) | Bind::FromNow(_) => "timestamptz",
            Bind::Bool(_) => "boolean",
            Bind::Int(_) => "int8",
            Bind::Float(_) => "float8",
            Bind::Json(_) => "jsonb",
            Bind::Span(_) => "interval",
            Bind::Text(_) => "text",
            Bind::Texts(_) | Bind::Accounts | Bind::Contacts => "text[]",
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

/// What the rows of a subject are called in a statement.
pub(super) fn alias(subject: Subject) -> &'static str {
    match subject {
        Subject::Account => "a",
        Subject::Contact => "who",
    }
}

/// A column of a subject.
pub(super) fn quoted(subject: Subject, column: &str) -> String {
    format!("{}.\"{}\"", alias(subject), column.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Cell;
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
        for target in [Target::All, Target::Named, Target::OwnState] {
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
        let statement = build(&[call(7), call(30)], Target::All, FactSource::Customers).expect("both are known");
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
            let error = build(&[cell], Target::All, FactSource::Customers)
                .map(|statement| statement.sql)
                .map_err(|error| error.to_string());
            assert_eq!(error, Err(format!("there is no fact {name}")));
        }
    }
}
