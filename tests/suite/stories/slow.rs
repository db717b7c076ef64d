//! Rules and cases that take long, and what goes on beside them.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use chrono::{TimeDelta, Timelike, Utc};
use keepwell::catalog;
use keepwell::clock::Clock;
use keepwell::playbook::source::{Fingerprint, SourceSet};
use keepwell::web::{Audience, WebState, router};
use keepwell::worker::enrollments::advancer;
use keepwell::worker::lanes::{self, Daemon};
use keepwell::worker::runs::plan::{Rendering, plan_all};
use keepwell::worker::runs::publisher::{self, FileWatch};
use keepwell::worker::runs::scheduler;
use keepwell::worker::supervise::supervise;
use keepwell::worker::upkeep::database_epoch::EpochWatch;
use serde_json::json;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::support::program::until;
use crate::support::world::{World, at, lines, playbook, scheduled};

const SLOT: &str = "2026-03-02T09:00:00Z";

/// Works for nearly as much as one evaluation may.
const SCRIPT: &str = "fn long(n) { let sum = 0; for i in 0..9000 { sum += i; } sum + n }";

/// Only of accounts with a seat the rule is slow.
const SLOW: &str = "when: account.mrr > 0 && ((account.seats ?? 0) == 0 || slow::long(account.seats ?? 0) > 0)";
const QUICK: &str = "when: account.mrr > 0";
const END: &str = "  - end: seen";

/// The same for a playbook that everybody is kept out of.
fn keys(when: &str) -> String {
    format!("{when}\nsuppress: account.mrr > 0")
}

/// A company of so many accounts, of which these are the ones on which the rule
/// is slow.
async fn company(config: &str, slow: RangeInclusive<usize>, all: usize) -> World {
    let world = World::with(config).await;
    world.script("slow", SCRIPT);
    world
        .sql(&format!(
            "insert into customers.accounts (id, name, tier, status, csm_id, mrr, seats, signed_up_at, traits)
             select 'a' || lpad(n::text, 5, '0'), 'A', 'A', 'active', 'sam', 100, case when n between {} and {} then 1 end,
                 '2026-01-01', '{{}}'
             from generate_series(1, {all}) n",
            slow.start(),
            slow.end()
        ))
        .await;
    world
}

async fn state(world: &World, playbook: &str) -> String {
    let runs = world.runs().await;
    let run = runs.iter().find(|run| run["playbook"] == playbook);
    run.and_then(|run| run["state"].as_str()).unwrap_or("none").to_owned()
}

/// A page for colleagues.
async fn page_of(world: &World, path: &str) -> String {
    let state = WebState::new(world.shared.clone(), Clock::Fixed(at(SLOT)));
    let request = Request::get(path).header("host", "127.0.0.1:7717").body(Body::empty()).unwrap();
    let answer = router(Audience::Colleagues, state).oneshot(request).await.unwrap();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(body.into()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_beyond_its_time_fails_in_words_and_its_neighbours_go_on() {
    let world = company("limits: { run: 1s }\n", 1_001..=1_200, 1_200).await;
    world.contact("a00001", "ann", json!({})).await;
    let (alone, quick) = ("for: contact\nwhen: account.mrr > 0", keys(QUICK));
    world
        .playbook(&playbook("a-slow", SLOW, END))
        .playbook(&playbook("b-quick", &quick, END))
        .playbook(&playbook("c-alone", alone, END))
        .playbook(&playbook("d-quick", &quick, END));
    world.run_at(SLOT).await;
    let runs = world.runs().await;
    assert_eq!(
        lines(&runs, "playbook state enrolled"),
        ["a-slow failed 0", "b-quick done 0", "c-alone done 1", "d-quick done 0"]
    );
    assert!(runs.iter().all(|run| !run["playbook"].as_str().unwrap().ends_with("quick") || run["candidates"] == 1_200));
    let why =
        "its rules worked for longer than 1 s, which is what a run has (`limits: { run: … }` in the configuration)";
    assert_eq!(world.run("a-slow", SLOT).await["reason"], why);
    // Those that were held until then wait for nothing any more.
    assert!(world.enrollments().await.iter().all(|one| one["playbook"] != "a-slow"));
    let notices = world.notices().await;
    let [notice] = &notices[..] else { panic!("one notice: {notices:#?}") };
    assert_eq!(notice["subject"], "Too slow: a-slow");
    assert!(world.text(notice).await.contains(why));
    for page in ["/playbooks", "/playbooks/a-slow"] {
        let page = page_of(&world, page).await;
        assert!(page.contains("In trouble: its latest run failed: its rules worked for longer than 1 s"), "{page}");
    }
    // It is tried again at its next slot, and not before; the owners know already.
    world.pass_at("2026-03-02T09:05:00Z").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    let runs = world.runs().await;
    let slow: Vec<_> = runs.into_iter().filter(|run| run["playbook"] == "a-slow").collect();
    assert_eq!(lines(&slow, "slot state"), ["03-02T09:00 failed", "03-03T09:00 failed"]);
    assert_eq!(world.notices().await.len(), 1);
    // And `plan` says it beforehand.
    let sources = SourceSet::read(std::slice::from_ref(&world.files().playbooks), &world.files().scripts);
    let (ready, _) = catalog::load(&sources, &[], &world.shared.config, world.store().schema());
    let ready = ready.into_iter().find(|ready| ready.playbook.id == "a-slow").and_then(Arc::into_inner).unwrap();
    let plans =
        plan_all(&world.shared, vec![ready], None, at("2026-03-04T09:00:00Z"), Rendering::default()).await.unwrap();
    assert_eq!((plans[0].reason.clone(), plans[0].fails), (Some(format!("the run would fail: {why}")), true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_portfolio_lists_is_found_within_the_time_of_its_run() {
    let world = company("limits: { run: 1s }\n", 1..=200, 200).await;
    let keys = format!("for: portfolio\n{}", SLOW.replace("when:", "matching:"));
    world.playbook(&playbook("digest", &keys, "  - email: { id: list, to: alerts_to, subject: Slow, body: Look }"));
    world.run_at(SLOT).await;
    assert_eq!(lines(&world.runs().await, "playbook state enrolled"), ["digest failed 0"]);
    let plan = world.plan("digest", at("2026-03-03T09:00:00Z")).await;
    assert!(plan.fails && plan.reason.as_ref().unwrap().contains("longer than 1 s"), "{plan:#?}");
}

/// The shared walk goes on without the slow run, which then walks alone and
/// decides each account once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_run_is_left_behind_by_those_that_share_its_walk() {
    let world = company("", 1..=500, 4_000).await;
    world.playbook(&playbook("a-slow", &keys(SLOW), END)).playbook(&playbook("b-quick", &keys(QUICK), END));
    world.publish_at("2026-03-01T00:00:00Z").await;
    scheduler::manual(&world.shared(), at(SLOT)).await.unwrap();
    // A run's row is written last when it ends.
    let ended_first = "select playbook from keepwell.runs order by age(xmin) desc limit 1";
    let ended_first: String = sqlx::query_scalar(ended_first).fetch_one(world.store().pool()).await.unwrap();
    assert_eq!(ended_first, "b-quick");
    for run in world.runs().await {
        assert_eq!(lines(std::slice::from_ref(&run), "state candidates"), ["done 4000"], "{run}");
        assert_eq!(run["skipped"], json!({ "blocked": 4000 }), "{run}");
    }
}

/// A slot whose run takes long, and a later one that does not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_of_other_playbooks_do_not_wait_for_a_slow_run() {
    let world = company("", 1..=200, 200).await;
    let now = Utc::now();
    let daily = |minutes: i64| {
        let at = now - TimeDelta::minutes(minutes);
        format!("{} {} * * *", at.minute(), at.hour())
    };
    world.playbook(&scheduled("slow", &daily(40), &keys(SLOW), END)).playbook(&scheduled(
        "quick",
        &daily(20),
        &keys(QUICK),
        END,
    ));
    world.publish_at(&(now - TimeDelta::hours(1)).to_rfc3339()).await;
    let (stop, stopping) = watch::channel(false);
    let files = world.files().clone();
    let published = Fingerprint::of(&files.playbooks, &files.scripts);
    let daemon = Daemon {
        files: FileWatch::new(files, published),
        epoch: EpochWatch::new(Path::new("/nonexistent")),
        progress: Arc::new(lanes::progress()),
    };
    let lanes = tokio::spawn(supervise(world.shared(), Clock::System, daemon, Arc::new(|| ()), stopping));
    until("the later one is done", async || state(&world, "quick").await == "done").await;
    assert_eq!(state(&world, "slow").await, "running");
    until("the slow one is done as well", async || state(&world, "slow").await == "done").await;
    stop.send(true).unwrap();
    lanes.await.unwrap();
    assert_eq!(lines(&world.runs().await, "playbook state candidates"), ["quick done 200", "slow done 200"]);
}

/// More that is due than one look takes, all of it slow, and one behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enrollments_of_other_playbooks_do_not_wait_for_slow_steps() {
    let world =
        company("guardrails: { first_run: go, hold_above: off }\n", std::ops::RangeInclusive::new(1, 0), 520).await;
    let slow = "  - wait: { until: '(account.seats ?? 0) > 0 && slow::long(account.seats ?? 0) < 0', at_most: 9d }";
    world.playbook(&playbook("a-slow", QUICK, slow)).playbook(&playbook(
        "b-quick",
        "when: account.id == \"a00001\"",
        "  - wait: 1h\n  - task: { title: Call }",
    ));
    world.run_at(SLOT).await;
    world.sql("update customers.accounts set seats = 1").await;
    let now = at("2026-03-02T10:00:00Z");
    let left = async || {
        let sql = "select count(*) from keepwell.enrollments where playbook = 'a-slow' and look_at <= $1";
        let count: i64 = sqlx::query_scalar(sql).bind(now).fetch_one(world.store().pool()).await.unwrap();
        count
    };
    assert_eq!(left().await, 520);
    advancer::tick(&world.shared, now).await.unwrap();
    let enrollments = world.enrollments().await;
    let quick: Vec<_> = enrollments.into_iter().filter(|one| one["playbook"] == "b-quick").collect();
    assert_eq!(lines(&quick, "state"), ["completed"]);
    let first = left().await;
    assert!((1..520).contains(&first), "{first}");
    // It goes on with the next look, and its owners hear of it once.
    advancer::tick(&world.shared, now).await.unwrap();
    assert!(left().await < first);
    assert_eq!(lines(&world.notices().await, "subject"), ["Slow: a-slow"]);
}

/// A new playbook whose case takes long is not in force yet; the others are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cases_that_take_long_hold_up_no_other_playbook() {
    let world = World::with("limits: { cases: 10s }\n").await;
    world.expect_mistakes();
    world.script("slow", SCRIPT);
    let case =
        "tests:\n  - name: endless\n    at: 2026-03-02T09:00:00Z\n    account: { mrr: 1, seats: 1 }\n    expect: []";
    // What asks all accounts may turn at every slot, so that the case leaves out none.
    let when =
        "when: account.mrr > 0 && (slow::long(account.seats ?? 0) < 0 || (share_of(account.mrr < 0) ?? 0) > 200)";
    world
        .playbook(&scheduled("a-slow", "* * * * *", &format!("{when}\n{case}"), END))
        .playbook(&playbook("b-quick", QUICK, END));
    let files = FileWatch::new(world.files().clone(), Fingerprint::default());
    let (_never, stop) = watch::channel(false);
    let shared = world.shared();
    let in_force = async || {
        let published = shared.store.published().await.unwrap();
        published.into_iter().map(|one| (one.id, one.revision)).collect::<Vec<_>>()
    };
    publisher::tick(&shared, &files, at(SLOT), &stop).await.unwrap();
    let first = in_force().await;
    assert_eq!(first.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["b-quick"]);
    // Meanwhile another change is published.
    world.playbook(&playbook("b-quick", "when: account.mrr > 1", END));
    publisher::tick(&shared, &files, at(SLOT), &stop).await.unwrap();
    assert_ne!(in_force().await, first);
    // In the end the case fails by its name.
    let report = world.publish_at(SLOT).await;
    let errors: Vec<&str> = report.diagnostics.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("the case `endless` fails: the case takes too long: after "), "{errors:?}");
    assert_eq!(in_force().await.len(), 1);
}
