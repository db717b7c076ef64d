//! One playbook planned from its line, as it is in the editor.

use lsp_types::request::{ExecuteCommand, HoverRequest, Request};
use lsp_types::{ExecuteCommandParams, HoverParams};
use serde_json::{Value as Json, json};
use sqlx::Executor;

use super::client::Editor;
use super::names::lenses;
use super::{FILE, WHOLE};
use crate::support::database::{self, TestDatabase};
use crate::support::program::Home;

/// The playbook for whoever is on the way already, too, and without a case.
fn playbook() -> String {
    let (text, _) = WHOLE.split_once("tests:\n").unwrap();
    text.replace("steps:\n", "goal: account.activated_at != none\nguardrails: { first_run: go }\nsteps:\n")
}

/// Two who entered, one of whom reached the goal since, and two who are new.
async fn company(name: &str) -> (Home, TestDatabase) {
    let database = database::fresh().await;
    let pool = database.pool().await;
    pool.execute(
        "insert into customers.accounts (id, name, mrr, signed_up_at)
             values ('a1', 'Acme', 9000, '2026-01-01'), ('a2', 'Bolt', 8000, '2026-01-01');
         insert into customers.events (account_id, id, name, at) values ('a1', 'e', 'login', '2026-01-10')",
    )
    .await
    .unwrap();
    let mut home = Home::new(name);
    home.set("DATABASE_URL", &database.url);
    home.write(FILE, &playbook());
    // At this moment, so that they are still on their way.
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    assert_eq!(home.run(&["run", "--once", "--at", &now]).code, 0);
    pool.execute(
        "update customers.accounts set activated_at = '2026-03-02' where id = 'a2';
         insert into customers.accounts (id, name, mrr, signed_up_at)
             values ('a3', 'Cole', 7000, '2026-01-01'), ('a4', 'Dorn', 400, '2026-01-01');
         insert into customers.contacts (account_id, id, name, email, role)
             values ('a3', 'c', 'Ann', 'ann@cole.example', 'owner')",
    )
    .await
    .unwrap();
    pool.close().await;
    (home, database)
}

fn ask(editor: &mut Editor, arguments: &[Json]) -> Result<Json, Json> {
    let params = ExecuteCommandParams {
        command: "keepwell.plan".to_owned(),
        arguments: arguments.to_vec(),
        work_done_progress_params: Default::default(),
    };
    editor.ask(ExecuteCommand::METHOD, serde_json::to_value(params).unwrap())
}

#[tokio::test]
async fn a_playbook_is_planned_from_its_line_and_nothing_changes() {
    let (home, database) = company("lsp-plan").await;
    let before = database.contents().await;
    let mut editor = Editor::start(&home, &[]);
    editor.open(FILE, &playbook());
    let found = lenses(&mut editor);
    let [(line, title, command, arguments)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((*line, title.as_str(), command.as_str()), (0, "Plan this", "keepwell.plan"));

    let answer = ask(&mut editor, arguments).unwrap();
    let subjects = |key: &str| answer["plan"][key].clone();
    assert_eq!(subjects("enter"), json!(["a3"]), "{answer:#}");
    assert_eq!((subjects("continues"), subjects("leaves")), (json!(["a1"]), json!(["a2"])), "{answer:#}");
    let effects = answer["plan"]["effects"].as_array().unwrap();
    let kinds: Vec<_> = effects.iter().map(|effect| (&effect["kind"], &effect["step"])).collect();
    assert_eq!(kinds, [(&json!("task"), &json!("phone")), (&json!("email"), &json!("nudge"))], "{answer:#}");
    let text = answer["text"].as_str().unwrap();
    for line in [
        "call\n",
        "would enter 1\n",
        "  + a3 Cole: ",
        "at once      task `phone` 1\n",
        "after 3d     email `nudge` 1\n",
        "  on their way: 1 would go on, 1 would leave\n",
        "  = a1 Acme\n",
        "  - a2 Bolt: ",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let shown = editor.notices.iter().find(|notice| notice["method"] == "window/showMessage").unwrap();
    assert_eq!(shown["params"]["message"], answer["text"]);
    // The command line says the same of what is saved.
    let plan = home.run(&["plan", "--playbook", "call", "--format", "json"]).rows("plan");
    let same = |key: &str| assert_eq!(plan[0][key], answer["plan"][key], "{key}");
    ["enter", "continues", "leaves_because", "values", "effects", "workload", "names", "clauses"]
        .iter()
        .for_each(|key| same(key));

    // What is not saved is what is planned, and that its case fails is said.
    let case = "tests:\n  - name: nobody\n    at: 2026-03-02T00:00:00Z\n    account: { mrr: 9000 }\n    expect: []\n";
    editor.change(FILE, None, &format!("{}{case}", playbook().replace("mrr > 5000", "mrr > 300")));
    let answer = ask(&mut editor, arguments).unwrap();
    assert_eq!(answer["plan"]["enter"], json!(["a3", "a4"]), "{answer:#}");
    let text = answer["text"].as_str().unwrap();
    assert!(text.starts_with("call\n  its cases fail: it would not go into force as it stands\n"), "{text}");

    // Mistakes of this file are in the way, and those of another one are not.
    home.write("playbooks/broken.yaml", "playbook: [\n");
    assert!(ask(&mut editor, arguments).is_ok());
    editor.change(FILE, None, &playbook().replace("mrr > 5000", "mmr > 5000"));
    let refused = ask(&mut editor, arguments).unwrap_err();
    assert_eq!(refused["message"], "this playbook has mistakes: mend them first");
    editor.change(FILE, None, "playbook: [\n");
    assert_eq!(lenses(&mut editor), vec![]);
    editor.quit();
    assert_eq!(database.contents().await, before);
}

#[tokio::test]
async fn other_answers_do_not_wait_for_a_plan() {
    let (home, database) = company("lsp-plan-waits").await;
    let mut editor = Editor::start(&home, &[]);
    editor.open(FILE, &playbook());
    let arguments = [json!(editor.uri(FILE))];
    let pool = database.pool().await;
    let mut lock = pool.begin().await.unwrap();
    lock.execute("lock table customers.accounts in access exclusive mode").await.unwrap();
    let waiting = editor.begin(ExecuteCommand::METHOD, json!({ "command": "keepwell.plan", "arguments": arguments }));
    let place = editor.write(FILE, &playbook().replace("account.mrr", "account.m‸rr"));
    let params = HoverParams { text_document_position_params: place, work_done_progress_params: Default::default() };
    assert!(editor.request::<HoverRequest>(params).is_some());
    assert!(!editor.notices.iter().any(|notice| notice["id"] == waiting), "the plan waits for the lock");
    lock.rollback().await.unwrap();
    assert_eq!(editor.answer(waiting).unwrap()["plan"]["enter"], json!(["a3"]));
    pool.close().await;
    editor.quit();
}

#[test]
fn without_a_database_a_plan_says_so_in_words() {
    let mut home = Home::new("lsp-plan-nowhere");
    home.write(FILE, WHOLE);
    let refusal = |home: &Home| {
        let mut editor = Editor::start(home, &[]);
        editor.open(FILE, WHOLE);
        let arguments = [json!(editor.uri(FILE))];
        let refused = ask(&mut editor, &arguments).unwrap_err();
        editor.quit();
        refused["message"].as_str().unwrap().to_owned()
    };
    let said = refusal(&home);
    assert!(said.starts_with("there is no database: DATABASE_URL is not set, and .keepwell holds none; "), "{said}");
    assert!(!home.path.join(".keepwell").exists());
    home.set("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
    let said = refusal(&home);
    assert!(said.starts_with("the database of DATABASE_URL cannot be reached: "), "{said}");
}
