//! `stage_before(n)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::{Arg, History, Standing, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "stage_before"
    }

    fn summary(&self) -> &'static str {
        "The stage that the account was in so many moves ago: with 1 the one before its stage of today; none where it was in none, and where no such move is on record."
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("n", ParamKind::Moves)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Text)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn has_past(&self) -> bool {
        false
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select m.was from {moves stage} m \
          where m.found = ({stored stage} is null) and m.seen < {as_of} \
          order by m.at desc, m.place desc offset {n} - 1 limit 1)"
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let place = call.count.and_then(|count| usize::try_from(count - 1).ok());
        let moved = place.and_then(|place| call.moves(history, Standing::Stage).into_iter().nth(place));
        moved.map_or(Value::Null, |moved| moved.was)
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"account.stage == "adopted" && account.stage_before(1) == "at-risk""#,
            meaning: "It has come back: before this stage it was at risk.",
        }]
    }
}
