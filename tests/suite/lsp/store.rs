//! What the customer store says of a text, as diagnostics in the editor.

use lsp_types::notification::DidSaveTextDocument;
use lsp_types::request::HoverRequest;
use lsp_types::{Diagnostic, DidSaveTextDocumentParams, HoverParams, NumberOrString, TextDocumentIdentifier};
use serde_json::Value as Json;
use sqlx::Executor;

use super::FILE;
use super::client::Editor;
use crate::support::database::{self, TestDatabase};
use crate::support::program::Home;

/// Nobody has a tier, and nobody is a champion any more.
const MISFIT: &str = r#"playbook: call
about: Somebody calls.
alerts_to: ops@example.com
schedule: "@daily"
when: account.tier == "A"
steps:
  - email:
      to: champion
      subject: Hello
      body: Hi {{ account.name }}
"#;

/// The same for nearly everybody, and for a role that somebody has.
fn broad(id: &str, least: u32) -> String {
    MISFIT
        .replace("playbook: call", &format!("playbook: {id}"))
        .replace("account.tier == \"A\"", &format!("account.mrr > {least}"))
        .replace("to: champion", "to: owner")
}

async fn company(name: &str) -> (Home, TestDatabase) {
    let database = database::fresh().await;
    let pool = database.pool().await;
    pool.execute(
        "insert into customers.accounts (id, name, mrr, signed_up_at)
             select 'a' || n, 'Account ' || n, 100, '2026-01-01' from generate_series(1, 25) n;
         insert into customers.contacts (account_id, id, name, email, role, left_at)
             values ('a1', 'c', 'Ann', 'ann@acme.example', 'owner', null),
                    ('a1', 'd', 'Ben', 'ben@acme.example', 'champion', '2026-02-01')",
    )
    .await
    .unwrap();
    pool.close().await;
    let mut home = Home::new(name);
    home.set("DATABASE_URL", &database.url);
    home.write(FILE, MISFIT);
    (home, database)
}

fn codes(diagnostics: &[Diagnostic]) -> Vec<String> {
    let code = |one: &Diagnostic| match &one.code {
        Some(NumberOrString::String(code)) => code.clone(),
        other => panic!("{other:?}"),
    };
    let mut codes: Vec<String> = diagnostics.iter().map(code).collect();
    codes.sort();
    codes
}

/// The codes of a file that `check` gives beside the database.
fn checked(home: &Home, file: &str) -> Vec<String> {
    let answer = home.run(&["check", "--format", "json"]).json();
    let rows = answer["diagnostics"].as_array().unwrap().iter().filter(|row| row["file"] == file);
    let mut codes: Vec<String> = rows.map(|row: &Json| row["code"].as_str().unwrap().to_owned()).collect();
    codes.sort();
    codes
}

fn is_of_store(code: &str) -> bool {
    code.starts_with("KW07")
}

/// The diagnostics of an open file with what the store says of it.
fn with_store(editor: &mut Editor, file: &str) -> Vec<Diagnostic> {
    loop {
        let found = editor.diagnostics(file);
        if codes(&found).iter().any(|code| is_of_store(code)) {
            return found;
        }
    }
}

fn save(editor: &mut Editor, file: &str) {
    let text_document = TextDocumentIdentifier { uri: editor.uri(file) };
    editor.notify::<DidSaveTextDocument>(DidSaveTextDocumentParams { text_document, text: None });
}

#[tokio::test]
async fn the_store_is_asked_on_opening_and_on_saving() {
    let (home, _database) = company("lsp-store").await;
    let mut editor = Editor::start(&home, &[]);
    editor.open(FILE, MISFIT);
    let found = with_store(&mut editor, FILE);
    assert_eq!(codes(&found), checked(&home, FILE));
    assert!(["KW0701", "KW0702"].iter().all(|code| codes(&found).iter().any(|one| one == code)), "{found:?}");
    let missing = found.iter().find(|one| one.message.contains("is missing for all 25 accounts")).unwrap();
    assert_eq!((missing.range.start.line, missing.range.start.character), (4, 6), "{missing:?}");

    // Typing asks nobody; a look for another file would have brought it along.
    editor.change(FILE, None, &broad("call", 5));
    let other = "playbooks/other.yaml";
    home.write(other, &broad("other", 5));
    editor.open(other, &broad("other", 5));
    loop {
        let published = editor.published();
        let found = codes(&published.diagnostics);
        let is_looked_at = found.iter().any(|code| is_of_store(code));
        if published.uri == editor.uri(other) && is_looked_at {
            break;
        }
        assert!(published.version != Some(2) || !is_looked_at, "{published:?}");
    }
    home.write(FILE, &broad("call", 5));
    save(&mut editor, FILE);
    let found = with_store(&mut editor, FILE);
    assert_eq!(codes(&found), checked(&home, FILE));
    assert!(found.iter().any(|one| one.message.contains("25 of the 25 accounts in `statuses` match now")), "{found:?}");

    // What a comment allows is not shown, and the rest is.
    let because = "\n# keepwell: allow KW0701 because tiers come next year\nwhen";
    let allowed = MISFIT.replace("\nwhen", because);
    home.write(FILE, &allowed);
    editor.change(FILE, None, &allowed);
    save(&mut editor, FILE);
    let found = codes(&with_store(&mut editor, FILE));
    assert_eq!(found, checked(&home, FILE));
    assert!(found.iter().all(|code| code != "KW0701") && found.iter().any(|code| code == "KW0702"), "{found:?}");
    editor.quit();
}

#[tokio::test]
async fn what_the_store_says_of_an_earlier_text_is_dropped_and_nothing_waits_for_it() {
    let (home, database) = company("lsp-store-late").await;
    let pool = database.pool().await;
    let mut editor = Editor::start(&home, &[]);
    editor.open(FILE, MISFIT);
    with_store(&mut editor, FILE);
    let mut lock = pool.begin().await.unwrap();
    lock.execute("lock table customers.accounts in access exclusive mode").await.unwrap();
    save(&mut editor, FILE);
    let place = editor.write(FILE, &broad("call", 5).replace("account.mrr", "account.m‸rr"));
    let params = HoverParams { text_document_position_params: place, work_done_progress_params: Default::default() };
    assert!(editor.request::<HoverRequest>(params).is_some());
    let now = codes(&editor.diagnostics(FILE));
    assert!(!now.iter().any(|code| is_of_store(code)), "{now:?}");
    lock.rollback().await.unwrap();
    // The look at the saved text ends, and the new text is published once more without it.
    assert_eq!(codes(&editor.diagnostics(FILE)), now);
    // It was no accident: the next look says something.
    save(&mut editor, FILE);
    with_store(&mut editor, FILE);
    pool.close().await;
    editor.quit();
}

#[test]
fn without_the_database_the_other_diagnostics_are_there() {
    let mut home = Home::new("lsp-store-nowhere");
    home.set("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
    home.write(FILE, MISFIT);
    let mut editor = Editor::start(&home, &[]);
    let wrong = MISFIT.replace("account.tier", "account.teir");
    editor.open(FILE, &wrong);
    save(&mut editor, FILE);
    assert_eq!(codes(&editor.diagnostics(FILE)), ["KW0202"]);
    editor.quit();
}
