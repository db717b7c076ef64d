//! What could stand in an expression: facts, functions, and the texts that they
//! take.

use super::candidate::{Candidate, CandidateKind};
use super::expression::{Call, ExpressionSpot, TextRole};
use super::names::candidates;
use super::place::{Place, keys, shapes};
use super::spot::PathPart;
use super::surroundings::{Surroundings, Written};
use crate::action::kind;
use crate::facts::{NameKind, Subject};
use crate::playbook::reader::{NameOf, Shape};
use crate::rule::ACTIONS;
use crate::rule::functions::global::{FREE, FunctionPlace, KPI, KPI_CHANGE};
use crate::rule::functions::{ParamKind, find};
use crate::rule::reference::{ReferenceEntry, entries};
use crate::rule::template::FILTERS;

/// What an expression may name where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    /// Somebody is on the way already: `entry`, `done(…)`.
    in_enrollment: bool,
    /// It is printed: `recipient`, `csm`.
    in_text: bool,
    /// It is the script of a step, which describes actions.
    in_script: bool,
    /// It stands in a playbook about all accounts together.
    in_portfolio: bool,
}

impl Scope {
    pub fn at(path: &[PathPart], shape: Shape, written: &Written) -> Scope {
        let key = |name: &str| path.iter().any(|part| matches!(part, PathPart::Key(key) if key == name));
        let is_entry = matches!(path, [PathPart::Key(key)] if key == "when") || key("once_per");
        Scope {
            in_enrollment: !is_entry,
            in_text: matches!(shape, Shape::Template | Shape::Localized),
            in_script: matches!(shape, Shape::Script),
            in_portfolio: written.is_for_portfolio(),
        }
    }

    /// Inside of a shared function, which may be called from anywhere.
    pub fn of_function() -> Scope {
        Scope { in_enrollment: true, in_text: false, in_script: false, in_portfolio: false }
    }
}

/// The candidates at the end of half an expression, and how many bytes of it
/// they replace.
pub(super) fn in_expression(
    spot: &ExpressionSpot,
    scope: &Scope,
    surroundings: &Surroundings,
    written: &Written,
) -> (usize, Vec<Candidate>) {
    match spot {
        ExpressionSpot::Name { prefix, call } => (prefix.len(), names(call.as_ref(), scope, surroundings, written)),
        ExpressionSpot::Member { of, prefix } => (prefix.len(), members(of, surroundings, written)),
        ExpressionSpot::Module { module, prefix } => {
            let functions = surroundings.functions(module).into_iter().map(|function| {
                let mut candidate = Candidate::new(CandidateKind::Function, function.name.clone(), function.comment);
                candidate.detail = format!("{module}::{}({})", function.name, function.parameters);
                candidate
            });
            (prefix.len(), functions.collect())
        }
        ExpressionSpot::Filter { prefix } => {
            let filters = FILTERS.iter().map(|filter| Candidate::new(CandidateKind::Function, *filter, ""));
            (prefix.len(), filters.collect())
        }
        ExpressionSpot::Field { of, prefix } => (prefix.len(), fields(of, surroundings, written)),
        ExpressionSpot::Text { prefix, role } => (prefix.len(), texts(role, surroundings, written)),
        ExpressionSpot::Nothing => (0, Vec::new()),
    }
}

fn names(call: Option<&Call>, scope: &Scope, surroundings: &Surroundings, written: &Written) -> Vec<Candidate> {
    let value = |name: &str, meaning: &str| Candidate::new(CandidateKind::Value, name, meaning);
    let mut found =
        vec![value("account", "The account: its columns, its attributes as `account.traits.NAME`, and what happened.")];
    if written.is_for_contacts() {
        found.push(value("contact", "The contact that is enrolled."));
    }
    if scope.in_text {
        found.push(value("recipient", "Who gets this message."));
        found.push(value("csm", "The account's CSM."));
        found.push(value("playbook", "The id of this playbook."));
    }
    if scope.in_enrollment {
        found.push(value("entry", "The values at enrollment: `entry.at` and `entry.COLUMN`."));
        if call.is_some_and(|call| find(&call.name).is_some()) {
            found.push(value("since_entry", "In place of a number of days: since the enrollment began."));
            found.push(value("since_step", "In place of a number of days, in `until`: since the wait began."));
        }
    }
    if scope.in_script {
        found.extend(ACTIONS.iter().filter_map(|name| action(name)));
    }
    found.extend(globals(scope, surroundings, None));
    found
}

/// What can be named everywhere: constants, functions, and the modules but for one.
pub(super) fn globals(scope: &Scope, surroundings: &Surroundings, but: Option<&str>) -> Vec<Candidate> {
    let value = |name: &str, meaning: &str| Candidate::new(CandidateKind::Value, name, meaning);
    let mut found = vec![value("now", "The instant for which it is decided.")];
    found.push(value("none", "A value that is missing."));
    found.push(value("true", ""));
    found.push(value("false", ""));
    let known = entries(surroundings.schema());
    let functions = known.iter().filter(|entry| entry.kind == "function");
    let is_there = |entry: &&ReferenceEntry| {
        let has_place = |place: FunctionPlace| match place {
            FunctionPlace::Everywhere => true,
            FunctionPlace::Enrollment => scope.in_enrollment,
            FunctionPlace::Portfolio => scope.in_portfolio,
        };
        FREE.iter().any(|free| free.name == entry.name && has_place(free.place))
    };
    found.extend(functions.filter(is_there).map(|entry| candidate(entry, &entry.name)));
    let modules = surroundings.modules().filter(|module| Some(*module) != but).map(|module| {
        let mut candidate = Candidate::new(CandidateKind::Module, module, "Shared functions of `scripts/`.");
        candidate.insert = format!("{module}::");
        candidate
    });
    found.extend(modules);
    found
}

/// A call that describes an action.
fn action(name: &str) -> Option<Candidate> {
    let mut candidate = Candidate::new(CandidateKind::Function, name, kind(name)?.summary());
    candidate.detail = format!("{name}(#{{…}})");
    Some(candidate)
}

/// Fields of steps that a described action does not have.
const FIELDS_OF_STEPS: [&str; 3] = ["variants", "if_unknown", "close_when"];

/// The fields of a described action.
fn fields(of: &str, surroundings: &Surroundings, written: &Written) -> Vec<Candidate> {
    let Some(kind) = kind(of).filter(|kind| ACTIONS.contains(&kind.name())) else { return Vec::new() };
    let mut found = Vec::new();
    for shape in shapes(Place::Body(kind)) {
        if let Shape::Map { .. } = shape {
            found.extend(candidates(NameOf::Label, surroundings, written));
        }
        let keys = keys(Place::Value(shape)).into_iter().filter(|key| !FIELDS_OF_STEPS.contains(&key.name));
        found.extend(keys.map(|key| Candidate::new(CandidateKind::Key, key.name, key.summary)));
    }
    found.into_iter().map(|one| Candidate { insert: format!("{}: ", one.name), ..one }).collect()
}

/// What can be asked behind a dot.
fn members(of: &[String], surroundings: &Surroundings, written: &Written) -> Vec<Candidate> {
    let known = entries(surroundings.schema());
    let of: Vec<&str> = of.iter().map(String::as_str).collect();
    let attributes = |kind: NameKind| {
        let seen = surroundings.frequent_names(kind).into_iter();
        seen.map(|name| Candidate::new(CandidateKind::Column, name, "An attribute; it can be missing.")).collect()
    };
    let of_root = |root: &str, kinds: &[&str]| -> Vec<Candidate> {
        let own = known.iter().filter(|entry| kinds.contains(&entry.kind));
        let own = own.filter_map(|entry| Some(candidate(entry, entry.name.strip_prefix(root)?.strip_prefix('.')?)));
        let mut found: Vec<Candidate> = own.collect();
        if kinds.contains(&"column") && root != "entry" {
            let meaning = format!("The attributes that the store keeps as JSON: `{root}.traits.NAME`.");
            found.push(Candidate::new(CandidateKind::Column, "traits", meaning));
        }
        found
    };
    match of.as_slice() {
        [root @ ("account" | "contact"), "ago"] | [root @ ("account" | "contact")] => {
            of_root(root, &["column", "method"])
        }
        [root @ ("recipient" | "csm")] => of_root(root, &["column"]),
        ["account", .., "traits"] => attributes(NameKind::AccountAttribute),
        ["contact" | "recipient", .., "traits"] => attributes(NameKind::ContactAttribute),
        ["csm", "traits"] => attributes(NameKind::CsmAttribute),
        ["entry"] => {
            let at = Candidate::new(CandidateKind::Column, "at", "When the enrollment began.");
            let subjects: &[Subject] =
                if written.is_for_contacts() { &[Subject::Contact, Subject::Account] } else { &[Subject::Account] };
            let mut found = vec![at];
            for subject in subjects {
                for one in of_root(subject.name(), &["column"]) {
                    if one.name != "traits" && found.iter().all(|known| known.name != one.name) {
                        found.push(one);
                    }
                }
            }
            found
        }
        _ => Vec::new(),
    }
}

fn candidate(entry: &ReferenceEntry, name: &str) -> Candidate {
    let kind = if entry.kind == "column" { CandidateKind::Column } else { CandidateKind::Function };
    let mut documentation = String::new();
    if !entry.calls.is_empty() {
        let calls: Vec<String> = entry.calls.iter().map(|call| format!("`{call}`")).collect();
        documentation = format!("{}\n\n", calls.join(", "));
    }
    documentation.push_str(entry.summary);
    for example in &entry.examples {
        documentation.push_str(&format!("\n\n```rhai\n{}\n```\n{}", example.expression, example.meaning));
    }
    let mut candidate = Candidate::new(kind, name, documentation);
    candidate.detail = entry.gives();
    candidate
}

/// What could stand in quotes.
fn texts(role: &TextRole, surroundings: &Surroundings, written: &Written) -> Vec<Candidate> {
    let words = |words: &[&str]| words.iter().map(|word| Candidate::new(CandidateKind::Word, *word, "")).collect();
    let seen = |kind: NameKind| {
        let names = surroundings.frequent_names(kind).into_iter();
        names.map(|name| Candidate::new(CandidateKind::Name, name, "")).collect::<Vec<_>>()
    };
    match role {
        TextRole::Other => Vec::new(),
        TextRole::ComparedWith(of) => match of.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["outcome"] => {
                let texts = written.named_by("outcome").into_iter().flat_map(|(_, texts)| texts);
                texts.map(|text| Candidate::new(CandidateKind::Word, text, "")).collect()
            }
            [.., "status"] => candidates(NameOf::Status, surroundings, written),
            [.., "role"] => candidates(NameOf::Role, surroundings, written),
            [.., "stage"] => seen(NameKind::Stage),
            [.., "tier"] => seen(NameKind::Tier),
            [.., "locale"] => seen(NameKind::Locale),
            [.., "timezone"] => seen(NameKind::Zone),
            _ => Vec::new(),
        },
        TextRole::Argument(call) if call.of.is_empty() => match call.name.as_str() {
            "period" => words(&["week", "month", "quarter", "year"]),
            "in_season" => words(&surroundings.seasons().collect::<Vec<_>>()),
            KPI | KPI_CHANGE if call.argument == 0 => {
                let kpis = surroundings.kpis().into_iter();
                kpis.map(|id| Candidate::new(CandidateKind::Name, id, "A KPI.")).collect()
            }
            function => {
                let steps = written.named_by(function).into_iter();
                steps.map(|(id, _)| Candidate::new(CandidateKind::Name, id, "A step of this playbook.")).collect()
            }
        },
        TextRole::Argument(call) => {
            let Some(parameter) = find(&call.name).and_then(|function| function.params().get(call.argument)) else {
                return Vec::new();
            };
            match (parameter.kind, parameter.names) {
                (_, Some(NameKind::Role)) => candidates(NameOf::Role, surroundings, written),
                (_, Some(kind)) => seen(kind),
                (ParamKind::PlaybookId, None) => candidates(NameOf::Playbook, surroundings, written),
                (ParamKind::ColumnName | ParamKind::NumberColumn, None) => {
                    candidates(NameOf::AccountColumn, surroundings, written)
                }
                (ParamKind::Label, None) => candidates(NameOf::Label, surroundings, written),
                _ => Vec::new(),
            }
        }
    }
}
