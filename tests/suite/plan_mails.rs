//! `plan --eml`: the mails of a plan as files are what is sent when the run comes.

use std::collections::BTreeMap;

use mail_parser::{Message, MessageParser};
use sqlx::Executor;

use crate::cli::{AT, company};
use crate::support::program::Home;
use crate::support::smtp::{Script, Server};

const CONFIG: &str = r#"
web: off
budget: off
mail:
  from: "Acme Success <success@acme.example>"
  public_url: https://success.acme.example
  postal_address: "Acme Inc., 1 Road & Co"
  bounces: { address: back@acme.example, maildir: bounces }
"#;

const WAY: &str = r#"
playbook: way
about: Mails of several kinds.
alerts_to: ops@example.com
schedule: "0 9 * * *"
when: account.tier == "A"
steps:
  - email: { id: hello, to: champion, subject: "Grüße, {{ account.name }}", body: "Hi **{{ recipient.name }}**,\n\nsee [the guide](https://acme.example/g)." }
  - notify: { id: note, channel: csm, text: "{{ account.name }} got *a mail*" }
  - email: { id: bill, class: transactional, from: csm, to: champion, subject: "Your bill", body: "It is *here*." }
  - survey: { id: ask, score: nps, to: champion, question: "How are we doing, {{ account.name }}?" }
  - wait: 3d
  - email: { id: later, to: champion, subject: "Still there?", body: "Hello again" }
"#;

/// What is the same of a mail that is shown and one that is sent: all but its ids,
/// its date, and what only the one that leaves can have in its links.
fn read_mail(bytes: &[u8]) -> BTreeMap<String, String> {
    let message: Message<'_> = MessageParser::default().parse(bytes).unwrap();
    let apart = ["message-id", "date", "content-type", "x-keepwell-preview"];
    let mut seen: BTreeMap<String, String> = message
        .headers_raw()
        .map(|(name, value)| (name.to_lowercase(), without_tokens(value.trim())))
        .filter(|(name, _)| !apart.contains(&name.as_str()))
        .collect();
    assert_eq!((message.text_body_count(), message.html_body_count()), (1, 1));
    seen.insert("text".to_owned(), without_tokens(&message.body_text(0).unwrap()));
    seen.insert("html".to_owned(), without_tokens(&message.body_html(0).unwrap()));
    seen
}

/// A text without what stands in it for one message alone.
fn without_tokens(text: &str) -> String {
    let mut text = text.to_owned();
    for begin in ["success.acme.example/u/", "success.acme.example/s/", "back+"] {
        let mut parts = text.split(begin);
        let mut rest = parts.next().unwrap().to_owned();
        for part in parts {
            let end = part
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_' && c != '.')
                .unwrap_or(part.len());
            rest.push_str(begin);
            rest.push_str(&part[end..]);
        }
        text = rest;
    }
    text
}

fn files(home: &Home, folder: &str) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(home.path.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mails_of_a_plan_are_those_that_are_sent() {
    let (mut home, pool) = company("mails").await;
    for file in ["call", "many", "most"] {
        home.remove(&format!("playbooks/{file}.yaml"));
    }
    home.write("keepwell.yaml", CONFIG);
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(home.path.join("bounces").join(folder)).unwrap();
    }
    home.write("playbooks/way.yaml", WAY);
    pool.execute("update customers.contacts set name = 'Zoë <z@x.example>' where account_id = 'a1'").await.unwrap();
    let plan = home.run(&["plan", "--at", AT, "--eml", "mails"]);
    assert_eq!(plan.code, 2, "{plan:?}");
    assert!(plan.stderr.contains("10 of 10 mails are in mails; none of them was sent"), "{plan:?}");
    assert!(!plan.stdout.contains("| Hi"), "texts are printed with --text alone: {plan:?}");
    let shown = files(&home, "mails");
    let names: Vec<&str> = shown.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "way_a1_ask.eml",
            "way_a1_bill.eml",
            "way_a1_hello.eml",
            "way_a1_later.eml",
            "way_a1_note.eml",
            "way_a2_ask.eml",
            "way_a2_bill.eml",
            "way_a2_hello.eml",
            "way_a2_later.eml",
            "way_a2_note.eml",
        ]
    );
    let later = MessageParser::default().parse(&shown["way_a1_later.eml"]).unwrap();
    assert_eq!(later.date().unwrap().to_rfc3339(), "2026-03-12T09:00:00Z", "when it would leave");
    for bytes in shown.values() {
        assert!(bytes.starts_with(b"X-Keepwell-Preview: not sent; "), "{}", String::from_utf8_lossy(bytes));
    }

    // Only one account, and never beside something else.
    let one = home.run(&["plan", "--at", AT, "--eml", "one", "--account", "a2"]);
    assert!(one.code == 2 && files(&home, "one").len() == 5, "{one:?}");
    let refused = home.run(&["plan", "--at", AT, "--eml", "one"]);
    assert!(refused.code == 1 && refused.stderr.contains("the folder one is not empty"), "{refused:?}");
    assert_eq!(files(&home, "one").len(), 5);

    let server = Server::start(Script::default());
    home.set("KEEPWELL_SMTP_URL", &server.url());
    home.done(&["run", "--once", "--at", AT]);
    let sent: Vec<_> = server.accepted().iter().map(|mail| read_mail(&mail.bytes)).collect();
    assert_eq!(sent.len(), 8, "all but those after the wait: {sent:#?}");
    for (name, bytes) in shown.iter().filter(|(name, _)| !name.contains("later")) {
        let shown = read_mail(bytes);
        assert!(sent.contains(&shown), "{name}: {shown:#?} is not among {sent:#?}");
    }
}
