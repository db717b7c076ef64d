//! The pages of runs that wait for a person.

use serde_json::json;

use super::accounts::site;
use super::*;
use crate::support::world::{World, playbook};

const RUN: &str = "/approvals/call%402026-03-02T09%3A00%3A00Z";

/// Three accounts that a run holds.
async fn held() -> World {
    let world = World::new().await;
    world.playbook(&playbook(
        "call",
        "guardrails: { hold_above: { count: 1, share: 1% }, first_run: go }\nwhen: account.mrr > 5",
        "  - task: { id: call, title: Call, to: csm }\n  - wait: 2d\n  - email: { id: nudge, to: champion, subject: x, body: y }",
    ));
    world.csm("csm-9", json!({ "name": "Ines Falk" })).await;
    for (account, mrr) in [("a1", 9000), ("a2", 3000), ("a3", 10)] {
        world.account(account, json!({ "mrr": mrr, "csm_id": if mrr > 100 { Some("csm-9") } else { None } })).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world
}

#[tokio::test]
async fn a_held_run_says_why_and_whom_and_is_approved() {
    let world = held().await;
    let site = site(&world);
    let list = site.get("/approvals").await;
    assert_eq!(list.status, StatusCode::OK, "{}", list.body);
    list.shows(&format!("<a href=\"{RUN}\">call</a>"));
    site.get("/playbooks/call").await.shows(&format!("<a href=\"{RUN}\">look at them and decide</a>"));

    let page = site.get(RUN).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.shows("Task <code>call</code>");
    page.shows("Email <code>nudge</code>");
    page.shows("<th scope=\"row\">Ines Falk</th>\n    <td data-label=\"Accounts\" class=\"number\">2</td>");
    page.shows("<td data-label=\"MRR\" class=\"number\">12,000</td>");
    page.shows("<th scope=\"row\">Nobody</th>");
    for account in ["a1", "a2", "a3"] {
        page.shows(&format!("<a href=\"/accounts/{account}\">"));
    }
    page.shows("Let them in");

    let approved = site.post(&format!("{RUN}/approve"), "").await;
    assert_eq!((approved.status, approved.headers[header::LOCATION].to_str().unwrap()), (StatusCode::SEE_OTHER, RUN));
    let page = site.get(RUN).await;
    page.shows("Approved by a colleague; it is released next.");
    assert!(!page.body.contains("Let them in"));
    // Twice is once.
    assert_eq!(site.post(&format!("{RUN}/approve"), "").await.status, StatusCode::SEE_OTHER);
    world.run_at("2026-03-02T09:00:00Z").await;
    let open: i64 = sqlx::query_scalar("select count(*) from keepwell.tasks where state = 'open'")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(open, 3);
    let page = site.post(&format!("{RUN}/approve"), "").await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.shows("Nobody waits in this run any more");
    site.get("/approvals").await.shows("Nothing waits for you.");
}

#[tokio::test]
async fn a_held_run_is_dropped_and_others_are_not_known() {
    let world = held().await;
    let site = site(&world);
    for path in
        ["/approvals/call", "/approvals/call%402026-03-03T09%3A00%3A00Z", "/approvals/none%402026-03-02T09%3A00%3A00Z"]
    {
        assert_eq!(site.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(site.post(&format!("{path}/discard"), "").await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let foreign = request("POST", &format!("{RUN}/approve")).header("sec-fetch-site", "cross-site").body(Body::empty());
    assert_eq!(site.send(foreign.unwrap()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.post(&format!("{RUN}/discard"), "").await.status, StatusCode::SEE_OTHER);
    site.get(RUN).await.shows("Dropped by a colleague.");
    let left: i64 =
        sqlx::query_scalar("select count(*) from keepwell.enrollments").fetch_one(&site.pool).await.unwrap();
    assert_eq!(left, 0);
}
