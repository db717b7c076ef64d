//! A playbook as a way of steps, and the pages below it.

use keepwell::ids::{Actor, Word};
use serde_json::json;

use super::accounts::{links, site};
use super::*;
use crate::support::world::{World, at, playbook};

const STEPS: &str = "  - task: { id: call, title: Call them, to: csm }
  - wait: 2d
  - branch:
      - if: account.mrr > 5000
        steps:
          - wait: 30d
          - task: { id: visit, title: Visit them, to: csm }
      - else:
          steps:
            - wait: 40d
  - wait: 50d";

/// Nine accounts on the way: some wait at first, some behind the branch, one has
/// reached the goal and one was ended by a person.
pub(super) async fn journey_of_many() -> World {
    let world = World::new().await;
    let keys = "guardrails: { hold_above: off, first_run: go }\nwhen: account.mrr > 5\ngoal: account.mrr > 90000";
    world.playbook(&playbook("call", keys, STEPS));
    world.csm("csm-9", json!({ "name": "Ines Falk" })).await;
    for n in 1..=7 {
        let mrr = if n <= 3 { 9000 } else { 100 };
        world.account(&format!("a{n}"), json!({ "name": format!("Firm {n}"), "mrr": mrr, "csm_id": "csm-9" })).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    // Three are on the one way of the branch, four on the other.
    world.pass_at("2026-03-04T09:00:00Z").await;
    for n in 8..=9 {
        world.account(&format!("a{n}"), json!({ "mrr": 100, "csm_id": "csm-9" })).await;
    }
    world.run_at("2026-03-05T09:00:00Z").await;
    world.sql("update customers.accounts set mrr = 100000 where id = 'a1'").await;
    world.pass_at("2026-03-05T10:00:00Z").await;
    let last = world.enrollments().await.into_iter().find(|one| one["account"] == "a7").unwrap();
    let id = last["id"].as_str().unwrap().parse().unwrap();
    world
        .store()
        .cancel_enrollment(id, Word::new(Actor("dana"), at("2026-03-05T11:00:00Z")).because(Some("They left")))
        .await
        .unwrap();
    world
}

/// Whose accounts a page lists.
fn listed(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    links(page, "/accounts/").into_iter().map(|link| link["/accounts/".len()..].to_owned()).collect()
}

#[tokio::test]
async fn steps_say_who_stands_there_is_past_and_left() {
    let world = journey_of_many().await;
    let site = site(&world);
    let page = site.get("/playbooks/call").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.shows("<strong>visit</strong> <span class=\"quiet\">Task: Visit them</span>");
    page.shows("<code>If account.mrr &gt; 5000</code>");
    // Two new ones wait behind the task, and one of three at the longer wait of the arm has reached the goal.
    for (at, wanted) in [("wait-1", 2), ("wait-2", 2), ("wait-3", 3)] {
        page.shows(&format!("<a href=\"/playbooks/call/accounts?at={at}\"><strong>{wanted}</strong> here</a>"));
    }
    page.shows("<a href=\"/playbooks/call/accounts?past=call\"><strong>9</strong> past it</a>");
    page.shows("<a href=\"/playbooks/call/accounts?past=wait-1\"><strong>7</strong> past it</a>");
    page.shows("<a href=\"/playbooks/call/accounts?left=wait-2\"><strong>1</strong> left</a>");
    page.shows("Reached the goal: 1");
    page.shows("Ended by a person: 1 <span class=\"quiet\">cancelled by dana (1)</span>");
    page.shows("<span class=\"state active\">On the way</span>");

    let list = async |pair: &str| listed(&site.get(&format!("/playbooks/call/accounts?{pair}")).await);
    assert_eq!(list("at=wait-1").await, ["a8", "a9"]);
    assert_eq!(list("at=wait-3").await, ["a4", "a5", "a6"]);
    assert_eq!(list("left=wait-2").await, ["a1"]);
    assert_eq!(list("past=wait-1").await, ["a1", "a2", "a3", "a4", "a5", "a6", "a7"]);
    assert_eq!(list("state=cancelled").await, ["a7"]);
    assert_eq!(list("").await.len(), 9);
    assert!(list("at=nowhere").await.is_empty());
    assert_eq!(site.get("/playbooks/none/accounts").await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.get("/playbooks/call/accounts?from=a&after=b").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_list_of_accounts_goes_on_page_after_page() {
    let site = Site::filled().await;
    sqlx::query(
        "insert into keepwell.enrollments (account_id, contact_id, id, playbook, revision, entry_key, state, step, phase, step_at,
             started_at, entry, evidence, shadow)
         select 'b-' || n / 3, 'k' || n, ('00000000-0000-0000-0002-' || lpad(n::text, 12, '0'))::uuid, 'rescue', 'r1', '',
             'active', case when n % 2 = 0 then 'call' else 'task-1' end, 'waiting', '2026-03-01T09:00:00Z',
             '2026-03-01T09:00:00Z', '{}', '{}', false
         from generate_series(1, 120) n",
    )
    .execute(&site.pool)
    .await
    .unwrap();
    for (search, wanted) in [("?at=call", 61), ("?state=active", 121), ("", 121)] {
        let (mut seen, mut path) = (0, Some(format!("/playbooks/rescue/accounts{search}")));
        while let Some(at) = path.take() {
            let page = site.get(&at).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.body);
            seen += page.body.matches("<strong><a href=\"/accounts/").count();
            path = page.next();
        }
        assert_eq!(seen, wanted, "{search}");
    }
}

#[tokio::test]
async fn a_playbook_is_stopped_from_its_page() {
    let site = Site::filled().await;
    let page = site.get("/playbooks/rescue").await;
    let stop = links(&page, "/stops/stop");
    assert_eq!(stop, ["/stops/stop?what=playbook%3Arescue"]);
    site.get(&stop[0]).await.shows("Stop the playbook rescue?");
    site.post("/stops/stop", "what=playbook%3Arescue&because=wrong").await;
    let page = site.get("/playbooks/rescue").await;
    assert_eq!(links(&page, "/stops/resume"), ["/stops/resume?what=playbook%3Arescue"]);
    assert_eq!(links(&page, "/stops/stop"), [""; 0]);
}

#[tokio::test]
async fn two_revisions_are_compared_line_by_line() {
    let world = World::new().await;
    world.playbook(&playbook("call", "when: account.mrr > 5", "  - task: { title: Call, to: csm }"));
    world.publish_at("2026-03-01T09:00:00Z").await;
    world.playbook(&playbook("call", "when: account.mrr > 6", "  - task: { title: Ring, to: csm }"));
    world.publish_at("2026-03-02T09:00:00Z").await;
    let site = site(&world);
    let page = site.get("/playbooks/call/revisions").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.shows("from its file");
    let compare = links(&page, "/playbooks/call/revisions?");
    let [compare] = &compare[..] else { panic!("{compare:?}") };
    let page = site.get(compare).await;
    page.shows("the condition: `account.mrr &gt; 5` before, `account.mrr &gt; 6` after");
    for (class, text) in [("removed", "when: account.mrr &gt; 5"), ("added", "when: account.mrr &gt; 6")] {
        let (_, row) = page.body.split_once(&format!("<tr class=\"{class}\">")).expect("a row");
        assert!(row.split("</tr>").next().unwrap().contains(text), "{class}: {row}");
    }
    let unknown = site.get("/playbooks/call/revisions?from=x&to=y").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let sources = links(&site.get("/playbooks/call/revisions").await, "/playbooks/call/source");
    let texts = [site.get(&sources[0]).await, site.get(&sources[1]).await];
    texts[0].shows("title: Ring");
    texts[0].shows(", in force");
    texts[1].shows("title: Call");
    texts[1].shows(", not in force");
}

#[tokio::test]
async fn the_source_carries_what_check_says_of_its_lines() {
    let site = Site::filled().await;
    sqlx::query("update keepwell.revisions set text = replace(text, 'account.mrr > 0', 'account.nonsense > 0')")
        .execute(&site.pool)
        .await
        .unwrap();
    let page = site.get("/playbooks/rescue/source").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let (_, marked) = page.body.split_once("<tr class=\"marked\"><td class=\"at\">5</td>").expect("line 5 is marked");
    let line = marked.split("</tr>").next().unwrap();
    assert!(line.contains("account.nonsense") && line.contains("KW0202"), "{line}");
    assert_eq!(site.get("/playbooks/rescue/source?revision=x").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_plan_of_now_is_that_of_the_command_and_writes_nothing() {
    let world = journey_of_many().await;
    world.account("a10", json!({ "name": "New <i>firm</i>", "mrr": 9000, "csm_id": "csm-9" })).await;
    let site = site(&world);
    let before = (world.enrollments().await, world.tasks().await, world.messages().await, world.runs().await);
    let page = site.get("/playbooks/call/plan").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.shows("New &lt;i&gt;firm&lt;/i&gt;");
    page.shows("<dt>Would enter</dt><dd>1</dd>");
    page.shows("<dt>On the way, would go on</dt><dd>7</dd>");
    page.shows("At once: task <code>call</code> <strong>1</strong>");
    page.shows("After 32 d: task <code>visit</code> <strong>1</strong>");
    let after = (world.enrollments().await, world.tasks().await, world.messages().await, world.runs().await);
    assert_eq!(before, after);
    let plan = world.plan("call", at("2026-03-05T12:00:00Z")).await;
    assert_eq!((plan.enter.len(), plan.continues.len(), plan.leaves.len()), (1, 7, 0));

    site.post("/stops/stop", "what=playbook%3Acall").await;
    site.get("/playbooks/call/plan").await.shows("Nobody would enter: stopped.");
    assert_eq!(site.get("/playbooks/none/plan").await.status, StatusCode::NOT_FOUND);
}
