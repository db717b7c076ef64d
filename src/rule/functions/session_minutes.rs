//! `session_minutes(gap, days)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::sessions::sessions;
use super::window::Window;
use crate::facts::{Arg, History, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "session_minutes"
    }

    fn summary(&self) -> &'static str {
        "How many minutes the sessions of the last days lasted on average; none without an event. A session is one contact's events without a longer gap than that."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("How many minutes the contact's sessions of the last days lasted on average; none without an event.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("gap", ParamKind::Gap), Param::required("days", ParamKind::Days)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Float)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select sum(s.microseconds)::float8 / nullif(count(*), 0) / 60000000 from ( \
            select (extract(epoch from max(n.at) - min(n.at)) * 1000000)::int8 as microseconds from ( \
              select b.contact_id, b.at, count(*) filter (where b.earlier is null or b.at - b.earlier > {gap}) \
                over (partition by b.contact_id order by b.at rows unbounded preceding) as session from ( \
                select e.contact_id, e.at, lag(e.at) over (partition by e.contact_id order by e.at) as earlier \
                from {events} e where {whose e} and e.at >= {since} and e.at < {as_of}) b) n \
            group by n.contact_id, n.session) s)"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "( \
              select n.account_id, n.contact_id, \
                (extract(epoch from max(n.at) - min(n.at)) * 1000000)::int8 as microseconds from ( \
                select b.account_id, b.contact_id, b.at, \
                  count(*) filter (where b.earlier is null or b.at - b.earlier > {gap}) \
                  over (partition by b.account_id, b.contact_id order by b.at rows unbounded preceding) as session \
                from (select e.account_id, e.contact_id, e.at, \
                    lag(e.at) over (partition by e.account_id, e.contact_id order by e.at) as earlier \
                  from {events} e where e.at >= {since} and e.at < {as_of}) b) n \
              group by n.account_id, n.contact_id, n.session) s",
            alias: "s",
            rows: "true",
            fold: PassFold::Hashed,
            value: "sum(s.microseconds) filter (where {rows})::float8 \
                / nullif(count(*) filter (where {rows}), 0) / 60000000",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let lengths: Vec<i64> = sessions(history, call)
            .into_iter()
            .filter_map(|(began, ended)| (ended - began).num_microseconds())
            .collect();
        match lengths.len() {
            0 => Value::Null,
            count => Value::Float(lengths.iter().sum::<i64>() as f64 / count as f64 / 60_000_000.0),
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"(account.session_minutes("30m", 28) ?? 0) < 3"#,
            meaning: "A visit of the last four weeks lasted less than three minutes on average.",
        }]
    }
}
