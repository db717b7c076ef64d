//! `diff`: whom a change of the playbooks touches.

use std::path::Path;

use serde_json::Value as Json;

use crate::cli::diff::{DiffFormat, Options, answer, to_json};
use crate::cli::mcp::arguments::{Arguments, Parameter};
use crate::cli::mcp::tool::Tool;
use crate::cli::mcp::workplace::Workplace;

pub const TOOL: Tool = Tool {
    name: "diff",
    title: "Whom a change touches",
    about: "Compares the playbooks of the folder with what is published, or with a git revision: what is different in \
            words, who would enter and who would leave by it, messages and tasks of a week before and after, and each \
            colleague's tasks: the answer of `keepwell diff --format json`. Nothing is published or sent.",
    parameters: &[
        Parameter::text("against", "A git revision such as `main`. What is published when absent."),
        Parameter::text("playbook", "Only the playbook with this id. All when absent."),
        Parameter::instant("at", "The instant at which both texts are decided. Now when absent."),
    ],
    answers: &[("diff", "array")],
    writes: false,
    call: |workplace, arguments| Box::pin(call(workplace, arguments)),
};

async fn call(workplace: &Workplace, arguments: &Arguments) -> anyhow::Result<Json> {
    let against = arguments.owned("against").unwrap_or_else(|| "published".to_owned());
    // Tools read the folder of playbooks and no other.
    anyhow::ensure!(!Path::new(&against).exists(), "`against` is a git revision, or absent; `{against}` is a file or folder");
    let options = Options {
        against,
        at: arguments.instant("at"),
        playbook: arguments.owned("playbook"),
        format: DiffFormat::Json,
    };
    let comparison = answer(&workplace.global, &options).await?;
    Ok(to_json(&comparison))
}
