//! The language server, driven by an editor that speaks the protocol.

use keepwell::config::Config;
use keepwell::editor::{Surroundings, complete, hover};
use keepwell::facts::Schema;
use keepwell::playbook::source::{SourceFile, SourceSet};
use keepwell::playbook::yaml::format::format;
use lsp_types::request::{Completion, Formatting, HoverRequest};
use lsp_types::{
    CompletionItem, CompletionParams, CompletionResponse, CompletionTextEdit, Diagnostic, DiagnosticSeverity,
    DocumentFormattingParams, FormattingOptions, HoverContents, HoverParams, NumberOrString, Position, Range,
    TextDocumentIdentifier,
};
use serde_json::{Value as Json, json};

use crate::support::program::Home;

mod client;
mod names;
mod plans;
mod scripts;
mod store;

use client::Editor;

const FILE: &str = "playbooks/call.yaml";

/// A playbook as people write it.
const WHOLE: &str = r#"playbook: call
about: Somebody calls.
alerts_to: ops@example.com
schedule: "@daily"
when: |
  account.mrr > 5000
    && account.events("login", 30) < 3
steps:
  - task:
      id: phone
      title: "Call {{ account.name }}"
      outcomes: [reached, no answer]
  - wait: { until: 'done("phone")', at_most: 3d }
  - email:
      id: nudge
      to: owner
      subject: Hello
      body: |
        Hi {{ recipient.first_name | default("there") }},

        all well at {{ account.name }}?
tests:
  - name: a large account is called
    at: 2026-03-02T00:00:00Z
    account: { name: Linden Optics, mrr: 9000 }
    expect:
      - { after: 0d, task: phone }
"#;

/// A home with a script, another playbook, and what a store was seen to hold.
fn home(name: &str) -> Home {
    let home = Home::new(name);
    home.write(FILE, WHOLE);
    let other =
        WHOLE.replace("playbook: call", "playbook: other").replace("- task:", "- set: { risk: high }\n  - task:");
    home.write("playbooks/deep/other.yaml", &other);
    home.write(
        "playbooks/churn-rate.yaml",
        "kpi: churn-rate\nabout: Who left.\nunit: percent\nvalue: share_of(account.status == \"churned\")\n",
    );
    home.write(
        "scripts/health.rhai",
        "// Whether use fell.\n//\n// `change` is in percent.\nfn fell(change, percent) {\n    change <= 0 - percent\n}\n",
    );
    home.write("keepwell.yaml", "web: off\npools: { onboarding: [csm-1] }\nseasons: { summer: [07-15..08-31] }\n");
    let mut facts = home.done(&["facts", "--format", "json"]).json();
    facts["seen"] = json!({
        "events": { "login": 900, "report_created": 20 },
        "scores": { "nps": 5 },
        "account_attributes": { "plan": { "rows": 4, "shapes": [] } },
    });
    home.write("facts.json", &facts.to_string());
    home
}

/// What `check` says of a file: line, column, code and words.
fn checked(home: &Home, file: &str) -> Vec<(u32, u32, String, String)> {
    let answer = home.run(&["check", "--facts", "facts.json", "--format", "json"]).json();
    let rows = answer["diagnostics"].as_array().unwrap().iter().filter(|row| row["file"] == file);
    let mut found: Vec<_> = rows
        .map(|row| {
            let number = |key: &str| u32::try_from(row[key].as_u64().unwrap()).unwrap();
            let words = [row["message"].as_str(), row["help"].as_str()].into_iter().flatten().collect::<Vec<_>>();
            (number("line"), number("column"), row["code"].as_str().unwrap().to_owned(), words.join("\n"))
        })
        .collect();
    found.sort();
    found
}

fn told(diagnostics: Vec<Diagnostic>, text: &str) -> Vec<(u32, u32, String, String)> {
    let mut found: Vec<_> = diagnostics
        .into_iter()
        .map(|one| {
            let Some(NumberOrString::String(code)) = one.code else { panic!("{:?}", one.code) };
            let start = one.range.start;
            let line = text.split('\n').nth(start.line as usize).unwrap_or("");
            let units: Vec<u16> = line.encode_utf16().take(start.character as usize).collect();
            let column = u32::try_from(String::from_utf16(&units).unwrap().chars().count()).unwrap() + 1;
            (start.line + 1, column, code, one.message)
        })
        .collect();
    found.sort();
    found
}

#[test]
fn diagnostics_are_those_of_check_also_of_what_is_not_saved() {
    let home = home("lsp-diagnostics");
    let mut editor = Editor::start(&home, &["--facts", "facts.json"]);
    editor.open(FILE, WHOLE);
    assert_eq!(editor.diagnostics(FILE), vec![], "a sound file");
    for broken in [
        WHOLE.replace("account.mrr", "account.mmr"),
        WHOLE.replace("about: Somebody calls.\n", ""),
        WHOLE.replace("task:\n      id", "taks:\n      id"),
        WHOLE.replace("after: 0d", "after: 1d"),
        WHOLE.replace("Somebody calls.", "Somebody 😀 calls: é"),
        WHOLE.replace("\"login\"", "\"logn\""),
        "playbook: [\n".to_owned(),
        String::new(),
    ] {
        editor.change(FILE, None, &broken);
        let found = told(editor.diagnostics(FILE), &broken);
        home.write(FILE, &broken);
        assert_eq!(found, checked(&home, FILE), "{broken}");
        assert!(!found.is_empty());
        home.write(FILE, WHOLE);
    }
    // Two playbooks with one id: both hear of it, and both when it is over.
    let other = "playbooks/deep/other.yaml";
    editor.change(FILE, None, &WHOLE.replace("playbook: call", "playbook: other"));
    let found = editor.diagnostics(FILE);
    assert!(found.iter().any(|one| one.severity == Some(DiagnosticSeverity::ERROR)), "{found:?}");
    assert_eq!(editor.diagnostics(other).len(), 1);
    editor.change(FILE, None, WHOLE);
    assert_eq!(editor.diagnostics(other), vec![]);
    // A script that is not saved is what the playbooks call.
    let script = "scripts/health.rhai";
    let calls = WHOLE.replace("account.mrr > 5000", "health::fell(0 - account.mrr, 5)");
    editor.change(FILE, None, &calls);
    assert_eq!(editor.diagnostics(FILE), vec![]);
    editor.open(script, "fn fell(change) {\n    change +\n}\n");
    let found = editor.diagnostics(script);
    assert!(matches!(&found[0].code, Some(NumberOrString::String(code)) if code == "KW0401"), "{found:?}");
    // What is no file of ours is nobody's business.
    editor.open("elsewhere.yaml", "a: [");
    editor.open("playbooks/notes.txt", "a: [");
    editor.change(FILE, None, "");
    let others = editor.notices.iter().filter(|notice| {
        let uri = notice["params"]["uri"].as_str().unwrap_or("");
        uri.ends_with("elsewhere.yaml") || uri.ends_with("notes.txt")
    });
    assert_eq!(others.count(), 0);
    editor.quit();
}

#[test]
fn typing_changes_the_text_at_its_place() {
    let home = home("lsp-typing");
    let mut editor = Editor::start(&home, &[]);
    let text = WHOLE.replace("Somebody calls.", "😀é calls").replace('\n', "\r\n");
    editor.open(FILE, &text);
    editor.diagnostics(FILE);
    // Behind the smile, which is two units of UTF-16, a letter is replaced.
    let line = 1;
    let at = |character| Position { line, character };
    editor.change(FILE, Some(Range { start: at(9), end: at(10) }), ": ");
    let found = editor.diagnostics(FILE);
    assert!(matches!(&found[..], [one] if one.code == Some(NumberOrString::String("KW0008".into()))), "{found:?}");
    editor.change(FILE, Some(Range { start: at(9), end: at(11) }), "e");
    assert_eq!(editor.diagnostics(FILE), vec![]);
    editor.quit();
}

fn proposals(editor: &mut Editor, marked: &str) -> Vec<CompletionItem> {
    let place = editor.write(FILE, marked);
    let params = CompletionParams {
        text_document_position: place,
        work_done_progress_params: Default::default(),
        partial_result_params: Default::default(),
        context: None,
    };
    match editor.request::<Completion>(params) {
        Some(CompletionResponse::Array(items)) => items,
        other => panic!("{other:?}"),
    }
}

/// The text with a proposal accepted.
fn accepted(marked: &str, item: &CompletionItem) -> String {
    let offset = marked.find('‸').unwrap();
    let text = marked.replace('‸', "");
    let Some(CompletionTextEdit::Edit(edit)) = &item.text_edit else { panic!("{item:?}") };
    let typed = (edit.range.end.character - edit.range.start.character) as usize;
    format!("{}{}{}", &text[..offset - typed], edit.new_text, &text[offset..])
}

#[test]
fn what_can_stand_at_a_place_is_proposed() {
    let home = home("lsp-completion");
    let mut editor = Editor::start(&home, &["--facts", "facts.json"]);
    let when = |text: &str| WHOLE.replace("account.mrr > 5000\n", &format!("{text}‸\n"));
    let body = |text: &str| WHOLE.replace("all well", &format!("{text}‸ all well"));
    let step = |text: &str| WHOLE.replace("tests:", &format!("  - {text}‸\ntests:"));
    let case = |text: &str| format!("{WHOLE}{text}‸\n");
    let of_all = |text: &str| {
        format!(
            "playbook: all\nfor: portfolio\nschedule: \"@daily\"\nwhen: |\n  true\n    && {text}‸\nsteps:\n  - notify: {{ channel: alerts_to, text: Hello }}\n"
        )
    };
    // A text, what must be among the proposals, and what must not.
    for (marked, there, absent) in [
        // Keys by place.
        (format!("{WHOLE}‸"), vec!["goal", "timezone", "guardrails"], vec!["when", "title", "email"]),
        (WHOLE.replace("alerts_to", "ho‸\nalerts_to"), vec!["holdout", "mode"], vec!["steps"]),
        (
            WHOLE.replace("      outcomes", "      d‸\n      outcomes"),
            vec!["due", "description", "if"],
            vec!["title", "id", "to_"],
        ),
        (WHOLE.replace("at_most: 3d", "at_most: 3d, ‸"), vec!["on_met", "on_timeout"], vec!["until", "if"]),
        (WHOLE.replace("steps:", "guardrails:\n  ‸\nsteps:"), vec!["hold_above", "ramp"], vec!["goal"]),
        (case("    "), vec!["like", "then", "events"], vec!["at", "account"]),
        (case("      - { after: 1d, "), vec!["email", "ended", "to"], vec!["after"]),
        (case("    tickets:\n      - { "), vec!["opened_at", "severity"], vec!["name"]),
        // Kinds of steps, and words of a list.
        (step("em"), vec!["email", "wait", "branch", "enroll"], vec!["title"]),
        (WHOLE.replace("tests:", "  ‸\ntests:"), vec!["- email", "- end"], vec!["email"]),
        (WHOLE.replace("schedule", "mode: s‸\nschedule"), vec!["live", "shadow", "paused"], vec!["goal"]),
        (step("task: { title: x, priority: "), vec!["low", "urgent"], vec![]),
        (step("task: { title: x, to: "), vec!["csm", "manager", "pool:onboarding"], vec!["owner"]),
        (step("email: { to: "), vec!["owner", "champion", "all"], vec!["pool:onboarding"]),
        (WHOLE.replace("schedule", "statuses: [‸]\nschedule"), vec!["active", "churned"], vec![]),
        (WHOLE.replace("schedule", "timezone: Eu‸\nschedule"), vec!["Europe/Berlin"], vec![]),
        // Ids of steps, playbooks and cases.
        (WHOLE.replace("at_most: 3d", "at_most: 3d, on_met: ‸"), vec!["next", "end", "nudge", "phone"], vec![]),
        (step("enroll: "), vec!["other"], vec!["call"]),
        (case("      - { after: 1d, email: "), vec!["nudge"], vec!["email"]),
        (case("    then: { 1d: { done: "), vec!["phone"], vec![]),
        (case("  - like: "), vec!["a large account is called"], vec![]),
        (case("    labels: { "), vec!["risk"], vec![]),
        (case("    events: { "), vec!["login", "report_created"], vec![]),
        // Expressions.
        (
            when(""),
            vec!["account", "days_since", "health", "now", "none"],
            vec!["entry", "done", "recipient", "contact"],
        ),
        (
            when("account."),
            vec!["mrr", "tier", "events", "score", "traits", "ago"],
            vec!["account", "email", "left_at"],
        ),
        (when("account.mrr > 5 && account.ti"), vec!["tier"], vec!["now"]),
        (when("account.traits."), vec!["plan"], vec!["mrr"]),
        (when("account.ago(30)."), vec!["mrr", "events"], vec![]),
        (when("account.events(\""), vec!["login", "report_created"], vec!["nps"]),
        (when("account.used([\"login\", \""), vec!["login", "report_created"], vec!["nps"]),
        (when("account.score(\""), vec!["nps"], vec!["login"]),
        (when("account.in_playbook(\""), vec!["other"], vec!["call"]),
        (when("account.days_since_change(\""), vec!["tier"], vec!["events"]),
        (when("account.label(\""), vec!["risk"], vec![]),
        (when("account.status == \""), vec!["active", "trial"], vec![]),
        (when("period(\""), vec!["quarter"], vec![]),
        (when("in_season(\""), vec!["summer"], vec![]),
        (when("health::"), vec!["fell"], vec!["account"]),
        (of_all("kp"), vec!["kpi", "kpi_change"], vec![]),
        (of_all("kpi(\""), vec!["churn-rate"], vec!["other"]),
        (of_all("kpi_change(\""), vec!["churn-rate"], vec!["other"]),
        (when("kp"), vec!["median_of"], vec!["kpi", "kpi_change"]),
        (WHOLE.replace("schedule", "goal: account.mrr > ent‸\nschedule"), vec!["entry", "done"], vec!["recipient"]),
        (WHOLE.replace("schedule", "goal: entry.‸\nschedule"), vec!["at", "mrr"], vec!["events", "traits"]),
        (WHOLE.replace("schedule", "goal: account.events(\"login\", ‸\nschedule"), vec!["since_entry"], vec![]),
        (step("wait: { until: done(\""), vec!["phone"], vec!["nudge"]),
        (step("wait: { until: sent(\""), vec!["nudge"], vec!["phone"]),
        (step("wait: { until: 'outcome(\"phone\") == \""), vec!["reached", "no answer"], vec![]),
        // Templates.
        (body("{{ "), vec!["account", "recipient", "csm", "entry"], vec![]),
        (body("{{ recipient."), vec!["first_name", "email"], vec!["mrr"]),
        (body("{{ account.mrr | "), vec!["money", "number"], vec!["account"]),
        (body("{% if account."), vec!["tier", "events"], vec![]),
        (body("account."), vec![], vec!["tier"]),
        (WHOLE.replace("Call {{", "Call {{ csm.‸ }} {{"), vec!["name"], vec!["mrr"]),
        // Nothing in a comment.
        (WHOLE.replace("schedule", "# mo‸\nschedule"), vec![], vec!["mode"]),
    ] {
        let found = proposals(&mut editor, &marked);
        let labels: Vec<&str> = found.iter().map(|item| item.label.as_str()).collect();
        for label in there {
            assert!(labels.contains(&label), "`{label}` is missing of {labels:?}: {marked}");
        }
        for label in absent {
            assert!(!labels.contains(&label), "`{label}` is there: {marked}");
        }
    }
    editor.quit();
}

#[test]
fn a_proposal_is_explained_and_written_in_place_of_what_was_typed() {
    let home = home("lsp-accepting");
    let mut editor = Editor::start(&home, &["--facts", "facts.json"]);
    for (marked, label, line) in [
        ("playbook: p\nmo‸", "mode", "mode: "),
        ("playbook: p\nmo‸: live", "mode", "mode: live"),
        ("playbook: p\nsteps:\n  ‸", "- task", "  - task: "),
        ("playbook: p\nwhen: account.mrr > 5 && account.ev‸", "events", "when: account.mrr > 5 && account.events"),
        ("playbook: p\nwhen: account.events(\"lo‸\", 5)", "login", "when: account.events(\"login\", 5)"),
        ("playbook: p\nwhen: \"account.events(\\\"lo‸", "login", "when: \"account.events(\\\"login"),
        ("playbook: p\nwhen: hea‸", "health", "when: health::"),
        ("playbook: p\nmode:‸", "live", "mode: live"),
    ] {
        let found = proposals(&mut editor, marked);
        let item = found.iter().find(|item| item.label == label).unwrap_or_else(|| panic!("{marked}: {found:?}"));
        let text = accepted(marked, item);
        assert_eq!(text.lines().last(), Some(line), "{marked}");
    }
    let found = proposals(&mut editor, "playbook: p\nwhen: account.‸");
    let events = found.iter().find(|item| item.label == "events").unwrap();
    let explained = serde_json::to_value(events).unwrap();
    assert!(explained["detail"].as_str().unwrap().contains("whole number"), "{explained}");
    let words = explained["documentation"]["value"].as_str().unwrap();
    assert!(words.contains("`account.events(name, days)`") && words.contains("```rhai"), "{words}");
    editor.quit();
}

#[test]
fn a_word_is_explained_where_it_stands() {
    let home = home("lsp-hover");
    let mut editor = Editor::start(&home, &["--facts", "facts.json"]);
    for (marked, words) in [
        (WHOLE.replace("sched", "sch‸ed"), "When it is looked at"),
        (WHOLE.replace("  - task:", "  - ta‸sk:"), "Gives the CSM something to do"),
        (WHOLE.replace("outcomes", "out‸comes"), "Results to choose from"),
        (WHOLE.replace("account.mrr", "account.m‸rr"), "`mrr`: a number"),
        (WHOLE.replace(".events", ".ev‸ents"), "account.events(name, days)"),
        (WHOLE.replace("done(", "do‸ne("), "Whether a person completed the task"),
        (WHOLE.replace("recipient.first_name", "recipient.first‸_name"), "can be missing"),
        (WHOLE.replace("account.mrr > 5000", "health::fe‸ll(account.mrr, 5)"), "Whether use fell."),
        (WHOLE.replace("at_most: 3d", "at_most: 3‸d"), "How long `until` is waited for"),
        (WHOLE.replace("task: phone", "ta‸sk: phone"), "The id of the step"),
    ] {
        let place = editor.write(FILE, &marked);
        let params =
            HoverParams { text_document_position_params: place, work_done_progress_params: Default::default() };
        let Some(found) = editor.request::<HoverRequest>(params) else { panic!("nothing: {marked}") };
        let HoverContents::Markup(markup) = found.contents else { panic!() };
        assert!(markup.value.contains(words), "{:?} does not say `{words}`: {marked}", markup.value);
    }
    for nothing in [WHOLE.replace("calls.", "ca‸lls."), WHOLE.replace("about", "# ab‸out\nabout")] {
        let place = editor.write(FILE, &nothing);
        let params =
            HoverParams { text_document_position_params: place, work_done_progress_params: Default::default() };
        let found = editor.request::<HoverRequest>(params);
        // A text has the meaning of its key and none of its own.
        assert!(found.is_none_or(|found| format!("{found:?}").contains("`about`")), "{nothing}");
    }
    editor.quit();
}

#[test]
fn a_text_is_formatted_and_a_broken_one_is_left() {
    let home = home("lsp-formatting");
    let mut editor = Editor::start(&home, &[]);
    let mut edits = |text: &str| {
        match editor.notices.is_empty() && text.is_empty() {
            true => {}
            false => drop(editor.write(FILE, &format!("{text}‸"))),
        }
        editor.request::<Formatting>(DocumentFormattingParams {
            text_document: TextDocumentIdentifier { uri: editor.uri(FILE) },
            options: FormattingOptions { tab_size: 8, insert_spaces: false, ..FormattingOptions::default() },
            work_done_progress_params: Default::default(),
        })
    };
    let sloppy = "playbook:   p\nsteps:\n- wait: 3d   # three\n";
    let tidy = format(&"a".into(), sloppy).unwrap();
    let found = edits(sloppy).unwrap();
    assert_eq!((found.len(), found[0].new_text.as_str()), (1, tidy.as_str()));
    assert_eq!(found[0].range.end, Position { line: 3, character: 0 });
    assert_eq!(edits(&tidy), Some(vec![]));
    assert_eq!(edits("playbook: [\n"), None);
    editor.quit();
}

#[test]
fn odd_requests_are_refused_and_the_server_goes_on() {
    let home = home("lsp-odd");
    let mut editor = Editor::start(&home, &[]);
    let code = |answer: Result<Json, Json>| answer.unwrap_err()["code"].as_i64();
    assert_eq!(code(editor.ask("textDocument/unheardOf", json!({}))), Some(-32601));
    assert_eq!(code(editor.ask("textDocument/hover", json!({ "position": "top" }))), Some(-32602));
    editor.notify::<lsp_types::notification::LogTrace>(lsp_types::LogTraceParams {
        message: "not for servers".to_owned(),
        verbose: None,
    });
    // A file that is not open has no places.
    let nowhere =
        json!({ "textDocument": { "uri": "file:///nowhere.yaml" }, "position": { "line": 0, "character": 0 } });
    assert_eq!(editor.ask("textDocument/hover", nowhere), Ok(Json::Null));
    assert_eq!(proposals(&mut editor, "mode: ‸").len(), 3);
    editor.quit();
}

#[test]
fn every_half_of_every_shipped_playbook_has_proposals_and_no_panic() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = SourceSet::read(&[root.join("playbooks")], &root.join("scripts"));
    let surroundings = Surroundings::new(&sources, Config::default(), Schema::default_store());
    let (mut asked, mut answered) = (0, 0);
    for SourceFile { path, text } in &sources.playbooks {
        // Each place would take minutes; these are different ones in each file.
        for (at, _) in text.char_indices().step_by(37) {
            let half = SourceFile { path: path.clone(), text: text[..at].into() };
            let found = complete(&half, at, &surroundings);
            assert!(found.start <= at);
            hover(&SourceFile { path: path.clone(), text: text.clone() }, at, &surroundings);
            asked += 1;
            answered += usize::from(!found.candidates.is_empty());
        }
    }
    assert!(asked > 500 && answered * 4 > asked, "{answered} of {asked}");
}
