//! Those who wait in an earlier revision, taken to the current one.

use keepwell::ids::{Actor, Word};
use keepwell::worker::enrollments::mover::Shown;
use serde_json::json;

use crate::support::world::{World, at, lines, playbook};

const OLD: &str = "  - email: { id: hello, to: champion, subject: Hello, body: Old }
  - wait: { id: pause, for: 10d }
  - task: { id: call, title: Old, to: csm }";

fn rescue(keys: &str, steps: &str) -> String {
    playbook("rescue", &format!("when: account.mrr > 0\n{keys}"), steps)
}

/// Three customers who got the first mail and wait.
async fn waiting() -> World {
    let world = World::new().await;
    world.playbook(&rescue("", OLD));
    for account in ["a1", "a2", "a3"] {
        world.customer(account).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world
}

/// What was shown, a line for each step: how many stand there and where it leads.
fn shown(shown: &Shown) -> Vec<String> {
    let lines = shown.groups.iter().map(|((_, step), group)| {
        let left: Vec<String> = group.left.iter().map(|(why, count)| format!(", {count} {why}")).collect();
        format!("{} {step} {:?}{}", group.count, group.to, left.concat())
    });
    lines.collect()
}

#[tokio::test]
async fn they_go_on_with_the_new_steps_and_what_was_done_is_not_done_again() {
    let world = waiting().await;
    let steps = "  - wait: { id: pause, for: 12d }
  - email: { id: hello, to: champion, subject: Hello, body: New }
  - task: { id: call, title: New, to: csm }
  - email: { id: more, to: champion, subject: More, body: New }";
    world.playbook(&rescue("goal: account.activated_at != none", steps));
    world.pass_at("2026-03-05T09:00:00Z").await;
    let plan = world.show_move("rescue", &[], "2026-03-05T09:00:00Z").await.unwrap();
    assert_eq!(shown(&plan), ["3 pause Some(Step(\"pause\"))"]);
    assert_eq!((plan.next.waits, plan.next.due), (3, Some(at("2026-03-14T09:00:00Z"))));
    assert_eq!(plan.next.not_again.get("hello"), Some(&3));
    assert!(plan.next.deeds.is_empty() && plan.next.ends.is_empty(), "{:?}", plan.next);
    // Nothing has happened yet; then one goes on meanwhile.
    let rows = world.enrollments().await;
    let other = rows.iter().find(|row| row["account"] == "a2").unwrap();
    let id = other["id"].as_str().unwrap().parse().unwrap();
    world.store().cancel_enrollment(id, Word::new(Actor("sam"), at("2026-03-05T09:01:00Z"))).await.unwrap();
    let done = world.carry_out(&plan, "2026-03-05T09:02:00Z").await;
    assert_eq!((done.moved, done.ended, done.gone_on.len()), (2, 0, 1));
    world.sql("update customers.accounts set activated_at = '2026-03-06' where id = 'a3'").await;
    for day in ["06", "12", "13", "14", "15"] {
        world.pass_at(&format!("2026-03-{day}T09:00:00Z")).await;
    }
    assert_eq!(lines(&world.tasks().await, "account title created_at"), ["a1 New 03-14T09:00"]);
    assert_eq!(
        lines(&world.mails().await, "account step state"),
        ["a1 hello captured", "a1 more captured", "a2 hello captured", "a3 hello captured"]
    );
    assert_eq!(
        lines(&world.enrollments().await, "account state ended_at"),
        ["a1 completed 03-14T09:00", "a2 cancelled 03-05T09:01", "a3 goal 03-06T09:00"]
    );
    // Who, why, and where it came from.
    let rows = world.enrollments().await;
    let way = &rows.iter().find(|row| row["account"] == "a1").unwrap()["moved"][0];
    assert_eq!(
        (&way["by"], &way["because"], &way["step"]),
        (&json!("a test"), &json!("a better text"), &json!("pause"))
    );
    let audit = world.store().list_audit(None).await.unwrap();
    let moves: Vec<_> = audit.iter().filter(|row| row["deed"] == "move").collect();
    assert_eq!(moves.len(), 2);
    assert_eq!((&moves[0]["by"], &moves[0]["about"]["from"]["step"]), (&json!("a test"), &json!("pause")));
    assert!(world.show_move("rescue", &[], "2026-03-15T09:00:00Z").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_step_that_is_gone_leads_nowhere_until_somebody_says_where() {
    let world = waiting().await;
    let steps = "  - wait: { id: rest, for: 20d }\n  - task: { id: ring, title: New, to: csm }";
    world.playbook(&rescue("", steps));
    world.publish_at("2026-03-05T09:00:00Z").await;
    let when = "2026-03-05T09:00:00Z";
    let plan = world.show_move("rescue", &[], when).await.unwrap();
    assert_eq!((shown(&plan), plan.unmapped().len(), plan.goes()), (vec!["3 pause None".to_owned()], 1, 0));
    for (map, says) in [
        ("pause=rset", "no step `rset`: did you mean `rest`?"),
        ("puase=rest", "nobody waits in `puase` of an earlier revision: did you mean `pause`?"),
    ] {
        let error = world.show_move("rescue", &[map], when).await.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    // Since when it waits is kept.
    let plan = world.show_move("rescue", &["pause=rest"], when).await.unwrap();
    assert_eq!((plan.goes(), plan.next.due), (3, Some(at("2026-03-22T09:00:00Z"))));
    // To a step that acts: it begins at the move.
    let plan = world.show_move("rescue", &["pause=ring"], when).await.unwrap();
    assert_eq!((plan.next.deeds.get("task"), plan.next.ends.get("completed")), (Some(&3), Some(&3)));
    assert!(world.tasks().await.is_empty(), "showing does nothing");
    let plan = world.show_move("rescue", &["pause=end"], when).await.unwrap();
    let done = world.carry_out(&plan, when).await;
    assert_eq!((done.moved, done.ended), (0, 3));
    let all = "cancelled a better text, by a test 03-05T09:00";
    assert_eq!(lines(&world.enrollments().await, "state reason ended_at"), [all, all, all]);
}

#[tokio::test]
async fn nothing_of_the_new_revision_happens_before_the_move() {
    let world = waiting().await;
    // It would have been over on the 3rd.
    let steps = "  - wait: { id: pause, for: 1d }
  - email: { id: again, to: champion, subject: Again, body: New }
  - wait: 2d
  - task: { id: call, title: New, to: csm }";
    world.playbook(&rescue("", steps));
    world.publish_at("2026-03-09T10:00:00Z").await;
    let plan = world.show_move("rescue", &[], "2026-03-09T10:00:00Z").await.unwrap();
    assert_eq!(plan.next.deeds.get("email"), Some(&3), "{:?}", plan.next);
    world.carry_out(&plan, "2026-03-09T10:00:00Z").await;
    world.pass_at("2026-03-09T10:05:00Z").await;
    let again: Vec<_> = world.mails().await.into_iter().filter(|mail| mail["step"] == "again").collect();
    assert_eq!(lines(&again, "account state created_at")[0], "a1 captured 03-09T10:00");
    world.pass_at("2026-03-11T10:10:00Z").await;
    assert_eq!(lines(&world.tasks().await, "title created_at")[0], "New 03-11T10:05");
}

#[tokio::test]
async fn mail_that_has_not_left_becomes_that_of_the_new_revision() {
    let world = World::with("mail: { undo_window: 1h }\n").await;
    world.playbook(&rescue("", OLD));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "step state"), ["hello deferred"]);
    // Another step: there its mail would be nobody's, and it stays.
    world.playbook(&rescue("", &OLD.replace("hello", "hi")));
    world.publish_at("2026-03-02T09:10:00Z").await;
    let plan = world.show_move("rescue", &["hello=hi"], "2026-03-02T09:10:00Z").await.unwrap();
    assert_eq!(shown(&plan), ["1 hello Some(Step(\"hi\")), 1 their mail is under way"]);
    assert_eq!(plan.goes(), 0);
    world.playbook(&rescue("", &OLD.replace("Old", "New")));
    world.publish_at("2026-03-02T09:20:00Z").await;
    let plan = world.show_move("rescue", &[], "2026-03-02T09:20:00Z").await.unwrap();
    assert_eq!((plan.goes(), plan.next.waits), (1, 1));
    world.carry_out(&plan, "2026-03-02T09:20:00Z").await;
    world.pass_at("2026-03-02T10:30:00Z").await;
    let mails = world.mails().await;
    assert_eq!(lines(&mails, "step state"), ["hello captured"]);
    assert!(world.text(&mails[0]).await.contains("New"));
    world.pass_at("2026-03-12T10:30:00Z").await;
    assert_eq!(lines(&world.tasks().await, "title created_at"), ["New 03-12T10:30"]);
}

#[tokio::test]
async fn whoever_lacks_what_the_new_revision_asks_for_stays() {
    let world = waiting().await;
    world.playbook(&rescue("goal: account.mrr > entry.mrr", OLD));
    world.publish_at("2026-03-05T09:00:00Z").await;
    let plan = world.show_move("rescue", &[], "2026-03-05T09:00:00Z").await.unwrap();
    let line = "3 pause Some(Step(\"pause\")), 3 entry.mrr was not kept when they entered";
    assert_eq!((shown(&plan), plan.goes()), (vec![line.to_owned()], 0));
    world.playbook(&playbook("rescue", "for: contact\nwhen: account.mrr > 0", &OLD.replace("to: champion, ", "")));
    world.publish_at("2026-03-05T10:00:00Z").await;
    let plan = world.show_move("rescue", &[], "2026-03-05T10:00:00Z").await.unwrap();
    assert!(shown(&plan)[0].contains("3 the playbook enrolls others now"), "{:?}", shown(&plan));
}

#[tokio::test]
async fn whoever_is_held_out_counts_each_step_once() {
    let world = World::new().await;
    world.playbook(&rescue("holdout: 50%\ngoal: account.activated_at != none", OLD));
    for number in 0..12 {
        world.customer(&format!("a{number}")).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.playbook(&rescue(
        "holdout: 50%\ngoal: account.activated_at != none",
        "  - wait: { id: pause, for: 3d }
  - email: { id: hello, to: champion, subject: Hello, body: New }
  - task: { id: call, title: New, to: csm }",
    ));
    world.publish_at("2026-03-03T09:00:00Z").await;
    let plan = world.show_move("rescue", &[], "2026-03-03T09:00:00Z").await.unwrap();
    world.carry_out(&plan, "2026-03-03T09:00:00Z").await;
    world.pass_at("2026-03-05T09:00:00Z").await;
    let rows = world.enrollments().await;
    let ghosts: Vec<_> = rows.iter().filter(|row| row["state"] == "ghost").collect();
    assert!(!ghosts.is_empty() && ghosts.len() < 12, "{ghosts:?}");
    for ghost in ghosts {
        assert_eq!(ghost["counted"], json!({ "email": { "hello": 1 }, "task": { "call": 1 } }));
        assert_eq!(ghost["outcome"], "completed");
    }
}

#[tokio::test]
async fn a_stopped_playbook_says_that_nothing_happens_yet() {
    let world = waiting().await;
    world.playbook(&rescue("", &OLD.replace("10d", "1d")));
    world.publish_at("2026-03-05T09:00:00Z").await;
    let target = keepwell::store::upkeep::stopped::StopTarget::Playbook("rescue".to_owned());
    world.stop(target, "2026-03-05T09:00:00Z").await;
    let plan = world.show_move("rescue", &[], "2026-03-05T09:00:00Z").await.unwrap();
    assert!(plan.halted.is_some() && plan.next.deeds.get("task") == Some(&3));
    let error = world.show_move("rescu", &[], "2026-03-05T09:00:00Z").await.unwrap_err().to_string();
    assert!(error.contains("did you mean `rescue`?"), "{error}");
}
