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
    page.shows("<dt>MRR touched</dt><dd>12,010</dd>");
    page.shows("All 3 are in the next batch");
    for (label, value) in [("Would enter", 3), ("Mails to customers", 0), ("Tasks", 3), ("Also in another playbook", 0)]
    {
        page.shows(&format!("<dt>{label}</dt><dd>{value}</dd>"));
    }
    page.shows("<td data-label=\"Now\" class=\"number\">0</td><td data-label=\"After\" class=\"number\">2</td>");
    page.shows("<h3>The first: A1</h3>");
    assert!(!page.body.contains("New by the change"), "it is the first revision");

    let long = format!("because={}", "x".repeat(501));
    assert_eq!(site.post(&format!("{RUN}/approve"), &long).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let approved = site.post(&format!("{RUN}/approve"), "because=Ines+knows").await;
    assert_eq!((approved.status, approved.headers[header::LOCATION].to_str().unwrap()), (StatusCode::SEE_OTHER, RUN));
    let page = site.get(RUN).await;
    page.shows("Approved by a colleague (“Ines knows”). They enter in growing batches.");
    assert!(!page.body.contains("Let them in"));
    // The rest can be dropped until it is out.
    page.shows("Drop this run");
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
    assert_eq!(site.post(&format!("{RUN}/discard"), "because=Too+many").await.status, StatusCode::SEE_OTHER);
    site.get(RUN).await.shows("Dropped by a colleague: Too many.");
    let said: (String, Option<String>) =
        sqlx::query_as("select deed, reason from keepwell.audit left join keepwell.audit_reasons using (n)")
            .fetch_one(&site.pool)
            .await
            .unwrap();
    assert_eq!(said, ("discard".to_owned(), Some("Too many".to_owned())));
    let left: i64 =
        sqlx::query_scalar("select count(*) from keepwell.enrollments").fetch_one(&site.pool).await.unwrap();
    assert_eq!(left, 0);
}

/// A playbook that has run before, and whose change reaches two more accounts.
#[tokio::test]
async fn the_page_shows_mails_overlap_and_who_is_new_by_the_change() {
    let world = World::new().await;
    let hello = |than: u32, hold: &str| {
        playbook(
            "hello",
            &format!(
                "guardrails: {{ {hold}first_run: go, ramp: {{ first: 1, every: 1h, grow: 2x }} }}\nwhen: account.mrr > {than}"
            ),
            "  - email: { id: hi, to: champion, subject: 'Hello {{ recipient.name }}', body: 'Your {{ account.mrr }} & more' }",
        )
    };
    world.playbook(&hello(8000, ""));
    world.playbook(&playbook("other", "when: account.mrr == 3000", "  - task: { title: Call }\n  - wait: 30d"));
    for (account, mrr) in [("a1", 9000), ("a2", 3000), ("a3", 4000), ("a4", 6000)] {
        world.account(account, json!({ "mrr": mrr, "name": format!("Name {account}") })).await;
        world.contact(account, "ann", json!({ "name": format!("Ann of {account}") })).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.playbook(&hello(2000, "hold_above: { count: 1, share: 1% }, "));
    world.run_at("2026-03-03T09:00:00Z").await;
    let site = site(&world);
    let run = "/approvals/hello%402026-03-03T09%3A00%3A00Z";
    let page = site.get(run).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.shows("The next 1, then 2 more after an hour");
    page.shows("<dt>Mails to customers</dt><dd>3</dd>");
    page.shows("<dt>Also in another playbook</dt><dd>1</dd>");
    page.shows("<dt>New by the change</dt><dd>3</dd>");
    page.shows("Also in other");
    page.shows("<h3>The first: Name a2</h3>");
    page.shows("<strong>Hello Ann of a2</strong> <span class=\"quiet\">at once, step hi, to ann@a2.example</span>");
    page.shows("<h3>The largest: Name a4</h3>");
    page.shows("Your 6000 &amp; more");
    assert!(!page.body.contains("Hello Ann of a3"), "nobody has asked for it");
    let chosen = site.get(&format!("{run}?account=a3")).await;
    chosen.shows("<h3>Chosen: Name a3</h3>");
    chosen.shows("Hello Ann of a3");
    let rest = site.get(&format!("{run}?after=a2&contact=")).await;
    rest.shows("From the first on");
    assert!(!rest.body.contains("<strong><a href=\"/accounts/a2\">"), "{}", rest.body);
    rest.shows("<strong><a href=\"/accounts/a3\">");

    // One is gone since.
    world.sql("update customers.accounts set mrr = 1 where id = 'a3'").await;
    site.get(run).await.shows("Would not enter any more");
    let approved = site.post(&format!("{run}/approve"), "pace=once").await;
    assert_eq!(approved.status, StatusCode::SEE_OTHER, "{}", approved.body);
    world.pass_at("2026-03-03T09:10:00Z").await;
    let row = world.run("hello", "2026-03-03T09:00:00Z").await;
    assert_eq!((&row["state"], &row["enrolled"]), (&json!("done"), &json!(2)), "without the ramp: {row}");
}

#[tokio::test]
async fn an_approved_run_enters_by_its_ramp() {
    let world = World::new().await;
    world.playbook(&playbook(
        "call",
        "guardrails: { hold_above: { count: 1, share: 1% }, first_run: go, ramp: { first: 1, every: 1h, grow: 2x } }\nwhen: account.mrr > 5",
        "  - task: { id: call, title: Call, to: csm }",
    ));
    for account in ["a1", "a2", "a3"] {
        world.account(account, json!({ "mrr": 10 })).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    let site = site(&world);
    assert_eq!(site.post(&format!("{RUN}/approve"), "pace=ramp").await.status, StatusCode::SEE_OTHER);
    world.pass_at("2026-03-05T12:10:00Z").await;
    let row = world.run("call", "2026-03-02T09:00:00Z").await;
    assert_eq!((&row["state"], &row["enrolled"]), (&json!("held"), &json!(1)), "{row}");
}
