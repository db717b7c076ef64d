//! One case of a playbook, played as it is in the editor.

use std::slice;

use super::SharedSchema;
use super::checks::check_documents;
use super::documents::Documents;
use crate::cli::Global;
use crate::rehearsal::{CaseReport, Happening, play_all};

/// What came of a case, for people.
pub struct PlayedCase {
    pub passed: bool,
    pub text: String,
}

/// Plays a case of a file; an error is why it cannot be played.
pub fn case_result(
    global: &Global,
    documents: &Documents,
    schema: &SharedSchema,
    file: &str,
    name: &str,
) -> Result<PlayedCase, String> {
    let checked = check_documents(global, documents, schema);
    let ready = checked.playbooks.iter().find(|ready| *ready.playbook.file == *file && checked.is_sound(file));
    let Some(ready) = ready else { return Err("this playbook has mistakes: mend them first".to_owned()) };
    let reports = play_all(slice::from_ref(ready), &checked.config, &checked.schema);
    let mut cases = reports.into_iter().flat_map(|report| report.cases);
    let case = cases.find(|case| case.name == name).ok_or_else(|| format!("there is no case `{name}`"))?;
    Ok(PlayedCase { passed: case.passed, text: describe(&case) })
}

fn describe(case: &CaseReport) -> String {
    let mut lines = vec![format!("{}: {}", case.name, if case.passed { "passed" } else { "failed" })];
    lines.extend(case.failures.iter().map(|failure| failure.message.clone()));
    match case.passed {
        true if case.happened.is_empty() => lines.push("nothing happened".to_owned()),
        true => lines.extend(case.happened.iter().map(Happening::describe)),
        false => lines.extend(case.difference.iter().cloned()),
    }
    lines.join("\n")
}
