//! What comes back about mail, and what then happens.

use keepwell::ids::Actor;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::support::smtp::{At, Do, Script};
use crate::support::world::{World, at, lines, playbook};

/// The Maildir of the bounce address.
pub struct Returns(PathBuf);

impl Returns {
    pub fn new() -> Returns {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("returns-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        for part in ["new", "cur", "tmp"] {
            std::fs::create_dir_all(dir.join(part)).unwrap();
        }
        Returns(dir)
    }

    pub fn config(&self) -> String {
        format!("mail: {{ bounces: {{ address: bounces@acme.example, maildir: \"{}\" }} }}\n", self.0.display())
    }

    pub fn arrive(&self, name: &str, text: &str) {
        std::fs::write(self.0.join("new").join(name), text).unwrap();
    }

    pub fn seen(&self) -> Vec<String> {
        let list = |part: &str| std::fs::read_dir(self.0.join(part)).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(list("new").count(), 0, "everything was taken");
        let mut names: Vec<String> = list("cur").map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Returns {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn bounce(to: &str, action: &str, status: &str) -> String {
    format!(
        "Return-Path: <>\r\nTo: {to}\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n\
         Action: {action}\r\nStatus: {status}\r\n\
         Diagnostic-Code: smtp; said so\r\n\r\n--b--\r\n"
    )
}

fn complaint(original: &str) -> String {
    format!(
        "To: fbl@acme.example\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n\
         --b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\r\n\
         --b\r\nContent-Type: message/rfc822\r\n\r\n{original}\r\n--b--\r\n"
    )
}

fn mails(id: &str, class: &str) -> String {
    let step = format!("  - email: {{ id: hello, to: all, class: {class}, subject: Hi, body: Hello }}");
    playbook(id, "when: account.mrr > 0\nreentry: { gap: 1d }", &step)
}

/// The bounce addresses of the mails so far, by their recipients.
fn senders(world: &World) -> Vec<(String, String)> {
    world.accepted().into_iter().map(|mail| (mail.to[0].clone(), mail.from)).collect()
}

fn sender(world: &World, to: &str) -> String {
    senders(world).into_iter().rfind(|(known, _)| known == to).expect("a mail").1
}

async fn with_people(config: &str, ids: &[&str]) -> World {
    let world = World::over_smtp(config, Script::default()).await;
    world.account("a1", json!({})).await;
    for id in ids {
        world.contact("a1", id, json!({ "traits": { "consent": true } })).await;
    }
    world
}

#[tokio::test]
async fn a_mail_that_unsubscribes_is_read_as_one() {
    let returns = Returns::new();
    let world = with_people(&returns.config(), &["kim", "lee"]).await;
    world.playbook(&mails("hello", "lifecycle"));
    world.run_at("2026-03-02T09:00:00Z").await;
    let mail = world.accepted().into_iter().find(|mail| mail.to[0].starts_with("kim")).unwrap();
    let headers = String::from_utf8(mail.bytes.clone()).unwrap();
    let offered = headers.lines().find_map(|line| line.strip_prefix("List-Unsubscribe: ")).unwrap();
    let (link, mailto) = offered.split_once(", ").unwrap();
    assert!(link.starts_with("<https://"), "{offered}");
    let address = mailto.strip_prefix("<mailto:").unwrap().strip_suffix("?subject=unsubscribe>").unwrap();
    assert_eq!(address, mail.from, "read where its bounces are");

    let write =
        |to: &str, subject: &str| format!("From: Kim <k@y.example>\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n\r\n");
    // Not a word of ours, and an absence: nothing follows.
    returns.arrive("1", &write(&address.replace('+', "+0"), "unsubscribe"));
    returns.arrive("2", &write(address, "Automatic reply: Hi"));
    world.pass_at("2026-03-02T10:00:00Z").await;
    let to = mail.to[0].clone();
    assert!(!world.store().is_suppressed(&to, "lifecycle").await.unwrap());
    returns.arrive("3", &write(address, "Unsubscribe"));
    returns.arrive("4", &write(address, "unsubscribe"));
    world.pass_at("2026-03-02T10:01:00Z").await;
    assert_eq!(returns.seen(), ["1:2,F", "2:2,S", "3:2,S", "4:2,S"]);
    assert!(world.store().is_suppressed(&to, "lifecycle").await.unwrap());
    assert!(!world.store().is_suppressed(&to, "marketing").await.unwrap(), "of that class only");
    world.run_at("2026-03-04T09:00:00Z").await;
    let states = lines(&world.mails().await, "contact state");
    assert!(states.contains(&"kim suppressed".to_owned()) && states.contains(&"lee accepted".to_owned()), "{states:?}");
}

#[tokio::test]
async fn what_it_says_decides_what_follows() {
    let returns = Returns::new();
    let people = ["hard", "policy", "soft", "late", "fine", "angry"];
    let world = with_people(&returns.config(), &people).await;
    world.playbook(&mails("life", "lifecycle"));
    world.run_at("2026-03-02T09:00:00Z").await;
    let of = |who: &str| sender(&world, &format!("{who}@a1.example"));
    returns.arrive("1.hard", &bounce(&of("hard"), "failed", "5.1.1"));
    returns.arrive("2.policy", &bounce(&of("policy"), "failed", "5.7.1"));
    returns.arrive("3.soft", &bounce(&of("soft"), "failed", "4.4.7"));
    returns.arrive("4.late", &bounce(&of("late"), "delayed", "4.4.1"));
    returns.arrive("5.fine", &bounce(&of("fine"), "delivered", "2.0.0"));
    // Only the returned headers tell which mail it was.
    let word = of("angry").split(['+', '@']).nth(1).unwrap().to_owned();
    returns.arrive("6.angry", &complaint(&format!("Message-ID: <{word}@acme.example>\r\nSubject: Hi\r\n\r\nHello")));
    world.pass_at("2026-03-02T10:00:00Z").await;
    let mails = world.mails().await;
    assert_eq!(
        lines(&mails, "contact state reason"),
        [
            "angry complained complaint: abuse",
            "fine accepted -",
            "hard bounced hard: mailbox unknown: 5.1.1 smtp; said so",
            "late accepted -",
            "policy bounced policy: policy: 5.7.1 smtp; said so",
            "soft bounced soft: not reached: 4.4.7 smtp; said so",
        ]
    );
    assert_eq!(returns.seen(), ["1.hard:2,S", "2.policy:2,S", "3.soft:2,S", "4.late:2,S", "5.fine:2,S", "6.angry:2,S"]);
    let mut suppressed = Vec::new();
    for who in people {
        for class in ["lifecycle", "marketing", "transactional"] {
            if world.store().is_suppressed(&format!("{who}@a1.example"), class).await.unwrap() {
                suppressed.push(format!("{who} {class}"));
            }
        }
    }
    assert_eq!(
        suppressed,
        ["hard lifecycle", "hard marketing", "hard transactional", "angry lifecycle", "angry marketing"]
    );
}

#[tokio::test]
async fn three_soft_bounces_in_a_month_are_enough() {
    let returns = Returns::new();
    let world = with_people(&returns.config(), &["ann"]).await;
    world.playbook(&mails("life", "lifecycle"));
    let mut suppressed = Vec::new();
    for (n, day) in ["02-01", "03-02", "03-03", "03-04"].iter().enumerate() {
        world.run_at(&format!("2026-{day}T09:00:00Z")).await;
        let bounce = bounce(&sender(&world, "ann@a1.example"), "failed", "5.2.2");
        returns.arrive(&format!("{n}.a"), &bounce);
        // The same once more, and the same mail in another file.
        returns.arrive(&format!("{n}.b"), &bounce);
        world.pass_at(&format!("2026-{day}T10:00:00Z")).await;
        suppressed.push(world.store().is_suppressed("ann@a1.example", "transactional").await.unwrap());
    }
    // The first is more than thirty days old by the third.
    assert_eq!(suppressed, [false, false, false, true]);
}

#[tokio::test]
async fn a_person_lifts_what_a_bounce_has_suppressed() {
    let returns = Returns::new();
    let world = with_people(&returns.config(), &["ann"]).await;
    world.playbook(&mails("life", "lifecycle"));
    world.run_at("2026-03-02T09:00:00Z").await;
    returns.arrive("1", &bounce(&sender(&world, "ann@a1.example"), "failed", "5.1.1"));
    world.run_at("2026-03-03T09:00:00Z").await;
    let lift = async |class| {
        world.store().lift("Ann@a1.example", class, Actor("dana"), at("2026-03-05T08:00:00Z")).await.unwrap()
    };
    assert_eq!((lift("lifecycle").await, lift("all").await, lift("all").await), (false, true, false));
    world.run_at("2026-03-05T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "state"), ["accepted", "bounced", "suppressed"]);
    assert_eq!(lines(&world.store().list_audit(None).await.unwrap(), "by deed"), ["dana lift"]);
}

#[tokio::test]
async fn a_bounce_settles_an_outcome_that_nobody_knew() {
    for (action, status, wanted) in
        [("failed", "5.1.1", "bounced"), ("delivered", "2.0.0", "accepted"), ("delayed", "4.4.1", "accepted")]
    {
        let returns = Returns::new();
        let world =
            World::over_smtp(&returns.config(), Script { at: [(At::Dot, Do::Cut)].into(), ..Script::default() }).await;
        world.playbook(&mails("life", "lifecycle"));
        world.customer("a1").await;
        world.run_at("2026-03-02T09:00:00Z").await;
        assert_eq!(lines(&world.mails().await, "state"), ["unknown"]);
        returns.arrive("1", &bounce(&sender(&world, "ann@a1.example"), action, status));
        world.pass_at("2026-03-02T10:00:00Z").await;
        assert_eq!(lines(&world.mails().await, "state"), [wanted], "{action}");
        assert_eq!(world.accepted().len(), 1, "it is not sent again");
    }
}

#[tokio::test]
async fn what_is_not_understood_is_kept_and_shown_and_harms_nobody() {
    let returns = Returns::new();
    let world = with_people(&returns.config(), &["ann", "bob"]).await;
    world.playbook(&mails("life", "lifecycle"));
    world.run_at("2026-03-02T09:00:00Z").await;
    let ann = sender(&world, "ann@a1.example");
    let id = world.mails().await[0]["id"].as_str().unwrap().replace('-', "");
    // Somebody knows an address and even the id of a mail, but not its word.
    let forged = format!("bounces+{id}0123456789abcdef@acme.example");
    returns.arrive("1.forged", &bounce(&forged, "failed", "5.1.1"));
    returns.arrive("2.away", &format!("To: {ann}\r\nAuto-Submitted: auto-replied\r\nSubject: Away\r\n\r\nI am away."));
    returns.arrive("3.empty", "");
    let nested = "Content-Type: multipart/report; boundary=b\n\n--b\n".repeat(20_000);
    returns.arrive("4.nested", &format!("To: {ann}\n{nested}"));
    returns.arrive("5.large", &format!("{}\n{}", "x".repeat(3 << 20), bounce(&ann, "failed", "5.1.1")));
    std::fs::create_dir(returns.0.join("new/folder")).unwrap();
    world.pass_at("2026-03-02T10:00:00Z").await;
    std::fs::remove_dir(returns.0.join("new/folder")).unwrap();
    assert_eq!(returns.seen(), ["1.forged:2,F", "2.away:2,S", "3.empty:2,F", "4.nested:2,F", "5.large:2,F"]);
    assert_eq!(lines(&world.mails().await, "state"), ["accepted", "accepted"]);
    for who in ["ann", "bob"] {
        assert!(!world.store().is_suppressed(&format!("{who}@a1.example"), "lifecycle").await.unwrap());
    }
    let (count, latest) = world.store().unclear_reports(at("2026-03-01T00:00:00Z")).await.unwrap();
    assert_eq!((count, latest.as_deref().map(|name| name.split('.').next().is_some())), (4, Some(true)));
}

#[tokio::test]
async fn a_colleagues_bounce_and_redirected_mail_suppress_nobody() {
    let returns = Returns::new();
    let config = returns.config().replace("mail: { ", "mail: { redirect_to: tester@acme.example, ");
    let world = with_people(&config, &["ann"]).await;
    let steps = "  - email: { id: hello, to: all, subject: Hi, body: Hello }\n  - notify: { channel: csm, text: word }";
    world.playbook(&playbook("life", "when: account.mrr > 0", steps));
    world.run_at("2026-03-02T09:00:00Z").await;
    let mail = world.accepted().into_iter().find(|mail| mail.to == ["tester@acme.example"]).unwrap();
    let id = String::from_utf8_lossy(&mail.bytes)
        .lines()
        .find_map(|line| line.strip_prefix("Message-ID: ").map(str::to_owned));
    returns.arrive("1", &bounce(&id.unwrap(), "failed", "5.1.1"));
    returns.arrive("2", &bounce(&sender(&world, "sam@acme.example"), "failed", "5.1.1"));
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert_eq!(lines(&world.messages().await, "channel state"), ["email bounced", "notice bounced"]);
    for address in ["ann@a1.example", "sam@acme.example", "tester@acme.example"] {
        assert!(!world.store().is_suppressed(address, "lifecycle").await.unwrap(), "{address}");
    }
}
