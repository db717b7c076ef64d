//! No mail is lost without a word: what is no duplicate leaves, and what does
//! not leave is said to the owners, by a plan beforehand and by its reason.

use keepwell::worker::runs::first_mails::Fate;
use keepwell::worker::runs::plan::Plan;
use serde_json::json;

use crate::rehearsal::play;
use crate::support::smtp::{At, Script};
use crate::support::world::{World, at, lines, playbook};

const MONDAY: &str = "2026-03-02T09:00:00Z";

fn mail(keys: &str, subject: &str) -> String {
    format!("  - email: {{ id: hello, to: all, subject: \"{subject}\", body: Hello{keys} }}")
}

/// `captured -` or `STATE REASON` of each mail as the plan foretells it, with
/// `deferred` for what waits.
fn foretold(plan: &Plan) -> Vec<String> {
    let one = |fate: &Fate| match fate {
        Fate::Leaves => "captured -".to_owned(),
        Fate::Waits { reason, .. } => format!("deferred {reason}"),
        Fate::Never { state, reason } => format!("{state} {reason}"),
    };
    let mut all: Vec<String> = plan.mails.iter().map(|mail| format!("{} {}", mail.subject, one(&mail.fate))).collect();
    all.sort();
    all
}

#[tokio::test]
async fn one_address_hears_about_each_of_its_accounts() {
    // The lifecycle mail says the same words about each of them.
    for (class, subject) in [("transactional", "New price for {{ account.name }}"), ("lifecycle", "New prices")] {
        let world = World::new().await;
        world.playbook(&playbook("p", "when: account.mrr > 0", &mail(&format!(", class: {class}"), subject)));
        for account in ["north", "south", "west"] {
            world.account(account, json!({})).await;
            world.contact(account, "b", json!({ "email": "ap@oak.example", "role": "billing" })).await;
        }
        let expected = ["north captured -", "south captured -", "west captured -"];
        assert_eq!(foretold(&world.plan("p", at(MONDAY)).await), expected, "{class}");
        world.run_at(MONDAY).await;
        assert_eq!(lines(&world.mails().await, "account state reason"), expected, "{class}");
    }
}

#[tokio::test]
async fn only_the_same_words_about_an_account_are_a_duplicate() {
    let named = "Hello {{ recipient.name }}";
    for (class, subject, expected) in [
        ("lifecycle", "Hello", ["ann captured -", "bob skipped duplicate address"]),
        ("lifecycle", named, ["ann captured -", "bob captured -"]),
        ("transactional", "Hello", ["ann captured -", "bob captured -"]),
    ] {
        let world = World::new().await;
        let text = playbook("p", "when: account.mrr > 0", &mail(&format!(", class: {class}"), subject));
        world.playbook(&text);
        world.account("a1", json!({})).await;
        for contact in ["ann", "bob"] {
            world.contact("a1", contact, json!({ "email": "office@a1.example" })).await;
        }
        let plan = world.plan("p", at(MONDAY)).await;
        let leave = expected.iter().filter(|one| one.contains("captured")).count();
        assert_eq!(plan.mails_that(|fate| *fate == Fate::Leaves), leave, "{class} {subject}");
        world.run_at(MONDAY).await;
        assert_eq!(lines(&world.mails().await, "contact state reason"), expected, "{class} {subject}");
        let dropped = 2 - leave;
        assert_eq!(plan.unwritten.get("duplicate address").copied().unwrap_or_default(), dropped, "{class} {subject}");
        let told = if dropped == 0 { vec![] } else { vec!["ops@acme.example Not sent: p".to_owned()] };
        assert_eq!(lines(&world.notices().await, "to subject"), told, "{class} {subject}");
        // And so a case shows it.
        let case = "tests:\n  - name: c\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n    \
                    contacts: [ { role: champion, name: Ann, email: office@a1.example }, \
                    { role: owner, name: Bob, email: office@a1.example } ]\n    expect: []\n";
        let mails = |what: &str| what.starts_with("mail `hello`");
        let happened = play(&format!("{text}{case}")).remove(0).happened;
        assert_eq!(happened.iter().filter(|one| mails(&one.what)).count(), leave, "{class} {subject}");
    }
}

#[tokio::test]
async fn a_mail_that_another_enrollment_repeats_is_foretold_and_said() {
    let world = World::new().await;
    let text = playbook(
        "p",
        "for: contact\nwhen: contact.role == \"champion\"\nreentry: { gap: 6h }",
        "  - email: { id: hello, subject: Hello, body: Hello }",
    );
    world.playbook(&text);
    world.account("a1", json!({})).await;
    for contact in ["ann", "bob"] {
        world.contact("a1", contact, json!({ "email": "Office@a1.example" })).await;
    }
    let plan = world.plan("p", at(MONDAY)).await;
    assert_eq!(foretold(&plan), ["a1/ann captured -", "a1/bob skipped duplicate address"]);
    world.run_at(MONDAY).await;
    let came = lines(&world.mails().await, "contact state reason");
    assert_eq!(came, ["ann captured -", "bob skipped duplicate address"]);
    assert_eq!(lines(&world.notices().await, "to subject"), ["ops@acme.example Not sent: p"]);
    // Within a day of what has left, too.
    let plan = world.plan("p", at("2026-03-02T18:00:00Z")).await;
    assert_eq!(foretold(&plan), ["a1/ann skipped duplicate address", "a1/bob skipped duplicate address"]);
    let plan = world.plan("p", at("2026-03-03T09:00:00Z")).await;
    assert_eq!(foretold(&plan), ["a1/ann captured -", "a1/bob skipped duplicate address"]);
}

/// The words of a step are said to an address once a day; what never left has said
/// nothing.
#[tokio::test]
async fn a_mail_that_expired_takes_its_words_from_nobody() {
    let world = World::over_smtp("", Script::reply(At::Recipient, "450 4.2.1 later")).await;
    world.playbook(&playbook(
        "p",
        "for: contact\nwhen: contact.role == \"champion\"",
        "  - email: { id: hello, subject: Hello, body: Hello, valid_for: 2h }",
    ));
    world.account("a1", json!({})).await;
    world.contact("a1", "ann", json!({ "email": "office@a1.example" })).await;
    world.run_at(MONDAY).await;
    assert_eq!(lines(&world.mails().await, "contact state"), ["ann deferred"]);
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "contact state"), ["ann expired"]);
    world.server_does(Script::default()).await;
    for contact in ["bob", "cid"] {
        world.contact("a1", contact, json!({ "email": "office@a1.example" })).await;
    }
    let plan = world.plan("p", at("2026-03-02T18:00:00Z")).await;
    assert_eq!(foretold(&plan), ["a1/bob captured -", "a1/cid skipped duplicate address"]);
    world.run_at("2026-03-02T18:00:00Z").await;
    let came = lines(&world.mails().await, "contact state");
    assert_eq!(came, ["ann expired", "bob accepted", "cid skipped"]);
    assert_eq!(world.accepted().iter().filter(|mail| mail.to == ["office@a1.example"]).count(), 1);
}

#[tokio::test]
async fn who_may_not_have_a_mail_takes_it_from_nobody() {
    let world = World::new().await;
    world.playbook(&playbook("news", "when: account.mrr > 0", &mail(", class: marketing", "News")));
    world.account("a1", json!({})).await;
    world.contact("a1", "ann", json!({ "email": "office@a1.example", "traits": { "consent": false } })).await;
    world.contact("a1", "bob", json!({ "email": "office@a1.example", "traits": { "consent": true } })).await;
    world.run_at(MONDAY).await;
    assert_eq!(lines(&world.mails().await, "contact state reason"), ["ann skipped no consent", "bob captured -"]);
}

#[tokio::test]
async fn what_never_fits_the_budget_is_foretold_and_keeps_it_as_its_reason() {
    let world = World::with("budget: { contact: [1 per 1d, 3 per 7d], account: [6 per 7d] }\n").await;
    world.playbook(&playbook("notice", "when: account.mrr > 0", &mail("", "We move")));
    world.account("a1", json!({})).await;
    for contact in 0..10 {
        world.contact("a1", &format!("p{contact}"), json!({ "role": "user" })).await;
    }
    let plan = world.plan("notice", at(MONDAY)).await;
    assert_eq!(plan.mails_that(|fate| *fate == Fate::Leaves), 6);
    assert_eq!(plan.mails.iter().filter(|mail| mail.waits_in_vain()).count(), 4);
    for when in [MONDAY, "2026-03-03T09:00:00Z", "2026-03-05T09:00:00Z", "2026-03-06T09:30:00Z"] {
        world.run_at(when).await;
    }
    let came = lines(&world.mails().await, "state reason");
    assert_eq!(came.iter().filter(|one| *one == "captured -").count(), 6, "{came:#?}");
    let reason = "expired budget: 6 per 7d of the account a1 used by notice/hello at 2026-03-02T09:00:00Z";
    let expired = came.iter().filter(|one| one.starts_with(reason) && one.ends_with("; not sent while it was valid"));
    assert_eq!(expired.count(), 4, "{came:#?}");
    assert_eq!(lines(&world.notices().await, "to subject"), ["ops@acme.example Not sent: notice"]);
}

#[tokio::test]
async fn a_mail_without_its_readers_name_does_not_leave() {
    let world = World::new().await;
    world.playbook(&playbook("p", "when: account.mrr > 0", &mail("", "Hi {{ recipient.name }}")));
    world.account("a1", json!({})).await;
    world.contact("a1", "ann", json!({ "name": "Ann" })).await;
    world.contact("a1", "bob", json!({ "name": " " })).await;
    world.run_at(MONDAY).await;
    let came = lines(&world.mails().await, "contact state reason");
    assert_eq!(came.iter().filter(|one| *one == "ann captured -").count(), 1, "{came:#?}");
    assert_eq!(
        came.iter().filter(|one| one.starts_with("bob failed `recipient.name` is empty")).count(),
        1,
        "{came:#?}"
    );
    assert_eq!(lines(&world.notices().await, "to subject"), ["ops@acme.example Failed: p"]);
}

#[tokio::test]
async fn an_empty_mail_does_not_leave() {
    for (subject, body, reason) in [
        ("{{ account.traits.topic | default(\\\"\\\") }}", "Hello", "its subject is empty"),
        ("Hello", "{{ account.traits.text | default(\\\" \\\") }}", "its text is empty"),
        ("Hello", "# {{ account.traits.text ?? \\\"\\\" }}", "its text is empty"),
    ] {
        let world = World::new().await;
        let step = format!("  - email: {{ id: hello, to: champion, subject: \"{subject}\", body: \"{body}\" }}");
        let text = playbook("p", "when: account.mrr > 0", &step);
        world.playbook(&text);
        world.customer("a1").await;
        let expected = [format!("failed {reason}")];
        assert_eq!(foretold(&world.plan("p", at(MONDAY)).await), [format!("a1 failed {reason}")]);
        world.run_at(MONDAY).await;
        assert_eq!(lines(&world.mails().await, "state reason"), expected);
        assert_eq!(lines(&world.notices().await, "to subject"), ["ops@acme.example Failed: p"]);
        let case = "tests:\n  - name: c\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 9 }\n    expect: []\n";
        let happened = play(&format!("{text}{case}")).remove(0).happened;
        assert!(happened.iter().any(|one| one.what.contains(reason)), "{happened:#?}");
    }
}
