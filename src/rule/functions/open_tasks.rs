//! `open_tasks()`

use super::function::{Example, FactSource, Function, Gives, Param};
use super::window::Window;
use crate::facts::{Arg, History, OwnAct, OwnActs, Subject, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "open_tasks"
    }

    fn summary(&self) -> &'static str {
        "How many tasks of colleagues about the account are open, of whatever playbook."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("How many tasks about the contact are open: those of contact playbooks.")
    }

    fn params(&self) -> &'static [Param] {
        &[]
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::always(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Own
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select count(*) from {tasks} k \
          where {whose k} and k.state <> 'shadow' \
          and k.created_at < {as_of} and (k.ended_at is null or k.ended_at >= {as_of}))"
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let open = call.tasks(history).filter(|task| {
            task.created_at < call.as_of && task.ended_at.is_none_or(|ended| ended >= call.as_of)
        });
        Value::Int(open.count() as i64)
    }

    fn own_act(&self) -> Option<OwnAct> {
        Some(OwnAct::Task)
    }

    fn after(&self, value: &Value, _subject: Subject, _args: &[Arg], acts: &OwnActs) -> Option<Value> {
        match value {
            Value::Int(open) => Some(Value::Int(open + acts.opened_tasks)),
            _ => None,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example { expression: r#"account.open_tasks() == 0"#, meaning: "No colleague has anything to do for the account." }]
    }
}
