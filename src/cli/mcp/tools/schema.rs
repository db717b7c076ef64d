//! `schema`: the form of a file.

use serde_json::Value as Json;

use crate::cli::mcp::arguments::{Arguments, Parameter};
use crate::cli::mcp::tool::Tool;
use crate::cli::mcp::workplace::Workplace;
use crate::cli::schema::{FileKind, answer};

pub const TOOL: Tool = Tool {
    name: "schema",
    title: "The form of a playbook or a document beside playbooks",
    about: "The JSON Schema (draft-07) of a file in the playbooks folder, with every key, its words and what they mean, and the ids, roles \
            and names of this deployment: the answer of `keepwell schema`. It says nothing of expressions; `check` does.",
    parameters: &[
        Parameter::flag("configuration", "Of the configuration, keepwell.yaml, instead of a playbook."),
        Parameter::flag("store", "With the columns and names of the customer store in the database."),
    ],
    answers: &[("$schema", "string")],
    writes: false,
    call: |workplace, arguments| Box::pin(call(workplace, arguments)),
};

async fn call(workplace: &Workplace, arguments: &Arguments) -> anyhow::Result<Json> {
    let kind = if arguments.flag("configuration") { FileKind::Configuration } else { FileKind::Playbook };
    answer(&workplace.global, kind, arguments.flag("store")).await
}
