//! One playbook puts a customer into another one, and so does a person.

use keepwell::facts::SubjectId;
use keepwell::ids::{Actor, Word};
use keepwell::store::enrollments::manual_moves::Cancelled;
use keepwell::worker::enrollments::enroll_requests;
use serde_json::{Value as Json, json};

use crate::support::world::{World, at, lines, playbook};

const MONDAY: &str = "2026-03-02T09:00:00Z";
const TUESDAY: &str = "2026-03-03T09:00:00Z";

/// A playbook that hands its accounts on after a day.
fn first(step: &str) -> String {
    playbook(
        "first",
        "when: account.mrr > 0",
        &format!("  - wait: 1d\n  - {step}\n  - notify: {{ channel: csm, text: on }}"),
    )
}

fn second(keys: &str) -> String {
    playbook(
        "second",
        &format!("when: account.mrr > 1000000\n{keys}"),
        "  - task: { title: call, to: csm }\n  - wait: 9d",
    )
}

fn referrals(enrollments: &[Json], of: &str) -> Vec<String> {
    let found = enrollments.iter().find(|row| row["id"] == of || row["playbook"] == of);
    lines(found.expect("the enrollment")["referrals"].as_array().expect("a list"), "playbook state reason")
}

#[tokio::test]
async fn a_step_enrolls_the_account_in_another_playbook_whose_condition_is_false() {
    let world = World::new().await;
    world.playbook(&first("enroll: second")).playbook(&second(""));
    world.account("a1", json!({})).await;
    world.run_at(MONDAY).await.pass_at(TUESDAY).await;
    let enrollments = world.enrollments().await;
    assert_eq!(
        lines(&enrollments, "playbook state started_at"),
        ["first completed 03-02T09:00", "second active 03-03T09:00"]
    );
    assert_eq!(referrals(&enrollments, "first"), ["second enrolled -"]);
    let second = enrollments.iter().find(|row| row["playbook"] == "second").unwrap();
    assert_eq!(second["evidence"]["enrolled by"], "the playbook first, step enroll-1");
    assert_eq!(lines(&world.tasks().await, "playbook created_at"), ["second 03-03T09:00"]);
    // No run brought it about.
    assert_eq!(lines(&world.runs().await, "playbook enrolled"), ["first 1", "second 0"]);
}

#[tokio::test]
async fn everything_but_the_condition_decides_and_the_reason_is_kept() {
    for (keys, reason) in [
        ("suppress: account.tier == \"A\"", "blocked"),
        ("goal: account.tier == \"A\"", "goal"),
        ("exit: account.tier == \"A\"", "exit"),
        ("statuses: [churned]", "status"),
        ("stages: [onboarding]", "stage"),
        ("reentry: { once_per: account.renewal_at }", "no key"),
        (
            "  && account.renewal_at != none\ngoal: account.renewal_at != none && account.renewal_at > entry.renewal_at",
            "no value",
        ),
        ("exit: 1 / account.seats_used_up > 2", "undecided"),
    ] {
        let keys = keys.replace("account.seats_used_up", "(account.seats ?? 0)");
        let world = World::new().await;
        world.playbook(&first("enroll: second")).playbook(&second(&keys));
        world.account("a1", json!({})).await;
        world.run_at(MONDAY).await.pass_at(TUESDAY).await;
        let enrollments = world.enrollments().await;
        assert_eq!(lines(&enrollments, "playbook state"), ["first completed"], "{keys}");
        assert_eq!(referrals(&enrollments, "first"), [format!("second skipped {reason}")], "{keys}");
    }
}

#[tokio::test]
async fn who_is_there_already_or_has_been_is_not_enrolled_again() {
    let world = World::new().await;
    world
        .playbook(&first("enroll: second"))
        .playbook(&second("").replace("account.mrr > 1000000", "account.mrr > 200"));
    world.account("busy", json!({ "mrr": 300 })).await;
    world.run_at(MONDAY).await.pass_at(TUESDAY).await;
    assert_eq!(referrals(&world.enrollments().await, "first"), ["second skipped active"]);

    let world = World::new().await;
    world.playbook(&first("enroll: second\n  - wait: 20d\n  - enroll: second")).playbook(&second(""));
    world.account("a1", json!({})).await;
    world.run_at(MONDAY).await.pass_at(TUESDAY).await;
    world.pass_at("2026-03-12T09:00:00Z").await.pass_at("2026-03-23T09:00:00Z").await;
    assert_eq!(referrals(&world.enrollments().await, "first"), ["second enrolled -", "second skipped reentry"]);
}

#[tokio::test]
async fn a_shadow_records_it_only_and_a_stopped_or_missing_playbook_takes_nobody() {
    let world = World::new().await;
    world.playbook(&first("enroll: second").replace("about:", "mode: shadow\nabout:")).playbook(&second(""));
    world.account("a1", json!({})).await;
    world.run_at(MONDAY).await.pass_at(TUESDAY).await;
    assert_eq!(referrals(&world.enrollments().await, "first"), ["second shadow -"]);
    assert_eq!(world.tasks().await, Vec::<Json>::new());

    let world = World::new().await;
    world.playbook(&first("enroll: second")).playbook(&second(""));
    world.account("a1", json!({})).await;
    world.run_at(MONDAY).await;
    world.stop(keepwell::store::upkeep::stopped::StopTarget::Playbook("second".to_owned()), MONDAY).await;
    world.pass_at(TUESDAY).await;
    assert_eq!(referrals(&world.enrollments().await, "first"), ["second skipped stopped"]);
}

#[tokio::test]
async fn a_person_enrolls_and_cancels_through_the_same_door() {
    let world = World::new().await;
    let mail = "  - email: { to: champion, subject: Hi, body: Hi, valid_for: 9d }\n  - task: { title: call, to: csm }";
    world.playbook(&playbook(
        "second",
        "when: account.mrr > 1000000",
        &format!("  - task: {{ title: see, to: csm }}\n{mail}"),
    ));
    world.customer("a1").await;
    world.publish_at(MONDAY).await;
    let named = ["a1", "nobody"].map(|id| SubjectId { account: id.to_owned(), contact: String::new() });
    let decided = enroll_requests::decide(&world.shared, "second", at(MONDAY), &named).await.unwrap();
    assert_eq!(decided[1], Err("no such account".to_owned()));
    let enrollment = decided[0].clone().unwrap();
    assert!(world.store().enroll_named(&enrollment, Word::new(Actor("sam"), at(MONDAY))).await.unwrap());
    assert!(!world.store().enroll_named(&enrollment, Word::new(Actor("sam"), at(MONDAY))).await.unwrap(), "once");
    let again = enroll_requests::decide(&world.shared, "second", at(TUESDAY), &named[..1]).await.unwrap();
    assert_eq!(again, [Err("active".to_owned())]);

    keepwell::worker::enrollments::advancer::tick(&world.shared, at(MONDAY)).await.unwrap();
    assert_eq!(lines(&world.messages().await, "state"), ["planned"]);
    let cancelled = world.store().cancel_enrollment(enrollment.id, Word::new(Actor("sam"), at(MONDAY))).await.unwrap();
    assert_eq!(cancelled, Cancelled::Done);
    world.pass_at(TUESDAY).await;
    assert_eq!(lines(&world.enrollments().await, "state reason"), ["cancelled cancelled by sam"]);
    assert_eq!(lines(&world.tasks().await, "title state reason"), ["see closed cancelled by sam"]);
    assert_eq!(lines(&world.messages().await, "state reason"), ["cancelled cancelled by sam"]);
    let twice = world.store().cancel_enrollment(enrollment.id, Word::new(Actor("sam"), at(TUESDAY))).await.unwrap();
    assert_eq!(twice, Cancelled::NotActive("cancelled".to_owned()));
}
