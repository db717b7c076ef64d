//! The keys of one mapping, and what is wrong with them.

use std::sync::Arc;

use super::form::{Form, Shape};
use crate::diagnostic::{Diagnostic, Position, Severity, nearest};
use crate::playbook::yaml::{Entry, Node, NodeValue};

/// The keys of one mapping, read one after the other.
pub struct Fields<'n, 'p> {
    pub(super) file: Arc<str>,
    /// What it is in messages: `step email`, `guardrails`.
    what: String,
    place: Position,
    entries: &'n [Entry],
    taken: Vec<bool>,
    /// The keys that it has.
    allowed: Vec<&'static str>,
    form: &'static Form,
    /// The keys that the reader has read.
    read_keys: Vec<&'static str>,
    pub(super) problems: &'p mut Vec<Diagnostic>,
    /// How many problems there were before.
    before: usize,
    /// Not a mapping at all: said once, and nothing else is.
    broken: bool,
}

impl<'n, 'p> Fields<'n, 'p> {
    /// Starts reading a mapping of that form; anything else is reported. Missing
    /// keys are reported at the mapping's place, see [`Fields::at`].
    pub fn new(file: &Arc<str>, node: &'n Node, form: &'static Form, problems: &'p mut Vec<Diagnostic>) -> Self {
        Fields::called(form.name, file, node, form, problems)
    }

    /// The same under another name in messages.
    pub fn called(
        what: impl Into<String>,
        file: &Arc<str>,
        node: &'n Node,
        form: &'static Form,
        problems: &'p mut Vec<Diagnostic>,
    ) -> Self {
        let what = what.into();
        let before = problems.len();
        let entries = node.as_mapping();
        if entries.is_none() {
            let message = format!("{what} needs keys, not {}", node.describe());
            problems.push(Diagnostic::error("KW0103", file, node.place, message));
        }
        Fields {
            file: file.clone(),
            what,
            place: node.place,
            taken: vec![false; entries.unwrap_or_default().len()],
            broken: entries.is_none(),
            entries: entries.unwrap_or_default(),
            allowed: form.keys().map(|key| key.name).collect(),
            form,
            read_keys: Vec::new(),
            problems,
            before,
        }
    }

    /// Where missing keys are reported from now on.
    pub fn at(mut self, place: Position) -> Self {
        self.place = place;
        self
    }

    /// Allows keys beyond those of its form.
    pub fn allow_keys(mut self, keys: impl Iterator<Item = &'static str>) -> Self {
        self.allowed.extend(keys);
        self
    }

    /// The shape of one of its keys.
    pub(super) fn shape(&self, key: &str) -> Option<&'static Shape> {
        self.form.key(key).map(|key| &key.shape)
    }

    /// The file, for nested readers.
    pub fn file(&self) -> Arc<str> {
        self.file.clone()
    }

    /// For nested readers and further checks; their errors count in `finish`.
    pub fn problems(&mut self) -> &mut Vec<Diagnostic> {
        self.problems
    }

    /// Adds an error at a place of the file.
    pub fn error(&mut self, code: &'static str, at: Position, message: impl Into<String>) {
        self.report(code, at, message, None);
    }

    /// Adds an error with advice.
    pub fn error_with_help(
        &mut self,
        code: &'static str,
        at: Position,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.report(code, at, message, Some(help.into()));
    }

    pub(super) fn report(
        &mut self,
        code: &'static str,
        at: Position,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let mut problem = Diagnostic::error(code, &self.file, at, message);
        problem.help = help.filter(|help| !help.is_empty());
        self.problems.push(problem);
    }

    /// Whether a key is there, of whatever type.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Where a key stands.
    pub fn key_place(&self, key: &str) -> Option<Position> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.key_place)
    }

    /// Any value. A key that is not in the form is never found.
    pub fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        debug_assert!(self.allowed.contains(&key), "{} lists no key `{key}`", self.what);
        if !self.allowed.contains(&key) {
            return None;
        }
        self.read_keys.push(key);
        self.find(key)
    }

    /// A key that it does not have, for a message of its own about it.
    pub fn take_foreign(&mut self, key: &str) -> Option<&'n Node> {
        self.find(key)
    }

    fn find(&mut self, key: &str) -> Option<&'n Node> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        self.taken[index] = true;
        Some(&self.entries[index].node)
    }

    /// Any value that must be there.
    pub fn required(&mut self, key: &'static str) -> Option<&'n Node> {
        let node = self.take(key);
        if node.is_none() {
            self.missing(key);
        }
        node
    }

    /// Reports that a key is missing.
    pub fn missing(&mut self, key: &str) {
        if !self.broken {
            let message = format!("{} needs the key `{key}`", self.what);
            self.error("KW0102", self.place, message);
        }
    }

    /// Reports that a value has the wrong type.
    pub fn wrong_type(&mut self, key: &str, node: &Node, needed: &str) {
        let message = format!("`{key}` needs {needed}, not {}", node.describe());
        let help = match node.value {
            NodeValue::Bool(_) | NodeValue::Int(_) | NodeValue::Float(_) if needed.starts_with("text") => {
                Some(quoted_or(key).to_owned())
            }
            NodeValue::Null => Some("give it a value, or remove the key".to_owned()),
            _ => None,
        };
        self.report("KW0103", node.place, message, help);
    }

    /// Reports every key that nothing reads. Returns whether no error at
    /// all was added since the reader was made.
    pub fn finish(self) -> bool {
        let forgotten = || self.allowed.iter().filter(|key| !self.read_keys.contains(key)).collect::<Vec<_>>();
        debug_assert!(forgotten().is_empty(), "{} lists {:?}, which its reader does not read", self.what, forgotten());
        for (entry, taken) in self.entries.iter().zip(&self.taken) {
            if *taken {
                continue;
            }
            let message = format!("{} has no key `{}`", self.what, entry.key);
            // A key that is there already is less likely what was meant.
            let given = |key: &&str| self.entries.iter().any(|other| other.key == *key);
            // Every step has these; they were read before its own keys.
            let of_steps = if self.what.starts_with("the step `") { &["if", "id"][..] } else { &[] };
            let allowed = || self.allowed.iter().chain(of_steps).copied();
            let near = condition(&entry.key, of_steps).or_else(|| {
                nearest(&entry.key, allowed().filter(|key| !given(key))).or_else(|| nearest(&entry.key, allowed()))
            });
            let help = near.map_or_else(
                || {
                    let keys: Vec<String> = allowed().map(|key| format!("`{key}`")).collect();
                    format!("its keys are {}", keys.join(", "))
                },
                |near| format!("did you mean `{near}`?"),
            );
            self.problems.push(Diagnostic::error("KW0101", &self.file, entry.key_place, message).help(help));
        }
        !self.problems[self.before.min(self.problems.len())..].iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Where the value of a key starts.
    pub fn value_place(&self, key: &str) -> Position {
        self.entries.iter().find(|entry| entry.key == key).map_or(self.place, |entry| entry.node.place)
    }
}

/// What to write for a number or `true` where a text is needed.
fn quoted_or(key: &str) -> &'static str {
    match key {
        "due" => "write a span, such as `2d` or `2 business days`",
        "listen" => "write `\"127.0.0.1:7717\"`",
        "redirect_to" => "write an address, or `off`",
        _ => "put it in quotes",
    }
}

/// What other tools call a step's `if`.
fn condition(key: &str, of_steps: &[&'static str]) -> Option<&'static str> {
    of_steps.first().copied().filter(|_| ["when", "condition", "only_if", "unless", "where"].contains(&key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::reader::form::{Key, words};
    use crate::playbook::yaml;

    const CLASSES: [(&str, u8); 2] = [("lifecycle", 1), ("marketing", 2)];
    static FORM: Form = Form::new(
        "step email",
        &[&[
            Key::required("title", Shape::Text, "A title."),
            Key::new("valid_for", Shape::Span, "A span."),
            Key::new("class", Shape::Words(WORDS), "A class."),
            Key::new("subject", Shape::Text, "A subject."),
            Key::required("to", Shape::Text, "A recipient."),
            Key::new("list", Shape::list(&Shape::Text, 0), "A list."),
        ]],
    );
    const WORDS: &[&str] = &words(&CLASSES);

    #[test]
    fn reports_every_problem_of_a_mapping() {
        let text = "title: 5\nvalid_for: 3 days\nclass: lifecyle\nsubjct: x\nlist: [a, 1]\n";
        let file = Arc::from("f.yaml");
        let mut problems = Vec::new();
        let node = yaml::read(&file, text, &mut problems).expect("a tree");
        let mut fields = Fields::new(&file, &node, &FORM, &mut problems);
        assert!(fields.required_text("title").is_none());
        assert!(fields.duration("valid_for").is_none());
        assert!(fields.one_of("class", &CLASSES).is_none());
        assert!(fields.text("subject").is_none());
        assert!(fields.required_text("to").is_none());
        assert_eq!(fields.texts("list").len(), 1);
        assert!(!fields.finish());
        let told: Vec<String> =
            problems.iter().map(|d| format!("{}:{} {} {}", d.line, d.column, d.code, d.message)).collect();
        assert_eq!(
            told,
            [
                "1:8 KW0103 `title` needs text, not the number 5",
                "2:12 KW0110 `valid_for` is not a span of time: `3 days`",
                "3:8 KW0104 `class` cannot be `lifecyle`",
                "1:1 KW0102 step email needs the key `to`",
                "5:11 KW0103 `list` needs text in its list, not the number 1",
                "4:1 KW0101 step email has no key `subjct`",
            ]
        );
        let help = problems.last().and_then(|d| d.help.clone());
        assert_eq!(help.as_deref(), Some("did you mean `subject`?"));
    }
}
