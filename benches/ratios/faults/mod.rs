//! What is left when daemons are killed, stopped and frozen, when Postgres goes
//! away and when a person stops everything: counted in the mail server's own
//! ledger, which is synced before it answers, and printed as a table.

use std::time::{Duration, Instant};

use keepwell::store::Store;
use keepwell::store::control::Target;
use sqlx::AssertSqlSafe;

use crate::support::program::Daemon;
use crate::support::proxy::{Behind, Fault, Proxy};

mod company;

use company::{Company, Found};

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub kills: usize,
    pub messages: i64,
    /// How often each of the other faults strikes.
    pub rounds: usize,
}

/// One row of the table.
struct Row {
    name: &'static str,
    trials: usize,
    found: Found,
    /// From the fault's end to that of all work.
    spans: Vec<Duration>,
    note: String,
}

/// Xorshift: the seed tells the whole story.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

pub async fn measure(size: Size) -> anyhow::Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let given = std::env::var("KEEPWELL_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or(now.as_nanos() as u64);
    println!(
        "\nfaults: {} messages, {} kills, {} rounds; KEEPWELL_TEST_SEED={seed}\n",
        size.messages, size.kills, size.rounds
    );
    let mut chance = Chance(seed | 1);
    println!("| fault | trials | mails | duplicates | losses | unknown | recovery p50 / p99 | |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut bad = 0;
    bad += print(kills(size, &mut chance).await?);
    bad += print(stops(size, &mut chance).await?);
    bad += print(freezes(size, &mut chance).await?);
    bad += print(crashes(size, &mut chance).await?);
    bad += print(partitions(size, &mut chance).await?);
    bad += print(storms(size, &mut chance).await?);
    bad += print(downtimes().await?);
    bad += print(switches(size, &mut chance).await?);
    bad += print(suppressions(size, &mut chance).await?);
    bad += print(budgets(size).await?);
    anyhow::ensure!(bad == 0, "{bad} promises are broken");
    Ok(())
}

/// Prints a row; how much of it is wrong.
fn print(mut row: Row) -> usize {
    row.spans.sort_unstable();
    let at = |share: f64| match row.spans.len() {
        0 => "–".to_owned(),
        count => format!("{:.2} s", row.spans[((count - 1) as f64 * share).ceil() as usize].as_secs_f64()),
    };
    let Found { sent, duplicates, losses, unknown } = row.found;
    // The rule of three: none in n is less than 3/n, with 95 % confidence.
    let bound = |count: usize| match (count, sent) {
        (0, 1..) => format!("0 (< {:.2} %)", 300.0 / sent as f64),
        _ => count.to_string(),
    };
    println!(
        "| {} | {} | {sent} | {} | {} | {unknown} | {} / {} | {} |",
        row.name,
        row.trials,
        bound(duplicates),
        bound(losses),
        at(0.5),
        at(0.99),
        row.note
    );
    duplicates + losses
}

/// F1: three daemons, of which one at a time is killed.
async fn kills(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("kills", "").await?;
    let waves = (size.messages / 300).clamp(1, 40);
    let (mut left, mut at_work, mut spans) = (size.kills, 0, Vec::new());
    for wave in 0..waves {
        company.wave(size.messages / waves).await?;
        let mut daemons: Vec<Daemon> = (0..3).map(|_| company.daemon()).collect();
        let mut share = left / (waves - wave) as usize;
        while share > 0 && !company.is_done().await? {
            tokio::time::sleep(chance.millis(20, 250)).await;
            let victim = chance.below(3) as usize;
            daemons.swap_remove(victim).kill();
            at_work += usize::from(!company.is_done().await?);
            daemons.push(company.daemon());
            if chance.below(2) == 0 {
                company.let_a_minute_pass().await?;
            }
            share -= 1;
            left -= 1;
        }
        company.let_a_minute_pass().await?;
        spans.push(company.finish().await?);
        daemons.into_iter().for_each(Daemon::stop_well);
    }
    let note = format!("{at_work} of {} kills hit a wave at work", size.kills - left);
    Ok(Row {
        name: "F1 kill -9, three daemons",
        trials: size.kills - left,
        found: company.compare().await?,
        spans,
        note,
    })
}

/// F3: SIGTERM under load.
async fn stops(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("stops", "").await?;
    let mut spans = Vec::new();
    let mut left = 0;
    for _ in 0..size.rounds {
        company.wave(60).await?;
        let daemon = company.daemon();
        tokio::time::sleep(chance.millis(50, 600)).await;
        let (status, took) = daemon.stop();
        anyhow::ensure!(status.success(), "it ended with {status}");
        spans.push(took);
        left += company.number("select count(*) from keepwell.messages where state = 'sending'").await?;
    }
    let daemon = company.daemon();
    company.let_a_minute_pass().await?;
    company.finish().await?;
    daemon.stop_well();
    let note = format!("from SIGTERM to exit 0; {left} claims left behind");
    Ok(Row { name: "F3 SIGTERM under load", trials: size.rounds, found: company.compare().await?, spans, note })
}

/// F4: a daemon stands still until its claims have run out and another has
/// done its work; then it goes on.
async fn freezes(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("freezes", "").await?;
    let mut spans = Vec::new();
    for _ in 0..size.rounds {
        company.wave(60).await?;
        let frozen = company.daemon();
        tokio::time::sleep(chance.millis(50, 500)).await;
        frozen.signal(libc::SIGSTOP);
        let other = company.daemon();
        company.let_a_minute_pass().await?;
        tokio::time::sleep(Duration::from_millis(700)).await;
        company.let_a_minute_pass().await?;
        frozen.signal(libc::SIGCONT);
        spans.push(company.finish().await?);
        frozen.stop_well();
        other.stop_well();
    }
    let note = "its claims were taken meanwhile".to_owned();
    Ok(Row { name: "F4 SIGSTOP beyond the lease", trials: size.rounds, found: company.compare().await?, spans, note })
}

/// F8: Postgres is stopped at once and started again.
async fn crashes(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("crashes", "").await?;
    let mut spans = Vec::new();
    for _ in 0..size.rounds {
        company.wave(60).await?;
        let daemons = [company.daemon(), company.daemon()];
        company.ready(&daemons).await;
        tokio::time::sleep(chance.millis(0, 600)).await;
        let process = std::fs::read_to_string(company.directory.join("data/postmaster.pid"))?;
        let process: i32 = process.lines().next().unwrap_or_default().trim().parse()?;
        // SAFETY: the server that we started; it is in our hands alone.
        unsafe { libc::kill(process, libc::SIGQUIT) };
        tokio::time::sleep(chance.millis(100, 1_500)).await;
        let place = company.directory.clone();
        let again = tokio::task::spawn_blocking(move || {
            use keepwell::store::private::{Durability, PrivatePostgres};
            PrivatePostgres::ensure(&place, Durability::Durable)
        });
        company.postgres = again.await??;
        company.let_a_minute_pass().await?;
        spans.push(company.finish().await?);
        daemons.into_iter().for_each(Daemon::stop_well);
    }
    let note = "from its return".to_owned();
    Ok(Row {
        name: "F8 Postgres stopped and started",
        trials: size.rounds,
        found: company.compare().await?,
        spans,
        note,
    })
}

/// F9: a daemon is cut off from Postgres without a word, both ways or one.
async fn partitions(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("partitions", "").await?;
    let socket = company.options.get_socket().expect("a socket").join(".s.PGSQL.5432");
    let proxy = Proxy::before(Behind::Unix(socket));
    let direct = company.postgres.url("keepwell");
    let through = format!("postgres://{}@{}/keepwell?sslmode=disable", company.options.get_username(), proxy.address);
    let (mut spans, mut most) = (Vec::new(), 0);
    for round in 0..size.rounds {
        company.wave(80).await?;
        company.home.set("DATABASE_URL", &through);
        let cut_off = company.daemon();
        company.home.set("DATABASE_URL", &direct);
        let before = company.server.accepted().len();
        let since = Instant::now();
        while company.server.accepted().len() < before + 5 && since.elapsed() < Duration::from_secs(30) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(chance.millis(1, 60)).await;
        proxy.set(if round % 2 == 0 { Fault::Stall } else { Fault::HalfOpen });
        let at = Instant::now();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        most = most.max(company.taken.lock().unwrap().iter().filter(|time| **time > at).count());
        let other = company.daemon();
        company.let_a_minute_pass().await?;
        tokio::time::sleep(chance.millis(200, 1_500)).await;
        proxy.set(Fault::None);
        company.let_a_minute_pass().await?;
        spans.push(company.finish().await?);
        cut_off.stop_well();
        other.stop_well();
    }
    let note = format!("at most {most} bodies after it, of 8 sessions");
    Ok(Row { name: "F9 cut off from Postgres", trials: size.rounds, found: company.compare().await?, spans, note })
}

/// F10: connections are terminated every 200 ms.
async fn storms(size: Size, _: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("storms", "").await?;
    let mut terminated = 0;
    company.wave(60 * size.rounds as i64).await?;
    let daemons = [company.daemon(), company.daemon(), company.daemon()];
    company.ready(&daemons).await;
    for _ in 0..size.rounds * 3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        terminated += company
            .number(
                "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity
                 where application_name = 'keepwell' and random() < 0.5) gone",
            )
            .await?;
    }
    company.let_a_minute_pass().await?;
    let spans = vec![company.finish().await?];
    daemons.into_iter().for_each(Daemon::stop_well);
    let note = format!("{terminated} connections");
    Ok(Row {
        name: "F10 connections terminated",
        trials: size.rounds * 3,
        found: company.compare().await?,
        spans,
        note,
    })
}

/// F14: nobody was there for some slots.
async fn downtimes() -> anyhow::Result<Row> {
    let mut company = Company::open("downtimes", "catch_up: 1h\n").await?;
    let (mut notes, gaps) = (Vec::new(), [1, 5, 500]);
    for gap in gaps {
        company.wave(20).await?;
        company
            .sql(&format!(
                "update keepwell.playbooks set slots_after = date_trunc('minute', now()) - interval '{gap} minutes'"
            ))
            .await?;
        let before = company.number("select count(*) from keepwell.runs where state = 'skipped'").await?;
        let daemons = [company.daemon(), company.daemon(), company.daemon()];
        company.finish().await?;
        daemons.into_iter().for_each(Daemon::stop_well);
        let skipped = company.number("select count(*) from keepwell.runs where state = 'skipped'").await? - before;
        notes.push(format!("{gap} slots: {skipped} skipped"));
    }
    let twice = company
        .number("select count(*) from (select 1 from keepwell.runs group by playbook, slot having count(*) > 1) t")
        .await?;
    anyhow::ensure!(twice == 0, "{twice} slots ran twice");
    let note = notes.join(", ");
    Ok(Row { name: "F14 missed slots", trials: gaps.len(), found: company.compare().await?, spans: Vec::new(), note })
}

/// F19: everything is stopped while three daemons send.
async fn switches(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("switches", "").await?;
    let (mut spans, mut bodies, mut trials) = (Vec::new(), 0, 0);
    company.wave(size.messages).await?;
    let daemons = [company.daemon(), company.daemon(), company.daemon()];
    let store = Store::connect(company.options.clone(), 1);
    while !company.is_done().await? {
        tokio::time::sleep(chance.millis(50, 300)).await;
        if company.is_done().await? {
            break;
        }
        store.stop(&Target::All, "a person", None, chrono::Utc::now()).await?;
        let stopped = Instant::now();
        tokio::time::sleep(Duration::from_millis(2_000)).await;
        let late: Vec<Instant> = company.taken.lock().unwrap().iter().filter(|at| **at > stopped).copied().collect();
        bodies = bodies.max(late.len());
        spans.push(late.last().map_or(Duration::ZERO, |last| *last - stopped));
        trials += 1;
        store.resume(&Target::All, "a person", chrono::Utc::now()).await?;
    }
    store.close().await;
    daemons.into_iter().for_each(Daemon::stop_well);
    let note = format!("from the word to the last body; at most {bodies} bodies, of 24 sessions");
    Ok(Row { name: "F19 stop under load", trials, found: company.compare().await?, spans, note })
}

/// F20: people unsubscribe while their mail leaves.
async fn suppressions(size: Size, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("suppressions", "").await?;
    let (count, mut acknowledged) = (40 * size.rounds as i64, Vec::new());
    company.wave(count).await?;
    let daemons = [company.daemon(), company.daemon()];
    let store = Store::connect(company.options.clone(), 2);
    for number in 1..=count {
        if chance.below(2) == 0 {
            continue;
        }
        let address = format!("person{number}@customer.example");
        store.suppress(&address, "all", "a person", chrono::Utc::now()).await?;
        let at: chrono::DateTime<chrono::Utc> =
            sqlx::query_scalar("select clock_timestamp()").fetch_one(store.pool()).await?;
        acknowledged.push((address, at));
    }
    company.finish().await?;
    daemons.into_iter().for_each(Daemon::stop_well);
    let (mut late, mut spared) = (0, 0);
    for (address, at) in &acknowledged {
        let marked = "select count(*) from keepwell.messages where to_address = $1 and marked_at > $2";
        late += sqlx::query_scalar::<_, i64>(marked).bind(address).bind(at).fetch_one(store.pool()).await?;
        let state = "select count(*) from keepwell.messages where to_address = $1 and state = 'suppressed'";
        spared += sqlx::query_scalar::<_, i64>(AssertSqlSafe(state)).bind(address).fetch_one(store.pool()).await?;
    }
    store.close().await;
    anyhow::ensure!(late == 0, "{late} bodies began after their word was taken");
    let note = format!("{late} bodies after the answer; {spared} mails spared");
    Ok(Row {
        name: "F20 unsubscribed while it leaves",
        trials: acknowledged.len(),
        found: company.compare().await?,
        spans: Vec::new(),
        note,
    })
}

/// F13: two playbooks want to write to everybody, and one mail a day is allowed.
async fn budgets(size: Size) -> anyhow::Result<Row> {
    let mut company = Company::open("budgets", "budget: { contact: [1 per 1d], account: off }\n").await?;
    company.publish("other", 1)?;
    company.wave(size.messages).await?;
    company.make_due("other").await?;
    let daemons = [company.daemon(), company.daemon(), company.daemon()];
    let since = Instant::now();
    while company.number("select count(*) from keepwell.messages where state = 'accepted'").await? < size.messages {
        anyhow::ensure!(since.elapsed() < Duration::from_secs(900), "it does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Whoever would go over the limit has had time for it.
    tokio::time::sleep(Duration::from_secs(2)).await;
    daemons.into_iter().for_each(Daemon::stop_well);
    let waiting = company.number("select count(*) from keepwell.messages where state = 'deferred'").await?;
    let found = company.sent()?;
    let note = format!("one a day for each; {waiting} mails wait for tomorrow");
    Ok(Row { name: "F13 budget, three daemons", trials: 1, found, spans: vec![since.elapsed()], note })
}
