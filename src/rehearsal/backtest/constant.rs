//! Facts that have no past: what is true of them today is taken to have been
//! true all along.

use std::collections::BTreeMap;

use crate::clock::Instant;
use crate::facts::{AccountPast, Cell, CellPath, Subject};
use crate::rehearsal::slot_set::SlotSet;
use crate::rule::functions::{FactSource, find};

/// A fact that was held constant.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstantFact {
    pub fact: String,
    /// At which share of the decisions, from 0 to 1.
    pub share: f64,
    /// What was taken instead, in words.
    pub instead: &'static str,
}

/// At how many decisions each fact was held constant, and how many there were.
#[derive(Clone, Debug, Default)]
pub(super) struct ConstantCount {
    decisions: u64,
    facts: BTreeMap<(String, &'static str), u64>,
}

const TODAY: &str = "today's value, or the first that is on record";
const END_OF_PERIOD: &str = "what all accounts together give at the end of the period";
const NO_OTHERS: &str = "as if no other playbook had ever run";

/// Facts that may have no past.
#[derive(Debug)]
pub(super) struct ConstantFacts {
    /// Nothing in the store has their past.
    always: Vec<(String, &'static str)>,
    /// Facts with the columns of accounts that they read, where nothing older is on record.
    columns: Vec<(String, String)>,
}

impl ConstantFacts {
    /// Those of these cells, and of the status, which says whom all is for.
    pub fn new<'a>(cells: impl Iterator<Item = &'a Cell>) -> ConstantFacts {
        let mut facts = ConstantFacts { always: Vec::new(), columns: Vec::new() };
        let status = Cell::column(Subject::Account, "status");
        let mut cells: Vec<&Cell> = cells.collect();
        cells.push(&status);
        cells.sort();
        cells.dedup();
        for cell in cells {
            match (&cell.path, cell.subject) {
                (CellPath::Column(name), _)
                    if ["id", "account_id", "signed_up_at", "created_at"].contains(&&**name) => {}
                (CellPath::Column(name), Subject::Contact) if name == "left_at" => {}
                (CellPath::Column(_) | CellPath::Trait(_), Subject::Contact) => {
                    facts.always.push((cell.to_string(), TODAY));
                }
                (CellPath::Column(name), Subject::Account) => facts.columns.push((cell.to_string(), name.clone())),
                (CellPath::Trait(_), Subject::Account) => facts.columns.push((cell.to_string(), "traits".to_owned())),
                (CellPath::Call { function, .. }, _) => match find(function).map(|function| function.source()) {
                    Some(FactSource::Own) => facts.always.push((cell.to_string(), NO_OTHERS)),
                    // Who has which role and address is not recorded.
                    _ if ["contacts", "left", "owner"].contains(function) => {
                        facts.always.push((cell.to_string(), TODAY))
                    }
                    _ => {}
                },
                (CellPath::Population(_), _) => facts.always.push((cell.to_string(), END_OF_PERIOD)),
                (CellPath::Ago { .. } | CellPath::Kpi(_), _) => {}
            }
        }
        facts
    }

    /// Counts one subject's decisions, at the slots at which it is there.
    pub fn count(&self, past: &AccountPast, slots: &[Instant], there: &SlotSet, count: &mut ConstantCount) {
        let decisions = there.count() as u64;
        count.decisions += decisions;
        for (fact, instead) in &self.always {
            *count.facts.entry((fact.clone(), instead)).or_default() += decisions;
        }
        for (fact, column) in &self.columns {
            let unrecorded = match past.known_since.get(column) {
                None => decisions,
                Some(since) => there.iter().take_while(|place| slots[*place] <= *since).count() as u64,
            };
            if unrecorded > 0 {
                *count.facts.entry((fact.clone(), TODAY)).or_default() += unrecorded;
            }
        }
    }
}

impl ConstantCount {
    pub fn merge(&mut self, other: ConstantCount) {
        self.decisions += other.decisions;
        for (fact, count) in other.facts {
            *self.facts.entry(fact).or_default() += count;
        }
    }

    /// Those of which something was held constant.
    pub fn facts(&self) -> Vec<ConstantFact> {
        let share = |count: u64| if self.decisions == 0 { 0.0 } else { count as f64 / self.decisions as f64 };
        let fact = |((fact, instead), count): (&(String, &'static str), &u64)| ConstantFact {
            fact: fact.clone(),
            share: share(*count),
            instead,
        };
        self.facts.iter().filter(|(_, count)| **count > 0).map(fact).collect()
    }
}
