//! Sixteen connections that want the same thing at the same time, on a real
//! Postgres: none of it happens twice, and no limit is passed.

use keepwell::ids::{PlaybookId, RevisionId};
use keepwell::store::runs::RunKind;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use keepwell::clock::Instant;
use keepwell::enrollment::move_revision::Say;
use keepwell::message::outcome::{Fact, Settled};
use keepwell::message::state::State;
use keepwell::store::Store;
use keepwell::store::messages::budget::UnderWay;
use keepwell::store::messages::ending::Ending;
use keepwell::store::messages::mark_request::{MarkRequest, Marked};
use keepwell::store::runs::Run;
use keepwell::store::upkeep::stopped::Halted;
use keepwell::worker::Shared;
use keepwell::worker::enrollments::{advancer, mover};
use keepwell::worker::runs::{run, scheduler};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::world::{World, at, playbook};

const RACERS: usize = 16;
const SLOT: &str = "2026-03-02T09:00:00Z";

const STEPS: &str = "  - task: { id: call, title: Call, to: csm }
  - email: { id: hello, to: champion, subject: Hi, body: Hello }
";

async fn customers(world: &World, count: usize) {
    world
        .sql(&format!(
            "insert into customers.accounts (id, name, csm_id, seats, signed_up_at, renewal_at)
                 select 'a' || n, 'Account ' || n, 'sam', 10, '2026-01-01', '2026-06-01' from generate_series(1, {count}) n;
             insert into customers.contacts (account_id, id, name, email, role)
                 select 'a' || n, 'c', 'Person', 'person' || n || '@customer.example', 'champion'
                 from generate_series(1, {count}) n"
        ))
        .await;
}

/// Lets sixteen do the same from the same moment on, each on a connection of
/// its own.
async fn race<F, Fut>(world: &World, act: F)
where
    F: Fn(usize, Arc<Shared>) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let start = Arc::new(Barrier::new(RACERS));
    let mut racing = JoinSet::new();
    for racer in 0..RACERS {
        let store = Store::connect((*world.store().pool().connect_options()).clone(), 2);
        let shared = Arc::new(world.beside(store));
        let (act, start) = (act(racer, shared.clone()), start.clone());
        racing.spawn(async move {
            // Connected before the start.
            shared.store.stopped().await.unwrap();
            start.wait().await;
            act.await;
            shared.store.close().await;
        });
    }
    racing.join_all().await;
}

async fn count(world: &World, of: &'static str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("select count(*) from keepwell.{of}"));
    sqlx::query_scalar(count).fetch_one(world.store().pool()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slot_is_run_once_and_everybody_enters_once() {
    let world = World::new().await;
    world.playbook(&playbook("tips", "when: account.seats == 10\nguardrails: { hold_above: off }", STEPS));
    customers(&world, 150).await;
    world.publish_at(SLOT).await;
    race(&world, |_, shared| async move {
        scheduler::manual(&shared, at(SLOT)).await.unwrap();
    })
    .await;
    assert_eq!(count(&world, "runs").await, 1);
    for once in ["enrollments", "tasks", "messages where channel = 'email'"] {
        assert_eq!(count(&world, once).await, 150, "{once}");
    }
}

/// As when the holder of a run has stood still, again and again, and everybody
/// believes to have it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_holders_of_a_run_enter_everybody_once() {
    let world = World::new().await;
    world.playbook(&playbook("tips", "when: account.seats == 10\nguardrails: { hold_above: off }", STEPS));
    customers(&world, 150).await;
    world.publish_at(SLOT).await;
    let revision: String =
        sqlx::query_scalar("select revision from keepwell.playbooks").fetch_one(world.store().pool()).await.unwrap();
    let run = world
        .store()
        .open_run(PlaybookId("tips"), RevisionId(&revision), at(SLOT), RunKind::Manual, at(SLOT))
        .await
        .unwrap()
        .expect("it is new");
    race(&world, |_, shared| {
        let run: Run = run.clone();
        async move { run::carry_out(&shared, &run, at(SLOT)).await.unwrap() }
    })
    .await;
    for once in ["enrollments", "tasks", "messages where channel = 'email'"] {
        assert_eq!(count(&world, once).await, 150, "{once}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_is_used_once_by_sixteen_runs() {
    let world = World::new().await;
    let keys = "when: account.renewal_at != none && account.seats == 10
reentry: { once_per: account.renewal_at }
guardrails: { hold_above: off, max_per_day: off }";
    world.playbook(&playbook("renewal", keys, STEPS));
    customers(&world, 100).await;
    world.publish_at(SLOT).await;
    race(&world, |racer, shared| async move {
        let slot = at(SLOT) + TimeDelta::minutes(racer as i64);
        scheduler::manual(&shared, slot).await.unwrap();
    })
    .await;
    assert_eq!(count(&world, "runs where state = 'done'").await, RACERS as i64);
    assert_eq!(count(&world, "enrollments where entry_key = '2026-06-01'").await, 100);
    for once in ["enrollments", "tasks", "messages where channel = 'email'"] {
        assert_eq!(count(&world, once).await, 100, "{once}");
    }
}

/// Claims run out under those who still work on them, again and again.
async fn lapsing(world: &World, pause: Duration) -> JoinSet<()> {
    let pool = world.store().pool().clone();
    let mut lapsing = JoinSet::new();
    lapsing.spawn(async move {
        loop {
            sqlx::raw_sql(
                "update keepwell.runs set lease_until = clock_timestamp() - interval '1 second' where token is not null;
                 update keepwell.messages set lease_until = clock_timestamp() - interval '1 second'
                     where (account_id, id) in (select account_id, id from keepwell.messages
                         where state = 'sending' for update skip locked)",
            )
            .execute(&pool)
            .await
            .unwrap();
            tokio::time::sleep(pause).await;
        }
    });
    lapsing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_held_run_is_released_batch_by_batch_by_whomever() {
    let world = World::new().await;
    let keys = "when: account.seats == 10
guardrails: { hold_above: { count: 5 }, ramp: { first: 4, every: 15m, grow: 3x } }";
    world.playbook(&playbook("tips", keys, STEPS));
    customers(&world, 60).await;
    world.run_at(SLOT).await;
    assert_eq!(count(&world, "enrollments where state = 'held'").await, 60);
    world.approve("tips@2026-03-02T09:00:00Z", SLOT).await;
    // Four, twelve, thirty-six, and what is left.
    for (minutes, entered) in [(0, 4), (14, 4), (15, 16), (30, 52), (45, 60), (60, 60)] {
        let now: Instant = at(SLOT) + TimeDelta::minutes(minutes);
        let lapsing = lapsing(&world, Duration::from_millis(5)).await;
        race(&world, |_, shared| async move { while run::tick(&shared, now).await.unwrap() > 0 {} }).await;
        drop(lapsing);
        // Whoever lost the run last leaves it to the next look.
        world.sql("update keepwell.runs set lease_until = now() - interval '1 second' where token is not null").await;
        while run::tick(&world.shared, now).await.unwrap() > 0 {}
        assert_eq!(count(&world, "enrollments where state <> 'held'").await, entered, "after {minutes} minutes");
    }
    assert_eq!(count(&world, "enrollments").await, 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_message_gets_one_marker_from_sixteen_senders() {
    const MESSAGES: i64 = 200;
    let world = World::new().await;
    world
        .sql(&format!(
            "insert into keepwell.messages (account_id, contact_id, id, playbook, step, channel, class, to_address,
                 state, priority, valid_until, next_at, message_id, shadow, created_at)
             select 'a' || n, 'c', gen_random_uuid(), 'tips', 'mail', 'email', 'lifecycle',
                 'person' || n || '@customer.example', 'planned', 50, '2026-03-09', '2026-03-02', n, false, '2026-03-02'
             from generate_series(1, {MESSAGES}) n"
        ))
        .await;
    let lapsing = lapsing(&world, Duration::from_millis(60)).await;
    let bodies: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    race(&world, |racer, shared| {
        let bodies = bodies.clone();
        async move {
            let (store, now) = (&shared.store, at(SLOT));
            while store.has_due_messages(now, &Halted::default()).await.unwrap() {
                for message in store.claim_messages(now, &Halted::default(), &UnderWay::default(), 5).await.unwrap() {
                    if racer % 4 == 0 {
                        store.settle_expired(now).await.unwrap();
                    }
                    let to = message.to_address.clone().unwrap();
                    if store.mark(MarkRequest::new(&message, &to), now).await.unwrap() == Marked::Go {
                        *bodies.lock().unwrap().entry(message.account_id.clone()).or_default() += 1;
                        let sent = Settled::Ended { state: State::Captured, reason: None, fact: Some(Fact::Accepted) };
                        store.settle(Ending::at(message, sent, now)).await.unwrap();
                    }
                }
                store.settle_expired(now).await.unwrap();
            }
        }
    })
    .await;
    drop(lapsing);
    let bodies = bodies.lock().unwrap().clone();
    let twice: Vec<_> = bodies.iter().filter(|(_, bodies)| **bodies > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let states = count(&world, "messages where state in ('captured', 'unknown')").await;
    assert!(states > MESSAGES / 2, "most have left: {states}");
    assert_eq!(states + count(&world, "messages where state in ('sending', 'planned', 'deferred')").await, MESSAGES);
    assert!(bodies.len() as i64 >= count(&world, "messages where state = 'captured'").await);
}

/// Eight take everybody to the new revision, each by what it saw at first,
/// while eight carry out what is due in the old one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_is_moved_does_nothing_twice_whoever_advances_them_meanwhile() {
    let world = World::new().await;
    let steps = |title: &str| {
        format!(
            "  - email: {{ id: hello, to: champion, subject: Hi, body: Hello }}
  - wait: {{ id: pause, for: 1d }}
  - task: {{ id: call, title: {title}, to: csm }}
  - email: {{ id: bye, to: champion, subject: {title}, body: Hello }}"
        )
    };
    let keys = "when: account.seats == 10\nguardrails: { hold_above: off }";
    world.playbook(&playbook("tips", keys, &steps("old")));
    customers(&world, 150).await;
    world.run_at(SLOT).await;
    world.playbook(&playbook("tips", keys, &steps("new")));
    world.publish_at("2026-03-03T08:00:00Z").await;
    let due = at(SLOT) + TimeDelta::days(1);
    let say = Say { by: "a test", because: "a race", at: due };
    let shown = Arc::new(mover::show(&world.shared, "tips", &mover::Map::new(), say).await.unwrap());
    let moved = Arc::new(Mutex::new((0, 0)));
    race(&world, |racer, shared| {
        let (moved, shown) = (moved.clone(), shown.clone());
        async move {
            if racer % 2 == 0 {
                let done = mover::carry_out(&shared, &shown, say).await.unwrap();
                let mut sums = moved.lock().unwrap();
                (sums.0, sums.1) = (sums.0 + done.moved, sums.1 + done.gone_on.len());
            } else {
                while advancer::tick(&shared, due).await.unwrap() > 0 {}
            }
        }
    })
    .await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(count(&world, "tasks").await, 150);
    assert_eq!(count(&world, "messages where step = 'hello'").await, 150);
    assert_eq!(count(&world, "messages where step = 'bye' and state = 'captured'").await, 150);
    assert_eq!(count(&world, "enrollments where state = 'completed'").await, 150);
    // Both won sometimes, and each enrollment went one way only.
    let (moved, gone_on) = *moved.lock().unwrap();
    assert!(moved > 0 && gone_on > 0, "{moved} moved, {gone_on} left");
    assert_eq!(count(&world, "enrollments where moved is not null").await, moved as i64);
    let crossed = "enrollments e where not exists (select from keepwell.tasks t where t.enrollment_id = e.id
        and t.revision = e.revision) and moved is null";
    assert_eq!(count(&world, crossed).await, 0);
    assert_eq!(count(&world, "audit where deed = 'move'").await, moved as i64);
}

/// Eight runs of one playbook and day, and an approved one whose batches go out
/// meanwhile, together stay within `max_per_day`, whoever takes over from whom.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_and_releases_of_one_day_stay_within_its_limit() {
    let world = World::new().await;
    let keys = |count: u32| {
        format!(
            "when: account.seats == 10
guardrails: {{ hold_above: {{ count: {count}, share: 0% }}, unusual: off, store_change: off, max_per_day: 60,
  ramp: {{ first: 20, every: 1m, grow: 2x }} }}"
        )
    };
    world.playbook(&playbook("tips", &keys(20), STEPS));
    customers(&world, 150).await;
    world.run_at(SLOT).await;
    assert_eq!(count(&world, "enrollments where state = 'held'").await, 60);
    world.approve("tips@2026-03-02T09:00:00Z", SLOT).await;
    // From now on runs of that size go without a word.
    world.playbook(&playbook("tips", &keys(200), STEPS));
    world.publish_at(SLOT).await;
    let lapsing = lapsing(&world, Duration::from_millis(20)).await;
    race(&world, |racer, shared| async move {
        if racer % 2 == 0 {
            scheduler::manual(&shared, at(SLOT) + TimeDelta::minutes(racer as i64 + 1)).await.unwrap();
        } else {
            for minute in 0..4 {
                run::tick(&shared, at(SLOT) + TimeDelta::minutes(minute)).await.unwrap();
            }
        }
    })
    .await;
    drop(lapsing);
    let entered = count(&world, "enrollments where state <> 'held'").await;
    assert!((20..=60).contains(&entered), "{entered} have entered on one day");
    // Whatever is still in somebody's hands comes to its end, and a run that is
    // alone fills the day.
    world.sql("update keepwell.runs set lease_until = now() - interval '1 second' where token is not null").await;
    while run::tick(&world.shared, at(SLOT) + TimeDelta::minutes(30)).await.unwrap() > 0 {}
    scheduler::manual(&world.shared, at(SLOT) + TimeDelta::minutes(40)).await.unwrap();
    assert_eq!(count(&world, "enrollments where state <> 'held'").await, 60);
    // Of the approved, what found no room comes on the next day.
    let held = count(&world, "enrollments where state = 'held'").await;
    assert!(held > 0, "none waits");
    world.pass_at("2026-03-03T00:00:00Z").await;
    let next_day = count(&world, "enrollments where state <> 'held' and started_at >= '2026-03-03'").await;
    assert!((1..=60).contains(&next_day), "{next_day} entered on the next day");
}
