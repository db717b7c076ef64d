//! Playbooks that an event calls: whom it makes a candidate, when, and how often.

use keepwell::enrollment::Guard;
use keepwell::rehearsal::explanation::EntryVerdict;
use keepwell::store::customers::data_subject::Person;
use keepwell::store::customers::erasure::Erasure;
use keepwell::store::upkeep::stopped::StopTarget;
use serde_json::json;

use super::explaining::explain_then;
use crate::support::mapped::{Customers, on_both_stores};
use crate::support::world::{World, at, lines, scheduled};

const TIP: &str = "playbook: tip\nabout: A story.\non: { event: signed_up, after: 2h }\n\
    when: account.tier == \"A\"\nsteps:\n  - task: { id: call, title: Call, to: csm }\n";

/// A playbook that was published a minute before nine, and three accounts.
async fn world(text: &str) -> World {
    let world = World::new().await;
    world.playbook(text);
    for id in ["a1", "a2", "a3"] {
        world.account(id, json!({})).await;
    }
    world.pass_at("2026-03-02T08:59:00Z").await;
    world
}

async fn entered(world: &World) -> Vec<String> {
    lines(&world.enrollments().await, "account started_at")
}

async fn count(world: &World, table: &str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("select count(*) from keepwell.{table}"));
    sqlx::query_scalar(sql).fetch_one(world.store().pool()).await.unwrap()
}

on_both_stores!(whoever_had_the_event_enters_once_its_time_has_passed);

async fn whoever_had_the_event_enters_once_its_time_has_passed(customers: Customers) {
    let world = World::on(customers).await;
    world.playbook(TIP);
    for id in ["1", "2"] {
        world.account(id, json!({})).await;
    }
    world.pass_at("2026-03-02T08:59:00Z").await;
    world.event("1", "signed_up", "2026-03-02T07:30:20Z").await;
    world.event("2", "logged_in", "2026-03-02T07:30:00Z").await;
    for minute in ["09:00", "09:10", "09:30"] {
        world.pass_at(&format!("2026-03-02T{minute}:30Z")).await;
        assert!(entered(&world).await.is_empty(), "{minute}");
    }
    assert!(world.runs().await.is_empty(), "nobody came, and so there was no run");
    world.pass_at("2026-03-02T09:31:30Z").await;
    assert_eq!(entered(&world).await, ["1 03-02T09:31"]);
    for minute in ["09:32", "09:40", "10:00", "11:00"] {
        world.pass_at(&format!("2026-03-02T{minute}:00Z")).await;
    }
    assert_eq!(lines(&world.runs().await, "slot kind state candidates"), ["03-02T09:31 scheduled done 1"]);
}

#[tokio::test]
async fn an_event_is_looked_at_once_whatever_became_of_it() {
    let world = world(&TIP.replace("when:", "reentry: { gap: 1h }\nwhen:")).await;
    world.event("a1", "signed_up", "2026-03-02T07:00:00Z").await;
    world.event("a2", "signed_up", "2026-03-02T07:00:00Z").await;
    world.sql("update customers.accounts set tier = 'B' where id = 'a2'").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    assert_eq!(entered(&world).await, ["a1 03-02T09:00"]);
    // Neither the first, whose gap is over, nor the second, who would fit now, comes again.
    world.sql("update customers.accounts set tier = 'A'").await;
    for hour in ["09:05", "11:00", "12:00", "20:00"] {
        world.pass_at(&format!("2026-03-02T{hour}:00Z")).await;
    }
    assert_eq!(entered(&world).await, ["a1 03-02T09:00"]);
    // A new event does it.
    world.event("a1", "signed_up", "2026-03-02T19:00:30Z").await;
    world.pass_at("2026-03-02T21:01:00Z").await;
    assert_eq!(entered(&world).await, ["a1 03-02T09:00", "a1 03-02T21:01"]);
}

#[tokio::test]
async fn what_is_from_before_the_playbook_is_its_past() {
    let world = World::new().await;
    world.playbook(TIP);
    world.account("a1", json!({})).await;
    world.account("a2", json!({})).await;
    world.event("a1", "signed_up", "2026-03-02T06:00:00Z").await;
    world.event("a2", "signed_up", "2026-03-02T08:30:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    for hour in ["09:10", "10:00", "10:30"] {
        world.pass_at(&format!("2026-03-02T{hour}:00Z")).await;
    }
    // The event of the second was there before the playbook, and due after that.
    assert_eq!(entered(&world).await, ["a2 03-02T10:30"]);
    // A changed text does not begin again.
    world.event("a1", "signed_up", "2026-03-02T08:40:00Z").await;
    world.playbook(&TIP.replace("title: Call", "title: Ring"));
    world.pass_at("2026-03-02T10:45:00Z").await;
    assert_eq!(entered(&world).await, ["a1 03-02T10:45", "a2 03-02T10:30"]);
}

#[tokio::test]
async fn minutes_that_were_missed_are_made_up_for() {
    let world = world(TIP).await;
    world.event("a1", "signed_up", "2026-03-02T10:00:00Z").await;
    world.event("a2", "signed_up", "2026-03-03T10:00:00Z").await;
    world.event("a3", "signed_up", "2026-03-05T08:30:00Z").await;
    // Down for three days.
    world.pass_at("2026-03-05T09:00:10Z").await;
    assert_eq!(entered(&world).await, ["a1 03-05T09:00", "a2 03-05T09:00"]);
    assert_eq!(lines(&world.runs().await, "slot state enrolled"), ["03-05T09:00 done 2"]);
    world.pass_at("2026-03-05T10:30:00Z").await;
    assert_eq!(entered(&world).await.len(), 3);
}

#[tokio::test]
async fn an_event_that_comes_late_into_the_store_is_found() {
    let world = world(TIP).await;
    world.pass_at("2026-03-02T12:00:00Z").await;
    // Due at 11:55, some minutes ago; and due at 10:00, two hours ago.
    world.event("a1", "signed_up", "2026-03-02T09:55:00Z").await;
    world.event("a2", "signed_up", "2026-03-02T08:00:00Z").await;
    world.pass_at("2026-03-02T12:01:00Z").await;
    assert_eq!(entered(&world).await, ["a1 03-02T12:01"]);
    world.pass_at("2026-03-02T13:00:00Z").await;
    assert_eq!(entered(&world).await, ["a1 03-02T12:01", "a2 03-02T13:00"]);
    // More than a day late is too late.
    world.pass_at("2026-03-04T12:00:00Z").await;
    world.event("a3", "signed_up", "2026-03-03T09:00:00Z").await;
    world.pass_at("2026-03-04T13:00:00Z").await;
    assert_eq!(entered(&world).await.len(), 2);
}

#[tokio::test]
async fn whom_something_kept_out_is_looked_at_again_each_hour_of_a_day() {
    let world = world(&TIP.replace("when:", "suppress: account.mrr > 500\nwhen:")).await;
    world.sql("update customers.accounts set mrr = 900").await;
    world.event("a1", "signed_up", "2026-03-02T07:00:00Z").await;
    for minute in ["09:00", "09:01", "09:30", "10:00", "10:10"] {
        world.pass_at(&format!("2026-03-02T{minute}:00Z")).await;
    }
    assert_eq!(lines(&world.runs().await, "slot state candidates"), ["03-02T09:00 done 1", "03-02T10:00 done 1"]);
    world.sql("update customers.accounts set mrr = 100").await;
    world.pass_at("2026-03-02T10:20:00Z").await;
    assert!(entered(&world).await.is_empty());
    world.pass_at("2026-03-02T11:00:00Z").await;
    assert_eq!(entered(&world).await, ["a1 03-02T11:00"]);
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert_eq!(world.runs().await.len(), 3);
}

#[tokio::test]
async fn while_a_run_waits_for_a_person_what_comes_waits_with_it() {
    let held = TIP.replace("when:", "guardrails: { hold_above: { count: 1, share: 0% }, ramp: off }\nwhen:");
    let world = world(&held).await;
    world.event("a1", "signed_up", "2026-03-02T07:00:00Z").await;
    world.event("a2", "signed_up", "2026-03-02T07:00:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    let run = world.run("tip", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["state"], &run["held"]), (&json!("held"), &json!(2)));
    let notice = world.notices().await.remove(0);
    assert!(world.text(&notice).await.contains("whose event comes meanwhile waits"), "{notice:#}");
    world.event("a3", "signed_up", "2026-03-02T07:30:00Z").await;
    for minute in ["09:30", "10:00"] {
        world.pass_at(&format!("2026-03-02T{minute}:00Z")).await;
    }
    assert_eq!(world.runs().await.len(), 1, "nothing has replaced it");
    world.approve("tip@2026-03-02T09:00:00Z", "2026-03-02T10:05:00Z").await;
    world.pass_at("2026-03-02T10:05:00Z").await;
    world.pass_at("2026-03-02T10:06:00Z").await;
    assert_eq!(entered(&world).await.len(), 3);
}

#[tokio::test]
async fn whoever_takes_a_run_over_finds_the_same_events() {
    let world = world(TIP).await;
    world.event("a1", "signed_up", "2026-03-02T07:00:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    // It died before it had written whom it let in, and after it kept what it looked at.
    world
        .sql(
            "delete from keepwell.messages; delete from keepwell.tasks; delete from keepwell.enrollments;
             update keepwell.runs set state = 'running', verdict = null, ceiling = null, enrolled = 0,
                 token = gen_random_uuid(), lease_until = clock_timestamp() - interval '1 second'",
        )
        .await;
    world.event("a2", "signed_up", "2026-03-02T07:01:00Z").await;
    world.pass_at("2026-03-02T09:02:00Z").await;
    assert_eq!(entered(&world).await, ["a1 03-02T09:00", "a2 03-02T09:02"]);
    assert_eq!(count(&world, "event_looks").await, 2);
}

#[tokio::test]
async fn whoever_takes_a_run_over_leaves_those_beyond_its_count_to_a_later_one() {
    let world = world(TIP).await;
    world.event("a1", "signed_up", "2026-03-02T07:00:00Z").await;
    world.event("a2", "signed_up", "2026-03-02T07:00:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    // It had found one of them, and died before it had written anybody.
    world
        .sql(
            "delete from keepwell.messages; delete from keepwell.tasks; delete from keepwell.enrollments;
             delete from keepwell.event_looks;
             update keepwell.runs set state = 'running', verdict = 'go', ceiling = 1, enrolled = 0,
                 token = gen_random_uuid(), lease_until = clock_timestamp() - interval '1 second'",
        )
        .await;
    world.pass_at("2026-03-02T09:01:00Z").await;
    assert_eq!(entered(&world).await.len(), 1);
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert_eq!(entered(&world).await.len(), 2);
}

#[tokio::test]
async fn a_schedule_is_kept_also_where_nobody_can_look_for_events() {
    let world = world(TIP).await;
    world.playbook(&scheduled("daily", "0 9 * * *", "when: account.mrr > 0", "  - task: { id: look, title: Look }"));
    world.pass_at("2026-03-02T08:59:30Z").await;
    world.event("a1", "signed_up", "2026-03-02T07:00:00Z").await;
    world.sql("alter table customers.events rename to moved_events").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.runs().await, "playbook slot state"), ["daily 03-02T09:00 done"]);
    world.sql("alter table customers.moved_events rename to events").await;
    world.pass_at("2026-03-02T09:01:00Z").await;
    assert_eq!(lines(&world.runs().await, "playbook slot state"), ["daily 03-02T09:00 done", "tip 03-02T09:01 done"]);
}

#[tokio::test]
async fn what_was_due_while_it_was_stopped_is_not_replayed() {
    let world = world(TIP).await;
    world.stop(StopTarget::Playbook("tip".to_owned()), "2026-03-02T09:00:00Z").await;
    world.event("a1", "signed_up", "2026-03-02T07:30:00Z").await;
    world.event("a2", "signed_up", "2026-03-02T09:30:00Z").await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert!(world.runs().await.is_empty(), "a minute that is stopped has no row");
    world.resume(StopTarget::Playbook("tip".to_owned())).await;
    for minute in ["10:01", "11:00", "11:30", "12:00"] {
        world.pass_at(&format!("2026-03-02T{minute}:00Z")).await;
    }
    assert_eq!(entered(&world).await, ["a2 03-02T11:30"]);
}

#[tokio::test]
async fn a_schedule_beside_it_says_when_it_is_looked_at() {
    let world = world(&TIP.replace("on:", "schedule: \"0 9 * * *\"\non:")).await;
    world.event("a1", "signed_up", "2026-03-02T07:30:00Z").await;
    world.event("a2", "signed_up", "2026-03-03T06:59:00Z").await;
    for time in ["02T09:00", "02T10:00", "03T08:00", "03T09:00"] {
        world.pass_at(&format!("2026-03-{time}:00Z")).await;
    }
    assert_eq!(entered(&world).await, ["a1 03-03T09:00", "a2 03-03T09:00"]);
    // A slot that was missed leaves its events to the next one.
    world.event("a3", "signed_up", "2026-03-03T12:00:00Z").await;
    world.pass_at("2026-03-04T12:00:00Z").await;
    assert_eq!(entered(&world).await.len(), 2);
    world.pass_at("2026-03-05T09:00:00Z").await;
    assert_eq!(entered(&world).await[2], "a3 03-05T09:00");
}

#[tokio::test]
async fn beside_a_schedule_what_comes_late_and_whom_something_kept_out_is_looked_at_again() {
    let keys = "schedule: \"0 9 * * *\"\nsuppress: account.mrr > 500\non:";
    let world = world(&TIP.replace("on:", keys)).await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    world.event("a1", "signed_up", "2026-03-03T12:00:00Z").await;
    world.sql("update customers.accounts set mrr = 900 where id = 'a1'").await;
    world.pass_at("2026-03-04T09:00:00Z").await;
    assert!(entered(&world).await.is_empty());
    // Due before that look, and not there then; the other one two days before.
    world.event("a2", "signed_up", "2026-03-04T05:00:00Z").await;
    world.event("a3", "signed_up", "2026-03-02T08:00:00Z").await;
    world.sql("update customers.accounts set mrr = 100 where id = 'a1'").await;
    world.pass_at("2026-03-05T09:00:00Z").await;
    assert_eq!(entered(&world).await, ["a1 03-05T09:00", "a2 03-05T09:00"]);
}

#[tokio::test]
async fn a_weekly_look_finds_no_event_of_the_week_before_again() {
    let keys = "schedule: \"0 9 * * mon\"\nreentry: { gap: 1h }\non:";
    let world = world(&TIP.replace("on:", keys)).await;
    world.pass_at("2026-03-09T08:00:00Z").await;
    world.event("a1", "signed_up", "2026-03-09T06:30:00Z").await;
    for time in ["09T09:00", "10T12:00", "12T12:00", "15T12:00", "16T09:00"] {
        world.pass_at(&format!("2026-03-{time}:00Z")).await;
    }
    assert_eq!(entered(&world).await, ["a1 03-09T09:00"]);
    // Once no look goes back so far it is forgotten.
    for day in [23, 24] {
        world.pass_at(&format!("2026-03-{day}T09:00:00Z")).await;
    }
    assert_eq!(count(&world, "event_looks").await, 0);
}

#[tokio::test]
async fn a_new_revision_looks_at_the_events_of_a_run_that_nobody_can_approve_any_more() {
    let held = TIP.replace("when:", "guardrails: { hold_above: { count: 1, share: 0% } }\nwhen:");
    let world = world(&held).await;
    world.event("a1", "signed_up", "2026-03-02T07:00:00Z").await;
    world.event("a2", "signed_up", "2026-03-02T07:00:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    assert_eq!(world.run("tip", "2026-03-02T09:00:00Z").await["state"], json!("held"));
    world.playbook(&TIP.replace("title: Call", "title: Ring"));
    world.pass_at("2026-03-05T10:05:00Z").await;
    assert_eq!(
        lines(&world.runs().await, "slot state reason"),
        ["03-02T09:00 skipped superseded", "03-05T10:05 done -"]
    );
    assert_eq!(entered(&world).await.len(), 2);
}

/// Whom a canary has let in, and so has mailed, is not let in again by the next revision.
#[tokio::test]
async fn whom_a_run_let_in_before_it_was_superseded_enters_once() {
    let few = TIP.replace(
        "when:",
        "reentry: { gap: 1h }\nguardrails: { first_run: canary, ramp: { first: 1, every: 15m, grow: 10x } }\nwhen:",
    );
    let world = world(&few).await;
    world.event("a1", "signed_up", "2026-03-02T07:00:00Z").await;
    world.event("a2", "signed_up", "2026-03-02T07:00:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.runs().await, "state enrolled held"), ["held 1 1"]);
    world.playbook(&TIP.replace("title: Call", "title: Ring").replace("when:", "reentry: { gap: 1h }\nwhen:"));
    world.pass_at("2026-03-05T10:05:00Z").await;
    let accounts = lines(&world.enrollments().await, "account");
    assert_eq!(accounts, ["a1", "a2"], "each event once");
}

/// A person stops the playbook, mends and publishes it, and resumes it: those who waited are looked at.
#[tokio::test]
async fn the_events_of_a_held_run_outlast_a_stop() {
    let held = TIP.replace("when:", "guardrails: { hold_above: { count: 1, share: 0% } }\nwhen:");
    let world = world(&held).await;
    world.event("a1", "signed_up", "2026-03-02T07:00:00Z").await;
    world.event("a2", "signed_up", "2026-03-02T07:00:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    world.stop(StopTarget::Playbook("tip".to_owned()), "2026-03-02T09:01:00Z").await;
    world.playbook(&TIP.replace("title: Call", "title: Ring"));
    world.pass_at("2026-03-02T09:05:00Z").await;
    world.pass_at("2026-03-02T12:05:00Z").await;
    world.resume(StopTarget::Playbook("tip".to_owned())).await;
    world.pass_at("2026-03-02T12:10:00Z").await;
    world.pass_at("2026-03-02T12:11:00Z").await;
    assert_eq!(entered(&world).await.len(), 2);
}

#[tokio::test]
async fn an_event_counts_once_also_where_its_time_changes() {
    // Longer: what was looked at is not due a second time.
    let again = TIP.replace("when:", "reentry: { gap: 1h }\nwhen:");
    let world = world(&again).await;
    world.event("a1", "signed_up", "2026-03-02T07:00:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    world.event("a2", "signed_up", "2026-03-02T08:30:00Z").await;
    let longer = again.replace("after: 2h", "after: 5d");
    world.playbook(&longer);
    for time in ["02T09:10", "02T11:00", "03T12:00", "06T12:00", "07T07:30", "07T08:00", "07T08:31", "07T10:00"] {
        world.pass_at(&format!("2026-03-{time}:00Z")).await;
    }
    assert_eq!(entered(&world).await, ["a1 03-02T09:00", "a2 03-07T08:31"]);
    // Shorter: what was not due yet is so at once.
    world.event("a3", "signed_up", "2026-03-06T08:00:00Z").await;
    world.pass_at("2026-03-08T10:00:00Z").await;
    world.playbook(&again);
    world.pass_at("2026-03-08T10:01:00Z").await;
    world.pass_at("2026-03-08T10:02:00Z").await;
    assert_eq!(entered(&world).await.len(), 3);
    world.pass_at("2026-03-08T12:00:00Z").await;
    assert_eq!(entered(&world).await.len(), 3);
}

#[tokio::test]
async fn a_run_by_hand_looks_at_all_who_had_the_event_and_a_plan_says_so() {
    let world = world(TIP).await;
    world.event("a1", "signed_up", "2025-12-02T09:00:00Z").await;
    world.event("a2", "signed_up", "2026-03-02T07:30:00Z").await;
    let plan = world.plan("tip", at("2026-03-02T09:00:00Z")).await;
    let names: Vec<String> = plan.enter.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a1"], "the event of the second is not two hours ago");
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(entered(&world).await, ["a1 03-02T09:00"]);
}

#[tokio::test]
async fn of_contacts_each_has_events_of_their_own() {
    let text = "playbook: tip\nabout: A story.\nfor: contact\non: { event: invited }\nwhen: contact.email != none\n\
        steps:\n  - email: { id: hello, subject: Hi, body: Hello }\n";
    let world = world(text).await;
    world.contact("a1", "ann", json!({})).await;
    world.contact("a1", "bob", json!({})).await;
    world.event_of("a1", "bob", "invited", "2026-03-02T09:00:00Z").await;
    world.event("a1", "invited", "2026-03-02T09:00:00Z").await;
    // At its very instant it does not count yet.
    world.pass_at("2026-03-02T09:00:00Z").await;
    assert!(world.mails().await.is_empty());
    world.pass_at("2026-03-02T09:01:00Z").await;
    assert_eq!(lines(&world.mails().await, "contact state"), ["bob captured"]);
}

#[tokio::test]
async fn explain_says_what_the_event_has_to_do_with_it() {
    let world = world(TIP).await;
    world.event("a1", "signed_up", "2026-03-02T07:30:00Z").await;
    world.event("a2", "signed_up", "2026-02-20T07:30:00Z").await;
    let explain = async |account: &str, when: &str| {
        let explained = explain_then(&world, "tip", account, when, when).await;
        (explained.verdict, explained.decided_by, explained.reason)
    };
    let early = explain("a1", "2026-03-02T09:10:00Z").await;
    assert_eq!((early.0, early.1), (EntryVerdict::Skipped, Guard::Event));
    assert_eq!(early.2, "`on`: it has no event signed_up that is 2h ago or longer");
    let past = explain("a2", "2026-03-02T09:10:00Z").await;
    assert_eq!((past.0, past.1), (EntryVerdict::Skipped, Guard::Event));
    assert!(past.2.contains("before the playbook began to look"), "{}", past.2);
    assert_eq!(explain("a1", "2026-03-02T09:30:00Z").await.0, EntryVerdict::Enters);
    world.sql("update customers.accounts set tier = 'B' where id = 'a1'").await;
    world.pass_at("2026-03-02T09:30:00Z").await;
    world.sql("update customers.accounts set tier = 'A' where id = 'a1'").await;
    let over = explain("a1", "2026-03-02T10:30:00Z").await;
    assert_eq!((over.0, over.1), (EntryVerdict::Skipped, Guard::Event));
    assert!(over.2.contains("was looked at on 2 March 2026, 09:30, and it did not enter then"), "{}", over.2);
}

#[tokio::test]
async fn what_was_looked_at_goes_with_its_account_and_after_its_time() {
    let world = world(TIP).await;
    world.event("a1", "signed_up", "2026-03-02T07:00:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    assert_eq!(count(&world, "event_looks").await, 1);
    world.pass_at("2026-03-04T08:00:00Z").await;
    assert_eq!(count(&world, "event_looks").await, 1);
    // Once the look before goes back no further.
    world.pass_at("2026-03-04T10:00:00Z").await;
    world.pass_at("2026-03-04T10:01:00Z").await;
    assert_eq!(count(&world, "event_looks").await, 0);
    // Earlier where its account is erased; that of another one stays.
    world.event("a1", "signed_up", "2026-03-04T08:30:00Z").await;
    world.event("a2", "signed_up", "2026-03-04T08:30:00Z").await;
    world.pass_at("2026-03-04T10:30:00Z").await;
    assert_eq!(count(&world, "event_looks").await, 2);
    let erased = world
        .store()
        .erase(&Person::new("a1", None), &[], false, keepwell::ids::Actor("dana"), at("2026-03-04T11:00:00Z"))
        .await;
    assert!(matches!(erased.unwrap(), Erasure::Done(_)));
    assert_eq!(count(&world, "event_looks where account_id = 'a1'").await, 0);
    assert_eq!(count(&world, "event_looks").await, 1);
}
