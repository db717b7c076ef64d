//! One domain that takes no mail, among others that do.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use keepwell::worker::Domains;
use keepwell::worker::messages::deliverer;
use serde_json::json;

use crate::support::smtp::{Do, Script};
use crate::support::world::{World, at, lines, playbook};

const STEPS: &str = "  - email: { id: hello, to: champion, subject: Hi, body: Hello, valid_for: 3d }";
const HEALTHY: usize = 30;
const DEAD: usize = 20;

/// The relay does this for every recipient at `dead.example`, whose mail is
/// first in the outbox.
fn dead(what: &Do) -> Script {
    let recipients = (0..DEAD).map(|n| (format!("ann{n}@dead.example"), what.clone())).collect::<HashMap<_, _>>();
    Script { recipients, ..Script::default() }
}

async fn with(script: Script) -> World {
    let world = World::over_smtp("mail: { connections: 4 }\n", script).await;
    world.playbook(&playbook("welcome", "when: account.mrr > 0\nguardrails: { hold_above: off }", STEPS));
    for n in 0..DEAD {
        let account = format!("a{n}");
        world.account(&account, json!({})).await;
        world.contact(&account, "ann", json!({ "email": format!("ann{n}@dead.example") })).await;
    }
    for n in 0..HEALTHY {
        let account = format!("b{n}");
        world.account(&account, json!({})).await;
        world.contact(&account, "ann", json!({ "email": format!("ann{n}@well{}.example", n % 3) })).await;
    }
    world
}

/// How many attempts there were at the dead domain, and how far two of the same
/// message lie apart at least, in minutes.
async fn attempts(world: &World) -> (i64, Option<f64>) {
    sqlx::query_as(
        "select count(*), min(extract(epoch from started_at - before) / 60)::float8
         from (select started_at, lag(started_at) over (partition by message order by n) as before
               from keepwell.attempts where account_id like 'a%') tried",
    )
    .fetch_one(world.store().pool())
    .await
    .unwrap()
}

#[tokio::test]
async fn a_domain_that_defers_is_asked_again_on_schedule_and_holds_up_no_other() {
    let world = with(dead(&Do::Reply("451 4.7.1 come back later".to_owned()))).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(world.accepted().len(), HEALTHY, "everybody else has theirs");
    let (tried, _) = attempts(&world).await;
    assert!((3..=4).contains(&tried), "{tried} attempts until the domain was left alone");
    let mails = world.mails().await;
    let waiting: Vec<_> = mails.iter().filter(|mail| mail["attempts"] == 0).collect();
    assert_eq!(waiting.len() + tried as usize, DEAD);
    for mail in waiting {
        let reason = mail["reason"].as_str().unwrap();
        assert!(reason.starts_with("waits for dead.example: ") && reason.contains("come back later"), "{reason}");
    }
    // One at a time finds out, after pauses that double.
    for minute in 1..=55 {
        world.pass_at(&format!("2026-03-02T09:{minute:02}:00Z")).await;
    }
    let (later, apart) = attempts(&world).await;
    assert!((3..=8).contains(&(later - tried)), "{} attempts in an hour", later - tried);
    assert!(apart.is_none_or(|minutes| minutes >= 4.0), "{apart:?} minutes between two of one message");
    // It takes mail again.
    world.server_does(Script::default()).await;
    for when in ["2026-03-02T12:00:00Z", "2026-03-02T15:00:00Z"] {
        world.pass_at(when).await;
    }
    assert_eq!(world.accepted().len(), HEALTHY + DEAD);
    assert!(lines(&world.mails().await, "state").iter().all(|state| state == "accepted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_says_nothing_takes_up_no_more_than_it_began_with() {
    let mut world = with(dead(&Do::Hang)).await;
    Arc::get_mut(&mut world.shared).unwrap().domains = Domains::slow_after(Duration::from_millis(50));
    let now = at("2026-03-02T09:00:00Z");
    world.publish_at("2026-03-02T09:00:00Z").await;
    keepwell::worker::runs::scheduler::manual(&world.shared, now).await.unwrap();
    while keepwell::worker::enrollments::advancer::tick(&world.shared, now).await.unwrap() > 0 {}
    // The relay waits for minutes, and so does the lane that has them.
    let shared = world.shared.clone();
    let lane = tokio::spawn(async move { deliverer::tick(&shared, now).await });
    let waiting =
        "select count(*) from keepwell.messages where reason = 'waits for dead.example, which has not answered yet'";
    for _ in 0..300 {
        let count: i64 = sqlx::query_scalar(waiting).fetch_one(world.store().pool()).await.unwrap();
        if world.accepted().len() == HEALTHY && count == DEAD as i64 - 2 {
            assert!(!lane.is_finished(), "two are still under way");
            lane.abort();
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{} others have theirs: {:#?}", world.accepted().len(), lines(&world.mails().await, "to state reason"));
}
