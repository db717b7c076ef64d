//! `check`: every mistake.

use serde_json::Value as Json;

use crate::cli::check::find_all;
use crate::cli::mcp::arguments::{Arguments, Parameter};
use crate::cli::mcp::tool::Tool;
use crate::cli::mcp::workplace::{FILES, Workplace};

pub const TOOL: Tool = Tool {
    name: "check",
    title: "Every mistake in the playbooks",
    about: "Finds every mistake at once, each with its code, place and advice: the answer of `keepwell check --format \
            json`. Cases that fail are among them; `test` says more of these, and `explain_code` of a code.",
    parameters: &[
        FILES,
        Parameter::flag("store", "Against the customer store in the database, with its own columns and names."),
    ],
    answers: &[("diagnostics", "array")],
    writes: false,
    call: |workplace, arguments| Box::pin(call(workplace, arguments)),
};

async fn call(workplace: &Workplace, arguments: &Arguments) -> anyhow::Result<Json> {
    let (files, of_store) = (workplace.files(arguments)?, arguments.flag("store"));
    let facts = workplace.facts.as_deref().filter(|_| !of_store);
    let checked = find_all(&workplace.global, &files, facts, of_store).await?;
    checked.need_playbooks(&workplace.global, &files)?;
    Ok(checked.to_json())
}
