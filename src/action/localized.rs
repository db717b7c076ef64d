//! A text of a mail, possibly one per language, and which of them a reader gets.

use std::collections::{BTreeMap, BTreeSet};

use super::{Compiler, mail_body};
use crate::playbook::Source;
use crate::playbook::language::{is_language, language_tag, primary};
use crate::playbook::reader::short;
use crate::playbook::yaml::{Node, NodeValue};
use crate::rule::template::{Escape, Template};

/// A template, possibly one per language.
#[derive(Debug)]
pub(super) struct Localized {
    default: Template,
    /// `None` of a text that is written once, for all readers.
    by_language: Option<BTreeMap<String, Template>>,
}

impl Localized {
    /// Reads the subject or the text of a mail, which is `noun`.
    pub fn parse(node: &Node, noun: &str, compiler: &mut Compiler, escape: Escape) -> Option<Localized> {
        match &node.value {
            NodeValue::Text(source) => {
                compile_text(source, noun, compiler, escape).map(|default| Localized { default, by_language: None })
            }
            NodeValue::Mapping(entries) => {
                let mut default = None;
                let mut by_language = BTreeMap::new();
                for entry in entries {
                    let NodeValue::Text(source) = &entry.node.value else {
                        compiler.error("KW0103", entry.node.place, format!("`{}` needs text", entry.key), None);
                        continue;
                    };
                    let template = compile_text(source, noun, compiler, escape);
                    let language = language_tag(&entry.key);
                    if entry.key == "default" {
                        default = template;
                    } else if !is_language(&language) {
                        let message = format!("`{}` is not a language", short(&entry.key));
                        let help = "write its tag, such as `de` or `pt-BR`; `default` is for all others";
                        compiler.error("KW0104", entry.key_place, message, Some(help));
                    } else if let Some(template) = template {
                        by_language.insert(language, template);
                    }
                }
                if !entries.iter().any(|entry| entry.key == "default") {
                    let help = "give the text for every other language as `default:`";
                    compiler.error("KW0102", node.place, "texts by language need the key `default`", Some(help));
                }
                default.map(|default| Localized { default, by_language: Some(by_language) })
            }
            _ => {
                compiler.error("KW0103", node.place, "text is needed, or a map of texts by language", None);
                None
            }
        }
    }

    /// Every template of it.
    pub fn all(&self) -> impl Iterator<Item = &Template> {
        std::iter::once(&self.default).chain(self.by_language.iter().flat_map(BTreeMap::values))
    }

    /// The language it is written in for readers of that locale: for `zh-hant-tw`
    /// that one, else `zh-hant`, else `zh`.
    fn language<'l>(&self, locale: &'l str) -> Option<&'l str> {
        let texts = self.by_language.as_ref()?;
        let ends = std::iter::once(locale.len()).chain(locale.rmatch_indices('-').map(|(end, _)| end));
        ends.map(|end| &locale[..end]).find(|tag| texts.contains_key(*tag))
    }

    fn template(&self, language: Option<&str>) -> &Template {
        let texts = self.by_language.as_ref();
        language.and_then(|language| texts?.get(language)).unwrap_or(&self.default)
    }
}

/// What one reader gets: both texts in one language.
pub(super) struct Choice<'a> {
    pub subject: &'a Template,
    pub body: &'a Template,
    /// The BCP 47 tag of their language, in lower case.
    pub language: String,
    /// The same with the reader's region where the language is theirs: how dates
    /// and numbers are written.
    pub locale: String,
}

/// The texts for a reader of that locale. `default` texts are in `language`; a
/// mail that is written once, for all, is in the reader's where there is none.
pub(super) fn choose<'a>(
    subject: &'a Localized,
    body: &'a Localized,
    locale: &str,
    language: Option<&str>,
) -> Choice<'a> {
    let locale = language_tag(locale);
    let localized: Vec<&Localized> = [subject, body].into_iter().filter(|text| text.by_language.is_some()).collect();
    // A subject in the reader's language over a text in another is worse than neither.
    let own = localized.iter().map(|text| text.language(&locale)).collect::<Option<Vec<_>>>();
    let own = own.and_then(|languages| languages.first().copied());
    let template = |text: &'a Localized| text.template(own.and_then(|_| text.language(&locale)));
    let written = match own {
        Some(own) => own.to_owned(),
        None if localized.is_empty() && language.is_none() => locale.clone(),
        None => language.unwrap_or(subject.default.language()).to_owned(),
    };
    let reads_in = if primary(&written) == primary(&locale) { locale.clone() } else { written.clone() };
    Choice { subject: template(subject), body: template(body), language: written, locale: reads_in }
}

/// Warns of languages in which only one of the two is written: such readers get
/// the default of both.
pub(super) fn warn_of_halves(subject: &Localized, body: &Localized, node: &Node, compiler: &mut Compiler) {
    let (Some(subjects), Some(bodies)) = (&subject.by_language, &body.by_language) else { return };
    let languages = |texts: &BTreeMap<String, Template>| -> BTreeSet<String> {
        texts.keys().map(|tag| primary(tag).to_owned()).collect()
    };
    let (subjects, bodies) = (languages(subjects), languages(bodies));
    for language in subjects.symmetric_difference(&bodies) {
        let (there, missing) = if subjects.contains(language) { ("subject", "body") } else { ("body", "subject") };
        let message =
            format!("the `{there}` is written in `{language}`, the `{missing}` is not: its readers get `default`");
        compiler.warn("KW0306", node.place, message, &format!("write the `{missing}` in `{language}` as well"));
    }
}

/// Compiles a subject or a text; warns of one that can come out empty, and
/// refuses what mail cannot show.
fn compile_text(source: &Source, noun: &str, compiler: &mut Compiler, escape: Escape) -> Option<Template> {
    if escape == Escape::Markdown {
        mail_body::check(source, compiler);
    }
    let template = compiler.template(source, escape, true)?;
    if template.may_be_empty() && !source.text.trim().is_empty() {
        let message = format!("this {noun} can be empty; the mail does not leave then");
        let problem = source.warning("KW0305", 1, 1, message);
        compiler.problems.push(problem.help("give a default that says something, as in `| default(\"your account\")`"));
    }
    Some(template)
}
