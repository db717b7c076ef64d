//! Random histories of three workers on one Postgres: customers change, hours
//! pass or are missed, a person approves, discards and stops, workers die in
//! the middle and leases run out under those who only stood still. Whatever
//! their statements' order, what comes of it is what a simple model allows.
//!
//! A model that nothing can offend proves nothing: with one rule taken away,
//! each of its promises is found broken.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use keepwell::clock::Instant;
use keepwell::store::Store;
use keepwell::store::runs::parse_run_id;
use keepwell::store::upkeep::stopped::StopTarget;
use keepwell::worker::{Shared, pass};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::support::wire::{Fate, Wire};
use crate::support::world::{World, at};

mod model;
mod turns;

use model::{Model, full_hour};
use turns::{Seat, Turns};

const START: &str = "2026-03-02T08:30:00Z";
const ACCOUNTS: usize = 4;
const WORKERS: usize = 3;

const CONFIG: &str = "catch_up: 20m
touch_events: [meeting_held]
budget: { contact: [1 per 1d], account: [2 per 7d] }
";

const WELCOME: &str = r#"
playbook: welcome
about: Once for everybody.
schedule: "0 * * * *"
when: account.seats == 10
guardrails: { hold_above: off, first_run: go }
steps:
  - email: { id: hello, to: champion, subject: Welcome, body: Hello, valid_for: 30d }
"#;

const RENEWAL: &str = r#"
playbook: renewal
about: Once for each renewal, a few at a time.
schedule: "0 * * * *"
when: account.renewal_at != none && account.seats == 10
reentry: { once_per: account.renewal_at }
guardrails:
  hold_above: { count: 1 }
  first_run: go
  unusual: off
  store_change: off
  max_per_day: 2
  ramp: { first: 1, every: 15m, grow: 2x }
steps:
  - email: { id: hello, to: champion, subject: Your renewal, body: Hello, valid_for: 30d }
"#;

/// What happens to a customer between two rounds.
#[derive(Clone, Copy, Debug)]
enum Change {
    Matches(bool),
    Renews,
    IsMet,
}

/// What a person does between two rounds.
#[derive(Clone, Copy, Debug)]
enum Person {
    Nothing,
    Approves,
    Discards,
    StopsOrResumes,
}

/// One instant at which the workers look.
#[derive(Clone, Debug)]
struct Round {
    /// Minutes since the round before.
    minutes: i64,
    changes: Vec<(usize, Change)>,
    person: Person,
    /// Of each worker: after how many statements it dies, and whether the last
    /// one is carried out.
    deaths: [Option<(usize, bool)>; WORKERS],
    /// Before which turn all leases run out.
    lapse: Option<usize>,
    /// The order of the turns.
    order: u64,
}

fn histories() -> impl Strategy<Value = Vec<Round>> {
    let change = prop_oneof![
        3 => any::<bool>().prop_map(Change::Matches),
        4 => Just(Change::Renews),
        1 => Just(Change::IsMet),
    ];
    let person = prop_oneof![
        4 => Just(Person::Nothing),
        4 => Just(Person::Approves),
        1 => Just(Person::Discards),
        1 => Just(Person::StopsOrResumes),
    ];
    let death = prop::option::weighted(0.25, (0usize..120, any::<bool>()));
    let round = (
        prop::sample::select(vec![5i64, 16, 31, 40, 60, 65, 185, 1_500]),
        prop::collection::vec((0..ACCOUNTS, change), 0..4),
        person,
        [death.clone(), death.clone(), death],
        prop::option::weighted(0.3, 0usize..250),
        any::<u64>(),
    );
    let round = round.prop_map(|(minutes, changes, person, deaths, lapse, order)| Round {
        minutes,
        changes,
        person,
        deaths,
        lapse,
        order,
    });
    prop::collection::vec(round, 1..6)
}

/// A rule that is taken away.
#[derive(Clone, Copy, Debug, Default)]
struct Mistake {
    sql: &'static str,
    config: (&'static str, &'static str),
    playbook: (&'static str, &'static str),
}

/// The customers, three workers with a connection of their own, and the model.
struct Company {
    world: World,
    turns: Arc<Turns>,
    workers: Vec<Arc<Shared>>,
    _wires: Vec<Wire>,
    model: Model,
    now: Instant,
}

impl Company {
    async fn new(mistake: Mistake) -> Company {
        let world = World::with(&CONFIG.replacen(mistake.config.0, mistake.config.1, 1)).await;
        world.playbook(WELCOME).playbook(&RENEWAL.replacen(mistake.playbook.0, mistake.playbook.1, 1));
        for account in 0..ACCOUNTS {
            world.customer(&format!("a{account}")).await;
        }
        world.publish_at(START).await;
        world.sql(mistake.sql).await;
        let turns = Arc::new(Turns::default());
        let options = world.store().pool().connect_options();
        let wire = |worker| Wire::before(&options, Arc::new(Seat { turns: turns.clone(), worker }));
        let wires: Vec<Wire> = (0..WORKERS).map(wire).collect();
        let workers = wires.iter().map(|wire| Arc::new(world.beside(Store::connect(wire.options(), 4)))).collect();
        let now = at(START);
        Company { world, turns, workers, _wires: wires, model: Model::new(ACCOUNTS, now), now }
    }

    async fn live(&mut self, round: &Round) -> Result<(), String> {
        self.now += TimeDelta::minutes(round.minutes);
        for (account, change) in &round.changes {
            self.change(*account, *change).await;
        }
        self.act(round.person).await;
        let ends =
            round.deaths.map(|death| death.map(|(at, after)| (at, if after { Fate::After } else { Fate::Before })));
        self.turns.begin(&ends);
        let (finished, survived) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut working = tokio::task::JoinSet::new();
        for (number, worker) in self.workers.iter().enumerate() {
            let (worker, turns, now) = (worker.clone(), self.turns.clone(), self.now);
            let (finished, survived) = (finished.clone(), survived.clone());
            working.spawn(async move {
                let done = tokio::select! {
                    done = work(&worker, now) => done,
                    () = turns.end_of(number) => Ok(()),
                };
                let died = turns.has_died(number);
                if !died {
                    survived.fetch_add(1, Ordering::SeqCst);
                }
                finished.fetch_add(1, Ordering::SeqCst);
                turns.notice();
                done.err().filter(|_| !died)
            });
        }
        let mut order = round.order | 1;
        let chance = |below: usize| {
            order ^= order << 13;
            order ^= order >> 7;
            order ^= order << 17;
            (order % below as u64) as usize
        };
        let world = &self.world;
        let lapse = round.lapse;
        let before = async |turn| {
            if Some(turn) == lapse {
                let_leases_run_out(world).await;
            }
        };
        self.turns.take(chance, || finished.load(Ordering::SeqCst), WORKERS, before).await;
        if let Some(error) = working.join_all().await.into_iter().flatten().next() {
            return Err(format!("P17: a worker failed: {error:#}"));
        }
        let_leases_run_out(&self.world).await;
        self.model.round(self.now, survived.load(Ordering::SeqCst) > 0);
        self.model.check(self.world.store(), self.now).await
    }

    /// Two hours on which nobody dies, and in which what is left over is done.
    async fn rest(&mut self) -> Result<(), String> {
        for _ in 0..2 {
            if self.model.stopped {
                self.act(Person::StopsOrResumes).await;
            }
            let next = full_hour(self.now) + TimeDelta::minutes(65);
            let minutes = (next - self.now).num_minutes();
            let (person, order) = (Person::Nothing, minutes as u64);
            let round = Round { minutes, changes: Vec::new(), person, deaths: [None; WORKERS], lapse: None, order };
            self.live(&round).await?;
        }
        self.model.check_the_end(self.world.store()).await
    }

    async fn change(&mut self, number: usize, change: Change) {
        let account = &mut self.model.accounts[number];
        let id = format!("a{number}");
        match change {
            Change::Matches(matches) => {
                account.matches = matches;
                let seats = if matches { 10 } else { 5 };
                self.world.sql(&format!("update customers.accounts set seats = {seats} where id = '{id}'")).await;
            }
            Change::Renews => {
                account.period += 1;
                account.matches = true;
                let date = format!("2027-01-{:02}", account.period);
                let renew = format!(
                    "update customers.accounts set seats = 10, renewal_at = '{date}T00:00:00Z' where id = '{id}'"
                );
                account.periods.insert(date);
                self.world.sql(&renew).await;
            }
            Change::IsMet => {
                account.touches.push(self.now);
                self.world.event_of(&id, "ann", "meeting_held", &self.now.to_rfc3339()).await;
            }
        }
    }

    async fn act(&mut self, person: Person) {
        let now = self.now.to_rfc3339();
        match person {
            Person::Nothing => {}
            Person::StopsOrResumes => {
                match self.model.stopped {
                    true => self.world.resume(StopTarget::All).await,
                    false => self.world.stop(StopTarget::All, &now).await,
                }
                self.model.stopped = !self.model.stopped;
            }
            Person::Approves | Person::Discards => {
                let runs = self.world.runs().await;
                let Some(held) = runs.iter().find(|run| run["state"] == "held") else { return };
                let id = held["id"].as_str().unwrap().to_owned();
                let slot = parse_run_id(&id).unwrap().1;
                if matches!(person, Person::Discards) {
                    self.world.discard(&id, &now).await;
                    return;
                }
                let waiting = "select count(*) from keepwell.enrollments where run_slot = $1 and playbook = 'renewal'";
                let waiting: i64 =
                    sqlx::query_scalar(waiting).bind(slot).fetch_one(self.world.store().pool()).await.unwrap();
                self.world.approve(&id, &now).await;
                self.model.approvals.push((slot, self.now, waiting as usize));
            }
        }
    }
}

/// What a daemon does at this instant; what it fails at stays due.
async fn work(shared: &Arc<Shared>, now: Instant) -> anyhow::Result<()> {
    for _ in 0..100 {
        if pass(shared, now).await? == 0 {
            return Ok(());
        }
    }
    anyhow::bail!("something is due again and again")
}

async fn let_leases_run_out(world: &World) {
    world
        .sql(
            // But for those that somebody is writing, whose turn comes later.
            "update keepwell.messages set lease_until = clock_timestamp() - interval '1 second'
             where (account_id, id) in (select account_id, id from keepwell.messages
                 where state = 'sending' for no key update skip locked);
             update keepwell.runs set lease_until = clock_timestamp() - interval '1 second'
             where (playbook, slot) in (select playbook, slot from keepwell.runs
                 where token is not null for no key update skip locked)",
        )
        .await;
}

async fn live(history: &[Round], mistake: Mistake) -> Result<(), String> {
    let mut company = Company::new(mistake).await;
    for round in history {
        company.live(round).await?;
    }
    company.rest().await
}

fn runner(seed: u64, cases: u32) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

fn hold(seed: u64, cases: u32) {
    let runtime = runtime();
    let result = runner(seed, cases)
        .run(&histories(), |history| runtime.block_on(live(&history, Mistake::default())).map_err(TestCaseError::fail));
    if let Err(TestError::Fail(why, history)) = result {
        panic!("KEEPWELL_TEST_SEED={seed}\n{why}\n{history:#?}");
    }
}

#[test]
fn every_history_keeps_the_promises() {
    hold(2026, 6);
}

#[test]
fn any_history_keeps_the_promises() {
    let given = std::env::var("KEEPWELL_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish() >> 16);
    println!("KEEPWELL_TEST_SEED={seed}");
    hold(seed, 6);
}

/// Lives random histories until one offends the model, by breaking one of these promises.
fn finds(promises: &[&str], mistake: Mistake) {
    // Two daemons have to meet: one in twenty histories, now and then none of sixty.
    const MOST: usize = 200;
    let runtime = runtime();
    let mut runner = runner(7, 1);
    for count in 1..=MOST {
        let history = histories().new_tree(&mut runner).unwrap().current();
        if let Err(why) = runtime.block_on(live(&history, mistake)) {
            println!("{promises:?} after {count}: {why}");
            let is_meant = promises.iter().any(|promise| why.starts_with(&format!("{promise}:")));
            assert!(is_meant, "{mistake:?} is found as {why}");
            return;
        }
    }
    panic!("{mistake:?} is not noticed in {MOST} histories");
}

#[test]
fn without_unique_keys_somebody_enters_twice() {
    // Of two rows of one enrollment one may have ended: then its mail is due again and again.
    finds(
        &["P2", "P17"],
        Mistake {
            sql: "alter table keepwell.enrollments drop constraint enrollments_pkey;
                  alter table keepwell.enrollments
                      drop constraint enrollments_account_id_contact_id_playbook_entry_key_key;
                  drop index keepwell.enrollments_one_active",
            ..Mistake::default()
        },
    );
}

#[test]
fn without_one_name_for_a_slot_it_runs_twice() {
    finds(
        &["P3"],
        Mistake {
            sql: "create function blur() returns trigger language plpgsql as $$ begin
                      new.slot := new.slot + random() * interval '1 second'; return new; end $$;
                  create trigger blur before insert on keepwell.runs for each row execute function blur()",
            ..Mistake::default()
        },
    );
}

#[test]
fn with_a_larger_hold_more_enter() {
    finds(&["P8"], Mistake { playbook: ("count: 1", "count: 2"), ..Mistake::default() });
}

#[test]
fn with_a_larger_budget_somebody_hears_too_much() {
    finds(&["P11"], Mistake { config: ("contact: [1 per 1d]", "contact: [2 per 1d]"), ..Mistake::default() });
}

#[test]
fn with_more_patience_a_missed_slot_runs() {
    finds(&["P12"], Mistake { config: ("catch_up: 20m", "catch_up: 45m"), ..Mistake::default() });
}
