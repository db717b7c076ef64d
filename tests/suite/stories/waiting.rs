//! Waits, branches and the times in between.

use serde_json::json;

use crate::support::world::{World, lines, playbook};

const ALL: &str = "when: account.mrr > 0";

/// A task, to see when a step was reached.
fn mark(id: &str) -> String {
    format!("  - task: {{ id: {id}, title: {id}, to: csm }}\n")
}

#[tokio::test]
async fn waits_end_at_their_due_instant_however_late_the_look() {
    let world = World::new().await;
    let steps = format!("  - wait: 1d\n{}  - wait: 2d\n{}  - wait: 4d\n{}", mark("one"), mark("two"), mark("three"));
    world.playbook(&playbook("slow", ALL, &steps));
    world.account("a1", json!({})).await;
    world.run_at("2026-03-02T09:07:00Z").await;
    world.pass_at("2026-03-06T11:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "step created_at"), ["one 03-03T09:07", "two 03-05T09:07"]);
    assert_eq!(lines(&world.enrollments().await, "step due_at"), ["wait-3 03-09T09:07"]);
    world.pass_at("2026-03-09T09:06:00Z").await;
    assert_eq!(world.tasks().await.len(), 2);
    world.pass_at("2026-03-09T09:07:00Z").await;
    assert_eq!(world.tasks().await.len(), 3);
    assert_eq!(lines(&world.enrollments().await, "state ended_at"), ["completed 03-09T09:07"]);
}

#[tokio::test]
async fn business_days_and_local_times_of_the_account() {
    let world = World::with("holidays: [2026-03-09]\n").await;
    let steps =
        format!("  - wait: 2 business days\n{}  - wait: {{ for: 1h, at: \"09:00\" }}\n{}", mark("one"), mark("two"));
    world.playbook(&playbook("slow", &format!("{ALL}\ntimezone: Europe/Berlin"), &steps));
    world.account("a1", json!({ "timezone": "America/New_York" })).await;
    world.account("a2", json!({})).await;
    // A Friday, 15:00 in Berlin; Monday is a holiday.
    world.run_at("2026-03-06T14:00:00Z").await;
    world.pass_at("2026-03-20T00:00:00Z").await;
    assert_eq!(
        lines(&world.tasks().await, "account step created_at"),
        [
            "a1 one 03-11T14:00",
            "a1 two 03-12T13:00", // 09:00 in New York, in summer time already
            "a2 one 03-11T14:00",
            "a2 two 03-12T08:00", // 09:00 in Berlin
        ]
    );
}

#[tokio::test]
async fn a_wait_until_takes_the_way_of_what_happened() {
    let world = World::new().await;
    let steps = format!(
        concat!(
            "  - wait:\n      id: quiet\n      until: account.events(\"login\", since_step) > 0\n",
            "      at_most: 4d\n      on_met: thanks\n",
            "{}  - end: silent\n{}",
        ),
        mark("call"),
        mark("thanks")
    );
    world.playbook(&playbook("nudge", ALL, &steps));
    for id in ["a1", "a2", "a3"] {
        world.account(id, json!({})).await;
    }
    // Before the wait began: it does not count.
    world.event("a1", "login", "2026-03-02T08:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.event("a2", "login", "2026-03-03T10:03:00Z").await;
    world.event("a3", "login", "2026-03-06T09:00:00Z").await;
    world.pass_at("2026-03-03T10:10:00Z").await;
    assert!(world.tasks().await.is_empty(), "the quarter hour has not come");
    world.pass_at("2026-03-03T10:15:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account step created_at"), ["a2 thanks 03-03T10:15"]);
    world.pass_at("2026-03-08T00:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "account state reason ended_at"),
        ["a1 completed silent 03-06T09:00", "a2 completed - 03-03T10:15", "a3 completed silent 03-06T09:00"]
    );
    assert_eq!(lines(&world.tasks().await, "account step"), ["a1 call", "a2 thanks", "a3 call"]);
}

#[tokio::test]
async fn targets_can_end_it_and_jump_ahead() {
    let world = World::new().await;
    let steps = format!(
        concat!(
            "  - wait: {{ until: account.activated_at != none, at_most: 1d, on_met: end, on_timeout: last }}\n",
            "{}{}",
        ),
        mark("never"),
        mark("last")
    );
    world.playbook(&playbook("nudge", ALL, &steps));
    world.account("a1", json!({})).await;
    world.account("a2", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set activated_at = '2026-03-02T10:00:00Z' where id = 'a1'").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 completed", "a2 completed"]);
    assert_eq!(lines(&world.tasks().await, "account step"), ["a2 last"]);
}

#[tokio::test]
async fn a_date_is_followed_when_it_moves() {
    let world = World::new().await;
    let steps = format!("  - wait: {{ date: account.renewal_at - days(90) }}\n{}", mark("plan"));
    world.playbook(&playbook("renewal", ALL, &steps));
    for id in ["early", "late", "past", "gone", "same"] {
        world.account(id, json!({ "renewal_at": "2026-06-08T09:00:00Z" })).await;
    }
    world.sql("update customers.accounts set renewal_at = '2026-05-01' where id = 'past'").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account created_at"), ["past 03-02T09:00"]);
    assert_eq!(
        lines(&world.enrollments().await, "account due_at"),
        ["early 03-10T09:00", "gone 03-10T09:00", "late 03-10T09:00", "past -", "same 03-10T09:00"]
    );
    world.sql("update customers.accounts set renewal_at = '2026-06-02T09:00:00Z' where id = 'early'").await;
    world.sql("update customers.accounts set renewal_at = '2026-06-18T09:00:00Z' where id = 'late'").await;
    world.sql("update customers.accounts set renewal_at = null where id = 'gone'").await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "account state due_at reason"),
        [
            "early active 03-04T09:00 -",
            "gone exited - no date: wait-1",
            "late active 03-20T09:00 -",
            "past completed - -",
            "same active 03-10T09:00 -",
        ]
    );
    world.pass_at("2026-03-30T00:00:00Z").await;
    assert_eq!(
        lines(&world.tasks().await, "account created_at"),
        ["early 03-04T09:00", "late 03-20T09:00", "past 03-02T09:00", "same 03-10T09:00"]
    );
}

#[tokio::test]
async fn branches_take_the_first_arm_that_holds() {
    let world = World::new().await;
    let steps = concat!(
        "  - branch:\n",
        "      - if: account.mrr >= 500\n",
        "        steps:\n",
        "          - task: { id: big, title: big, to: csm }\n",
        "      - if: account.mrr >= 100\n",
        "        steps:\n",
        "          - task: { id: middle, title: middle, to: csm }\n",
        "          - end: enough\n",
        "      - else:\n",
        "          - task: { id: small, title: small, to: csm }\n",
        "  - task: { id: after, if: account.tier == \"A\", title: after, to: csm }",
    );
    world.playbook(&playbook("sizes", ALL, steps));
    for (id, mrr, tier) in [("a1", 500, "A"), ("a2", 499, "A"), ("a3", 99, "B")] {
        world.account(id, json!({ "mrr": mrr, "tier": tier })).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account step"), ["a1 after", "a1 big", "a2 middle", "a3 small"]);
    assert_eq!(lines(&world.enrollments().await, "account reason"), ["a1 -", "a2 enough", "a3 -"]);
}

#[tokio::test]
async fn what_people_did_decides_the_next_step() {
    let world = World::new().await;
    let steps = concat!(
        "  - email: { id: hello, to: champion, subject: Hi, body: Hello }\n",
        "  - task: { id: call, title: call, to: csm, outcomes: [reached, no answer] }\n",
        "  - wait: { until: done(\"call\"), at_most: 5d }\n",
        "  - task: { id: mailed, if: sent(\"hello\"), title: mailed, to: csm }\n",
        "  - task: { id: again, if: outcome(\"call\") == \"no answer\", title: again, to: csm }\n",
        "  - task: { id: late, if: \"!done(\\\"call\\\")\", title: late, to: csm }",
    );
    world.playbook(&playbook("calls", ALL, steps));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.done("call", Some("no answer"), "2026-03-03T10:01:00Z").await;
    world.account("a2", json!({})).await;
    world.run_at("2026-03-03T10:15:00Z").await;
    assert_eq!(
        lines(&world.tasks().await, "account step state"),
        ["a1 again open", "a1 call done", "a1 mailed open", "a2 call open"]
    );
    world.pass_at("2026-03-08T10:15:00Z").await;
    // Nobody could be mailed at a2, and nobody called.
    assert_eq!(lines(&world.tasks().await, "account step state")[3..], ["a2 call open", "a2 late open"]);
}
