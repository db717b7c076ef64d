//! What could stand at a place of a text.

use super::candidate::{Candidate, CandidateKind};
use super::cursor::find;
use super::expression::{ExpressionSpot, at_end, at_end_of_script, at_end_of_template, locals};
use super::facts::{Scope, in_expression};
use super::keys::{body_keys, kinds, values};
use super::place::{Place, places, shapes};
use super::spot::{PathPart, Spot};
use super::surroundings::{Surroundings, Written};
use crate::playbook::reader::Shape;
use crate::playbook::source::SourceFile;

/// What could be written from a byte of the text on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposals {
    pub start: usize,
    pub candidates: Vec<Candidate>,
}

/// Says what could stand at a byte of a file's text.
pub fn complete(file: &SourceFile, offset: usize, surroundings: &Surroundings) -> Proposals {
    let mut proposals = propose(file, offset, surroundings);
    let rest = file.text.get(offset..).unwrap_or("");
    let rest = rest.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let before = file.text.get(..proposals.start).unwrap_or("");
    if before.ends_with(':') && !before.ends_with("::") {
        // A value stands apart from its key's colon.
        for candidate in &mut proposals.candidates {
            let written = if candidate.insert.is_empty() { &candidate.name } else { &candidate.insert };
            candidate.insert = format!(" {written}");
        }
    }
    if rest.starts_with(':') {
        // The colon is there already.
        for candidate in &mut proposals.candidates {
            candidate.insert = candidate.insert.trim_end_matches([' ', ':']).to_owned();
        }
    }
    proposals
}

fn propose(file: &SourceFile, offset: usize, surroundings: &Surroundings) -> Proposals {
    let text = &*file.text;
    let offset = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let cursor = find(text, offset);
    let written = Written::read(file, offset, surroundings);
    let places = places(written.form, &cursor.path);
    match cursor.spot {
        Spot::Comment => Proposals::default(),
        Spot::Start { at, siblings } => {
            let mut proposals = Proposals { start: at, candidates: Vec::new() };
            for place in places {
                match place {
                    Place::Step if siblings.is_empty() => proposals.candidates.extend(kinds("")),
                    Place::Value(Shape::Steps { .. }) => proposals.candidates.extend(kinds("- ")),
                    Place::Step => {}
                    place => proposals.candidates.extend(body_keys(place, &siblings, surroundings, &written)),
                }
            }
            // It may be a value on a line of its own.
            if proposals.candidates.is_empty() {
                return of_values(text, at, offset, &cursor.path, surroundings, &written);
            }
            proposals
        }
        Spot::Value { at } => of_values(text, at, offset, &cursor.path, surroundings, &written),
    }
}

fn of_values(
    text: &str,
    at: usize,
    offset: usize,
    path: &[PathPart],
    surroundings: &Surroundings,
    written: &Written,
) -> Proposals {
    let value = &text[at..offset];
    let in_quotes = text[..at].ends_with('"');
    let mut proposals = Proposals { start: at, candidates: Vec::new() };
    for shape in places(written.form, path).into_iter().flat_map(shapes) {
        let scope = Scope::at(path, shape, written);
        let spot = match shape {
            Shape::Expression => Some(at_end(value, in_quotes)),
            Shape::Script => Some(at_end_of_script(value, in_quotes)),
            Shape::Template | Shape::Localized => at_end_of_template(value, in_quotes),
            _ => None,
        };
        if let Some(spot) = spot {
            let (prefix, mut candidates) = in_expression(&spot, &scope, surroundings, written);
            if let (Shape::Script, ExpressionSpot::Name { .. }) = (shape, &spot) {
                let variable = |name: String| Candidate::new(CandidateKind::Value, name, "A variable of this script.");
                candidates.extend(locals(value).into_iter().map(variable));
            }
            return Proposals { start: offset - prefix, candidates };
        }
        proposals.candidates.extend(values(shape, path, surroundings, written));
    }
    proposals
}
