//! Where names are defined, and renaming them; and what is started from a line.

use keepwell::diagnostic::Diagnostic;
use keepwell::playbook::source::SourceFile;
use lsp_types::request::{CodeLensRequest, ExecuteCommand, GotoDefinition, PrepareRenameRequest, Rename};
use lsp_types::{
    CodeLensParams, DocumentChanges, ExecuteCommandParams, GotoDefinitionParams, GotoDefinitionResponse, Location,
    OneOf, PrepareRenameResponse, RenameParams, TextDocumentIdentifier, TextDocumentPositionParams, WorkspaceEdit,
};
use serde_json::{Value as Json, json};

use super::client::Editor;
use super::{FILE, WHOLE, home};

/// A playbook in which everything names the step `phone`.
const NAMED: &str = r#"playbook: call
about: Somebody calls, and `done("phone")` in a text is part of it.
alerts_to: ops@example.com
schedule: "@daily"
when: account.mrr > 5000 && health::fell(0 - account.mrr, 5)
goal: outcome("phone") == "reached"
steps:
  - wait: { until: account.mrr > 6000, at_most: 1d, on_timeout: phone }
  - task:
      id: "phone"
      title: "Call {{ account.name }}"
      outcomes: [reached, no answer]
  - wait: { until: "done(\"phone\")", at_most: 3d } # not done("phone") here
  - email:
      to: owner
      subject: phone
      body: |
        {% if outcome("phone") == none %}Nobody was reached.{% else %}phone{% endif %}
  - enroll: other
tests:
  - name: phone
    at: 2026-03-02T00:00:00Z
    account: { name: Linden Optics, mrr: 9000 }
    then:
      1d: { outcome: { phone: reached } }
      2d: { done: [phone] }
    expect:
      - { after: 0d, task: phone, contains: Call }
"#;

fn go(editor: &mut Editor, marked: &str) -> Option<Location> {
    let params = GotoDefinitionParams {
        text_document_position_params: editor.write(FILE, marked),
        work_done_progress_params: Default::default(),
        partial_result_params: Default::default(),
    };
    editor.request::<GotoDefinition>(params).map(|found| match found {
        GotoDefinitionResponse::Scalar(location) => location,
        other => panic!("{other:?}"),
    })
}

/// The same text with a mark inside of the first occurrence of a word.
fn mark(text: &str, around: &str, word: &str) -> String {
    let start = text.find(around).unwrap_or_else(|| panic!("no {around}"));
    let at = start + around.find(word).unwrap() + 1;
    format!("{}‸{}", &text[..at], &text[at..])
}

#[test]
fn names_lead_to_what_they_name() {
    let home = home("lsp-definition");
    let mut editor = Editor::start(&home, &[]);
    let found = go(&mut editor, &mark(NAMED, "health::fell", "fell")).unwrap();
    assert_eq!(found.uri, editor.uri("scripts/health.rhai"));
    assert_eq!((found.range.start.line, found.range.start.character), (3, 3));
    let id = u32::try_from(NAMED.lines().position(|line| line.contains("id: \"phone\"")).unwrap()).unwrap();
    for around in ["on_timeout: phone", "done(\\\"phone", "outcome(\"phone\") == none", "done: [phone", "task: phone"] {
        let found = go(&mut editor, &mark(NAMED, around, "phone")).unwrap_or_else(|| panic!("{around}"));
        assert_eq!((&found.uri, found.range.start.line), (&editor.uri(FILE), id), "{around}");
    }
    let found = go(&mut editor, &mark(NAMED, "enroll: other", "other")).unwrap();
    assert_eq!(found.uri, editor.uri("playbooks/deep/other.yaml"));
    for nothing in ["subject: phone", "name: phone", "contains: Call"] {
        let word = nothing.rsplit(' ').next().unwrap();
        assert_eq!(go(&mut editor, &mark(NAMED, nothing, word)), None, "{nothing}");
    }
    // A step without an id of its own is found by its place.
    let by_place = NAMED.replace("      id: \"phone\"\n", "").replace("phone", "task-1");
    let found = go(&mut editor, &mark(&by_place, "on_timeout: task-1", "task-1")).unwrap();
    assert_eq!(found.range.start.line, id - 1);
    editor.quit();
}

fn rename(editor: &mut Editor, place: TextDocumentPositionParams, new_name: &str) -> Result<WorkspaceEdit, String> {
    let params = RenameParams {
        text_document_position: place,
        new_name: new_name.to_owned(),
        work_done_progress_params: Default::default(),
    };
    let answer = editor.ask(<Rename as lsp_types::request::Request>::METHOD, serde_json::to_value(params).unwrap());
    match answer {
        Ok(edit) => Ok(serde_json::from_value(edit).unwrap()),
        Err(error) => Err(error["message"].as_str().unwrap().to_owned()),
    }
}

/// A text with the edits of one file carried out.
fn edited(text: &str, edit: WorkspaceEdit) -> String {
    let Some(DocumentChanges::Edits(files)) = edit.document_changes else { panic!() };
    assert_eq!(files.len(), 1);
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    for edit in files[0].edits.iter().rev() {
        let OneOf::Left(edit) = edit else { panic!() };
        let line = &mut lines[edit.range.start.line as usize];
        line.replace_range(edit.range.start.character as usize..edit.range.end.character as usize, &edit.new_text);
    }
    lines.join("\n")
}

fn problems(text: &str) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    keepwell::catalog::parse(&SourceFile { path: "a.yaml".into(), text: text.into() }, &mut problems);
    problems
}

#[test]
fn a_step_is_renamed_wherever_it_is_named() {
    let home = home("lsp-rename");
    let mut editor = Editor::start(&home, &[]);
    let expected = NAMED
        .replace("on_timeout: phone", "on_timeout: ring-up")
        .replace("id: \"phone\"", "id: \"ring-up\"")
        .replace("until: \"done(\\\"phone", "until: \"done(\\\"ring-up")
        .replace("goal: outcome(\"phone", "goal: outcome(\"ring-up")
        .replace("if outcome(\"phone", "if outcome(\"ring-up")
        .replace("{ phone: reached", "{ ring-up: reached")
        .replace("[phone]", "[ring-up]")
        .replace("task: phone", "task: ring-up");
    assert!(problems(&expected).is_empty());
    for around in ["id: \"phone\"", "task: phone", "goal: outcome(\"phone", "{ phone: reached"] {
        let place = editor.write(FILE, &mark(NAMED, around, "phone"));
        let prepared = editor.request::<PrepareRenameRequest>(place.clone());
        assert!(matches!(prepared, Some(PrepareRenameResponse::Range(_))), "{prepared:?}");
        // Where a text for people says it, the name is that of the step, too.
        let done = edited(NAMED, rename(&mut editor, place, "ring-up").unwrap());
        let done = done.replace("and `done(\"ring-up\")` in", "and `done(\"phone\")` in");
        assert_eq!(done, expected, "{around}");
    }
    let place = editor.write(FILE, &mark(NAMED, "task: phone", "phone"));
    for (name, why) in [
        ("next", "cannot be a step's id"),
        ("two words", "cannot be a step's id"),
        ("wait-1", "there is a step `wait-1` already"),
    ] {
        let refused = rename(&mut editor, place.clone(), name).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    for (marked, why) in [
        (mark(NAMED, "subject: phone", "phone"), "no id of a step"),
        (
            mark(&NAMED.replace("on_timeout: phone", "on_timeout: email-1"), "email-1", "email"),
            "has no `id` of its own",
        ),
        (format!("{}x: [\n", mark(NAMED, "task: phone", "phone")), "cannot be read at the moment"),
    ] {
        let place = editor.write(FILE, &marked);
        let refused = rename(&mut editor, place, "ring-up").unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    editor.quit();
}

fn run(editor: &mut Editor, arguments: Vec<Json>) -> Json {
    let params = ExecuteCommandParams {
        command: "keepwell.runCase".to_owned(),
        arguments,
        work_done_progress_params: Default::default(),
    };
    editor.request::<ExecuteCommand>(params).unwrap()
}

/// What can be started from which lines: title, command and arguments.
pub fn lenses(editor: &mut Editor) -> Vec<(u32, String, String, Vec<Json>)> {
    let params = CodeLensParams {
        text_document: TextDocumentIdentifier { uri: editor.uri(FILE) },
        work_done_progress_params: Default::default(),
        partial_result_params: Default::default(),
    };
    let found = editor.request::<CodeLensRequest>(params).unwrap();
    let lens = |lens: lsp_types::CodeLens| {
        let command = lens.command.unwrap();
        (lens.range.start.line, command.title, command.command, command.arguments.unwrap())
    };
    found.into_iter().map(lens).collect()
}

#[test]
fn a_case_is_run_from_its_line() {
    let home = home("lsp-case");
    let mut editor = Editor::start(&home, &[]);
    editor.open(FILE, WHOLE);
    let mut found = lenses(&mut editor);
    found.retain(|(_, title, ..)| title == "Run this case");
    let [(at, _, command, arguments)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(command, "keepwell.runCase");
    let line = u32::try_from(WHOLE.lines().position(|line| line.contains("- name:")).unwrap()).unwrap();
    assert_eq!(*at, line);
    let result = run(&mut editor, arguments.clone());
    assert_eq!(result["passed"], true, "{result}");
    assert!(result["text"].as_str().unwrap().starts_with("a large account is called: passed\n"), "{result}");
    let shown = editor.notices.iter().find(|notice| notice["method"] == "window/showMessage").unwrap();
    assert_eq!(shown["params"]["message"], result["text"]);
    // Of a text that is not saved.
    editor.change(FILE, None, &WHOLE.replace("mrr: 9000", "mrr: 9"));
    let result = run(&mut editor, arguments.clone());
    assert_eq!(result["passed"], false);
    assert!(result["text"].as_str().unwrap().contains("the condition was false"), "{result}");
    editor.change(FILE, None, &WHOLE.replace("mrr > 5000", "mmr > 5000"));
    let params = json!({ "command": "keepwell.runCase", "arguments": arguments });
    let refused = editor.ask("workspace/executeCommand", params).unwrap_err();
    assert_eq!(refused["message"], "this playbook has mistakes: mend them first");
    let unknown = editor.ask("workspace/executeCommand", json!({ "command": "keepwell.apply" })).unwrap_err();
    assert_eq!(unknown["code"], -32601);
    editor.quit();
}
