//! The daemon as its owner meets it: files that change, logs, the demo, and
//! the private database that several processes share.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use sqlx::{Executor, PgPool};

use crate::support::database;
use crate::support::program::{Answer, Daemon, Home, until};
use crate::support::smtp::{At, Hook, Moment, Script, Server};

const PLAYBOOK: &str = r#"
playbook: look
about: Nobody enters.
alerts_to: ops@example.com
schedule: "0 9 * * *"
when: account.seats == 10
steps:
  - task: { title: "Look at {{ account.name }}", to: csm }
"#;

/// Every line of a log, each of which is one JSON document.
fn lines(daemon: &Daemon) -> Vec<Json> {
    let log = daemon.log();
    let parsed = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    parsed.collect()
}

fn message(line: &Json) -> &str {
    line["fields"]["message"].as_str().unwrap_or_default()
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

async fn published(pool: &PgPool) -> Option<(String, bool)> {
    sqlx::query_as("select revision, problems <> '[]' from keepwell.playbooks").fetch_optional(pool).await.unwrap()
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_nothing() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    let mut home = Home::new("full");
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/look.yaml", PLAYBOOK);
    let mut daemon = home.start(&["run"], "/dev/full");
    until("it is published", async || published(&pool).await.is_some()).await;
    let (first, _) = published(&pool).await.unwrap();
    home.write("playbooks/look.yaml", &PLAYBOOK.replace("account.seats ==", "account.seat =="));
    until("the mistake is known", async || published(&pool).await.unwrap().1).await;
    home.write("playbooks/look.yaml", &PLAYBOOK.replace("Nobody", "Somebody"));
    until("it is mended", async || published(&pool).await.unwrap().0 != first).await;
    assert!(daemon.is_running());
    let (status, _) = daemon.stop();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn files_that_change_are_read_again_and_broken_ones_change_nothing() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    let mut home = Home::new("reload");
    home.set("DATABASE_URL", &database.url);
    home.set("KEEPWELL_LOG_FORMAT", "json");
    home.write("playbooks/look.yaml", PLAYBOOK);
    let daemon = home.start(&["run", "--port", "0"], "log");
    until("it is published", async || published(&pool).await.is_some()).await;
    until("the page is served", async || lines(&daemon).iter().any(|line| message(line) == "page")).await;
    let address = lines(&daemon).iter().find(|line| message(line) == "page").unwrap()["fields"]["address"].clone();
    let address = address.as_str().unwrap();
    let (first, _) = published(&pool).await.unwrap();

    home.write("playbooks/look.yaml", &PLAYBOOK.replace("Nobody", "Somebody"));
    until("the change is published", async || published(&pool).await.unwrap().0 != first).await;
    let (second, broken) = published(&pool).await.unwrap();
    assert!(!broken);

    home.write("playbooks/look.yaml", &PLAYBOOK.replace("account.seats ==", "account.seat =="));
    until("the mistake is known", async || published(&pool).await.unwrap().1).await;
    assert_eq!(published(&pool).await.unwrap().0, second, "the previous revision stays in force");
    let errors = || lines(&daemon).into_iter().filter(|line| line["level"] == "ERROR");
    until("the mistake is logged", async || errors().next().is_some()).await;
    let error = errors().next().unwrap();
    assert_eq!(error["fields"]["file"], "playbooks/look.yaml");
    assert_eq!(error["fields"]["line"], 6);
    assert!(get(address, "/playbooks").contains(error["fields"]["code"].as_str().unwrap()), "and shown");

    // Also to a daemon that starts with it, whose log stays readable.
    let other = home.start(&["run"], "other");
    until("it runs", async || lines(&other).iter().any(|line| message(line) == "running")).await;
    assert!(lines(&other).iter().any(|line| line["level"] == "ERROR"));
    other.stop_well();
    assert_eq!(published(&pool).await.unwrap(), (second.clone(), true));

    home.write("playbooks/look.yaml", PLAYBOOK);
    until("it is mended", async || !published(&pool).await.unwrap().1).await;
    assert_eq!(published(&pool).await.unwrap().0, first);

    // An empty folder is rather the wrong one.
    let present = async || {
        let present: bool =
            sqlx::query_scalar("select present from keepwell.playbooks").fetch_one(&pool).await.unwrap();
        present
    };
    home.remove("playbooks/look.yaml");
    until("it is said", async || daemon.log().contains("1 of the 1 playbooks in force have no file any more: look"))
        .await;
    assert!(present().await);
    let doctor = home.run(&["doctor", "--resolver", "127.0.0.1:1"]);
    assert!(doctor.stdout.contains("warn  in force: `playbooks` has no file of look"), "{doctor:?}");
    let refused = home.run(&["run", "--once"]);
    assert!(refused.code != 0 && refused.stderr.contains("--pause-missing"), "{refused:?}");
    assert!(present().await);
    home.done(&["run", "--once", "--pause-missing"]);
    assert!(!present().await);
    assert!(get(address, "/playbooks").contains("playbooks/look.yaml</code> is gone"));
    for line in lines(&daemon) {
        let at = line["timestamp"].as_str().unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(at).is_ok(), "{at}");
        assert!(line["level"].is_string() && line["fields"].is_object());
    }
    daemon.stop_well();
}

/// A failure is one line of JSON too.
#[test]
fn an_error_is_logged_as_json() {
    let mut home = Home::new("jsonerror");
    home.set("KEEPWELL_LOG_FORMAT", "json");
    home.set("DATABASE_URL", "postgres://127.0.0.1:1/nothing");
    let asked = Instant::now();
    let answer = home.run(&["run"]);
    assert_eq!(answer.code, 1);
    let line: Json = serde_json::from_str(answer.stderr.trim()).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    assert!(message(&line).contains("DATABASE_URL"), "{line}");
    assert!(asked.elapsed() < Duration::from_secs(10), "it says so at once");
}

#[test]
fn the_demo_twice_is_the_demo_once() {
    let mut home = Home::new("demo");
    // Neither must be looked at, let alone used.
    home.set("DATABASE_URL", "garbage");
    home.set("KEEPWELL_SMTP_URL", "garbage");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (playbooks, scripts) = (root.join("playbooks"), root.join("scripts"));
    let run = |words: &[&str]| -> Answer {
        let places =
            ["--data", "data", "--playbooks", playbooks.to_str().unwrap(), "--scripts", scripts.to_str().unwrap()];
        home.done(&[words, &places].concat())
    };
    let rows = |noun: &str| run(&[noun, "--demo", "--format", "json"]).rows(noun);
    let first = run(&["demo", "--once"]);
    assert!(first.stdout.contains("What happened at") && first.stdout.contains("enrolled"), "{first:?}");
    let before = (rows("messages"), rows("tasks"));
    // Nor do its mails leave when they are carried on with.
    run(&["run", "--once", "--demo"]);
    let second = run(&["demo", "--once"]);
    assert_eq!(second.stdout, first.stdout);
    assert_eq!((rows("messages"), rows("tasks")), before);
    assert!(before.0.iter().any(|mail| mail["state"] == "captured") && !before.1.is_empty());
    assert_eq!(processes(&home.path.join("data/demo")), 0);
}

#[test]
fn a_demo_without_playbooks_makes_nothing() {
    let home = Home::new("demo-nothing");
    let refused = home.run(&["demo", "--once"]);
    let expected = "error: there are no playbooks in playbooks: start the demo in the project's folder";
    assert_eq!((refused.code, refused.stderr.trim()), (1, expected), "{refused:?}");
    assert!(!home.path.join(".keepwell").exists());
}

/// A mail whose body is on its way when somebody wants `run --once` to end.
#[tokio::test]
async fn one_round_that_is_stopped_hears_what_became_of_its_mail() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    pool.execute(
        "insert into customers.accounts (id, name, seats, signed_up_at) values ('a', 'Acme', 10, '2026-01-01');
         insert into customers.contacts (account_id, id, name, email, role)
             values ('a', 'c', 'Kim', 'kim@acme.example', 'champion')",
    )
    .await
    .unwrap();
    let (on_its_way, go_on) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let hook = Hook(Arc::new({
        let (on_its_way, go_on) = (on_its_way.clone(), go_on.clone());
        move |at, moment| {
            if (at, moment) == (At::Dot, Moment::Before) {
                on_its_way.wait();
                go_on.wait();
            }
        }
    }));
    let server = Server::start(Script { hook: Some(hook), ..Script::default() });
    let mut home = Home::new("stopped-once");
    home.set("DATABASE_URL", &database.url);
    home.set("KEEPWELL_SMTP_URL", &server.url());
    let mail = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }\n  - wait: 1d\n";
    let task = PLAYBOOK.find("  - task").unwrap();
    home.write("playbooks/look.yaml", &format!("{}{mail}", &PLAYBOOK[..task]));
    let round = home.start(&["run", "--once", "--at", "2026-03-02T09:00:00Z"], "round");
    let reached = tokio::task::spawn_blocking(move || on_its_way.wait());
    reached.await.unwrap();
    round.signal(libc::SIGTERM);
    until("it has heard the signal", async || round.log().contains("asked to stop")).await;
    go_on.wait();
    let (status, _) = round.stop();
    assert_eq!(status.code(), Some(1), "there may be more to do");
    let state: String = sqlx::query_scalar("select state from keepwell.messages").fetch_one(&pool).await.unwrap();
    assert_eq!((state.as_str(), server.accepted().len()), ("accepted", 1));
}

#[tokio::test]
async fn a_folder_that_is_not_there_pauses_nothing() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    let mut home = Home::new("no-folder");
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/look.yaml", PLAYBOOK);
    home.done(&["run", "--once"]);
    for words in [&["run", "--once", "--playbooks", "elsewhere"][..], &["run", "--playbooks", "elsewhere"]] {
        let refused = home.run(words);
        assert!(refused.code == 1 && refused.stderr.contains("is it the right folder?"), "{refused:?}");
    }
    let present = async || -> (String, bool, bool) {
        sqlx::query_as("select revision, present, problems <> '[]' from keepwell.playbooks")
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    let before = present().await;
    assert!(before.1 && !before.2);
    // One with a mistake keeps its revision, by whatever path it is found.
    home.write("playbooks/look.yaml", &PLAYBOOK.replace("account.seats", "account.seat"));
    let folder = home.path.join("playbooks");
    let round = home.run(&["run", "--once", "--playbooks", folder.to_str().unwrap()]);
    assert_eq!(present().await, (before.0, true, true));
    // Whoever set the timer notices.
    assert!(
        round.code == 1
            && round.stderr.contains("error: not in force as written, see above: ")
            && round.stderr.contains("look.yaml; all else"),
        "{round:?}"
    );
    home.write("playbooks/other.yaml", &PLAYBOOK.replace("look", "other"));
    let round = home.run(&["run", "--once", "--at", "2026-03-02T09:00:00Z"]);
    assert_eq!(round.code, 1, "{round:?}");
    let runs: Vec<(String, String)> =
        sqlx::query_as("select playbook, state from keepwell.runs order by 1").fetch_all(&pool).await.unwrap();
    let done = |playbook: &str| (playbook.to_owned(), "done".to_owned());
    assert_eq!(
        runs,
        [done("look"), done("other")],
        "the others have their round, and the one before its last revision"
    );
    home.write("playbooks/look.yaml", PLAYBOOK);
    home.done(&["run", "--once"]);
}

/// How many processes have a private database's files as their folder.
fn processes(directory: &Path) -> usize {
    let data = std::fs::canonicalize(directory).unwrap().join("data");
    let entries = std::fs::read_dir("/proc").unwrap();
    let folders = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path().join("cwd")).ok());
    folders.filter(|folder| *folder == data).count()
}

#[tokio::test]
async fn a_private_database_is_shared_and_survives_its_owner() {
    let home = Home::new("shared");
    home.write("playbooks/look.yaml", PLAYBOOK);
    let data = home.path.join(".keepwell");
    assert!(home.rows(&["tasks"]).is_empty(), "on an empty directory");
    assert_eq!(processes(&data), 0, "the command leaves nothing running");

    let running = |daemon: &Daemon| daemon.log().contains("running");
    let owner = home.start(&["run"], "owner");
    until("the owner runs", async || running(&owner)).await;
    let mut client = home.start(&["run"], "client");
    until("the client runs", async || running(&client)).await;
    assert!(home.rows(&["messages"]).is_empty(), "a command is a client as well");
    assert!(processes(&data) > 0, "and stops nothing");

    owner.stop_well();
    home.write("playbooks/second.yaml", &PLAYBOOK.replace("look", "second"));
    until("the client has started the server again and goes on", async || client.log().contains("\"second\"")).await;
    assert!(client.is_running());
    assert!(home.rows(&["messages"]).is_empty());
    client.stop_well();
    assert_eq!(processes(&data), 0, "the last one has stopped it");
}
