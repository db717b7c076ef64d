//! `first_session_minutes(gap)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::sessions::sessions;
use super::window::Window;
use crate::facts::{Arg, History, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "first_session_minutes"
    }

    fn summary(&self) -> &'static str {
        "How many whole minutes the first session lasted, from its first to its last event; none before any event. A session is one contact's events without a longer gap than that."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("How many whole minutes the contact's first session lasted; none before any event.")
    }

    fn params(&self) -> &'static [Param] {
        const { &[Param::required("gap", ParamKind::Gap)] }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Int)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select s.minutes from ( \
            select min(n.at) as began, floor(extract(epoch from max(n.at) - min(n.at)) / 60) as minutes from ( \
              select b.contact_id, b.at, count(*) filter (where b.earlier is null or b.at - b.earlier > {gap}) \
                over (partition by b.contact_id order by b.at rows unbounded preceding) as session from ( \
                select e.contact_id, e.at, lag(e.at) over (partition by e.contact_id order by e.at) as earlier \
                from {events} e where {whose e} and e.at < {as_of}) b) n \
            group by n.contact_id, n.session) s \
          order by s.began, s.minutes desc limit 1)"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "( \
              select n.account_id, n.contact_id, min(n.at) as began, \
                floor(extract(epoch from max(n.at) - min(n.at)) / 60) as minutes from ( \
                select b.account_id, b.contact_id, b.at, \
                  count(*) filter (where b.earlier is null or b.at - b.earlier > {gap}) \
                  over (partition by b.account_id, b.contact_id order by b.at rows unbounded preceding) as session \
                from (select e.account_id, e.contact_id, e.at, \
                    lag(e.at) over (partition by e.account_id, e.contact_id order by e.at) as earlier \
                  from {events} e where e.at < {as_of}) b) n \
              group by n.account_id, n.contact_id, n.session) s",
            alias: "s",
            rows: "true",
            fold: PassFold::First { order: "s.began, s.minutes desc" },
            value: "s.minutes",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let first = sessions(history, call).into_iter().min_by_key(|(began, ended)| (*began, *began - *ended));
        first.map_or(Value::Null, |(began, ended)| Value::Int((ended - began).num_minutes()))
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"(account.first_session_minutes("30m") ?? 999) < 5"#,
            meaning: "The first visit was over within five minutes; half an hour without an event ends one.",
        }]
    }
}
