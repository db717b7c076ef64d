//! Facts that are missing for everybody: nobody fills them.

use std::sync::Arc;

use super::{FEWEST, Lint, PATIENCE};
use crate::diagnostic::Diagnostic;
use crate::facts::inventory::grouped;
use crate::facts::{Arg, Cell, CellPath, Layout, Subject, Value};
use crate::playbook::Source;
use crate::rule::functions::{self, FactSource};
use crate::rule::{Predicate, Rule};
use crate::store::customers::facts::Shape;

const HELP: &str = "is it filled under another name? `keepwell facts --store` lists what is there";

impl Lint<'_> {
    /// Warns of facts of `when` and `goal` that no subject has.
    pub(super) async fn missing_facts(&self) -> anyhow::Result<Vec<Diagnostic>> {
        if self.subjects < FEWEST {
            return Ok(Vec::new());
        }
        let playbook = &self.ready.playbook;
        let read: Vec<(&Source, &Rule)> = [(&playbook.when, &self.ready.when)]
            .into_iter()
            .chain(playbook.goal.as_ref().zip(self.ready.goal.as_ref()))
            .collect();
        let mut layout = Layout::of(Subject::from(playbook.subject));
        for cell in read.iter().flat_map(|(_, rule)| rule.cells()).filter(|cell| self.can_be_missing(cell)) {
            layout.add(cell.clone());
        }
        let layout = Arc::new(layout);
        let query = self.query(&layout, &Predicate::Always);
        let Some(query) = query.filter(|_| !layout.cells().is_empty()) else { return Ok(Vec::new()) };
        // Most often the first subjects have all of them, so they are looked up one by one.
        let mut scan = query
            .walk()
            .start_within(self.question.store.customers_pool(), self.question.now, Some(Shape::Probes), PATIENCE)
            .await?;
        let mut missing = vec![true; layout.cells().len()];
        let (mut ended, mut seen) = (false, 0);
        while !ended && missing.contains(&true) && !self.deadline.has_passed() {
            let chunk = scan.next().await?;
            ended = chunk.is_empty();
            seen += chunk.len() as u64;
            for facts in chunk {
                for (missing, value) in missing.iter_mut().zip(&facts.values) {
                    *missing &= is_missing(value);
                }
            }
        }
        scan.close().await?;
        if !ended {
            return Ok(Vec::new());
        }
        let everywhere = layout.cells().iter().zip(missing).filter(|(_, missing)| *missing).map(|(cell, _)| cell);
        let warn = |cell: &Cell| {
            let fact = cell.to_string();
            let (source, line, column) = place(&read, &fact).unwrap_or((&playbook.when, 1, 1));
            let message = format!("`{fact}` is missing for all {} {}", grouped(seen), self.noun());
            source.warning("KW0701", line, column, message).help(HELP)
        };
        Ok(everywhere.map(warn).collect())
    }

    /// Whether the customer store can lack it at this moment.
    fn can_be_missing(&self, cell: &Cell) -> bool {
        match &cell.path {
            CellPath::Trait(_) => true,
            CellPath::Column(name) => {
                self.question.store.schema().stored(cell.subject, name).is_some_and(|column| column.nullable)
            }
            CellPath::Call { function, args } => functions::find(function).is_some_and(|function| {
                function.source() == FactSource::Customers
                    && function.gives(args).nullable
                    && !args.contains(&Arg::SinceEntry)
                    && !args.contains(&Arg::SinceStep)
            }),
            // A history that begins later is no mistake.
            CellPath::Ago { .. } | CellPath::Population(_) | CellPath::Kpi(_) => false,
        }
    }
}

fn is_missing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Json(json) => json.is_null(),
        _ => false,
    }
}

/// Where a fact is named first, in lines and columns of a source.
fn place<'s>(read: &[(&'s Source, &Rule)], fact: &str) -> Option<(&'s Source, u32, u32)> {
    read.iter().find_map(|(source, _)| {
        let before = &source.text[..source.text.find(fact)?];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Some((*source, u32::try_from(line).ok()?, u32::try_from(column).ok()?))
    })
}
