//! Many events, a few in each minute: none of the runs is large, and all together are.

use serde_json::json;

use crate::support::world::{World, lines};

const TIP: &str = "playbook: tip\nabout: A story.\non: { event: signed_up }\nwhen: account.tier == \"A\"\nsteps:\n  \
    - task: { id: call, title: Call, to: csm }\n";

/// A playbook that was published a minute before nine, and forty accounts.
async fn world(guardrails: &str) -> World {
    let world = World::new().await;
    world.playbook(&TIP.replace("when:", &format!("guardrails: {{ {guardrails} }}\nwhen:")));
    for number in 1..=40 {
        world.account(&format!("a{number:02}"), json!({})).await;
    }
    world.pass_at("2026-03-02T08:59:00Z").await;
    world
}

/// Lets each of these accounts have the event half a minute before an instant of 2 March,
/// and looks at that instant; gives how many have entered so far.
async fn sign_up(world: &World, accounts: std::ops::RangeInclusive<usize>, time: &str) -> usize {
    for number in accounts {
        let when = format!("2026-03-02T{time}:00Z").parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        let when = (when - chrono::TimeDelta::seconds(30)).to_rfc3339();
        world.event(&format!("a{number:02}"), "signed_up", &when).await;
    }
    world.pass_at(&format!("2026-03-02T{time}:00Z")).await;
    entered(world).await
}

async fn entered(world: &World) -> usize {
    world.enrollments().await.iter().filter(|one| one["state"] != json!("held")).count()
}

#[tokio::test]
async fn a_new_revision_lets_a_few_in_however_many_runs_they_come_by() {
    let world = world("first_run: canary, ramp: { first: 10, every: 15m, grow: 10x }").await;
    assert_eq!(sign_up(&world, 1..=3, "09:00").await, 3);
    assert_eq!(sign_up(&world, 4..=6, "09:01").await, 6);
    assert_eq!(sign_up(&world, 7..=9, "09:02").await, 9);
    assert_eq!(sign_up(&world, 10..=12, "09:03").await, 10);
    let run = world.run("tip", "2026-03-02T09:03:00Z").await;
    assert_eq!((&run["state"], &run["enrolled"], &run["held"]), (&json!("held"), &json!(1), &json!(2)));
    let reason = "no person has approved this revision, by which 9 have entered: 3 would enter; 1 enter at once, and 2 \
        wait for a person's approval";
    assert_eq!(run["reason"], json!(reason));
    assert_eq!(sign_up(&world, 13..=15, "09:04").await, 10);
    // The next run without a person's word lets nobody in either.
    world.discard("tip@2026-03-02T09:03:00Z", "2026-03-02T09:05:00Z").await;
    assert_eq!(sign_up(&world, 16..=17, "09:06").await, 10);
    let run = world.run("tip", "2026-03-02T09:06:00Z").await;
    assert_eq!((&run["state"], &run["held"]), (&json!("held"), &json!(5)));
    world.approve("tip@2026-03-02T09:06:00Z", "2026-03-02T09:07:00Z").await;
    assert_eq!(sign_up(&world, 18..=19, "09:08").await, 17, "from then on they enter as they come");
}

#[tokio::test]
async fn what_a_day_may_bring_is_not_exceeded_minute_by_minute() {
    let world = world("first_run: go, ramp: off, hold_above: { count: 5, share: 0% }").await;
    assert_eq!(sign_up(&world, 1..=2, "09:00").await, 2);
    assert_eq!(sign_up(&world, 3..=4, "09:01").await, 4);
    assert_eq!(sign_up(&world, 5..=6, "09:02").await, 4);
    let run = world.run("tip", "2026-03-02T09:02:00Z").await;
    let reason = "2 would enter, and 4 have within 24 hours; more than 5 wait for a person's approval";
    assert_eq!((&run["state"], &run["reason"]), (&json!("held"), &json!(reason)));
    // Who has approved has seen them: they no longer count.
    world.approve("tip@2026-03-02T09:02:00Z", "2026-03-02T09:10:00Z").await;
    assert_eq!(sign_up(&world, 7..=11, "09:11").await, 11);
    assert_eq!(sign_up(&world, 12..=12, "09:13").await, 11);
    world.discard("tip@2026-03-02T09:13:00Z", "2026-03-02T09:14:00Z").await;
    assert_eq!(sign_up(&world, 13..=13, "23:59").await, 11);
    world.discard("tip@2026-03-02T23:59:00Z", "2026-03-03T00:00:00Z").await;
    // A day later there is room again.
    world.event("a14", "signed_up", "2026-03-03T09:11:30Z").await;
    world.pass_at("2026-03-03T09:12:00Z").await;
    assert_eq!(entered(&world).await, 12);
}

#[tokio::test]
async fn a_first_run_that_lets_nobody_in_was_none() {
    let world = world("first_run: hold").await;
    world.sql("update customers.accounts set tier = 'B' where id = 'a01'").await;
    assert_eq!(sign_up(&world, 1..=1, "09:00").await, 0);
    assert_eq!(sign_up(&world, 2..=2, "09:01").await, 0);
    assert_eq!(lines(&world.runs().await, "slot state"), ["03-02T09:00 done", "03-02T09:01 held"]);
}

#[tokio::test]
async fn an_approval_that_is_taken_back_was_none() {
    let world = world("first_run: canary, ramp: { first: 2, every: 15m, grow: 2x }").await;
    assert_eq!(sign_up(&world, 1..=12, "09:00").await, 2);
    world.approve("tip@2026-03-02T09:00:00Z", "2026-03-02T09:05:00Z").await;
    world.pass_at("2026-03-02T09:05:00Z").await;
    let before = entered(&world).await;
    assert!((2..12).contains(&before), "the ramp goes on in parts: {before}");
    world.discard("tip@2026-03-02T09:00:00Z", "2026-03-02T09:06:00Z").await;
    assert_eq!(sign_up(&world, 13..=15, "09:10").await, before, "nobody enters without a person's word");
}
