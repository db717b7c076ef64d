//! When no mail leaves: quiet hours and the undo window.

use chrono::TimeDelta;
use keepwell::store::messages::suppressions::Suppression;
use serde_json::{Value as Json, json};

use crate::support::world::{World, at, lines, playbook};

const NIGHTS: &str =
    "quiet_hours: { from: \"20:00\", to: \"08:00\", weekends: true, holidays: true }\nholidays: [2026-03-03]\n";

fn mails(id: &str, priority: u8, keys: &str) -> String {
    let steps = format!("  - email: {{ id: hello, to: champion, subject: Hi, body: Hello{keys} }}");
    let when = "when: account.mrr > 0\ngoal: account.activated_at != none";
    playbook(id, &format!("{when}\nmail_priority: {priority}"), &steps)
}

fn next_at(mail: &Json) -> keepwell::clock::Instant {
    at(mail["next_at"].as_str().expect("an instant"))
}

#[tokio::test]
async fn mail_waits_for_the_morning_of_its_recipient() {
    let world = World::with(NIGHTS).await;
    world.playbook(&mails("tips", 50, ""));
    for (account, account_zone, contact_zone) in [
        ("berlin", json!("Europe/Berlin"), Json::Null),
        ("tokyo", json!("Europe/Berlin"), json!("Asia/Tokyo")),
        ("utc", Json::Null, Json::Null),
    ] {
        world.account(account, json!({ "timezone": account_zone })).await;
        world.contact(account, "ann", json!({ "timezone": contact_zone })).await;
    }
    // Monday 19:30 in UTC, 20:30 in Berlin, Tuesday 04:30 in Tokyo; Tuesday is a holiday.
    world.run_at("2026-03-02T19:30:00Z").await;
    let mails = world.mails().await;
    assert_eq!(
        lines(&mails, "account state reason"),
        [
            "berlin deferred quiet hours until 2026-03-04T08:00:00+01:00",
            "tokyo deferred quiet hours until 2026-03-04T08:00:00+09:00",
            "utc captured -",
        ]
    );
    let berlin = mails.iter().find(|mail| mail["account"] == "berlin").expect("a mail");
    let turn = next_at(berlin);
    let opens = at("2026-03-04T07:00:00Z");
    assert!(turn >= opens && turn < opens + TimeDelta::minutes(5), "{turn}");
    world.pass_at("2026-03-04T06:59:59Z").await;
    assert_eq!(lines(&world.mails().await, "account state")[..2], ["berlin deferred", "tokyo captured"]);
    world.pass_at("2026-03-04T07:05:00Z").await;
    assert_eq!(lines(&world.mails().await, "account state")[0], "berlin captured");
}

#[tokio::test]
async fn the_nights_in_which_clocks_change() {
    for (zone, evening, morning) in [
        ("America/New_York", "2026-03-08T03:00:00Z", "2026-03-08T12:00:00Z"),
        ("America/New_York", "2026-11-01T02:00:00Z", "2026-11-01T13:00:00Z"),
        ("Europe/London", "2026-03-28T22:00:00Z", "2026-03-29T07:00:00Z"),
        ("Europe/London", "2026-10-24T21:00:00Z", "2026-10-25T08:00:00Z"),
        ("America/Santiago", "2026-09-06T02:00:00Z", "2026-09-06T11:00:00Z"),
        ("America/Santiago", "2026-04-05T01:00:00Z", "2026-04-05T12:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T11:30:00Z", "2026-10-03T21:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T11:00:00Z", "2026-04-04T21:30:00Z"),
    ] {
        let world = World::with("quiet_hours: { from: \"20:00\", to: \"08:00\" }\n").await;
        world.playbook(&mails("tips", 50, ""));
        world.account("a1", json!({ "timezone": zone })).await;
        world.contact("a1", "ann", json!({})).await;
        world.run_at(evening).await;
        let held = world.mails().await;
        assert_eq!(lines(&held, "state"), ["deferred"], "{zone} {evening}");
        let turn = next_at(&held[0]);
        assert!(turn >= at(morning) && turn < at(morning) + TimeDelta::minutes(5), "{zone} {evening}: {turn}");
        let after = (at(morning) + TimeDelta::minutes(5)).to_rfc3339();
        world.pass_at(&after).await;
        assert_eq!(lines(&world.mails().await, "state"), ["captured"], "{zone} {evening}");
    }
}

#[tokio::test]
async fn of_several_held_mails_to_one_contact_the_highest_priority_survives() {
    let world = World::with(&format!("budget: off\n{NIGHTS}")).await;
    world.playbook(&mails("atips", 10, "")).playbook(&mails("renewal", 90, ""));
    world.playbook(&mails("receipt", 5, ", class: transactional"));
    for id in ["a1", "a2"] {
        world.customer(id).await;
    }
    world.run_at("2026-03-04T22:00:00Z").await;
    assert_eq!(world.mails().await.iter().filter(|mail| mail["state"] == "deferred").count(), 6);
    // At night `a2` reached the goal of the better one, and of that alone.
    world.sql("update keepwell.enrollments set state = 'cancelled', look_at = null where account_id = 'a2' and playbook = 'renewal'").await;
    world.pass_at("2026-03-05T08:05:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "account playbook state reason"),
        [
            "a1 atips skipped quiet hours: of several held mails to ann@a1.example, renewal/hello was kept",
            "a1 receipt captured -",
            "a1 renewal captured -",
            "a2 atips captured -",
            "a2 receipt captured -",
            "a2 renewal cancelled cancelled",
        ]
    );
    let enrolled = world.enrollments().await;
    assert!(lines(&enrolled, "account playbook state").contains(&"a1 atips completed".to_owned()), "{enrolled:#?}");
}

#[tokio::test]
async fn held_mail_is_looked_at_wholly_again() {
    let world = World::with(&format!("budget: {{ contact: [1 per 1d], account: off }}\n{NIGHTS}")).await;
    world.playbook(&mails("tips", 10, ", valid_for: 2d"));
    for id in ["goal", "suppressed", "used", "valid"] {
        world.customer(id).await;
    }
    world.run_at("2026-03-04T22:00:00Z").await;
    world.sql("update customers.accounts set activated_at = '2026-03-05T01:00:00Z' where id = 'goal'").await;
    world
        .store()
        .suppress("ann@suppressed.example", Suppression { class: "all", source: "a test" }, at("2026-03-05T01:00:00Z"))
        .await
        .unwrap();
    world
        .sql(
            "insert into keepwell.messages (account_id, contact_id, id, playbook, step, channel, class, to_address, state,
                 priority, valid_until, next_at, message_id, shadow, created_at, sent_at, ended_at)
             values ('used', 'ann', gen_random_uuid(), 'other', 'mail', 'email', 'lifecycle', 'ann@used.example',
                 'captured', 1, '2026-03-09T09:00:00Z', '2026-03-05T01:00:00Z', 'x', false, '2026-03-05T01:00:00Z',
                 '2026-03-05T01:00:00Z', '2026-03-05T01:00:00Z')",
        )
        .await;
    world.pass_at("2026-03-05T08:05:00Z").await;
    let tips: Vec<Json> = world.mails().await.into_iter().filter(|mail| mail["playbook"] == "tips").collect();
    assert_eq!(
        lines(&tips, "account state"),
        ["goal cancelled", "suppressed suppressed", "used deferred", "valid captured"]
    );
    let used = tips.iter().find(|mail| mail["account"] == "used").expect("a mail");
    assert!(used["reason"].as_str().unwrap().ends_with("used by other/mail at 2026-03-05T01:00:00Z"), "{used}");
    // The budget is free at night, and the night is quiet; then it has expired.
    world.pass_at("2026-03-06T01:00:00Z").await;
    let used = |mails: &[Json]| {
        let mut tips = mails.iter().filter(|mail| mail["playbook"] == "tips" && mail["account"] == "used");
        tips.next().cloned().expect("a mail")
    };
    assert!(used(&world.mails().await)["reason"].as_str().unwrap().starts_with("quiet hours until"));
    world.pass_at("2026-03-06T22:00:01Z").await;
    assert_eq!(used(&world.mails().await)["state"], "expired");
}

#[tokio::test]
async fn only_transactional_mail_that_says_so_ignores_quiet_hours() {
    let world = World::with(NIGHTS).await;
    world.playbook(&mails("bill", 50, ", class: transactional, quiet: ignore"));
    world.playbook(&mails("receipt", 50, ", class: transactional"));
    world.customer("a1").await;
    world.run_at("2026-03-04T22:00:00Z").await;
    // A script says it of each mail.
    let script = |id: &str, quiet: &str| {
        let mail = format!(
            "email(#{{ to: \"champion\", subject: \"Hi\", body: \"Hello\", class: \"transactional\"{quiet} }});"
        );
        playbook(id, "when: account.mrr > 0", &format!("  - run: |\n      {mail}"))
    };
    world.playbook(&script("script", ", quiet: \"ignore\"")).playbook(&script("slow", ""));
    world.run_at("2026-03-04T22:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "playbook state"),
        ["bill captured", "receipt deferred", "script captured", "slow deferred"]
    );
}

#[tokio::test]
async fn a_mail_can_be_undone_for_a_while() {
    let world = World::with("mail: { undo_window: 5m }\n").await;
    world.playbook(&mails("tips", 50, ""));
    for id in ["a1", "a2"] {
        world.customer(id).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "account state next_at reason"),
        [
            "a1 deferred 03-02T09:05 can be cancelled until 2026-03-02T09:05:00Z",
            "a2 deferred 03-02T09:05 can be cancelled until 2026-03-02T09:05:00Z",
        ]
    );
    world.sql("update customers.accounts set activated_at = '2026-03-02T09:02:00Z' where id = 'a2'").await;
    world.pass_at("2026-03-02T09:04:59Z").await;
    assert_eq!(lines(&world.mails().await, "account state"), ["a1 deferred", "a2 deferred"]);
    world.pass_at("2026-03-02T09:05:00Z").await;
    assert_eq!(lines(&world.mails().await, "account state attempts"), ["a1 captured 1", "a2 cancelled 0"]);
}

#[tokio::test]
async fn consent_that_is_taken_back_while_a_mail_waits_counts() {
    let world = World::with(NIGHTS).await;
    world.playbook(&mails("news", 50, ", class: marketing"));
    world.account("a1", json!({})).await;
    world.contact("a1", "ann", json!({ "traits": { "consent": true } })).await;
    world.run_at("2026-03-04T22:00:00Z").await;
    world.sql("update customers.contacts set traits = '{}'").await;
    world.pass_at("2026-03-05T08:05:00Z").await;
    assert_eq!(lines(&world.mails().await, "state reason"), ["skipped no consent"]);
}
