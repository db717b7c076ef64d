//! A playbook gets another name: nobody is mailed twice, and nobody is dropped.

use keepwell::ids::{Actor, Word};
use keepwell::store::Store;
use keepwell::store::runs::playbooks::Missing;
use keepwell::store::runs::releases::ReleaseAnswer;
use keepwell::store::upkeep::stopped::StopTarget;
use keepwell::worker::runs::{names, publisher, scheduler};
use serde_json::json;

use crate::support::world::{World, at, lines, playbook, scheduled};

const HELLO: &str = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }";

/// Takes a file out of the folder, as `git mv` does.
fn take(world: &World, id: &str) {
    std::fs::remove_file(world.files().playbooks.join(format!("{id}.yaml"))).unwrap();
}

/// Gives a playbook's file another name, with the line that says so.
fn rename(world: &World, was: &str, id: &str, keys: &str, steps: &str) {
    take(world, was);
    world.playbook(&playbook(id, &format!("was: {was}\n{keys}"), steps));
}

async fn mailed(world: &World) -> Vec<String> {
    lines(&world.mails().await, "playbook account state")
}

#[tokio::test]
async fn nobody_is_mailed_twice_and_everybody_else_once() {
    let world = World::with("guardrails: { first_run: canary, ramp: { first: 1, every: 15m, grow: 2x } }\n").await;
    let keys = "when: account.mrr > 0\nguardrails: { hold_above: off, first_run: go }";
    world.playbook(&playbook("welcome", keys, HELLO));
    world.customer("a1").await.customer("a2").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let keys = keys.replace(", first_run: go", "");
    world.playbook(&playbook("welcome", &keys, HELLO));
    world.run_at("2026-03-02T10:00:00Z").await;
    for account in ["a3", "a4", "a5"] {
        world.customer(account).await;
    }
    rename(&world, "welcome", "hello", &keys, HELLO);
    let plan = world.plan("hello", at("2026-03-03T09:00:00Z")).await;
    assert_eq!((plan.was, plan.enter.len(), plan.hold), (vec!["welcome".to_owned()], 3, None));
    // A pure rename is no first run: no canary holds two of the three.
    world.run_at("2026-03-03T09:00:00Z").await;
    let expected: Vec<String> = (1..=5).map(|number| format!("hello a{number} captured")).collect();
    assert_eq!(mailed(&world).await, expected);
    assert_eq!(lines(&world.runs().await, "playbook state enrolled was").len(), 3);
    assert!(world.runs().await.iter().all(|run| run["playbook"] == "hello" && run["was"] == json!(["welcome"])));
    // The same publication again changes nothing.
    let report = world.publish_at("2026-03-03T10:00:00Z").await;
    assert!(report.change.renamed.is_empty() && report.change.paused.is_empty(), "{:?}", report.change);
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(mailed(&world).await, expected);
}

#[tokio::test]
async fn a_rename_with_another_text_is_a_first_run_for_those_who_have_not_entered() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0\nguardrails: { first_run: hold }";
    world.playbook(&playbook("welcome", "when: account.mrr > 0", HELLO));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.customer("a2").await;
    rename(&world, "welcome", "hello", keys, &HELLO.replace("Hi", "Good morning"));
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(mailed(&world).await, ["hello a1 captured"]);
    let run = world.run("hello", "2026-03-03T09:00:00Z").await;
    assert_eq!((&run["state"], &run["held"], &run["skipped"]["reentry"]), (&json!("held"), &json!(1), &json!(1)));
}

#[tokio::test]
async fn whoever_is_on_the_way_goes_on_with_the_steps_of_before() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0\nexit: account.tier == \"C\"";
    let steps = |days: u32, title: &str| {
        format!(
            "  - task: {{ id: note, title: Note, to: csm }}\n  - set: {{ risk: high }}\n  - wait: {days}d\n  - task: {{ id: call, title: {title}, to: csm }}\n{HELLO}"
        )
    };
    world.playbook(&playbook("rescue", keys, &steps(2, "old")));
    for account in ["a1", "a2", "a3"] {
        world.customer(account).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.stop(StopTarget::Account("a3".to_owned()), "2026-03-02T10:00:00Z").await;
    rename(&world, "rescue", "help", keys, &steps(9, "new"));
    world.sql("update customers.accounts set tier = 'C' where id = 'a2'").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    world.pass_at("2026-03-04T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "playbook account state started_at"),
        ["help a1 completed 03-02T09:00", "help a2 exited 03-02T09:00", "help a3 active 03-02T09:00"]
    );
    assert_eq!(
        lines(&world.tasks().await, "playbook account title state"),
        ["help a1 Note open", "help a1 old open", "help a2 Note closed", "help a3 Note open"]
    );
    assert_eq!(mailed(&world).await, ["help a1 captured"]);
    // Nothing is left under the name of before, but for what nobody may change.
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from keepwell.enrollments where playbook = 'rescue')
              + (select count(*) from keepwell.labels where playbook = 'rescue')
              + (select count(*) from keepwell.tasks where playbook = 'rescue')
              + (select count(*) from keepwell.messages where playbook = 'rescue')
              + (select count(*) from keepwell.runs where playbook = 'rescue')
              + (select count(*) from keepwell.playbooks where id = 'rescue')",
    )
    .fetch_one(world.store().pool())
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn no_slot_is_missed_and_none_runs_again() {
    let world = World::new().await;
    let hourly = |id: &str, keys: &str| {
        scheduled(id, "0 * * * *", &format!("{keys}when: account.mrr > 0\nreentry: {{ gap: 10m }}"), HELLO)
    };
    world.customer("a1").await;
    world.playbook(&hourly("hourly", ""));
    world.pass_at("2026-03-02T08:30:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    take(&world, "hourly");
    world.playbook(&hourly("each-hour", "was: hourly\n"));
    // First seen after its slot was due.
    world.pass_at("2026-03-02T10:05:00Z").await;
    world.pass_at("2026-03-02T11:00:00Z").await;
    assert_eq!(
        lines(&world.runs().await, "playbook slot state enrolled"),
        ["each-hour 03-02T09:00 done 1", "each-hour 03-02T10:00 done 1", "each-hour 03-02T11:00 done 1"]
    );
}

#[tokio::test]
async fn gap_day_cap_rises_and_stops_are_carried_over() {
    let world = World::new().await;
    let gap = "when: account.mrr > 0\nreentry: { gap: 7d }\nguardrails: { max_per_day: 2, hold_above: off }";
    let rise = "when: account.mrr > 0\nreentry: on_rematch";
    world.playbook(&playbook("gap", gap, HELLO)).playbook(&playbook("rise", rise, HELLO));
    world.playbook(&playbook("held", "when: account.mrr > 0", HELLO));
    world.stop(StopTarget::Playbook("held".to_owned()), "2026-03-02T08:00:00Z").await;
    for account in ["a1", "a2", "a3"] {
        world.customer(account).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    rename(&world, "gap", "new-gap", gap, HELLO);
    rename(&world, "rise", "new-rise", rise, HELLO);
    rename(&world, "held", "new-held", "when: account.mrr > 0", HELLO);
    world.run_at("2026-03-02T10:00:00Z").await;
    let run = async |playbook: &str| world.run(playbook, "2026-03-02T10:00:00Z").await;
    assert_eq!(run("new-gap").await["skipped"], json!({ "gap": 2, "day cap": 1 }));
    assert_eq!(run("new-rise").await["skipped"], json!({ "reentry": 3 }));
    assert_eq!(run("new-held").await["reason"], "stopped");
    world.run_at("2026-03-03T10:00:00Z").await;
    assert_eq!(mailed(&world).await.len(), 6);
}

#[tokio::test]
async fn whoever_is_held_out_stays_so() {
    let world = World::new().await;
    let keys = "when: account.tier == \"A\"\ngoal: account.activated_at != none\nholdout: 50%\n\
                reentry: { gap: 1d }\nguardrails: { hold_above: off }";
    for number in 1..=12 {
        world.customer(&format!("a{number}")).await;
    }
    world.playbook(&playbook("welcome", keys, HELLO));
    world.run_at("2026-03-02T09:00:00Z").await;
    let ghosts = async || {
        let all = world.enrollments().await;
        let mut ghosts = lines(&all.into_iter().filter(|row| row["state"] == "ghost").collect::<Vec<_>>(), "account");
        ghosts.dedup();
        ghosts
    };
    let before = ghosts().await;
    assert!(!before.is_empty() && before.len() < 12, "{before:?}");
    rename(&world, "welcome", "hello", keys, HELLO);
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!((ghosts().await, world.enrollments().await.len()), (before, 24));
}

#[tokio::test]
async fn a_held_run_can_still_be_approved_under_the_new_name() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0\nguardrails: { first_run: hold, ramp: off }";
    world.playbook(&playbook("welcome", keys, HELLO));
    world.customer("a1").await.customer("a2").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    rename(&world, "welcome", "hello", keys, HELLO);
    world.pass_at("2026-03-02T10:00:00Z").await;
    let word = world.approve("hello@2026-03-02T09:00:00Z", "2026-03-02T11:00:00Z").await;
    assert_eq!(word, ReleaseAnswer::Taken);
    world.pass_at("2026-03-02T11:00:00Z").await;
    assert_eq!(mailed(&world).await, ["hello a1 captured", "hello a2 captured"]);
}

#[tokio::test]
async fn a_name_of_before_still_means_the_playbook_in_texts_of_before() {
    let world = World::new().await;
    let rescue = "  - wait: 9d";
    world.playbook(&playbook("rescue", "when: account.tier == \"A\"", rescue));
    let steps = format!(
        "  - wait: 1d\n  - branch:\n      - if: account.in_playbook(\"rescue\")\n        steps:\n          - end: apart\n  - enroll: rescue\n{HELLO}"
    );
    world.playbook(&playbook("tips", "when: account.mrr > 0", &steps));
    world.account("a1", json!({})).await;
    world.account("b1", json!({ "tier": "B" })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    rename(&world, "rescue", "help", "when: account.tier == \"A\"", rescue);
    world.playbook(&playbook("tips", "when: account.mrr > 0", &steps.replace("rescue", "help")));
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "playbook account state reason"),
        ["help a1 active -", "help b1 active -", "tips a1 completed apart", "tips b1 completed -"]
    );
}

#[tokio::test]
async fn a_playbook_may_be_renamed_again_and_back() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0";
    world.customer("a1").await;
    world.playbook(&playbook("one", keys, HELLO));
    world.run_at("2026-03-02T09:00:00Z").await;
    rename(&world, "one", "two", keys, HELLO);
    world.run_at("2026-03-03T09:00:00Z").await;
    // A daemon that has seen neither of the names in between.
    take(&world, "two");
    world.playbook(&playbook("three", "was: [one, two]\nwhen: account.mrr > 0", HELLO));
    world.run_at("2026-03-04T09:00:00Z").await;
    rename(&world, "three", "one", keys, HELLO);
    world.run_at("2026-03-05T09:00:00Z").await;
    assert_eq!(mailed(&world).await, ["one a1 captured"]);
    let names = world.store().earlier_names().await.unwrap();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), [("three".into(), "one".into()), ("two".into(), "one".into())]);
    world.customer("a2").await;
    world.run_at("2026-03-06T09:00:00Z").await;
    assert_eq!(mailed(&world).await, ["one a1 captured", "one a2 captured"]);
}

#[tokio::test]
async fn a_line_that_comes_late_carries_the_history_over_all_the_same() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0\nguardrails: { hold_above: off }";
    world.customer("a1").await;
    world.playbook(&playbook("welcome", keys, HELLO));
    world.run_at("2026-03-02T09:00:00Z").await;
    take(&world, "welcome");
    // Another text, so that nobody asks.
    let other = &HELLO.replace("Hi", "Good morning");
    world.playbook(&playbook("keep", "when: account.mrr < 0", HELLO)).playbook(&playbook(
        "hello",
        "when: account.tier == \"B\"",
        other,
    ));
    world.account("b1", json!({ "tier": "B" })).await;
    world.contact("b1", "ann", json!({})).await;
    world.sql("update customers.accounts set mrr = 0 where id = 'b1'").await;
    let missing = Missing::Meant;
    publisher::publish(&world.shared, world.files(), missing, at("2026-03-03T08:00:00Z")).await.unwrap();
    world.run_at("2026-03-03T09:00:00Z").await;
    world.playbook(&playbook("hello", "was: welcome\nwhen: account.mrr >= 0", other));
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(mailed(&world).await, ["hello a1 captured", "hello b1 captured"]);
    assert_eq!(world.run("hello", "2026-03-04T09:00:00Z").await["skipped"], json!({ "reentry": 2 }));
}

#[tokio::test]
async fn a_file_with_errors_leaves_the_playbook_in_force_under_its_old_name() {
    let world = World::new().await;
    world.playbook(&playbook("welcome", "when: account.mrr > 0", HELLO));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.expect_mistakes();
    rename(&world, "welcome", "hello", "when: account.nonsense > 0", HELLO);
    world.customer("a2").await;
    let report = world.publish_at("2026-03-03T08:00:00Z").await;
    assert!(report.change.paused.is_empty(), "{:?}", report.change);
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(mailed(&world).await, ["welcome a1 captured", "welcome a2 captured"]);
    world.playbook(&playbook("hello", "was: welcome\nwhen: account.mrr > 0", HELLO));
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(mailed(&world).await, ["hello a1 captured", "hello a2 captured"]);
}

#[tokio::test]
async fn a_name_that_was_given_away_is_no_new_playbook() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0";
    world.playbook(&playbook("welcome", keys, HELLO));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    rename(&world, "welcome", "hello", keys, HELLO);
    world.run_at("2026-03-03T09:00:00Z").await;
    // Somebody takes the commit back.
    world.expect_mistakes();
    world.remove("hello");
    world.playbook(&playbook("welcome", keys, HELLO));
    let report = world.publish_at("2026-03-04T08:00:00Z").await;
    let told: Vec<_> = report.diagnostics.iter().map(|one| (one.code, one.message.as_str())).collect();
    assert_eq!(told, [("KW0118", "the playbook `welcome` was renamed to `hello`, which has its customers")]);
    let plan = world.plan("welcome", at("2026-03-04T09:00:00Z")).await;
    assert!(plan.reason.is_some_and(|reason| reason.starts_with("would not be published: ")));
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(mailed(&world).await, ["hello a1 captured"]);
    world.playbook(&playbook("welcome", &format!("was: hello\n{keys}"), HELLO));
    world.run_at("2026-03-05T09:00:00Z").await;
    assert_eq!(mailed(&world).await, ["welcome a1 captured"]);
}

#[tokio::test]
async fn two_playbooks_in_both_of_which_somebody_is_are_not_put_together() {
    let world = World::new().await;
    let (keys, wait) = ("when: account.mrr > 0", "  - wait: 9d");
    world.playbook(&playbook("one", keys, wait)).playbook(&playbook("two", keys, "  - wait: 5d"));
    world.customer("a1").await.customer("a2").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.expect_mistakes();
    take(&world, "one");
    world.playbook(&playbook("two", &format!("was: one\n{keys}"), wait));
    let report = world.publish_at("2026-03-03T09:00:00Z").await;
    let told: Vec<_> = report.diagnostics.iter().map(|one| (one.code, one.message.as_str())).collect();
    let message = "`was` names `one`, and 2 subjects are on their way both there and in `two`";
    assert_eq!(told, [("KW0118", message)]);
    assert_eq!(world.store().published().await.unwrap().iter().filter(|known| known.present).count(), 2);
    for enrollment in world.enrollments().await.iter().filter(|one| one["playbook"] == "one") {
        let id = enrollment["id"].as_str().unwrap().parse().unwrap();
        world.store().cancel_enrollment(id, Word::new(Actor("a test"), at("2026-03-03T10:00:00Z"))).await.unwrap();
    }
    world.run_at("2026-03-03T11:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "playbook account state"),
        ["two a1 active", "two a1 cancelled", "two a2 active", "two a2 cancelled"]
    );
}

#[tokio::test]
async fn a_plan_knows_the_history_of_all_names_that_are_put_together() {
    let world = World::new().await;
    let only = |account: &str| format!("when: account.name == \"{}\"", account.to_uppercase());
    world.playbook(&playbook("one", &only("a1"), HELLO)).playbook(&playbook("two", &only("a2"), HELLO));
    let waits = playbook("three", &only("a3"), "  - wait: 30d");
    world.playbook(&waits).playbook(&playbook("beside", &only("a9"), HELLO));
    world.customer("a1").await.customer("a2").await.customer("a3").await.customer("a4").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    // Two that are gone, into one that stays.
    for gone in ["one", "two"] {
        take(&world, gone);
    }
    world.playbook(&playbook("three", "was: [one, two]\nwhen: account.mrr > 0", "  - wait: 30d"));
    let plan = world.plan("three", at("2026-03-03T09:00:00Z")).await;
    let subjects =
        |subjects: &[keepwell::facts::SubjectId]| subjects.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(plan.was, ["one", "two"]);
    assert_eq!((subjects(&plan.enter), subjects(&plan.continues)), (vec!["a4".to_owned()], vec!["a3".to_owned()]));
    // And into one that is new.
    take(&world, "three");
    world.playbook(&playbook("four", "was: [two, one, three]\nwhen: account.mrr > 0", "  - wait: 30d"));
    let plan = world.plan("four", at("2026-03-03T09:00:00Z")).await;
    assert_eq!(
        (plan.was.len(), subjects(&plan.enter), subjects(&plan.continues)),
        (3, vec!["a4".to_owned()], vec!["a3".to_owned()])
    );
    world.run_at("2026-03-03T09:00:00Z").await;
    let entered = lines(&world.enrollments().await, "playbook account state");
    assert_eq!(
        entered,
        ["four a1 completed", "four a2 completed", "four a3 active", "four a4 active"],
        "and so it comes"
    );
}

/// A store of its own for a second daemon on the same database.
fn beside(world: &World) -> Store {
    Store::connect((*world.store().pool().connect_options()).clone(), 4)
}

#[tokio::test]
async fn a_daemon_that_works_under_the_old_name_enrolls_nobody_any_more() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0";
    world.playbook(&playbook("welcome", keys, HELLO));
    world.customer("a1").await;
    world.publish_at("2026-03-02T08:00:00Z").await;
    let published = world.store().published().await.unwrap().remove(0);
    let slot = at("2026-03-02T09:00:00Z");
    use keepwell::ids::{PlaybookId, RevisionId};
    use keepwell::store::runs::RunKind;
    let open = async |store: &Store, slot| {
        let revision = RevisionId(&published.revision);
        store.open_run(PlaybookId("welcome"), revision, slot, RunKind::Manual, slot).await.unwrap()
    };
    let run = open(world.store(), slot).await.expect("nobody has it");
    let rest = world.shared();
    rename(&world, "welcome", "hello", keys, HELLO);
    world.publish_at("2026-03-02T09:00:10Z").await;
    // It decides with what it has in its hands, and writes nothing.
    keepwell::worker::runs::run::carry_out(&rest, &run, slot).await.unwrap();
    assert!(world.enrollments().await.is_empty());
    assert_eq!(open(world.store(), at("2026-03-02T09:01:00Z")).await, None);
    // Two that publish at once find one history.
    let (one, two) = (world.shared(), world.beside(beside(&world)));
    let publish =
        async |shared| publisher::publish(shared, world.files(), Missing::Doubted, at("2026-03-02T09:02:00Z")).await;
    let (first, second) = tokio::join!(publish(&one), publish(&two));
    assert!(first.unwrap().change.renamed.is_empty() && second.unwrap().change.renamed.is_empty());
    // The run goes on under the new name, once its lease is over.
    world.sql("update keepwell.runs set lease_until = clock_timestamp() - interval '1 minute'").await;
    world.pass_at("2026-03-02T09:05:00Z").await;
    scheduler::manual(&world.shared, at("2026-03-02T09:06:00Z")).await.unwrap();
    world.pass_at("2026-03-02T09:06:00Z").await;
    assert_eq!(mailed(&world).await, ["hello a1 captured"]);
}

#[tokio::test]
async fn a_text_under_a_new_name_without_a_word_waits_for_one() {
    for word in ["was: welcome", "was: none", "an approval"] {
        let world = World::new().await;
        let keys = "when: account.mrr > 0\nguardrails: { ramp: off }";
        world.customer("a1").await;
        world.playbook(&playbook("other", "when: account.mrr < 0", HELLO));
        world.playbook(&playbook("welcome", keys, HELLO));
        world.run_at("2026-03-02T09:00:00Z").await;
        take(&world, "welcome");
        world.playbook(&playbook("hello", keys, HELLO));
        world.customer("a2").await;
        let reason = "this is the text of `welcome`, whose file is gone: 2 would enter, and wait until it says \
                      `was: welcome`, so that nobody enters twice, or `was: none` if it is new; an approval says that \
                      it is new";
        assert_eq!(world.plan("hello", at("2026-03-03T09:00:00Z")).await.hold.as_deref(), Some(reason));
        for day in ["2026-03-03T09:00:00Z", "2026-03-04T09:00:00Z"] {
            world.run_at(day).await;
            let run = world.run("hello", day).await;
            assert_eq!((run["state"].as_str(), run["reason"].as_str()), (Some("held"), Some(reason)));
        }
        assert_eq!(mailed(&world).await, ["welcome a1 captured"]);
        let expected = match word {
            "an approval" => {
                world.approve("hello@2026-03-04T09:00:00Z", "2026-03-04T10:00:00Z").await;
                &["hello a1 captured", "hello a2 captured", "welcome a1 captured"][..]
            }
            "was: none" => {
                world.playbook(&playbook("hello", &format!("{word}\n{keys}"), HELLO));
                &["hello a1 captured", "hello a2 captured", "welcome a1 captured"]
            }
            _ => {
                world.playbook(&playbook("hello", &format!("{word}\n{keys}"), HELLO));
                &["hello a1 captured", "hello a2 captured"]
            }
        };
        world.run_at("2026-03-05T09:00:00Z").await;
        world.customer("a3").await;
        world.run_at("2026-03-06T09:00:00Z").await;
        let mut expected: Vec<&str> = expected.to_vec();
        expected.insert(2, "hello a3 captured");
        assert_eq!(mailed(&world).await, expected, "{word}");
    }
}

#[tokio::test]
async fn a_copy_of_a_playbook_is_asked_about_only_where_the_other_was_gone_before() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0";
    world.customer("a1").await;
    world.playbook(&playbook("other", "when: account.mrr < 0", HELLO));
    world.playbook(&playbook("one", keys, HELLO)).playbook(&playbook("two", keys, HELLO));
    world.run_at("2026-03-02T09:00:00Z").await;
    take(&world, "one");
    world.customer("a2").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(world.run("two", "2026-03-03T09:00:00Z").await["state"], "done");
    assert_eq!(mailed(&world).await, ["one a1 captured", "two a1 captured", "two a2 captured"]);
}

#[tokio::test]
async fn a_check_beside_the_database_says_the_same() {
    let world = World::new().await;
    let keys = "when: account.mrr > 0";
    world.playbook(&playbook("welcome", keys, HELLO));
    world.publish_at("2026-03-02T09:00:00Z").await;
    take(&world, "welcome");
    world.playbook(&playbook("hello", keys, HELLO));
    let sources =
        keepwell::playbook::source::SourceSet::read(&[world.files().playbooks.clone()], &world.files().scripts);
    let (ready, _) = keepwell::catalog::load(&sources, &[], &world.shared.config, world.store().schema());
    let found = names::twins(world.store(), &ready, &["hello".to_owned()]).await.unwrap();
    let told: Vec<_> = found.iter().map(|one| (one.code, one.message.as_str())).collect();
    assert_eq!(told, [("KW0705", "this is the text of `welcome`, whose file is gone: its runs are held")]);
    let still = names::twins(world.store(), &ready, &["hello".to_owned(), "welcome".to_owned()]).await.unwrap();
    assert!(still.is_empty(), "{still:?}");
}
