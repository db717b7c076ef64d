//! Everything that is due in the outbox goes through the gate, is rendered,
//! kept, marked, sent over SMTP and settled, as by the daemon; against
//! `smtp-source`, which repeats one message from memory, and into the same
//! `smtp-sink`. Then under other circumstances, and the queue alone.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use keepwell::clock::Instant;
use keepwell::delivery::{Channel, Relay, RelayUrl, Timers};
use keepwell::postgres::{Durability, PrivatePostgres};
use keepwell::store::Store;
use keepwell::worker::Shared;
use keepwell::worker::messages::deliverer;
use sqlx::PgPool;

use crate::Options;
use crate::enroll::{CUSTOMERS, FIRST, NOTHING, enroll, run, shared};
use crate::pairs::{Goal, Side, heading, prepared_in_turns};

mod circumstances;
mod queue;
mod sink;
mod work;

use sink::Sink;
use work::{Work, commits};

/// As many as the daemon has.
const LANES: usize = 4;

/// How many times as many mails there are for what takes longer to show.
const TIMES: i64 = 4;

const PLAYBOOK: &str = r#"playbook: one
about: It is measured.
alerts_to: ops@example.com
schedule: "0 9 1 1 *"
when: account.tier == "A"
guardrails: { hold_above: off, first_run: go }
steps:
  - email:
      id: mail
      to: champion
      subject: "Three things about {{ account.name }}"
      body: |
        Hi {{ recipient.name }},

        your team has {{ account.seats }} seats. **Three things** help others like you most:

        1. invite everybody who works on it, since what one person writes down another one finds,
        2. connect the calendar, so that nothing is typed twice, and reminders come where they are read,
        3. look at the [guide](https://example.com/guide), which takes ten minutes and answers most questions.

        A short reply is enough if anything is in your way; a person reads it.

        {{ csm.name | default("Your customer success team") }}
"#;

/// Where what waits was kept: for most measures, and all that entered.
const FEW: &str = "few";
const MANY: &str = "many";

/// The outbox as it was when everybody had entered.
async fn due(pool: &PgPool, kept: &str) -> anyhow::Result<()> {
    let sql = "
        truncate keepwell.attempts, keepwell.address_guard, keepwell.recipients;
        truncate keepwell.messages;
        insert into keepwell.messages select * from bench.messages_KEPT;
        truncate keepwell.enrollments;
        insert into keepwell.enrollments select * from bench.enrollments_KEPT;
        vacuum analyze keepwell.messages; vacuum analyze keepwell.enrollments;
        checkpoint";
    run(pool, &sql.replace("KEPT", kept)).await
}

pub async fn measure(options: &Options) -> anyhow::Result<()> {
    let count = options.messages;
    for tool in ["smtp-sink", "smtp-source"] {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).stdout(Stdio::null()).status()?;
        anyhow::ensure!(found.success(), "{tool} is missing: `apt-get install --no-install-recommends postfix` has it");
    }
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ratios-deliver");
    std::fs::create_dir_all(&directory)?;
    let at = directory.clone();
    let server = tokio::task::spawn_blocking(move || PrivatePostgres::ensure(&at, Durability::Durable)).await??;
    let store = Store::connect(server.options("keepwell"), 16);
    let pool = store.pool().clone();
    run(&pool, NOTHING).await?;
    store.migrate().await?;
    run(&pool, &CUSTOMERS.replace("COUNT", &(count * TIMES).to_string())).await?;
    let many = "update customers.contacts set email = replace(email, 'customer', 'customer' || right(account_id, 2))";
    run(&pool, many).await?;
    let mut shared = shared(store, &directory, PLAYBOOK).await?;
    enroll(&shared, FIRST).await?;
    let keep = "drop schema if exists bench cascade; create schema bench;
         create table bench.messages_many as select * from keepwell.messages;
         create table bench.enrollments_many as select * from keepwell.enrollments;
         create table bench.messages_few as select * from bench.messages_many order by account_id limit COUNT;
         create table bench.enrollments_few as select e.* from bench.enrollments_many e
             join bench.messages_few m on m.account_id = e.account_id and m.enrollment_id = e.id";
    run(&pool, &keep.replace("COUNT", &count.to_string())).await?;
    let waiting = async |_: Side| due(&pool, FEW).await;

    let sink = Sink::start()?;
    let url = RelayUrl::parse(&format!("smtp://{}?tls=none", sink.address))?;
    heading("keepwell", "the tool");
    for connections in [1, 8, 32] {
        let relay = Relay::new(url.clone(), connections, Timers::default(), b"")?;
        {
            let shared = Arc::get_mut(&mut shared).context("nobody else has it")?;
            shared.channel = Channel::Smtp(Box::new(relay));
            shared.config.mail.connections = connections;
        }
        due(&pool, FEW).await?;
        let (before, work) = (commits(&pool).await?, Work::so_far()?);
        anyhow::ensure!(send(&shared).await? == count as u64, "not everything was sent");
        let work = work.until_now(count)?;
        let commits = (commits(&pool).await? - before) as f64 / count as f64;
        let size = size(&pool).await?;
        let source = async || sink.fill(connections, count, size);
        let outcome =
            prepared_in_turns("deliver", options.rounds, waiting, async || send(&shared).await, source).await?;
        outcome.print(&format!("{count} mails over {connections} connections"), Goal::AtMost(1.25, Duration::ZERO));
        let rate = |took: Duration| count as f64 / took.as_secs_f64();
        println!(
            "    {:.0} a second against {:.0}; {commits:.2} transactions a mail of about {size} bytes; {work}",
            rate(outcome.ours),
            rate(outcome.theirs)
        );
    }
    circumstances::markers(&shared.store, &pool, options).await?;
    circumstances::delayed_commits(&shared, &pool, options).await?;
    circumstances::forgotten_transaction(&shared, &pool, options).await?;
    drop(sink);

    Arc::get_mut(&mut shared).context("nobody else has it")?.channel = Channel::Captured;
    heading("keepwell", "by hand");
    let queue = async || queue::all(&shared.store).await;
    let by_hand = async || queue::by_hand(&pool).await;
    let outcome = prepared_in_turns("queue", options.rounds, waiting, queue, by_hand).await?;
    outcome.print("claim and settle alone", Goal::AtMost(1.25, Duration::ZERO));
    let captured = async || send(&shared).await;
    let outcome = prepared_in_turns("captured", options.rounds, waiting, captured, by_hand).await?;
    outcome.print("all but the wire, against the same", Goal::None);
    queue::beside_history(&server, options).await?;
    shared.store.close().await;
    Ok(())
}

/// Sends all that is due, in lanes; how many were taken.
async fn send(shared: &Arc<Shared>) -> anyhow::Result<u64> {
    let now: Instant = FIRST.parse()?;
    let lanes: Vec<_> = (0..LANES)
        .map(|_| {
            let shared = shared.clone();
            tokio::spawn(async move {
                while deliverer::tick(&shared, now).await? > 0 {}
                anyhow::Ok(())
            })
        })
        .collect();
    for lane in lanes {
        lane.await??;
    }
    let sent = "select count(*) from keepwell.messages where state in ('accepted', 'captured')";
    let sent: i64 = sqlx::query_scalar(sent).fetch_one(shared.store.pool()).await?;
    Ok(sent as u64)
}

/// About how long a mail is on the wire: its two parts and its headers.
async fn size(pool: &PgPool) -> anyhow::Result<i64> {
    let sql = "select avg(octet_length(body_text) + octet_length(body_html) + 1200)::int8 from keepwell.messages";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}
