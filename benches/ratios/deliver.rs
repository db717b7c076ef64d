//! Everything that is due in the outbox goes through the gate, is rendered,
//! kept, marked, sent over SMTP and settled, as by the daemon; against
//! `smtp-source`, which repeats one message from memory, and into the same
//! `smtp-sink`. Then the queue alone, against two statements by hand.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use keepwell::clock::Instant;
use keepwell::delivery::{Channel, Relay, RelayUrl, Timers};
use keepwell::store::Store;
use keepwell::store::budget::UnderWay;
use keepwell::store::control::Halted;
use keepwell::store::outcomes::{Ending, Settled};
use keepwell::store::private::{Durability, PrivatePostgres};
use keepwell::worker::{Shared, deliverer};
use sqlx::{AssertSqlSafe, PgPool};

use crate::Options;
use crate::enroll::{CUSTOMERS, FIRST, NOTHING, enroll, run, shared};
use crate::pairs::{Goal, Side, heading, prepared_in_turns};

/// As many as the daemon has.
const LANES: usize = 4;
/// Claimed and settled at once where the queue is measured alone.
const BATCH: i64 = 500;

const PLAYBOOK: &str = r#"playbook: one
about: It is measured.
alerts_to: ops@example.com
schedule: "0 9 1 1 *"
when: account.tier == "A"
guardrails: { hold_above: off }
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

/// The outbox as it was when everybody had entered.
const DUE: &str = "
    truncate keepwell.attempts, keepwell.address_guard, keepwell.recipients;
    truncate keepwell.messages;
    insert into keepwell.messages select * from bench.messages;
    truncate keepwell.enrollments;
    insert into keepwell.enrollments select * from bench.enrollments;
    vacuum analyze keepwell.messages; vacuum analyze keepwell.enrollments;
    checkpoint";

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
    run(&pool, &CUSTOMERS.replace("COUNT", &count.to_string())).await?;
    let many = "update customers.contacts set email = replace(email, 'customer', 'customer' || right(account_id, 2))";
    run(&pool, many).await?;
    let mut shared = shared(store, &directory, PLAYBOOK).await?;
    enroll(&shared, FIRST).await?;
    run(
        &pool,
        "drop schema if exists bench cascade; create schema bench;
         create table bench.messages as select * from keepwell.messages;
         create table bench.enrollments as select * from keepwell.enrollments",
    )
    .await?;
    let due = async |_: Side| run(&pool, DUE).await;

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
        due(Side::Ours).await?;
        let (before, work) = (commits(&pool).await?, Work::so_far()?);
        anyhow::ensure!(send(&shared).await? == count as u64, "not everything was sent");
        let work = work.until_now(count)?;
        let commits = (commits(&pool).await? - before) as f64 / count as f64;
        let size = size(&pool).await?;
        let source = async || sink.fill(connections, count, size);
        let outcome = prepared_in_turns("deliver", options.rounds, due, async || send(&shared).await, source).await?;
        outcome.print(&format!("{count} mails over {connections} connections"), Goal::AtMost(1.25, Duration::ZERO));
        let rate = |took: Duration| count as f64 / took.as_secs_f64();
        println!(
            "    {:.0} a second against {:.0}; {commits:.2} transactions a mail of about {size} bytes; {work}",
            rate(outcome.ours),
            rate(outcome.theirs)
        );
    }
    drop(sink);

    Arc::get_mut(&mut shared).context("nobody else has it")?.channel = Channel::Captured;
    let queue = async || queue(&shared.store).await;
    let by_hand = async || by_hand(&pool).await;
    let outcome = prepared_in_turns("queue", options.rounds, due, queue, by_hand).await?;
    outcome.print("claim and settle alone", Goal::AtMost(1.25, Duration::ZERO));
    let captured = async || send(&shared).await;
    let outcome = prepared_in_turns("captured", options.rounds, due, captured, by_hand).await?;
    outcome.print("all but the wire, against the same", Goal::AtMost(f64::INFINITY, Duration::ZERO));
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

/// Claims and settles everything; how many.
async fn queue(store: &Store) -> anyhow::Result<u64> {
    let now: Instant = FIRST.parse()?;
    let mut handled = 0;
    loop {
        let claimed = store.claim_messages(now, &Halted::default(), &UnderWay::default(), BATCH).await?;
        if claimed.is_empty() {
            return Ok(handled);
        }
        let ending = |message| Ending {
            reply: Some("250 2.0.0 queued".to_owned()),
            ..Ending::at(message, Settled::Ended { state: "accepted", reason: None, outcome: Some("accepted") }, now)
        };
        let endings: Vec<Ending> = claimed.into_iter().map(ending).collect();
        handled += store.settle_all(&endings).await?.into_iter().filter(|taken| *taken).count() as u64;
    }
}

/// The same rows and columns, as one would write it without the rest.
async fn by_hand(pool: &PgPool) -> anyhow::Result<u64> {
    let mut handled = 0;
    loop {
        let claimed: Vec<(String, uuid::Uuid)> = sqlx::query_as(
            "update keepwell.messages m set state = 'sending', token = gen_random_uuid(), attempts = attempts + 1,
                 lease_until = clock_timestamp() + interval '1 minute'
             from (select account_id, id from keepwell.messages where state in ('planned', 'deferred') and next_at <= $2
                   order by priority desc, valid_until, account_id, id limit $1 for update skip locked) due
             where m.account_id = due.account_id and m.id = due.id returning m.account_id, m.id",
        )
        .bind(BATCH)
        .bind(FIRST.parse::<Instant>()?)
        .fetch_all(pool)
        .await?;
        if claimed.is_empty() {
            return Ok(handled);
        }
        let (accounts, ids): (Vec<String>, Vec<uuid::Uuid>) = claimed.into_iter().unzip();
        let done = sqlx::query(
            "update keepwell.messages m set state = 'accepted', outcome = 'accepted', sent_at = now(), ended_at = now()
             from unnest($1::text[], $2::uuid[]) n (account_id, id) where m.account_id = n.account_id and m.id = n.id",
        )
        .bind(accounts)
        .bind(ids)
        .execute(pool)
        .await?;
        handled += done.rows_affected();
    }
}

/// Time on a processor, which says more than time on the clock where others
/// are at work.
struct Work {
    ours: f64,
    postgres: f64,
}

impl Work {
    /// Seconds since both began.
    fn so_far() -> anyhow::Result<Work> {
        let own = i64::from(std::process::id());
        let processes: Vec<Vec<i64>> = std::fs::read_dir("/proc")?
            .filter_map(|entry| {
                let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
                let (pid, rest) = stat.split_once(" (")?;
                let numbers = rest.rsplit_once(") ")?.1.split(' ').skip(1).filter_map(|word| word.parse().ok());
                Some(std::iter::once(pid.parse().ok()?).chain(numbers).collect())
            })
            .collect();
        // The process, its parent, and what it worked; children that ended count as their parent's.
        let spent = |process: &[i64], ended: bool| process[11..if ended { 15 } else { 13 }].iter().sum::<i64>() as f64;
        let of = |parent: i64| processes.iter().filter(move |process| process.len() > 15 && process[1] == parent);
        let mine = of_pid(&processes, own).context("this process")?;
        let servers: Vec<&Vec<i64>> = of(own).collect();
        let backends = servers.iter().flat_map(|server| of(server[0])).map(|backend| spent(backend, false));
        let postgres = servers.iter().map(|server| spent(server, true)).chain(backends).sum::<f64>();
        Ok(Work { ours: spent(mine, false) / 100.0, postgres: postgres / 100.0 })
    }

    fn until_now(self, mails: i64) -> anyhow::Result<String> {
        let now = Work::so_far()?;
        let each = |seconds: f64| seconds * 1e6 / mails as f64;
        let (ours, postgres) = (each(now.ours - self.ours), each(now.postgres - self.postgres));
        Ok(format!("{ours:.0} us of ours and {postgres:.0} us of Postgres' on a processor"))
    }
}

fn of_pid(processes: &[Vec<i64>], pid: i64) -> Option<&Vec<i64>> {
    processes.iter().find(|process| process.first() == Some(&pid))
}

async fn commits(pool: &PgPool) -> anyhow::Result<i64> {
    // What each server process has counted becomes visible within a second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let sql = "select xact_commit from pg_stat_database where datname = current_database()";
    Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(pool).await?)
}

/// About how long a mail is on the wire: its two parts and its headers.
async fn size(pool: &PgPool) -> anyhow::Result<i64> {
    let sql = "select avg(octet_length(body_text) + octet_length(body_html) + 1200)::int8 from keepwell.messages";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}

/// A server that takes everything and keeps nothing.
struct Sink {
    address: SocketAddr,
    process: Child,
}

impl Sink {
    fn start() -> anyhow::Result<Sink> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new("smtp-sink");
        // As root it wants to be told as whom to run.
        if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
            command.args(["-u", "nobody"]);
        }
        let process = command.args([&address.to_string(), "1000"]).stderr(Stdio::null()).spawn()?;
        let sink = Sink { address, process };
        for _ in 0..500 {
            if TcpStream::connect(address).is_ok() {
                return Ok(sink);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        anyhow::bail!("smtp-sink does not listen on {address}");
    }

    /// Sends the same message so often, over connections that are kept.
    fn fill(&self, connections: usize, count: i64, size: i64) -> anyhow::Result<u64> {
        let (connections, count, size) = (connections.to_string(), count.to_string(), size.to_string());
        let mut command = Command::new("smtp-source");
        command.args([
            "-d",
            "-s",
            &connections,
            "-m",
            &count,
            "-l",
            &size,
            "-f",
            "a@example.com",
            "-t",
            "b@example.com",
        ]);
        anyhow::ensure!(command.arg(self.address.to_string()).status()?.success(), "smtp-source failed");
        Ok(count.parse()?)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
