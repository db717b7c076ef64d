//! `language`: what language texts are written in that do not name one.

use super::refusal::refuse;
use crate::playbook::language::{is_language, language_tag};
use crate::playbook::reader::{Fields, short};

/// The language of a `default` text where the configuration names none.
pub const DEFAULT_LANGUAGE: &str = "en";

/// A BCP 47 tag, as `de` or `pt-BR`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<String> {
    let text = fields.string("language")?;
    let tag = language_tag(&text);
    if is_language(&tag) {
        return Some(tag);
    }
    let message = format!("`{}` is not a language", short(&text));
    refuse(fields, "language", message, "write its tag, such as `de` or `pt-BR`");
    None
}
