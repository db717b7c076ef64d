//! Who enters, how often, and why not.

use serde_json::json;

use crate::support::world::{World, lines, playbook, scheduled};

const HELLO: &str =
    r#"  - email: { id: hello, to: champion, subject: "Hello {{ account.name }}", body: "Good to have you." }"#;
const TIER_A: &str = r#"when: account.tier == "A""#;

#[tokio::test]
async fn an_account_is_enrolled_once_and_mailed_once() {
    let world = World::new().await;
    world.playbook(&playbook("welcome", TIER_A, HELLO));
    world.customer("a1").await;
    world.account("b1", json!({ "tier": "B" })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state ended_at"), ["a1 completed 03-02T09:00"]);
    let mails = world.messages().await;
    assert_eq!(
        lines(&mails, "account contact to subject state attempts sent_at"),
        ["a1 ann ann@a1.example Hello A1 captured 1 03-02T09:00"]
    );
    assert!(world.text(&mails[0]).await.contains("Good to have you."));

    // The same instant again does nothing, a later one nothing more.
    for again in ["2026-03-02T09:00:00Z", "2026-03-03T09:00:00Z"] {
        world.run_at(again).await;
        assert_eq!(world.messages().await, mails);
    }
    assert_eq!(
        lines(&world.runs().await, "slot kind state candidates enrolled skipped"),
        [r#"03-02T09:00 manual done 1 1 {}"#, r#"03-03T09:00 manual done 1 0 {"reentry":1}"#]
    );
}

#[tokio::test]
async fn who_comes_later_enters_later() {
    let world = World::new().await;
    world.playbook(&playbook("welcome", TIER_A, HELLO));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.customer("a2").await;
    world.run_at("2026-03-02T10:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account started_at"), ["a1 03-02T09:00", "a2 03-02T10:00"]);
    assert_eq!(world.messages().await.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_decided_never_enrolls_and_is_shown() {
    let world = World::new().await;
    world.playbook(&playbook("growth", "when: account.mrr / (account.traits.before ?? 1.0) > 2", HELLO));
    world.account("a1", json!({ "traits": { "before": 0 } })).await;
    world.account("a2", json!({ "traits": { "before": 10 } })).await;
    world.contact("a2", "bob", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account"), ["a2"]);
    let run = world.run("growth", "2026-03-02T09:00:00Z").await;
    assert_eq!(run["skipped"], json!({ "undecided": 1 }));
    let detail = &run["details"][0];
    assert_eq!((&detail["account"], &detail["reason"]), (&json!("a1"), &json!("undecided")));
    assert!(detail["message"].as_str().unwrap().contains("zero"), "{detail}");

    // It can be decided now, and has lost nothing.
    world.sql("update customers.accounts set traits = '{\"before\": 1}' where id = 'a1'").await;
    world.run_at("2026-03-02T10:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account"), ["a1", "a2"]);
}

#[tokio::test]
async fn what_already_holds_at_entry_keeps_out_by_name() {
    let world = World::new().await;
    world.playbook(&playbook(
        "rescue",
        concat!(
            "when: account.mrr > 0\n",
            "suppress: account.traits.quiet == true\n",
            "goal: account.activated_at != none\n",
            "exit: account.open_tickets(\"urgent\") > 0\n",
            "stages: [onboarding]",
        ),
        "  - wait: 1d",
    ));
    let activated = "2026-02-01T00:00:00Z";
    for (id, columns) in [
        ("blocked", json!({ "traits": { "quiet": true }, "activated_at": activated, "stage": "onboarding" })),
        ("goal", json!({ "activated_at": activated, "status": "churned" })),
        ("exit", json!({ "status": "churned" })),
        ("status", json!({ "status": "churned" })),
        ("stage", json!({ "stage": "adoption" })),
        ("no-stage", json!({})),
        ("fits", json!({ "stage": "onboarding" })),
    ] {
        world.account(id, columns).await;
    }
    world
        .sql("insert into customers.tickets (account_id, id, opened_at, severity) values ('exit', 't', '2026-03-01', 'urgent')")
        .await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["fits active"]);
    let run = world.run("rescue", "2026-03-02T09:00:00Z").await;
    assert_eq!(run["skipped"], json!({ "blocked": 1, "goal": 1, "exit": 1, "status": 1, "stage": 2 }));
    assert_eq!(run["candidates"], 7);

    // None of them has used its chance.
    world
        .sql(
            "update customers.accounts set stage = 'onboarding', status = 'active', activated_at = null, traits = '{}'",
        )
        .await;
    world.sql("delete from customers.tickets").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(world.enrollments().await.len(), 7);
}

#[tokio::test]
async fn once_per_value_enters_again_when_the_value_changes() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0\nreentry: { once_per: account.renewal_at }\ntimezone: Europe/Berlin";
    world.playbook(&playbook("renewal", keys, "  - end: planned"));
    world.account("a1", json!({ "renewal_at": "2026-06-01T10:00:00Z" })).await;
    world.account("a2", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    // The same date at another hour is the same value.
    world.sql("update customers.accounts set renewal_at = '2026-06-01T18:00:00Z' where id = 'a1'").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "account entry_key state reason"),
        ["a1 2026-06-01 completed planned"]
    );
    let skipped = world.run("renewal", "2026-03-04T09:00:00Z").await["skipped"].clone();
    assert_eq!(skipped, json!({ "no key": 1, "reentry": 1 }));

    world.sql("update customers.accounts set renewal_at = '2027-06-01T23:30:00Z'").await;
    world.run_at("2026-03-05T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "account entry_key"),
        // The date in the playbook's zone.
        ["a1 2026-06-01", "a1 2027-06-02", "a2 2027-06-02"]
    );
}

#[tokio::test]
async fn a_gap_counts_from_the_start_of_the_previous_one() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0\nreentry: { gap: 10d }";
    world.playbook(&playbook("checkin", keys, "  - wait: 2d"));
    world.account("a1", json!({})).await;
    for day in [
        "2026-03-02T09:00:00Z",
        "2026-03-03T09:00:00Z",
        "2026-03-05T09:00:00Z",
        "2026-03-12T08:59:00Z",
        "2026-03-12T09:00:00Z",
    ] {
        world.run_at(day).await;
    }
    assert_eq!(
        lines(&world.enrollments().await, "started_at state ended_at"),
        ["03-02T09:00 completed 03-04T09:00", "03-12T09:00 active -"]
    );
    assert_eq!(
        lines(&world.runs().await, "slot skipped"),
        [
            "03-02T09:00 {}",
            r#"03-03T09:00 {"active":1}"#,
            r#"03-05T09:00 {"gap":1}"#,
            r#"03-12T08:59 {"gap":1}"#,
            "03-12T09:00 {}"
        ]
    );
}

#[tokio::test]
async fn facts_are_those_strictly_before_the_slot() {
    let world = World::new().await;
    world.playbook(&playbook("idle", "when: account.events(\"login\", 30) == 0", "  - wait: 1d"));
    world.account("a1", json!({})).await;
    world.account("a2", json!({})).await;
    world.event("a1", "login", "2026-03-02T08:59:59Z").await;
    world.event("a2", "login", "2026-03-02T09:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account"), ["a2"]);
}

#[tokio::test]
async fn a_missing_score_is_guarded_by_a_default() {
    let world = World::new().await;
    world.playbook(&playbook("unhappy", "when: (account.score(\"nps\") ?? 10) < 7", "  - wait: 1d"));
    for id in ["a1", "a2", "a3"] {
        world.account(id, json!({})).await;
    }
    world.score("a1", "nps", 9.0, "2026-02-01T00:00:00Z").await;
    world.score("a1", "nps", 3.0, "2026-03-01T00:00:00Z").await;
    world.score("a2", "nps", 3.0, "2026-03-02T09:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account"), ["a1"]);
}

#[tokio::test]
async fn playbooks_know_of_each_other() {
    let world = World::new().await;
    world.playbook(&playbook("first", TIER_A, "  - wait: 2d"));
    world.playbook(&playbook(
        "second",
        "when: account.mrr > 0\nsuppress: account.in_playbook(\"first\")",
        "  - wait: 1d",
    ));
    world.account("a1", json!({})).await;
    world.account("b1", json!({ "tier": "B" })).await;
    // What begins at the same slot does not count yet for who enters …
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "playbook account state"),
        ["first a1 active", "second a1 active", "second b1 active"]
    );
    // … but from the next look on.
    world.pass_at("2026-03-02T09:15:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "playbook account state"),
        ["first a1 active", "second a1 blocked", "second b1 active"]
    );
}

#[tokio::test]
async fn entry_values_are_those_of_the_entry() {
    let world = World::new().await;
    let steps = concat!(
        "  - wait: 1d\n",
        "  - task: { title: \"From {{ entry.mrr }} to {{ account.mrr }}\", to: csm }\n",
        "  - wait: 1d",
    );
    world.playbook(&playbook("growth", "when: account.mrr > 0\ngoal: account.mrr > entry.mrr * 2", steps));
    world.account("a1", json!({ "mrr": 100 })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set mrr = 150").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "title state"), ["From 100 to 150 open"]);
    world.sql("update customers.accounts set mrr = 201").await;
    world.pass_at("2026-03-03T12:00:00Z").await;
    let [ended] = &world.enrollments().await[..] else { panic!("one enrollment") };
    assert_eq!(ended["state"], "goal");
    assert!(ended["reason"].as_str().unwrap().contains("account.mrr = 201"), "{ended}");
}

#[tokio::test]
async fn the_daily_schedule_enrolls_by_itself() {
    let world = World::new().await;
    world.playbook(&scheduled("welcome", "0 9 * * *", TIER_A, HELLO));
    world.customer("a1").await;
    world.pass_at("2026-03-02T08:00:00Z").await;
    assert_eq!(world.runs().await.len(), 0);
    world.pass_at("2026-03-02T09:00:00Z").await;
    world.pass_at("2026-03-02T09:00:01Z").await;
    assert_eq!(lines(&world.runs().await, "slot kind state enrolled"), ["03-02T09:00 scheduled done 1"]);
    assert_eq!(lines(&world.mails().await, "account state"), ["a1 captured"]);
}

#[tokio::test]
async fn an_attribute_of_any_kind_is_a_key() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0\nreentry: { once_per: account.traits.n }";
    world.playbook(&playbook("rescue", keys, "  - wait: 1d"));
    for (id, n) in [("a1", json!(5)), ("a2", json!(true)), ("a3", json!("q")), ("a4", json!(null))] {
        world.account(id, json!({ "mrr": 10, "traits": { "n": n } })).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account entry_key"), ["a1 5", "a2 true", "a3 q"]);
    assert_eq!(world.runs().await[0]["skipped"], json!({ "no key": 1 }));
}
