//! The first run of a new or changed revision lets a few in, and holds the rest
//! for a person.

use serde_json::json;

use crate::support::world::{World, lines, playbook};

const KEYS: &str =
    "when: account.tier == \"A\"\nguardrails: { first_run: canary, ramp: { first: 3, every: 15m, grow: 2x } }";
const HELLO: &str = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }";
const OTHER: &str = "  - email: { id: hello, to: champion, subject: Hi, body: Good morning }";

/// Seven accounts that match, and a playbook that has not run.
async fn new_playbook(keys: &str) -> World {
    let world = World::new().await;
    world.playbook(&playbook("welcome", keys, HELLO));
    for number in 1..=7 {
        world.customer(&format!("a{number}")).await;
    }
    world
}

#[tokio::test]
async fn a_few_enter_and_the_rest_waits_for_a_person() {
    let world = new_playbook(KEYS).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "account state"), ["a1 captured", "a2 captured", "a3 captured"]);
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["state"], &run["enrolled"], &run["held"]), (&json!("held"), &json!(3), &json!(4)));
    let reason = "first run of this revision: 7 would enter; 3 enter at once, and 4 wait for a person's approval";
    assert!(run["reason"].as_str().unwrap().starts_with(reason), "{run:#}");
    // Who entered was the first batch of the ramp: the word lets the second in.
    world.approve("welcome@2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z").await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert_eq!(world.mails().await.len(), 7);
    // From then on the revision runs like any other.
    world.customer("a8").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(world.mails().await.len(), 8);
}

#[tokio::test]
async fn without_a_word_nobody_else_enters_however_often_it_runs() {
    let world = new_playbook(KEYS).await;
    for day in ["2026-03-02T09:00:00Z", "2026-03-03T09:00:00Z", "2026-03-04T09:00:00Z"] {
        world.run_at(day).await;
        assert_eq!(world.mails().await.len(), 3, "{day}");
        assert_eq!(world.run("welcome", day).await["held"], json!(4), "{day}");
    }
}

#[tokio::test]
async fn a_changed_revision_begins_with_a_few_again() {
    let world = new_playbook(&KEYS.replace("when:", "reentry: { gap: 1d }\nwhen:").replace("canary", "go")).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(world.mails().await.len(), 7);
    world.playbook(&playbook("welcome", &KEYS.replace("when:", "reentry: { gap: 1d }\nwhen:"), OTHER));
    world.run_at("2026-03-04T09:00:00Z").await;
    let run = world.run("welcome", "2026-03-04T09:00:00Z").await;
    assert_eq!((&run["state"], &run["enrolled"], &run["held"]), (&json!("held"), &json!(3), &json!(4)));
    assert_eq!(world.mails().await.len(), 10);
}

#[tokio::test]
async fn a_few_need_nobody() {
    let world = new_playbook(&KEYS.replace("first: 3", "first: 7")).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["state"], &run["enrolled"]), (&json!("done"), &json!(7)));
}

#[tokio::test]
async fn whoever_takes_the_run_over_lets_no_others_in() {
    let world = new_playbook(KEYS).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    // It died after the first had entered, before the run was held.
    world
        .sql(
            "update keepwell.runs set state = 'running', reason = null, enrolled = 0, ramp_batch = 0,
                 token = gen_random_uuid(), lease_until = clock_timestamp() - interval '1 second'
             where playbook = 'welcome'",
        )
        .await;
    world.pass_at("2026-03-02T09:05:00Z").await;
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["state"], &run["enrolled"], &run["held"]), (&json!("held"), &json!(3), &json!(4)));
    assert_eq!(world.mails().await.len(), 3);
}
