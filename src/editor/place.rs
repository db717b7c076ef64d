//! What may stand at a place of a file, by the forms that its readers use.

use super::spot::PathPart;
use crate::action::{self, KINDS, StepKind};
use crate::playbook::BodyForm;
use crate::playbook::reader::{Form, Key, KeyRule, NameOf, Shape};
use crate::playbook::steps::STEP_KEYS;

/// One of the things that may stand at a place.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Value(Shape),
    /// One step: a kind and what it needs.
    Step,
    /// What stands behind a kind.
    Body(&'static dyn StepKind),
}

/// What may stand at the end of a way through a file of that form.
pub(super) fn places(form: &'static Form, path: &[PathPart]) -> Vec<Place> {
    let mut places = vec![Place::Value(Shape::Form(form))];
    for part in path {
        places = places.into_iter().flat_map(|place| descend(place, part)).collect();
    }
    places.into_iter().flat_map(alternatives).collect()
}

/// The key that a way ends with.
pub(super) fn key(form: &'static Form, path: &[PathPart]) -> Option<&'static Key> {
    let (PathPart::Key(name), before) = path.split_last()? else { return None };
    places(form, before).into_iter().flat_map(keys).find(|key| key.name == name)
}

/// The keys of a mapping at a place; none where it is no mapping of known keys.
pub(super) fn keys(place: Place) -> Vec<&'static Key> {
    match place {
        Place::Value(Shape::Form(form)) => form.keys().collect(),
        Place::Value(_) | Place::Step => Vec::new(),
        Place::Body(kind) => {
            let common: &'static [Key] = if kind.form().body == BodyForm::Action { STEP_KEYS } else { &[] };
            let own = alternatives(Place::Value(kind.shape())).into_iter().flat_map(keys);
            common.iter().chain(own).collect()
        }
    }
}

/// The kinds of steps that are keys of a mapping, as in `expect`.
pub(super) fn expected_kinds(place: Place) -> impl Iterator<Item = &'static dyn StepKind> {
    let Place::Value(Shape::Form(form)) = place else { return Vec::new().into_iter() };
    let is_expectation = form.rules.iter().any(|rule| matches!(rule, KeyRule::OneExpected(_)));
    let expected = |kind: &&'static dyn StepKind| is_expectation && kind.form().expected.is_some();
    KINDS.iter().copied().filter(expected).collect::<Vec<_>>().into_iter()
}

/// Each of the shapes that a value may have.
fn alternatives(place: Place) -> Vec<Place> {
    match place {
        Place::Value(Shape::Either(shapes)) => {
            shapes.iter().flat_map(|shape| alternatives(Place::Value(*shape))).collect()
        }
        Place::Value(Shape::Recursive(_, shape)) => alternatives(Place::Value(*shape)),
        place => vec![place],
    }
}

/// The shapes that a value at a place may have.
pub(super) fn shapes(place: Place) -> Vec<Shape> {
    let place = if let Place::Body(kind) = place { Place::Value(kind.shape()) } else { place };
    let shape = |place| if let Place::Value(shape) = place { Some(shape) } else { None };
    alternatives(place).into_iter().filter_map(shape).collect()
}

fn descend(place: Place, part: &PathPart) -> Vec<Place> {
    let mut found = Vec::new();
    for place in alternatives(place) {
        match (part, place) {
            (PathPart::Item, Place::Value(Shape::List { of, .. })) => found.push(Place::Value(*of)),
            (PathPart::Item, Place::Value(Shape::Steps { .. })) => found.push(Place::Step),
            (PathPart::Key(name), Place::Step) => found.extend(action::kind(name).map(Place::Body)),
            (PathPart::Key(_), Place::Value(Shape::Map { of, .. })) => found.push(Place::Value(*of)),
            (PathPart::Key(_), Place::Value(Shape::Localized)) => found.push(Place::Value(Shape::Template)),
            (PathPart::Key(name), place) => {
                let own = keys(place).into_iter().find(|key| key.name == name).map(|key| key.shape);
                let step = expected_kinds(place).any(|kind| kind.name() == name);
                found.extend(own.or(step.then_some(Shape::Name(NameOf::Step))).map(Place::Value));
                if let (true, Place::Body(kind)) = (own.is_none(), place) {
                    found.extend(descend(Place::Value(kind.shape()), part));
                }
            }
            (PathPart::Item, Place::Body(kind)) => found.extend(descend(Place::Value(kind.shape()), part)),
            _ => {}
        }
    }
    found
}
