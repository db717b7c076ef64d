//! Playbooks about all accounts together, or about those of each CSM.

use keepwell::enrollment::Guard;
use keepwell::facts::SubjectId;
use keepwell::rehearsal::explanation::EntryVerdict;
use keepwell::worker::runs::explain::{explain_subject, in_force};
use serde_json::json;

use crate::support::mapped::{Customers, on_both_stores};
use crate::support::mime;
use crate::support::smtp::Script;
use crate::support::world::{World, at, lines, playbook};

const DIGEST: &str = "for: portfolio\nper: csm\nmatching: (account.score(\"health\") ?? 100) < 40\norder: account.mrr";
const MAIL: &str = "  - email:\n      id: digest\n      to: csm\n      subject: '{{ matching_count }} at risk, {{ csm.name }}'\n      \
    body: |\n        Look at\n\n        {% for account in matching %}\n        - **{{ account.name }}**: \
    {{ account.score(\"health\") | number }}\n        {% endfor %}\n";
const SLOT: &str = "2026-03-02T09:00:00Z";

async fn account(world: &World, id: &str, csm: &str, mrr: i64, health: f64) {
    world.account(id, json!({ "csm_id": csm, "mrr": mrr })).await;
    world.score(id, "health", health, "2026-03-01T09:00:00Z").await;
}

on_both_stores!(each_csm_reads_of_their_own_accounts_the_largest_first);

async fn each_csm_reads_of_their_own_accounts_the_largest_first(customers: Customers) {
    let world = World::on(customers).await;
    world.csm("kim", json!({})).await;
    world.playbook(&playbook("digest", DIGEST, MAIL));
    account(&world, "1", "sam", 100, 20.0).await;
    account(&world, "2", "sam", 900, 30.0).await;
    account(&world, "3", "sam", 500, 70.0).await;
    account(&world, "4", "kim", 500, 10.0).await;
    world.account("5", json!({ "csm_id": "kim", "status": "churned" })).await;
    world.score("5", "health", 1.0, "2026-03-01T09:00:00Z").await;
    world.run_at(SLOT).await;
    let notices = world.notices().await;
    assert_eq!(
        lines(&notices, "to subject state step"),
        ["kim@acme.example 1 at risk, kim captured digest", "sam@acme.example 2 at risk, sam captured digest"]
    );
    let of_sam = notices.iter().find(|one| one["to"] == "sam@acme.example").unwrap();
    let text = world.text(of_sam).await;
    let (large, small) =
        (text.find("**2**: 30").expect("the large one"), text.find("**1**: 20").expect("the small one"));
    assert!(large < small && !text.contains("70"), "{text}");
    // `mia` has no accounts, and the same instant twice does nothing.
    world.run_at(SLOT).await;
    assert_eq!(world.notices().await.len(), 2);
    assert_eq!(lines(&world.enrollments().await, "state"), ["completed", "completed"]);
    let run = world.run("digest", SLOT).await;
    assert_eq!((&run["candidates"], &run["enrolled"]), (&json!(2), &json!(2)));
    // The next slot is another one.
    world.run_at("2026-03-09T09:00:00Z").await;
    assert_eq!(world.notices().await.len(), 4);
}

#[tokio::test]
async fn a_list_leaves_as_markdown_and_prints_names_literally() {
    let world = World::over_smtp("", Script::default()).await;
    world.playbook(&playbook("digest", DIGEST, MAIL));
    world.account("a1", json!({ "name": "Star *Ltd* <b>" })).await;
    world.score("a1", "health", 5.0, "2026-03-01T09:00:00Z").await;
    world.run_at(SLOT).await;
    let accepted = world.accepted();
    assert_eq!(accepted.len(), 1, "{:?}", lines(&world.notices().await, "state reason"));
    let (headers, body) = mime::split(&accepted[0].bytes);
    assert_eq!(mime::header(&headers, "subject"), Some("1 at risk, sam"));
    let parts = mime::parts(&headers, &body);
    let html = &parts.iter().find(|(kind, _)| kind.starts_with("text/html")).expect("a page").1;
    assert!(html.contains("<strong>Star *Ltd* &lt;b&gt;</strong>"), "{html}");
    assert!(html.contains("<li"), "{html}");
}

#[tokio::test]
async fn links_of_a_list_mail_lead_to_the_pages() {
    let steps = "  - email:\n      id: list\n      to: alerts_to\n      subject: Accounts\n      body: |\n        \
        {% for account in matching %}\n        - [{{ account.name }}](/accounts/{{ account.id }})\n        {% endfor %}\n\n        \
        [All](/kpis), [elsewhere](https://elsewhere.example/x)\n";
    let keys = "for: portfolio\nmatching: account.mrr > 1";
    for (config, account, all) in [
        (
            "web: { url: 'https://cs.acme.example' }\n",
            "href=\"https://cs.acme.example/accounts/a%2F1\"",
            "href=\"https://cs.acme.example/kpis\"",
        ),
        ("web: off\n", "x](/y)", "All"),
    ] {
        let world = World::over_smtp(config, Script::default()).await;
        world.playbook(&playbook("list", keys, steps));
        world.account("a/1", json!({ "name": "Star ](/evil) x](/y)", "mrr": 5 })).await;
        world.run_at("2026-03-02T09:00:00Z").await;
        let accepted = world.accepted();
        assert_eq!(accepted.len(), 1, "{:?}", lines(&world.notices().await, "state reason"));
        let (headers, body) = mime::split(&accepted[0].bytes);
        let parts = mime::parts(&headers, &body);
        let html = &parts.iter().find(|(kind, _)| kind.starts_with("text/html")).expect("a page").1;
        for words in [account, all, "href=\"https://elsewhere.example/x\"", "Star ](/evil) x](/y)"] {
            assert!(html.contains(words), "{words}: {html}");
        }
        assert_eq!(html.matches("href=").count(), if config.contains("off") { 1 } else { 3 }, "{html}");
    }
}

#[tokio::test]
async fn links_of_a_list_mail_lead_to_the_pages_from_a_digest_too() {
    let world = World::with("notify: { csm: { digest: \"0 8 * * mon-fri\" } }\n").await;
    let steps = "  - email:\n      id: list\n      to: csm\n      subject: Accounts\n      body: |\n        \
        {% for account in matching %}\n        - [{{ account.name }}](/accounts/{{ account.id }})\n        {% endfor %}\n";
    world.playbook(&playbook("list", "for: portfolio\nper: csm\nmatching: account.mrr > 1", steps));
    world.account("a1", json!({ "mrr": 5 })).await;
    world.run_at(SLOT).await;
    world.pass_at("2026-03-03T08:00:00Z").await;
    let notices = world.notices().await;
    let digest = notices.iter().find(|notice| notice["step"] == "digest").expect("a digest");
    let text = world.text(digest).await;
    assert!(text.contains("[A1](http://127.0.0.1:7717/accounts/a1)"), "{text}");
}

#[tokio::test]
async fn all_accounts_together_tell_when_a_share_rises() {
    let keys = "for: portfolio\nreentry: on_rematch\nwhen: (share_of(account.events(\"login\", 7) == 0) ?? 0) > 50";
    let steps = "  - notify: { id: tell, channel: alerts_to, text: '{{ share_of(account.events(\"login\", 7) == 0) | number }} percent are quiet' }\n  \
        - task: { id: look, title: Look, to: boss@acme.example }";
    let world = World::new().await;
    world.playbook(&playbook("quiet", keys, steps));
    for id in ["a1", "a2", "a3", "a4"] {
        world.account(id, json!({})).await;
    }
    world.event("a1", "login", "2026-03-01T10:00:00Z").await;
    world.run_at(SLOT).await;
    assert_eq!(lines(&world.notices().await, "to subject"), ["ops@acme.example quiet: all accounts"]);
    assert_eq!(world.text(&world.notices().await[0]).await, "75 percent are quiet");
    assert_eq!(lines(&world.tasks().await, "assignee title state"), ["boss@acme.example Look open"]);
    // As long as it stays so nobody is told again.
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(world.notices().await.len(), 1);
    for id in ["a2", "a3", "a4"] {
        world.event(id, "login", "2026-03-03T10:00:00Z").await;
    }
    world.run_at("2026-03-04T09:00:00Z").await;
    world.run_at("2026-03-20T09:00:00Z").await;
    assert_eq!(world.notices().await.len(), 2, "it fell and rose again");
}

#[tokio::test]
async fn a_plan_names_whom_it_is_about_and_a_held_run_waits() {
    let world = World::with("guardrails: { first_run: hold }\n").await;
    world.playbook(&playbook("digest", DIGEST, MAIL));
    account(&world, "a1", "sam", 100, 20.0).await;
    let plan = world.plan("digest", at(SLOT)).await;
    let names: Vec<String> = plan.enter.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["portfolio/sam"]);
    assert!(plan.hold.is_some());
    assert_eq!(
        plan.effects.iter().map(|effect| effect.to.clone()).collect::<Vec<_>>(),
        [Some("sam@acme.example".to_owned())]
    );
    world.run_at(SLOT).await;
    assert!(world.notices().await.iter().all(|one| one["step"] != "digest"));
    account(&world, "a2", "sam", 300, 10.0).await;
    world.approve(&format!("digest@{SLOT}"), "2026-03-02T10:00:00Z").await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    // What is listed is as it is when the mail is written.
    assert_eq!(lines(&world.notices().await, "step subject")[1], "digest 2 at risk, sam");
}

#[tokio::test]
async fn explain_says_why_a_csm_gets_no_list() {
    let world = World::new().await;
    world.playbook(&playbook("digest", DIGEST, MAIL));
    account(&world, "a1", "sam", 100, 80.0).await;
    world.publish_at("2026-03-01T09:00:00Z").await;
    let explain = async |account: &str, contact: &str| {
        let decides = in_force(&world.shared, "digest", at(SLOT)).await.unwrap().expect("published").expect("usable");
        let subject = SubjectId { account: account.to_owned(), contact: contact.to_owned() };
        explain_subject(&world.shared, &decides, &subject, at(SLOT), at(SLOT)).await.unwrap()
    };
    let nobody = explain("", "sam").await;
    assert_eq!((nobody.verdict, nobody.decided_by), (EntryVerdict::Skipped, Guard::Clause));
    world.score("a1", "health", 10.0, "2026-03-01T10:00:00Z").await;
    assert_eq!(explain("", "sam").await.verdict, EntryVerdict::Enters);
    for (account, contact) in [("", "nobody"), ("a1", ""), ("", "")] {
        assert_eq!(explain(account, contact).await.decided_by, Guard::NoSuchSubject, "{account}/{contact}");
    }
}
