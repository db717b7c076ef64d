//! One playbook's trouble is not another's.

use keepwell::clock::Instant;
use keepwell::worker::runs::scheduler;
use serde_json::json;

use crate::support::world::{World, at, lines, playbook, scheduled};

#[tokio::test]
async fn a_playbook_that_cannot_be_looked_at_keeps_nothing_from_the_others() {
    let world = World::new().await;
    let call = |keys: &str| {
        format!(
            "  - task: {{ id: first, title: First, to: csm }}\n  - wait: 1d\n  - task: {{ id: then, title: {keys}, to: csm }}"
        )
    };
    world.playbook(&playbook(
        "bad",
        "when: account.mrr > 0\ngoal: account.seats != none && account.seats > 100",
        &call("Then"),
    ));
    world.playbook(&playbook(
        "good",
        "when: account.mrr > 0",
        &format!("{}\n  - enroll: odd\n  - enroll: zinc", call("Then")),
    ));
    world.playbook(&playbook(
        "odd",
        "when: account.mrr > 1000000 && account.seats != none && account.seats > 3",
        "  - wait: 9d",
    ));
    world.playbook(&playbook("zinc", "when: account.mrr > 1000000", "  - wait: 9d"));
    world.playbook(&scheduled("daily", "0 9 * * *", "when: account.mrr > 0", "  - wait: 9d"));
    world.account("a1", json!({})).await.run_at("2026-03-02T08:00:00Z").await;
    world.sql("alter table customers.accounts drop column seats cascade").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    let enrollments = world.enrollments().await;
    assert_eq!(lines(&enrollments, "playbook state"), ["bad active", "daily active", "good completed", "zinc active"]);
    let reason = |playbook| enrollments.iter().find(|one| one["playbook"] == playbook).unwrap()["reason"].clone();
    let waits = reason("bad").as_str().unwrap_or_default().to_owned();
    assert!(waits.starts_with("waits: ") && waits.contains("seats"), "{waits}");
    assert_eq!(
        lines(&world.tasks().await, "playbook step state"),
        ["bad first open", "good first open", "good then open"]
    );
    let referrals: Vec<(String, String, Option<Instant>)> =
        sqlx::query_as("select target, state, look_at from keepwell.referrals order by target")
            .fetch_all(world.store().pool())
            .await
            .unwrap();
    let quarter = Some(at("2026-03-03T09:15:00Z"));
    assert_eq!(
        referrals,
        [("odd".to_owned(), "planned".to_owned(), quarter), ("zinc".to_owned(), "enrolled".to_owned(), None)]
    );
    // Mended, everything goes on at the next quarter hour.
    world.sql("alter table customers.accounts add column seats int").await;
    world.pass_at("2026-03-03T09:15:00Z").await;
    assert_eq!(
        lines(&world.tasks().await, "playbook step state"),
        ["bad first open", "bad then open", "good first open", "good then open"]
    );
    assert_eq!(world.enrollments().await.iter().filter(|one| one["playbook"] == "odd").count(), 1);
}

#[tokio::test]
async fn a_mail_that_cannot_be_prepared_is_in_no_other_ones_way() {
    let world = World::new().await;
    let step = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }";
    let goal = "goal: account.seats != none && account.seats > 100";
    world.playbook(&playbook("bad", &format!("when: account.mrr > 0\n{goal}"), step));
    world.playbook(&playbook("good", "when: account.mrr > 0", step));
    world.customer("a1").await.publish_at("2026-03-02T09:00:00Z").await;
    scheduler::manual(&world.shared, at("2026-03-02T09:00:00Z")).await.unwrap();
    world.sql("alter table customers.accounts drop column seats cascade").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    let mails = world.mails().await;
    assert_eq!(
        lines(&mails, "playbook state next_at attempts"),
        ["bad deferred 03-02T09:15 0", "good captured 03-02T09:00 1"]
    );
    let bad = mails.iter().find(|mail| mail["playbook"] == "bad").unwrap();
    assert!(bad["reason"].as_str().unwrap().contains("seats"), "{bad}");
    world.sql("alter table customers.accounts add column seats int").await;
    world.pass_at("2026-03-02T09:15:00Z").await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["bad captured", "good captured"]);
}
