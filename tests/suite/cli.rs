//! The command line: exit codes, and documents that other programs rely on.

use std::time::{Duration, Instant};

use keepwell::message::state::State;
use keepwell::store::views::cli::{ENROLLMENT_STATES, RUN_STATES, TASK_STATES};
use serde_json::{Value as Json, json};
use sqlx::{Executor, PgPool};

use crate::support::database;
use crate::support::program::Home;

const CALL: &str = r#"
playbook: call
about: A mail, a call, then nothing for a while.
alerts_to: ops@example.com
schedule: "0 9 * * mon-fri"
when: account.tier == "A"
goal: account.activated_at != none
steps:
  - email: { id: hello, to: champion, subject: "Hello {{ account.name }}", body: "Hi" }
  - task: { id: ring, title: "Ring {{ account.name }}", to: csm, due: 1d, priority: high, outcomes: [reached, no answer] }
  - task: { id: note, title: "Note it", to: csm }
  - wait: 30d
tests:
  - name: an A account is called
    at: 2026-03-02T09:00:00Z
    account: { tier: A }
    expect: [ { after: 0s, email: hello }, { after: 0s, task: ring }, { after: 0s, task: note } ]
"#;

const MANY: &str = r#"
playbook: many
about: Too many at once.
alerts_to: ops@example.com
schedule: "0 9 1 * *"
when: account.seats == 10
guardrails: { hold_above: { count: 2, share: 1% }, first_run: go }
steps:
  - task: { title: "See {{ account.name }}", to: csm }
"#;

pub(crate) const AT: &str = "2026-03-02T09:00:00Z";
const LATER: &str = "2026-03-02T10:00:00Z";
const MUCH_LATER: &str = "2026-03-02T11:00:00Z";

pub(crate) async fn company(name: &str) -> (Home, PgPool) {
    let database = database::fresh().await;
    let pool = database.pool().await;
    pool.execute(
        "insert into customers.csms (id, name, email) values ('csm', 'Sam', 'sam@example.com');
         insert into customers.accounts (id, name, csm_id, seats, tier, signed_up_at)
             select 'a' || n, 'Account ' || n, 'csm', 10, case when n < 3 then 'A' end, '2026-01-01'
             from generate_series(1, 4) n;
         insert into customers.contacts (account_id, id, name, email, role)
             select 'a' || n, 'c', 'Person', 'person' || n || '@customer.example', 'champion'
             from generate_series(1, 4) n",
    )
    .await
    .unwrap();
    let mut home = Home::new(name);
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/call.yaml", CALL);
    home.write("playbooks/many.yaml", MANY);
    home.write("playbooks/most.yaml", &MANY.replace("many", "most"));
    (home, pool)
}

/// The fields are there, and what ends in `_at` or is named so is an instant.
fn assert_fields(row: &Json, fields: &[&str], instants: &[&str]) {
    let row = row.as_object().unwrap();
    for field in fields {
        assert!(row.contains_key(*field), "{field} is missing: {row:?}");
    }
    for field in instants {
        if let Some(text) = row[*field].as_str() {
            assert!(chrono::DateTime::parse_from_rfc3339(text).is_ok(), "{field}: {text}");
        } else {
            assert!(row[*field].is_null(), "{field}: {row:?}");
        }
    }
}

fn one<'a>(rows: &'a [Json], key: &str, value: &str) -> &'a Json {
    let mut found = rows.iter().filter(|row| row[key] == value);
    let row = found.next().unwrap_or_else(|| panic!("no {key} {value} in {rows:?}"));
    assert!(found.next().is_none(), "two {key} {value}");
    row
}

#[tokio::test]
async fn a_plan_is_what_the_run_then_does() {
    let (home, _) = company("plan").await;
    let plan = home.run(&["plan", "--at", AT, "--format", "json"]);
    assert_eq!(plan.code, 2, "{plan:?}");
    let rows = plan.rows("plan");
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert_fields(row, &["playbook", "slot", "enter", "hold", "reason"], &["slot"]);
    }
    let call = one(&rows, "playbook", "call");
    assert_eq!((&call["enter"], &call["hold"]), (&json!(["a1", "a2"]), &Json::Null));
    let many = one(&rows, "playbook", "many");
    assert_eq!(many["enter"], json!(["a1", "a2", "a3", "a4"]), "complete, although it would be held");
    assert!(many["hold"].is_string());
    assert!(home.rows(&["runs"]).is_empty(), "a plan writes nothing");

    home.done(&["suppress", "person2@customer.example"]);
    home.done(&["run", "--once", "--at", AT]);
    let lists = ["enrollments", "tasks", "messages", "runs"];
    let before = lists.map(|noun| home.rows(&[noun]));
    home.done(&["run", "--at", AT, "--once"]);
    assert_eq!(lists.map(|noun| home.rows(&[noun])), before, "the same instant twice does nothing");

    let [enrollments, tasks, messages, runs] = before;
    let fields = [
        "id",
        "playbook",
        "revision",
        "account",
        "contact",
        "state",
        "reason",
        "step",
        "due_at",
        "started_at",
        "ended_at",
    ];
    for row in &enrollments {
        assert_fields(row, &fields, &["due_at", "started_at", "ended_at"]);
    }
    let active: Vec<&Json> = enrollments.iter().filter(|row| row["state"] == "active").collect();
    assert_eq!(active.len(), 2);
    assert_eq!(enrollments.iter().filter(|row| row["state"] == "held").count(), 8);
    let started = chrono::DateTime::parse_from_rfc3339(active[0]["started_at"].as_str().unwrap()).unwrap();
    assert_eq!(started, chrono::DateTime::parse_from_rfc3339(AT).unwrap());

    let fields = [
        "id",
        "playbook",
        "account",
        "step",
        "title",
        "assignee",
        "due_at",
        "priority",
        "state",
        "snoozed_until",
        "reason",
    ];
    assert_eq!(tasks.len(), 4);
    for row in &tasks {
        assert_fields(row, &fields, &["due_at", "snoozed_until"]);
    }
    let fields = [
        "id",
        "playbook",
        "account",
        "contact",
        "step",
        "channel",
        "to",
        "subject",
        "state",
        "reason",
        "attempts",
        "sent_at",
        "message_id",
    ];
    for row in &messages {
        assert_fields(row, &fields, &["sent_at"]);
    }
    let mails: Vec<Json> = messages.iter().filter(|row| row["channel"] == "email").cloned().collect();
    let sent = one(&mails, "account", "a1");
    assert_eq!((&sent["state"], &sent["to"]), (&json!("captured"), &json!("person1@customer.example")));
    assert_eq!(sent["subject"], "Hello Account 1");
    assert_eq!(one(&mails, "account", "a2")["state"], "suppressed");
    let fields = ["id", "playbook", "revision", "slot", "kind", "state", "reason", "candidates", "enrolled", "skipped"];
    for row in &runs {
        assert_fields(row, &fields, &["slot"]);
        assert_eq!(row["kind"], "manual");
        assert!(row["skipped"].is_object());
    }
    assert_eq!(one(&runs, "playbook", "call")["enrolled"], 2);
    assert_eq!(one(&runs, "playbook", "many")["state"], "held");

    // A list is complete unless asked otherwise.
    assert_eq!(home.rows(&["tasks", "--account", "a1", "--playbook", "call", "--state", "open"]).len(), 2);
    assert_eq!(home.rows(&["tasks", "--limit", "1"]).len(), 1);
    assert!(home.rows(&["tasks", "--state", "done"]).is_empty());
    assert!(home.done(&["tasks"]).stdout.contains("Ring Account 1"));
    assert_eq!(home.run(&["plan", "--playbook", "call", "--at", LATER]).code, 0, "nobody is left to enter");
    assert_eq!(home.run(&["plan", "--playbook", "nope", "--at", LATER]).code, 1);
}

#[tokio::test]
async fn a_person_has_the_last_word() {
    let (home, _) = company("person").await;
    home.done(&["run", "--once", "--at", AT]);
    let held = home.rows(&["runs", "--state", "held"]);
    let id = |playbook: &str| one(&held, "playbook", playbook)["id"].as_str().unwrap().to_owned();
    assert_eq!(home.run(&["approve", "many@2020-01-01T00:00:00Z"]).code, 1);
    assert_eq!(home.run(&["approve", "nonsense"]).code, 1);
    assert_eq!(home.run(&["approve", &format!("call@{AT}")]).code, 1, "it is not held");
    home.done(&["approve", &id("many")]);
    home.done(&["stop", "--playbook", "many"]);
    let again = home.done(&["approve", &id("many")]).stdout;
    assert!(again.contains("it was approved already") && again.contains("keepwell resume --playbook many"), "{again}");
    home.done(&["resume", "--playbook", "many"]);
    for words in [["enrollments", "--account", "a1x"], ["tasks", "--account", "a1x"]] {
        let answer = home.run(&words);
        assert!(answer.code == 1 && answer.stderr.contains("nothing is known of an account `a1x`"), "{answer:?}");
    }
    let answer = home.run(&["task", "done", "1"]);
    assert!(answer.code == 1 && answer.stderr.contains("keepwell tasks"), "{answer:?}");
    home.done(&["discard", &id("most")]);
    assert_eq!(home.run(&["discard", &id("most")]).code, 1, "once");
    home.done(&["run", "--once"]);
    assert_eq!(home.rows(&["enrollments", "--playbook", "many", "--state", "completed"]).len(), 4);
    assert!(home.rows(&["enrollments", "--playbook", "most"]).is_empty());
    assert_eq!(home.run(&["plan", "--playbook", "many", "--at", LATER]).code, 0);
    assert_eq!(home.run(&["plan", "--playbook", "most", "--at", LATER]).code, 2, "a discarded run used nothing up");

    let tasks = home.rows(&["tasks", "--playbook", "call", "--account", "a1"]);
    let id = |step: &str| one(&tasks, "step", step)["id"].as_str().unwrap().to_owned();
    let (ring, note) = (id("ring"), id("note"));
    let wrong = home.run(&["task", "done", &ring, "--outcome", "somehow"]);
    assert!(wrong.code == 1 && wrong.stderr.contains("outcome"), "{wrong:?}");
    let done = home.done(&["task", "done", &ring, "--outcome", "no answer"]).stdout;
    assert!(done.contains("The journey is over") && done.contains(&format!("`keepwell task undo {ring}`")), "{done}");
    assert_eq!(home.run(&["task", "done", &ring]).code, 1, "it is not open any more");
    assert_eq!(home.run(&["task", "dismiss", &note]).code, 1, "a reason is needed");
    home.done(&["task", "dismiss", &note, "--because", "a friend did it"]);
    let nothing = home.run(&["task", "undo", "00000000-0000-0000-0000-000000000000"]);
    assert!(nothing.code == 1 && nothing.stderr.contains("nothing was done with task"), "{nothing:?}");
    assert_eq!(home.run(&["task", "done", "00000000-0000-0000-0000-000000000000"]).code, 1);
    let tasks = home.rows(&["tasks", "--playbook", "call", "--account", "a1"]);
    let ring = one(&tasks, "step", "ring");
    assert_eq!((&ring["state"], &ring["outcome"]), (&json!("done"), &json!("no answer")));
    let note = one(&tasks, "step", "note");
    assert_eq!((&note["state"], &note["reason"]), (&json!("dismissed"), &json!("a friend did it")));

    assert_eq!(home.run(&["suppress", "not-an-address"]).code, 1);
}

#[tokio::test]
async fn what_is_stopped_does_nothing() {
    let (home, _) = company("stopped").await;
    home.done(&["run", "--once"]);
    assert_eq!(home.run(&["stop", "--playbook", "nope"]).code, 1);
    assert_eq!(home.run(&["stop", "--account", "nobody"]).code, 1);
    let stopped = home.done(&["stop", "--channel", "email"]);
    assert_eq!(stopped.stdout, "stopped: the channel email\n");
    let resumed = home.done(&["resume", "--channel", "email"]);
    assert_eq!(resumed.stdout, "resumed: the channel email\n");
    let account = home.rows(&["tasks"]).first().map(|task| task["account"].as_str().unwrap().to_owned());
    let account = account.unwrap_or_else(|| "a1".to_owned());
    assert_eq!(home.run(&["stop", "--class", "marketing"]).code, 1, "of which account?");
    assert_eq!(home.run(&["stop", "--account", &account, "--class", "internal"]).code, 1);
    let paused = home.done(&["stop", "--account", &account, "--class", "marketing", "--because", "they asked"]);
    assert_eq!(paused.stdout, format!("stopped: marketing mail to the account {account}\n"));
    let deed = home.done(&["audit", "--limit", "1", "--format", "json"]).json()["audit"][0].clone();
    assert_eq!((&deed["deed"], &deed["reason"]), (&json!("stop"), &json!("they asked")));
    assert_eq!(deed["about"], json!({ "account": account, "class": "marketing" }));
    home.done(&["resume", "--account", &account, "--class", "marketing"]);
    home.done(&["stop", "--playbook", "call"]);
    home.done(&["run", "--once", "--at", AT]);
    let runs = home.rows(&["runs", "--playbook", "call"]);
    assert_eq!((&runs[0]["state"], &runs[0]["reason"]), (&json!("skipped"), &json!("stopped")));
    assert_eq!(home.rows(&["runs", "--state", "held"]).len(), 2, "the others go on");
    let plan = home.run(&["plan", "--playbook", "call", "--at", LATER, "--format", "json"]);
    assert_eq!((plan.code, &plan.rows("plan")[0]["reason"]), (0, &json!("stopped")));

    home.done(&["stop"]);
    home.done(&["resume", "--playbook", "call"]);
    home.done(&["run", "--once", "--at", LATER]);
    assert!(home.rows(&["enrollments", "--state", "active"]).is_empty(), "everything is still stopped");
    home.done(&["resume", "--all"]);
    assert!(home.done(&["resume"]).stdout.contains("was not stopped"));
    home.done(&["run", "--once", "--at", MUCH_LATER]);
    assert_eq!(home.rows(&["enrollments", "--state", "active"]).len(), 2);
    assert_eq!(home.rows(&["runs", "--playbook", "call", "--state", "skipped"]).len(), 2, "nothing is replayed");
}

#[test]
fn files_are_checked_and_played_without_a_database() {
    let mut home = Home::new("files");
    home.set("DATABASE_URL", "garbage");
    home.write("playbooks/call.yaml", CALL);
    assert_eq!(home.done(&["check", "--format", "json"]).json(), json!({ "diagnostics": [] }));
    assert_eq!(home.done(&["check", "--format", "line"]).stdout, "");
    assert!(home.done(&["test"]).stdout.contains("1 passed"));

    home.write(
        "elsewhere/broken.yaml",
        &CALL.replace("playbook: call", "playbook: broken").replace("account.tier", "account.teir"),
    );
    // Options stand before the command or behind it.
    for words in [["--playbooks", "elsewhere", "check"], ["check", "--playbooks", "elsewhere"]] {
        let answer = home.run(&[&words[..], &["--format", "line"]].concat());
        assert_eq!(answer.code, 1);
        let line = answer.stdout.lines().next().unwrap();
        assert!(line.starts_with("elsewhere/broken.yaml:6:"), "{line}");
        assert!(line.contains(": error[KW") && line.contains("]: "), "{line}");
    }
    let answer = home.run(&["check", "elsewhere", "--format", "json"]);
    assert_eq!(answer.code, 1);
    for row in answer.rows("diagnostics") {
        assert_fields(&row, &["code", "severity", "file", "line", "column", "message", "help"], &[]);
    }
    assert_eq!(home.run(&["test", "elsewhere"]).code, 1);
    home.write("playbooks/call.yaml", &CALL.replace("0s, task: note }", "1h, task: note }"));
    let failed = home.run(&["test"]);
    assert!(failed.code == 1 && failed.stdout.contains("FAILED"), "{failed:?}");
    let checked = home.run(&["check", "--format", "line"]);
    assert!(checked.code == 1 && checked.stdout.contains("error[KW0503]: the case `an A account"), "{checked:?}");

    let slots = ["slots", "call", "--count", "3", "--from", "2026-03-06T09:00:00Z"];
    let rows = home.rows(&slots);
    let at: Vec<&str> = rows.iter().map(|row| row["at"].as_str().unwrap()).collect();
    assert_eq!(at, ["2026-03-09T09:00:00Z", "2026-03-10T09:00:00Z", "2026-03-11T09:00:00Z"]);
    assert!(rows.iter().all(|row| row["playbook"] == "call"));
    assert_eq!(home.run(&["slots", "nope"]).code, 1);
    assert_eq!(home.rows(&["slots"]).len(), 5);
    assert_eq!(home.run(&["slots", "--from", "tomorrow"]).code, 1);
    // A file that cannot be read at all is not passed over in silence.
    home.write("playbooks/broken.yaml", "playbook: broken\nschedule: [\n");
    for (words, code, count) in [(&["slots"][..], 1, 5), (&["slots", "broken"], 1, 0), (&["slots", "call"], 0, 5)] {
        let answer = home.run(&[words, &["--format", "json"]].concat());
        assert_eq!((answer.code, answer.rows("slots").len()), (code, count), "{answer:?}");
        assert_eq!(answer.stderr.contains("playbooks/broken.yaml"), code == 1, "{answer:?}");
    }
}

#[tokio::test]
async fn lists_know_the_states_there_are() {
    let (home, pool) = company("states").await;
    for (noun, states) in [
        ("enrollments", &ENROLLMENT_STATES[..]),
        ("tasks", &TASK_STATES),
        ("messages", &State::NAMES),
        ("runs", &RUN_STATES),
    ] {
        let check: String = sqlx::query_scalar(
            "select pg_get_constraintdef(oid) from pg_constraint where conrelid = ('keepwell.' || $1)::regclass
             and contype = 'c' and pg_get_constraintdef(oid) like 'CHECK ((state = ANY%'",
        )
        .bind(noun)
        .fetch_one(&pool)
        .await
        .unwrap();
        let known: Vec<&str> = check.split('\'').skip(1).step_by(2).collect();
        assert_eq!(states, known, "{noun}");
        let refused = home.run(&[noun, "--state", "uknown"]);
        assert!(refused.code == 1 && refused.stderr.contains(&states.join(", ")), "{refused:?}");
        let refused = home.run(&[noun, "--playbook", "nope"]);
        assert!(refused.code == 1 && refused.stderr.contains("there is no playbook `nope`"), "{refused:?}");
    }
}

#[test]
fn mistakes_that_no_case_notices_are_listed() {
    let home = Home::new("mutants");
    let (left_alone, b) =
        ("  - { name: a B account is left alone, at: 2026-03-02T09:00:00Z, ", "account: { tier: B }, expect: [] }\n");
    home.write("playbooks/call.yaml", &format!("{CALL}{left_alone}{b}"));
    // A wrong goal ends it before the mail.
    let answer = home.done(&["test", "--mutants"]);
    assert!(answer.stdout.contains("call (playbooks/call.yaml): 2 mistakes tried, 0 noticed by check, 2 by a case"));
    let weak = CALL.replace("when: account.tier == \"A\"", "when: account.tier == \"A\" && account.mrr < 50");
    home.write("playbooks/call.yaml", &weak.replace("{ tier: A }", "{ tier: A, mrr: 0 }"));
    let answer = home.done(&["test", "--mutants", "--format", "json"]);
    let tried = &answer.json()["mutants"][0];
    assert_eq!(
        (&tried["playbook"], &tried["tried"], &tried["noticed_by_check"]),
        (&json!("call"), &json!(6), &json!(0))
    );
    let missed: Vec<(&str, &str, &str)> = tried["missed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|missed| {
            let text = |key: &str| missed[key].as_str().unwrap();
            (text("from"), text("to"), text("advice"))
        })
        .collect();
    assert_eq!(
        missed,
        [
            ("&&", "||", "add one in which only one side of it holds"),
            ("50", "500", "add one with a value between 50 and 500"),
        ]
    );
    assert_eq!((&tried["missed"][1]["line"], &tried["missed"][1]["column"]), (&json!(6), &json!(44)));
}

#[tokio::test]
async fn a_person_enrolls_an_account_and_cancels_it_again() {
    let (home, _) = company("named").await;
    home.done(&["run", "--once", "--at", AT]);
    let skipped = home.run(&["enroll", "call", "a1", "--format", "json"]);
    assert!(skipped.code == 1 && skipped.stderr.contains("a1 was not enrolled in call: active"), "{skipped:?}");
    assert_eq!(one(&skipped.rows("enrollments"), "state", "skipped")["reason"], "active");
    // a3 is of no tier, so that no run would enroll it.
    let enrolled = home.run(&["enroll", "call", "a3", "--at", LATER, "--format", "json"]);
    assert_eq!(enrolled.code, 0, "{enrolled:?}");
    let row = one(&enrolled.rows("enrollments"), "account", "a3").clone();
    assert_eq!((&row["state"], &row["started_at"]), (&json!("active"), &json!("2026-03-02T10:00:00+00:00")));
    home.done(&["run", "--once", "--at", MUCH_LATER]);
    assert_eq!(home.rows(&["tasks", "--account", "a3", "--state", "open"]).len(), 2);
    let id = row["id"].as_str().unwrap();
    let cancelled = home.run(&["cancel", id, "--format", "json"]);
    assert_eq!((cancelled.code, &one(&cancelled.rows("enrollments"), "id", id)["state"]), (0, &json!("cancelled")));
    assert!(home.rows(&["tasks", "--account", "a3", "--state", "open"]).is_empty());
    for (words, why) in [
        (vec!["cancel", id], "has ended already: cancelled"),
        (vec!["cancel", "00000000-0000-0000-0000-000000000000"], "there is no enrollment"),
        (vec!["enroll", "call", "a3"], "not enrolled in call: reentry"),
        (vec!["enroll", "call", "nobody"], "not enrolled in call: no such account"),
        (vec!["enroll", "nothing", "a1"], "there is no published playbook `nothing`"),
    ] {
        let answer = home.run(&words);
        assert!(answer.code == 1 && answer.stderr.contains(why), "{words:?}: {answer:?}");
    }
}

#[test]
fn what_is_not_there_yet_says_so() {
    let home = Home::new("later");
    let answer = home.run(&["token"]);
    assert!(answer.code == 1 && answer.stderr.contains("not yet"), "{answer:?}");
    assert_eq!(answer.stdout, "");
    assert!(!home.path.join(".keepwell").exists(), "and starts no database");
    assert_eq!(home.run(&["nonsense"]).code, 1);
    assert_eq!(home.run(&["run", "--at", "yesterday"]).code, 1);
    assert_eq!(home.run(&[]).code, 1);
    assert_eq!(home.done(&["--version"]).stderr, "");
    assert!(home.done(&["--help"]).stdout.contains("Usage"));
}

#[tokio::test]
async fn a_database_is_made_ready_or_the_reason_is_said() {
    let empty = database::fresh_from("empty", async |_| {}).await;
    let mut home = Home::new("migrate");
    home.set("DATABASE_URL", &empty.url);
    home.write("playbooks/call.yaml", CALL);
    let early = home.run(&["runs"]);
    assert!(early.code == 1 && early.stderr.contains("keepwell migrate"), "{early:?}");
    home.done(&["migrate"]);
    home.done(&["migrate"]);
    assert!(home.rows(&["runs"]).is_empty());

    home.set("KEEPWELL_SMTP_URL", "garbage");
    let refused = home.run(&["run", "--once"]);
    assert!(refused.code == 1 && refused.stderr.contains("KEEPWELL_SMTP_URL"), "{refused:?}");
    for url in ["postgres://127.0.0.1:1/nothing", "garbage"] {
        home.set("DATABASE_URL", url);
        let asked = Instant::now();
        let refused = home.run(&["runs"]);
        assert!(refused.code == 1 && refused.stderr.contains("DATABASE_URL"), "{refused:?}");
        assert!(asked.elapsed() < Duration::from_secs(10), "it says so at once");
    }
    home.write("keepwell.yaml", "web: of\n");
    assert_eq!(home.run(&["run", "--once"]).code, 1);
}

#[tokio::test]
async fn those_who_wait_are_moved_to_a_new_revision_after_it_was_shown() {
    let (home, _pool) = company("move").await;
    home.done(&["run", "--once", "--at", AT]);
    let nobody = home.done(&["move", "call"]);
    assert!(nobody.stdout.contains("nobody waits in an earlier revision"), "{nobody:?}");
    home.write("playbooks/call.yaml", &CALL.replace("- wait: 30d", "- wait: { id: rest, for: 40d }"));
    home.done(&["run", "--once", "--at", LATER]);

    let shown = home.run(&["move", "call"]);
    assert_eq!(shown.code, 1, "{shown:?}");
    assert!(shown.stdout.contains("2 in wait-1 -> no such step: a1, a2"), "{shown:?}");
    assert!(shown.stdout.contains("the steps there: hello, ring, note, rest"), "{shown:?}");
    assert!(shown.stderr.contains("no step `wait-1`: say where each leads with --map"), "{shown:?}");
    let shown = home.run(&["move", "call", "--map", "wait-1=rest"]);
    assert_eq!(shown.code, 2, "{shown:?}");
    let command = shown.stdout.lines().find_map(|line| line.strip_prefix("to do it: keepwell ")).unwrap();
    let command = command.replace("\"…\"", "better");
    let told: Vec<&str> = command.split(' ').collect();
    assert_eq!(home.run(&told[..told.len() - 3]).code, 2, "shown again");
    let unexplained: Vec<&str> = told.iter().copied().filter(|word| !["--because", "better"].contains(word)).collect();
    assert_eq!(home.run(&unexplained).code, 1, "nobody moves without saying why");
    let other = home.run(&["move", "call", "--map", "wait-1=rest", "--to", "abc", "--because", "x", "--yes"]);
    assert!(other.stderr.contains("call has changed since"), "{other:?}");
    let done = home.done(&told);
    assert!(done.stdout.contains("moved 2, ended 0"), "{done:?}");
    let rows = home.rows(&["enrollments", "--playbook", "call"]);
    for row in &rows {
        assert_eq!((&row["step"], &row["moved"][0]["because"]), (&json!("rest"), &json!("better")), "{row}");
    }
    assert_eq!(home.done(&["move", "call", "--format", "json"]).json()["move"]["waiting"], json!([]));
}
