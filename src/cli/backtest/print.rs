//! A backtest for people, and as JSON.

use chrono_tz::Tz;
use serde_json::{Value as Json, json};

use super::{PlaybookBacktest, chart};
use crate::action;
use crate::enrollment::State;
use crate::playbook::Reentry;
use crate::playbook::local_time;
use crate::rehearsal::backtest::{AccountOutcome, Figures, Interval, PastPlay, Period, Quartiles, Tally};

pub(super) fn as_json(made: &PlaybookBacktest) -> Json {
    let period = made.backtest.period();
    let mut answer = json!({
        "playbook": made.playbook.playbook.id,
        "revision": made.playbook.revision,
        "from": period.from,
        "to": period.to,
        "slots": made.backtest.slots().len(),
        "accounts": made.tally.accounts,
        "firings": firings_as_json(&made.tally),
        "outcome": made.backtest.outcome().condition.text,
        "within_days": made.backtest.outcome().within.num_seconds() as f64 / 86_400.0,
        "effects": made.tally.effects.iter().map(|((kind, step), count)| {
            json!({ "kind": kind, "step": step, "count": count })
        }).collect::<Vec<_>>(),
        "ends": made.tally.ends.iter().map(|(state, count)| (state.name().to_owned(), json!(count)))
            .collect::<serde_json::Map<_, _>>(),
        "undecided": made.tally.undecided.iter().map(|(reason, count)| {
            json!({ "reason": reason, "subjects": count })
        }).collect::<Vec<_>>(),
        "overlap": made.tally.overlaps.iter().map(|(playbook, overlap)| {
            json!({ "playbook": playbook, "accounts": overlap.accounts, "together": overlap.together })
        }).collect::<Vec<_>>(),
        "not_compared": made.left_out,
        "not_applied": not_applied(made),
    });
    add(&mut answer, figures_as_json(&made.tally.figures()));
    add(&mut answer, constant_as_json(&made.tally));
    answer
}

/// Adds the keys of one object to another.
pub(super) fn add(answer: &mut Json, more: Json) {
    if let (Some(answer), Json::Object(more)) = (answer.as_object_mut(), more) {
        answer.extend(more);
    }
}

/// The firings, by their slots.
pub(super) fn firings_as_json(tally: &Tally) -> Vec<Json> {
    let mut firings: Vec<(crate::clock::Instant, Vec<String>)> = Vec::new();
    for firing in &tally.firings {
        match firings.last_mut() {
            Some((slot, subjects)) if *slot == firing.slot => subjects.push(firing.subject.to_string()),
            _ => firings.push((firing.slot, vec![firing.subject.to_string()])),
        }
    }
    firings.iter().map(|(slot, subjects)| json!({ "slot": slot, "subjects": subjects })).collect()
}

/// How well firings foresaw the outcome.
pub(super) fn figures_as_json(figures: &Figures) -> Json {
    json!({
        "hits": figures.hits,
        "misses": figures.misses,
        "false_alarms": figures.false_alarms,
        "pending": figures.pending,
        "precision": figures.precision,
        "recall": figures.recall,
        "lead_days": figures.lead_days.map(|Quartiles { p25, median, p75 }| {
            json!({ "p25": p25, "median": median, "p75": p75 })
        }),
        "base_rate": figures.base_rate,
        "lift": figures.lift.map(|Interval { value, low, high }| json!({ "value": value, "low": low, "high": high })),
    })
}

/// The facts that were held constant.
pub(super) fn constant_as_json(tally: &Tally) -> Json {
    let facts = tally.constant_facts();
    json!({
        "constant": facts.iter().map(|fact| fact.fact.clone()).collect::<Vec<_>>(),
        "constant_shares": facts.iter().map(|fact| {
            json!({ "fact": fact.fact, "share": fact.share, "instead": fact.instead })
        }).collect::<Vec<_>>(),
    })
}

pub(super) fn print(made: &PlaybookBacktest) {
    let (playbook, tally) = (&made.playbook.playbook, &made.tally);
    let firings = tally.firings.len();
    print_firings(&playbook.id, made.playbook.zone, (&made.backtest.period(), made.backtest.slots().len()), tally);
    if firings > 0 {
        say!();
        for ((kind, step), count) in &tally.effects {
            let noun = action::kind(kind).and_then(|kind| kind.form().expected).map_or(*kind, |expected| expected.noun);
            say!("  {noun} `{step}`: {count}");
        }
        let ends = tally.ends.iter().map(|(state, count)| format!("{} {count}", state.name()));
        let active = firings as u64 - tally.ends.values().sum::<u64>();
        let ends: Vec<String> =
            ends.chain((active > 0).then(|| format!("{} {active}", State::Active.name()))).collect();
        say!("  how these went on: {}", ends.join(", "));
    }
    print_undecided(tally);
    say!();
    print_figures(made.backtest.outcome(), &tally.figures());
    if !tally.overlaps.is_empty() {
        say!();
        say!("  beside it, for accounts that it fired for:");
        for (other, overlap) in &tally.overlaps {
            say!("    {other}: {} accounts, {} of them within 30 days", overlap.accounts, overlap.together);
        }
    }
    for left_out in &made.left_out {
        say!("  not compared: {left_out}");
    }
    print_constant(tally);
    say!();
    say!("  {}", not_applied(made));
}

/// What was played, how many firings there were, and when.
pub(super) fn print_firings(what: &str, zone: Tz, (period, slots): (&Period, usize), tally: &Tally) {
    let date = |at| local_time::date(zone, at);
    say!("{what}, from {} to {}", date(period.from), date(period.to));
    let mut subjects: Vec<_> = tally.firings.iter().map(|firing| &firing.subject).collect();
    subjects.sort();
    subjects.dedup();
    let firings = tally.firings.len();
    say!("  {slots} slots, {} accounts: {firings} firings for {} of them", tally.accounts, subjects.len());
    for line in chart::bars(period, tally) {
        say!("  {line}");
    }
}

pub(super) fn print_undecided(tally: &Tally) {
    for (reason, count) in &tally.undecided {
        say!("  not decided at some slot, for {count}: {reason}");
    }
}

pub(super) fn print_constant(tally: &Tally) {
    let constant = tally.constant_facts();
    if !constant.is_empty() {
        say!();
        say!("  without a past, and so held constant:");
        for fact in constant {
            say!("    {} at {} of the decisions: {}", fact.fact, percent(fact.share), fact.instead);
        }
    }
}

pub(super) fn print_figures(outcome: &AccountOutcome, figures: &Figures) {
    let days = outcome.within.num_days();
    say!("  outcome: {} within {days} days of the first firing", outcome.condition.text);
    if figures.hits + figures.misses == 0 {
        say!("    it came true for nobody in that time, as far as the store's history goes");
    }
    say!("    hits {}, false alarms {}, misses {}", figures.hits, figures.false_alarms, figures.misses);
    if figures.pending > 0 {
        say!("    of the false alarms, {} still have time", figures.pending);
    }
    let shares = [("precision", figures.precision), ("recall", figures.recall), ("base rate", figures.base_rate)];
    let shares: Vec<String> =
        shares.iter().filter_map(|(name, share)| Some(format!("{name} {}", percent((*share)?)))).collect();
    if !shares.is_empty() {
        say!("    {}", shares.join(", "));
    }
    if let Some(Quartiles { p25, median, p75 }) = figures.lead_days {
        say!("    lead time {median:.0} days (half of them between {p25:.0} and {p75:.0})");
    }
    if let Some(Interval { value, low, high }) = figures.lift {
        say!(
            "    lift {value:.1} (between {low:.1} and {high:.1}): who fires is that many times as likely to get there"
        );
    }
}

pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 1.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// What of the playbook a backtest leaves out.
fn not_applied(made: &PlaybookBacktest) -> String {
    let playbook = &made.playbook.playbook;
    let mut left_out = vec!["holds, canaries and ramps"];
    if playbook.holdout.is_some() {
        left_out.push("the holdout");
    }
    if playbook.guardrails.max_per_day.is_some() {
        left_out.push("`max_per_day`");
    }
    let reentry = match playbook.reentry {
        Reentry::Never => "; it is taken to have been new at the beginning",
        _ => "",
    };
    format!("not applied: {}; nobody completed a task or answered a survey{reentry}", left_out.join(", "))
}
