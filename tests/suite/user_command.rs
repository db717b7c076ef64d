//! `keepwell user`, and who is written down for what commands do.

use std::io::Write;
use std::process::Stdio;

use keepwell::user::password::is_password;
use serde_json::Value as Json;
use sqlx::PgPool;

use crate::support::client::{address_of, get, send};
use crate::support::database;
use crate::support::program::{Answer, Home, until};

const PASSWORD: &str = "a long and quiet word";

async fn home(name: &str) -> (Home, PgPool) {
    let database = database::fresh().await;
    let mut home = Home::new(name);
    home.set("DATABASE_URL", &database.url);
    home.set("USER", "sam");
    (home, database.pool().await)
}

/// The same with something on standard input.
fn with_input(home: &Home, arguments: &[&str], input: &str) -> Answer {
    let mut command = home.command(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Answer {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn kept_password(pool: &PgPool, name: &str) -> Option<String> {
    sqlx::query_scalar("select password from keepwell.users where name = $1").bind(name).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn users_are_added_changed_and_listed() {
    let (mut home, pool) = home("users").await;
    home.write("keepwell.yaml", "web: { url: https://keepwell.acme.example }\n");
    let added = home.done(&["user", "add", "Ada", "--role", "admin", "--email", "ada@acme.example"]);
    let mut lines = added.stdout.lines();
    assert_eq!(lines.next(), Some("ada: added, admin"));
    let link = lines.next().unwrap();
    assert!(link.starts_with("https://keepwell.acme.example/password/"), "{added:?}");
    assert_eq!(link.rsplit('/').next().unwrap().len(), 43, "{added:?}");
    assert_eq!(kept_password(&pool, "ada").await, None);

    let piped =
        with_input(&home, &["user", "add", "ines", "--role", "csm", "--csm", "csm-1"], &format!("{PASSWORD}\n"));
    assert_eq!((piped.code, piped.stdout.as_str()), (0, "ines: added, csm\n"), "{piped:?}");
    assert!(is_password(PASSWORD, kept_password(&pool, "ines").await.as_deref()));
    let short = with_input(&home, &["user", "add", "kim", "--role", "viewer"], "too short\n");
    assert!(short.code == 1 && short.stderr.contains("a password has at least 12 characters"), "{short:?}");
    home.set("KEEPWELL_PASSWORD", "another long word");
    home.done(&["user", "add", "kim", "--role", "viewer", "--as", "Ada Acme"]);
    assert!(is_password("another long word", kept_password(&pool, "kim").await.as_deref()));

    for (arguments, words) in [
        (&["user", "add", "KIM", "--role", "csm"][..], "there is a user kim already"),
        (&["user", "add", "no name", "--role", "csm"], "a name has up to 64 letters"),
        (&["user", "add", "lee", "--role", "author"], "[possible values: viewer, csm, operator, admin]"),
        (&["user", "add", "lee", "--role", "csm", "--email", "lee"], "has no `@`"),
        (&["user", "disable", "lee"], "there is no user lee"),
        (&["user", "link", "lee"], "there is no user lee"),
        (&["user", "disable", "ada"], "ada is the last admin"),
        (&["user", "role", "ada", "csm"], "ada is the last admin"),
        (&["user", "list", "--as", " "], "a name has 1 to 64 characters"),
    ] {
        let refused = home.run(arguments);
        assert!(refused.code == 1 && refused.stderr.contains(words), "{arguments:?}: {refused:?}");
    }
    assert_eq!(home.done(&["user", "role", "kim", "operator"]).stdout, "kim: operator\n");
    assert_eq!(home.done(&["user", "disable", "ines"]).stdout, "ines: disabled\n");
    assert_eq!(home.done(&["user", "disable", "ines"]).stdout, "ines: disabled, as before\n");
    let no_link = home.run(&["user", "link", "ines"]);
    assert!(no_link.code == 1 && no_link.stderr.contains("there is no user ines who may log in"), "{no_link:?}");

    let users = home.done(&["user", "list", "--format", "json"]).rows("users");
    let told: Vec<String> = users
        .iter()
        .map(|user| format!("{} {} {} {}", user["name"], user["role"], user["csm"], user["disabled_at"].is_string()))
        .collect();
    assert_eq!(
        told,
        ["\"ada\" \"admin\" null false", "\"ines\" \"csm\" \"csm-1\" true", "\"kim\" \"operator\" null false"]
    );
    let table = home.done(&["user", "list"]).stdout;
    assert!(table.starts_with("NAME  ROLE") && !table.contains("argon2"), "{table}");
    assert_eq!(home.done(&["user", "enable", "ines"]).stdout, "ines: enabled\n");

    let deeds: Vec<Json> = home.rows(&["audit"]);
    let deeds: Vec<String> = deeds
        .iter()
        .map(|deed| {
            format!("{} {} {}", deed["by"].as_str().unwrap(), deed["deed"].as_str().unwrap(), deed["about"]["user"])
        })
        .collect();
    assert_eq!(
        deeds,
        [
            "sam add-user \"ada\"",
            "sam make-link \"ada\"",
            "sam add-user \"ines\"",
            "Ada Acme add-user \"kim\"",
            "sam change-role \"kim\"",
            "sam disable-user \"ines\"",
            "sam enable-user \"ines\"",
        ]
    );
}

#[tokio::test]
async fn commands_say_who_acts() {
    let (home, pool) = home("acting").await;
    home.done(&["stop", "--as", "ines"]);
    home.done(&["--as", "kim", "resume"]);
    home.done(&["stop"]);
    let deeds: Vec<(String, String)> =
        sqlx::query_as("select by, deed from keepwell.audit order by n").fetch_all(&pool).await.unwrap();
    let expected = [("ines", "stop"), ("kim", "resume"), ("sam", "stop")];
    assert_eq!(deeds, expected.map(|(by, deed)| (by.to_owned(), deed.to_owned())));
}

/// What a log says behind the words, as JSON.
fn logged(log: &str, words: &str) -> Vec<Json> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    lines
        .map(|line| line["fields"].clone())
        .filter(|fields| fields["message"].as_str().unwrap().contains(words))
        .collect()
}

#[tokio::test]
async fn pages_that_other_machines_reach_begin_with_a_link_for_an_admin() {
    let (mut home, _) = home("first-admin").await;
    home.set("KEEPWELL_LOG_FORMAT", "json");
    home.write(
        "keepwell.yaml",
        "web: { listen: \"0.0.0.0:0\", public_listen: \"0.0.0.0:0\", ops_listen: \"0.0.0.0:0\", url: https://keepwell.acme.example }\n",
    );
    let local = |address: &str| address.replace("0.0.0.0", "127.0.0.1");
    let daemon = home.start(&["run"], "log");
    let page = local(&address_of(&daemon, "page").await);
    let health = local(&address_of(&daemon, "health").await);
    let customers = local(&address_of(&daemon, "page for customers").await);
    until("the page is there", async || get(&page, "/login").await.status == 200).await;
    let links = logged(&daemon.log(), "no admin can log in yet");
    assert_eq!(links.len(), 1, "{}", daemon.log());
    let link = links[0]["link"].as_str().unwrap().to_owned();
    let path = link.strip_prefix("https://keepwell.acme.example").unwrap().to_owned();
    // Nobody is let in without it.
    assert_eq!(get(&page, "/").await.status, 303);
    assert_eq!(get(&page, "/playbooks").await.status, 303);
    assert!(get(&page, &path).await.body.contains("<strong>admin</strong>"));
    // Whatever a pod's probe says of the host, or that it says nothing.
    for host in ["10.42.0.17:7719", "keepwell", ""] {
        for path in ["/health", "/health/live"] {
            assert_eq!(send(&health, "GET", path, &[("host", host)]).await.status, 200, "{host:?} {path}");
        }
    }
    for path in ["/", "/login", "/people", &path] {
        assert_eq!(get(&health, path).await.status, 404, "{path}");
        assert_eq!(get(&customers, path).await.status, 404, "{path}");
    }
    let elsewhere = send(&page, "GET", "/login", &[("host", "10.42.0.17:7717")]).await;
    assert_eq!(elsewhere.status, 421);
    daemon.stop_well();

    // As long as the link works, there is no other.
    let daemon = home.start(&["run"], "second-log");
    let page = local(&address_of(&daemon, "page").await);
    until("the page is there", async || get(&page, &path).await.status == 200).await;
    assert!(logged(&daemon.log(), "no admin can log in yet").is_empty(), "{}", daemon.log());
    daemon.stop_well();
}

#[tokio::test]
async fn a_page_of_this_machine_says_that_nobody_logs_in() {
    let (mut home, _) = home("open-pages").await;
    home.set("KEEPWELL_LOG_FORMAT", "json");
    home.write("keepwell.yaml", "web: { listen: \"127.0.0.1:0\" }\n");
    let daemon = home.start(&["run"], "log");
    let page = address_of(&daemon, "page").await;
    until("the page is there", async || get(&page, "/").await.status == 200).await;
    assert_eq!(logged(&daemon.log(), "nobody logs in").len(), 1, "{}", daemon.log());
    home.done(&["user", "add", "ada", "--role", "admin"]);
    assert_eq!(get(&page, "/").await.status, 303, "from the first user on");
    daemon.stop_well();
}

#[tokio::test]
async fn a_listener_for_other_machines_needs_https() {
    let (home, _) = home("plain-pages").await;
    home.write("keepwell.yaml", "web: { listen: \"0.0.0.0:7717\" }\n");
    let refused = home.run(&["run"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("where colleagues have to log in by https"), "{refused:?}");
    assert!(refused.stderr.contains("add `url: https://…`"), "{refused:?}");
}
