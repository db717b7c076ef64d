//! What colleagues get to do, and when it goes away by itself.

use serde_json::json;

use crate::support::world::{World, lines, playbook, scheduled};

const ALL: &str = "when: account.mrr > 0";

#[tokio::test]
async fn a_task_is_due_in_the_business_days_of_its_assignee() {
    let world = World::with("holidays: [2026-03-09]\n").await;
    world.csm("kim", json!({ "timezone": "Asia/Tokyo" })).await;
    let steps = concat!(
        "  - task: { id: call, title: \"Call {{ account.name }}, {{ account.mrr }}\", to: csm, due: 1 business day, priority: high, checklist: [Read, Dial] }\n",
        "  - task: { id: date, title: date, to: csm, due: account.renewal_at }",
    );
    world.playbook(&playbook("calls", ALL, steps));
    world.account("a1", json!({ "csm_id": "kim", "renewal_at": "2026-05-01T00:00:00Z" })).await;
    world.account("a2", json!({})).await;
    // Friday 16:00 UTC is Saturday in Tokyo; Monday is a holiday.
    world.run_at("2026-03-06T16:00:00Z").await;
    assert_eq!(
        lines(&world.tasks().await, "account step assignee title due_at priority checklist"),
        [
            "a1 call kim Call A1, 100 03-09T16:00 high [\"Read\",\"Dial\"]",
            "a1 date kim date 05-01T00:00 normal []",
            "a2 call sam Call A2, 100 03-10T16:00 high [\"Read\",\"Dial\"]",
            "a2 date sam date - normal []",
        ]
    );
}

#[tokio::test]
async fn an_open_task_is_refreshed_and_not_doubled() {
    let world = World::new().await;
    let steps = "  - task: { id: call, title: \"{{ account.mrr }}\", to: csm, due: 1d }";
    world.playbook(&playbook("calls", "when: account.mrr > 0\nreentry: { gap: 1d }", steps));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set mrr = 50").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    let tasks = world.tasks().await;
    assert_eq!(lines(&tasks, "title state due_at created_at"), ["50 open 03-05T09:00 03-02T09:00"]);
    world.done("call", None, "2026-03-04T10:00:00Z").await;
    world.run_at("2026-03-06T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "title state due_at"), ["50 done 03-05T09:00", "50 open 03-07T09:00"]);
}

/// An enrollment that was lost enters again under its old name, and so does
/// what it asks for.
#[tokio::test]
async fn a_task_that_is_done_is_not_asked_for_again_and_keeps_nobody() {
    let world = World::new().await;
    world.playbook(&playbook("calls", ALL, "  - task: { id: call, title: Call, to: csm }"));
    for account in ["a1", "a2"] {
        world.account(account, json!({})).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world
        .sql("update keepwell.tasks set state = 'done', ended_at = '2026-03-02T10:00:00Z' where account_id = 'a1'")
        .await;
    world.sql("delete from keepwell.enrollments").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state reason"), ["a1 completed -", "a2 completed -"]);
    assert_eq!(
        lines(&world.tasks().await, "account step state created_at"),
        ["a1 call done 03-02T09:00", "a2 call open 03-02T09:00"]
    );
}

#[tokio::test]
async fn a_task_closes_itself_also_after_the_enrollment_has_ended() {
    let world = World::new().await;
    let steps = concat!(
        "  - task: { id: by-goal, title: a, to: csm }\n",
        "  - task: { id: by-rule, title: b, to: csm, close_when: account.mrr > 500 }\n",
        "  - task: { id: never, title: c, to: csm, close_when: off }",
    );
    world.playbook(&playbook("calls", "when: account.mrr > 0\ngoal: account.activated_at != none", steps));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "state"), ["completed"]);
    world.sql("update customers.accounts set mrr = 501").await;
    world.pass_at("2026-03-03T09:05:00Z").await;
    assert_eq!(
        lines(&world.tasks().await, "step state reason ended_at"),
        ["by-goal open - -", "by-rule closed solved: account.mrr = 501 03-03T09:00", "never open - -"]
    );
    world.sql("update customers.accounts set activated_at = '2026-03-04'").await;
    world.pass_at("2026-03-05T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "step state"), ["by-goal closed", "by-rule closed", "never open"]);
    // The goal came within its window after the end.
    assert_eq!(lines(&world.enrollments().await, "state"), ["goal"]);
}

#[tokio::test]
async fn a_kept_task_outlives_the_stop() {
    let world = World::new().await;
    let steps = concat!(
        "  - task: { id: kept, title: a, to: csm, keep: true }\n",
        "  - task: { id: fixed, title: b, to: csm, keep: true, close_when: off }\n",
        "  - task: { id: plain, title: c, to: csm }\n",
        "  - wait: 5d",
    );
    let keys = "when: account.mrr > 0\ngoal: account.activated_at != none\nexit: account.tier == \"C\"";
    world.playbook(&playbook("calls", keys, steps));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set tier = 'C'").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "step state"), ["fixed open", "kept open", "plain closed"]);
    // What closes it still holds.
    world.sql("update customers.accounts set activated_at = '2026-03-03'").await;
    world.pass_at("2026-03-04T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "step state"), ["fixed open", "kept closed", "plain closed"]);
}

#[tokio::test]
async fn who_is_missing_is_stood_in_for() {
    let world = World::new().await;
    world.csm("solo", json!({})).await;
    let steps = concat!(
        "  - task: { id: up, title: up, to: manager }\n",
        "  - task: { id: own, title: own, to: csm }\n",
        "  - task: { id: else, title: else, to: desk@acme.example }\n",
        "  - notify: { id: word, channel: manager, text: \"{{ account.name }}\" }",
    );
    world.playbook(&playbook("calls", ALL, steps));
    world.account("a1", json!({})).await;
    world.account("a2", json!({ "csm_id": "solo" })).await;
    world.account("a3", json!({ "csm_id": null })).await;
    world.account("a4", json!({ "csm_id": "nobody" })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&world.tasks().await, "account step assignee"),
        [
            "a1 else desk@acme.example",
            "a1 own sam",
            "a1 up mia",
            "a2 else desk@acme.example",
            "a2 own solo",
            "a2 up solo",
            "a3 else desk@acme.example",
            "a3 own -",
            "a3 up -",
            "a4 else desk@acme.example",
            "a4 own -",
            "a4 up -",
        ]
    );
    assert_eq!(
        lines(&world.notices().await, "account to audience state"),
        [
            "a1 mia@acme.example manager captured",
            "a2 solo@acme.example manager captured",
            "a3 ops@acme.example manager captured",
            "a4 ops@acme.example manager captured",
        ]
    );
}

#[tokio::test]
async fn a_script_describes_tasks_mails_and_notices() {
    let world = World::new().await;
    let steps = concat!(
        "  - run: |\n",
        "      for what in [\"first\", \"second\"] {\n",
        "        task(#{ title: what + \" for \" + account.name, to: \"csm\", due: \"1d\" });\n",
        "      }\n",
        "      email(#{ to: [\"champion\", \"owner\"], subject: \"From a script\", body: \"Hello \" + account.name });\n",
        "      if account.mrr > 500 { notify(#{ channel: \"csm\", text: \"big\" }); }\n",
    );
    world.playbook(&playbook("script", ALL, steps));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&world.tasks().await, "title state due_at"),
        ["first for A1 open 03-03T09:00", "second for A1 open 03-03T09:00"]
    );
    assert_eq!(
        lines(&world.messages().await, "channel to subject state"),
        ["email ann@a1.example From a script captured"]
    );
    assert_eq!(lines(&world.enrollments().await, "state"), ["completed"]);
}

#[tokio::test]
async fn what_a_script_puts_together_reads_as_it_stands() {
    let world = World::new().await;
    let steps = concat!(
        "  - run: |\n",
        "      email(#{ to: \"champion\", subject: account.name, body: \"For \" + account.name + \"\\n- bye\" });\n",
        "      email(#{ to: \"owner\", subject: \"Hi\", body: \"A [link](https://acme.example)\" });\n",
    );
    world.playbook(&playbook("script", ALL, steps));
    world.account("a1", json!({ "name": "[Free](http://evil.example)" })).await;
    world.contact("a1", "ann", json!({})).await;
    world.contact("a1", "bob", json!({ "role": "owner" })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let mails = world.mails().await;
    let to = |address: &str| mails.iter().find(|mail| mail["to"] == address).unwrap();
    let said = world.text(to("ann@a1.example")).await;
    assert!(said.contains("For [Free](http://evil.example)\n- bye"), "{said}");
    let said = world.text(to("bob@a1.example")).await;
    assert!(said.contains("A link (https://acme.example)"), "{said}");
}

#[tokio::test]
async fn a_shared_function_closes_over_plain_values() {
    let world = World::new().await;
    world.script("health", "fn low(account, most) { account.mrr < most }");
    world.playbook(&scheduled(
        "low",
        "0 9 * * *",
        "when: health::low(account, 200)",
        "  - task: { title: low, to: csm }",
    ));
    world.account("a1", json!({})).await;
    world.account("a2", json!({ "mrr": 200 })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account title"), ["a1 low"]);
}

#[tokio::test]
async fn a_script_counts_with_a_range() {
    let world = World::new().await;
    let steps = "  - run: |\n      for i in 0..2 { task(#{ title: \"Task \" + account.name, to: \"csm\" }); }";
    world.playbook(&playbook("rescue", ALL, steps));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(world.tasks().await.len(), 2, "{:#?}", world.messages().await);
}
