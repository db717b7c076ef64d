//! `explain`: why an account enters a playbook, or why not.

use serde_json::Value as Json;
use uuid::Uuid;

use crate::cli::explain::{Options, answer};
use crate::cli::mcp::arguments::{Arguments, Parameter};
use crate::cli::mcp::tool::Tool;
use crate::cli::mcp::workplace::Workplace;
use crate::cli::{Format, id};

pub const TOOL: Tool = Tool {
    name: "explain",
    title: "Why, or why not",
    about: "Why an account or contact enters a playbook or does not, now or at an instant that has passed: each clause \
            with the values read and its truth, what decided, and what would have to change. Or why one message or task \
            is as it is. The answer of `keepwell explain --format json`. A playbook that is published answers as it was \
            in force then, another one as its file stands.",
    parameters: &[
        Parameter::text("playbook", "The id of the playbook; with `subject`."),
        Parameter::text("subject", "The id of an account, or ACCOUNT/CONTACT in a playbook for contacts."),
        Parameter::text("contact", "The id of the contact; `subject` is then the account's id as a whole."),
        Parameter::instant("at", "The instant, as if a run were due then. Now when absent."),
        Parameter::text("message_id", "The id of a message, instead of `playbook` and `subject`."),
        Parameter::text("task_id", "The id of a task, instead of `playbook` and `subject`."),
    ],
    answers: &[("explain", "object")],
    writes: false,
    call: |workplace, arguments| Box::pin(call(workplace, arguments)),
};

async fn call(workplace: &Workplace, arguments: &Arguments) -> anyhow::Result<Json> {
    let options = Options {
        playbook: arguments.owned("playbook"),
        subject: arguments.owned("subject").filter(|subject| !subject.is_empty()),
        contact: arguments.owned("contact").filter(|contact| !contact.is_empty()),
        whole: false,
        at: arguments.instant("at"),
        message: read_id(arguments, "message_id")?,
        task: read_id(arguments, "task_id")?,
        format: Format::Json,
    };
    let asked = [options.playbook.is_some() || options.subject.is_some(), options.message.is_some(), options.task.is_some()];
    anyhow::ensure!(
        asked.into_iter().filter(|asked| *asked).count() == 1,
        "name either `playbook` and `subject`, or a `message_id`, or a `task_id`"
    );
    Ok(answer(&workplace.global, &options).await?.to_json())
}

fn read_id(arguments: &Arguments, name: &str) -> anyhow::Result<Option<Uuid>> {
    let read = |text| id(text).map_err(|why| anyhow::anyhow!("`{name}`: {why}"));
    arguments.text(name).map(read).transpose()
}
