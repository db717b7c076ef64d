//! Customers on a durable Postgres, a mail server that keeps a ledger, and up
//! to three daemons. Work comes in waves, each with a playbook and accounts of
//! its own; in the end ledger and database are compared.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keepwell::postgres::{Durability, PrivatePostgres};
use keepwell::store::Store;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor, PgPool};

use crate::support::program::{Daemon, Home, until};
use crate::support::smtp::{At, Hook, Moment, Script, Server};

pub struct Company {
    pub home: Home,
    pub server: Server,
    pub postgres: PrivatePostgres,
    pub directory: PathBuf,
    pub options: PgConnectOptions,
    /// When each message was taken, in order.
    pub taken: Arc<Mutex<Vec<Instant>>>,
    pub ledger: PathBuf,
    /// Accounts so far.
    pub accounts: i64,
    waves: usize,
}

/// What the comparison found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub sent: usize,
    pub duplicates: usize,
    pub losses: usize,
    pub unknown: usize,
}

impl Company {
    /// Everything anew; `config` is more of `keepwell.yaml`. Nothing limits what
    /// a contact may get, unless it says so.
    pub async fn open(name: &str, config: &str) -> anyhow::Result<Company> {
        let directory = Company::place(name);
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory)?;
        Company::open_in(directory, name, config).await
    }

    /// Where Postgres keeps its files.
    pub fn place(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{name}"))
    }

    /// The same in a directory that is there.
    pub async fn open_in(directory: PathBuf, name: &str, config: &str) -> anyhow::Result<Company> {
        let postgres = Company::start(directory.clone()).await?;
        let options = postgres.options("keepwell");
        let store = Store::connect(options.clone(), 2);
        store.migrate().await?;
        store.close().await;
        let mut home = Home::new(&format!("faults-{name}"));
        let budget = if config.contains("budget:") { "" } else { "budget: off\n" };
        home.write("keepwell.yaml", &format!("web: off\n{budget}{config}"));
        let ledger = home.path.join("ledger");
        let taken: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let times = taken.clone();
        let hook = Hook(Arc::new(move |at, moment| {
            if (at, moment) == (At::Dot, Moment::Before) {
                times.lock().unwrap().push(Instant::now());
            }
        }));
        let server = Server::start(Script { ledger: Some(ledger.clone()), hook: Some(hook), ..Script::default() });
        home.set("DATABASE_URL", &postgres.url("keepwell"));
        home.set("KEEPWELL_SMTP_URL", &server.url());
        let company = Company { home, server, postgres, directory, options, taken, ledger, accounts: 0, waves: 0 };
        company.sql("insert into customers.csms (id, name, email) values ('csm', 'Sam', 'sam@example.com')").await?;
        Ok(company)
    }

    /// A pool of its own, since Postgres may go away.
    pub fn pool(&self) -> PgPool {
        PgPoolOptions::new().max_connections(3).connect_lazy_with(self.options.clone())
    }

    pub async fn sql(&self, sql: &str) -> anyhow::Result<()> {
        let pool = self.pool();
        pool.execute(AssertSqlSafe(sql.to_owned())).await?;
        pool.close().await;
        Ok(())
    }

    pub async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        let pool = self.pool();
        let number = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&pool).await;
        pool.close().await;
        Ok(number?)
    }

    /// So many more customers, and a playbook that writes to them at once: its
    /// mail and its task come after `keys` and are due now.
    pub async fn wave(&mut self, count: i64) -> anyhow::Result<()> {
        let wave = self.people(count).await?;
        let id = format!("round-{wave}");
        self.publish(&id, wave)?;
        self.make_due(&id).await
    }

    /// So many more customers, of a wave of their own; its number.
    pub async fn people(&mut self, count: i64) -> anyhow::Result<usize> {
        self.waves += 1;
        let (wave, first) = (self.waves, self.accounts + 1);
        self.accounts += count;
        let last = self.accounts;
        self.sql(&format!(
            "insert into customers.accounts (id, name, csm_id, seats, signed_up_at)
                 select 'a' || n, 'Account ' || n, 'csm', {wave}, '2026-01-01' from generate_series({first}, {last}) n;
             insert into customers.contacts (account_id, id, name, email, role)
                 select 'a' || n, 'c', 'Person ' || n, 'person' || n || '@customer.example', 'champion'
                 from generate_series({first}, {last}) n"
        ))
        .await?;
        Ok(wave)
    }

    /// Makes a playbook due at this minute.
    pub async fn make_due(&self, id: &str) -> anyhow::Result<()> {
        let due = format!("update keepwell.playbooks set slots_after = now() - interval '1 minute' where id = '{id}'");
        self.sql(&due).await
    }

    /// Publishes a playbook for the accounts of a wave.
    pub fn publish(&self, id: &str, wave: usize) -> anyhow::Result<()> {
        let playbook = format!(
            "playbook: {id}
about: Everybody of a wave gets a mail, then a task.
alerts_to: ops@example.com
schedule: \"* * * * *\"
when: account.seats == {wave}
guardrails: {{ hold_above: off, first_run: go }}
steps:
  - email: {{ id: mail, to: champion, subject: \"Hello {{{{ account.name }}}}\", body: \"Hi {{{{ recipient.name }}}}\" }}
  - task: {{ id: call, title: \"Call {{{{ account.name }}}}\", to: csm }}
"
        );
        self.home.write(&format!("playbooks/{id}.yaml"), &playbook);
        let answer = self.home.run(&["run", "--once"]);
        anyhow::ensure!(answer.code == 0, "{answer:?}");
        Ok(())
    }

    /// Starts a daemon, with a log of its own.
    pub fn daemon(&self) -> Daemon {
        self.daemon_with(|_| {})
    }

    /// The same, with something else about its process.
    pub fn daemon_with(&self, about: impl FnOnce(&mut Command)) -> Daemon {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        self.home.start_with(&["run"], &format!("log-{}", COUNT.fetch_add(1, Ordering::Relaxed)), about)
    }

    /// Postgres's own socket.
    pub fn socket(&self) -> PathBuf {
        self.options.get_socket().expect("a socket").join(".s.PGSQL.5432")
    }

    /// How to reach its database by TCP.
    pub fn url_by(&self, address: SocketAddr) -> String {
        format!("postgres://{}@{address}/keepwell?sslmode=disable", self.options.get_username())
    }

    /// Ends Postgres at once, without a word to anybody.
    pub fn crash(&self) -> anyhow::Result<()> {
        let process = std::fs::read_to_string(self.directory.join("data/postmaster.pid"))?;
        let process: i32 = process.lines().next().unwrap_or_default().trim().parse()?;
        // SAFETY: the server that we started; it is in our hands alone.
        unsafe { libc::kill(process, libc::SIGQUIT) };
        Ok(())
    }

    /// Starts a Postgres on the files in a directory.
    pub async fn start(place: PathBuf) -> anyhow::Result<PrivatePostgres> {
        Ok(tokio::task::spawn_blocking(move || PrivatePostgres::ensure(&place, Durability::Durable)).await??)
    }

    /// Starts it again.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.postgres = Company::start(self.directory.clone()).await?;
        Ok(())
    }

    /// Waits until the relay has taken so many bodies.
    pub async fn taken(&self, count: usize) {
        until("mails leave", async || self.taken.lock().unwrap().len() >= count).await;
    }

    /// How many bodies it has taken since.
    pub fn taken_after(&self, at: Instant) -> usize {
        self.taken.lock().unwrap().iter().filter(|time| **time > at).count()
    }

    /// Waits until they run: one that finds no database at its start ends.
    pub async fn ready(&self, daemons: &[Daemon]) {
        for daemon in daemons {
            until("it runs", async || daemon.log().contains("running")).await;
        }
    }

    /// Claims of those who are gone run out at once, and not in a minute.
    pub async fn let_a_minute_pass(&self) -> anyhow::Result<()> {
        self.sql(
            "update keepwell.messages set lease_until = clock_timestamp() - interval '1 second'
                 where (account_id, id) in (select account_id, id from keepwell.messages
                     where state = 'sending' for update skip locked);
             update keepwell.runs set lease_until = clock_timestamp() - interval '1 second' where token is not null",
        )
        .await
    }

    /// Ends every other connection of the daemons'; how many.
    pub async fn terminate_half(&self) -> anyhow::Result<i64> {
        self.number(
            "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity
             where application_name = 'keepwell' and random() < 0.5) gone",
        )
        .await
    }

    /// What waits for another try, five minutes and more, is tried at once.
    pub async fn retry_now(&self) -> anyhow::Result<()> {
        self.sql("update keepwell.messages set next_at = now() where state = 'deferred'").await
    }

    /// Enrollments that have come to their end.
    pub async fn completed(&self) -> anyhow::Result<i64> {
        self.number("select count(*) from keepwell.enrollments where state = 'completed'").await
    }

    pub async fn is_done(&self) -> anyhow::Result<bool> {
        Ok(self.completed().await? >= self.accounts)
    }

    /// Waits for the end of everything; how long that took.
    pub async fn finish(&self) -> anyhow::Result<Duration> {
        let since = Instant::now();
        while !self.is_done().await.unwrap_or(false) {
            anyhow::ensure!(since.elapsed() < Duration::from_secs(600), "{} are done", self.completed().await?);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(since.elapsed())
    }

    /// I1 to I3, I6 and I8 over the ledger and the database, when all is done.
    pub async fn compare(&self) -> anyhow::Result<Found> {
        let ledger = std::fs::read_to_string(&self.ledger).unwrap_or_default();
        let mut copies: HashMap<&str, usize> = HashMap::new();
        for line in ledger.lines().filter(|line| line.ends_with("@customer.example")) {
            *copies.entry(line).or_default() += 1;
        }
        let recipients: HashSet<&str> = copies.keys().filter_map(|line| line.split(' ').nth(1)).collect();
        let pool = self.pool();
        let rows: Vec<(String, Option<String>, String)> =
            sqlx::query_as("select message_id, to_address, state from keepwell.messages where channel = 'email'")
                .fetch_all(&pool)
                .await?;
        let tasks: i64 =
            sqlx::query_scalar("select count(distinct account_id) from keepwell.tasks").fetch_one(&pool).await?;
        let all_tasks: i64 = sqlx::query_scalar("select count(*) from keepwell.tasks").fetch_one(&pool).await?;
        pool.close().await;
        let mut found = Found { sent: copies.values().sum(), ..Found::default() };
        found.duplicates = found.sent - recipients.len() + (all_tasks - tasks).unsigned_abs() as usize;
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        for (id, to, state) in rows {
            known.insert(format!("{id} {}", to.unwrap_or_default()), state);
        }
        for (line, state) in &known {
            match state.as_str() {
                "unknown" => found.unknown += 1,
                "accepted" if copies.contains_key(line.as_str()) => {}
                "suppressed" => {}
                // Said to be sent, or never finished.
                _ => found.losses += 1,
            }
        }
        found.losses += copies.keys().filter(|line| !known.contains_key(**line)).count();
        found.losses += (self.accounts - known.len() as i64).unsigned_abs() as usize;
        found.losses += (self.accounts - tasks).unsigned_abs() as usize;
        Ok(found)
    }

    /// The ledger alone: how many were sent, and how many to somebody twice.
    pub fn sent(&self) -> anyhow::Result<Found> {
        // Before the first mail there is none.
        let ledger = std::fs::read_to_string(&self.ledger).unwrap_or_default();
        let to: Vec<&str> = ledger.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        let customers: Vec<&&str> = to.iter().filter(|to| to.ends_with("@customer.example")).collect();
        let different: HashSet<&&&str> = customers.iter().collect();
        Ok(Found { sent: customers.len(), duplicates: customers.len() - different.len(), ..Found::default() })
    }
}
