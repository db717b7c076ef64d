//! What servers, mail programs and readers really send back, in the files of
//! `tests/bounces/`, and what the address gets afterwards.

use std::path::Path;

use serde_json::json;

use super::bouncing::Returns;
use crate::support::smtp::{Do, Script};
use crate::support::world::{World, at, lines, playbook};

/// A mail that came back, about the one that is named here.
fn read_mail(file: &str, envelope: &str, message_id: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounces").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    text.replace("ENVELOPE", envelope).replace("MESSAGE-ID", message_id)
}

fn mails(id: &str, class: &str) -> String {
    let step = format!("  - email: {{ id: m, to: champion, class: {class}, subject: Hello, body: Hello }}");
    playbook(id, "when: account.mrr > 0", &step)
}

/// An account with one reader, who got a mail to which this file came back.
async fn after(returns: &Returns, file: &str) -> World {
    let world = World::over_smtp(&format!("{}budget: off\n", returns.config()), Script::default()).await;
    world.account("customer", json!({})).await;
    world.contact("customer", "x", json!({})).await;
    world.playbook(&mails("hello", "lifecycle"));
    world.run_at("2026-03-02T09:00:00Z").await;
    let mail = world.accepted().remove(0);
    assert_eq!(mail.to, ["x@customer.example"]);
    returns.arrive("1.file", &read_mail(file, &mail.from, mail.id()));
    world.pass_at("2026-03-02T10:00:00Z").await;
    world
}

/// The state of the mail with its reason, and whether a lifecycle mail and a
/// receipt leave afterwards.
async fn what_follows(file: &str) -> String {
    let returns = Returns::new();
    let world = after(&returns, file).await;
    let first = lines(&world.mails().await, "state reason").remove(0);
    world.playbook(&mails("second", "lifecycle"));
    world.playbook(&mails("receipt", "transactional"));
    world.run_at("2026-03-04T09:00:00Z").await;
    let rows = world.mails().await;
    let left = |playbook: &str| {
        let row = rows.iter().find(|row| row["playbook"] == playbook).expect("a mail");
        if row["state"] == "accepted" { "leaves" } else { "stays" }
    };
    let first = first.split(" smtp;").next().unwrap_or_default().to_owned();
    format!("{first}, {} {}", left("second"), left("receipt"))
}

#[tokio::test]
async fn what_comes_back_is_understood_as_it_is_meant() {
    let mut found = Vec::new();
    let files = [
        // A good address is never called dead.
        ("block-list.eml", "bounced policy: block list: 5.1.0, leaves leaves"),
        ("sender-policy.eml", "bounced policy: sender authentication: 5.1.0, leaves leaves"),
        ("rate-limit.eml", "bounced soft: rate limited: 5.2.1, leaves leaves"),
        ("forwarded.eml", "accepted -, leaves leaves"),
        // A dead one gets nothing more.
        ("exchange-online.eml", "bounced hard: mailbox unknown: 5.4.1, stays stays"),
        ("code-behind-hash.eml", "bounced hard: mailbox unknown: 5.0.0, stays stays"),
        ("user-unknown.eml", "bounced hard: mailbox unknown: 5.0.0, stays stays"),
        (
            "no-such-domain.eml",
            "bounced hard: domain unknown: 5.4.4 X-Postfix; Host or domain name not found: customer.example, stays stays",
        ),
        (
            "exim.eml",
            "bounced hard: mailbox unknown: host mx.customer.example [192.0.2.1], after RCPT TO:<x@customer.example>: \
             550 5.1.1 User unknown, stays stays",
        ),
        // A reader's wish, and what is none.
        ("outlook-complaint.eml", "complained complaint: abuse, stays leaves"),
        ("auth-failure.eml", "accepted -, leaves leaves"),
        ("encoded-unsubscribe.eml", "accepted -, stays leaves"),
        ("absence.eml", "accepted -, leaves leaves"),
        ("question.eml", "accepted -, leaves leaves"),
    ];
    for (file, _) in files {
        found.push((file, what_follows(file).await));
    }
    let found: Vec<(&str, &str)> = found.iter().map(|(file, what)| (*file, what.as_str())).collect();
    assert_eq!(found, files);
}

#[tokio::test]
async fn a_person_is_asked_only_about_what_nobody_understands() {
    for (file, flag, unclear) in [
        ("absence.eml", "1.file:2,S", 0),
        ("auth-failure.eml", "1.file:2,S", 0),
        ("forwarded.eml", "1.file:2,S", 0),
        ("question.eml", "1.file:2,F", 1),
    ] {
        let returns = Returns::new();
        let world = after(&returns, file).await;
        assert_eq!(returns.seen(), [flag]);
        let (count, _) = world.store().unclear_reports(at("2026-03-01T00:00:00Z")).await.unwrap();
        assert_eq!(count, unclear, "{file}");
    }
}

/// What the relay says to RCPT TO counts as the report that would say the same.
#[tokio::test]
async fn a_refusal_at_rcpt_counts_like_a_report() {
    let refused = [
        ("unknown", "550 5.1.1 no such user"),
        ("nowhere", "550 5.1.2 no such domain"),
        ("listed", "550 5.1.1 your address is on a block list"),
        ("denied", "550 5.7.1 access denied"),
        ("vague", "550 no"),
        ("full", "552 5.2.2 mailbox full"),
    ];
    let recipients = refused
        .iter()
        .map(|(who, reply)| (format!("{who}@customer.example"), Do::Reply((*reply).to_owned())))
        .collect();
    let world = World::over_smtp("budget: off\n", Script { recipients, ..Script::default() }).await;
    world.account("customer", json!({})).await;
    for (who, _) in refused {
        world.contact("customer", who, json!({})).await;
    }
    world.contact("customer", "sound", json!({})).await;
    let step = "  - email: { id: m, to: all, subject: Weekly, body: Hello }";
    world.playbook(&playbook("weekly", "when: account.mrr > 0\nreentry: { gap: 1d }", step));
    for day in ["03-03", "03-05", "03-07", "03-09"] {
        world.run_at(&format!("2026-{day}T09:00:00Z")).await;
    }
    let states = lines(&world.mails().await, "contact state");
    let of = |who: &str| -> Vec<String> {
        let own = states.iter().filter_map(|line| line.strip_prefix(&format!("{who} ")).map(str::to_owned));
        own.collect()
    };
    let count = |who: &str, state: &str| of(who).iter().filter(|one| *one == state).count();
    for (who, tried) in [("unknown", 1), ("nowhere", 1), ("listed", 4), ("denied", 4), ("vague", 4), ("full", 3)] {
        assert_eq!((count(who, "rejected"), count(who, "suppressed")), (tried, 4 - tried), "{who}: {states:?}");
    }
    assert_eq!(count("sound", "accepted"), 4, "{states:?}");
    let transactional = async |who: &str| {
        world.store().is_suppressed(&format!("{who}@customer.example"), "transactional").await.unwrap()
    };
    assert!(transactional("unknown").await && !transactional("denied").await);
}

#[tokio::test]
async fn a_refusal_of_redirected_mail_suppresses_nobody() {
    let recipients = [("tester@acme.example".to_owned(), Do::Reply("550 5.1.1 no such user".to_owned()))].into();
    let config = "mail: { redirect_to: tester@acme.example }\n";
    let world = World::over_smtp(config, Script { recipients, ..Script::default() }).await;
    world.account("customer", json!({})).await;
    world.contact("customer", "x", json!({})).await;
    world.playbook(&mails("hello", "lifecycle"));
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "state"), ["rejected"]);
    for address in ["x@customer.example", "tester@acme.example"] {
        assert!(!world.store().is_suppressed(address, "lifecycle").await.unwrap(), "{address}");
    }
}
