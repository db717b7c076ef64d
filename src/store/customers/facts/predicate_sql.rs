//! The SQL of a predicate. Nothing in it can raise, whatever the data: neither
//! a cast of what is not of that kind, nor a division. Literals are bound.

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use super::answer::Answer;
use super::answer::{END, FIRST};
use super::bind::{Bind, bound};
use super::hoist::{HoistedFunctions, Shape, WalkReader};
use super::scope::SubjectScope;
use super::text::{Text, alias, quoted};
use crate::clock::Instant;
use crate::facts::{CellPath, Schema, Subject, Type};
use crate::rule::Predicate;
use crate::rule::functions::UnknownCell;
use crate::rule::prefilter::predicate::{Comparison, LARGEST_READABLE, Operand, Term};
use crate::store::Relations;

/// Several predicates over accounts or contacts, which share parameters: each
/// is one expression that is true for a subject, or not.
#[derive(Debug)]
pub struct Clauses {
    /// One expression for each predicate.
    pub expressions: Vec<String>,
    /// What follows `from`: accounts `a`, contacts `who`, and what the
    /// expressions need.
    pub relations: String,
    binds: Vec<Bind>,
}

impl Clauses {
    /// An error names the first cell that nothing answers.
    pub fn new(
        subject: Subject,
        predicates: &[&Predicate],
        store: &Relations,
        shape: Shape,
    ) -> Result<Clauses, UnknownCell> {
        let (mut text, schema) = (Text::new(SubjectScope::All, subject, store), &store.schema);
        let all = Predicate::All(predicates.iter().map(|&predicate| predicate.clone()).collect());
        let hoisted = text.hoist(&[WalkReader { cells: &[], kept: &all }], schema, shape)?;
        let relations = format!("{}{}", text.from(), hoisted.joins());
        let expressions = predicates
            .iter()
            .map(|predicate| text.predicate(predicate, &hoisted, schema))
            .collect::<Result<_, UnknownCell>>()?;
        Ok(Clauses { expressions, relations, binds: text.binds })
    }

    /// A statement with these expressions and relations in it, and its
    /// parameters as of an instant.
    pub fn query(&self, sql: String, as_of: Instant) -> Query<'static, Postgres, PgArguments> {
        bound(sql, &self.binds, as_of, &[])
    }
}

impl Text<'_> {
    /// An expression that is true where the predicate is; elsewhere it is false
    /// or null.
    pub(crate) fn predicate(
        &mut self,
        predicate: &Predicate,
        hoisted: &HoistedFunctions,
        schema: &Schema,
    ) -> Result<String, UnknownCell> {
        let joined = |text: &mut Text<'_>, parts: &[Predicate], word: &str| {
            let parts: Result<Vec<String>, UnknownCell> =
                parts.iter().map(|part| text.predicate(part, hoisted, schema)).collect();
            Ok(format!("({})", parts?.join(word)))
        };
        if let Some(column) = hoisted.shared(predicate) {
            return Ok(column);
        }
        Ok(match predicate {
            Predicate::Always => "true".to_owned(),
            Predicate::Never => "false".to_owned(),
            Predicate::All(parts) => joined(self, parts, " and ")?,
            Predicate::Any(parts) => joined(self, parts, " or ")?,
            Predicate::Missing(term) => self.presence(term, false, hoisted, schema)?,
            Predicate::Present(term) => self.presence(term, true, hoisted, schema)?,
            Predicate::Unfit(term) => self.unfit(term),
            Predicate::NotANumber(term) => format!("{} = 'NaN'::float8", self.term(term, hoisted, schema)?),
            Predicate::Compare { left, comparison, right } => {
                self.comparison(left, *comparison, right, hoisted, schema)?
            }
        })
    }

    fn comparison(
        &mut self,
        left: &Term,
        comparison: Comparison,
        right: &Operand,
        hoisted: &HoistedFunctions,
        schema: &Schema,
    ) -> Result<String, UnknownCell> {
        let operator = operator(comparison);
        if let (CellPath::Trait(key), Operand::Float(number)) = (&left.cell.path, right) {
            let attribute = self.attribute(left.cell.subject, key);
            let number = self.parameter(Bind::Json(*number));
            return Ok(format!("(jsonb_typeof({attribute}) = 'number' and {attribute} {operator} {number})"));
        }
        // A bare column with two bounds, so that an index of it can be used.
        if let (CellPath::Column(name), Operand::FromNow(by)) = (&left.cell.path, right) {
            let (name, by) = (quoted(left.cell.subject, name), self.parameter(Bind::FromNow(*by)));
            match comparison {
                Comparison::Less | Comparison::AtMost => {
                    return Ok(format!("({name} >= {FIRST} and {name} {operator} {by})"));
                }
                Comparison::Greater | Comparison::AtLeast => {
                    return Ok(format!("({name} {operator} {by} and {name} < {END})"));
                }
                Comparison::Equals | Comparison::Differs => {}
            }
        }
        let term = self.term(left, hoisted, schema)?;
        let value = match right {
            Operand::Bool(value) => self.parameter(Bind::Bool(*value)),
            Operand::Int(number) => self.parameter(Bind::Int(*number)),
            Operand::Float(number) => self.parameter(Bind::Float(*number)),
            Operand::Text(text) => self.parameter(Bind::Text(text.clone())),
            Operand::FromNow(by) => self.parameter(Bind::FromNow(*by)),
            Operand::Cell(other, 0) => self.term(other, hoisted, schema)?,
            Operand::Cell(other, by) => {
                let other = self.term(other, hoisted, schema)?;
                format!("({other} + {})", self.parameter(Bind::Span(*by)))
            }
        };
        // Bytes decide, not a language, both the order and what is the same.
        let collation = if left.ty == Type::Text { " collate \"C\"" } else { "" };
        Ok(format!("{term}{collation} {operator} {value}{collation}"))
    }

    fn presence(
        &mut self,
        term: &Term,
        present: bool,
        hoisted: &HoistedFunctions,
        schema: &Schema,
    ) -> Result<String, UnknownCell> {
        Ok(match (&term.cell.path, term.ty) {
            (CellPath::Column(name), Type::Time) => {
                let name = quoted(term.cell.subject, name);
                match present {
                    true => format!("({name} >= {FIRST} and {name} < {END})"),
                    false => format!("({name} is null or {name} < {FIRST} or {name} >= {END})"),
                }
            }
            (CellPath::Trait(key), _) => {
                let attribute = self.attribute(term.cell.subject, key);
                match present {
                    true => format!("jsonb_typeof({attribute}) <> 'null'"),
                    false => {
                        let unsure = self.unsure(&attribute);
                        format!(
                            "({attribute} is null or jsonb_typeof({attribute}) in ('null', 'object', 'array') \
                             or jsonb_typeof({attribute}) = 'number' and {unsure})"
                        )
                    }
                }
            }
            _ => format!("{} is {}null", self.term(term, hoisted, schema)?, if present { "not " } else { "" }),
        })
    }

    /// Whether an attribute holds another kind of value than the one it is read
    /// as; null where it holds none.
    fn unfit(&mut self, term: &Term) -> String {
        let kind = match term.ty {
            Type::Bool => "boolean",
            Type::Int | Type::Float => "number",
            Type::Text | Type::Time | Type::Json => "string",
        };
        match &term.cell.path {
            CellPath::Trait(key) => {
                let attribute = self.attribute(term.cell.subject, key);
                format!("jsonb_typeof({attribute}) not in ('null', '{kind}')")
            }
            _ => "false".to_owned(),
        }
    }

    /// Whether a number in JSON may be too large for a float.
    fn unsure(&mut self, attribute: &str) -> String {
        let above = self.parameter(Bind::Json(LARGEST_READABLE));
        let below = self.parameter(Bind::Json(-LARGEST_READABLE));
        format!("({attribute} > {above} or {attribute} < {below})")
    }

    fn attribute(&mut self, subject: Subject, key: &str) -> String {
        format!("({}.traits -> {})", alias(subject), self.parameter(Bind::Text(key.to_owned())))
    }

    /// A term's value: the same that is fetched for its cell, or for an
    /// attribute the text or truth value it holds.
    fn term(&mut self, term: &Term, hoisted: &HoistedFunctions, schema: &Schema) -> Result<String, UnknownCell> {
        if let Some(value) = hoisted.value(&term.cell) {
            return Ok(value);
        }
        if let CellPath::Trait(key) = &term.cell.path {
            let attribute = self.attribute(term.cell.subject, key);
            match term.ty {
                Type::Bool => {
                    return Ok(format!(
                        "(case when jsonb_typeof({attribute}) = 'boolean' then {attribute} = 'true'::jsonb end)"
                    ));
                }
                Type::Text => {
                    let key = self.parameter(Bind::Text(key.clone()));
                    let of = alias(term.cell.subject);
                    return Ok(format!(
                        "(case when jsonb_typeof({attribute}) = 'string' then {of}.traits ->> {key} end)"
                    ));
                }
                _ => {}
            }
        }
        let unknown = || UnknownCell(term.cell.clone());
        let answer = Answer::find(&term.cell, self.subject, schema).ok_or_else(unknown)?;
        self.answer(&answer).ok_or_else(unknown)
    }
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equals => "=",
        Comparison::Differs => "is distinct from",
        Comparison::Less => "<",
        Comparison::AtMost => "<=",
        Comparison::Greater => ">",
        Comparison::AtLeast => ">=",
    }
}
