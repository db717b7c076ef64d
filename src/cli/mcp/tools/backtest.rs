//! `backtest`: what a playbook would have done in the past, or what a score would have said.

use chrono::TimeDelta;
use serde_json::Value as Json;

use crate::cli::Format;
use crate::cli::backtest::{OUTCOME, Options, WITHIN, answer, beginning, end, span, threshold, to_json};
use crate::cli::mcp::arguments::{Arguments, Parameter};
use crate::cli::mcp::tool::Tool;
use crate::cli::mcp::workplace::Workplace;

pub const TOOL: Tool = Tool {
    name: "backtest",
    title: "What a playbook would have done",
    about: "Plays a playbook of the folder on the past of the customer store, slot by slot, and compares with what became \
            of the accounts: when it would have fired and for whom, hits, false alarms and misses, precision, recall, lead \
            time and lift over the base rate, the overlap with the other playbooks, and the facts that have no past. With \
            `below` it does the same for a score that falls below a value, and for each of its factors: the answer of `keepwell backtest --format json`. Nothing is published or sent.",
    parameters: &[
        Parameter::text("playbook", "The id of the playbook, or of a score together with `below`.").required(),
        Parameter::text("below", "Of a score: it fires for whom it falls below this value, above 0 and up to 100, such as 40."),
        Parameter::text(
            "from",
            "Where the period begins: a date such as 2025-06-01, in UTC, or an instant. A year before its end when absent.",
        ),
        Parameter::text("to", "Where the period ends: a date, which is its end, or an instant. Now when absent."),
        Parameter::text(
            "outcome",
            "What the playbook should come before: a condition on the account, as in `when`. When absent, that it has \
             churned: account.status == \"churned\".",
        ),
        Parameter::text("within", "How long after it fired the outcome still counts, such as 60d. 90d when absent."),
        Parameter::flag("alone", "Leave out how often the other playbooks would have fired beside it."),
    ],
    answers: &[("backtest", "object")],
    writes: false,
    call: |workplace, arguments| Box::pin(call(workplace, arguments)),
};

async fn call(workplace: &Workplace, arguments: &Arguments) -> anyhow::Result<Json> {
    let options = Options {
        playbook: arguments.owned("playbook").unwrap_or_default(),
        below: read(arguments, "below", threshold)?,
        from: read(arguments, "from", beginning)?,
        to: read(arguments, "to", end)?,
        outcome: arguments.owned("outcome").unwrap_or_else(|| OUTCOME.to_owned()),
        within: read(arguments, "within", span)?.map_or_else(usual_span, Ok)?,
        alone: arguments.flag("alone"),
        csv: None,
        svg: None,
        format: Format::Json,
    };
    Ok(to_json(&answer(&workplace.global, &options).await?))
}

fn usual_span() -> anyhow::Result<TimeDelta> {
    span(WITHIN).map_err(anyhow::Error::msg)
}

/// An argument as the command reads it.
fn read<T>(
    arguments: &Arguments,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> anyhow::Result<Option<T>> {
    let wrong = |why| anyhow::anyhow!("the argument `{name}` of `backtest`: {why}");
    arguments.text(name).map(|text| parse(text).map_err(wrong)).transpose()
}
