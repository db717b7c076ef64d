//! Mail over a relay that has its moods.

use crate::support::smtp::{At, Script};
use crate::support::world::{World, lines, playbook};
use keepwell::message::channel::Channel;
use keepwell::store::upkeep::stopped::StopTarget;

const STEPS: &str = concat!(
    "  - email: { id: hello, to: champion, subject: \"Hi {{ account.name }}\", body: Hello, valid_for: 1d }\n",
    "  - wait: 2d\n",
    "  - task: { id: call, if: sent(\"hello\"), title: call, to: csm }",
);

async fn with(script: Script) -> World {
    let world = World::over_smtp("", script).await;
    world.playbook(&playbook("welcome", "when: account.mrr > 0", STEPS));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world
}

#[tokio::test]
async fn an_accepted_mail_carries_what_it_should() {
    let world = with(Script::default()).await;
    let [accepted] = &world.accepted()[..] else { panic!("one mail") };
    assert_eq!(accepted.to, ["ann@a1.example"]);
    let text = String::from_utf8_lossy(&accepted.bytes).into_owned();
    for expected in
        ["Subject: Hi A1\r\n", "List-Unsubscribe: <https://success.acme.example/u/", "Reply-To: sam <sam@acme.example>"]
    {
        assert!(text.replace('"', "").contains(expected), "{expected}: {text}");
    }
    assert_eq!(lines(&world.mails().await, "state attempts"), ["accepted 1"]);
}

#[tokio::test]
async fn a_deferred_mail_is_tried_again_later_and_the_wait_counts_from_its_sending() {
    let world = with(Script::reply(At::Recipient, "450 4.2.1 later")).await;
    assert_eq!(lines(&world.mails().await, "state attempts"), ["deferred 1"]);
    assert_eq!(lines(&world.enrollments().await, "step due_at"), ["hello -"]);
    // Not at once …
    world.pass_at("2026-03-02T09:01:00Z").await;
    assert_eq!(lines(&world.mails().await, "state attempts"), ["deferred 1"]);
    // … about five minutes later, and then about ten.
    world.pass_at("2026-03-02T09:07:00Z").await;
    assert_eq!(lines(&world.mails().await, "state attempts"), ["deferred 2"]);
    world.pass_at("2026-03-02T09:12:00Z").await;
    assert_eq!(lines(&world.mails().await, "state attempts"), ["deferred 2"]);
    world.server_does(Script::default()).await;
    world.pass_at("2026-03-02T09:20:00Z").await;
    assert_eq!(lines(&world.mails().await, "state attempts sent_at"), ["accepted 3 03-02T09:20"]);
    assert_eq!(lines(&world.enrollments().await, "step due_at"), ["wait-1 03-04T09:20"]);
    assert_eq!(world.accepted().len(), 1);
    world.pass_at("2026-03-04T09:20:00Z").await;
    assert_eq!(lines(&world.tasks().await, "step created_at"), ["call 03-04T09:20"]);
}

#[tokio::test]
async fn the_next_step_counts_from_the_sending_also_when_the_look_is_late() {
    let world = with(Script::reply(At::Recipient, "450 4.2.1 later")).await;
    world.server_does(Script::default()).await;
    let sent = crate::support::world::at("2026-03-02T10:00:00Z");
    keepwell::worker::messages::deliverer::tick(&world.shared, sent).await.unwrap();
    assert_eq!(lines(&world.mails().await, "state"), ["accepted"]);
    // Then nobody looks for five days.
    world.pass_at("2026-03-07T12:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "step created_at"), ["call 03-04T10:00"]);
    assert_eq!(lines(&world.enrollments().await, "state ended_at"), ["completed 03-04T10:00"]);
}

#[tokio::test]
async fn a_rejected_mail_is_not_tried_again_and_the_steps_go_on() {
    let world = with(Script::reply(At::Recipient, "550 5.1.1 no such user")).await;
    let [mail] = &world.mails().await[..] else { panic!("one mail") };
    assert_eq!(mail["state"], "rejected");
    assert!(mail["reason"].as_str().unwrap().contains("no such user"), "{mail}");
    world.server_does(Script::default()).await;
    world.pass_at("2026-03-04T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "state attempts"), ["rejected 1"]);
    assert!(world.accepted().is_empty());
    // Not accepted is not sent.
    assert_eq!(lines(&world.enrollments().await, "state"), ["completed"]);
    assert!(world.tasks().await.is_empty());
}

#[tokio::test]
async fn a_mail_that_never_gets_through_expires() {
    let world = with(Script::reply(At::Recipient, "450 4.2.1 later")).await;
    for when in ["2026-03-02T12:00:00Z", "2026-03-02T18:00:00Z", "2026-03-03T08:00:00Z", "2026-03-03T12:00:00Z"] {
        world.pass_at(when).await;
    }
    let [mail] = &world.mails().await[..] else { panic!("one mail") };
    assert_eq!(mail["state"], "expired");
    assert_eq!(lines(&world.enrollments().await, "step"), ["wait-1"]);
}

#[tokio::test]
async fn an_answer_that_never_came_is_unknown_and_not_sent_again() {
    let world = with(Script::at(At::Dot, crate::support::smtp::Do::Cut)).await;
    assert_eq!(lines(&world.mails().await, "state attempts"), ["unknown 1"]);
    world.server_does(Script::default()).await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(world.accepted().len(), 1);
    assert_eq!(lines(&world.enrollments().await, "step"), ["wait-1"]);
}

#[tokio::test]
async fn a_relay_that_refuses_our_login_stops_the_channel_once_and_uses_up_no_attempt() {
    let login = Script { login: Some(("ann".to_owned(), "secret".to_owned())), ..Script::default() };
    let world = World::over_smtp("", login).await;
    world.playbook(&playbook("welcome", "when: account.mrr > 0", STEPS));
    for id in ["a1", "a2", "a3"] {
        world.customer(id).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "state attempts"), ["deferred 0", "deferred 0", "deferred 0"]);
    let stops: Vec<String> = world.store().stopped().await.unwrap().stops.iter().map(|stop| stop.to_string()).collect();
    // Mail to colleagues goes by the same relay, and so the alarm waits, too.
    assert_eq!(stops.len(), 2, "{stops:?}");
    assert!(stops[0].starts_with("the channel email (by keepwell: the relay cannot be used as configured: 530"));
    assert!(stops[1].starts_with("the channel notice (by keepwell: the relay cannot be used as configured: 530"));
    let alarms: Vec<_> =
        world.notices().await.into_iter().filter(|one| one["subject"] == "Stopped: the channel email").collect();
    assert_eq!(lines(&alarms, "to state"), ["ops@acme.example deferred"]);
    // A relay that is asked again and again would lock the account.
    let asked = world.server.as_ref().unwrap().connections();
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert_eq!(world.server.as_ref().unwrap().connections(), asked);
    // Mended by a person.
    world.server_does(Script::default()).await;
    for channel in [Channel::Email, Channel::Notice] {
        world.resume(StopTarget::Channel(channel)).await;
    }
    world.pass_at("2026-03-02T12:01:00Z").await;
    assert_eq!(lines(&world.mails().await, "state attempts"), ["accepted 1", "accepted 1", "accepted 1"]);
}

#[tokio::test]
async fn a_relay_that_is_away_stops_nothing() {
    let mut world = with(Script::reply(At::Recipient, "450 later")).await;
    world.server = None;
    if let keepwell::delivery::Channel::Smtp(relay) = &world.shared.channel {
        relay.close_idle().await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    world.pass_at("2026-03-02T09:20:00Z").await;
    assert_eq!(lines(&world.mails().await, "state attempts"), ["deferred 1"]);
    assert!(world.store().stopped().await.unwrap().stops.is_empty());
}
