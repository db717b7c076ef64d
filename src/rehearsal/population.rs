//! What population functions give while something is rehearsed.

use super::world::World;
use crate::clock::Instant;
use crate::facts::{Facts, History, Schema, Subject, SubjectId, Value};
use crate::rule::functions::fold::{FoldError, fold_facts};
use crate::rule::population::{PopulationCells, PopulationFigures, PopulationQuestion, Sample, question_of};

/// Whom a subject is among.
#[derive(Debug)]
pub(super) enum Population<'a> {
    /// The accounts of a case beside its own.
    Others(Vec<OtherAccount>),
    /// The accounts of a case that has none of its own.
    All(Vec<OtherAccount>),
    /// What all accounts gave together, the same at every instant.
    Held(&'a PopulationFigures),
}

/// An account that is only there to be compared with, so many times.
#[derive(Clone, Debug)]
pub(super) struct OtherAccount {
    pub subject: SubjectId,
    pub history: History,
    pub times: u64,
}

impl Population<'_> {
    /// Fills the population functions of a subject's facts in.
    ///
    /// # Errors
    /// When the history of a member lacks a required column.
    pub fn fill(&self, world: &World, facts: Facts, schema: &Schema) -> Result<Facts, FoldError> {
        let Some(cells) = PopulationCells::of(&facts.layout) else { return Ok(facts) };
        match self {
            Population::Held(figures) => Ok(cells.fill(facts, figures)),
            Population::Others(_) | Population::All(_) => {
                let figures = figures(&cells, &self.accounts(world), facts.as_of, schema)?;
                Ok(cells.fill(facts, &figures))
            }
        }
    }

    /// The accounts of a case, each with how many of it there are.
    pub fn accounts<'b>(&'b self, world: &'b World) -> Vec<(&'b str, &'b History, u64)> {
        let own = (world.subject.account.as_str(), &world.history, 1);
        let beside = |other: &'b OtherAccount| (other.subject.account.as_str(), &other.history, other.times);
        match self {
            Population::Others(others) => std::iter::once(own).chain(others.iter().map(beside)).collect(),
            Population::All(others) => others.iter().map(beside).collect(),
            Population::Held(_) => Vec::new(),
        }
    }
}

fn figures(
    cells: &PopulationCells,
    accounts: &[(&str, &History, u64)],
    as_of: Instant,
    schema: &Schema,
) -> Result<PopulationFigures, FoldError> {
    let as_of = PopulationQuestion::instant(as_of);
    let mut figures = PopulationFigures::default();
    for call in cells.calls() {
        let Some(question) = question_of(call) else { continue };
        let (mut now, mut earlier) = (Sample::default(), Sample::default());
        for (account, history, times) in accounts.iter().copied() {
            for subject in subjects(question.subject, account, history, as_of) {
                let facts = fold_facts(history, &subject, question.layout(), schema, as_of, None, None)?;
                let value = question.member(facts).unwrap_or_default();
                now.add_member(&mut earlier, &value, times);
            }
        }
        figures.insert(call.key().clone(), question.figure(now, earlier).into());
    }
    Ok(figures)
}

/// The account, or those of its contacts who are there.
fn subjects(kind: Subject, account: &str, history: &History, as_of: Instant) -> Vec<SubjectId> {
    let of = |contact: &str| SubjectId { account: account.to_owned(), contact: contact.to_owned() };
    match kind {
        Subject::Account => vec![of("")],
        Subject::Contact => {
            let there = history.contacts.iter().filter(|contact| match contact.columns.get("left_at") {
                Some(Value::Time(left)) => *left > as_of,
                _ => true,
            });
            there.map(|contact| of(&contact.id)).collect()
        }
    }
}
