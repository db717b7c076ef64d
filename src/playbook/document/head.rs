//! The keys that documents of all kinds have.

use std::sync::Arc;

use chrono_tz::Tz;

use super::kind::DocumentKind;
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::parse::word_sources;
use crate::playbook::reader::{Fields, Key, Shape, inline, short};
use crate::playbook::timezone::timezone;
use crate::playbook::{Source, renaming};

/// When most documents are evaluated that do not say it.
pub(super) const DAILY: &str = "@daily";

/// The keys that documents of all kinds have, beside the first.
pub const HEAD: &[Key] = &[
    Key::new("about", Shape::Text, "One sentence for colleagues: what it is for."),
    Key::new(
        "schedule",
        Shape::Text,
        "When it is evaluated: minute, hour, day of month, month, day of week, such as `\"0 6 * * *\"`; or `\"@hourly\"`, `\"@daily\"`, `\"@weekly\"`, `\"@monthly\"`. Default: `\"@daily\"`, of a report `\"@monthly\"`.",
    ),
    Key::new(
        "timezone",
        Shape::Zone,
        "The zone of the schedule and of dates, such as `Europe/Berlin`. Default: the configuration's, else UTC.",
    ),
];

/// What the head says.
pub(super) struct Head {
    pub id: Option<String>,
    pub about: Option<String>,
    pub schedule: Source,
    pub timezone: Option<Tz>,
}

/// Reads the head of a document of that kind.
pub(super) fn read(file: &Arc<str>, kind: &'static DocumentKind, fields: &mut Fields<'_, '_>) -> Head {
    let id = id(kind, fields);
    let place = fields.value_place(kind.word);
    let about = fields.string("about").map(|about| about.trim().to_owned());
    if about.is_none() && !fields.has("about") {
        let message = format!("nothing says what {} is for", kind.this());
        let at = fields.key_place(kind.word).unwrap_or(place);
        let problem = Diagnostic::warning("KW0114", file, at, message).help("add `about:` with one sentence");
        fields.problems().push(problem);
    }
    let schedule = fields.text("schedule").unwrap_or_else(|| inline(file, place, kind.schedule));
    Head { id, about, schedule, timezone: timezone(fields, "timezone") }
}

/// The account statuses that a document is for, each with its place where it was written.
pub(super) fn statuses(fields: &mut Fields<'_, '_>) -> Vec<(String, Option<Position>)> {
    match word_sources(fields, "statuses") {
        Some(words) => words.into_iter().map(|word| (word.text.to_string(), Some(word.origin.at(1, 1)))).collect(),
        None => ["active", "trial"].map(|word| (word.to_owned(), None)).into(),
    }
}

fn id(kind: &'static DocumentKind, fields: &mut Fields<'_, '_>) -> Option<String> {
    let id = fields.required_text(kind.word)?.text;
    if renaming::is_id(&id) {
        return Some(id.to_string());
    }
    let at = fields.value_place(kind.word);
    let message = format!("`{}` cannot be the id of {}", short(&id), kind.noun);
    fields.error_with_help("KW0104", at, message, renaming::id_advice(&id));
    None
}
