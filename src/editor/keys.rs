//! Keys, kinds of steps and values that are no expressions.

use chrono_tz::TZ_VARIANTS;

use super::candidate::{Candidate, CandidateKind};
use super::names::candidates;
use super::place::{Place, expected_kinds, key, keys};
use super::spot::PathPart;
use super::surroundings::{Surroundings, Written};
use crate::action::{KINDS, StepKind};
use crate::playbook::reader::{Key, KeyNames, Shape};

/// The keys that a mapping at a place does not have yet.
pub(super) fn body_keys(
    place: Place,
    siblings: &[String],
    surroundings: &Surroundings,
    written: &Written,
) -> Vec<Candidate> {
    let is_new = |name: &str| siblings.iter().all(|known| known != name);
    let own = keys(place).into_iter().filter(|key| is_new(key.name)).map(key_candidate);
    let has_outcome = expected_kinds(place).any(|kind| !is_new(kind.name()));
    let expected = expected_kinds(place).filter(|_| !has_outcome).filter_map(|kind| {
        let noun = kind.form().expected?.noun;
        let mut candidate = Candidate::new(
            CandidateKind::Key,
            kind.name(),
            format!("The id of the step that brings about this {noun}."),
        );
        candidate.insert = format!("{}: ", kind.name());
        Some(candidate)
    });
    let mut found: Vec<Candidate> = own.chain(expected).collect();
    let shape = match place {
        Place::Value(shape) => shape,
        Place::Body(kind) => kind.shape(),
        Place::Step => return found,
    };
    match shape {
        Shape::Map { keys: KeyNames::Of(of), .. } => {
            let names = candidates(of, surroundings, written).into_iter().filter(|one| is_new(&one.name));
            found.extend(names.map(|one| Candidate { insert: format!("{}: ", one.name), ..one }));
        }
        Shape::Localized if is_new("default") => {
            let mut candidate = Candidate::new(CandidateKind::Key, "default", "The text in every other language.");
            candidate.insert = "default: ".to_owned();
            found.push(candidate);
        }
        _ => {}
    }
    found
}

fn key_candidate(key: &Key) -> Candidate {
    let mut candidate = Candidate::new(CandidateKind::Key, key.name, key.summary);
    candidate.insert = format!("{}: ", key.name);
    candidate.detail = if key.is_required { "required".to_owned() } else { String::new() };
    candidate
}

/// The kinds of steps, behind what begins a step where that is not there yet.
pub(super) fn kinds(before: &str) -> Vec<Candidate> {
    let candidate = |kind: &&'static dyn StepKind| {
        let mut candidate =
            Candidate::new(CandidateKind::StepKind, format!("{before}{}", kind.name()), describe(*kind));
        candidate.insert = format!("{before}{}: ", kind.name());
        candidate
    };
    KINDS.iter().map(candidate).collect()
}

fn describe(kind: &dyn StepKind) -> String {
    match kind.example() {
        Some(example) => format!("{}\n\n```yaml\n{example}\n```", kind.summary()),
        None => kind.summary().to_owned(),
    }
}

/// The values of a shape that can be listed.
pub(super) fn values(
    shape: Shape,
    path: &[PathPart],
    surroundings: &Surroundings,
    written: &Written,
) -> Vec<Candidate> {
    let summary = key(written.form, path).map_or("", |key| key.summary);
    let word = |word: &str| Candidate::new(CandidateKind::Word, word, summary);
    match shape {
        Shape::Words(words) => words.iter().map(|one| word(one)).collect(),
        Shape::Boolean => ["true", "false"].map(word).to_vec(),
        Shape::Zone => TZ_VARIANTS.iter().map(|zone| Candidate::new(CandidateKind::Name, zone.name(), "")).collect(),
        Shape::Name(of) => candidates(of, surroundings, written),
        Shape::Text if is_like(path) => {
            written.cases().into_iter().map(|case| Candidate::new(CandidateKind::Name, case, "")).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a way leads to the name of another case.
fn is_like(path: &[PathPart]) -> bool {
    let key = |part: &PathPart, name: &str| matches!(part, PathPart::Key(key) if key == name);
    matches!(path, [tests, PathPart::Item, like] if key(tests, "tests") && key(like, "like"))
}
