//! `days_since_touch()`

use super::function::{Example, FactSource, Function, Gives, Param};
use super::window::Window;
use crate::facts::time::days_since;
use crate::facts::{Arg, History, OwnAct, OwnActs, Subject, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "days_since_touch"
    }

    fn summary(&self) -> &'static str {
        "Whole days since the last customer mail was delivered, task was completed or configured touch event happened; none without any."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("Whole days since the last mail to the contact was delivered, task about the contact was completed or configured touch event of theirs happened; none without any.")
    }

    fn params(&self) -> &'static [Param] {
        &[]
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Own
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select floor(extract(epoch from {as_of} - max(t.at)) / 86400) \
          from (select m.sent_at as at from {messages} m \
          where {whose m} and m.channel = 'email' and not m.shadow \
          and m.state in ('accepted', 'captured') and m.sent_at < {as_of} \
          union all \
          select k.ended_at from {tasks} k \
          where {whose k} and k.state = 'done' and k.ended_at < {as_of} \
          union all \
          select e.at from {touches} e \
          where {whose e} and e.at < {as_of}) t)"
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let completed = call.tasks(history).filter(|task| task.done).filter_map(|task| task.ended_at);
        let events = call.events(history).filter(|event| history.touch_events.contains(&event.name));
        let touches = call.mails(history).map(|mail| mail.sent_at).chain(completed).chain(events.map(|event| event.at));
        match touches.filter(|at| *at < call.as_of).max() {
            Some(at) => Value::Int(days_since(call.as_of, at)),
            None => Value::Null,
        }
    }

    fn own_act(&self) -> Option<OwnAct> {
        Some(OwnAct::Mail)
    }

    fn after(&self, _value: &Value, subject: Subject, _args: &[Arg], acts: &OwnActs) -> Option<Value> {
        let mailed = match subject {
            Subject::Account => acts.mailed,
            Subject::Contact => acts.mailed_contact,
        };
        mailed.then_some(Value::Int(0))
    }

    fn examples(&self) -> &'static [Example] {
        &[Example { expression: r#"(account.days_since_touch() ?? 9999) > 30"#, meaning: "Nobody has written to them or worked for them for a month." }]
    }
}
