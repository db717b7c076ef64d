//! Success plans: who has them, how far their goals are, and who sees that.

use std::collections::BTreeMap;

use keepwell::facts::GoalProgress;
use keepwell::playbook::document::GoalState;
use keepwell::store::customers::data_subject::Person;
use keepwell::store::documents::plans::{GoalFilter, GoalRow, NewGoal};
use serde_json::json;

use super::explaining::explain_then;
use crate::support::world::{World, at, lines, playbook, scheduled};

const FIRST_MONTH: &str = "plan: first-month\nabout: What is agreed for the first month.\nschedule: \"0 9 * * *\"
when: account.seats != none && account.seats >= 5
goals:
  - { id: reports, about: Four reports, value: \"account.events(\\\"report_created\\\", 90)\", target: 4, within: 30d, milestones: { first: 1, half-way: 50% } }
  - { id: quiet, value: account.open_tickets(), start: measured, direction: down, target: 0, date: account.renewal_at }\n";

const CALL: &str = "  - task: { id: call, title: \"Call {{ account.name }}\", to: csm, due: 1d }";

async fn goals(world: &World, until: &str) -> Vec<GoalRow> {
    world.store().goals_at(GoalFilter::default(), at(until)).await.unwrap()
}

fn rows(goals: &[GoalRow]) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| value.to_string());
    let row = |goal: &GoalRow| {
        let (progress, value, start) = (number(goal.progress), number(goal.value), number(goal.start));
        let due = goal.due_at.map_or("-".to_owned(), |due| due.format("%m-%d").to_string());
        format!("{} {} {} {progress} {value} {start} {due} {}", goal.account, goal.goal, goal.state, goal.milestones)
    };
    goals.iter().map(row).collect()
}

async fn evaluations(world: &World) -> Vec<String> {
    sqlx::query_scalar(
        "select format('%s %s %s %s %s', document, to_char(slot at time zone 'UTC', 'MM-DD'), state, written, undecided)
         from keepwell.evaluations order by slot, document",
    )
    .fetch_all(world.store().pool())
    .await
    .unwrap()
}

#[tokio::test]
async fn progress_is_measured_from_the_start_to_the_target() {
    let world = World::new().await;
    world.playbook(FIRST_MONTH);
    world.account("a1", json!({ "seats": 10, "renewal_at": "2026-05-01" })).await;
    world.account("small", json!({ "seats": 2 })).await;
    world.sql("insert into customers.tickets (account_id, id, opened_at) values ('a1', 't1', '2026-02-01'), ('a1', 't2', '2026-02-02')").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        rows(&goals(&world, "2026-03-02T09:00:00Z").await),
        ["a1 quiet open 0 2 2 05-01 {}", "a1 reports open 0 0 0 04-01 {}"]
    );
    assert!(goals(&world, "2026-03-02T08:59:59Z").await.is_empty());
    // The same instant is done once, and what did not change is not written again.
    world.run_at("2026-03-02T09:00:00Z").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(evaluations(&world).await, ["first-month 03-02 done 2 0", "first-month 03-03 done 0 0"]);

    world.event("a1", "report_created", "2026-03-04T10:00:00Z").await;
    world.event("a1", "report_created", "2026-03-05T10:00:00Z").await;
    world.sql("update customers.tickets set closed_at = '2026-03-05' where id = 't1'").await;
    // It is too small by now, and keeps the plan: its time counts from the first match on.
    world.sql("update customers.accounts set seats = 1 where id = 'a1'").await;
    world.run_at("2026-03-06T09:00:00Z").await;
    let found = goals(&world, "2026-03-06T09:00:00Z").await;
    assert_eq!((found[0].progress, found[1].progress), (Some(50.0), Some(50.0)));
    assert_eq!(found[1].since, Some(at("2026-03-02T09:00:00Z")));
    let moment = "2026-03-06T09:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let milestones: BTreeMap<String, chrono::DateTime<chrono::Utc>> =
        serde_json::from_value(found[1].milestones.clone()).unwrap();
    assert_eq!(milestones, [("first".to_owned(), moment), ("half-way".to_owned(), moment)].into());

    world.event("a1", "report_created", "2026-03-07T10:00:00Z").await;
    world.event("a1", "report_created", "2026-03-07T11:00:00Z").await;
    world.run_at("2026-03-08T09:00:00Z").await;
    // Reached is kept with its instant, whatever is measured later.
    world.sql("delete from customers.events").await;
    world.run_at("2026-04-09T09:00:00Z").await;
    let found = goals(&world, "2026-04-09T09:00:00Z").await;
    assert_eq!((found[1].state.as_str(), found[1].progress), ("reached", Some(100.0)));
    assert_eq!(found[1].reached_at, Some(at("2026-03-08T09:00:00Z")));
}

#[tokio::test]
async fn a_goal_is_missed_when_its_time_is_over_and_may_be_reached_later() {
    let world = World::new().await;
    world.playbook(FIRST_MONTH);
    let missed = "when: account.goals_missed(\"first-month\") > 0 && (account.goal_progress(\"first-month\", \"reports\") ?? 100) < 50\nreentry: on_rematch\ngoal: account.goals_missed() == 0";
    world.playbook(&playbook("missed", missed, CALL));
    for account in ["a1", "a2"] {
        world.account(account, json!({ "seats": 10 })).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    for hour in 10..14 {
        world.event("a2", "report_created", &format!("2026-03-20T{hour}:00:00Z")).await;
    }
    world.run_at("2026-03-31T09:00:00Z").await;
    assert!(world.enrollments().await.is_empty());
    // Exactly thirty days later its time is over, which the playbook of that instant sees.
    world.run_at("2026-04-01T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "playbook account"), ["missed a1"]);
    let found = goals(&world, "2026-04-01T09:00:00Z").await;
    let states: Vec<&str> = found.iter().map(|goal| goal.state.as_str()).collect();
    // Without tickets the value was at its target when it was measured first.
    assert_eq!(states, ["reached", "missed", "reached", "reached"]);
    let explained = world
        .store()
        .goals_at(GoalFilter { state: Some(GoalState::Missed), ..GoalFilter::default() }, at("2026-04-01T09:00:00Z"))
        .await
        .unwrap();
    assert_eq!((explained.len(), explained[0].missed_at), (1, Some(at("2026-04-01T09:00:00Z"))));
    for hour in 10..14 {
        world.event("a1", "report_created", &format!("2026-04-03T{hour}:00:00Z")).await;
    }
    world.run_at("2026-04-04T09:00:00Z").await;
    world.pass_at("2026-04-04T09:15:00Z").await;
    let found = goals(&world, "2026-04-04T09:00:00Z").await;
    assert_eq!((found[1].state.as_str(), found[1].missed_at), ("reached", Some(at("2026-04-01T09:00:00Z"))));
    assert_eq!(lines(&world.enrollments().await, "state"), ["goal"]);
}

#[tokio::test]
async fn the_goals_of_a_plan_whose_file_is_gone_are_not_missed() {
    let world = World::new().await;
    world.playbook("plan: p\nabout: x\nschedule: \"0 9 * * *\"\ngoals: [{ id: g, value: account.seats * 1, target: 10, within: 1d }]\n");
    let steps = "  - wait: 30d\n  - task: { title: Call, to: csm }";
    world.playbook(&playbook(
        "missed",
        "when: account.goals_missed() > 0\ngoal: account.goals_missed(\"p\") == 0",
        steps,
    ));
    world.account("a1", json!({ "seats": 1 })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 active"]);
    world.account("a2", json!({ "seats": 1 })).await;
    world
        .sql(
            "insert into keepwell.goals (account_id, plan, goal, at, state, target)
             values ('a2', 'p', 'g', '2026-03-04', 'missed', 10)",
        )
        .await;
    // The playbook that names it goes on as it was published.
    world.expect_mistakes();
    world.remove("p");
    world.run_at("2026-03-05T09:00:00Z").await;
    world.pass_at("2026-03-05T09:15:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 goal"]);
}

#[tokio::test]
async fn a_step_gives_a_plan_to_those_for_whom_it_is_not() {
    let world = World::new().await;
    world.playbook(&FIRST_MONTH.replace("when: account.seats != none && account.seats >= 5", "when: false"));
    let steps = format!("  - plan: first-month\n{CALL}");
    world.playbook(&scheduled(
        "agree",
        "0 9 2 3 *",
        "when: account.tier == \"A\" && !account.has_plan(\"first-month\")",
        &steps,
    ));
    world.playbook(&scheduled("shadow", "0 9 2 3 *", "mode: shadow\nwhen: account.tier == \"B\"", &steps));
    world.playbook(&scheduled("agreed", "0 9 3 3 *", "when: account.has_plan(\"first-month\")", CALL));
    world.account("a1", json!({ "tier": "A" })).await;
    world.account("a2", json!({ "tier": "B" })).await;
    world.pass_at("2026-03-02T08:00:00Z").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    let had: Vec<(String, String)> =
        sqlx::query_as("select account_id, origin from keepwell.plans").fetch_all(world.store().pool()).await.unwrap();
    assert_eq!(had, [("a1".to_owned(), "step".to_owned())], "in shadow nothing is given");
    world.pass_at("2026-03-03T09:00:00Z").await;
    // Its time counts from the step on.
    let found = goals(&world, "2026-03-03T09:00:00Z").await;
    assert_eq!(rows(&found)[1], "a1 reports open 0 0 0 04-01 {}");
    let entered = lines(&world.enrollments().await, "playbook account");
    assert_eq!(entered, ["agree a1", "agreed a1", "shadow a2"]);
}

#[tokio::test]
async fn a_mail_leads_to_the_page_of_the_plan() {
    let world = World::new().await;
    world.playbook(FIRST_MONTH);
    let body = "{% if plan_link(\"first-month\") != none %}[Your goals]({{ plan_link(\"first-month\") }}){% else %}Nothing was agreed.{% endif %}";
    let steps = format!("  - email: {{ id: look, to: champion, subject: Goals, body: '{body}' }}");
    world.playbook(&playbook("look", "when: account.mrr >= 0", &steps));
    for (account, seats) in [("a1", 10), ("a2", 2)] {
        world.account(account, json!({ "seats": seats })).await.contact(account, "ann", json!({})).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    let mut texts = Vec::new();
    for mail in world.mails().await {
        texts.push((mail["account"].as_str().unwrap().to_owned(), world.text(&mail).await));
    }
    texts.sort();
    assert!(texts[1].1.contains("Nothing was agreed.") && !texts[1].1.contains("/g/"), "{texts:?}");
    let begin =
        texts[0].1.find("https://success.acme.example/g/").expect("a link") + "https://success.acme.example".len();
    let path: String =
        texts[0].1[begin..].chars().take_while(|c| *c == '/' || *c == '.' || c.is_ascii_alphanumeric()).collect();
    let (status, page) = super::asking::open(&world, "2026-03-03T09:00:00Z", &path, None).await;
    assert!(status.is_success() && page.contains("Four reports") && page.contains("2 March 2026"), "{page}");
}

#[tokio::test]
async fn what_cannot_be_evaluated_changes_nothing_and_what_is_missing_waits() {
    let world = World::new().await;
    let plan = "plan: p\nabout: x\ngoals:
  - { id: nps, value: \"account.score(\\\"nps\\\")\", target: 9, within: 2d }
  - { id: share, value: account.mrr / account.open_tickets(), target: 3, within: 2d }\n";
    world.playbook(plan);
    world.account("a1", json!({ "mrr": 2 })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(rows(&goals(&world, "2026-03-02T09:00:00Z").await), ["a1 nps open - - 0 03-04 {}"]);
    assert_eq!(evaluations(&world).await, ["p 03-02 done 1 1"]);
    world.run_at("2026-03-05T09:00:00Z").await;
    assert_eq!(rows(&goals(&world, "2026-03-05T09:00:00Z").await), ["a1 nps missed - - 0 03-04 {}"]);
    // Another revision has another target, and one goal less.
    world.score("a1", "nps", 4.0, "2026-03-05T10:00:00Z").await;
    world.playbook(
        "plan: p\nabout: x\ngoals:\n  - { id: nps, value: \"account.score(\\\"nps\\\")\", target: 4, within: 20d }\n",
    );
    world.run_at("2026-03-06T09:00:00Z").await;
    assert_eq!(rows(&goals(&world, "2026-03-06T09:00:00Z").await), ["a1 nps reached 100 4 0 03-22 {}"]);
    world.playbook("plan: p\nabout: x\ngoals:\n  - { id: other, value: account.mrr, target: 4 }\n");
    world.run_at("2026-03-07T09:00:00Z").await;
    assert_eq!(rows(&goals(&world, "2026-03-07T09:00:00Z").await), ["a1 other open 50 2 0 - {}"]);
}

#[tokio::test]
async fn an_evaluation_that_is_done_twice_changes_nothing() {
    let world = World::new().await;
    let (store, slot) = (world.store(), at("2026-03-02T09:00:00Z"));
    let progress =
        GoalProgress { value: Some(1.0), start: Some(0.0), share: Some(25.0), ..GoalProgress::unmeasured(4.0) };
    let goal = |progress| NewGoal { account: "a1".to_owned(), goal: "g".to_owned(), about: None, progress };
    assert_eq!(store.write_goals("p", slot, &["a1"], &[goal(progress.clone())]).await.unwrap(), 1);
    let other = GoalProgress { share: Some(50.0), ..progress.clone() };
    assert_eq!(store.write_goals("p", slot, &["a1"], &[goal(other)]).await.unwrap(), 0);
    // A daemon that comes late with an earlier slot changes nothing of what was found since.
    let late = GoalProgress { share: Some(5.0), ..progress.clone() };
    assert_eq!(store.write_goals("p", at("2026-03-01T09:00:00Z"), &["a1"], &[goal(late)]).await.unwrap(), 0);
    assert!(store.plans_before("p", &["a1"], slot).await.unwrap().is_empty());
    let known = store.plans_before("p", &["a1", "a2"], at("2026-03-03T09:00:00Z")).await.unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!((known["a1"].since, &known["a1"].goals), (slot, &[("g".to_owned(), progress)].into()));
}

#[tokio::test]
async fn goals_are_forgotten_exported_and_erased() {
    let world = World::new().await;
    world.playbook("plan: p\nabout: x\ngoals: [{ id: g, value: account.seats * 1, target: 10 }]\n");
    for account in ["a1", "a2"] {
        world.account(account, json!({ "seats": 1 })).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set seats = 5").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    // The latest of each is kept, however old.
    while world.store().forget_evidence(at("2027-03-03T00:00:00Z")).await.unwrap() > 0 {}
    let left: Vec<(String, f64)> = sqlx::query_as("select account_id, progress from keepwell.goals order by 1")
        .fetch_all(world.store().pool())
        .await
        .unwrap();
    assert_eq!(left, [("a1".to_owned(), 50.0), ("a2".to_owned(), 50.0)]);
    let person = Person::new("a1", None);
    let ours = world.store().export(&person).await.unwrap()["keepwell"].clone();
    assert_eq!((ours["goals"][0]["progress"].as_f64(), &ours["plans"][0]["plan"]), (Some(50.0), &json!("p")), "{ours}");
    world.store().erase(&person, &[], false, keepwell::ids::Actor("a test"), at("2026-03-03T10:00:00Z")).await.unwrap();
    let left: Vec<String> =
        sqlx::query_scalar("select account_id from keepwell.goals union all select account_id from keepwell.plans")
            .fetch_all(world.store().pool())
            .await
            .unwrap();
    assert_eq!(left, ["a2", "a2"]);
}

#[tokio::test]
async fn an_explanation_shows_the_goals_that_a_condition_reads() {
    let world = World::new().await;
    world.playbook(FIRST_MONTH);
    world.playbook(&playbook("missed", "when: account.goals_missed() > 0", CALL));
    world.account("a1", json!({ "seats": 10 })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let now = "2026-03-02T10:00:00Z";
    let explanation = explain_then(&world, "missed", "a1", now, now).await;
    let text = explanation.to_text();
    assert!(text.contains("goal reports of first-month: 0 %, 0 of 4, open, due on 1 April 2026"), "{text}");
    assert_eq!(explanation.to_json()["goals"][0]["goal"], "quiet");
}

const CASES: &str = "tests:
  - name: half of it is done
    at: 2026-03-02T09:00:00Z
    account: { seats: 9 }
    events: { report_created: [-1d, -2d] }
    expect: { plan: true, goals: { reports: { progress: 50, value: 2, state: open, milestones: [first, half-way] } } }
  - name: whoever had it for thirty days has missed it
    like: half of it is done
    plans: { first-month: -30d }
    expect: { goals: { reports: { progress: 50, state: missed } } }
  - name: what is reached stays
    like: half of it is done
    events: {}
    goals: [ { plan: first-month, goal: reports, progress: 100, at: -3d, target: 4 } ]
    expect: { goals: { reports: { progress: 100, state: reached } } }
  - name: a small account has none
    at: 2026-03-02T09:00:00Z
    account: { seats: 2 }
    expect: { plan: false }
";

#[tokio::test]
async fn its_cases_guard_its_revisions() {
    let world = World::new().await;
    world.account("a1", json!({ "seats": 10 })).await;
    world.playbook(&format!("{FIRST_MONTH}{CASES}"));
    let report = world.publish_at("2026-03-01T08:00:00Z").await;
    assert!(!report.diagnostics.iter().any(|problem| problem.is_error()), "{:?}", report.diagnostics);
    let first = world.store().published_documents().await.unwrap().remove(0);
    assert_eq!((first.id.as_str(), first.kind.as_str(), first.present), ("first-month", "plan", true));
    world.expect_mistakes();
    for (right, wrong) in [
        ("progress: 50, value: 2", "progress: 40, value: 2"),
        ("state: missed", "state: open"),
        ("plan: false", "plan: true"),
        ("[first, half-way]", "[first]"),
    ] {
        world.playbook(&format!("{FIRST_MONTH}{CASES}").replacen(right, wrong, 1));
        let report = world.publish_at("2026-03-01T09:00:00Z").await;
        let errors: Vec<&str> =
            report.diagnostics.iter().filter(|problem| problem.is_error()).map(|one| one.code).collect();
        assert_eq!(errors, ["KW0503"], "{wrong}: {:?}", report.diagnostics);
    }
    assert_eq!(world.store().published_documents().await.unwrap().remove(0).revision, first.revision);
}
