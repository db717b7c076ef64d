//! `label(name)`

use std::collections::BTreeMap;

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::history::LabelRecord;
use crate::facts::{Arg, History, OwnAct, OwnActs, Subject, Type, Value};

/// What authors call it.
pub const LABEL: &str = "label";

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        LABEL
    }

    fn summary(&self) -> &'static str {
        "What a step `set` wrote down about the account, else the latest about any of its contacts; none until then."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("What a step `set` of a contact playbook wrote down about the contact itself; none until then.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("name", ParamKind::Label)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Text)
    }

    fn source(&self) -> FactSource {
        FactSource::Own
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select c.value from (\
          select distinct on (l.contact_id) l.contact_id, l.at, l.value from {labels} l \
          where {whose l} and l.name = {name} and not l.shadow and l.at < {as_of} \
          order by l.contact_id, l.at desc) c \
          where c.value is not null \
          order by c.contact_id <> '', c.at desc, c.contact_id collate \"C\" limit 1)"
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        // Of those at one instant, the last that is listed was set last.
        let mut latest: BTreeMap<Option<&str>, &LabelRecord> = BTreeMap::new();
        for label in call.labels(history) {
            let known = latest.entry(label.contact.as_deref()).or_insert(label);
            if label.at >= known.at {
                *known = label;
            }
        }
        let set = latest.iter().filter_map(|(contact, label)| Some((contact, label.at, label.value.as_deref()?)));
        let first = set.min_by_key(|(contact, at, _)| (contact.is_some(), std::cmp::Reverse(*at), **contact));
        first.map_or(Value::Null, |(.., value)| Value::text(value))
    }

    fn own_act(&self) -> Option<OwnAct> {
        Some(OwnAct::Label)
    }

    fn after(&self, _value: &Value, _subject: Subject, args: &[Arg], acts: &OwnActs) -> Option<Value> {
        let Some(Arg::Text(name)) = args.first() else { return None };
        let value = acts.labels.get(name)?;
        Some(value.as_deref().map_or(Value::Null, Value::text))
    }

    fn examples(&self) -> &'static [Example] {
        &[
            Example {
                expression: r#"account.label("risk") == "high""#,
                meaning: "A step `set: { risk: high }` was the last word on it.",
            },
            Example {
                expression: r#"(account.label("tries") ?? 0) < 3"#,
                meaning: "A step `set: { tries: … }` wrote down less than 3, or none did: beside a number it is one.",
            },
        ]
    }
}
