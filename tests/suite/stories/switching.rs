//! Stops, resumes and the mode in which nothing leaves.

use keepwell::message::channel::Channel;
use keepwell::store::upkeep::stopped::StopTarget;
use serde_json::json;

use crate::support::smtp::{At, Script};
use crate::support::world::{World, lines, playbook, scheduled};

const STEPS: &str = concat!(
    "  - email: { id: hello, to: champion, subject: Hi, body: Hello }\n",
    "  - task: { id: call, title: call, to: csm }\n",
    "  - notify: { channel: csm, text: word }\n",
    "  - wait: 3d\n",
    "  - email: { id: later, to: champion, subject: Hi again, body: Hello }",
);

#[tokio::test]
async fn while_everything_is_stopped_nothing_runs_and_nothing_leaves() {
    for target in [StopTarget::All, StopTarget::Playbook("welcome".to_owned())] {
        let world = World::new().await;
        world.playbook(&scheduled("welcome", "0 9 * * *", "when: account.mrr > 0", STEPS));
        world.customer("a1").await;
        world.pass_at("2026-03-02T08:00:00Z").await;
        world.pass_at("2026-03-02T09:00:00Z").await;
        assert_eq!(lines(&world.mails().await, "step state"), ["hello captured"]);
        world.stop(target.clone(), "2026-03-02T10:00:00Z").await;
        world.customer("a2").await;
        world.pass_at("2026-03-03T09:00:00Z").await;
        world.run_at("2026-03-05T10:00:00Z").await;
        assert_eq!(
            lines(&world.runs().await, "slot kind state reason"),
            [
                "03-02T09:00 scheduled done -",
                "03-03T09:00 scheduled skipped stopped",
                "03-04T09:00 scheduled skipped stopped",
                "03-05T09:00 scheduled skipped stopped",
                "03-05T10:00 manual skipped stopped",
            ]
        );
        assert_eq!(lines(&world.mails().await, "step state"), ["hello captured"]);
        world.resume(target).await;
        world.pass_at("2026-03-05T11:00:00Z").await;
        // What was under way goes on; the slots are not made up for.
        assert_eq!(lines(&world.mails().await, "account step state"), ["a1 hello captured", "a1 later captured"]);
        assert_eq!(lines(&world.enrollments().await, "account state ended_at"), ["a1 completed 03-05T11:00"]);
        world.pass_at("2026-03-06T09:00:00Z").await;
        assert_eq!(lines(&world.enrollments().await, "account started_at"), ["a1 03-02T09:00", "a2 03-06T09:00"]);
    }
}

#[tokio::test]
async fn a_stopped_playbook_leaves_the_others_alone() {
    let world = World::new().await;
    let steps = "  - task: { title: x, to: csm }";
    world.playbook(&playbook("one", "when: account.mrr > 0", steps));
    world.playbook(&playbook("two", "when: account.mrr > 0", steps));
    world.account("a1", json!({})).await;
    world.publish_at("2026-03-01T00:00:00Z").await;
    world.stop(StopTarget::Playbook("one".to_owned()), "2026-03-01T00:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "playbook"), ["two"]);
    assert_eq!(lines(&world.runs().await, "playbook state reason"), ["one skipped stopped", "two done -"]);
}

#[tokio::test]
async fn a_stop_also_stops_mail_that_waits_for_another_try() {
    let world = World::over_smtp("", Script::reply(At::Recipient, "450 4.2.1 later")).await;
    world.playbook(&playbook(
        "welcome",
        "when: account.mrr > 0",
        "  - email: { to: champion, subject: Hi, body: Hello }",
    ));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.server_does(Script::default()).await;
    world.stop(StopTarget::All, "2026-03-02T09:05:00Z").await;
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "state attempts"), ["deferred 1"]);
    world.resume(StopTarget::All).await;
    world.pass_at("2026-03-02T12:05:00Z").await;
    assert_eq!(lines(&world.mails().await, "state attempts"), ["accepted 2"]);
}

#[tokio::test]
async fn in_shadow_everything_is_decided_and_nothing_leaves() {
    let world = World::over_smtp("", Script::default()).await;
    let keys = "when: account.mrr > 0";
    world.playbook(&playbook("welcome", &format!("{keys}\nmode: shadow"), STEPS));
    world.playbook(&playbook(
        "other",
        "when: account.tier == \"A\"\nsuppress: account.in_playbook(\"welcome\")",
        "  - wait: 9d",
    ));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.pass_at("2026-03-05T09:00:00Z").await;
    assert_eq!(
        lines(&world.messages().await, "channel step state"),
        ["email hello shadow", "email later shadow", "notice notify-1 shadow"]
    );
    assert_eq!(lines(&world.tasks().await, "step state"), ["call shadow"]);
    assert_eq!(
        lines(&world.enrollments().await, "playbook state shadow"),
        ["other active false", "welcome completed true"]
    );
    assert_eq!(world.server.as_ref().unwrap().connections(), 0);
}

#[tokio::test]
async fn a_playbook_that_turns_to_shadow_sends_nothing_more() {
    let world = World::over_smtp("", Script::reply(At::Recipient, "450 4.2.1 later")).await;
    world.playbook(&playbook("welcome", "when: account.mrr > 0", STEPS));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "step state"), ["hello deferred"]);
    world.server_does(Script::default()).await;
    world.playbook(&playbook("welcome", "when: account.mrr > 0\nmode: shadow", STEPS));
    world.pass_at("2026-03-02T10:00:00Z").await;
    world.pass_at("2026-03-06T10:00:00Z").await;
    assert_eq!(
        lines(&world.messages().await, "channel step state"),
        ["email hello shadow", "email later shadow", "notice notify-1 shadow"]
    );
    assert_eq!(lines(&world.tasks().await, "step state"), ["call shadow"]);
    assert!(world.accepted().is_empty());
}

#[tokio::test]
async fn a_stopped_account_neither_enters_nor_moves_nor_gets_mail() {
    let world = World::new().await;
    world.playbook(&scheduled("welcome", "0 9 * * *", "when: account.mrr > 0", STEPS));
    world.customer("a1").await;
    world.pass_at("2026-03-02T08:00:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    for id in ["a2", "a3"] {
        world.customer(id).await;
    }
    for id in ["a1", "a2"] {
        world.stop(StopTarget::Account(id.to_owned()), "2026-03-02T10:00:00Z").await;
    }
    world.pass_at("2026-03-03T09:00:00Z").await;
    world.pass_at("2026-03-06T10:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "account step state"),
        ["a1 hello captured", "a3 hello captured", "a3 later captured"]
    );
    assert_eq!(world.runs().await[1]["skipped"], json!({ "stopped": 2 }));
    for id in ["a1", "a2"] {
        world.resume(StopTarget::Account(id.to_owned())).await;
    }
    world.pass_at("2026-03-07T09:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "account step state"),
        ["a1 hello captured", "a1 later captured", "a2 hello captured", "a3 hello captured", "a3 later captured"]
    );
}

#[tokio::test]
async fn a_stopped_channel_keeps_its_mail_until_it_is_resumed_or_too_late() {
    let world = World::new().await;
    world.playbook(&playbook("welcome", "when: account.mrr > 0", STEPS));
    world.customer("a1").await;
    world.stop(StopTarget::Channel(Channel::Email), "2026-03-02T08:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.messages().await, "channel step state"), ["email hello planned"]);
    world.resume(StopTarget::Channel(Channel::Email)).await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert_eq!(
        lines(&world.messages().await, "channel step state"),
        ["email hello captured", "notice notify-1 captured"]
    );
    world.stop(StopTarget::Channel(Channel::Email), "2026-03-03T00:00:00Z").await;
    world.pass_at("2026-03-05T10:00:00Z").await;
    let waiting =
        world.store().waiting_messages(&StopTarget::All, "2026-03-09T00:00:00Z".parse().unwrap()).await.unwrap();
    assert_eq!(waiting.iter().map(|one| (one.due, one.expired)).collect::<Vec<_>>(), [(0, 1)]);
    world.resume(StopTarget::Channel(Channel::Email)).await;
    world.pass_at("2026-03-09T00:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "step state"), ["hello captured", "later expired"]);
}

#[tokio::test]
async fn a_paused_playbook_rests_and_does_not_make_up_for_its_slots() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0";
    world.playbook(&scheduled("welcome", "0 9 * * *", keys, STEPS));
    world.customer("a1").await;
    world.pass_at("2026-03-02T08:00:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    world.playbook(&scheduled("welcome", "0 9 * * *", &format!("{keys}\nmode: paused"), STEPS));
    world.customer("a2").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    world.run_at("2026-03-05T10:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "account step state"), ["a1 hello captured"]);
    let reasons = lines(&world.runs().await, "slot kind state reason");
    assert_eq!(
        reasons,
        [
            "03-02T09:00 scheduled done -",
            "03-03T09:00 scheduled skipped paused",
            "03-04T09:00 scheduled skipped paused",
            "03-05T09:00 scheduled skipped paused",
            "03-05T10:00 manual skipped paused",
        ]
    );
    // Live again: the wait that ended during the pause goes on, the slots stay skipped.
    world.playbook(&scheduled("welcome", "0 9 * * *", keys, STEPS));
    world.pass_at("2026-03-05T11:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "account step state"), ["a1 hello captured", "a1 later captured"]);
    assert_eq!(lines(&world.enrollments().await, "account"), ["a1"]);
}
