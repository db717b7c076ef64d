//! What tools give is what commands give, and nothing is written by it.

use serde_json::{Value as Json, json};
use sqlx::Executor;

use super::{AT, CALL, Session, company};
use crate::support::program::Home;

/// What a command prints as JSON.
fn printed(home: &Home, arguments: &[&str]) -> Json {
    home.run(&[arguments, &["--format", "json"]].concat()).json()
}

#[tokio::test]
async fn each_tool_gives_what_its_command_prints() {
    let (home, _database) = company("mcp-same").await;
    home.write(
        "playbooks/wrong.yaml",
        &CALL.replace("playbook: call", "playbook: wrong").replace("account.mrr", "account.mr"),
    );
    let mut session = Session::begin(&home, &[]);
    let found = session.call("check", &json!({}));
    assert!(found["diagnostics"].as_array().unwrap().iter().any(|one| one["code"] == "KW0202"), "{found}");
    assert_eq!(found, printed(&home, &["check"]));
    let only = session.call("check", &json!({ "files": ["call.yaml"], "store": true }));
    assert_eq!(only, printed(&home, &["check", "playbooks/call.yaml", "--store"]));
    assert_eq!(session.call("check", &json!({ "files": ["playbooks/call.yaml"], "store": true })), only);
    let why = session.refusal("plan", &json!({}));
    assert!(why.starts_with("the playbooks have errors\n\n") && why.contains("unknown fact `account.mr`"), "{why}");
    let tested = session.call("test", &json!({}));
    assert_eq!(tested["tests"], printed(&home, &["test"])["tests"]);
    assert!(tested["errors"].as_array().unwrap().iter().any(|one| one["code"] == "KW0202"), "{tested}");
    home.remove("playbooks/wrong.yaml");

    let tested = session.call("test", &json!({ "coverage": true, "mutants": true }));
    assert_eq!(tested["tests"].as_array().unwrap().len(), 2);
    assert_eq!(tested, printed(&home, &["test", "--coverage", "--mutants"]));
    assert_eq!(session.call("facts", &json!({})), printed(&home, &["facts"]));
    let of_store = session.call("facts", &json!({ "store": true }));
    assert_eq!(of_store, printed(&home, &["facts", "--store"]));
    for (arguments, options) in [
        (json!({}), &["schema"][..]),
        (json!({ "store": true }), &["schema", "--store"]),
        (json!({ "configuration": true }), &["schema", "--of", "configuration"]),
    ] {
        let schema = session.call("schema", &arguments);
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        assert_eq!(schema, home.done(options).json());
    }
    let plan = session.call("plan", &json!({ "at": AT }));
    assert_eq!(plan["plan"][0]["enter"], json!(["a1", "a3"]));
    assert_eq!(plan, printed(&home, &["plan", "--at", AT]));
    let one = session.call("plan", &json!({ "at": AT, "account": "a1", "playbook": "call", "text": true }));
    assert_eq!(one["plan"][0]["effects"][0]["text"]["subject"], "Hello Acme");
    assert_eq!(one, printed(&home, &["plan", "--at", AT, "--account", "a1", "--playbook", "call", "--text"]));
    let compared = session.call("diff", &json!({ "at": AT, "playbook": "call" }));
    assert_eq!(compared["diff"][0]["change"], "added");
    assert_eq!(compared, printed(&home, &["diff", "--against", "published", "--at", AT, "--playbook", "call"]));
    let explained = session.call("explain", &json!({ "playbook": "call", "subject": "a2", "at": AT }));
    assert_eq!(explained["explain"]["verdict"], "skipped");
    assert_eq!(explained, printed(&home, &["explain", "call", "a2", "--at", AT]));
    let period = json!({ "playbook": "call", "from": "2026-02-02", "to": "2026-03-02" });
    let replayed = session.call("backtest", &period);
    assert_eq!(replayed["backtest"]["firings"][0]["subjects"], json!(["a1", "a3"]));
    let dates = ["--from", "2026-02-02", "--to", "2026-03-02"];
    assert_eq!(replayed, printed(&home, &[&["backtest", "call"], &dates[..]].concat()));
    let other = json!({ "playbook": "call", "from": "2026-02-02", "to": "2026-03-02T09:00:00Z",
        "outcome": "account.mrr > 800", "within": "30d", "alone": true });
    let replayed = session.call("backtest", &other);
    let options = ["--outcome", "account.mrr > 800", "--within", "30d", "--alone"];
    let dates = ["backtest", "call", "--from", "2026-02-02", "--to", "2026-03-02T09:00:00Z"];
    assert_eq!(replayed, printed(&home, &[&dates[..], &options].concat()));

    let page = session.call("explain_code", &json!({ "code": "kw0202" }))["page"].clone();
    let shown = home.done(&["check", "--explain", "KW0202"]).stdout;
    assert!(shown.starts_with(&format!("KW0202: {}\n", page["title"].as_str().unwrap())), "{shown}");
    assert!(session.refusal("explain_code", &json!({ "code": "KW9999" })).contains("did you mean"));
    let listed = session.call("list_playbooks", &json!({}));
    assert_eq!(
        listed["playbooks"],
        json!([{ "file": "playbooks/call.yaml", "playbook": "call", "about": "A call when nobody signs in any more.",
            "for": "account", "cases": 2, "errors": 0, "warnings": 0 }])
    );
    let sections = session.call("language_guide", &json!({}))["sections"].as_array().unwrap().clone();
    assert!(sections.len() > 15 && sections.iter().all(|section| section["text"].is_null()), "{sections:?}");
    for section in sections {
        let read = session.call("language_guide", &json!({ "section": section["section"] }));
        let text = read["sections"][0]["text"].as_str().unwrap();
        assert!(text.contains(section["section"].as_str().unwrap()), "{text}");
    }
    assert!(session.refusal("language_guide", &json!({ "section": "Elephants" })).contains("the sections are "));
}

#[tokio::test]
async fn errors_are_in_words() {
    let (home, _database) = company("mcp-words").await;
    let mut session = Session::begin(&home, &[]);
    for (tool, arguments, why) in [
        ("plan", json!({ "playbook": "cal" }), "there is no playbook `cal`"),
        (
            "diff",
            json!({ "against": "playbooks" }),
            "`against` is a git revision, or absent; `playbooks` is a file or folder",
        ),
        (
            "plan",
            json!({ "at": "yesterday" }),
            "the argument `at` of `plan`: `yesterday` is not an instant; write it as 2026-03-02T09:00:00Z",
        ),
        ("explain", json!({ "playbook": "call" }), "name a playbook and an account"),
        ("explain", json!({}), "name either `playbook` and `subject`, or a `message_id`, or a `task_id`"),
        (
            "explain",
            json!({ "task_id": "00000000-0000-0000-0000-000000000000" }),
            "there is no task 00000000-0000-0000-0000-000000000000",
        ),
        (
            "explain",
            json!({ "task_id": "7" }),
            "`task_id`: this is no id: copy it from `keepwell tasks`, `messages` or `enrollments` (with --format json)",
        ),
        (
            "backtest",
            json!({ "playbook": "cal", "from": "2026-02-02", "to": "2026-03-02" }),
            "there is no playbook and no score `cal`; did you mean `call`?",
        ),
        (
            "backtest",
            json!({ "playbook": "call", "from": "spring" }),
            "the argument `from` of `backtest`: `spring` is neither a date nor an instant; write it as 2026-03-02 or as \
             2026-03-02T09:00:00Z",
        ),
        (
            "backtest",
            json!({ "playbook": "call", "below": "140" }),
            "the argument `below` of `backtest`: no score lies below `140` and another not: write a value above 0, up to \
             100, such as 40",
        ),
        (
            "check",
            json!({ "files": ["missing.yaml"] }),
            "there is no playbook file `missing.yaml`: No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(session.refusal(tool, &arguments), why);
    }
    let period =
        json!({ "playbook": "call", "from": "2026-02-02", "to": "2026-03-02", "outcome": "account.statu == 1" });
    let why = session.refusal("backtest", &period);
    assert!(why.starts_with("`--outcome` has errors\n\n") && why.contains("unknown fact `account.statu`"), "{why}");
    home.write("keepwell.yaml", "web: off\nelephant: 1\n");
    let why = session.refusal("explain", &json!({ "playbook": "call", "subject": "a1" }));
    assert!(why.starts_with("the configuration has errors\n\n") && why.contains("elephant"), "{why}");
}

#[tokio::test]
async fn no_tool_changes_the_database() {
    let (home, database) = company("mcp-unchanged").await;
    // Something of every kind is there.
    home.write("keepwell.yaml", "web: off\nmail: { undo_window: 1h }\n");
    assert_eq!(home.run(&["run", "--once", "--at", AT]).code, 0);
    assert_eq!(home.run(&["run", "--once", "--at", "2026-03-02T12:00:00Z"]).code, 0);
    let (message, task) = (home.rows(&["messages"])[0]["id"].clone(), home.rows(&["tasks"])[0]["id"].clone());
    let before = database.contents().await;
    let mut session = Session::begin(&home, &[]);
    // A text that no revision has yet.
    let text = CALL.replace("mrr >= 500", "mrr >= 400");
    let calls = [
        ("write_playbook", json!({ "file": "call.yaml", "text": text })),
        ("write_playbook", json!({ "file": "new.yaml", "text": text.replace("playbook: call", "playbook: new") })),
        ("list_playbooks", json!({})),
        ("read_playbook", json!({ "file": "call.yaml" })),
        ("language_guide", json!({ "section": "Steps" })),
        ("explain_code", json!({ "code": "KW0207" })),
        ("facts", json!({ "store": true })),
        ("schema", json!({ "store": true })),
        ("check", json!({})),
        ("check", json!({ "store": true })),
        ("test", json!({ "coverage": true, "mutants": true })),
        ("plan", json!({ "at": "2026-03-03T09:00:00Z", "text": true })),
        ("plan", json!({})),
        ("diff", json!({})),
        ("explain", json!({ "playbook": "call", "subject": "a1" })),
        ("explain", json!({ "playbook": "call", "subject": "a1", "at": AT })),
        ("explain", json!({ "playbook": "new", "subject": "a2" })),
        ("explain", json!({ "message_id": message })),
        ("explain", json!({ "task_id": task })),
        ("backtest", json!({ "playbook": "call", "from": "2026-02-02", "to": "2026-03-02" })),
    ];
    for (tool, arguments) in &calls {
        session.call(tool, arguments);
    }
    let tools = session.ask("tools/list", json!({}))["tools"].as_array().unwrap().clone();
    for tool in &tools {
        assert!(calls.iter().any(|(called, _)| tool["name"] == *called), "{tool} was not called");
    }
    assert_eq!(database.contents().await, before);
}

#[tokio::test]
async fn the_server_itself_refuses_to_write() {
    let (_home, database) = company("mcp-refused").await;
    let store = keepwell::store::Store::connect(database.options.clone(), 2).read_only();
    let refused = store.record_inventory(chrono::Utc::now()).await.unwrap_err();
    let code = refused.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
    assert_eq!(code.as_deref(), Some("25006"), "{refused}");
    assert_eq!(store.account_count().await.unwrap(), 3);
    store.close().await;
}

#[test]
fn no_database_is_created() {
    let home = Home::new("mcp-none");
    home.write("playbooks/call.yaml", CALL);
    let mut session = Session::begin(&home, &[]);
    for (tool, arguments) in [("plan", json!({})), ("explain", json!({ "playbook": "call", "subject": "a1" }))] {
        let why = session.refusal(tool, &arguments);
        assert!(why.starts_with("there is no database: DATABASE_URL is not set, and .keepwell holds none"), "{why}");
    }
    // What needs none is answered.
    assert_eq!(session.call("check", &json!({}))["diagnostics"], json!([]));
    assert!(!home.path.join(".keepwell").exists());
}

#[test]
fn a_private_postgres_is_read_and_left_as_it_is() {
    let home = Home::new("mcp-private");
    home.write("playbooks/call.yaml", CALL);
    home.done(&["migrate"]);
    let mut session = Session::begin(&home, &[]);
    assert_eq!(session.call("plan", &json!({ "at": AT }))["plan"][0]["enter"], json!([]));
    assert_eq!(session.end().1, 0);
    assert!(!home.path.join(".keepwell/data/postmaster.pid").exists(), "it was stopped again");
}

#[tokio::test]
async fn a_user_who_may_only_read_is_enough() {
    let (mut home, database) = company("mcp-reader").await;
    assert_eq!(home.run(&["run", "--once", "--at", AT]).code, 0);
    let later = json!({ "at": "2026-03-03T09:00:00Z", "text": true });
    let calls = [
        ("plan", later),
        ("explain", json!({ "playbook": "call", "subject": "a1", "at": AT })),
        ("facts", json!({ "store": true })),
        ("check", json!({ "store": true })),
        ("backtest", json!({ "playbook": "call", "from": "2026-02-02", "to": "2026-03-02" })),
    ];
    let mut session = Session::begin(&home, &[]);
    let owned: Vec<Json> = calls.iter().map(|(tool, arguments)| session.call(tool, arguments)).collect();
    database
        .pool()
        .await
        .execute(
            "create role mcp_looker login;
             grant usage on schema keepwell, customers to mcp_looker;
             grant select on all tables in schema keepwell, customers to mcp_looker",
        )
        .await
        .unwrap();
    let (before, _) = database.url.split_once("user=").unwrap();
    home.set("DATABASE_URL", &format!("{before}user=mcp_looker"));
    let mut session = Session::begin(&home, &[]);
    let read: Vec<Json> = calls.iter().map(|(tool, arguments)| session.call(tool, arguments)).collect();
    assert_eq!(read, owned);
}
