//! `list_playbooks`: the files of the folder.

use serde_json::{Value as Json, json};

use crate::catalog::claimed_id;
use crate::cli::check::check;
use crate::cli::mcp::tool::Tool;
use crate::cli::mcp::workplace::Workplace;
use crate::diagnostic::Diagnostic;
use crate::facts::Subject;
use crate::playbook::source::SourceFile;

pub const TOOL: Tool = Tool {
    name: "list_playbooks",
    title: "The playbooks of the folder",
    about: "The files of the playbooks' folder, each with its playbook's id, what it is about, and how many errors and \
            warnings `check` finds in it without a database.",
    parameters: &[],
    answers: &[("playbooks", "array")],
    writes: false,
    call: |workplace, _| Box::pin(async { Ok(call(workplace)) }),
};

fn call(workplace: &Workplace) -> Json {
    let checked = check(&workplace.global, &[], workplace.facts.as_deref());
    let row = |file: &SourceFile| {
        let ready = checked.playbooks.iter().find(|ready| ready.playbook.file == file.path);
        let playbook = ready.map(|ready| &ready.playbook);
        let problems = || checked.diagnostics.iter().filter(|problem| problem.file == *file.path);
        let errors = problems().filter(|problem| Diagnostic::is_error(problem)).count();
        json!({
            "file": file.path,
            "playbook": claimed_id(&file.text),
            "about": playbook.and_then(|playbook| playbook.about.as_deref()),
            "for": playbook.map(|playbook| Subject::from(playbook.subject).name()),
            "cases": playbook.map(|playbook| playbook.tests.len()),
            "errors": errors,
            "warnings": problems().count() - errors,
        })
    };
    json!({ "playbooks": checked.sources.playbooks.iter().map(row).collect::<Vec<_>>() })
}
