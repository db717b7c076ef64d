//! The names that expressions begin with, and what stands behind their dots.

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Scope};

use super::context::{Context, look_up};
use super::reader::Reader;
use super::value::PersonRef;
use crate::clock::Instant;
use crate::facts::{Cell, CellPath, Subject};
use crate::rule::functions::ago;
use crate::rule::holder::Person;
use crate::rule::scope::MATCHING_COUNT;

/// `account` or `contact` as a value in Rhai.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubjectRef {
    pub subject: Subject,
    /// How many days earlier.
    pub ago: Option<i64>,
}

/// `account.traits`.
#[derive(Clone, Copy, Debug)]
struct TraitsRef(SubjectRef);

/// `entry`.
#[derive(Clone, Copy, Debug)]
struct EntryRef;

/// `since_entry` and `since_step`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Since {
    Entry,
    Step,
}

/// `recipient.traits` and `csm.traits`.
#[derive(Clone, Copy, Debug)]
struct PersonTraitsRef(Person);

/// The names of conditions and scripts, with placeholder values.
pub(crate) fn of_rules() -> Scope<'static> {
    let mut scope = Scope::new();
    push_rules(&mut scope);
    scope
}

/// The names of conditions, and those that only texts have, with placeholder
/// values. The search for a name begins at the last.
pub(crate) fn of_texts() -> Scope<'static> {
    let mut scope = Scope::new();
    for person in [Person::Recipient, Person::Csm] {
        scope.push(person.name(), PersonRef { person, is_there: false });
    }
    scope.push("playbook", ImmutableString::new());
    push_rules(&mut scope);
    scope
}

/// Gives the names the values of one evaluation.
pub(crate) fn set(scope: &mut Scope<'static>, context: &Context, reader: Option<&Reader>) {
    scope.set_value("now", context.facts.as_of);
    let count = context.facts.matching.as_ref().map_or(0, |matching| matching.count);
    scope.set_value(MATCHING_COUNT, i64::try_from(count).unwrap_or(i64::MAX));
    if let Some(reader) = reader {
        for person in [Person::Recipient, Person::Csm] {
            scope.set_value(person.name(), PersonRef { person, is_there: reader.has(person) });
        }
        scope.set_value("playbook", reader.playbook.clone());
    }
}

fn push_rules(scope: &mut Scope<'static>) {
    scope.push("account", SubjectRef { subject: Subject::Account, ago: None });
    scope.push("contact", SubjectRef { subject: Subject::Contact, ago: None });
    scope.push("entry", EntryRef);
    scope.push("since_entry", Dynamic::from(Since::Entry));
    scope.push("since_step", Dynamic::from(Since::Step));
    scope.push("none", Dynamic::UNIT);
    scope.push(MATCHING_COUNT, 0_i64);
    scope.push("now", Instant::UNIX_EPOCH);
}

/// Registers what stands behind the names.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<SubjectRef>("account");
    engine.register_type_with_name::<Instant>("time");
    engine.register_indexer_get(|subject: &mut SubjectRef, name: ImmutableString| {
        if name == "traits" {
            return Ok::<_, Box<EvalAltResult>>(Dynamic::from(TraitsRef(*subject)));
        }
        cell(*subject, CellPath::Column(name.to_string()))
    });
    engine.register_fn(ago::NAME, |subject: &mut SubjectRef, days: i64| SubjectRef { ago: Some(days), ..*subject });
    engine.register_indexer_get(|traits: &mut TraitsRef, key: ImmutableString| {
        cell(traits.0, CellPath::Trait(key.to_string()))
    });
    engine.register_indexer_get(|_: &mut EntryRef, name: ImmutableString| {
        look_up(|current| {
            let progress = current.progress()?;
            if name == "at" {
                return Ok(Dynamic::from(progress.entered_at));
            }
            let value = progress.entry.get(name.as_str());
            value
                .map(|value| current.of_column(value))
                .ok_or_else(|| format!("`entry.{name}` was not kept at enrollment"))
        })
    });
    engine.register_indexer_get(|whose: &mut PersonRef, name: ImmutableString| match name.as_str() {
        "traits" => Ok::<_, Box<EvalAltResult>>(Dynamic::from(PersonTraitsRef(whose.person))),
        name => look_up(|current| current.person_column(whose.person, name)),
    });
    engine.register_indexer_get(|traits: &mut PersonTraitsRef, key: ImmutableString| {
        look_up(|current| current.person_attribute(traits.0, &key))
    });
}

/// The value of a fact.
pub(crate) fn cell(whose: SubjectRef, path: CellPath) -> Result<Dynamic, Box<EvalAltResult>> {
    let cell = Cell { subject: whose.subject, path: path.ago(whose.ago) };
    look_up(|current| current.cell(&cell))
}
