//! A thousand customers, some of them poisoned: each bad value stops its own
//! mail at most, is shown with its reason, and does no harm to its neighbours.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::Executor;

use crate::support::database;
use crate::support::mime;
use crate::support::program::Home;
use crate::support::smtp::{Script, Server};

const SLOT: &str = "2026-03-02T09:00:00Z";

const PLAYBOOK: &str = r#"
playbook: poison
about: Reads, computes and prints everything that can be poisoned.
alerts_to: ops@example.com
schedule: "0 0 1 1 *"
when: account.seats != none && 100 / account.seats >= 1
reentry: { once_per: account.name }
guardrails: { hold_above: off, first_run: go }
steps:
  - run: |
      let n = 0;
      while account.tier == "loop" { n += 1; }
      let text = "x";
      while account.tier == "grow" { text += text; }
      // A byte that the database cannot keep.
      if account.tier == "zero" { task(#{ title: "a\x00b" }); }
      task(#{ title: "Look after " + account.name, to: "csm" });
  - email:
      id: mail
      to: champion
      from: csm
      subject: "Hello {{ account.name }}"
      body: |
        Hi {{ recipient.name }},

        {{ csm.name }} looks after {{ account.name }}: {{ 1000 / account.mrr }} since
        {{ account.signed_up_at }}. {{ account.traits.note | default("No note.") }}
"#;

/// What becomes of a poisoned account's mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Sent, and harmless.
    Sent,
    /// Not sent, with a reason that holds these words.
    Not(&'static str, &'static str),
    /// Its enrollment ended as failed, with a reason that holds these words.
    Failed(&'static str),
    /// Did not even enter, with a reason that holds these words.
    Undecided(&'static str),
}

/// Account, what is done to it, what becomes of it.
const POISON: [(&str, &str, End); 24] = [
    ("1", "update customers.accounts set name = E'Evil\\r\\nBcc: thief@evil.example\\r\\n\\r\\nbody'", End::Sent),
    ("2", "update customers.contacts set name = E'Eve\\r\\nBcc: thief@evil.example\\n\\nx'", End::Sent),
    ("3", "update customers.contacts set email = null", End::Not("skipped", "no recipient")),
    ("4", "update customers.contacts set email = '  '", End::Not("skipped", "no recipient")),
    ("5", "update customers.accounts set name = repeat('name ', 200000)", End::Undecided("")),
    (
        "6",
        "update customers.accounts set traits = jsonb_build_object('note', repeat('long ', 200000))",
        End::Not("failed", "too long"),
    ),
    ("7", "update customers.accounts set csm_id = null", End::Not("failed", "csm")),
    ("8", "update customers.accounts set tier = 'loop'", End::Sent),
    ("9", "update customers.accounts set seats = 0", End::Undecided("zero")),
    ("10", "update customers.contacts set email = 'not-an-address'", End::Not("failed", "not-an-address")),
    (
        "11",
        "update customers.contacts set email = E'x@y.example>\\r\\nRCPT TO:<thief@evil.example'",
        End::Not("failed", "not valid"),
    ),
    ("12", "update customers.contacts set email = 'zoë@customer.example'", End::Not("failed", "ASCII")),
    (
        "13",
        "update customers.accounts set name = '<script>alert(1)</script> **b** [x](javascript:alert(1)) {{ now }}'",
        End::Sent,
    ),
    ("14", "update customers.contacts set timezone = 'Mars/Olympus', locale = 'no-such_locale!'", End::Sent),
    ("15", "update customers.accounts set tier = 'zero'", End::Failed("cannot be written")),
    ("16", "update customers.accounts set mrr = 0", End::Not("failed", "zero")),
    ("17", "update customers.accounts set traits = '{\"note\": {\"a\": [1, {}]}}'", End::Not("failed", "printed")),
    ("18", "update customers.accounts set tier = 'grow'", End::Sent),
    ("19", "update customers.accounts set csm_id = 'bad'", End::Sent),
    (
        "20",
        "update customers.accounts set name = U&'\\2028\\202E\\0007\\FEFF =?utf-8?q?x?= \"<x@evil.example>'
             || (select string_agg(md5(n::text), ' ') from generate_series(1, 300) n)",
        End::Sent,
    ),
    // What the database holds and nothing of ours can.
    ("21", "update customers.contacts set left_at = 'infinity'", End::Sent),
    ("22", "update customers.contacts set created_at = '-infinity'", End::Sent),
    ("23", "update customers.contacts set traits = '{\"x\": 1e400}'", End::Sent),
    (
        "24",
        "update customers.contacts set traits = (repeat('{\"a\":', 200) || '1' || repeat('}', 200))::jsonb",
        End::Sent,
    ),
];

#[tokio::test]
async fn poison_stops_only_itself() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    pool.execute(
        "insert into customers.csms (id, name, email) values
             ('csm', 'Sam Reed', 'sam@example.com'), ('bad', E'Bad\\r\\nBcc: thief@evil.example', 'bad@@example');
         insert into customers.accounts (id, name, csm_id, seats, mrr, signed_up_at)
             select n, 'Account ' || n, 'csm', 10, 100, '2026-01-01' from generate_series(1, 1000) n;
         insert into customers.contacts (account_id, id, name, email, role)
             select n, 'c', 'Person ' || n, 'person' || n || '@customer.example', 'champion'
             from generate_series(1, 1000) n",
    )
    .await
    .unwrap();
    for (account, update, _) in POISON {
        let key = if update.contains(".accounts") { "id" } else { "account_id" };
        let update = format!("{update} where {key} = '{account}'");
        pool.execute(sqlx::AssertSqlSafe(update)).await.unwrap();
    }
    let server = Server::start(Script::default());
    let mut home = Home::new("poison");
    home.set("DATABASE_URL", &database.url);
    home.set("KEEPWELL_SMTP_URL", &server.url());
    home.write("playbooks/poison.yaml", PLAYBOOK);
    let answer = home.done(&["run", "--once", "--at", SLOT]);
    assert!(!answer.stderr.contains("panic"), "{}", answer.stderr);
    let errors: Vec<&str> = answer.stderr.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(errors.len() == 1 && errors[0].contains("account=15"), "{}", answer.stderr);

    let rows: Vec<(String, String, Option<String>, Option<String>)> = sqlx::query_as(
        "select account_id, state, reason, to_address from keepwell.messages where step = 'mail' and channel = 'email'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let mails: HashMap<&str, (&str, &str)> = rows
        .iter()
        .map(|(account, state, reason, _)| (account.as_str(), (state.as_str(), reason.as_deref().unwrap_or(""))))
        .collect();
    assert_eq!(mails.len(), rows.len(), "one mail each");
    let details: serde_json::Value =
        sqlx::query_scalar("select details from keepwell.runs").fetch_one(&pool).await.unwrap();
    let undecided: BTreeMap<&str, &str> = details
        .as_array()
        .unwrap()
        .iter()
        .map(|detail| (detail["account"].as_str().unwrap(), detail["message"].as_str().unwrap()))
        .collect();

    let failed: Vec<(String, String)> =
        sqlx::query_as("select account_id, reason from keepwell.enrollments where state = 'failed'")
            .fetch_all(&pool)
            .await
            .unwrap();

    let mut wrong = Vec::new();
    for (account, what, end) in POISON {
        let (state, reason) = mails.get(account).copied().unwrap_or_default();
        let entry = undecided.get(account).copied().unwrap_or_default();
        let fine = match end {
            End::Sent => (state, reason) == ("accepted", ""),
            End::Not(as_state, words) => state == as_state && !reason.is_empty() && reason.contains(words),
            End::Failed(words) => {
                state.is_empty() && failed.len() == 1 && failed[0].0 == account && failed[0].1.contains(words)
            }
            End::Undecided(words) => state.is_empty() && !entry.is_empty() && entry.contains(words),
        };
        // A reason is for people.
        if !fine || reason.len() + entry.len() > 500 {
            wrong.push(format!("{account}: {what}: {state} {reason} {entry}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The scripts that never end are shown too, and their mails went out.
    let scripts: Vec<String> = sqlx::query_scalar(
        "select reason from keepwell.messages where state = 'failed' and step <> 'mail' and account_id in ('8', '18')",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(scripts.len(), 2, "{scripts:?}");

    let poisoned: BTreeSet<&str> = POISON.iter().map(|(account, _, _)| *account).collect();
    let healthy = mails.iter().filter(|(account, mail)| !poisoned.contains(*account) && mail.0 == "accepted");
    assert_eq!(healthy.count(), 1000 - POISON.len());
    let done: Vec<(String, i64)> = sqlx::query_as("select state, count(*) from keepwell.enrollments group by state")
        .fetch_all(&pool)
        .await
        .unwrap();
    let undecided = POISON.iter().filter(|(_, _, end)| matches!(end, End::Undecided(_))).count() as i64;
    let completed = 1000 - undecided - 1;
    assert_eq!(
        done.into_iter().collect::<BTreeMap<_, _>>(),
        BTreeMap::from([("completed".to_owned(), completed), ("failed".to_owned(), 1)])
    );
    let tasks: i64 =
        sqlx::query_scalar("select count(*) from keepwell.tasks where state = 'open'").fetch_one(&pool).await.unwrap();
    assert_eq!(tasks, completed - 2);

    check_mails(&server);
}

/// Every mail is one mail, to one person, with the headers that we write.
fn check_mails(server: &Server) {
    let names = [
        "Auto-Submitted",
        "Content-Type",
        "Date",
        "Feedback-ID",
        "From",
        "List-Id",
        "List-Unsubscribe",
        "MIME-Version",
        "Message-ID",
        "Reply-To",
        "Subject",
        "To",
        "X-Auto-Response-Suppress",
    ];
    let poisoned = |to: &str| POISON.iter().any(|(account, _, _)| to == format!("person{account}@customer.example"));
    for (at, mail) in server.accepted().into_iter().enumerate() {
        let (headers, body) = mime::split(&mail.bytes);
        let found: BTreeSet<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(headers.len(), found.len(), "a header stands twice: {headers:?}");
        let to = mime::header(&headers, "To").unwrap();
        // Notices to colleagues have others, and mail in a CSM's name may be answered.
        let ours = to.contains("@example.com");
        let subset = found.iter().all(|name| names.contains(name));
        // That CSM's address is none: there is nobody to answer to.
        let unanswerable = usize::from(to.contains("person19@"));
        assert!(subset && (ours || found.len() == names.len() - 2 - unanswerable), "{headers:?}");
        assert_eq!(mail.to.len(), 1);
        assert!(to.ends_with(&mail.to[0]) || to.ends_with(&format!("<{}>", mail.to[0])), "{to}");
        assert!(!mail.to[0].contains("evil"));
        // Reading a body takes longer than writing it.
        if at % 20 != 0 && !poisoned(&mail.to[0]) {
            continue;
        }
        let parts = mime::parts(&headers, &body);
        assert_eq!(parts.len(), 2);
        let html = &parts[1].1;
        assert!(!html.contains("<script") && !html.contains("href=\"javascript"), "{html}");
    }
    for command in server.commands() {
        assert!(!command.contains("evil"), "{command}");
    }
}
