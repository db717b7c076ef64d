//! The numbers beside the navigation.

use keepwell::user::role::Role;

use super::*;

async fn counters(site: &Site, cookie: &str) -> String {
    let answer = site.with_cookie("GET", "/counters", cookie, "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    answer.body
}

#[tokio::test]
async fn they_are_of_whoever_reads() {
    let site = Site::filled().await;
    let ines = site.user("ines", Role::Csm, Some("csm-1")).await;
    let vera = site.user("vera", Role::Viewer, None).await;
    assert_eq!(counters(&site, &ines).await, r#"{"today":"1","approvals":"1"}"#);
    assert_eq!(counters(&site, &vera).await, r#"{"today":"","approvals":"1"}"#, "who is no CSM has no tasks");
    let page = site.with_cookie("GET", "/accounts", &ines, "").await;
    page.shows("<b data-counter=\"today\">1</b>");
    let page = site.with_cookie("GET", "/accounts", &vera, "").await;
    page.shows("<b data-counter=\"today\" hidden></b>");

    site.sql("update keepwell.tasks set snoozed_until = '2026-04-01'").await;
    site.sql("update keepwell.runs set state = 'failed', ended_at = now()").await;
    assert_eq!(counters(&site, &ines).await, r#"{"today":"","approvals":""}"#, "put off, and decided");
}

#[tokio::test]
async fn more_than_999_are_not_counted() {
    let site = Site::filled().await;
    let ines = site.user("ines", Role::Csm, Some("csm-1")).await;
    let fill =
        "insert into keepwell.tasks (account_id, id, enrollment_id, playbook, revision, step, title, assignee, due_at,
             priority, checklist, outcomes, keep, state, reason, evidence, created_at, refreshed_at, ordinal)
         select 'b' || n, gen_random_uuid(), gen_random_uuid(), playbook, revision, step, title, assignee, due_at,
             priority, checklist, outcomes, keep, state, reason, evidence, created_at, refreshed_at, ordinal
         from keepwell.tasks cross join generate_series($1) n where account_id = 'a-1'";
    site.sql(&fill.replace("$1", "1, 998")).await;
    assert_eq!(counters(&site, &ines).await, r#"{"today":"999","approvals":"1"}"#);
    site.sql(&fill.replace("$1", "999, 999")).await;
    assert_eq!(counters(&site, &ines).await, r#"{"today":"999+","approvals":"1"}"#);
}
