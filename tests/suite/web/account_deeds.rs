//! What people do with one account: pause it, enroll it, and end its journeys.

use keepwell::message::class::Class;
use keepwell::store::upkeep::stopped::StopTarget;
use keepwell::user::role::Role;
use serde_json::{Value as Json, json};

use super::accounts::{links, site};
use super::*;
use crate::support::world::{World, at, playbook};

const MONDAY: &str = "2026-03-02T09:00:00Z";
/// After the pages' own time.
const LATER: &str = "2026-03-05T13:00:00Z";

/// An account on a journey with a task and two mails, which wait for the undo
/// window.
pub(super) async fn on_a_journey() -> World {
    let world = World::with("mail: { undo_window: 24h }\n").await;
    world.account("a/1", json!({ "name": "Fjord", "mrr": 900 })).await;
    world.contact("a/1", "ann", json!({ "name": "Ann Lee", "email": "ann@fjord.example" })).await;
    world.playbook(&playbook(
        "tips",
        "when: account.mrr > 500",
        "  - task: { id: call, title: Call them, to: csm }\n  \
         - email: { id: hi, to: champion, subject: 'Hello {{ recipient.name }}', body: x, valid_for: 30d }",
    ));
    world.playbook(&playbook(
        "extra",
        "when: account.mrr > 5000",
        "  - task: { id: see, title: See them, to: csm }\n  - wait: 2d\n  \
         - email: { id: more, to: champion, subject: 'More for {{ recipient.name }}', body: x }",
    ));
    world.playbook(&playbook("people", "for: contact\nwhen: account.mrr > 5000", "  - task: { title: Write }"));
    world.run_at(MONDAY).await;
    world
}

async fn deeds(site: &Site) -> Vec<(String, String, Json, Option<String>)> {
    sqlx::query_as(
        "select deed, by, about, reason from keepwell.audit left join keepwell.audit_reasons using (n) order by n",
    )
    .fetch_all(&site.pool)
    .await
    .unwrap()
}

fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    answer.header(header::LOCATION)
}

#[tokio::test]
async fn an_account_is_paused_and_resumed_with_what_follows() {
    let world = on_a_journey().await;
    let site = site(&world);
    let page = site.get("/accounts/a%2F1").await;
    page.shows("Pause this account");
    page.shows("its journey stands still, and it enters no playbook until the pause ends");
    page.shows("1 lifecycle mail waits to leave and does not");
    page.shows("no marketing mail waits to leave at this moment; a later one waits");

    assert_eq!(site.post("/accounts/a%2F1/pause", "what=nothing").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(site.post("/accounts/none/pause", "what=all").await.status, StatusCode::NOT_FOUND);
    assert_eq!(deeds(&site).await, []);
    let done = site.post("/accounts/a%2F1/pause", "what=all&because=+a+complaint+").await;
    assert_eq!(location(&done), "/accounts/a%2F1?done=paused");
    let page = site.get(location(&done)).await;
    page.shows("Paused. It stands below");
    page.shows("The account is paused: nothing moves, and no mail leaves.</strong> By a colleague: a complaint");
    page.shows("1 mail may leave, each after one more look");
    assert!(!page.body.contains("Pause this account"), "there is nothing more to pause");
    let about = json!({ "account": "a/1" });
    let stop = ("stop".to_owned(), "a colleague".to_owned(), about.clone(), Some("a complaint".to_owned()));
    assert_eq!(deeds(&site).await, [stop]);
    let audit = site.get("/audit").await;
    audit.shows("<strong>Stop</strong>");
    audit.shows("Because: a complaint");

    let done = site.post("/accounts/a%2F1/resume", "what=all").await;
    site.get(location(&done)).await.shows("Resumed.");
    let again = site.post("/accounts/a%2F1/resume", "what=all").await;
    site.get(location(&again)).await.shows("It was not paused any more.");
    assert_eq!(deeds(&site).await.len(), 2);
}

#[tokio::test]
async fn mail_of_a_paused_class_stays_and_other_mail_leaves() {
    let world = World::new().await;
    for account in ["a1", "a2"] {
        world.customer(account).await;
    }
    world.playbook(&playbook(
        "news",
        "when: account.mrr > 0",
        "  - email: { id: tip, to: champion, subject: Tip, body: x, valid_for: 20d }\n  \
         - email: { id: bill, to: champion, subject: Bill, body: x, class: transactional, valid_for: 20d }",
    ));
    let site = site(&world);
    let done = site.post("/accounts/a1/pause", "what=lifecycle").await;
    assert_eq!(location(&done), "/accounts/a1?done=paused");
    let page = site.get("/accounts/a1").await;
    page.shows("Lifecycle mail to the account is paused.");
    page.shows("<strong>Marketing mail</strong>");
    world.run_at(MONDAY).await;
    let sent = async || {
        let mut sent: Vec<String> = Vec::new();
        for mail in world.mails().await.iter().filter(|mail| mail["state"] == "captured") {
            sent.push(format!("{} {}", mail["account"].as_str().unwrap(), mail["step"].as_str().unwrap()));
        }
        sent.sort();
        sent
    };
    assert_eq!(sent().await, ["a2 bill", "a2 tip"], "the journey of a1 waits at its tip");
    world.pass_at(LATER).await;
    assert_eq!(sent().await.len(), 2);
    world.resume(StopTarget::AccountMail { account: "a1".to_owned(), class: Class::Lifecycle }).await;
    world.pass_at(LATER).await;
    world.pass_at("2026-03-06T13:00:00Z").await;
    assert_eq!(sent().await, ["a1 bill", "a1 tip", "a2 bill", "a2 tip"]);
}

#[tokio::test]
async fn somebody_is_enrolled_by_hand_once_what_follows_is_known() {
    let world = on_a_journey().await;
    let site = site(&world);
    let page = site.get("/accounts/a%2F1").await;
    let ask = links(&page, "/accounts/a%2F1/enroll");
    assert_eq!(ask.len(), 3, "{ask:?}");
    // What keeps it out keeps it out.
    let tips = site.get("/accounts/a%2F1/enroll?playbook=tips").await;
    tips.shows("Nobody is enrolled: they are in it already (active).");
    let tips = site.post("/accounts/a%2F1/enroll", "playbook=tips").await;
    assert_eq!(tips.status, StatusCode::CONFLICT);
    tips.shows("Nobody was enrolled in tips: they are in it already (active).");
    assert_eq!(site.get("/accounts/a%2F1/enroll?playbook=none").await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.get("/accounts/none/enroll?playbook=extra").await.status, StatusCode::NOT_FOUND);

    let extra = site.get("/accounts/a%2F1/enroll?playbook=extra").await;
    assert_eq!(extra.status, StatusCode::OK, "{}", extra.body);
    extra.shows("a task “See them” for sam");
    extra.shows("a mail “More for Ann Lee” to Ann Lee");
    assert_eq!(world.enrollments().await.len(), 1, "nothing is done yet");
    let long = format!("playbook=extra&because={}", "x".repeat(501));
    assert_eq!(site.post("/accounts/a%2F1/enroll", &long).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = site.post("/accounts/a%2F1/enroll", "playbook=extra&because=Asked+for+it").await;
    assert_eq!(location(&done), "/accounts/a%2F1?done=enrolled");
    site.get(location(&done)).await.shows("Enrolled.");
    let about = json!({ "playbook": "extra", "account": "a/1", "contact": null });
    let enroll = ("enroll".to_owned(), "a colleague".to_owned(), about, Some("Asked for it".to_owned()));
    assert_eq!(deeds(&site).await, [enroll]);
    assert_eq!(site.post("/accounts/a%2F1/enroll", "playbook=extra").await.status, StatusCode::CONFLICT);

    // Of a playbook for contacts one has to be chosen.
    let people = site.get("/accounts/a%2F1/enroll?playbook=people").await;
    people.shows("Choose one:");
    let chosen = links(&people, "/accounts/a%2F1/enroll");
    assert_eq!(chosen, ["/accounts/a%2F1/enroll?playbook=people&contact=ann"]);
    site.get(&chosen[0]).await.shows("Enroll Ann Lee, Fjord in people?");
    let done = site.post("/accounts/a%2F1/enroll", "playbook=people&contact=ann").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(world.enrollments().await.len(), 3);
}

#[tokio::test]
async fn a_journey_is_cancelled_once_what_follows_is_known() {
    let world = on_a_journey().await;
    let site = site(&world);
    let page = site.get("/accounts/a%2F1").await;
    let ask = links(&page, "/accounts/a%2F1/cancel");
    assert_eq!(ask.len(), 1, "{ask:?}");
    let asked = site.get(&ask[0]).await;
    asked.shows("Cancel tips for Fjord?");
    asked.shows("1 mail that waits to leave is not sent");
    asked.shows("1 open task closes");
    asked.shows("What would follow without it");
    assert_eq!(world.enrollments().await[0]["state"], "active", "nothing is done yet");
    let id = ask[0].split("enrollment=").nth(1).unwrap();
    // Of another account it is not known.
    world.account("a2", json!({})).await;
    let form = format!("enrollment={id}&because=They+left");
    assert_eq!(site.post("/accounts/a2/cancel", &form).await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.get(&format!("/accounts/a2/cancel?enrollment={id}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.get("/accounts/a%2F1/cancel?enrollment=x").await.status, StatusCode::NOT_FOUND);

    let done = site.post("/accounts/a%2F1/cancel", &form).await;
    assert_eq!(location(&done), "/accounts/a%2F1?done=cancelled");
    let page = site.get(location(&done)).await;
    page.shows("Cancelled: the journey has ended.");
    page.shows("cancelled by a colleague: They left");
    let mails = world.mails().await;
    assert_eq!(mails[0]["state"], "cancelled");
    let about = json!({ "enrollment": id, "account": "a/1" });
    let cancel = ("cancel".to_owned(), "a colleague".to_owned(), about, Some("They left".to_owned()));
    assert_eq!(deeds(&site).await, [cancel]);
    let again = site.post("/accounts/a%2F1/cancel", &form).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    again.shows("It has ended already.");
}

#[tokio::test]
async fn many_pauses_are_one_number_at_the_top_of_a_page() {
    let world = World::new().await;
    for account in ["a1", "a2", "a3", "a4"] {
        world.account(account, json!({})).await;
    }
    let site = site(&world);
    for account in ["a1", "a2", "a3"] {
        site.post(&format!("/accounts/{account}/pause"), "what=marketing").await;
    }
    site.get("/").await.shows("Stopped: marketing mail to the account a1 (by a colleague), ");
    site.post("/accounts/a4/pause", "what=all").await;
    site.get("/").await.shows("Stopped: 4 pauses of single accounts.");
}

#[tokio::test]
async fn a_csm_ends_pauses_of_csms_alone() {
    let site = Site::filled().await;
    let olga = site.user("olga", Role::Operator, None).await;
    let [cara, cem] = [site.user("cara", Role::Csm, None).await, site.user("cem", Role::Csm, None).await];
    let post =
        async |who: &str, deed: &str| site.with_cookie("POST", &format!("/accounts/a-1/{deed}"), who, "what=all").await;
    location(&post(&olga, "pause").await);
    let page = site.with_cookie("GET", "/accounts/a-1", &cem, "").await;
    page.shows("An operator resumes it.");
    let refused = post(&cem, "resume").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    refused.shows("No CSM paused this: an operator resumes it.");
    assert_eq!(site.store.stopped().await.unwrap().stops.len(), 1);
    assert_eq!(location(&post(&olga, "resume").await), "/accounts/a-1?done=resumed");

    for who in [&cem, &cara, &olga] {
        location(&post(&cara, "pause").await);
        let page = site.with_cookie("GET", "/accounts/a-1", who, "").await;
        page.shows("/accounts/a-1/resume");
        assert_eq!(location(&post(who, "resume").await), "/accounts/a-1?done=resumed");
    }
}

#[tokio::test]
async fn a_pause_of_everything_stands_beside_one_of_a_class() {
    let world = on_a_journey().await;
    let site = site(&world);
    site.post("/accounts/a%2F1/pause", "what=lifecycle").await;
    let page = site.get("/accounts/a%2F1").await;
    page.shows("1 lifecycle mail may leave");
    page.shows("no other mail waits to leave at this moment");
    site.post("/accounts/a%2F1/pause", "what=all").await;
    let page = site.get("/accounts/a%2F1").await;
    page.shows("lifecycle mail stays paused");
    page.shows("it waits all the same: the account is paused");
    assert!(!page.body.contains("mail may leave"), "{}", page.body);
    let again = site.post("/accounts/a%2F1/pause", "what=all&because=Late").await;
    site.get(location(&again)).await.shows("It was paused already; your reason was not kept.");

    // What is only recorded waits for nobody.
    world.sql("update keepwell.messages set shadow = true").await;
    let id = world.enrollments().await[0]["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(world.store().waiting_mail_of("a/1", at(LATER)).await.unwrap(), []);
    assert_eq!(world.store().open_work_of("a/1", id).await.unwrap().mails, 0);
}

#[tokio::test]
async fn who_is_held_out_is_said_to_get_nothing() {
    let world = World::new().await;
    world.account("a1", json!({ "name": "Fjord" })).await;
    world.playbook(&playbook(
        "compared",
        "when: account.mrr > 5000\ngoal: account.activated_at != none\nholdout: 99%",
        "  - task: { id: see, title: See them, to: csm }",
    ));
    world.run_at(MONDAY).await;
    let site = site(&world);
    let page = site.get("/accounts/a1/enroll?playbook=compared").await;
    page.shows("Fjord is held out for comparison");
    assert!(!page.body.contains("See them"), "{}", page.body);
    world.stop(StopTarget::Playbook("compared".to_owned()), MONDAY).await;
    let stopped = site.post("/accounts/a1/enroll", "playbook=compared").await;
    stopped.shows("the playbook is stopped, or everything of the account is (stopped)");
    world.resume(StopTarget::Playbook("compared".to_owned())).await;
    let done = site.post("/accounts/a1/enroll", "playbook=compared").await;
    site.get(location(&done)).await.shows("Entered, but held out for comparison: it gets nothing of the playbook.");
    assert_eq!(world.enrollments().await[0]["state"], "ghost");
}
