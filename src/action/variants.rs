//! The texts of a mail, and which of several an account gets.
//!
//! The unit is the account, as of the holdout: its contacts share a variant.
//! Each variant gets a number from the playbook, the step, the account and its
//! own name, and the one with the largest is drawn. So all have the same chance,
//! whatever their order, and one that is added or removed moves no account
//! between the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Compiler;
use super::localized::{Localized, warn_of_halves};
use crate::ids;
use crate::playbook::Step;
use crate::playbook::reader::{Fields, Form, Key, KeyNames, Shape, short};
use crate::playbook::yaml::{Entry, Node, NodeValue};
use crate::rule::template::{Escape, Template};

/// How many variants of a text there can be.
const COUNTS: std::ops::RangeInclusive<usize> = 2..=26;

const NAME_PATTERN: &str = "^[A-Za-z0-9_-]{1,40}$";

/// The key `variants`.
pub(super) const VARIANTS: Shape =
    Shape::Map { keys: KeyNames::Pattern(NAME_PATTERN), of: &Shape::Form(&VARIANT), least: *COUNTS.start() };

static VARIANT: Form = Form::new(
    "a variant",
    &[&[
        Key::new("subject", Shape::Localized, "Its subject, as that of the step. Default: that of the step."),
        Key::new("body", Shape::Localized, "Its body, as that of the step. Default: that of the step."),
    ]],
);

/// The variant of `names` that an account gets in a step; `None` without names.
pub fn draw<'n>(playbook: &str, step: &str, account: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names.max_by_key(|name| (ids::share(&["variant", playbook, step, account, name], 1 << 48), *name))
}

/// A subject and a body.
#[derive(Clone, Debug)]
pub(super) struct MailText {
    pub subject: Arc<Localized>,
    pub body: Arc<Localized>,
}

/// What a mail says.
#[derive(Debug)]
pub(super) enum MailTexts {
    /// The same to every account.
    Single(MailText),
    /// One of these by name, in the order of the file; the step's id salts the draw.
    Variants { step: String, texts: Vec<(String, MailText)> },
}

impl MailTexts {
    /// Reads the texts of a step. What is missing without variants was reported before.
    pub fn parse(
        step: &Step,
        subject: Option<&Node>,
        body: Option<&Node>,
        variants: Option<&Node>,
        compiler: &mut Compiler,
    ) -> Option<MailTexts> {
        let base = Base {
            subject: subject.and_then(|node| compile(node, "subject", compiler)),
            body: body.and_then(|node| compile(node, "body", compiler)),
        };
        let Some(variants) = variants else {
            let text = MailText { subject: base.subject?, body: base.body? };
            body.inspect(|node| warn_of_halves(&text.subject, &text.body, node, compiler));
            return Some(MailTexts::Single(text));
        };
        let entries = read_entries(variants, compiler)?;
        for (key, node) in [("subject", subject), ("body", body)] {
            warn_of_idle(key, node, entries, compiler);
        }
        if is_id_by_place(&step.id) {
            let message = format!("without an `id` of its own this step is called `{}`, by its place", step.id);
            let help = "write an `id`: a mail that is added before this one would change who gets which variant";
            compiler.warn("KW0309", step.place, message, help);
        }
        let mut said = BTreeSet::new();
        let mut texts = Vec::new();
        for entry in entries {
            let says = [("subject", subject), ("body", body)].map(|(key, base)| own(entry, key).or(base).map(words));
            if !said.insert(says) {
                let message = format!("the variant `{}` says the same as another one", entry.key);
                compiler.warn("KW0309", entry.key_place, message, "let it say something else, or remove it");
            }
            texts.push(variant(entry, &base, (subject.is_some(), body.is_some()), compiler));
        }
        let texts = texts.into_iter().collect::<Option<Vec<_>>>()?;
        Some(MailTexts::Variants { step: step.id.clone(), texts })
    }

    /// Every template of them.
    pub fn all(&self) -> Vec<&Template> {
        let texts: Vec<&MailText> = match self {
            MailTexts::Single(text) => vec![text],
            MailTexts::Variants { texts, .. } => texts.iter().map(|(_, text)| text).collect(),
        };
        texts.into_iter().flat_map(|text| text.subject.all().chain(text.body.all())).collect()
    }

    /// The variant that an account gets; `None` where all get the same. A test case
    /// names variants by step, and has the first of those that it does not name.
    pub fn variant(&self, playbook: &str, account: &str, of_case: Option<&BTreeMap<String, String>>) -> Option<&str> {
        let MailTexts::Variants { step, texts } = self else { return None };
        let mut names = texts.iter().map(|(name, _)| name.as_str());
        match of_case {
            None => draw(playbook, step, account, names),
            Some(named) => match named.get(step) {
                Some(wanted) if self.has(wanted) => names.find(|name| name == wanted),
                _ => names.next(),
            },
        }
    }

    /// The text of a variant; of one that there is not, the first.
    pub fn text(&self, variant: Option<&str>) -> Option<&MailText> {
        match self {
            MailTexts::Single(text) => Some(text),
            MailTexts::Variants { texts, .. } => {
                let named = texts.iter().find(|(name, _)| Some(name.as_str()) == variant);
                named.or(texts.first()).map(|(_, text)| text)
            }
        }
    }

    /// Whether there is such a variant.
    pub fn has(&self, variant: &str) -> bool {
        matches!(self, MailTexts::Variants { texts, .. } if texts.iter().any(|(name, _)| name == variant))
    }
}

/// The texts of the step itself, for variants that leave them out.
struct Base {
    subject: Option<Arc<Localized>>,
    body: Option<Arc<Localized>>,
}

/// Compiles what stands under `subject` or `body`.
fn compile(node: &Node, key: &str, compiler: &mut Compiler) -> Option<Arc<Localized>> {
    let (noun, escape) = if key == "subject" { (key, Escape::Plain) } else { ("text", Escape::Markdown) };
    Localized::parse(node, noun, compiler, escape).map(Arc::new)
}

/// The variants by name, as many as there can be and with names that can be.
fn read_entries<'n>(node: &'n Node, compiler: &mut Compiler) -> Option<&'n [Entry]> {
    let Some(entries) = node.as_mapping() else {
        let message = format!("`variants` needs texts by name, not {}", node.describe());
        compiler.error(
            "KW0103",
            node.place,
            message,
            Some("write `variants: { a: { subject: … }, b: { subject: … } }`"),
        );
        return None;
    };
    let before = compiler.problems.len();
    if !COUNTS.contains(&entries.len()) {
        let message = format!("`variants` needs {} to {} of them, not {}", COUNTS.start(), COUNTS.end(), entries.len());
        compiler.error("KW0104", node.place, message, None);
    }
    for entry in entries.iter().filter(|entry| !is_name(&entry.key)) {
        let message = format!("`{}` cannot be the name of a variant", short(&entry.key));
        compiler.error("KW0104", entry.key_place, message, Some("use up to 40 letters, digits, `-` and `_`"));
    }
    (compiler.problems.len() == before).then_some(entries)
}

/// Reads one variant; the step itself may have a subject and a body.
fn variant(
    entry: &Entry,
    base: &Base,
    (has_subject, has_body): (bool, bool),
    compiler: &mut Compiler,
) -> Option<(String, MailText)> {
    let mut problems = Vec::new();
    let what = format!("the variant `{}`", entry.key);
    let mut fields = Fields::called(what, &compiler.file, &entry.node, &VARIANT, &mut problems).at(entry.key_place);
    let subject = fields.take("subject");
    let body = fields.take("body");
    for (key, is_missing) in [("subject", subject.is_none() && !has_subject), ("body", body.is_none() && !has_body)] {
        if is_missing {
            fields.missing(key);
        }
    }
    let fine = fields.finish();
    compiler.problems.extend(problems);
    let own_subject = subject.map(|node| compile(node, "subject", compiler));
    let own_body = body.map(|node| compile(node, "body", compiler));
    let text = MailText {
        subject: own_subject.unwrap_or_else(|| base.subject.clone())?,
        body: own_body.unwrap_or_else(|| base.body.clone())?,
    };
    warn_of_halves(&text.subject, &text.body, body.unwrap_or(&entry.node), compiler);
    fine.then(|| (entry.key.clone(), text))
}

/// Warns of a text of the step that every variant replaces.
fn warn_of_idle(key: &str, base: Option<&Node>, variants: &[Entry], compiler: &mut Compiler) {
    if let (Some(base), true) = (base, variants.iter().all(|entry| own(entry, key).is_some())) {
        let message = format!("nobody gets this `{key}`: every variant has its own");
        compiler.warn("KW0309", base.place, message, "remove it, or leave it out of a variant");
    }
}

fn own<'n>(entry: &'n Entry, key: &str) -> Option<&'n Node> {
    entry.node.as_mapping()?.iter().find(|own| own.key == key).map(|own| &own.node)
}

/// What is written there, by language.
fn words(node: &Node) -> Vec<(&str, &str)> {
    match &node.value {
        NodeValue::Mapping(entries) => {
            entries.iter().map(|entry| (entry.key.as_str(), entry.node.as_text().unwrap_or_default())).collect()
        }
        _ => vec![("default", node.as_text().unwrap_or_default())],
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=40).contains(&name.len()) && name.chars().all(allowed)
}

/// Whether a step's id is the one that it has without an `id`.
fn is_id_by_place(id: &str) -> bool {
    id.strip_prefix("email-").is_some_and(|place| !place.is_empty() && place.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(step: &str, names: &[&'static str]) -> Vec<&'static str> {
        (0..6_000).filter_map(|n| draw("rescue", step, &format!("a{n}"), names.iter().copied())).collect()
    }

    #[test]
    fn each_variant_has_the_same_share() {
        let all = drawn("hello", &["a", "b", "c"]);
        for name in ["a", "b", "c"] {
            let count = all.iter().filter(|drawn| **drawn == name).count();
            // 2,000 are expected, with a standard deviation of 37.
            assert!((1_850..2_150).contains(&count), "{name}: {count}");
        }
    }

    #[test]
    fn the_order_of_the_file_does_not_matter_and_another_variant_takes_its_share_alone() {
        let (two, three) = (drawn("hello", &["a", "b"]), drawn("hello", &["c", "b", "a"]));
        assert_eq!(two, drawn("hello", &["b", "a"]));
        assert!(two.iter().zip(&three).all(|(before, after)| before == after || *after == "c"));
        assert!(two.iter().zip(&three).any(|(before, after)| before != after));
    }

    #[test]
    fn another_step_draws_anew() {
        let same = drawn("one", &["a", "b"]).iter().zip(drawn("two", &["a", "b"])).filter(|(a, b)| *a == b).count();
        assert!((2_800..3_200).contains(&same), "{same}");
    }
}
