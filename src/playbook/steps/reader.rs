//! Reading `steps:`: their kinds, ids and order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Position, nearest};
use crate::playbook::reader::form::{GOTOS, STEP_ID};
use crate::playbook::reader::{Key, Shape, advice, expression, listed};
use crate::playbook::yaml::{Entry, Node, NodeValue};
use crate::playbook::{BodyForm, Source, Step, StepBody, StepForm};

/// The key for a step's own name.
pub const ID_KEY: Key = Key::new(
    "id",
    STEP_ID,
    "What the step is called, for `done(…)`, `outcome(…)`, `on_met` and cases. Default: its kind and a number.",
);

/// The keys that a step may have whatever its kind.
pub const STEP_KEYS: &[Key] = &[ID_KEY, Key::new("if", Shape::Expression, "If this is false, the step is skipped.")];

/// A step that was read, by its id.
#[derive(Clone, Debug)]
pub struct KnownStep {
    pub id: String,
    pub form: StepForm,
}

/// Reads the steps of one playbook, nested ones included.
pub struct StepReader<'p> {
    pub(super) file: Arc<str>,
    forms: &'p [StepForm],
    pub(super) problems: &'p mut Vec<Diagnostic>,
    counts: HashMap<&'static str, usize>,
    ids: HashMap<String, Position>,
    /// Every step in text order.
    pub order: Vec<KnownStep>,
    /// Who goes on where: the position in `order`, the target and its place.
    pub(super) gotos: Vec<(usize, Source)>,
    /// Steps right after an `end` that always ends.
    after_end: Vec<(usize, Position)>,
}

impl<'p> StepReader<'p> {
    pub fn new(file: &Arc<str>, forms: &'p [StepForm], problems: &'p mut Vec<Diagnostic>) -> Self {
        StepReader {
            file: file.clone(),
            forms,
            problems,
            counts: HashMap::new(),
            ids: HashMap::new(),
            order: Vec::new(),
            gotos: Vec::new(),
            after_end: Vec::new(),
        }
    }

    /// Reads the outermost list and checks what steps say of each other.
    pub fn read(&mut self, node: &Node) -> Vec<Step> {
        if node.as_sequence().is_some_and(<[Node]>::is_empty) {
            self.error("KW0103", node.place, "`steps` needs at least one step", None);
        }
        let steps = self.list(node, "steps");
        let targets = self.check_gotos();
        for (step, place) in std::mem::take(&mut self.after_end) {
            if !targets.contains(&step) {
                let message = "this step can never be reached: the one before it ends everything";
                let problem = Diagnostic::warning("KW0117", &self.file, place, message);
                self.problems.push(problem);
            }
        }
        steps
    }

    /// Reports gotos to steps that do not come later; returns the others.
    fn check_gotos(&mut self) -> HashSet<usize> {
        let mut targets = HashSet::new();
        for (from, target) in std::mem::take(&mut self.gotos) {
            let name = &*target.text;
            match self.order.iter().position(|step| step.id == name) {
                Some(to) if to > from => {
                    targets.insert(to);
                }
                Some(_) => {
                    let message = format!("`{name}` is not a later step");
                    let help = "it is only possible to go forward";
                    let problem = target.error("KW0107", 1, 1, message).help(help);
                    self.problems.push(problem);
                }
                None => {
                    let later = self.order[from + 1..].iter().map(|step| step.id.as_str());
                    let message = format!("there is no step `{name}`");
                    let words = later.chain(GOTOS);
                    let help = advice(name, words);
                    let problem = target.error("KW0107", 1, 1, message).help(help);
                    self.problems.push(problem);
                }
            }
        }
        targets
    }

    pub(super) fn error(&mut self, code: &'static str, at: Position, message: impl Into<String>, help: Option<String>) {
        let mut problem = Diagnostic::error(code, &self.file, at, message);
        problem.help = help;
        self.problems.push(problem);
    }

    pub(super) fn list(&mut self, node: &Node, key: &str) -> Vec<Step> {
        let Some(items) = node.as_sequence() else {
            let message = format!("`{key}` needs a list of steps, not {}", node.describe());
            let help = "start each step on a line of its own with `- `";
            self.error("KW0103", node.place, message, Some(help.into()));
            return Vec::new();
        };
        let mut steps = Vec::new();
        let mut ended = false;
        for item in items {
            let position = self.order.len();
            if std::mem::take(&mut ended) {
                self.after_end.push((position, item.place));
            }
            if let Some(step) = self.step(item) {
                ended = matches!(step.body, StepBody::End(_)) && step.condition.is_none();
                steps.push(step);
            }
        }
        steps
    }

    fn step(&mut self, node: &Node) -> Option<Step> {
        let Some(entries) = node.as_mapping() else {
            let message = format!("a step is a kind and its keys, not {}", node.describe());
            let help = format!("its kind is {}", listed(self.names()));
            self.error("KW0103", node.place, message, Some(help));
            return None;
        };
        let (entry, form) = self.kind(node, entries)?;
        let kind = form.name;
        let body = &entry.node;
        let inner = body.as_mapping().unwrap_or_default();
        let own = |key: &str| inner.iter().find(|entry| entry.key == key);
        let id = self.id(kind, own("id"), entry.key_place);
        let position = self.order.len();
        self.order.push(KnownStep { id: id.clone(), form });

        let condition = match own("if") {
            Some(entry) if form.body != BodyForm::Wait => {
                let condition = expression(&self.file, &entry.node);
                if condition.is_none() {
                    let found = entry.node.describe();
                    let message = format!("`if` needs an expression, not {found}");
                    self.error("KW0103", entry.node.place, message, None);
                }
                condition
            }
            _ => None,
        };
        let body = match form.body {
            BodyForm::Branch => StepBody::Branch(self.branch(body)?),
            BodyForm::Wait => StepBody::Wait(self.wait(body, position)?),
            BodyForm::End => StepBody::End(self.end(body)?),
            BodyForm::Action => StepBody::Action(without(body, STEP_KEYS)),
        };
        Some(Step { id, kind: kind.to_owned(), place: entry.key_place, condition, body })
    }

    /// The keys of all kinds.
    fn names(&self) -> impl Iterator<Item = &'static str> + Clone + use<'_> {
        self.forms.iter().map(|form| form.name)
    }

    /// The one key that names the kind; every other key is reported.
    fn kind<'n>(&mut self, node: &Node, entries: &'n [Entry]) -> Option<(&'n Entry, StepForm)> {
        let mut kind: Option<(&Entry, StepForm)> = None;
        for entry in entries {
            let known = self.forms.iter().find(|form| form.name == entry.key);
            if let (Some((first, form)), true) = (kind, known.is_some()) {
                let name = form.name;
                let message = format!("a step has one kind: this one is `{name}` already");
                let help = format!("start a new step with `- ` (`{name}` stands on line {})", first.key_place.line);
                self.error("KW0113", entry.key_place, message, Some(help));
                return None;
            } else if let Some(known) = known {
                kind = Some((entry, *known));
            }
        }
        let Some((_, form)) = kind else {
            let Some(first) = entries.first() else {
                self.error("KW0113", node.place, "this step is empty", None);
                return None;
            };
            let help = advice(&first.key, self.names());
            let message = format!("unknown step kind `{}`", first.key);
            self.error("KW0113", first.key_place, message, Some(help));
            return None;
        };
        for entry in entries.iter().filter(|entry| entry.key != form.name) {
            let message = format!("`{}` stands beside the step's kind", entry.key);
            let help = match (form.body, entry.key.as_str()) {
                (BodyForm::Wait | BodyForm::Branch, "if") => "put the step inside a `branch`".to_owned(),
                (BodyForm::Branch, "id") => "a branch has no `id` of its own; remove it".to_owned(),
                _ => format!("indent it further, so that it stands inside `{}:`", form.name),
            };
            self.error("KW0101", entry.key_place, message, Some(help));
        }
        kind
    }

    /// The step's own id, or `kind-N`.
    fn id(&mut self, kind: &'static str, own: Option<&Entry>, place: Position) -> String {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let mut id = format!("{kind}-{count}");
        let mut place = place;
        if let Some(entry) = own {
            place = entry.node.place;
            match entry.node.as_text() {
                Some(text) if is_step_id(text) => id = text.to_owned(),
                Some(text) => {
                    let message = format!("`{text}` cannot be a step's id");
                    let help = "use letters, digits, `-` and `_`; `next` and `end` are taken";
                    self.error("KW0104", place, message, Some(help.into()));
                }
                None => {
                    let message = format!("`id` needs text, not {}", entry.node.describe());
                    self.error("KW0103", place, message, Some("put it in quotes".into()));
                }
            }
        }
        if let Some(first) = self.ids.get(&id) {
            let message = format!("two steps have the id `{id}`");
            let help = format!("the first one is on line {}", first.line);
            self.error("KW0106", place, message, Some(help));
        } else {
            self.ids.insert(id.clone(), place);
        }
        id
    }
}

/// The step nearest to a misspelt id.
pub fn nearest_step(word: &str, steps: &[KnownStep]) -> Option<String> {
    let near = nearest(word, steps.iter().map(|step| step.id.as_str()))?;
    Some(format!("did you mean `{near}`?"))
}

/// Whether a text can be a step's id.
pub fn is_step_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= 100 && text.chars().all(allowed) && !GOTOS.contains(&text)
}

/// A mapping without some of its keys; anything else as it is.
fn without(node: &Node, keys: &[Key]) -> Node {
    let value = match &node.value {
        NodeValue::Mapping(entries) => {
            let kept = entries.iter().filter(|entry| keys.iter().all(|key| key.name != entry.key));
            NodeValue::Mapping(kept.cloned().collect())
        }
        other => other.clone(),
    };
    Node { place: node.place, value }
}
