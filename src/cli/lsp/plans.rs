//! The plan of one playbook as it is in the editor, against the database that
//! the options and the environment name. It takes its time, and other answers
//! do not wait for it.

use std::time::Duration;

use lsp_server::{Message, Notification, RequestId};
use lsp_types::notification::{Notification as _, ShowMessage};
use lsp_types::{MessageType, ShowMessageParams};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::checks::{Editor, check_against_schema};
use super::documents::Documents;
use super::refusal::Refusal;
use super::respond;
use crate::cli::Global;
use crate::cli::database::Database;
use crate::cli::plan::{as_json, plan_file, print};
use crate::clock::Clock;
use crate::diagnostic::Diagnostic;
use crate::postgres::describe_error;
use crate::printable::printable;
use crate::rehearsal::objections;

/// How long a plan may take; nobody looks at the editor longer.
const TIME: Duration = Duration::from_secs(300);

/// A plan that the editor waits for.
pub struct PlanRequest {
    pub id: RequestId,
    /// As diagnostics name the file.
    pub file: String,
    /// The texts at the moment of the request.
    pub documents: Documents,
}

/// Answers requests, one after the other, as long as somebody may send one.
pub async fn answer_plans(global: &Global, editor: &Editor, mut requests: UnboundedReceiver<PlanRequest>) {
    while let Some(PlanRequest { id, file, documents }) = requests.recv().await {
        let answer = match tokio::time::timeout(TIME, plan(global, documents, file)).await {
            Ok(Ok(answer)) => {
                let message = answer["text"].as_str().unwrap_or_default().to_owned();
                let shown = ShowMessageParams { typ: MessageType::INFO, message };
                editor(Message::Notification(Notification::new(ShowMessage::METHOD.to_owned(), shown)));
                Ok(answer)
            }
            Ok(Err(error)) => Err(Refusal::Impossible(describe_error(error.as_ref()))),
            Err(_) => {
                let minutes = TIME.as_secs() / 60;
                Err(Refusal::Impossible(format!(
                    "the plan was not there after {minutes} minutes: `keepwell plan` waits"
                )))
            }
        };
        editor(Message::Response(respond(id, answer)));
    }
}

/// The plan as of now, in words and as `keepwell plan --format json` has it. The
/// database refuses every write.
async fn plan(global: &Global, documents: Documents, file: String) -> anyhow::Result<Json> {
    let database = Database::open_customers(global, 4).await?;
    let made = plan_in(&database, global, documents, file).await;
    database.close().await;
    made
}

async fn plan_in(database: &Database, global: &Global, documents: Documents, file: String) -> anyhow::Result<Json> {
    let (schema, ours, of) = (database.store.schema().clone(), global.clone(), file.clone());
    let checked = tokio::task::spawn_blocking(move || {
        let checked = check_against_schema(&ours, &documents, schema);
        let ready = checked.playbooks.iter().find(|ready| *ready.playbook.file == *of && checked.is_sound(&of));
        let failed = ready.map_or(Vec::new(), |ready| objections(ready, &checked.config, &checked.schema));
        (checked, failed.iter().filter(|problem| Diagnostic::is_error(problem)).count())
    });
    let (checked, failures) = checked.await?;
    let slot = Clock::System.now();
    let plan = plan_file(&database.store, checked, &file, slot).await?;
    let mut lines = print::lines(&plan);
    if failures > 0 {
        lines.insert(1, "  its cases fail: it would not go into force as it stands".to_owned());
    }
    let lines: Vec<_> = lines.iter().map(|line| printable(line)).collect();
    Ok(json!({ "text": lines.join("\n"), "plan": as_json(&plan, slot) }))
}
