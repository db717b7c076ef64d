//! `plan`: whom a run would touch.

use serde_json::Value as Json;

use crate::cli::Format;
use crate::cli::mcp::arguments::{Arguments, Parameter};
use crate::cli::mcp::tool::Tool;
use crate::cli::mcp::workplace::Workplace;
use crate::cli::plan::{Options, answer, to_json};

pub const TOOL: Tool = Tool {
    name: "plan",
    title: "Whom a run would touch",
    about: "Who would enter, go on and leave if the playbooks of the folder ran now, with the values that decided, \
            every message and task of the whole way, what would hold the run, and each colleague's workload: the answer \
            of `keepwell plan --format json`. It reads the customer store in the database; nothing is published or sent.",
    parameters: &[
        Parameter::text("playbook", "Only the playbook with this id. All when absent."),
        Parameter::text("account", "Show only what concerns the account with this id."),
        Parameter::instant("at", "The instant of the run. Now when absent."),
        Parameter::flag("text", "Also give what every message and task would say."),
    ],
    answers: &[("plan", "array")],
    writes: false,
    call: |workplace, arguments| Box::pin(call(workplace, arguments)),
};

async fn call(workplace: &Workplace, arguments: &Arguments) -> anyhow::Result<Json> {
    let options = Options {
        at: arguments.instant("at"),
        playbook: arguments.owned("playbook"),
        text: arguments.flag("text"),
        out: None,
        eml: None,
        account: arguments.owned("account"),
        format: Format::Json,
    };
    let (plans, slot) = answer(&workplace.global, &options).await?;
    Ok(to_json(&plans, slot))
}
