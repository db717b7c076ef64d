//! Three days of three customers, with a bit of everything that a worker
//! writes; and what is left of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keepwell::clock::Instant;
use keepwell::delivery::{Channel, Relay, RelayUrl, Timers};
use keepwell::store::Store;
use keepwell::store::runs::playbooks::Missing;
use keepwell::worker::runs::publisher::{self, Files};
use keepwell::worker::runs::scheduler;
use keepwell::worker::{Shared, pass};

use super::life::Life;
use super::trap::{Trap, What};
use crate::support::smtp::{Hook, Script, Server};
use crate::support::wire::Wire;
use crate::support::world::{World, at, lines};

const CONFIG: &str = "mail: { connections: 1 }\nbudget: { contact: [9 per 1d], account: off }\n";

const PLAYBOOKS: [&str; 4] = [
    r#"
playbook: round
about: A bit of everything.
schedule: "0 0 1 1 *"
when: account.seats == 10
reentry: { once_per: account.renewal_at }
guardrails: { hold_above: off, first_run: go }
steps:
  - email: { id: first, to: champion, subject: Hello, body: Hello }
  - task: { id: call, title: Call, to: csm }
  - notify: { id: tell, channel: csm, text: Look }
  - wait: 1d
  - email: { id: second, to: champion, subject: Again, body: Again }
"#,
    r#"
playbook: rise
about: Whoever rises, again and again.
schedule: "0 0 1 1 *"
when: account.seats == 10
reentry: { on_rematch: true }
guardrails: { hold_above: off, first_run: go }
steps:
  - enroll: named
  - task: { id: rise, title: Rise, to: csm }
"#,
    r#"
playbook: named
about: Only those who are named.
schedule: "0 0 1 1 *"
when: account.seats == 99
steps:
  - task: { id: named, title: Named, to: csm }
"#,
    r#"
playbook: crowd
about: More than may enter without a word.
schedule: "0 0 1 1 *"
when: account.seats >= 5
reentry: { once_per: account.renewal_at }
guardrails: { hold_above: { count: 1 }, first_run: go, ramp: { first: 1, every: 15m, grow: 2x } }
steps:
  - email: { id: crowd, to: champion, subject: Crowd, body: Crowd }
"#,
];

/// What happens, and when.
#[derive(Clone, Copy, Debug)]
enum Chapter {
    /// As `run --once --at`, over the files as they are.
    Runs(&'static str),
    /// A pass over what is due.
    Passes(&'static str),
    /// A person's deeds, which are not under test.
    Sql(&'static str),
    Approves(&'static str),
}

const CHAPTERS: [Chapter; 8] = [
    Chapter::Runs("2026-03-02T09:00:00Z"),
    Chapter::Approves("2026-03-02T09:10:00Z"),
    Chapter::Passes("2026-03-02T09:20:00Z"),
    Chapter::Passes("2026-03-02T09:40:00Z"),
    Chapter::Sql("update customers.accounts set seats = 5 where id = 'a1'"),
    Chapter::Runs("2026-03-03T10:00:00Z"),
    Chapter::Sql("update customers.accounts set seats = 10 where id = 'a1'"),
    Chapter::Runs("2026-03-04T10:00:00Z"),
];

/// What is left, apart from what may differ: who sent it and when.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    rows: Vec<String>,
}

/// What a told story led to.
pub struct Told {
    pub left: Left,
    /// Mails of which nobody knows.
    pub unknown: usize,
    /// Where the trap saw somebody pass.
    pub seen: Vec<What>,
    /// How many each snare caught.
    pub caught: Vec<usize>,
    pub wrong: Vec<String>,
}

/// Tells the story to its end, whatever the trap does to those in it.
pub async fn tell(trap: Trap) -> Told {
    let world = World::with(CONFIG).await;
    for playbook in PLAYBOOKS {
        world.playbook(playbook);
    }
    for account in ["a1", "a2", "a3"] {
        world.customer(account).await;
    }
    world.sql("update customers.accounts set seats = 10, renewal_at = '2026-09-01'").await;
    let ledger = ledger();
    let trap = Arc::new(trap);
    let hook = {
        let trap = trap.clone();
        Hook(Arc::new(move |at, moment| trap.mail(at, moment)))
    };
    let server = Server::start(Script { ledger: Some(ledger.clone()), hook: Some(hook), ..Script::default() });
    let wire = Wire::before(&world.store().pool().connect_options(), trap.clone());
    for chapter in CHAPTERS {
        match chapter {
            Chapter::Sql(sql) => {
                world.sql(sql).await;
            }
            Chapter::Approves(when) => {
                world.approve("crowd@2026-03-02T09:00:00Z", when).await;
            }
            Chapter::Runs(when) => through(&world, &wire, &server, &trap, at(when), true).await,
            Chapter::Passes(when) => through(&world, &wire, &server, &trap, at(when), false).await,
        }
    }
    let (left, unknown, wrong) = left(&world, &ledger).await;
    let _ = std::fs::remove_file(ledger);
    Told { left, unknown, seen: trap.seen(), caught: trap.caught(), wrong }
}

/// Lives one chapter, again and again until somebody survives it.
async fn through(world: &World, wire: &Wire, server: &Server, trap: &Arc<Trap>, now: Instant, runs: bool) {
    for _ in 0..12 {
        let before: usize = trap.caught().iter().sum();
        let options = wire.options();
        let (url, files) = (server.url(), world.files().clone());
        let life: Arc<Life> = trap.life.clone();
        let make = async || {
            let relay = Relay::new(RelayUrl::parse(&url).unwrap(), 1, Timers::default(), &[]).unwrap();
            Shared { channel: Channel::Smtp(Box::new(relay)), ..world.beside(Store::connect(options, 2)) }
        };
        let lived = std::thread::scope(|scope| {
            let living = scope.spawn(|| life.live_on(make, move |shared| act(shared, files, now, runs)));
            living.join().unwrap()
        });
        match lived {
            // What a broken connection left open is for the next one.
            Some(Ok(())) if trap.caught().iter().sum::<usize>() == before => return,
            Some(Ok(())) => {}
            Some(Err(error)) => assert!(trap.caught().iter().any(|caught| *caught > 0), "{error:#}"),
            None => {}
        }
        world
            .sql(
                "update keepwell.messages set lease_until = clock_timestamp() - interval '1 second'
                     where state = 'sending';
                 update keepwell.runs set lease_until = clock_timestamp() - interval '1 second'
                     where token is not null",
            )
            .await;
    }
    panic!("nobody survives {now}");
}

async fn act(shared: Arc<Shared>, files: Files, now: Instant, runs: bool) -> anyhow::Result<()> {
    if runs {
        publisher::publish(&shared, &files, Missing::Doubted, now).await?;
        scheduler::manual(&shared, now).await?;
    }
    for _ in 0..100 {
        if pass(&shared, now).await? == 0 {
            return Ok(());
        }
    }
    anyhow::bail!("something is due again and again")
}

fn ledger() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("ledger-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

async fn left(world: &World, ledger: &PathBuf) -> (Left, usize, Vec<String>) {
    let mut messages = world.messages().await;
    let ids: BTreeMap<String, String> = messages
        .iter()
        .map(|row| (row["message_id"].as_str().unwrap().to_owned(), row["state"].as_str().unwrap().to_owned()))
        .collect();
    let unknown = messages.iter().filter(|row| row["state"] == "unknown").count();
    let ledger = std::fs::read_to_string(ledger).unwrap_or_default();
    let mut wrong = Vec::new();
    let mut accepted = BTreeSet::new();
    for line in ledger.lines() {
        let id = line.split(' ').next().unwrap_or_default();
        if !accepted.insert(id) {
            wrong.push(format!("I1: {line} was accepted twice"));
        }
        if !matches!(ids.get(id).map(String::as_str), Some("accepted" | "unknown")) {
            wrong.push(format!("I2: {line} was accepted, and is {:?}", ids.get(id)));
        }
    }
    for (id, state) in &ids {
        if state == "accepted" && !accepted.contains(id.as_str()) {
            wrong.push(format!("I3: {id} was never accepted"));
        }
    }
    for row in &mut messages {
        if row["state"] == "unknown" {
            row["state"] = "accepted".into();
        }
    }
    let mut rows = lines(&messages, "playbook account contact step channel to state");
    rows.extend(lines(&world.enrollments().await, "playbook account state step started_at"));
    rows.extend(lines(&world.tasks().await, "playbook account step state title"));
    rows.extend(lines(&world.runs().await, "playbook slot state reason enrolled candidates"));
    (Left { rows }, unknown, wrong)
}

impl Left {
    /// What only one of both has.
    pub fn difference(&self, other: &Left) -> Vec<String> {
        let missing = self.rows.iter().filter(|row| !other.rows.contains(row)).map(|row| format!("- {row}"));
        let more = other.rows.iter().filter(|row| !self.rows.contains(row)).map(|row| format!("+ {row}"));
        let mut difference: Vec<String> = missing.chain(more).collect();
        if difference.is_empty() && self.rows.len() != other.rows.len() {
            difference.push(format!("{} rows instead of {}", other.rows.len(), self.rows.len()));
        }
        difference
    }
}
