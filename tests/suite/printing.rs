//! Whatever a customer is called, no command prints anything that steers the
//! terminal of whoever reads it, nor a line that is not Keepwell's own.

use keepwell::printable::steers;
use serde_json::Value as Json;

use crate::support::database;
use crate::support::program::{Answer, Home};

/// Hides the line above it, turns the direction, and makes up a line.
const HOSTILE: &str = "Acme\u{1b}[1A\u{1b}[2K\u{9b}31m\u{7f}\u{202e}dtL\u{2066}\n  + harmless\r\u{2028}x";

const PLAYBOOK: &str = r#"
playbook: held
about: It waits for a person.
alerts_to: ops@example.com
schedule: "0 9 * * *"
when: account.name != "" && account.mrr > 0
guardrails: { first_run: hold }
steps:
  - task: { id: see, title: "See {{ account.name }}", to: csm }
"#;

const LETTER: &str = r#"
playbook: letter
about: It fails with the name in its reason, or leaves with it in its subject.
alerts_to: ops@example.com
schedule: "0 9 * * *"
when: account.mrr > 0
guardrails: { first_run: go }
steps:
  - email: { id: hello, to: champion, subject: "Hello {{ account.name }}", body: "Hi" }
  - task: { id: see, title: "See {{ account.name }}", to: csm }
"#;

/// Asserts that nothing but line ends steers, and that each line is Keepwell's own.
#[track_caller]
fn assert_harmless(command: &str, answer: &Answer) {
    for text in [&answer.stdout, &answer.stderr] {
        assert!(!text.chars().any(|c| steers(c) && c != '\n'), "{command}: {text:?}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("+ harmless")), "{command}: {text}");
    }
}

#[tokio::test]
async fn no_customer_steers_a_terminal() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    for id in ["plain", HOSTILE] {
        sqlx::query("insert into customers.accounts (id, name, mrr, signed_up_at) values ($1, $2, 100, '2026-01-01')")
            .bind(id)
            .bind(HOSTILE)
            .execute(&pool)
            .await
            .unwrap();
        sqlx::query(
            "insert into customers.contacts (account_id, id, name, email, role) values ($1, 'c', $2, $3, 'champion')",
        )
        .bind(id)
        .bind(HOSTILE)
        .bind(if id == "plain" { "ann@customer.example".to_owned() } else { format!("{HOSTILE}@customer.example") })
        .execute(&pool)
        .await
        .unwrap();
    }
    let mut home = Home::new("printing");
    home.set("DATABASE_URL", &database.url);
    home.set("KEEPWELL_LOG", "debug");
    home.write("playbooks/held.yaml", PLAYBOOK);
    home.write("playbooks/letter.yaml", LETTER);
    let at = "2026-03-02T09:00:00Z";
    let plan = home.run(&["plan", "--at", at]);
    assert_harmless("plan", &plan);
    assert!(plan.stdout.contains("\\u{1b}[1A\\u{1b}[2K\\u{9b}31m"), "{plan:?}");
    assert_harmless("run", &home.done(&["run", "--once", "--at", at]));
    for list in ["runs", "messages", "tasks", "enrollments"] {
        let table = home.done(&[list]);
        assert_harmless(list, &table);
        let json = home.done(&[list, "--format", "json"]);
        assert_harmless(list, &json);
        assert!(!json.rows(list).is_empty(), "{list}");
    }
    // The held run names whom it would touch, one a line.
    let runs = home.done(&["runs"]).stdout;
    assert_eq!(runs.lines().filter(|line| line.contains("account.name = Acme\\u{1b}[1A")).count(), 2, "{runs}");
    // A document stays what it was.
    let read: Vec<Json> = home.rows(&["runs"]).into_iter().map(|row| row["sample"][0]["read"].clone()).collect();
    assert!(read.iter().any(|read| read["account.name"] == HOSTILE), "{read:?}");
    for command in [
        &["export", HOSTILE][..],
        &["tasks", "--account", HOSTILE],
        &["tasks", "--account", "\u{1b}[2Jnobody"],
        &["tasks", "--\u{1b}[2Jnobody"],
        &["stop", "--playbook", "\u{202e}nobody"],
        &["erase", HOSTILE, "--dry-run"],
    ] {
        assert_harmless(&command.join(" "), &home.run(command));
    }
    // Nor does the name of a file.
    home.write("playbooks/\u{1b}[2J\u{202e}.yaml", "playbook: \u{85}x\nabout: [\u{9b}1m\n");
    for format in ["human", "line", "json", "github", "sarif", "junit"] {
        let check = home.run(&["check", "--format", format]);
        assert_harmless("check", &check);
        assert_eq!(check.code, 1, "{check:?}");
    }
}
