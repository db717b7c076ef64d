//! `score_change(name)`, `score_change(name, days)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{LATEST_SCORE, Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "score_change"
    }

    fn summary(&self) -> &'static str {
        "The latest score minus the previous one of the same contact (or of the account), or minus the score as of that many days ago; none without both."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("The contact's latest score minus the one before, or minus the score as of that many days ago; none without both.")
    }

    fn params(&self) -> &'static [Param] {
        const {
            &[
                Param::required("name", ParamKind::Text).names(NameKind::Score),
                Param::optional("days", ParamKind::Days),
            ]
        }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::maybe(Type::Float)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, args: &[Arg]) -> &'static str {
        if args.len() == 1 {
            "(select c.change \
          from (select s.own, s.contact_id, s.at, s.id, s.value \
          - lag(s.value) over (partition by s.own, s.contact_id order by s.at, s.id collate \"C\") as change \
          from {scores} s \
          where {whose s} and s.name = {name} and s.seen < {as_of}) c \
          order by c.own desc, (c.contact_id is null) desc, c.at desc, c.id collate \"C\" desc limit 1)"
        } else {
            "((select s.value from {scores} s \
          where {whose s} and s.name = {name} and s.seen < {as_of} \
          order by s.own desc, (s.contact_id is null) desc, s.at desc, s.id collate \"C\" desc limit 1) \
          - (select s.value from {scores} s \
          where {whose s} and s.name = {name} and s.seen < {since} \
          order by s.own desc, (s.contact_id is null) desc, s.at desc, s.id collate \"C\" desc limit 1))"
        }
    }

    fn pass(&self, args: &[Arg]) -> Option<Pass> {
        Some(if args.len() == 1 {
            Pass {
                // One sort of all scores gives each person's latest two; only their latest are sorted again.
                relation: "(select c.account_id, c.own, c.contact_id, c.at, c.id, c.change from (\
                    select s.account_id, s.own, s.contact_id, s.at, s.id, s.value - lead(s.value) over latest as change, \
                    row_number() over latest as place from {scores} s where s.name = {name} and s.seen < {as_of} \
                    window latest as (partition by s.account_id, s.own, s.contact_id order by s.at desc, s.id collate \"C\" desc)) c \
                    where c.place = 1) s",
                alias: "s",
                rows: "true",
                fold: PassFold::First { order: LATEST_SCORE },
                value: "s.change",
            }
        } else {
            Pass {
                relation: "{scores} s",
                alias: "s",
                rows: "s.name = {name} and s.seen < {as_of}",
                fold: PassFold::Sorted,
                value: "(array_agg(s.value order by s.own desc, (s.contact_id is null) desc, s.at desc, s.id collate \"C\" desc) \
                    filter (where {rows}))[1] \
                    - (array_agg(s.value order by s.own desc, (s.contact_id is null) desc, s.at desc, s.id collate \"C\" desc) \
                    filter (where {rows} and s.seen < {since}))[1]",
            }
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let latest = call.score(history, call.as_of);
        let earlier = match (call.since, latest) {
            (Some(since), _) => call.score(history, since),
            (None, Some(latest)) => call
                .scores(history, call.as_of)
                .filter(|score| score.own.is_some() == latest.own.is_some() && score.contact == latest.contact)
                .filter(|score| (score.at, &score.id) < (latest.at, &latest.id))
                .max_by_key(|score| (score.at, &score.id)),
            (None, None) => None,
        };
        match (latest, earlier) {
            (Some(latest), Some(earlier)) => Value::Float(latest.value - earlier.value),
            _ => Value::Null,
        }
    }

    fn examples(&self) -> &'static [Example] {
        &[
            Example {
                expression: r#"(account.score_change("nps") ?? 0) <= -3"#,
                meaning: "The last answer is at least 3 below the one before by the same person.",
            },
            Example {
                expression: r#"(account.score_change("health", 30) ?? 0) < -20"#,
                meaning: "Health fell by more than 20 within 30 days.",
            },
        ]
    }
}
