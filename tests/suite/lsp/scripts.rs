//! Completion, meaning and mistakes in Rhai: in steps and in `scripts/`.

use lsp_types::request::{Completion, GotoDefinition, HoverRequest};
use lsp_types::{
    CompletionParams, CompletionResponse, GotoDefinitionParams, GotoDefinitionResponse, HoverContents, HoverParams,
    NumberOrString,
};

use super::client::Editor;
use super::{FILE, WHOLE, home};

const SCRIPT: &str = "scripts/health.rhai";
const TIERS: &str = "scripts/tiers.rhai";

/// What a file of shared functions says, in which a name is half written.
const SHARED: &str = "// Whether use fell.\nfn fell(change, percent) {\n    change <= 0 - percent\n}\n\n\
                      fn is_quiet(account, floor) {\n    account.tier == \"A\" && ‸\n}\n";

fn labels(editor: &mut Editor, file: &str, marked: &str) -> Vec<String> {
    let params = CompletionParams {
        text_document_position: editor.write(file, marked),
        work_done_progress_params: Default::default(),
        partial_result_params: Default::default(),
        context: None,
    };
    let Some(CompletionResponse::Array(items)) = editor.request::<Completion>(params) else { panic!("{marked}") };
    items.into_iter().map(|item| item.label).collect()
}

fn meaning(editor: &mut Editor, file: &str, marked: &str) -> Option<String> {
    let place = editor.write(file, marked);
    let params = HoverParams { text_document_position_params: place, work_done_progress_params: Default::default() };
    editor.request::<HoverRequest>(params).map(|found| match found.contents {
        HoverContents::Markup(markup) => markup.value,
        other => panic!("{other:?}"),
    })
}

fn has(found: &[String], wanted: &[&str]) {
    for name in wanted {
        assert!(found.iter().any(|label| label == name), "{name} is not among {found:?}");
    }
}

fn lacks(found: &[String], unwanted: &[&str]) {
    for name in unwanted {
        assert!(found.iter().all(|label| label != name), "{name} is among {found:?}");
    }
}

/// The playbook with a script in place of its mail.
fn with_script(script: &str) -> String {
    let (before, rest) = WHOLE.split_once("  - email:").unwrap();
    let (_, cases) = rest.split_once("tests:\n").unwrap();
    let script = script.replace('\n', "\n      ");
    format!("{before}  - run: |\n      {script}\ntests:\n{cases}")
}

#[test]
fn the_script_of_a_step_is_completed() {
    let home = home("lsp-run");
    home.write(TIERS, "fn is_large(mrr) { mrr > 900 }\n");
    let mut editor = Editor::start(&home, &["--facts", "facts.json"]);
    let mut at = |script: &str| labels(&mut editor, FILE, &with_script(script));
    let found = at("let seats = account.seats ?? 0;\nif seats > 3 {\n    ‸\n}");
    has(
        &found,
        &["seats", "account", "entry", "email", "task", "notify", "set", "days_since", "done", "health", "tiers"],
    );
    lacks(&found, &["recipient", "csm", "contact"]);
    has(&at("let a = account.‸"), &["mrr", "events", "traits"]);
    has(&at("let a = 1;\nif account.events(\"‸"), &["login", "report_created"]);
    assert_eq!(at("if health::‸"), ["fell"]);
    has(&at("task(#{ title: `Call ${account.‸"), &["name"]);
    has(&at("let phone = outcome(\"‸"), &["phone"]);
    assert_eq!(at("// accou‸"), Vec::<String>::new());
    assert_eq!(at("notify(#{ to: \"ops‸"), Vec::<String>::new());
    // In its other form, too.
    let long =
        with_script("x").replace("  - run: |\n      x", "  - run:\n      id: it\n      script: |\n        account.‸");
    has(&labels(&mut editor, FILE, &long), &["mrr"]);

    // Each field that is proposed is one that the action has.
    for (action, needed) in [("email", "to"), ("task", "title"), ("notify", "channel")] {
        let fields = labels(&mut editor, FILE, &with_script(&format!("{action}(#{{ ‸ }});")));
        has(&fields, &[needed]);
        let all: Vec<String> = fields.iter().map(|field| format!("{field}: 1")).collect();
        editor.change(FILE, None, &with_script(&format!("{action}(#{{ {} }});", all.join(", "))));
        let unknown = |one: &lsp_types::Diagnostic| one.code == Some(NumberOrString::String("KW0101".to_owned()));
        let found = editor.diagnostics(FILE);
        assert!(!found.iter().any(unknown), "{action}: {found:?}");
    }
    has(&labels(&mut editor, FILE, &with_script("set(#{ ‸ });")), &["risk"]);

    for (script, words) in [
        ("let a = account.m‸rr;", "`mrr`: a number"),
        ("if health::fe‸ll(1, 2) { }", "Whether use fell."),
        ("ta‸sk(#{ title: \"a\" });", "Gives the CSM something to do"),
        ("email(#{ sub‸ject: \"a\" });", "subject"),
    ] {
        let found = meaning(&mut editor, FILE, &with_script(script)).unwrap_or_else(|| panic!("{script}"));
        assert!(found.contains(words), "{found} does not say {words}");
    }
    editor.quit();
}

#[test]
fn a_file_of_shared_functions_is_completed() {
    let home = home("lsp-shared");
    home.write(TIERS, "fn is_large(mrr) { mrr > 900 }\n");
    let mut editor = Editor::start(&home, &["--facts", "facts.json"]);
    let found = labels(&mut editor, SCRIPT, SHARED);
    has(&found, &["account", "floor", "fell", "is_quiet", "tiers", "days_since", "now", "none"]);
    lacks(&found, &["contact", "change", "health", "recipient", "email"]);
    let mut at = |expression: &str| labels(&mut editor, SCRIPT, &SHARED.replace('‸', expression));
    has(&at("account.‸"), &["mrr", "tier", "events"]);
    has(&at("account.events(\"‸"), &["login"]);
    assert_eq!(at("tiers::‸"), ["is_large"]);
    has(&at("{ let sum = 1; ‸"), &["sum"]);
    // Its function takes no contact, and outside of functions nothing can stand.
    assert_eq!(at("contact.‸"), Vec::<String>::new());
    let outside = format!("{}acc‸", SHARED.replace('‸', "true"));
    assert_eq!(labels(&mut editor, SCRIPT, &outside), Vec::<String>::new());
    let contact =
        SHARED.replace("is_quiet(account, floor)", "is_quiet(contact)").replace("account.tier", "contact.role");
    has(&labels(&mut editor, SCRIPT, &contact.replace('‸', "contact.‸")), &["email", "role"]);

    for (expression, words) in [
        ("account.m‸rr > 5", "`mrr`: a number"),
        ("days_‸since(account.signed_up_at) > 5", "Whole days"),
        ("fe‸ll(1, 2)", "Whether use fell."),
        ("tiers::is_la‸rge(5)", "tiers::is_large(mrr)"),
        ("flo‸or > 5", "`is_quiet`"),
    ] {
        let found = meaning(&mut editor, SCRIPT, &SHARED.replace('‸', expression));
        let found = found.unwrap_or_else(|| panic!("{expression}"));
        assert!(found.contains(words), "{found} does not say {words}");
    }
    let declared = SHARED.replace("‸", "true").replace("fn fell", "fn fe‸ll");
    assert_eq!(meaning(&mut editor, SCRIPT, &declared).unwrap(), "`fell(change, percent)`\n\nWhether use fell.");
    assert_eq!(
        meaning(&mut editor, SCRIPT, &SHARED.replace("Whether use", "Whe‸ther use").replacen("&& ‸", "", 1)),
        None
    );

    for (expression, file, line) in [("fe‸ll(1, 2)", SCRIPT, 1), ("tiers::is_la‸rge(5)", TIERS, 0)] {
        let params = GotoDefinitionParams {
            text_document_position_params: editor.write(SCRIPT, &SHARED.replace('‸', expression)),
            work_done_progress_params: Default::default(),
            partial_result_params: Default::default(),
        };
        let Some(GotoDefinitionResponse::Scalar(found)) = editor.request::<GotoDefinition>(params) else { panic!() };
        assert_eq!((found.uri, found.range.start.line), (editor.uri(file), line));
    }
    editor.quit();
}

#[test]
fn mistakes_of_a_script_stand_in_its_own_file() {
    let home = home("lsp-script-mistakes");
    home.write(FILE, &WHOLE.replace("account.mrr > 5000", "health::fell(0 - account.mrr, 5)"));
    let mut editor = Editor::start(&home, &[]);
    for (text, code, line) in [
        ("fn fell(change, percent) {\n    change <=\n}\n", "KW0401", 2),
        ("fn fell(change, percent) { true }\nlet a = 1;\n", "KW0402", 1),
        ("fn fell(change, percent) {\n    days_sinse(change)\n}\n", "KW0201", 1),
    ] {
        editor.write(SCRIPT, &format!("{text}‸"));
        let found = editor.diagnostics(SCRIPT);
        let [only] = &found[..] else { panic!("{found:?}") };
        assert_eq!(
            (&only.code, only.range.start.line),
            (&Some(NumberOrString::String(code.to_owned())), line),
            "{text}"
        );
    }
    editor.change(SCRIPT, None, "fn fell(change, percent) { change < percent }\n");
    assert_eq!(editor.diagnostics(SCRIPT), vec![]);
    editor.quit();
}
