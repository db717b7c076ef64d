//! Each account gets one of several texts, and it is on record which.

use std::collections::BTreeMap;

use keepwell::action::variants::draw;
use serde_json::Value as Json;

use crate::support::world::{World, at, playbook};

const MONDAY: &str = "2026-03-02T09:00:00Z";
const KEYS: &str = "when: account.tier == \"A\"\nreentry: { gap: 1d }\nguardrails: { hold_above: off }";

fn step(variants: &str) -> String {
    format!("  - email: {{ id: hello, to: all, body: Hello, variants: {{ {variants} }} }}")
}

/// Account to variant and subject.
fn by_account(mails: &[Json]) -> BTreeMap<String, (String, String)> {
    let text = |row: &Json, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    mails.iter().map(|row| (text(row, "account"), (text(row, "variant"), text(row, "subject")))).collect()
}

#[tokio::test]
async fn an_account_gets_the_variant_that_it_is_drawn_and_the_plan_shows_it() {
    let world = World::new().await;
    for number in 1..=16 {
        world.customer(&format!("a{number}")).await;
    }
    world.contact("a1", "bob", serde_json::json!({ "role": "champion" })).await;
    world.playbook(&playbook("welcome", KEYS, &step("a: { subject: First }, b: { subject: Second }")));
    let plan = world.plan("welcome", at(MONDAY)).await;
    let planned: BTreeMap<String, String> =
        plan.effects.iter().map(|effect| (effect.subject.account.clone(), effect.variant.clone().unwrap())).collect();
    world.run_at(MONDAY).await;
    world.pass_at("2026-03-02T09:01:00Z").await;
    let sent = by_account(&world.mails().await);
    assert_eq!(sent.len(), 16);
    for (account, (variant, subject)) in &sent {
        assert_eq!(draw("welcome", "hello", account, ["b", "a"].into_iter()), Some(&**variant), "{account}");
        assert_eq!(&planned[account], variant, "{account}");
        assert_eq!(subject, if variant == "a" { "First" } else { "Second" }, "{account}");
    }
    let seconds = sent.values().filter(|(variant, _)| variant == "b").count();
    assert!((2..=14).contains(&seconds), "{sent:?}");

    // Another revision and another order: nobody changes sides, and only some go to the new one.
    world.playbook(&playbook(
        "welcome",
        KEYS,
        &step("c: { subject: Third }, b: { subject: Other }, a: { subject: First }"),
    ));
    world.run_at("2026-03-04T09:00:00Z").await;
    world.pass_at("2026-03-04T09:01:00Z").await;
    let later: Vec<Json> = world.mails().await.into_iter().filter(|row| row["subject"] != "Second").collect();
    let later: Vec<Json> = later
        .into_iter()
        .filter(|row| row["created_at"].as_str().is_some_and(|when| when.starts_with("2026-03-04")))
        .collect();
    for (account, (variant, subject)) in by_account(&later) {
        let words = BTreeMap::from([("a", "First"), ("b", "Other"), ("c", "Third")]);
        assert_eq!(words[&*variant], subject, "{account}");
        assert!(variant == sent[&account].0 || variant == "c", "{account}: {variant}");
    }
    assert_eq!(later.len(), 17, "sixteen accounts, one of them with two contacts");
}

#[tokio::test]
async fn a_mail_that_does_not_leave_is_counted_where_it_was_drawn() {
    let world = World::new().await;
    world.account("alone", serde_json::json!({})).await;
    world.playbook(&playbook("welcome", KEYS, &step("a: { subject: First }, b: { subject: Second }")));
    world.run_at(MONDAY).await;
    let rows = world.mails().await;
    assert_eq!((&rows[0]["state"], &rows[0]["reason"]), (&"skipped".into(), &"no recipient".into()));
    assert_eq!(rows[0]["variant"].as_str(), draw("welcome", "hello", "alone", ["a", "b"].into_iter()));
}
