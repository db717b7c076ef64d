//! `owner(role)`

use super::always_there::CSM;
use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "owner"
    }

    fn summary(&self) -> &'static str {
        "The id of the colleague who looks after the account in that role, of \"csm\" its csm_id where nothing else is said; none where nobody does."
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("role", ParamKind::Text).names(NameKind::OwnerRole)] }
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
        "(select coalesce((select min(o.csm_id) from {account_owners} o \
            where o.account_id = {account} and o.role = {role}), \
          case when {role} = 'csm' then {csm} end))"
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let role = call.text("role").unwrap_or_default();
        match history.owners.get(role) {
            Some(id) => Value::text(id),
            None if role == CSM => history.column("csm_id", call.as_of).cloned().unwrap_or(Value::Null),
            None => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example { expression: r#"account.owner("inside") == none"#, meaning: "Nobody looks after it from inside." }]
    }
}
