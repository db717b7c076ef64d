//! The functions of the language, as Rhai calls them.

use std::sync::Arc;

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Map};

use super::context::{Current, look_up};
use super::date;
use super::error::fail;
use super::names::{Since, SubjectRef, cell};
use super::operators::needs;
use super::value::{Span, describe, texts, to_dynamic};
use crate::clock::Instant;
use crate::facts::{Arg, Cell, CellPath, KpiQuestion, Subject, time};
use crate::plan_link::PlanLinks;
use crate::playbook::season::Seasons;
use crate::rule::functions::global::{KPI, KPI_CHANGE};
use crate::rule::functions::{FUNCTIONS, has_plan};
use crate::rule::property_literal::of_map;

/// Registers the functions that need no season.
pub(crate) fn register(engine: &mut Engine) {
    register_time(engine);
    register_progress(engine);
    register_facts(engine);
    register_kpis(engine);
}

fn register_time(engine: &mut Engine) {
    type Count = fn(Instant, Instant) -> i64;
    let counts: [(&str, Count); 4] = [
        ("days_since", time::days_since),
        ("days_until", time::days_until),
        ("hours_since", time::hours_since),
        ("hours_until", time::hours_until),
    ];
    for (name, count) in counts {
        engine.register_fn(name, move |t: Dynamic| {
            on_time(name, &t, |current, t| Dynamic::from(count(current.now(), t)))
        });
    }
    engine.register_fn("month", |t: Dynamic| {
        on_time("month", &t, |current, t| Dynamic::from(time::month(t, current.context.zone)))
    });
    engine.register_fn("day", |t: Dynamic| {
        on_time("day", &t, |current, t| Dynamic::from(time::day(t, current.context.zone)))
    });
    engine.register_fn("weekday", |t: Dynamic| {
        on_time("weekday", &t, |current, t| Dynamic::from(time::weekday(t, current.context.zone)))
    });
    engine.register_fn("period", |unit: ImmutableString| {
        look_up(|current| {
            time::period(current.now(), &unit, current.context.zone)
                .map(Dynamic::from)
                .ok_or_else(|| format!("`period(\"{unit}\")`: week, month, quarter or year"))
        })
    });
    engine.register_fn("days", |n: Dynamic| make_span("days", &n, chrono::Duration::try_days));
    engine.register_fn("hours", |n: Dynamic| make_span("hours", &n, chrono::Duration::try_hours));
}

/// Registers `in_season`, for an installation with these seasons.
pub(crate) fn register_seasons(engine: &mut Engine, seasons: Arc<Seasons>) {
    engine.register_fn("in_season", move |name: ImmutableString| {
        look_up(|current| match seasons.get(&name) {
            Some(season) => Ok(Dynamic::from(season.contains(current.now(), current.context.zone))),
            None => Err(format!("there is no season \"{name}\"")),
        })
    });
}

/// Registers `plan_link`, for an installation with these links.
pub(crate) fn register_plan_links(engine: &mut Engine, links: PlanLinks) {
    engine.register_fn("plan_link", move |plan: ImmutableString| {
        look_up(|current| {
            let has_it = current.cell(&Cell { subject: Subject::Account, path: has_plan(&plan) })?;
            Ok(match has_it.as_bool() {
                Ok(true) => Dynamic::from(links.link(&current.context.facts.account, &plan, current.now())),
                _ => Dynamic::UNIT,
            })
        })
    });
}

fn make_span(
    name: &str,
    count: &Dynamic,
    length: fn(i64) -> Option<chrono::Duration>,
) -> Result<Span, Box<EvalAltResult>> {
    match count.as_int() {
        Ok(count) => length(count).map(Span).ok_or_else(|| "the span is too long".into()),
        Err(_) => fail(format!("`{name}` needs a whole number, not {}", describe(count))),
    }
}

fn on_time(
    name: &str,
    value: &Dynamic,
    answer: impl FnOnce(&Current, Instant) -> Dynamic,
) -> Result<Dynamic, Box<EvalAltResult>> {
    if value.is_unit() {
        return Ok(Dynamic::UNIT);
    }
    look_up(|current| {
        let time = date::read(value, current.context.zone)?.and_then(|time| time.try_cast::<Instant>());
        time.map(|t| answer(current, t)).ok_or_else(|| needs(name, "a time", value))
    })
}

fn register_progress(engine: &mut Engine) {
    engine.register_fn("done", |step: ImmutableString| {
        look_up(|current| Ok(Dynamic::from(current.progress()?.done.contains(step.as_str()))))
    });
    engine.register_fn("sent", |step: ImmutableString| {
        look_up(|current| Ok(Dynamic::from(current.progress()?.sent.contains(step.as_str()))))
    });
    engine.register_fn("answer", |step: ImmutableString| {
        look_up(|current| Ok(current.progress()?.answers.get(step.as_str()).map_or(Dynamic::UNIT, to_dynamic)))
    });
    engine.register_fn("outcome", |step: ImmutableString| {
        look_up(|current| {
            let outcome = current.progress()?.outcomes.get(step.as_str());
            Ok(outcome.map_or(Dynamic::UNIT, |text| Dynamic::from(text.clone())))
        })
    });
}

fn register_kpis(engine: &mut Engine) {
    engine.register_fn(KPI, |id: ImmutableString| kpi(&id, None));
    engine.register_fn(KPI_CHANGE, |id: ImmutableString, days: i64| kpi(&id, Some(days)));
}

fn kpi(id: &str, days: Option<i64>) -> Result<Dynamic, Box<EvalAltResult>> {
    let path = CellPath::Kpi(KpiQuestion { id: id.to_owned(), days });
    look_up(|current| current.cell(&Cell { subject: Subject::Account, path }))
}

fn register_facts(engine: &mut Engine) {
    for function in FUNCTIONS {
        let name = function.name();
        for count in function.forms().iter().map(Vec::len) {
            match count {
                0 => engine.register_fn(name, move |subject: &mut SubjectRef| call(*subject, name, &[])),
                1 => engine.register_fn(name, move |subject: &mut SubjectRef, a: Dynamic| call(*subject, name, &[a])),
                2 => engine.register_fn(name, move |subject: &mut SubjectRef, a: Dynamic, b: Dynamic| {
                    call(*subject, name, &[a, b])
                }),
                3 => engine.register_fn(name, move |subject: &mut SubjectRef, a: Dynamic, b: Dynamic, c: Dynamic| {
                    call(*subject, name, &[a, b, c])
                }),
                _ => engine.register_fn(
                    name,
                    move |subject: &mut SubjectRef, a: Dynamic, b: Dynamic, c: Dynamic, d: Dynamic| {
                        call(*subject, name, &[a, b, c, d])
                    },
                ),
            };
        }
    }
}

fn call(subject: SubjectRef, function: &'static str, args: &[Dynamic]) -> Result<Dynamic, Box<EvalAltResult>> {
    let args = args
        .iter()
        .map(|arg| {
            if let Ok(number) = arg.as_int() {
                return Ok(Arg::Int(number));
            }
            if let Some(since) = arg.clone().try_cast::<Since>() {
                return Ok(match since {
                    Since::Entry => Arg::SinceEntry,
                    Since::Step => Arg::SinceStep,
                });
            }
            if arg.is_array()
                && let Some(list) = texts(arg)
            {
                return Ok(Arg::Texts(list));
            }
            if let Some(filter) = arg.read_lock::<Map>().and_then(|map| of_map(&map)) {
                return Ok(Arg::Properties(filter));
            }
            match arg.clone().into_immutable_string() {
                Ok(text) => Ok(Arg::Text(text.to_string())),
                Err(_) => fail(format!("`{function}` takes literal arguments")),
            }
        })
        .collect::<Result<Vec<Arg>, _>>()?;
    cell(subject, CellPath::Call { function, args })
}
