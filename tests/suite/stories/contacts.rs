//! Playbooks for contacts: one person's way, beside those of their colleagues.

use keepwell::store::upkeep::stopped::StopTarget;
use serde_json::json;

use crate::support::world::{World, lines, playbook};

const QUIET: &str = "for: contact\nwhen: contact.role == \"user\" && contact.events(\"login\", 30) == 0";
const HELLO: &str = r#"  - email: { id: hello, subject: "Hello {{ contact.name }}", body: "Of {{ account.name }}." }"#;

/// A customer with three people, of whom one has logged in.
async fn people(world: &World) {
    world.account("a1", json!({})).await;
    world.contact("a1", "ann", json!({ "role": "champion" })).await;
    for id in ["bob", "cleo", "dan"] {
        world.contact("a1", id, json!({ "role": "user" })).await;
    }
    world.event_of("a1", "dan", "login", "2026-02-20T00:00:00Z").await;
    // Of nobody known: it counts for the account only.
    world.event("a1", "login", "2026-02-21T00:00:00Z").await;
}

#[tokio::test]
async fn each_contact_goes_their_own_way() {
    let world = World::new().await;
    world.playbook(&playbook("quiet-user", QUIET, HELLO));
    people(&world).await;
    world.account("b1", json!({ "status": "churned" })).await;
    world.contact("b1", "eve", json!({ "role": "user" })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account contact state"), ["a1 bob completed", "a1 cleo completed"]);
    assert_eq!(
        lines(&world.messages().await, "account contact to subject state"),
        ["a1 bob bob@a1.example Hello bob captured", "a1 cleo cleo@a1.example Hello cleo captured"]
    );
    assert_eq!(world.run("quiet-user", "2026-03-02T09:00:00Z").await["skipped"], json!({ "status": 1 }));

    // Once each; who falls silent later enters later.
    world.run_at("2026-03-03T09:00:00Z").await;
    world.run_at("2026-03-23T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "contact started_at"),
        ["bob 03-02T09:00", "cleo 03-02T09:00", "dan 03-23T09:00"]
    );
    let run = world.run("quiet-user", "2026-03-23T09:00:00Z").await;
    assert_eq!(run["skipped"], json!({ "reentry": 2, "status": 1 }));
}

#[tokio::test]
async fn who_has_left_is_no_subject_and_who_leaves_goes_out() {
    let world = World::new().await;
    let steps = format!("  - wait: 3d\n{HELLO}");
    world.playbook(&playbook("quiet-user", QUIET, &steps));
    people(&world).await;
    world.sql("update customers.contacts set left_at = '2026-03-01' where id = 'bob'").await;
    world.contact("a1", "fay", json!({ "role": "user", "email": null })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(world.run("quiet-user", "2026-03-02T09:00:00Z").await["candidates"], 2);
    assert_eq!(lines(&world.enrollments().await, "contact"), ["cleo", "fay"]);
    world.sql("update customers.contacts set left_at = '2026-03-04T12:00:00Z' where id = 'cleo'").await;
    world.pass_at("2026-03-05T10:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "contact state reason"),
        ["cleo exited the contact left on 2026-03-04", "fay completed -"]
    );
    // Without an address nothing is sent, and the CSM is told.
    assert_eq!(lines(&world.mails().await, "state reason"), ["skipped no recipient"]);
    assert_eq!(lines(&world.notices().await, "to contact"), ["sam@acme.example fay"]);
}

#[tokio::test]
async fn a_contact_that_is_gone_ends_visibly() {
    let world = World::new().await;
    world.playbook(&playbook("quiet-user", QUIET, "  - task: { title: Call, to: csm }\n  - wait: 3d"));
    people(&world).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("delete from customers.contacts where id = 'bob'").await;
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "contact state reason"),
        ["bob exited the contact is gone", "cleo active -"]
    );
    assert_eq!(lines(&world.tasks().await, "contact state"), ["bob closed", "cleo open"]);
}

#[tokio::test]
async fn waits_follow_the_clock_of_the_contact() {
    let world = World::new().await;
    let steps =
        "  - wait: { for: 1h, at: \"09:00\" }\n  - task: { id: call, title: \"Call {{ contact.name }}\", to: csm }";
    let keys = "for: contact\nwhen: contact.role == \"user\"\ntimezone: Europe/Berlin";
    world.playbook(&playbook("call", keys, steps));
    world.account("a1", json!({ "timezone": "America/New_York" })).await;
    world.contact("a1", "bob", json!({ "role": "user", "timezone": "Asia/Tokyo" })).await;
    world.contact("a1", "cleo", json!({ "role": "user" })).await;
    world.account("a2", json!({})).await;
    world.contact("a2", "dan", json!({ "role": "user" })).await;
    world.run_at("2026-03-02T12:00:00Z").await;
    world.pass_at("2026-03-04T00:00:00Z").await;
    assert_eq!(
        lines(&world.tasks().await, "contact title created_at"),
        ["bob Call bob 03-03T00:00", "cleo Call cleo 03-02T14:00", "dan Call dan 03-03T08:00"]
    );
}

/// The same step's task of two contacts are two; of one contact, one.
#[tokio::test]
async fn tasks_belong_to_their_contact() {
    let world = World::new().await;
    let keys = format!("{QUIET}\nreentry: {{ gap: 1d }}");
    let task = concat!(
        "  - task:\n      id: call\n      title: \"Call {{ contact.name }}\"\n",
        "      to: csm\n      close_when: contact.events(\"login\", 1) > 0",
    );
    world.playbook(&playbook("quiet-user", &keys, task));
    people(&world).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(world.enrollments().await.len(), 4);
    assert_eq!(lines(&world.tasks().await, "contact title state"), ["bob Call bob open", "cleo Call cleo open"]);
    world.event_of("a1", "bob", "login", "2026-03-04T10:00:00Z").await;
    world.pass_at("2026-03-04T10:15:00Z").await;
    assert_eq!(lines(&world.tasks().await, "contact state"), ["bob closed", "cleo open"]);
}

/// What an account sees of its contacts' playbooks, and a contact of their own.
#[tokio::test]
async fn an_account_is_in_a_contact_playbook_if_any_of_its_contacts_is() {
    let world = World::new().await;
    let only = "for: contact\nwhen: contact.first_name == \"Bob\"\ngoal: contact.traits.happy == true";
    world.playbook(&playbook("survey", only, "  - wait: 30d"));
    world.playbook(&playbook("account-in", "when: account.in_playbook(\"survey\")", "  - wait: 1d"));
    world.playbook(&playbook("contact-in", "for: contact\nwhen: contact.in_playbook(\"survey\")", "  - wait: 1d"));
    world.playbook(&playbook("account-goal", "when: account.reached_goal(\"survey\")", "  - wait: 1d"));
    world.playbook(&playbook(
        "contact-goal",
        "for: contact\nwhen: contact.reached_goal(\"survey\", 30)",
        "  - wait: 1d",
    ));
    people(&world).await;
    world.account("a2", json!({})).await;
    world.contact("a2", "eve", json!({})).await;
    world.sql("update customers.contacts set first_name = 'Bob' where id = 'bob'").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "playbook account contact"), ["survey a1 bob"]);
    world.run_at("2026-03-02T10:00:00Z").await;
    world.sql(r#"update customers.contacts set traits = '{"happy": true}' where id = 'bob'"#).await;
    world.run_at("2026-03-02T11:00:00Z").await;
    world.run_at("2026-03-02T12:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "playbook account contact state"),
        [
            "account-goal a1 - active",
            "account-in a1 - active",
            "contact-goal a1 bob active",
            "contact-in a1 bob active",
            "survey a1 bob goal",
        ]
    );
}

/// A word that stops an account stops each of its contacts.
#[tokio::test]
async fn a_stopped_account_keeps_its_contacts_out() {
    let world = World::new().await;
    world.playbook(&playbook("quiet-user", QUIET, HELLO));
    people(&world).await;
    world.stop(StopTarget::Account("a1".to_owned()), "2026-03-02T08:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(world.run("quiet-user", "2026-03-02T09:00:00Z").await["skipped"], json!({ "stopped": 2 }));
    world.resume(StopTarget::Account("a1".to_owned())).await;
    world.run_at("2026-03-02T10:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "contact"), ["bob", "cleo"]);
}

/// Who is named goes as a run's subjects go; a contact brings their account
/// where accounts are enrolled, and an account brings nobody.
#[tokio::test]
async fn a_contact_is_taken_along() {
    let world = World::new().await;
    let when = "for: contact\nwhen: contact.id == \"bob\"";
    world.playbook(&playbook("first", when, "  - enroll: second\n  - enroll: third\n  - wait: 1d"));
    world.playbook(&playbook("second", "for: contact\nwhen: contact.id == \"nobody\"", "  - wait: 1d"));
    world.playbook(&playbook("third", "when: account.mrr < 0", "  - enroll: second\n  - wait: 1d"));
    people(&world).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "playbook account contact"),
        ["first a1 bob", "second a1 bob", "third a1 -"]
    );
    let reasons: Vec<(String, Option<String>)> =
        sqlx::query_as("select contact_id, reason from keepwell.referrals where state = 'skipped'")
            .fetch_all(world.store().pool())
            .await
            .unwrap();
    assert_eq!(reasons, [(String::new(), Some("the playbook enrolls contacts".to_owned()))]);
}

/// Since when a condition is true is remembered of each contact.
#[tokio::test]
async fn each_contact_has_rises_of_their_own() {
    let world = World::new().await;
    let keys = format!("{QUIET}\nreentry: on_rematch");
    world.playbook(&playbook("quiet-user", &keys, "  - end: seen"));
    // It is due at the same slots, over accounts.
    world.playbook(&playbook("all", "when: account.mrr > 0\nreentry: on_rematch", "  - end: seen"));
    people(&world).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.event_of("a1", "bob", "login", "2026-03-02T10:00:00Z").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    world.run_at("2026-04-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "playbook contact started_at"),
        [
            "all - 03-02T09:00",
            "quiet-user bob 03-02T09:00",
            "quiet-user bob 04-03T09:00",
            "quiet-user cleo 03-02T09:00",
            "quiet-user dan 04-03T09:00",
        ]
    );
}

/// A survey asks the contact.
#[tokio::test]
async fn a_survey_asks_the_contact() {
    let world = World::new().await;
    let steps = "  - survey: { id: why, score: nps, question: \"How likely, {{ contact.name }}?\" }";
    world.playbook(&playbook("asking", "for: contact\nwhen: contact.id == \"bob\"", steps));
    people(&world).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "contact subject"), ["bob How likely, bob?"]);
}

/// Above its share of the contacts a run is held; approval decides each again.
#[tokio::test]
async fn the_threshold_counts_contacts() {
    let world = World::new().await;
    let keys = "for: contact\nwhen: contact.role == \"user\"\nguardrails: { hold_above: { count: 1, share: 50% } }";
    world.playbook(&playbook("hello", keys, HELLO));
    people(&world).await;
    // Three of four would enter, and two may.
    world.run_at("2026-03-02T09:00:00Z").await;
    let run = world.run("hello", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["state"], &run["held"]), (&json!("held"), &json!(3)));
    assert!(run["reason"].as_str().unwrap().contains("more than 2"), "{run}");
    world.sql("update customers.contacts set left_at = '2026-03-02T09:30:00Z' where id = 'dan'").await;
    world.approve("hello@2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z").await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "contact state started_at"),
        ["bob completed 03-02T10:00", "cleo completed 03-02T10:00"]
    );
}

/// `entry` is the contact's where it has such a column, else the account's.
#[tokio::test]
async fn entry_is_what_the_subject_was() {
    let world = World::new().await;
    let keys = concat!(
        "for: contact\nwhen: contact.role != none && account.mrr > 0\n",
        "goal: contact.role != entry.role\nexit: account.mrr < entry.mrr && entry.name == contact.name",
    );
    world.playbook(&playbook("watch", keys, "  - wait: 30d"));
    people(&world).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.contacts set role = 'owner' where id = 'bob'").await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    world.sql("update customers.accounts set mrr = 50").await;
    world.pass_at("2026-03-02T11:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "contact state"),
        ["ann exited", "bob goal", "cleo exited", "dan exited"]
    );
}

#[tokio::test]
async fn a_script_writes_to_the_contact() {
    let world = World::new().await;
    let script = concat!(
        "  - run: |\n",
        "      let first = contact.first_name ?? contact.name;\n",
        "      email(#{ subject: \"Hello \" + first, body: \"Good to have you.\" });\n",
        "  - run: |\n",
        "      email(#{ to: [\"contact\", \"champion\"], subject: \"Both\", body: \"Hello.\" });",
    );
    world.playbook(&playbook("hello", "for: contact\nwhen: contact.id == \"bob\"", script));
    people(&world).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "to subject"),
        ["ann@a1.example Both", "bob@a1.example Both", "bob@a1.example Hello bob"]
    );
}
