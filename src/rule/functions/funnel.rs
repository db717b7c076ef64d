//! `funnel([steps])`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "funnel"
    }

    fn summary(&self) -> &'static str {
        "How many of these events were reached, in order: the first one, then the next one after it, and so on."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("How many of these events the contact reached, in order: the first one, then the next one after it, and so on.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("steps", ParamKind::Texts).names(NameKind::Event)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::always(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(with recursive reached (steps, at) as (\
          select 0, '-infinity'::timestamptz \
          union all \
          select r.steps + 1, (select min(e.at) from {events} e \
          where {whose e} and e.name = ({steps})[r.steps + 1] \
          and e.at > r.at and e.at < {as_of}) \
          from reached r where r.at is not null and r.steps < cardinality({steps})) \
          select max(r.steps) from reached r where r.at is not null)"
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let mut reached = 0;
        let mut last = None;
        for step in call.list {
            match call.after(history, step, last) {
                Some(at) => last = Some(at),
                None => break,
            }
            reached += 1;
        }
        Value::Int(reached)
    }

    fn examples(&self) -> &'static [Example] {
        &[Example { expression: r#"account.funnel(["signup", "import", "report"]) < 2"#, meaning: "They have not imported anything since they signed up." }, Example { expression: r#"account.funnel(["trial started", "invite", "login"]) == 3"#, meaning: "The trial went all the way: started, then invited a colleague, then a login." }]
    }
}
