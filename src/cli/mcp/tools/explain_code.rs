//! `explain_code`: what a code of `check` means.

use serde_json::{Value as Json, json};

use crate::cli::mcp::arguments::{Arguments, Parameter};
use crate::cli::mcp::tool::Tool;
use crate::diagnostic;

pub const TOOL: Tool = Tool {
    name: "explain_code",
    title: "What a code of check means",
    about: "The page of a code, in Markdown, with a wrong and a right example: that of `keepwell check --explain CODE`.",
    parameters: &[Parameter::text("code", "The code, such as KW0207.").required()],
    answers: &[("page", "object")],
    writes: false,
    call: |_, arguments| Box::pin(async { call(arguments) }),
};

fn call(arguments: &Arguments) -> anyhow::Result<Json> {
    let word = arguments.text("code").unwrap_or_default();
    let found = diagnostic::find_code(word);
    let page = found.map_err(|near| anyhow::anyhow!("there is no code `{word}`; did you mean `{near}`?"))?;
    let page = diagnostic::page(page).map(|page| {
        json!({ "code": page.code, "title": page.title, "text": page.text })
    });
    Ok(json!({ "page": page }))
}
