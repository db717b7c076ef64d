//! Who gets a mail, and who does not.

use keepwell::store::messages::suppressions::Suppression;
use serde_json::json;

use crate::support::world::{World, at, lines, playbook};

const ALL: &str = "when: account.mrr > 0";

fn mail(to: &str) -> String {
    format!("  - email: {{ id: hello, to: {to}, subject: Hi, body: Hello }}")
}

#[tokio::test]
async fn recipients_in_all_their_forms() {
    let world = World::new().await;
    for (id, to) in [
        ("role", "champion"),
        ("list", "[champion, owner, finance]"),
        ("first", "{ first_of: [finance, owner, champion] }"),
        ("all", "all"),
        ("address", "CARL@a1.example"),
        ("expression", "account.traits.billing"),
    ] {
        world.playbook(&playbook(id, ALL, &mail(to)));
    }
    world.account("a1", json!({ "traits": { "billing": "Books@partner.example" } })).await;
    world.contact("a1", "zoe", json!({ "created_at": "2026-01-02T00:00:00Z" })).await;
    world.contact("a1", "ann", json!({ "created_at": "2026-01-03T00:00:00Z" })).await;
    world.contact("a1", "carl", json!({ "role": "owner" })).await;
    world.contact("a1", "left", json!({ "role": "finance", "left_at": "2026-02-01T00:00:00Z" })).await;
    world.contact("a1", "mute", json!({ "role": "finance", "email": null })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&world.messages().await, "playbook contact to state"),
        [
            "address carl carl@a1.example captured",
            "all ann ann@a1.example captured",
            "all carl carl@a1.example captured",
            "all zoe zoe@a1.example captured",
            "expression - Books@partner.example captured",
            "first carl carl@a1.example captured",
            "list carl carl@a1.example captured",
            "list zoe zoe@a1.example captured",
            "role zoe zoe@a1.example captured",
        ]
    );
}

#[tokio::test]
async fn nobody_to_write_to_is_shown_and_the_csm_hears_of_it_once() {
    let world = World::new().await;
    let steps = format!("{}\n  - task: {{ title: after, to: csm }}\n  - wait: 1d", mail("champion"));
    world.playbook(&playbook("welcome", ALL, &steps));
    world.account("a1", json!({})).await;
    world.account("a2", json!({ "csm_id": null })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "account state reason"),
        ["a1 skipped no recipient", "a2 skipped no recipient"]
    );
    assert_eq!(
        lines(&world.notices().await, "account to state"),
        ["a1 sam@acme.example captured", "a2 ops@acme.example captured"]
    );
    // The steps go on.
    assert_eq!(world.tasks().await.len(), 2);
}

#[tokio::test]
async fn a_mail_goes_to_the_address_that_the_contact_has_by_then() {
    let world = World::new().await;
    world.playbook(&playbook("welcome", ALL, &mail("champion")));
    world.customer("a1").await;
    enrolled_and_planned(&world).await;
    world.sql("update customers.contacts set email = 'new@a1.example'").await;
    world.pass_at("2026-03-02T09:01:00Z").await;
    assert_eq!(lines(&world.mails().await, "to state"), ["new@a1.example captured"]);
}

#[tokio::test]
async fn a_contact_who_leaves_before_the_mail_does_gets_none() {
    for change in [
        "update customers.contacts set left_at = '2026-03-02T08:00:00Z'",
        "update customers.contacts set email = null",
        "delete from customers.contacts",
    ] {
        let world = World::new().await;
        world.playbook(&playbook("welcome", ALL, &mail("champion")));
        world.customer("a1").await;
        enrolled_and_planned(&world).await;
        world.sql(change).await;
        world.pass_at("2026-03-02T09:00:00Z").await;
        assert_eq!(lines(&world.mails().await, "state"), ["skipped"], "{change}");
        assert_eq!(lines(&world.enrollments().await, "state"), ["completed"], "{change}");
    }
}

/// Takes the only playbook up to the point where its mail is planned.
async fn enrolled_and_planned(world: &World) {
    let now = at("2026-03-02T09:00:00Z");
    world.publish_at("2026-03-02T09:00:00Z").await;
    keepwell::worker::runs::scheduler::manual(&world.shared, now).await.unwrap();
    keepwell::worker::enrollments::advancer::tick(&world.shared, now).await.unwrap();
    assert_eq!(lines(&world.mails().await, "state"), ["planned"]);
}

#[tokio::test]
async fn the_reason_is_looked_at_again_right_before_the_mail_leaves() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0\ngoal: account.activated_at != none";
    world.playbook(&playbook("welcome", keys, &format!("{}\n  - wait: 1d", mail("champion"))));
    world.customer("a1").await;
    enrolled_and_planned(&world).await;
    world.sql("update customers.accounts set activated_at = '2026-03-02T08:59:00Z'").await;
    let now = at("2026-03-02T09:00:00Z");
    keepwell::worker::messages::deliverer::tick(&world.shared, now).await.unwrap();
    let [cancelled] = &world.mails().await[..] else { panic!("one mail") };
    assert_eq!(cancelled["state"], "cancelled");
    assert!(cancelled["reason"].as_str().unwrap().starts_with("goal: "), "{cancelled}");
    world.pass_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "state"), ["goal"]);
}

#[tokio::test]
async fn one_address_hears_from_a_step_once_a_day() {
    let world = World::new().await;
    world.playbook(&playbook("welcome", "when: account.mrr > 0\nreentry: { gap: 6h }", &mail("all")));
    world.account("a1", json!({})).await;
    world.contact("a1", "ann", json!({ "email": "Office@a1.example" })).await;
    world.contact("a1", "bob", json!({ "email": "office@a1.example" })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "contact state reason"),
        ["ann captured -", "bob skipped duplicate address"]
    );
    world.run_at("2026-03-02T18:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "contact state reason"),
        [
            "ann captured -",
            "ann skipped duplicate address",
            "bob skipped duplicate address",
            "bob skipped duplicate address"
        ]
    );
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "contact state")[..2], ["ann captured", "ann captured"]);
}

#[tokio::test]
async fn marketing_needs_consent() {
    let world = World::new().await;
    let steps = "  - email: { id: news, to: all, class: marketing, subject: News, body: Hello }";
    world.playbook(&playbook("news", ALL, steps));
    world.account("a1", json!({})).await;
    world.contact("a1", "yes", json!({ "traits": { "consent": true } })).await;
    world.contact("a1", "no", json!({ "traits": { "consent": false } })).await;
    world.contact("a1", "unasked", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "contact state reason"),
        ["no skipped no consent", "unasked skipped no consent", "yes captured -"]
    );
}

#[tokio::test]
async fn a_template_that_fails_for_one_account_fails_only_there() {
    let world = World::new().await;
    let steps = "  - email: { id: hello, to: champion, subject: \"You use {{ 100 / account.mrr }}\", body: Hello }\n  - end: done";
    world.playbook(&playbook("usage", "when: account.tier == \"A\"", steps));
    world.customer("a1").await;
    world.customer("a2").await;
    world.sql("update customers.accounts set mrr = 0 where id = 'a2'").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let mails = world.mails().await;
    assert_eq!(lines(&mails, "account state"), ["a1 captured", "a2 failed"]);
    let failed = mails.iter().find(|mail| mail["account"] == "a2").unwrap();
    assert!(failed["reason"].as_str().unwrap().contains("zero"), "{failed}");
    assert_eq!(lines(&world.enrollments().await, "account state reason"), ["a1 completed done", "a2 completed done"]);
}

#[tokio::test]
async fn a_text_chooses_by_the_conditions_of_when() {
    let world = World::new().await;
    let body =
        "{% if csm != none && csm.traits.phone != none %}Call {{ csm.traits.phone }}.{% else %}Write to us.{% endif %}";
    let steps = format!(
        "  - email: {{ id: hello, to: champion, subject: 'For {{{{ account.mrr | money(\"EUR\") }}}}', body: '{body}' }}\n  - end: done"
    );
    world.playbook(&playbook("usage", "when: account.tier == \"A\"", &steps));
    world.customer("a1").await.customer("a2").await;
    world.sql("update customers.accounts set mrr = 1234.5, csm_id = null where id = 'a2'").await;
    world.sql("update customers.csms set traits = '{\"phone\": \"+49 30\"}'").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let mails = world.mails().await;
    let texts = [world.text(&mails[0]).await, world.text(&mails[1]).await];
    assert!(texts[0].contains("Call +49 30."), "{texts:?}");
    assert!(texts[1].contains("Write to us."), "{texts:?}");
    assert_eq!(mails[1]["subject"], "For €1,234.50");
}

#[tokio::test]
async fn a_suppressed_address_gets_nothing_of_that_class() {
    let world = World::new().await;
    for (id, class) in [("life", "lifecycle"), ("bill", "transactional"), ("news", "marketing")] {
        let steps = format!("  - email: {{ id: hello, to: all, class: {class}, subject: Hi, body: Hello }}");
        world.playbook(&playbook(id, ALL, &steps));
    }
    world.account("a1", json!({})).await;
    for id in ["never", "nonews", "nolife"] {
        world.contact("a1", id, json!({ "traits": { "consent": true } })).await;
    }
    for (address, class) in
        [("Never@A1.example", "all"), ("nonews@a1.example", "marketing"), ("nolife@a1.example", "lifecycle")]
    {
        world
            .store()
            .suppress(address, Suppression { class, source: "a test" }, at("2026-03-01T00:00:00Z"))
            .await
            .unwrap();
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "playbook contact state"),
        [
            "bill never suppressed",
            "bill nolife captured",
            "bill nonews captured",
            "life never suppressed",
            "life nolife suppressed",
            "life nonews captured",
            "news never suppressed",
            "news nolife captured",
            "news nonews suppressed",
        ]
    );
}

#[tokio::test]
async fn a_suppression_also_stops_what_is_planned_already() {
    let world = World::new().await;
    let steps = format!("{}\n  - task: {{ title: after, if: \"!sent(\\\"hello\\\")\", to: csm }}", mail("champion"));
    world.playbook(&playbook("welcome", ALL, &steps));
    world.customer("a1").await;
    enrolled_and_planned(&world).await;
    world
        .store()
        .suppress("ann@a1.example", Suppression { class: "lifecycle", source: "a test" }, at("2026-03-02T09:00:00Z"))
        .await
        .unwrap();
    world.pass_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "state reason attempts"), ["suppressed suppressed 0"]);
    assert_eq!(lines(&world.tasks().await, "title"), ["after"]);
}

#[tokio::test]
async fn redirected_mail_goes_to_one_address() {
    let world = World::over_smtp("mail: { redirect_to: tester@acme.example }\n", Default::default()).await;
    world.playbook(&playbook(
        "welcome",
        ALL,
        &format!("{}\n  - notify: {{ channel: csm, text: word }}", mail("champion")),
    ));
    world.customer("a1").await;
    world.customer("a2").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let mut to: Vec<String> = world.accepted().into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, ["sam@acme.example", "sam@acme.example", "tester@acme.example", "tester@acme.example"]);
    assert_eq!(lines(&world.mails().await, "to state"), ["ann@a1.example accepted", "ann@a2.example accepted"]);
    // Whoever tries its link is the reader, and no customer.
    let token = world.store().unsubscribe_token("tester@acme.example", "lifecycle").await.unwrap();
    let text = world.text(&world.mails().await[0]).await;
    assert!(text.contains(&format!("/u/{token}")), "{text}");
}

#[tokio::test]
async fn what_was_planned_and_went_stale_expires() {
    let world = World::new().await;
    let steps = "  - email: { id: hello, to: champion, subject: Hi, body: Hello, valid_for: 1d }\n  - wait: 1d";
    world.playbook(&playbook("welcome", ALL, steps));
    world.customer("a1").await;
    enrolled_and_planned(&world).await;
    world.pass_at("2026-03-03T09:01:00Z").await;
    assert_eq!(lines(&world.mails().await, "state attempts"), ["expired 0"]);
    // Given up is ended: the next wait counts from here.
    assert_eq!(lines(&world.enrollments().await, "step due_at"), ["wait-1 03-04T09:01"]);
}

#[tokio::test]
async fn the_owners_hear_once_of_a_step_that_fails_and_of_accounts_that_cannot_be_decided() {
    let world = World::new().await;
    let mail = "  - email: { id: hello, to: champion, subject: \"{{ account.traits.x }}\", body: b }";
    world.playbook(&playbook(
        "rescue",
        "when: account.mrr > 0 && 10 / account.mrr > 0 && 1 / (account.seats ?? 0) > 0",
        mail,
    ));
    for id in ["a1", "a2"] {
        world.customer(id).await;
    }
    world.sql("update customers.accounts set seats = 5").await;
    world.customer("a3").await;
    world.sql("update customers.accounts set seats = 0 where id = 'a3'").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "state"), ["failed", "failed"]);
    let mut told = lines(&world.notices().await, "subject");
    told.sort();
    assert_eq!(told, ["Failed: rescue", "Undecided: rescue"]);
}

#[tokio::test]
async fn a_step_that_fails_is_kept_by_what_it_would_have_left_by() {
    let world = World::new().await;
    let steps = [
        "  - email: { id: mail, to: account.traits.x, subject: Hi, body: Hello }",
        "  - notify: { id: note, channel: csm, text: \"{{ account.traits.x }}\" }",
        "  - webhook: { id: hook, url: env:CRM, body: \"{{ account.traits.x }}\" }",
        "  - task: { id: if, if: 1 / (account.seats ?? 0) > 0, title: Call, to: csm }",
    ];
    world.playbook(&playbook("rescue", ALL, &steps.join("\n")));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let failed: Vec<_> = world.messages().await.into_iter().filter(|one| one["state"] == "failed").collect();
    let mut failed = lines(&failed, "step channel");
    failed.sort();
    assert_eq!(failed, ["hook webhook", "if none", "note notice"]);
}
