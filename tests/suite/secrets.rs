//! What must not be in a log is not there, however much is logged.

use sqlx::Executor;

use crate::support::database;
use crate::support::http;
use crate::support::program::{Home, until};
use crate::support::smtp::{Script, Server};

/// Nothing of these may be in a log: who customers are, and what opens doors.
const CANARIES: [&str; 8] = [
    "zanzibar",
    "quokka.example",
    "relay-pass-word",
    "whsec_Y2FuYXJ5",
    "hooks-path-secret",
    "comment-canary",
    "body-canary",
    "subject-canary",
];

const PLAYBOOK: &str = r#"
playbook: call
about: Everything that can go wrong around an address.
alerts_to: ops@example.com
schedule: "* * * * *"
when: account.mrr > 0
reentry: { gap: 1d }
steps:
  - email: { id: hello, to: all, valid_for: 7d, subject: "subject-canary {{ account.name }}", body: "body-canary {{ recipient.name }}" }
  - email: { id: fails, to: champion, subject: "{{ 1 / account.mrr }} {{ account.traits.missing }}", body: "b" }
  - webhook: { url: env:CRM, body: "{{ account.name }}" }
  - task: { title: "Call {{ account.name }}", to: csm }
"#;

#[tokio::test]
async fn logs_hold_no_secrets_and_no_addresses() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    pool.execute(
        "insert into customers.csms (id, name, email) values ('csm', 'Sam', 'sam@example.com');
         insert into customers.accounts (id, name, csm_id, mrr, signed_up_at) values
             ('a1', 'Zanzibar Ltd', 'csm', 10, '2026-01-01'), ('a2', 'Zanzibar Two', 'csm', 10, '2026-01-01');
         insert into customers.contacts (account_id, id, name, email, role) values
             ('a1', 'c', 'Zanzibar', 'zanzibar@quokka.example', 'champion'),
             ('a2', 'c', 'Zanzibar', 'refused@quokka.example', 'champion'),
             ('a2', 'd', 'Zanzibar', 'zänzibar zanzibar@quokka.example', 'owner')",
    )
    .await
    .unwrap();
    let refused = crate::support::smtp::Do::Reply("550 5.1.1 <refused@quokka.example> no such user".to_owned());
    let server = Server::start(Script {
        login: Some(("relay-user".to_owned(), "relay-pass-word".to_owned())),
        recipients: [("refused@quokka.example".to_owned(), refused)].into(),
        ..Script::default()
    });
    let mut home = Home::new("secrets");
    home.set("DATABASE_URL", &database.url);
    home.set("KEEPWELL_SMTP_URL", &format!("smtp://relay-user:relay-pass-word@{}?tls=none", server.address));
    let hooks = http::Server::start(&[http::Answer::Says("500 No")]);
    home.set("CRM", &format!("http://{}/hooks-path-secret", hooks.address));
    home.set("CRM_SECRET", "whsec_Y2FuYXJ5");
    home.set("KEEPWELL_LOG", "trace");
    for part in ["new", "cur"] {
        std::fs::create_dir_all(home.path.join("returns").join(part)).unwrap();
    }
    home.write(
        "keepwell.yaml",
        &"web: off\nwebhooks: { allow: [\"ALLOWED\"] }\nmail: { bounces: { address: bounces@acme.example, maildir: returns } }\nguardrails: { hold_above: off }\n"
        .replace("ALLOWED", &hooks.address),
    );
    home.write("playbooks/call.yaml", PLAYBOOK);
    home.write("returns/new/1.canary", "To: zanzibar@quokka.example\nSubject: comment-canary\n\nbody-canary");
    let once = home.run(&["run", "--once", "--at", "2026-03-02T09:00:00Z"]);
    assert_eq!(once.code, 0, "{once:?}");
    assert!(server.accepted().iter().any(|mail| mail.to == ["zanzibar@quokka.example"]), "a mail left");
    for row in home.rows(&["messages"]) {
        let (state, channel) = (row["state"].as_str().unwrap(), row["channel"].as_str().unwrap());
        assert!(state != "planned", "{channel} {state}");
    }
    // Somebody of whom nothing is known will be misspelt.
    for words in [["erase", "a2x"], ["export", "a2x"]] {
        let answer = home.run(&words);
        assert!(answer.code == 1 && answer.stderr.contains("nothing is known of a2x"), "{answer:?}");
    }
    home.done(&["erase", "a2"]);
    assert!(hooks.requests().iter().any(|request| request.line.contains("hooks-path-secret")), "a webhook was called");
    // Somebody new, so that it has everything to do that the round had.
    pool.execute(
        "insert into customers.accounts (id, name, csm_id, mrr, signed_up_at)
             values ('a3', 'Zanzibar Three', 'csm', 10, '2026-01-01');
         insert into customers.contacts (account_id, id, name, email, role)
             values ('a3', 'c', 'Zanzibar', 'new@quokka.example', 'champion')",
    )
    .await
    .unwrap();
    let daemon = home.start(&["run"], "log");
    until("it has worked", async || {
        home.rows(&["messages", "--account", "a3"]).iter().any(|row| row["state"] == "accepted")
    })
    .await;
    daemon.stop_well();
    let log = std::fs::read_to_string(home.path.join("log")).unwrap();
    assert!(once.stderr.len() > 1_000 && log.contains("DEBUG"), "a lot is logged");
    for (what, text) in [("run --once", &once.stderr), ("the daemon", &log)] {
        for line in text.lines() {
            let line = line.to_lowercase();
            for canary in CANARIES {
                assert!(!line.contains(&canary.to_lowercase()), "{what}: {line}");
            }
        }
    }
}

/// A password may stand in any part of the URL, and in the file beside it.
#[tokio::test]
async fn nothing_of_the_database_url_is_said() {
    let database = database::fresh().await;
    let good = format!("{}&password=canary-pass&foo=canary-foo&channel_binding=canary-bind", database.url);
    let mut home = Home::new("secrets-url");
    home.set("KEEPWELL_LOG", "trace");
    home.set("DATABASE_URL", &good);
    let once = home.done(&["run", "--once"]);
    assert!(once.stderr.contains("not known and are ignored: foo, channel_binding"), "{once:?}");
    home.write("passwords", "canary-line\n");
    std::fs::set_permissions(home.path.join("passwords"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    home.set("PGPASSFILE", "passwords");
    let mut said = format!("{once:?}");
    for url in [
        format!("{}&sslmode=canary-mode", database.url),
        format!("{}&port=canary-port", database.url),
        "postgres://ann:can#ary@127.0.0.1:1/x".to_owned(),
        "postgres://ann:canary?pass@127.0.0.1:1/x".to_owned(),
        "postgres://ann:canary@127.0.0.1:1/x?password=canary&Canary".to_owned(),
        database.url.clone(),
    ] {
        home.set("DATABASE_URL", &url);
        for words in [&["run", "--once"][..], &["tasks"], &["migrate"], &["doctor", "--resolver", "127.0.0.1:1"]] {
            let answer = home.run(words);
            assert!(answer.code == 0 || url != database.url || words[0] == "doctor", "{answer:?}");
            said.push_str(&format!("{answer:?}"));
        }
    }
    for line in said.replace("\\n", "\n").to_lowercase().lines() {
        assert!(!line.contains("canary"), "{line}");
    }
}
