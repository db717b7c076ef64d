//! `test`: the playbooks' own cases.

use serde_json::Value as Json;

use crate::cli::mcp::arguments::{Arguments, Parameter};
use crate::cli::mcp::tool::Tool;
use crate::cli::mcp::workplace::{FILES, Workplace};
use crate::cli::test::{Options, TestFormat, play};

pub const TOOL: Tool = Tool {
    name: "test",
    title: "The playbooks' own test cases",
    about: "Plays the cases of the playbooks in memory, on a frozen clock: the answer of `keepwell test --format \
            json`, with the difference between what was expected and what happened. Of a file with errors no case is \
            played; they are under `errors`.",
    parameters: &[
        FILES,
        Parameter::flag("coverage", "Also list what no case tries: clauses, steps, ways of branches and waits."),
        Parameter::flag("mutants", "Also make one mistake at a time in the conditions, and list those no case notices."),
    ],
    answers: &[("tests", "array")],
    writes: false,
    call: |workplace, arguments| Box::pin(async { call(workplace, arguments) }),
};

fn call(workplace: &Workplace, arguments: &Arguments) -> anyhow::Result<Json> {
    let options = Options {
        path: workplace.files(arguments)?,
        facts: workplace.facts.clone(),
        mutants: arguments.flag("mutants"),
        coverage: arguments.flag("coverage"),
        update: false,
        watch: false,
        allow_empty: false,
        format: TestFormat::Json,
    };
    let played = play(&workplace.global, &options)?;
    played.need_cases(&workplace.global, &options)?;
    let mut json = played.to_json();
    if let Some(errors) = played.errors() {
        json["errors"] = errors["diagnostics"].clone();
    }
    Ok(json)
}
