//! `read_playbook`: the text of a file.

use serde_json::{Value as Json, json};

use crate::cli::mcp::arguments::{Arguments, Parameter};
use crate::cli::mcp::tool::Tool;
use crate::cli::mcp::workplace::Workplace;
use crate::playbook::source::{SourceFile, read_file};

pub const TOOL: Tool = Tool {
    name: "read_playbook",
    title: "The text of a playbook",
    about: "The text of a file below the playbooks' folder.",
    parameters: &[Parameter::text("file", "The file, as `list_playbooks` names it.").required()],
    answers: &[("playbook", "object")],
    writes: false,
    call: |workplace, arguments| Box::pin(async { call(workplace, arguments) }),
};

fn call(workplace: &Workplace, arguments: &Arguments) -> anyhow::Result<Json> {
    let path = workplace.file(arguments.text("file").unwrap_or_default())?;
    let SourceFile { path, text } =
        read_file(&path).map_err(|problem| anyhow::anyhow!("{}: {}", problem.file, problem.message))?;
    Ok(json!({ "playbook": { "file": path, "text": text } }))
}
