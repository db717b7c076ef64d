//! `days_in_stage()`

use super::function::{Example, FactSource, Function, Gives, Param};
use super::window::Window;
use crate::facts::time::days_since;
use crate::facts::{Arg, History, Standing, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "days_in_stage"
    }

    fn summary(&self) -> &'static str {
        "Whole days since the account came to its stage; none without a stage, and where the store has it and no change of it is on record."
    }

    fn params(&self) -> &'static [Param] {
        &[]
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn has_past(&self) -> bool {
        false
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select case when m.stays then floor(extract(epoch from {as_of} - m.at) / 86400) end \
          from {moves stage} m \
          where m.found = ({stored stage} is null) and m.seen < {as_of} \
          order by m.at desc, m.place desc limit 1)"
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let latest = call.moves(history, Standing::Stage).into_iter().next();
        match latest {
            Some(latest) if latest.stays => Value::Int(days_since(call.as_of, latest.at)),
            _ => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"account.stage == "onboarding" && (account.days_in_stage() ?? 0) >= 30"#,
            meaning: "It is in onboarding for a month or longer.",
        }]
    }
}
