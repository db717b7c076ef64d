//! The clauses of a condition as rules of their own, so that each can be asked
//! what it says of a subject.

use std::collections::{BTreeSet, HashSet};

use rhai::{AST, Expr, Stmt};

use super::compiled::{Rule, Verdict};
use super::engine::context::Context;
use super::engine::sandbox::Sandbox;
use super::parts::{conjuncts, operands};
use super::prefilter::clause::Clause;
use crate::facts::{Cell, Value};

/// One clause of a condition, compiled alone.
#[derive(Debug)]
pub struct ClauseRule {
    pub clause: Clause,
    rule: Rule,
    /// What it compares and is more than one cell, by its text.
    operands: Vec<(String, Rule)>,
}

impl ClauseRule {
    /// What it says, whatever the clauses before it say.
    pub fn verdict(&self, sandbox: &Sandbox, context: &Context) -> Verdict {
        self.rule.verdict(sandbox, context)
    }

    /// What it compares and what it reads, by the text of each, in that order.
    /// What cannot be calculated is left out.
    pub fn values(&self, sandbox: &Sandbox, context: &Context) -> Vec<(String, Value)> {
        let mut values: Vec<(String, Value)> = Vec::new();
        for (text, rule) in &self.operands {
            if let Ok(value) = rule.value(sandbox, context) {
                values.push((text.clone(), value));
            }
        }
        for cell in &self.clause.cells {
            if let Some(value) = context.facts.get(cell) {
                values.push((cell.to_string(), value.clone()));
            }
        }
        values
    }
}

impl Rule {
    /// The clauses joined by the outermost `&&`, in order. Where all of them
    /// are true the condition is true, and the first that is not decides it.
    /// Only conditions have clauses.
    pub fn clauses(&self) -> Vec<ClauseRule> {
        let Some(prefilter) = self.prefilter() else { return Vec::new() };
        let whole = match self.ast.statements() {
            [Stmt::Expr(expr)] => (**expr).clone(),
            [Stmt::FnCall(call, at)] => Expr::FnCall(call.clone(), *at),
            _ => return Vec::new(),
        };
        let mut leaves = Vec::new();
        conjuncts(&whole, &mut leaves);
        let clauses = prefilter.clauses.iter().zip(leaves);
        clauses.map(|(clause, leaf)| self.clause(clause, leaf)).collect()
    }

    fn clause(&self, clause: &Clause, leaf: &Expr) -> ClauseRule {
        let mut compared = Vec::new();
        operands(leaf, &mut compared);
        let mut alone: Vec<(String, Rule)> = Vec::new();
        for (text, operand) in clause.operands.iter().zip(compared) {
            let is_cell = clause.cells.iter().any(|cell| cell.to_string() == *text);
            if !is_cell && text != "none" && !alone.iter().any(|(known, _)| known == text) {
                alone.push((text.clone(), self.part(operand, &clause.cells)));
            }
        }
        ClauseRule { rule: self.part(leaf, &clause.cells), operands: alone, clause: clause.clone() }
    }

    /// A part of the expression, read as the whole reads it.
    fn part(&self, part: &Expr, cells: &[Cell]) -> Rule {
        Rule {
            ast: AST::new([Stmt::Expr(Box::new(part.clone()))], rhai::Module::new()),
            origin: self.origin.clone(),
            traits: self.traits.clone(),
            calls: self.calls.clone(),
            cells: cells.to_vec(),
            entry_columns: BTreeSet::new(),
            modules: BTreeSet::new(),
            proven: HashSet::new(),
            plain: None,
            prefilter: None,
        }
    }
}
