//! Some accounts get nothing, so that a playbook knows whether it helped.

use keepwell::enrollment::holdout::Outcomes;
use keepwell::ids::{Actor, Word};
use serde_json::{Value as Json, json};

use crate::support::world::{World, at, lines, playbook};

const KEYS: &str = "when: account.tier == \"A\"\ngoal: account.activated_at != none\nholdout: 40%\n\
                    guardrails: { hold_above: off }";
const STEPS: &str = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }
  - wait: 2d
  - task: { id: call, if: sent(\"hello\"), title: Call, to: csm }
  - notify: { channel: csm, text: Called }
  - wait: 2d";

/// So many customers, `a1` and so on.
async fn company(accounts: usize) -> World {
    let world = World::new().await;
    for number in 1..=accounts {
        world.customer(&format!("a{number}")).await;
    }
    world
}

fn those<'a>(rows: &'a [Json], state: &str) -> Vec<&'a str> {
    let mut found: Vec<&str> =
        rows.iter().filter(|row| row["state"] == *state).filter_map(|row| row["account"].as_str()).collect();
    found.sort_unstable();
    found
}

fn accounts(rows: &[Json]) -> Vec<&str> {
    let mut found: Vec<&str> = rows.iter().filter_map(|row| row["account"].as_str()).collect();
    found.sort_unstable();
    found
}

#[tokio::test]
async fn whoever_is_held_out_goes_the_same_way_and_gets_nothing() {
    let world = company(20).await;
    world.playbook(&playbook("welcome", KEYS, STEPS));
    let plan = world.plan("welcome", at("2026-03-02T09:00:00Z")).await;
    assert_eq!(plan.enter.len(), 20);
    world.run_at("2026-03-02T09:00:00Z").await;
    let rows = world.enrollments().await;
    let (ghosts, treated) = (those(&rows, "ghost"), those(&rows, "active"));
    assert!((3..=14).contains(&ghosts.len()) && ghosts.len() + treated.len() == 20, "{ghosts:?}");
    let mut planned: Vec<String> = plan.ghosts.iter().map(ToString::to_string).collect();
    planned.sort_unstable();
    assert_eq!(planned, ghosts);
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["enrolled"], &run["ghosts"]), (&json!(20), &json!(ghosts.len())));

    // One of each reaches the goal, and so do all the others' waits end.
    for account in [ghosts[0], treated[0]] {
        let sql = "update customers.accounts set activated_at = '2026-03-03T12:00:00Z' where id = '{}'";
        world.sql(&sql.replace("{}", account)).await;
    }
    world.pass_at("2026-03-03T12:15:00Z").await;
    world.pass_at("2026-03-04T09:00:00Z").await;
    world.pass_at("2026-03-06T09:00:00Z").await;
    assert_eq!(accounts(&world.mails().await), treated);
    assert_eq!(accounts(&world.tasks().await), treated[1..]);
    assert_eq!(accounts(&world.notices().await), treated[1..]);
    let rows = world.enrollments().await;
    let of = |account: &str| rows.iter().find(|row| row["account"] == *account).expect("is enrolled");
    let reached = of(ghosts[0]);
    assert_eq!((&reached["state"], &reached["outcome"]), (&json!("ghost"), &json!("goal")));
    assert_eq!(reached["reason"], of(treated[0])["reason"]);
    assert_eq!(reached["counted"], json!({ "email": { "hello": 1 } }));
    let through = of(ghosts[1]);
    assert_eq!(
        (&through["state"], &through["outcome"], &through["reason"]),
        (&json!("ghost"), &json!("completed"), &json!("completed"))
    );
    assert_eq!(through["ended_at"], of(treated[1])["ended_at"]);
    assert_eq!(
        through["counted"],
        json!({ "email": { "hello": 1 }, "task": { "call": 1 }, "notify": { "notify-1": 1 } })
    );

    let compared = world.store().compare_arms(None).await.unwrap().remove("welcome").expect("is compared");
    let of = |accounts: &[&str]| Outcomes { accounts: accounts.len() as i64, goal: 1 };
    assert_eq!((compared.comparison.treated, compared.comparison.ghosts), (of(&treated), of(&ghosts)));
    assert_eq!(compared.counted["email"], ghosts.len() as i64);
    assert_eq!(compared.counted["task"], ghosts.len() as i64 - 1);
}

#[tokio::test]
async fn an_account_stays_where_it_was_drawn_whatever_the_share_becomes() {
    let world = company(12).await;
    let again = |share: &str| {
        let keys = KEYS.replace("40%", share);
        playbook("welcome", &format!("{keys}\nreentry: {{ gap: 1d }}"), "  - task: { title: Call, to: csm }")
    };
    world.playbook(&again("40%"));
    world.run_at("2026-03-02T09:00:00Z").await;
    let rows = world.enrollments().await;
    let ghosts: Vec<String> = those(&rows, "ghost").into_iter().map(str::to_owned).collect();
    assert!(!ghosts.is_empty() && ghosts.len() < 12, "{ghosts:?}");
    for (share, day) in [("99%", "04"), ("1%", "06")] {
        world.playbook(&again(share));
        let slot = format!("2026-03-{day}T09:00:00Z");
        // A changed playbook that lets nobody in again would be held.
        world.run_at(&slot).await;
        let rows: Vec<Json> = world
            .enrollments()
            .await
            .into_iter()
            .filter(|row| row["started_at"].as_str().is_some_and(|at| at.starts_with(&slot[..10])))
            .collect();
        assert_eq!((rows.len(), those(&rows, "ghost")), (12, ghosts.iter().map(String::as_str).collect()), "{share}");
    }
}

#[tokio::test]
async fn whoever_was_treated_before_is_not_held_out_and_takes_no_part() {
    let world = company(10).await;
    let step = "  - task: { title: Call, to: csm }";
    let without = format!("{}\nreentry: {{ gap: 1d }}", KEYS.replace("holdout: 40%", "holdout: off"));
    world.playbook(&playbook("welcome", &without, step));
    world.run_at("2026-03-02T09:00:00Z").await;
    world.playbook(&playbook("welcome", &without.replace("holdout: off", "holdout: 99%"), step));
    world.customer("b1").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(those(&world.enrollments().await, "ghost"), ["b1"]);
    let compared = world.store().compare_arms(Some("welcome")).await.unwrap().remove("welcome").unwrap().comparison;
    assert_eq!((compared.treated.accounts, compared.ghosts.accounts), (0, 1));
    // Without a holdout a ghost enters like anybody else, and is none any more.
    world.playbook(&playbook("welcome", &without, step));
    world.run_at("2026-03-06T09:00:00Z").await;
    world.playbook(&playbook("welcome", &without.replace("holdout: off", "holdout: 99%"), step));
    world.run_at("2026-03-08T09:00:00Z").await;
    let of_b1: Vec<Json> = world.enrollments().await.into_iter().filter(|row| row["account"] == "b1").collect();
    assert_eq!(
        lines(&of_b1, "started_at state"),
        ["03-04T09:00 ghost", "03-06T09:00 completed", "03-08T09:00 completed"]
    );
}

#[tokio::test]
async fn colleagues_at_one_account_are_together() {
    let world = company(12).await;
    for number in 1..=12 {
        world.contact(&format!("a{number}"), "bob", json!({ "role": "owner" })).await;
    }
    let keys = KEYS.replace("when: account.tier == \"A\"", "for: contact\nwhen: contact.role == \"champion\"");
    let keys = keys.replace("account.activated_at != none", "contact.left_at != none") + "\nreentry: never";
    let step = "  - email: { id: hello, subject: Hi, body: Hello }";
    world.playbook(&playbook("welcome", &keys, step));
    world.run_at("2026-03-02T09:00:00Z").await;
    let rows = world.enrollments().await;
    let first: Vec<String> = those(&rows, "ghost").into_iter().map(str::to_owned).collect();
    assert!(!first.is_empty() && first.len() < 12, "{first:?}");
    // The others come later, when half as many would be held out.
    world.sql("update customers.contacts set role = 'champion'").await;
    world.playbook(&playbook("welcome", &keys.replace("40%", "1%"), step));
    world.run_at("2026-03-04T09:00:00Z").await;
    let rows: Vec<Json> = world.enrollments().await.into_iter().filter(|row| row["contact"] == "bob").collect();
    assert_eq!((rows.len(), those(&rows, "ghost")), (12, first.iter().map(String::as_str).collect()));
    let compared = world.store().compare_arms(None).await.unwrap().remove("welcome").unwrap().comparison;
    assert_eq!(compared.ghosts.accounts, first.len() as i64);
}

#[tokio::test]
async fn a_held_run_draws_nobody_before_it_is_approved() {
    let world = company(8).await;
    let keys = KEYS.replace("hold_above: off", "hold_above: { count: 2, share: 0% }, ramp: off");
    world.playbook(&playbook("welcome", &keys, "  - task: { title: Call, to: csm }"));
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(those(&world.enrollments().await, "held").len(), 8);
    world.approve("welcome@2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z").await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    let rows = world.enrollments().await;
    let ghosts = those(&rows, "ghost");
    assert!(!ghosts.is_empty() && ghosts.len() < 8, "{ghosts:?}");
    assert_eq!(accounts(&world.tasks().await), those(&rows, "completed"));
    let run = world.run("welcome", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["enrolled"], &run["ghosts"]), (&json!(8), &json!(ghosts.len())));
}

#[tokio::test]
async fn a_ghost_is_in_no_playbook_asks_for_none_and_can_be_cancelled() {
    let world = company(1).await;
    let keys = KEYS.replace("40%", "99%");
    world.playbook(&playbook("welcome", &keys, "  - enroll: second\n  - wait: 9d"));
    world.playbook(&playbook("second", "when: account.in_playbook(\"welcome\")", "  - wait: 9d"));
    world.run_at("2026-03-02T09:00:00Z").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    let rows = world.enrollments().await;
    assert_eq!(lines(&rows, "playbook state reason"), ["welcome ghost -"]);
    assert_eq!((&rows[0]["referrals"], &rows[0]["counted"]), (&json!([]), &json!({ "enroll": { "enroll-1": 1 } })));
    // While it is on its way it does not enter again.
    assert_eq!(world.run("welcome", "2026-03-03T09:00:00Z").await["skipped"], json!({ "active": 1 }));
    let id = rows[0]["id"].as_str().unwrap().parse().unwrap();
    world.store().cancel_enrollment(id, Word::new(Actor("a test"), at("2026-03-03T10:00:00Z"))).await.unwrap();
    assert_eq!(
        lines(&world.enrollments().await, "state outcome reason ended_at"),
        ["ghost cancelled cancelled by a test 03-03T10:00"]
    );
}

#[tokio::test]
async fn in_shadow_nobody_is_compared() {
    let world = company(10).await;
    world.playbook(&playbook("welcome", &format!("{KEYS}\nmode: shadow"), STEPS));
    world.run_at("2026-03-02T09:00:00Z").await;
    assert!(!those(&world.enrollments().await, "ghost").is_empty());
    assert!(world.store().compare_arms(None).await.unwrap().is_empty());
}
