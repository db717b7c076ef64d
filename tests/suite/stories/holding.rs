//! A run that would touch too many waits for a person.

use keepwell::ids::{Actor, Word};
use keepwell::store::runs::parse_run_id;
use keepwell::store::runs::releases::{ReleaseAnswer, ReleasePace};
use serde_json::json;

use crate::support::world::{World, at, lines, playbook};

const KEYS: &str = "when: account.tier == \"A\"\nguardrails: { hold_above: { count: 2, share: 0% } }";
const STEPS: &str = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }";

async fn held() -> World {
    let world = World::new().await;
    world.playbook(&playbook("welcome", KEYS, STEPS));
    for id in ["a1", "a2", "a3"] {
        world.customer(id).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world
}

const RUN: &str = "welcome@2026-03-02T09:00:00Z";

#[tokio::test]
async fn a_run_above_its_limit_is_held_and_nothing_is_active() {
    let world = held().await;
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["id"], &run["state"], &run["held"]), (&json!(RUN), &json!("held"), &json!(3)));
    assert_eq!((&run["candidates"], &run["enrolled"], &run["skipped"]), (&json!(3), &json!(0), &json!({ "held": 3 })));
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 held", "a2 held", "a3 held"]);
    assert!(world.mails().await.is_empty());
    let [notice] = &world.notices().await[..] else { panic!("one notice") };
    assert_eq!((&notice["to"], &notice["state"]), (&json!("ops@acme.example"), &json!("captured")));
    assert!(world.text(notice).await.contains(RUN));
    // Time alone changes nothing.
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "state"), ["held", "held", "held"]);
}

#[tokio::test]
async fn exactly_the_limit_goes() {
    let world = World::new().await;
    world.playbook(&playbook("welcome", KEYS, STEPS));
    world.customer("a1").await;
    world.customer("a2").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "account state"), ["a1 captured", "a2 captured"]);
}

#[tokio::test]
async fn the_next_run_replaces_a_held_one() {
    let world = held().await;
    world.sql("update customers.accounts set tier = 'B' where id = 'a3'").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.runs().await, "slot state reason enrolled"),
        ["03-02T09:00 skipped superseded 0", "03-03T09:00 done - 2"]
    );
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 completed", "a2 completed"]);
    assert_eq!(world.approve(RUN, "2026-03-03T10:00:00Z").await, ReleaseAnswer::NotHeld);
}

#[tokio::test]
async fn an_approved_run_is_decided_again_and_enrolls_at_most_the_held() {
    let world = held().await;
    world.customer("a4").await;
    world.sql("update customers.accounts set tier = 'B' where id = 'a1'").await;
    world.sql("update customers.accounts set status = 'churned' where id = 'a2'").await;
    assert_eq!(world.approve(RUN, "2026-03-02T11:00:00Z").await, ReleaseAnswer::Taken);
    assert_eq!(world.approve(RUN, "2026-03-02T11:00:00Z").await, ReleaseAnswer::Already);
    // Whoever says another pace is not told that it holds.
    let (playbook, slot) = parse_run_id(RUN).unwrap();
    let word = Word::new(Actor("another"), at("2026-03-02T11:00:00Z"));
    let other = world.store().approve_run(&playbook, slot, ReleasePace::AtOnce, word).await.unwrap();
    assert_eq!(other, ReleaseAnswer::OtherPace);
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state started_at"), ["a3 completed 03-02T12:00"]);
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["state"], &run["enrolled"]), (&json!("done"), &json!(1)));
    assert_eq!(run["skipped"], json!({ "no longer matches": 1, "status": 1 }));
    assert_eq!(lines(&world.mails().await, "account state"), ["a3 captured"]);
    // The others have used nothing up.
    world.sql("update customers.accounts set tier = 'A', status = 'active' where id in ('a1', 'a2')").await;
    world.sql("update customers.accounts set tier = 'B' where id = 'a4'").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 completed", "a2 completed", "a3 completed"]);
}

#[tokio::test]
async fn approved_and_not_yet_released_counts_as_active() {
    let world = held().await;
    world.approve(RUN, "2026-03-02T11:00:00Z").await;
    world
        .stop(keepwell::store::upkeep::stopped::StopTarget::Playbook("welcome".to_owned()), "2026-03-02T11:30:00Z")
        .await;
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "state"), ["held", "held", "held"]);
    world.resume(keepwell::store::upkeep::stopped::StopTarget::Playbook("welcome".to_owned())).await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.runs().await, "slot state enrolled skipped"),
        ["03-02T09:00 done 3 {}", r#"03-03T09:00 done 0 {"active":3}"#]
    );
}

#[tokio::test]
async fn a_discarded_run_uses_nothing_up() {
    let world = held().await;
    assert_eq!(world.discard(RUN, "2026-03-02T11:00:00Z").await, ReleaseAnswer::Taken);
    assert_eq!(world.discard(RUN, "2026-03-02T11:00:00Z").await, ReleaseAnswer::NotHeld);
    assert!(world.enrollments().await.is_empty());
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.runs().await, "slot state reason held"),
        [
            "03-02T09:00 skipped discarded -".to_owned(),
            "03-03T09:00 held 3 would enter; more than 2 wait for a person's approval 3".to_owned()
        ]
    );
}

#[tokio::test]
async fn an_approval_is_bound_to_the_revision() {
    let world = held().await;
    world.playbook(&playbook("welcome", KEYS, &STEPS.replace("Hello", "Other")));
    world.publish_at("2026-03-02T10:00:00Z").await;
    assert_eq!(world.approve(RUN, "2026-03-02T11:00:00Z").await, ReleaseAnswer::Outdated);
    world.pass_at("2026-03-02T12:00:00Z").await;
    assert!(world.mails().await.is_empty());
}

#[tokio::test]
async fn a_run_that_is_stopped_does_not_replace_a_held_one() {
    let world = held().await;
    world.stop(keepwell::store::upkeep::stopped::StopTarget::All, "2026-03-02T10:00:00Z").await;
    world.run_at("2026-03-02T11:00:00Z").await;
    world.resume(keepwell::store::upkeep::stopped::StopTarget::All).await;
    assert_eq!(
        lines(&world.runs().await, "slot kind state"),
        ["03-02T09:00 manual held", "03-02T11:00 manual skipped"]
    );
    assert_eq!(world.approve(RUN, "2026-03-02T12:00:00Z").await, ReleaseAnswer::Taken);
}

#[tokio::test]
async fn a_changed_playbook_says_who_would_not_have_entered_before() {
    let world = World::new().await;
    let keys = "when: account.mrr > 90\nreentry: { gap: 1d }\nguardrails: { first_run: hold }";
    world.playbook(&playbook("welcome", keys, STEPS));
    for (id, mrr) in [("a1", 100), ("a2", 100), ("a3", 95), ("a4", 50)] {
        world.account(id, json!({ "mrr": mrr })).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.approve(RUN, "2026-03-02T10:00:00Z").await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    world.playbook(&playbook(
        "welcome",
        &keys.replace("account.mrr > 90", "account.mrr > 40 && account.mrr != 95"),
        STEPS,
    ));
    world.run_at("2026-03-04T09:00:00Z").await;
    let run = world.run("welcome", "2026-03-04T09:00:00Z").await;
    let reason = "first run of this revision: 3 would enter, and wait for a person's approval. \
                  1 would not enter by the revision before (a4); 1 would enter only by that (a3)";
    assert_eq!((&run["state"], &run["reason"]), (&json!("held"), &json!(reason)));
    let slot = at("2026-03-04T09:00:00Z");
    let sample = world.store().held_sample("welcome", slot, 2).await.unwrap();
    let named: Vec<(Option<&str>, String)> =
        sample.iter().map(|one| (one.account_name.as_deref(), one.read())).collect();
    assert_eq!(named, [(Some("A1"), "account.mrr = 100.0".to_owned()), (Some("A2"), "account.mrr = 100.0".to_owned())]);
    world.playbook(&playbook("welcome", keys, &STEPS.replace("Hello", "Other")));
    world.run_at("2026-03-05T12:00:00Z").await;
    let run = world.run("welcome", "2026-03-05T12:00:00Z").await;
    assert!(run["reason"].as_str().unwrap().ends_with("The revision before would enroll the same"), "{run}");
}

#[tokio::test]
async fn whoever_takes_over_a_held_run_lets_nobody_in() {
    let world = World::new().await;
    world.playbook(&playbook("welcome", &KEYS.replace("{ count: 2, share: 0% }", "off"), STEPS));
    world.customer("a1").await;
    world.publish_at("2026-03-02T08:00:00Z").await;
    // A daemon went away after it had decided to hold, for what does not hold any more.
    world
        .sql(
            "insert into keepwell.runs (playbook, slot, kind, revision, state, verdict, ceiling, started_at, token,
                 lease_until)
             select id, '2026-03-02T09:00:00Z', 'manual', revision, 'running', 'hold', 0, '2026-03-02T09:00:00Z',
                 '00000000-0000-0000-0000-000000000001', '2020-01-01' from keepwell.playbooks",
        )
        .await;
    world.pass_at("2026-03-02T09:05:00Z").await;
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    let reason = "1 would enter, and were held by a daemon that went away";
    assert_eq!((&run["state"], &run["reason"]), (&json!("held"), &json!(reason)));
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 held"]);
    assert!(world.mails().await.is_empty());
}

#[tokio::test]
async fn an_approved_run_goes_out_in_growing_batches() {
    let world = World::new().await;
    let ramp = "when: account.tier == \"A\"\nguardrails: { hold_above: { count: 2, share: 0% }, ramp: { first: 2, every: 15m, grow: 2x } }";
    world.playbook(&playbook("welcome", ramp, STEPS));
    for number in 1..=8 {
        world.customer(&format!("a{number}")).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(world.approve(RUN, "2026-03-02T10:00:00Z").await, ReleaseAnswer::Taken);
    let entered = async || {
        let active = world.enrollments().await.iter().filter(|one| one["state"] != json!("held")).count();
        (active, world.mails().await.len())
    };
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert_eq!(entered().await, (2, 2));
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["state"], &run["enrolled"], &run["skipped"]), (&json!("held"), &json!(2), &json!({ "held": 6 })));
    let reason = "approved: 2 have entered, 6 wait; the next 4 at 2026-03-02T10:15:00Z";
    assert_eq!(run["reason"], json!(reason));
    world.pass_at("2026-03-02T10:14:00Z").await;
    assert_eq!(entered().await, (2, 2));
    // One that no longer matches uses up no place of its batch.
    world.sql("update customers.accounts set tier = 'B' where id = 'a3'").await;
    world.pass_at("2026-03-02T10:15:00Z").await;
    assert_eq!(entered().await, (6, 6));
    world.pass_at("2026-03-02T10:30:00Z").await;
    assert_eq!(entered().await, (7, 7));
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!(
        (&run["state"], &run["enrolled"], &run["skipped"]),
        (&json!("done"), &json!(7), &json!({ "no longer matches": 1 }))
    );
}

#[tokio::test]
async fn an_approval_that_rested_for_a_day_is_asked_for_again() {
    let world = held().await;
    world.approve(RUN, "2026-03-02T10:00:00Z").await;
    world.pass_at("2026-03-03T10:00:01Z").await;
    assert_eq!(lines(&world.enrollments().await, "state"), ["held", "held", "held"]);
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert!(run["reason"].as_str().unwrap().contains("approve it again"), "{run}");
    world.approve(RUN, "2026-03-03T11:00:00Z").await;
    world.pass_at("2026-03-03T11:00:00Z").await;
    assert_eq!(world.mails().await.len(), 3);
}

#[tokio::test]
async fn a_first_run_is_held_where_the_author_wants_it() {
    let world = World::new().await;
    let keys = "when: account.tier == \"A\"\nreentry: { gap: 1d }\nguardrails: { first_run: hold }";
    world.playbook(&playbook("welcome", keys, STEPS));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    let reason = "first run of this revision: 1 would enter, and wait for a person's approval";
    assert_eq!((&run["state"], &run["reason"]), (&json!("held"), &json!(reason)));
    world.approve(RUN, "2026-03-02T10:00:00Z").await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(world.mails().await.len(), 2);
    world.playbook(&playbook("welcome", keys, "  - email: { id: hello, to: champion, subject: Other, body: Hello }"));
    world.run_at("2026-03-06T09:00:00Z").await;
    assert_eq!(world.run("welcome", "2026-03-06T09:00:00Z").await["state"], json!("held"));
}

#[tokio::test]
async fn a_run_that_is_much_larger_than_usual_is_held() {
    let world = World::new().await;
    let keys = "when: account.tier == \"A\"\nguardrails: { hold_above: { count: 2, share: 100% }, unusual: 3x }";
    world.playbook(&playbook("welcome", keys, STEPS));
    for day in 2..=4 {
        world.customer(&format!("a{day}")).await;
        world.run_at(&format!("2026-03-0{day}T09:00:00Z")).await;
    }
    for number in 10..14 {
        world.customer(&format!("b{number}")).await;
    }
    world.run_at("2026-03-05T09:00:00Z").await;
    let run = world.run("welcome", "2026-03-05T09:00:00Z").await;
    let reason = "4 would enter, which is unusual: more than 3 times 1, the median of the last runs";
    assert_eq!((&run["state"], &run["reason"]), (&json!("held"), &json!(reason)));
}

#[tokio::test]
async fn a_store_that_moved_holds_the_run() {
    let world = World::new().await;
    let keys = "when: account.tier == \"A\"\nreentry: { gap: 1d }\nguardrails: { store_change: 30% }";
    world.playbook(&playbook("welcome", keys, STEPS));
    for id in ["a1", "a2", "a3"] {
        world.customer(id).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("delete from customers.accounts where id = 'a3'").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    let run = world.run("welcome", "2026-03-04T09:00:00Z").await;
    let reason =
        "the store has changed from 3 to 2 since the last run: 2 would enter, and wait for a person's approval";
    assert_eq!((&run["state"], &run["reason"]), (&json!("held"), &json!(reason)));
}

#[tokio::test]
async fn no_more_than_so_many_enter_on_one_day() {
    let world = World::new().await;
    let keys = "when: account.tier == \"A\"\nguardrails: { max_per_day: 2 }";
    world.playbook(&playbook("welcome", keys, STEPS));
    for id in ["a1", "a2", "a3", "a4", "a5"] {
        world.customer(id).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.run_at("2026-03-02T15:00:00Z").await;
    assert_eq!(world.mails().await.len(), 2);
    let run = world.run("welcome", "2026-03-02T15:00:00Z").await;
    assert_eq!(run["skipped"], json!({ "day cap": 3, "reentry": 2 }));
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(world.mails().await.len(), 4);
}

#[tokio::test]
async fn a_run_on_stale_events_is_held() {
    let world = World::new().await;
    let keys = "when: account.events(\"login\", 30) == 0\nguardrails: { fresh: { events: 6h } }";
    world.playbook(&playbook("welcome", keys, STEPS));
    world.customer("a1").await;
    world.sql("insert into customers.events (account_id, id, name, at) values ('x', '1', 'login', '2026-03-02T02:00:00Z')").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!(run["state"], json!("held"));
    assert!(run["reason"].as_str().unwrap().starts_with("stale: the store has no events of the last 6h"), "{run}");
    world.sql("insert into customers.events (account_id, id, name, at) values ('x', '2', 'login', '2026-03-02T14:00:00Z')").await;
    world.run_at("2026-03-02T15:00:00Z").await;
    assert_eq!(world.run("welcome", "2026-03-02T15:00:00Z").await["state"], json!("done"));
    assert_eq!(world.mails().await.len(), 1);
}

#[tokio::test]
async fn mail_yields_to_another_playbook_while_that_is_active() {
    let world = World::new().await;
    let keys = "when: account.tier == \"A\"\nguardrails: { yields_to: [rescue] }";
    world.playbook(&playbook("welcome", keys, STEPS));
    world.playbook(&playbook("rescue", "when: account.mrr > 0", "  - wait: 1d"));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "playbook state reason"),
        ["welcome deferred yields to rescue, which is active"]
    );
    world.pass_at("2026-03-03T09:15:00Z").await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["welcome captured"]);
}

#[tokio::test]
async fn no_playbook_yields_to_itself_where_all_yield_to_it() {
    let world = World::with("guardrails: { yields_to: [rescue], first_run: go }\n").await;
    world.playbook(&playbook("welcome", "when: account.mrr > 0", STEPS));
    world.playbook(&playbook("rescue", "when: account.mrr > 0", &format!("{STEPS}\n  - wait: 1d")));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["rescue captured", "welcome deferred"]);
}

#[tokio::test]
async fn a_run_is_compared_with_those_before_it_only() {
    let world = World::new().await;
    let keys = "when: account.tier == \"A\"\nreentry: { gap: 1d }";
    world.playbook(&playbook("welcome", keys, STEPS));
    world.customer("a1").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    let (store, slot) = (world.store(), at("2026-03-02T09:00:00Z"));
    assert_eq!(store.earlier_run("welcome", slot).await.unwrap(), None);
    assert!(store.earlier_sizes("welcome", slot, 7).await.unwrap().is_empty());
    assert!(store.earlier_run("welcome", at("2026-03-06T09:00:00Z")).await.unwrap().is_some());
    // An earlier revision that nobody can read may have said something else of `reentry`.
    world.sql("update keepwell.revisions set text = 'playbook: [welcome'").await;
    world.playbook(&playbook("welcome", keys, &STEPS.replace("Hello", "Other")));
    world.run_at("2026-03-06T09:00:00Z").await;
    let run = world.run("welcome", "2026-03-06T09:00:00Z").await;
    assert_eq!(run["state"], json!("held"));
    let reason = "`reentry` may have changed: the revision before cannot be read: 1 would enter";
    assert!(run["reason"].as_str().unwrap().starts_with(reason), "{run}");
}
