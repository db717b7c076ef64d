//! Attributes that hold another kind of value than the one a playbook compares
//! them with: nobody is written to by mistake, and somebody is told.

use serde_json::{Value as Json, json};

use crate::support::world::{World, lines, playbook, scheduled};

const HELLO: &str = r#"  - email: { id: hello, to: champion, subject: "Hello", body: "Good to have you." }"#;

async fn customer(world: &World, id: &str, traits: Json) {
    world.account(id, json!({ "traits": traits })).await;
    world.contact(id, "ann", json!({})).await;
}

/// A column for opting out as a spreadsheet writes it.
#[tokio::test]
async fn whoever_has_a_word_in_do_not_contact_is_not_written_to() {
    let world = World::new().await;
    let suppress = "when: account.mrr > 0\nsuppress: account.traits.do_not_contact == true";
    world.playbook(&playbook("hello", suppress, HELLO));
    for (id, traits) in [
        ("a1", json!({ "do_not_contact": true })),
        ("a2", json!({ "do_not_contact": "TRUE" })),
        ("a3", json!({ "do_not_contact": "Yes" })),
        ("a4", json!({ "do_not_contact": 1 })),
        ("a5", json!({ "do_not_contact": null })),
        ("a6", json!({})),
        ("a7", json!({ "do_not_contact": false })),
    ] {
        customer(&world, id, traits).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    // And one mail to the owners.
    let mails = world.messages().await;
    assert_eq!(lines(&mails, "account state"), ["- captured", "a5 captured", "a6 captured", "a7 captured"]);
    assert!(lines(&mails, "subject")[3].contains("Undecided: hello"), "{mails:?}");
    let run = world.run("hello", "2026-03-02T09:00:00Z").await;
    assert_eq!(run["skipped"], json!({ "undecided": 3, "blocked": 1 }));
    let mut told: Vec<&str> =
        run["details"].as_array().unwrap().iter().filter_map(|detail| detail["message"].as_str()).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "suppress: account.traits.do_not_contact is the number 1, compared with true",
            "suppress: account.traits.do_not_contact is the text \"TRUE\", compared with true",
            "suppress: account.traits.do_not_contact is the text \"Yes\", compared with true",
        ]
    );
}

/// The value may also be spoilt while a mail is on its way.
#[tokio::test]
async fn a_mail_waits_while_suppress_goal_or_exit_cannot_be_decided() {
    for key in ["suppress", "goal", "exit"] {
        let world = World::new().await;
        let keys = format!("when: account.mrr > 0\n{key}: account.traits.stop == true");
        world.playbook(&playbook("hello", &keys, &format!("  - wait: 1d\n{HELLO}")));
        customer(&world, "a1", json!({ "stop": false })).await;
        world.run_at("2026-03-02T09:00:00Z").await;
        world.sql(r#"update customers.accounts set traits = '{"stop": "TRUE"}'"#).await;
        world.pass_at("2026-03-03T09:00:00Z").await;
        world.pass_at("2026-03-03T10:00:00Z").await;
        assert_eq!(lines(&world.mails().await, "account state"), [""; 0], "{key}");
        // Its owners hear of it once.
        let told = lines(&world.notices().await, "to subject");
        assert_eq!(told, ["ops@acme.example Undecided: hello"], "{key}");
        let reason = world.enrollments().await[0]["reason"].as_str().unwrap_or_default().to_owned();
        assert!(
            reason.contains(&format!("{key}: account.traits.stop is the text \"TRUE\", compared with true")),
            "{reason}"
        );
        world.sql(r#"update customers.accounts set traits = '{"stop": false}'"#).await;
        world.pass_at("2026-03-03T11:00:00Z").await;
        assert_eq!(lines(&world.mails().await, "account state"), ["a1 captured"], "{key}");
    }
}

/// Nobody knows which way it goes: it is neither the arm nor `else`.
#[tokio::test]
async fn a_branch_that_cannot_be_decided_waits_until_it_can() {
    let world = World::new().await;
    let steps = r#"  - task: { id: note, title: Note, to: csm }
  - branch:
      - if: account.traits.vip == true
        steps:
          - email: { id: gold, to: champion, subject: Gold, body: Hello }
      - if: account.mrr > 0
        steps:
          - email: { id: paying, to: champion, subject: Paying, body: Hello }
      - else:
          - email: { id: usual, to: champion, subject: Usual, body: Hello }
  - task: { id: after, title: After, to: csm }"#;
    world.playbook(&playbook("hello", "when: account.mrr > 0", steps));
    for (id, vip) in [("a1", json!(true)), ("a2", json!("TRUE")), ("a3", json!(1)), ("a4", json!(false))] {
        customer(&world, id, json!({ "vip": vip })).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.pass_at("2026-03-02T11:00:00Z").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "account step state"), ["a1 gold captured", "a4 paying captured"]);
    assert_eq!(
        lines(&world.enrollments().await, "account state step reason"),
        [
            "a1 completed - -",
            "a2 active branch-1 undecided: branch-1: account.traits.vip is the text \"TRUE\", compared with true",
            "a3 active branch-1 undecided: branch-1: account.traits.vip is the number 1, compared with true",
            "a4 completed - -"
        ]
    );
    assert_eq!(lines(&world.notices().await, "to subject"), ["ops@acme.example Undecided: hello"]);
    let told = world.text(&world.notices().await[0]).await;
    assert!(told.contains("waits at the step branch-1 of the playbook hello"), "{told}");
    // Mended, each goes its way, from then on.
    world.sql(r#"update customers.accounts set traits = '{"vip": true}' where id = 'a2'"#).await;
    world.sql(r#"update customers.accounts set traits = '{}', mrr = 0 where id = 'a3'"#).await;
    world.pass_at("2026-03-03T10:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "account step sent_at"),
        ["a1 gold 03-02T09:00", "a2 gold 03-03T10:00", "a3 usual 03-03T10:00", "a4 paying 03-02T09:00"]
    );
    let done = lines(&world.enrollments().await, "account state reason");
    assert_eq!(done, ["a1 completed -", "a2 completed -", "a3 completed -", "a4 completed -"]);
    assert_eq!(world.tasks().await.len(), 8);
}

/// It is stopped like everybody else.
#[tokio::test]
async fn whoever_waits_at_a_branch_still_ends_by_goal_and_exit() {
    let world = World::new().await;
    let steps = "  - branch:\n      - if: account.traits.vip == true\n        steps:\n          - end: gold\n  - task: { title: x, to: csm }";
    let keys = "when: account.mrr > 0\ngoal: account.activated_at != none\nexit: account.tier == \"C\"";
    world.playbook(&playbook("hello", keys, steps));
    for id in ["a1", "a2"] {
        customer(&world, id, json!({ "vip": "x" })).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set tier = 'C' where id = 'a1'").await;
    world.sql("update customers.accounts set activated_at = '2026-03-02T09:10:00Z' where id = 'a2'").await;
    world.pass_at("2026-03-02T09:30:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 exited", "a2 goal"]);
    assert!(world.tasks().await.is_empty());
}

/// The database would have ruled these accounts out.
#[tokio::test]
async fn a_condition_that_cannot_be_decided_is_counted_wherever_it_is_asked() {
    let world = World::new().await;
    world.playbook(&playbook("large", "when: account.traits.seats != none && account.traits.seats >= 10", HELLO));
    for (id, seats) in
        [("a1", json!(12)), ("a2", json!("12")), ("a3", json!(3)), ("a4", json!([])), ("a5", json!(null))]
    {
        customer(&world, id, json!({ "seats": seats })).await;
    }
    let plan = world.plan("large", crate::support::world::at("2026-03-02T09:00:00Z")).await;
    let mut told: Vec<String> = plan.undecided.iter().map(|(who, why)| format!("{who}: {why}")).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "a2: account.traits.seats is the text \"12\", compared with the number 10",
            "a4: account.traits.seats is a list, compared with the number 10",
        ]
    );
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account"), ["a1"]);
    assert_eq!(world.run("large", "2026-03-02T09:00:00Z").await["skipped"], json!({ "undecided": 2 }));
}

/// What cannot be decided is no fall: it neither begins nor ends a span.
#[tokio::test]
async fn a_span_of_being_true_goes_on_over_what_cannot_be_decided() {
    let world = World::new().await;
    let keys = "when: account.traits.idle == true\nholds_for: 2d\nreentry: on_rematch";
    world.playbook(&scheduled("idle", "0 9 * * *", keys, HELLO));
    customer(&world, "a1", json!({ "idle": true })).await;
    world.pass_at("2026-03-01T12:00:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    world.sql(r#"update customers.accounts set traits = '{"idle": "TRUE"}'"#).await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    world.sql(r#"update customers.accounts set traits = '{"idle": true}'"#).await;
    world.pass_at("2026-03-04T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account started_at"), ["a1 03-04T09:00"]);
}

/// Dates in attributes, as an import writes them, in conditions and in texts.
#[tokio::test]
async fn a_date_in_an_attribute_is_a_date() {
    let world = World::new().await;
    let when = "when: account.traits.ends != none && days_until(account.traits.ends) <= 60";
    let title = r#"ends {{ account.traits.ends | date("%Y-%m-%d") | default("-") }}"#;
    world.playbook(&playbook("ends", when, &format!("  - task: {{ id: t, title: '{title}', to: csm }}")));
    for (id, ends) in [
        ("date", "2027-04-20"),
        ("nozone", "2027-04-20T10:00:00"),
        ("postgres", "2027-04-20 10:00:00+00"),
        ("rfc", "2027-04-20T10:00:00Z"),
        ("far", "2028-04-20"),
        ("guess", "03/04/2027"),
    ] {
        customer(&world, id, json!({ "ends": ends })).await;
    }
    world.run_at("2027-03-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.tasks().await, "account title"),
        ["date ends 2027-04-20", "nozone ends 2027-04-20", "postgres ends 2027-04-20", "rfc ends 2027-04-20"]
    );
    let run = world.run("ends", "2027-03-03T09:00:00Z").await;
    assert_eq!(run["skipped"], json!({ "undecided": 1 }));
    assert_eq!(
        run["details"][0]["message"],
        "account.traits.ends: 03/04/2027 is not a date that can be read: write 2027-04-03 or 2027-03-04"
    );
}
