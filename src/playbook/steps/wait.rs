//! Reading `wait`: a span, a date, or a condition with where it leads.

use chrono::NaiveTime;

use super::reader::{ID_KEY, StepReader};
use crate::playbook::reader::{Fields, Form, Key, KeyRule, NameOf, Shape, duration};
use crate::playbook::yaml::{Entry, Node, NodeValue};
use crate::playbook::{Goto, Source, Wait, WaitOn, duration as spans};

/// What stands behind `wait`.
pub const WAIT: Shape = Shape::Either(&[Shape::Span, Shape::Form(&WAIT_KEYS)]);

static WAIT_KEYS: Form = Form::new(
    "step wait",
    &[
        &[ID_KEY],
        &[
            Key::new("for", Shape::Span, "A span of time, such as `3d` or `2 business days`."),
            Key::new(
                "date",
                Shape::Expression,
                "An instant, such as `account.renewal_at - days(60)`; if it moves, the wait moves.",
            ),
            Key::new("until", Shape::Expression, "A condition; needs `at_most`."),
            Key::new("at_most", Shape::Span, "How long `until` is waited for, such as `5d`."),
            Key::new(
                "at",
                Shape::text_like("^([01][0-9]|2[0-3]):[0-5][0-9]$", "a time of day in quotes, such as `09:00`"),
                "With `for` or `date`: goes on at the next such time of day where the account is, such as `\"09:00\"`.",
            ),
            Key::new(
                "on_met",
                Shape::Name(NameOf::Goto),
                "Where to go when `until` holds: `next` (default), `end`, or the id of a later step.",
            ),
            Key::new(
                "on_timeout",
                Shape::Name(NameOf::Goto),
                "Where to go when `at_most` is over: `next` (default), `end`, or the id of a later step.",
            ),
        ],
    ],
)
.rules(&[
    KeyRule::OneOf(&["for", "date", "until"]),
    KeyRule::Needs("until", "at_most"),
    KeyRule::Needs("at_most", "until"),
    KeyRule::Needs("on_met", "until"),
    KeyRule::Needs("on_timeout", "until"),
    KeyRule::Excludes("at", "until"),
]);

impl StepReader<'_> {
    pub(super) fn wait(&mut self, body: &Node, position: usize) -> Option<Wait> {
        let file = self.file.clone();
        if body.as_mapping().is_none() {
            let length = duration(&file, "wait", body, self.problems)?;
            return Some(Wait { on: WaitOn::For(length), at: None });
        }
        let mut fields = Fields::new(&file, body, &WAIT_KEYS, self.problems);
        fields.take("id");
        if fields.take_foreign("if").is_some() {
            let at = fields.key_place("if").unwrap_or(body.place);
            let message = "a wait has no `if`";
            fields.error_with_help("KW0101", at, message, "put the wait inside a `branch`");
        }
        let forms = ["for", "date", "until"];
        let given: Vec<&str> = forms.into_iter().filter(|key| fields.has(key)).collect();
        if let (true, Some(entry)) = (given.is_empty(), body.as_mapping().and_then(|entries| counted(entries))) {
            let text = format!("{} {}", entry.node.describe().trim_start_matches("the number "), entry.key);
            let message = format!("a wait has no key `{}`", entry.key);
            let right = spans::meant(&text);
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

impl Goto {
    /// As an author writes it.
    pub(in crate::playbook) fn word(&self) -> &str {
        match self {
            Goto::Next => "next",
            Goto::End => "end",
            Goto::Step(id) => id,
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

fn time_of_day(text: &str) -> Option<NaiveTime> {
    (text.len() == 5).then(|| NaiveTime::parse_from_str(text, "%H:%M").ok())?
}
