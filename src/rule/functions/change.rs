//! `change(column, days)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::window::Window;
use crate::facts::{Arg, History, Type, Value};

pub struct Fact;

/// What is nearer to 0 has no percentage of itself.
const LEAST: f64 = 1e-6;
const MOST: f64 = 1e15;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "change"
    }

    fn summary(&self) -> &'static str {
        "By how many percent a number of the account changed against what it was that many days ago; none without history from then, or where it was 0."
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("column", ParamKind::NumberColumn), Param::required("days", ParamKind::DaysAgo)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Float)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn has_past(&self) -> bool {
        false
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select case when abs(c.before) between 1e-6 and 1e15 and abs(c.now) <= 1e15 \
            then (c.now - c.before) * 100 / abs(c.before) end \
          from (select ({number})::float8 as now, (select case when jsonb_typeof(h.became -> {column}) = 'number' \
              then case when abs((h.became ->> {column})::numeric) between 1e-6 and 1e15 then (h.became ->> {column})::float8 end end \
            from {changes} h where h.account_id = {account} and h.at < {since} \
            order by h.at desc, h.id desc limit 1) as before) c)"
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let (Some(column), Some(since)) = (call.text("column"), call.since) else { return Value::Null };
        let now = history.column(column, call.as_of).and_then(number);
        let before = history.as_it_was(column, since).as_ref().and_then(number);
        match (now, before) {
            (Some(now), Some(before)) if (LEAST..=MOST).contains(&before.abs()) && now.abs() <= MOST => {
                Value::Float((now - before) * 100.0 / before.abs())
            }
            _ => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"(account.change("seats", 90) ?? 0) >= 20"#,
            meaning: "A fifth more seats than three months ago.",
        }]
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(whole) => Some(*whole as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}
