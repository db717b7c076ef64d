//! A text of a document that stands as it is written, possibly one per language.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;
use crate::playbook::language::{is_language, language_tag};
use crate::playbook::reader::{Fields, short};
use crate::playbook::yaml::{Node, NodeValue};

/// A text without placeholders, possibly one per language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextByLanguage {
    /// For everybody whose language is not there.
    pub default: String,
    /// By BCP 47 tags in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub languages: BTreeMap<String, String>,
}

impl TextByLanguage {
    /// The language that it is written in for readers of that locale: for `zh-hant-tw`
    /// that one, else `zh-hant`, else `zh`; `None` where they get the default.
    pub fn language<'l>(&self, locale: &'l str) -> Option<&'l str> {
        let ends = std::iter::once(locale.len()).chain(locale.rmatch_indices('-').map(|(end, _)| end));
        ends.map(|end| &locale[..end]).find(|tag| self.languages.contains_key(*tag))
    }

    /// The text for readers of that locale, which is a tag in lower case.
    pub fn text(&self, locale: &str) -> &str {
        let text = self.language(locale).and_then(|language| self.languages.get(language));
        text.unwrap_or(&self.default)
    }
}

/// The text of a key; `None` where it is not there, or was reported.
pub(super) fn read(key: &'static str, fields: &mut Fields<'_, '_>) -> Option<TextByLanguage> {
    let node = fields.take(key)?;
    match &node.value {
        NodeValue::Text(_) => {
            let default = plain(key, node, fields)?;
            Some(TextByLanguage { default, languages: BTreeMap::new() })
        }
        NodeValue::Mapping(entries) => {
            let (mut default, mut languages) = (None, BTreeMap::new());
            for entry in entries {
                let text = plain(&entry.key, &entry.node, fields);
                let language = language_tag(&entry.key);
                if entry.key == "default" {
                    default = text;
                } else if !is_language(&language) {
                    let message = format!("`{}` is not a language", short(&entry.key));
                    let help = "write its tag, such as `de` or `pt-BR`; `default` is for all others";
                    fields.error_with_help("KW0104", entry.key_place, message, help);
                } else if let Some(text) = text {
                    languages.insert(language, text);
                }
            }
            if !entries.iter().any(|entry| entry.key == "default") {
                let help = "give the text for every other language as `default:`";
                fields.error_with_help("KW0102", node.place, "texts by language need the key `default`", help);
            }
            default.map(|default| TextByLanguage { default, languages })
        }
        _ => {
            fields.wrong_type(key, node, "text, or a map of texts by language");
            None
        }
    }
}

/// The text of a key that must be there.
pub(super) fn required(key: &'static str, fields: &mut Fields<'_, '_>) -> Option<TextByLanguage> {
    if !fields.has(key) {
        fields.missing(key);
    }
    read(key, fields)
}

/// One text; what is empty, or would be a template, is reported.
fn plain(key: &str, node: &Node, fields: &mut Fields<'_, '_>) -> Option<String> {
    let Some(text) = node.as_text() else {
        fields.wrong_type(key, node, "text");
        return None;
    };
    if text.trim().is_empty() {
        let problem = Diagnostic::warning("KW0103", &fields.file(), node.place, "this text is empty");
        fields.problems().push(problem.help("say something, or remove it"));
    }
    if text.contains("{{") || text.contains("{%") {
        let help = "the account's name and the dates are added; what is said to one person stands in the step's `body`";
        fields.error_with_help(
            "KW0104",
            node.place,
            format!("`{key}` stands as it is written, without placeholders"),
            help,
        );
        return None;
    }
    Some(text.trim().to_owned())
}
