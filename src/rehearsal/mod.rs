//! The playbooks' own cases, played in memory on a frozen clock.
//!
//! A case's world is built from its fixtures; then time goes from slot to slot
//! and from look to look, and `admit` and `advance`, the same functions the
//! daemon calls, decide. What follows from their decisions is collected
//! instead of committed and compared with what the case expects. Nothing here
//! touches a database, the network or the clock.
//!
//! - `budget` is the time for it.
//! - `fixture` reads single values of a case.
//! - `world` is the account with its people and its past.
//! - `population` is whom population functions compare it with.
//! - `course` plays a case.
//! - `happened` is what a case may expect.
//! - `comparison` finds the differences between the two.
//! - `documents` plays the cases of documents beside playbooks.
//! - `entry` is what stands in `expect:`, as text.
//! - `update` writes `expect:` anew from what happened.
//! - `unused_fixtures` finds what a case gives and its playbook never reads.
//! - `coverage` finds what no case tries.
//! - `mutants` asks which mistakes in a condition the cases would notice.
//! - [`backtest`] plays a period of the past on the store's own history.
//! - `slot_set` is a set of slots.
//! - [`explanation`] says why a subject of the real store enters, or why not.
//! - `wording` puts times and texts into words.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::catalog::ReadyPlaybook;
use crate::clock::Instant;
use crate::config::Config;
use crate::diagnostic::{Diagnostic, Position};
use crate::facts::Schema;
use crate::playbook::case::{Case, Expectation};
use crate::playbook::reader::{advice, short};
use crate::side_by_side::side_by_side;

pub mod backtest;
mod budget;
mod comparison;
mod course;
mod coverage;
mod documents;
mod entry;
pub mod explanation;
mod fixture;
mod happened;
pub mod mutants;
mod population;
pub mod slot_set;
#[cfg(test)]
mod tests;
mod unused_fixtures;
mod update;
mod wording;
mod world;

use budget::CaseBudget;
use comparison::Outcome;
use course::{Course, Slots};
use fixture::Reader;
use happened::Occurrence;
use population::{OtherAccount, Population};
use world::World;

pub use coverage::{Coverage, Gap, coverage};
pub use documents::{check_document_cases, document_objections, play_documents};
pub use update::{Update, update};

/// How long nothing must happen when nothing is expected, in seconds.
const SILENCE: i64 = 30 * 86_400;
/// The longest a case is played, in seconds.
const LONGEST: i64 = 3 * 366 * 86_400;

/// What came of the cases of one playbook.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaybookReport {
    pub playbook: String,
    /// The file as it was named when it was read.
    pub file: Arc<str>,
    pub cases: Vec<CaseReport>,
}

/// What came of one case.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseReport {
    pub name: String,
    /// Where the case stands.
    pub place: Position,
    /// Whether there are no failures.
    pub passed: bool,
    pub failures: Vec<Failure>,
    /// What was expected and what happened in one list; see `-` and `+`.
    pub difference: Vec<String>,
    /// Everything that happened, in order, whether expected or not.
    pub happened: Vec<Happening>,
}

/// One difference between a case and what happened, or a mistake in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub place: Position,
    /// For people who do not program.
    pub message: String,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// Seconds after the case's `at`.
    pub after: i64,
    pub what: String,
}

impl PlaybookReport {
    /// Whether every case passed.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(|case| case.passed)
    }
}

impl Happening {
    /// `after 6d 2h: …`.
    pub fn describe(&self) -> String {
        format!("{}: {}", wording::after(self.after), self.what)
    }
}

/// Plays every case of every playbook, in their order. Each playbook has the
/// configuration's `limits.cases` for all of its own.
pub fn play_all(playbooks: &[Arc<ReadyPlaybook>], config: &Config, schema: &Schema) -> Vec<PlaybookReport> {
    side_by_side(playbooks, |playbook| {
        let budget = CaseBudget::of(config.limits.cases);
        let cases = playbook.playbook.tests.iter();
        PlaybookReport {
            playbook: playbook.playbook.id.clone(),
            file: playbook.playbook.file.clone(),
            cases: cases.map(|case| play(playbook, case, config, schema, &budget)).collect(),
        }
    })
}

/// Mistakes in the fixtures of a playbook's cases: columns and playbooks that
/// do not exist, values that are not of their type. The form of the cases was
/// checked when the file was read. `known` holds the id of every playbook.
pub fn check_cases(playbook: &ReadyPlaybook, schema: &Schema, known: &[String]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for case in &playbook.playbook.tests {
        problems.extend(build(playbook, case, schema).err().unwrap_or_default());
        problems.extend(unused_fixtures::find_unused(playbook, case, schema));
        let later = case.then.iter().flat_map(|change| &change.fixtures.in_playbook);
        for id in
            case.fixtures.in_playbook.iter().chain(later).filter(|id| known.iter().all(|known| **known != *id.text))
        {
            let message = format!("there is no playbook `{}`", short(&id.text));
            let others = known.iter().map(String::as_str).filter(|other| *other != playbook.playbook.id);
            problems.push(id.error("KW0108", 1, 1, message).help(advice(&id.text, others.take(50))));
        }
    }
    // A case like another has the other's mistakes again.
    problems.sort();
    problems.dedup();
    problems
}

/// What a playbook's own cases say against it: an error for each that fails, at
/// its first difference. A playbook that is not what its author says it is must
/// not touch anybody.
pub fn objections(playbook: &ReadyPlaybook, config: &Config, schema: &Schema) -> Vec<Diagnostic> {
    let file = &playbook.playbook.file;
    let budget = CaseBudget::of(config.limits.cases);
    let objection = |case: &Case| {
        let failure = play(playbook, case, config, schema, &budget).failures.into_iter().next()?;
        let message = format!("the case `{}` fails: {}", short(&case.name), failure.message);
        let help = "`keepwell test` shows what happened; mend the rule or the case, until then the revision before stays in force";
        Some(Diagnostic::error("KW0503", file, failure.place, message).help(help))
    };
    playbook.playbook.tests.iter().filter_map(objection).collect()
}

/// The same of several playbooks, in their order.
pub fn all_objections(playbooks: &[&Arc<ReadyPlaybook>], config: &Config, schema: &Schema) -> Vec<Diagnostic> {
    let found = side_by_side(playbooks, |playbook| objections(playbook, config, schema));
    found.into_iter().flatten().collect()
}

/// Plays one case.
///
/// It is played up to and including its last expectation, or for 30 days when
/// nothing is expected. A case with mistakes in its fixtures fails with them
/// and is not played; one for which no time is left fails, too.
fn play(playbook: &ReadyPlaybook, case: &Case, config: &Config, schema: &Schema, budget: &CaseBudget) -> CaseReport {
    let report = |failures: Vec<Failure>, difference, happened| CaseReport {
        name: case.name.clone(),
        place: case.place,
        passed: failures.is_empty(),
        failures,
        difference,
        happened,
    };
    let played = course(playbook, case, config, schema, budget, 0);
    let (mut course, until) = match played {
        Ok(played) => played,
        Err(failures) => return report(failures, Vec::new(), Vec::new()),
    };
    let mut failures = std::mem::take(&mut course.failures);
    let mut difference = Vec::new();
    // Broken off, it cannot be compared.
    if failures.is_empty() {
        let outcome = Outcome {
            occurrences: &course.occurrences,
            notes: &course.notes,
            outside: course.outside.as_deref(),
            entered: course.entered(),
            subject: course.noun(),
            until,
            place: case.place,
        };
        let expected = expected(case, schema);
        failures = comparison::compare(&expected, &outcome);
        if !failures.is_empty() {
            difference = comparison::difference(&expected, &course.occurrences);
        }
    }
    report(failures, difference, course.happened)
}

/// What a case expects, with roles by the names that stand for them.
fn expected(case: &Case, schema: &Schema) -> Vec<Expectation> {
    let to = |expectation: &Expectation| Some(schema.roles.resolve(expectation.to.as_deref()?).to_owned());
    let with_names = |expectation: &Expectation| Expectation { to: to(expectation), ..expectation.clone() };
    case.expect.iter().map(with_names).collect()
}

/// Everything that a case brings about, up to 30 days behind its last
/// expectation, and when that is; or why it cannot be played.
fn play_beyond(
    playbook: &ReadyPlaybook,
    case: &Case,
    config: &Config,
    schema: &Schema,
    budget: &CaseBudget,
) -> Result<(Vec<Occurrence>, i64), Vec<Failure>> {
    let beyond = if case.expect.is_empty() { 0 } else { SILENCE };
    let (course, until) = course(playbook, case, config, schema, budget, beyond)?;
    match course.failures.is_empty() {
        true => Ok((course.occurrences, until)),
        false => Err(course.failures),
    }
}

/// A case that was played up to its last expectation, and `beyond` seconds more;
/// with the offset of that expectation.
fn course<'a>(
    playbook: &'a ReadyPlaybook,
    case: &'a Case,
    config: &'a Config,
    schema: &'a Schema,
    budget: &'a CaseBudget,
    beyond: i64,
) -> Result<(Course<'a>, i64), Vec<Failure>> {
    let (mut world, mut others) =
        build(playbook, case, schema).map_err(|problems| problems.into_iter().map(failure).collect::<Vec<_>>())?;
    world.history.touch_events.clone_from(&config.store.touch_events);
    others.iter_mut().for_each(|other| other.history.touch_events.clone_from(&config.store.touch_events));
    let last = case.expect.iter().max_by_key(|expectation| expectation.after);
    let until = last.map_or(SILENCE, |last| last.after);
    if until > LONGEST {
        let place = last.map_or(case.place, |last| last.place);
        let message = format!("a case is played for at most {}, and this is later", wording::span(LONGEST));
        return Err(vec![Failure { place, message }]);
    }
    let slots = Slots::All(&playbook.schedule);
    let population = match playbook.portfolio.is_some() && case.fixtures.account.is_empty() {
        true => Population::All(others),
        false => Population::Others(others),
    };
    let mut course = Course::new(playbook, case, config, schema, (world, population), slots, budget);
    // What expires does so just after the instant until which it was valid.
    course.play(case.at.to_utc() + TimeDelta::seconds(until + beyond) + TimeDelta::milliseconds(1));
    Ok((course, until))
}

/// The world a case begins in with the accounts beside it, or everything that is
/// wrong with its fixtures, later ones included.
fn build(
    playbook: &ReadyPlaybook,
    case: &Case,
    schema: &Schema,
) -> Result<(World, Vec<OtherAccount>), Vec<Diagnostic>> {
    let start = case.at.to_utc();
    let mut reader = Reader::new(playbook, case);
    let mut world = World::new(playbook, &case.fixtures, schema, &mut reader);
    world.apply_kpis(&case.kpis, start, &mut reader);
    let mut others = Vec::new();
    for (number, member) in case.population.iter().enumerate() {
        let mut other = World::new(playbook, &member.fixtures, schema, &mut reader);
        if other.subject.account == World::ACCOUNT {
            other.subject.account = format!("account-{}", number + 2);
        }
        others.push(OtherAccount { subject: other.subject, history: other.history, times: member.times });
    }
    if !case.then.is_empty() {
        let mut later = world.clone();
        for change in &case.then {
            // The offsets an author can write are bounded.
            let at = moment(start, change.after);
            later.change(&change.fixtures, schema, at, &mut reader);
            later.apply_kpis(&change.kpis, at, &mut reader);
        }
    }
    if reader.problems.is_empty() { Ok((world, others)) } else { Err(reader.problems) }
}

fn moment(start: Instant, after: i64) -> Instant {
    TimeDelta::try_seconds(after).and_then(|span| start.checked_add_signed(span)).unwrap_or(start)
}

pub(crate) fn failure(problem: Diagnostic) -> Failure {
    let help = problem.help.map_or(String::new(), |help| format!("; {help}"));
    Failure {
        place: Position { line: problem.line, column: problem.column },
        message: format!("{}{help} ({})", problem.message, problem.code),
    }
}
