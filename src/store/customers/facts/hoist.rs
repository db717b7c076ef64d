//! Fact functions beside the subjects: asked for one subject at a time, or
//! computed for all of them in one pass over each relation.

use std::collections::BTreeMap;

use super::answer::Answer;
use super::text::Text;
use crate::facts::{Arg, Cell, CellPath, Schema, Subject, Type};
use crate::rule::Predicate;
use crate::rule::functions::{FactSource, Function, Pass, PassFold, UnknownCell, pair};
use crate::rule::prefilter::predicate::Term;

/// From so many uses on a clause is shared. Of fewer, an index may still be of
/// use, which could not be used for what is decided beside the rows.
const SHARED: usize = 8;

/// How a walk over the subjects asks for fact functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Each subject that is still in question is looked up: best when few are.
    Probes,
    /// One pass over each relation, for all subjects: best when many are.
    Passes,
}

/// One reader of a walk: the cells it wants, of the subjects it keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WalkReader<'a> {
    pub cells: &'a [Cell],
    pub kept: &'a Predicate,
}

/// The fact functions of a statement, each calculated once for a row.
///
/// Postgres would calculate a function again wherever its text stands. Beside
/// the subjects, behind a fence, it is calculated once, after the clauses about
/// columns, and only for subjects that passed the functions before it.
#[derive(Default)]
pub(crate) struct HoistedFunctions {
    /// Cells and the expressions of their values.
    values: Vec<(Cell, String)>,
    /// Clauses that many readers share, and the column that says whether they hold.
    shared: Vec<(Predicate, String)>,
    joins: Vec<String>,
    /// The tables that are passed over.
    pub(crate) passed: Vec<String>,
}

/// One pass over a relation, for the calls that share it.
struct RelationPass {
    relation: String,
    alias: &'static str,
    /// Whose rows are told apart.
    subject: Subject,
    fold: PassFold,
    /// The rows that some call counts.
    rows: Vec<String>,
    /// The calls: its rows and its value, still with `{rows}` in it.
    calls: Vec<(Cell, usize, String)>,
}

impl HoistedFunctions {
    /// The value of a cell that stands here.
    pub(crate) fn value(&self, cell: &Cell) -> Option<String> {
        self.values.iter().find(|(known, _)| known == cell).map(|(_, value)| value.clone())
    }

    /// What says whether a clause holds, where that stands here.
    pub(crate) fn shared(&self, clause: &Predicate) -> Option<String> {
        self.shared.iter().find(|(known, _)| known == clause).map(|(_, column)| column.clone())
    }

    /// What is joined to the subjects.
    pub(crate) fn joins(&self) -> String {
        self.joins.concat()
    }
}

impl WalkReader<'_> {
    fn reads(&self, cell: &Cell) -> bool {
        let mut called = Vec::new();
        calls(self.kept, &mut called);
        self.cells.contains(cell) || called.contains(cell)
    }
}

/// Subjects on which the cell matters to some reader, as columns tell; `None`
/// when that is all of them.
pub(crate) fn subjects_concerned(readers: &[WalkReader<'_>], cell: &Cell) -> Option<Predicate> {
    let reading = readers.iter().filter(|reader| reader.reads(cell));
    let concerned = Predicate::any(reading.map(|reader| reader.kept.without_calls()));
    (readers.len() > 1 && concerned != Predicate::Always).then_some(concerned)
}

/// The calls of the customer store that can be answered in a pass, each once.
pub(crate) fn passes(readers: &[WalkReader<'_>]) -> Vec<Cell> {
    let mut found = Vec::new();
    for reader in readers {
        calls(reader.kept, &mut found);
        for cell in reader.cells.iter().filter(|cell| matches!(cell.path, CellPath::Call { .. })) {
            if !found.contains(cell) {
                found.push(cell.clone());
            }
        }
    }
    found.retain(|cell| pass(cell).is_some());
    found
}

/// The function, the arguments and the pass of a cell that has one.
fn pass(cell: &Cell) -> Option<(&'static dyn Function, &[Arg], Pass)> {
    let CellPath::Call { function, args } = &cell.path else { return None };
    let function = crate::rule::functions::find(function)?;
    (function.source() == FactSource::Customers).then_some(())?;
    Some((function, args, function.pass(args)?))
}

impl Text<'_> {
    /// The fact functions that the readers' predicates call and, in passes, all
    /// others they read, too.
    pub(crate) fn hoist(
        &mut self,
        readers: &[WalkReader<'_>],
        schema: &Schema,
        shape: Shape,
    ) -> Result<HoistedFunctions, UnknownCell> {
        let mut hoisted = HoistedFunctions::default();
        let mut walks: Vec<RelationPass> = Vec::new();
        if shape == Shape::Passes {
            for cell in passes(readers) {
                for table in pass(&cell).iter().flat_map(|(_, _, pass)| self.relations.tables_in(pass.relation)) {
                    if !hoisted.passed.contains(table) {
                        hoisted.passed.push(table.clone());
                    }
                }
                self.walk(&cell, &mut walks).ok_or_else(|| UnknownCell(cell.clone()))?;
            }
        }
        for (at, walk) in walks.iter().enumerate() {
            hoisted.join(at, walk, self.subject, schema)?;
        }
        if readers.len() > 1 {
            self.convert(readers, schema, &mut hoisted)?;
            self.share(readers, schema, &mut hoisted)?;
        }
        let mut called = Vec::new();
        readers.iter().for_each(|reader| calls(reader.kept, &mut called));
        called.retain(|cell| hoisted.value(cell).is_none());
        for (at, cell) in called.into_iter().enumerate() {
            let unknown = || UnknownCell(cell.clone());
            let answer = Answer::find(&cell, self.subject, schema).ok_or_else(unknown)?;
            let mut text = self.answer(&answer).ok_or_else(unknown)?;
            if let Some(concerned) = subjects_concerned(readers, &cell) {
                let concerned = self.predicate(&concerned, &HoistedFunctions::default(), schema)?;
                text = format!("case when {concerned} then {text} end");
            }
            hoisted.joins.push(format!(" cross join lateral (select {text} as value offset 0) as f{at}"));
            hoisted.values.push((cell, format!("f{at}.value")));
        }
        Ok(hoisted)
    }

    /// The columns that are compared as floats, each converted once for a row:
    /// from a decimal number that costs more than all the rest of a comparison.
    fn convert(
        &mut self,
        readers: &[WalkReader<'_>],
        schema: &Schema,
        hoisted: &mut HoistedFunctions,
    ) -> Result<(), UnknownCell> {
        let mut columns: Vec<Cell> = Vec::new();
        let mut add = |term: &Term| {
            let column = matches!(term.cell.path, CellPath::Column(_)) && term.ty == Type::Float;
            if column && !columns.contains(&term.cell) {
                columns.push(term.cell.clone());
            }
        };
        readers.iter().for_each(|reader| reader.kept.each_term(&mut add));
        let mut converted = Vec::new();
        for (at, cell) in columns.into_iter().enumerate() {
            let unknown = || UnknownCell(cell.clone());
            let answer = Answer::find(&cell, self.subject, schema).ok_or_else(unknown)?;
            converted.push(format!("{} as c{at}", self.answer(&answer).ok_or_else(unknown)?));
            hoisted.values.push((cell, format!("c.c{at}")));
        }
        if !converted.is_empty() {
            hoisted.joins.push(format!(" cross join lateral (select {} offset 0) as c", converted.join(", ")));
        }
        Ok(())
    }

    /// The clauses about columns that many readers have in common, each decided
    /// once for a row.
    fn share(
        &mut self,
        readers: &[WalkReader<'_>],
        schema: &Schema,
        hoisted: &mut HoistedFunctions,
    ) -> Result<(), UnknownCell> {
        let mut clauses: BTreeMap<String, (usize, &Predicate)> = BTreeMap::new();
        for reader in readers {
            reader.kept.each_leaf(&mut |leaf| clauses.entry(format!("{leaf:?}")).or_insert((0, leaf)).0 += 1);
        }
        let shared = clauses.into_values().filter(|(count, _)| *count >= SHARED).map(|(_, clause)| clause);
        let shared: Vec<&Predicate> =
            shared.filter(|clause| **clause != Predicate::Always && clause.without_calls() == **clause).collect();
        let mut columns = Vec::new();
        for (at, clause) in shared.iter().enumerate() {
            columns.push(format!("{} as d{at}", self.predicate(clause, hoisted, schema)?));
        }
        if !columns.is_empty() {
            hoisted.joins.push(format!(" cross join lateral (select {} offset 0) as d", columns.join(", ")));
            hoisted.shared = shared.into_iter().cloned().zip((0..).map(|at| format!("d.d{at}"))).collect();
        }
        Ok(())
    }

    /// Adds a call to the walk over its relation.
    fn walk(&mut self, cell: &Cell, walks: &mut Vec<RelationPass>) -> Option<()> {
        let (function, args, pass) = pass(cell)?;
        let pairs = pair(function, args)?;
        self.in_pass = true;
        let mut fill = |text: &str| self.fill(cell.subject, text, function.source(), &pairs);
        let (relation, rows) = (fill(pass.relation), fill(pass.rows));
        // `{rows}` is put in when all calls of the walk are known.
        let parts: Option<Vec<String>> = pass.value.split("{rows}").map(fill).collect();
        self.in_pass = false;
        let (relation, rows) = (relation?, rows?);
        let value = parts?.join("{rows}");
        let shares = |walk: &&mut RelationPass| {
            let first = matches!(pass.fold, PassFold::First { .. });
            walk.relation == relation
                && walk.subject == cell.subject
                && walk.fold == pass.fold
                && (!first || walk.rows == [rows.as_str()])
        };
        let walk = match walks.iter_mut().find(shares) {
            Some(walk) => walk,
            None => {
                let (alias, subject, fold) = (pass.alias, cell.subject, pass.fold);
                walks.push(RelationPass { relation, alias, subject, fold, rows: Vec::new(), calls: Vec::new() });
                walks.last_mut()?
            }
        };
        let at = match walk.rows.iter().position(|known| *known == rows) {
            Some(at) => at,
            None => {
                walk.rows.push(rows);
                walk.rows.len() - 1
            }
        };
        walk.calls.push((cell.clone(), at, value));
        Some(())
    }
}

impl HoistedFunctions {
    /// Joins a pass to rows of such subjects. One without rows has none in it.
    fn join(&mut self, number: usize, walk: &RelationPass, to: Subject, schema: &Schema) -> Result<(), UnknownCell> {
        let RelationPass { relation, alias, .. } = walk;
        let rows = |at: usize| match walk.rows.len() {
            1 => "true".to_owned(),
            _ => format!("({})", walk.rows[at]),
        };
        let mut columns = String::new();
        for (index, (cell, at, value)) in walk.calls.iter().enumerate() {
            columns.push_str(&format!(", {} as v{index}", value.replace("{rows}", &rows(*at))));
            let answer = Answer::find(cell, to, schema).ok_or_else(|| UnknownCell(cell.clone()))?;
            let value = match answer.nullable() {
                true => format!("g{number}.v{index}"),
                false => format!("coalesce(g{number}.v{index}, 0)"),
            };
            self.values.push((cell.clone(), format!("({value})::{}", answer.cast())));
        }
        let of_some: Vec<String> = walk.rows.iter().map(|rows| format!("({rows})")).collect();
        let of_some = of_some.join(" or ");
        let (keys, mut on) = (format!("{alias}.account_id"), format!("g{number}.account_id = a.id"));
        let keys = match walk.subject {
            Subject::Account => keys,
            Subject::Contact => {
                on.push_str(&format!(" and g{number}.contact_id = who.id"));
                format!("{keys}, {alias}.contact_id")
            }
        };
        let rows = match walk.fold {
            PassFold::Hashed | PassFold::Sorted => {
                format!("select {keys}{columns} from {relation} where {of_some} group by {keys}")
            }
            PassFold::First { order } => format!(
                "select distinct on ({keys}) {keys}{columns} from {relation} where {of_some} order by {keys}, {order}"
            ),
        };
        self.joins.push(format!(" left join ({rows}) as g{number} on {on}"));
        Ok(())
    }
}

/// The calls in a predicate, each once, in the order of its clauses.
pub(crate) fn calls(predicate: &Predicate, cells: &mut Vec<Cell>) {
    predicate.each_term(&mut |term| {
        if matches!(term.cell.path, CellPath::Call { .. }) && !cells.contains(&term.cell) {
            cells.push(term.cell.clone());
        }
    });
}
