//! Reading `steps:`: their kinds, ids and order.
//!
//! What stands inside an `email` or a `task` is read by its action; here are
//! the steps that direct the way, and what every step has.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveTime;

use super::reader::{Fields, advice, duration, expression, listed};
use super::yaml::{Entry, Node, NodeValue};
use super::{Arm, Goto, Source, Step, StepBody, Wait, WaitOn};
use crate::diagnostic::{Diagnostic, Position, nearest};

/// The step kinds of this release.
pub const KINDS: &[&str] =
    &["email", "wait", "branch", "task", "notify", "webhook", "survey", "set", "enroll", "run", "end"];

/// How an enrollment ends that no `end` step ends, or where it stands: a case
/// expects `ended:` with these words as well.
const STATES: &[&str] = &["goal", "exited", "blocked", "active", "held", "cancelled", "failed", "ghost"];

/// Reads the steps of one playbook, nested ones included.
pub(super) struct StepReader<'p> {
    file: Arc<str>,
    problems: &'p mut Vec<Diagnostic>,
    counts: HashMap<&'static str, usize>,
    ids: HashMap<String, Position>,
    /// Id and kind of every step in text order.
    pub order: Vec<(String, &'static str)>,
    /// Who goes on where: the position in `order`, the target and its place.
    gotos: Vec<(usize, Source)>,
    /// Steps right after an `end` that always ends.
    after_end: Vec<(usize, Position)>,
}

impl<'p> StepReader<'p> {
    pub fn new(file: &Arc<str>, problems: &'p mut Vec<Diagnostic>) -> Self {
        StepReader {
            file: file.clone(),
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
            match self.order.iter().position(|(id, _)| id == name) {
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
                    let later = self.order[from + 1..].iter().map(|(id, _)| id.as_str());
                    let message = format!("there is no step `{name}`");
                    let words = later.chain(["next", "end"]);
                    let help = advice(name, words);
                    let problem = target.error("KW0107", 1, 1, message).help(help);
                    self.problems.push(problem);
                }
            }
        }
        targets
    }

    fn error(&mut self, code: &'static str, at: Position, message: impl Into<String>, help: Option<String>) {
        let mut problem = Diagnostic::error(code, &self.file, at, message);
        problem.help = help;
        self.problems.push(problem);
    }

    fn list(&mut self, node: &Node, key: &str) -> Vec<Step> {
        let Some(items) = node.as_sequence() else {
            let message = format!("`{key}` needs a list of steps, not {}", node.found());
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
            let message = format!("a step is a kind and its keys, not {}", node.found());
            let help = format!("its kind is {}", listed(KINDS.iter().copied()));
            self.error("KW0103", node.place, message, Some(help));
            return None;
        };
        let (entry, kind) = self.kind(node, entries)?;
        let body = &entry.node;
        let inner = body.as_mapping().unwrap_or_default();
        let own = |key: &str| inner.iter().find(|entry| entry.key == key);
        let id = self.id(kind, own("id"), entry.key_place);
        let position = self.order.len();
        self.order.push((id.clone(), kind));

        let condition = match own("if") {
            Some(entry) if kind != "wait" => {
                let condition = expression(&self.file, &entry.node);
                if condition.is_none() {
                    let found = entry.node.found();
                    let message = format!("`if` needs an expression, not {found}");
                    self.error("KW0103", entry.node.place, message, None);
                }
                condition
            }
            _ => None,
        };
        let body = match kind {
            "branch" => StepBody::Branch(self.branch(body)?),
            "wait" => StepBody::Wait(self.wait(body, position)?),
            "end" => StepBody::End(self.end(body)?),
            _ => StepBody::Action(without(body, &["id", "if"])),
        };
        Some(Step { id, kind: kind.to_owned(), place: entry.key_place, condition, body })
    }

    /// The one key that names the kind; every other key is reported.
    fn kind<'n>(&mut self, node: &Node, entries: &'n [Entry]) -> Option<(&'n Entry, &'static str)> {
        let mut kind = None;
        for entry in entries {
            let known = KINDS.iter().find(|known| **known == entry.key);
            if let (Some((first, name)), true) = (kind, known.is_some()) {
                let first: &Entry = first;
                let message = format!("a step has one kind: this one is `{name}` already");
                let help = format!("start a new step with `- ` (`{name}` stands on line {})", first.key_place.line);
                self.error("KW0113", entry.key_place, message, Some(help));
                return None;
            } else if let Some(known) = known {
                kind = Some((entry, *known));
            }
        }
        let Some((_, name)) = kind else {
            let Some(first) = entries.first() else {
                self.error("KW0113", node.place, "this step is empty", None);
                return None;
            };
            let all = KINDS.iter().copied();
            let message = format!("unknown step kind `{}`", first.key);
            self.error("KW0113", first.key_place, message, Some(advice(&first.key, all)));
            return None;
        };
        for entry in entries.iter().filter(|entry| entry.key != name) {
            let message = format!("`{}` stands beside the step's kind", entry.key);
            let help = match (name, entry.key.as_str()) {
                ("wait" | "branch", "if") => "put the step inside a `branch`".to_owned(),
                ("branch", "id") => "a branch has no `id` of its own; remove it".to_owned(),
                _ => format!("indent it further, so that it stands inside `{name}:`"),
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
                    let message = format!("`id` needs text, not {}", entry.node.found());
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

    fn end(&mut self, body: &Node) -> Option<String> {
        let (reason, place) = match &body.value {
            NodeValue::Text(reason) => (reason.clone(), body.place),
            NodeValue::Mapping(_) => {
                let file = self.file.clone();
                let mut fields = Fields::new(&file, body, "step end", self.problems);
                fields.take("id");
                fields.take("if");
                let reason = fields.required_text("reason");
                let place = fields.value_place("reason");
                fields.finish();
                (reason?, place)
            }
            _ => {
                let message = format!("`end` needs a reason, not {}", body.found());
                let help = "write it as text, such as `end: won-back`";
                self.error("KW0103", body.place, message, Some(help.into()));
                return None;
            }
        };
        let reason = reason.text.trim();
        if reason.is_empty() || STATES.contains(&reason) {
            let message = match reason {
                "" => "`end` needs a reason, and this one is empty".to_owned(),
                state => format!("`{state}` says how Keepwell ended it and cannot be a reason of `end`"),
            };
            let help = "name what it means to you, such as `end: won-back`";
            self.error("KW0104", place, message, Some(help.into()));
        }
        Some(reason.to_owned())
    }

    fn branch(&mut self, body: &Node) -> Option<Vec<Arm>> {
        let Some(items) = body.as_sequence().filter(|items| !items.is_empty()) else {
            let message = format!(
                "`branch` needs a list of ways, not {}",
                match body.as_sequence() {
                    Some(_) => "an empty one".to_owned(),
                    None => body.found(),
                }
            );
            let help = "each starts with `- if:` or, the last one, `- else:`";
            self.error("KW0103", body.place, message, Some(help.into()));
            return None;
        };
        let file = self.file.clone();
        let mut arms = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if item.as_mapping().is_some_and(|e| e.iter().any(|e| e.key == "else")) {
                if index + 1 < items.len() || index == 0 {
                    let message = "`else` comes last, after at least one `if`";
                    self.error("KW0104", item.place, message, None);
                }
                let mut fields = Fields::new(&file, item, "the last way of a branch", self.problems);
                let mut steps = fields.take("else");
                if let Some(node) = steps.filter(|node| node.as_mapping().is_some()) {
                    let mut inner = Fields::new(&file, node, "`else`", fields.problems());
                    steps = inner.required("steps");
                    inner.finish();
                }
                fields.finish();
                let steps = steps.map(|node| self.list(node, "else")).unwrap_or_default();
                arms.push(Arm { condition: None, steps });
            } else {
                if let Some(entries) = item.as_mapping().filter(|entries| entries.iter().all(|entry| entry.key != "if"))
                {
                    let key = entries.first().map_or("", |entry| entry.key.as_str());
                    let message = format!("a way of a branch begins with `if`, not with `{key}`");
                    let help = "each way is `- if:` with `steps:`; the last one may be `- else:` with its steps";
                    self.error("KW0102", item.place, message, Some(help.into()));
                    continue;
                }
                let mut fields = Fields::new(&file, item, "a way of a branch", self.problems);
                let condition = fields.required_expression("if");
                let steps = fields.required("steps");
                fields.finish();
                let steps = steps.map(|node| self.list(node, "steps")).unwrap_or_default();
                // Without its condition it would read as `else`; it was reported.
                if condition.is_some() {
                    arms.push(Arm { condition, steps });
                }
            }
        }
        Some(arms)
    }

    fn wait(&mut self, body: &Node, position: usize) -> Option<Wait> {
        let file = self.file.clone();
        if body.as_mapping().is_none() {
            let length = duration(&file, "wait", body, self.problems)?;
            return Some(Wait { on: WaitOn::For(length), at: None });
        }
        let mut fields = Fields::new(&file, body, "step wait", self.problems);
        fields.take("id");
        if fields.take("if").is_some() {
            let at = fields.key_place("if").unwrap_or(body.place);
            let message = "a wait has no `if`";
            fields.error_with_help("KW0101", at, message, "put the wait inside a `branch`");
        }
        let forms = ["for", "date", "until"];
        let given: Vec<&str> = forms.into_iter().filter(|key| fields.has(key)).collect();
        if let (true, Some(entry)) = (given.is_empty(), body.as_mapping().and_then(|entries| counted(entries))) {
            let text = format!("{} {}", entry.node.found().trim_start_matches("the number "), entry.key);
            let message = format!("a wait has no key `{}`", entry.key);
            let right = super::duration::meant(&text);
            let help = right.map(|right| format!("write `wait: {right}`"));
            self.error("KW0101", entry.key_place, message, help);
            return None;
        }
        if given.len() != 1 {
            let at = given.get(1).and_then(|key| fields.key_place(key));
            let message = "a wait has exactly one of `for`, `date` and `until`";
            fields.error("KW0102", at.unwrap_or(body.place), message);
        }
        let until = given.contains(&"until");
        for (key, fits, with) in [
            ("at", !until, "`for` or `date`"),
            ("at_most", until, "`until`"),
            ("on_met", until, "`until`"),
            ("on_timeout", until, "`until`"),
        ] {
            if let Some(at) = fields.key_place(key).filter(|_| given.len() == 1 && !fits) {
                fields.error("KW0101", at, format!("`{key}` goes only with {with}"));
            }
        }
        let length = fields.duration("for");
        let date = fields.expression("date");
        let condition = fields.expression("until");
        if until && given.len() == 1 && !fields.has("at_most") {
            fields.missing("at_most");
        }
        let at_most = fields.duration("at_most");
        let at = fields.text("at").and_then(|text| {
            let time = time_of_day(&text.text);
            if time.is_none() {
                let message = format!("`at` is not a time of day: `{}`", text.text);
                let place = fields.value_place("at");
                fields.error_with_help("KW0104", place, message, "write it as \"09:00\"");
            }
            time
        });
        let on_met = fields.text("on_met");
        let on_timeout = fields.text("on_timeout");
        let ok = fields.finish();
        let on_met = self.goto(on_met, position);
        let on_timeout = self.goto(on_timeout, position);
        if !ok {
            return None;
        }
        let on = match (length, date, condition) {
            (Some(length), None, None) => WaitOn::For(length),
            (None, Some(date), None) => WaitOn::Date(date),
            (None, None, Some(condition)) => WaitOn::Until { condition, at_most: at_most?, on_met, on_timeout },
            _ => return None,
        };
        Some(Wait { on, at })
    }

    fn goto(&mut self, target: Option<Source>, from: usize) -> Goto {
        let Some(target) = target else {
            return Goto::Next;
        };
        match &*target.text {
            "next" => Goto::Next,
            "end" => Goto::End,
            id => {
                let step = Goto::Step(id.to_owned());
                self.gotos.push((from, target));
                step
            }
        }
    }
}

/// A key such as `days` with a number.
fn counted(entries: &[Entry]) -> Option<&Entry> {
    const UNITS: [&str; 10] =
        ["days", "day", "hours", "hour", "weeks", "week", "minutes", "minute", "months", "business_days"];
    let number = |node: &Node| matches!(node.value, NodeValue::Int(_) | NodeValue::Float(_));
    entries.iter().find(|entry| UNITS.contains(&entry.key.as_str()) && number(&entry.node))
}

/// The step nearest to a misspelt id.
pub(super) fn nearest_step(word: &str, order: &[(String, &'static str)]) -> Option<String> {
    let near = nearest(word, order.iter().map(|(id, _)| id.as_str()))?;
    Some(format!("did you mean `{near}`?"))
}

fn is_step_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= 100 && text.chars().all(allowed) && text != "next" && text != "end"
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    (text.len() == 5).then(|| NaiveTime::parse_from_str(text, "%H:%M").ok())?
}

/// A mapping without some of its keys; anything else as it is.
fn without(node: &Node, keys: &[&str]) -> Node {
    let value = match &node.value {
        NodeValue::Mapping(entries) => {
            let kept = entries.iter().filter(|entry| !keys.contains(&entry.key.as_str()));
            NodeValue::Mapping(kept.cloned().collect())
        }
        other => other.clone(),
    };
    Node { place: node.place, value }
}
