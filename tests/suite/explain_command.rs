//! `keepwell explain` and `runs --account` as programs call them: the names of
//! their fields are a contract.

use serde_json::{Value as Json, json};
use sqlx::Executor;

use crate::support::database;
use crate::support::program::Home;

const CALL: &str = r#"
playbook: call
about: A mail, a call, then nothing for a while.
alerts_to: ops@example.com
schedule: "0 9 * * mon-fri"
when: account.tier == "A" && account.events("login", 30) < 3
guardrails: { first_run: go }
goal: account.activated_at != none
steps:
  - email: { id: hello, to: champion, subject: "Hello {{ account.name }}", body: "Hi" }
  - task: { id: ring, title: "Ring {{ account.name }}", to: csm, due: 1d }
  - wait: 30d
"#;

const AT: &str = "2026-03-02T09:00:00Z";
const LATER: &str = "2026-03-03T09:00:00Z";

async fn company(name: &str) -> Home {
    let database = database::fresh().await;
    database
        .pool()
        .await
        .execute(
            "insert into customers.accounts (id, name, tier, signed_up_at)
                 values ('a1', 'Acme', 'A', '2026-01-01'), ('a2', 'Bolt', 'B', '2026-01-01');
             insert into customers.contacts (account_id, id, name, email, role)
                 values ('a1', 'c', 'Ann', 'ann@acme.example', 'champion');
             insert into customers.events (account_id, id, name, at) values ('a2', 'e', 'login', '2026-01-10')",
        )
        .await
        .unwrap();
    let mut home = Home::new(name);
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/call.yaml", CALL);
    home
}

fn keys(object: &Json) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The explanation that a command prints.
fn explain(home: &Home, arguments: &[&str]) -> Json {
    let answer = home.run(&[&["explain", "--format", "json"][..], arguments].concat());
    assert_eq!(answer.code, 0, "{answer:?}");
    let document = answer.json();
    assert_eq!(keys(&document), ["explain"]);
    document["explain"].clone()
}

#[tokio::test]
async fn an_account_is_explained_before_and_after_its_run() {
    let home = company("explain-account").await;
    // Before anything was published the file answers, and says so.
    let before = explain(&home, &["call", "a1", "--at", AT]);
    for key in ["playbook", "subject", "at", "revision", "verdict", "decided_by", "reason", "clauses"] {
        assert!(!before[key].is_null(), "{key}: {before:#}");
    }
    assert_eq!((&before["verdict"], &before["decided_by"]), (&json!("enters"), &json!("clause")));
    assert_eq!(before["notes"][0], "it was never published: this is what its file says");
    let clause = &before["clauses"][1];
    for key in ["text", "line", "column", "truth", "values"] {
        assert!(!clause[key].is_null(), "{key}: {clause:#}");
    }
    assert_eq!(clause["values"], json!({ "account.events(\"login\", 30)": 0 }));
    assert_eq!((&clause["line"], &clause["column"]), (&json!(6), &json!(30)));

    assert_eq!(home.run(&["run", "--once", "--at", AT]).code, 0);
    let after = explain(&home, &["call", "a1", "--at", AT]);
    assert_eq!((&after["verdict"], &after["subject"]), (&json!("enters"), &json!("a1")));
    let later = explain(&home, &["call", "a1", "--at", LATER]);
    assert_eq!(later["verdict"], "active");
    assert_eq!(later["next_slot"], "2026-03-04T09:00:00Z");
    let other = explain(&home, &["call", "a2", "--at", LATER]);
    assert_eq!((&other["verdict"], &other["decided_by"]), (&json!("skipped"), &json!("clause")));
    assert_eq!(other["reason"], "account.tier == \"A\" is false: account.tier = \"B\"");
    let nobody = explain(&home, &["call", "a3"]);
    assert_eq!((&nobody["decided_by"], &nobody["clauses"]), (&json!("no such subject"), &json!([])));
    let text = home.run(&["explain", "call", "a2"]);
    let headline = text.stdout.lines().next().unwrap();
    assert!(headline.starts_with("a2 does not enter call on "), "{text:?}");
    assert!(headline.ends_with(" (UTC): the condition is not met"), "{text:?}");
    assert!(text.stdout.contains("    false        account.tier == \"A\""), "{text:?}");

    let unknown = home.run(&["explain", "cal", "a1"]);
    assert_eq!((unknown.code, unknown.stderr.trim()), (1, "error: there is no playbook `cal`"));
    assert_eq!(home.run(&["explain", "call"]).code, 1);
}

#[tokio::test]
async fn a_run_says_what_it_did_with_an_account() {
    let home = company("explain-runs").await;
    for slot in [AT, LATER] {
        assert_eq!(home.run(&["run", "--once", "--at", slot]).code, 0);
    }
    let of = |account: &str| home.run(&["runs", "--account", account, "--format", "json"]).rows("runs");
    let brief = |runs: &[Json]| -> Vec<(String, String)> {
        runs.iter()
            .map(|run| {
                let [subject] = &run["subjects"].as_array().unwrap()[..] else { panic!("one subject: {run:#}") };
                let text = |key: &str| subject[key].as_str().unwrap().to_owned();
                (text("verdict"), text("reason"))
            })
            .collect()
    };
    let runs = of("a1");
    assert_eq!((&runs[0]["account"], &runs[0]["state"]), (&json!("a1"), &json!("done")));
    let told = brief(&runs);
    assert_eq!(told[0], ("enters".to_owned(), "it entered at this instant".to_owned()));
    assert_eq!(told[1].0, "active");
    let skipped = ("skipped".to_owned(), "account.tier == \"A\" is false: account.tier = \"B\"".to_owned());
    assert_eq!(brief(&of("a2")), [skipped.clone(), skipped]);
    let text = home.run(&["runs", "--account", "a2"]);
    assert!(text.stdout.contains("call@2026-03-02T09:00:00Z  a2       skipped  clause"), "{}", text.stdout);
    let nobody = home.run(&["runs", "--account", "a9"]);
    assert_eq!((nobody.code, nobody.stderr.trim()), (1, "error: nothing is known of an account `a9`"));
}

#[tokio::test]
async fn a_message_and_a_task_say_where_they_come_from() {
    let home = company("explain-effects").await;
    home.write("keepwell.yaml", "web: off\nmail: { undo_window: 1h }\n");
    // At this moment, so that the mail still waits.
    assert_eq!(home.run(&["run", "--once", "--at", AT]).code, 0);
    let mails = home.run(&["messages", "--format", "json"]).rows("messages");
    let mail = mails.iter().find(|one| one["step"] == "hello").unwrap();
    let id = mail["id"].as_str().unwrap();
    let explained = explain(&home, &["--message", id]);
    assert_eq!((&explained["message"]["id"], &explained["verdict"]), (&json!(id), &json!("deferred")));
    assert_eq!(explained["enrollment"]["playbook"], "call");
    // Nobody looked at it since, and by now it has expired.
    assert_eq!(explained["now"]["answer"], "never");
    assert_eq!(explained["now"]["state"], "expired");
    let text = home.run(&["explain", "--message", id]).stdout;
    let headline = text.lines().next().unwrap();
    assert!(headline.starts_with("email hello to ann@acme.example about a1 on "), "{text}");
    assert!(headline.ends_with(" (UTC): deferred"), "{text}");
    assert!(text.contains("  because can be cancelled until 2026-03-02T10:00:00Z\n"), "{text}");
    assert!(
        text.contains("the condition read then: account.events(\"login\", 30) = 0, account.tier = \"A\""),
        "{text}"
    );

    let tasks = home.run(&["tasks", "--format", "json"]).rows("tasks");
    assert_eq!(tasks, Vec::<Json>::new(), "the task waits behind the mail");
    assert_eq!(home.run(&["run", "--once", "--at", "2026-03-02T10:00:00Z"]).code, 0);
    let tasks = home.run(&["tasks", "--format", "json"]).rows("tasks");
    let id = tasks[0]["id"].as_str().unwrap();
    let explained = explain(&home, &["--task", id]);
    assert_eq!((&explained["task"]["step"], &explained["verdict"]), (&json!("ring"), &json!("open")));
    assert_eq!(
        (&explained["closes_when"]["as"], &explained["closes_when"]["truth"]),
        (&json!("goal"), &json!("false"))
    );
    assert_eq!(explained["closes_when"]["clauses"][0]["values"], json!({ "account.activated_at": null }));
    let text = home.run(&["explain", "--task", id]).stdout;
    assert!(text.contains("it closes by itself as `goal`, which is false now"), "{text}");
    let none = home.run(&["explain", "--task", "00000000-0000-0000-0000-000000000000"]);
    assert_eq!(none.stderr.trim(), "error: there is no task 00000000-0000-0000-0000-000000000000");
    assert_eq!(home.run(&["explain", "call", "a1", "--task", id]).code, 1);
}

#[tokio::test]
async fn people_read_one_zone_and_its_name() {
    let home = company("explain-zone").await;
    home.write("playbooks/call.yaml", &format!("{CALL}timezone: Europe/Berlin\n"));
    assert_eq!(home.run(&["run", "--once", "--at", AT]).code, 0);
    let text = home.done(&["explain", "call", "a1", "--at", LATER]).stdout;
    assert!(text.starts_with("a1 is in call on 3 March 2026, 10:00 (Europe/Berlin)\n"), "{text}");
    for line in [
        "  because it is in this playbook since 2 March 2026, 10:00,",
        ": active, entered 2 March 2026, 10:00\n",
        ", published on 2 March 2026, 10:00\n",
        "  next run on 4 March 2026, 09:00\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(explain(&home, &["call", "a1", "--at", LATER])["next_slot"], "2026-03-04T08:00:00Z");

    // What came of it is told in the same zone; programs read UTC.
    let mails = home.run(&["messages", "--format", "json"]).rows("messages");
    let mail = mails.iter().find(|one| one["step"] == "hello").unwrap();
    let id = mail["id"].as_str().unwrap();
    let created = explain(&home, &["--message", id])["message"]["created_at"].clone();
    assert!(created.as_str().unwrap().starts_with("2026-03-02T09:00:00"), "{created}");
    let text = home.done(&["explain", "--message", id]).stdout;
    assert!(text.lines().next().unwrap().ends_with(&format!(" (Europe/Berlin): {}", mail["state"].as_str().unwrap())));
    assert!(text.contains("made it on 2 March 2026, 10:00\n"), "{text}");
    assert!(text.contains(" began on 2 March 2026, 10:00, with revision "), "{text}");
    let tasks = home.run(&["tasks", "--format", "json"]).rows("tasks");
    assert!(tasks[0]["due_at"].as_str().unwrap().starts_with("2026-03-03T09:00:00"), "{tasks:?}");
    let text = home.done(&["explain", "--task", tasks[0]["id"].as_str().unwrap()]).stdout;
    assert!(text.contains(", due on 3 March 2026, 10:00\n"), "{text}");
    assert!(text.lines().next().unwrap().ends_with(" (Europe/Berlin): open"), "{text}");
}
