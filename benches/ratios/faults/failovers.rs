//! F11: a database that forgot the last mails. A standby that was behind takes
//! over, and the files of an older backup are put back; daemons go on all the
//! time. Nothing may leave until a person confirms, who first looks up in the
//! relay's log what had left.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

use super::company::{Company, Found};
use super::{Row, Size};
use crate::support::program::{Daemon, until};
use crate::support::proxy::{Behind, Fault, Proxy};

/// Mails of a round.
pub const WAVE: i64 = 60;
/// Known to the backup or the standby, and sent in all, when the primary ends.
pub const KNOWN: usize = 5;
pub const SENT: usize = 30;
/// How long daemons may look at what has taken the primary's place.
pub const LOOK: Duration = Duration::from_secs(8);

/// What became of the rounds.
#[derive(Default)]
pub struct Confirmations {
    rounds: usize,
    forgotten: usize,
    bodies: usize,
    reason: String,
    spans: Vec<Duration>,
}

impl Confirmations {
    pub fn row(self, name: &'static str, found: Found) -> anyhow::Result<Row> {
        anyhow::ensure!(self.bodies == 0, "{} bodies before anybody confirmed", self.bodies);
        let note = format!(
            "0 bodies before the word; {} mails forgotten and looked up in the relay's log; it said: {}",
            self.forgotten, self.reason
        );
        Ok(Row { name, trials: self.rounds, found, spans: self.spans, note })
    }
}

/// A standby takes over without the last commits.
pub async fn promotions(size: Size) -> anyhow::Result<Row> {
    const NAME: &str = "F11 a standby takes over, behind";
    if !has_program("pg_basebackup") {
        return Ok(Row::skipped(NAME, "pg_basebackup is not installed"));
    }
    let mut company = Company::open("promotions", "").await?;
    let way = Proxy::before(Behind::Unix(company.socket()));
    company.home.set("DATABASE_URL", &company.url_by(way.address));
    let mut confirmations = Confirmations::default();
    for round in 0..rounds(size) {
        company.wave(WAVE).await?;
        let place = Company::place(&format!("standby-{round}"));
        let replication = Proxy::before(Behind::Unix(company.socket()));
        back_up(&company, &place, &["-R"])?;
        let primary = format!(
            "primary_conninfo = 'host=127.0.0.1 port={} user={} sslmode=disable'\n",
            replication.address.port(),
            company.options.get_username()
        );
        let settings = place.join("data/postgresql.auto.conf");
        std::fs::write(&settings, std::fs::read_to_string(&settings)? + primary.as_str())?;
        let standby = Company::start(place.clone()).await?;
        let daemons = [company.daemon(), company.daemon()];
        let before = company.sent()?.sent;
        company.taken(before + KNOWN).await;
        let known = company.number("select (pg_current_wal_lsn() - '0/0')::bigint").await?;
        until("the standby has it", async || replayed(&standby.options("keepwell")).await.unwrap_or(0) >= known).await;
        replication.set(Fault::Stall);
        company.taken(before + SENT).await;
        company.crash()?;
        let options = standby.options("keepwell");
        let mut connection = PgConnection::connect_with(&options).await?;
        let promoted: bool = sqlx::query_scalar("select pg_promote()").fetch_one(&mut connection).await?;
        connection.close().await?;
        anyhow::ensure!(promoted, "the standby was not promoted");
        company.options = options;
        company.directory = place;
        company.postgres = standby;
        way.lead_to(Behind::Unix(company.socket()));
        confirm(&company, &daemons, &mut confirmations).await?;
        daemons.into_iter().for_each(Daemon::stop_well);
    }
    confirmations.row(NAME, company.by_the_ledger().await?)
}

/// The files of an older base backup are put back.
pub async fn restores(size: Size) -> anyhow::Result<Row> {
    const NAME: &str = "F11 an older backup is put back";
    if !has_program("pg_basebackup") {
        return Ok(Row::skipped(NAME, "pg_basebackup is not installed"));
    }
    let mut company = Company::open("restores", "").await?;
    let mut confirmations = Confirmations::default();
    for _ in 0..rounds(size) {
        company.wave(WAVE).await?;
        let daemons = [company.daemon(), company.daemon()];
        let before = company.sent()?.sent;
        company.taken(before + KNOWN).await;
        let place = Company::place("backup");
        // A backup knows all that happened until its end.
        daemons.iter().for_each(|daemon| daemon.signal(libc::SIGSTOP));
        back_up(&company, &place, &[])?;
        daemons.iter().for_each(|daemon| daemon.signal(libc::SIGCONT));
        company.taken(before + SENT).await;
        company.crash()?;
        let process = company.directory.join("data/postmaster.pid");
        until("Postgres has ended", async || !process.exists()).await;
        std::fs::remove_dir_all(company.directory.join("data"))?;
        std::fs::rename(place.join("data"), company.directory.join("data"))?;
        company.restart().await?;
        confirm(&company, &daemons, &mut confirmations).await?;
        daemons.into_iter().for_each(Daemon::stop_well);
    }
    confirmations.row(NAME, company.by_the_ledger().await?)
}

pub fn rounds(size: Size) -> usize {
    (size.rounds / 5).max(2)
}

pub fn has_program(name: &str) -> bool {
    Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// A copy of the running cluster, as `data` below `place`.
pub fn back_up(company: &Company, place: &Path, more: &[&str]) -> anyhow::Result<()> {
    let _ = std::fs::remove_dir_all(place);
    std::fs::create_dir_all(place)?;
    let socket = company.socket();
    let output = Command::new("pg_basebackup")
        .args(["-X", "stream", "-c", "fast", "-U", company.options.get_username()])
        .arg("-h")
        .arg(socket.parent().expect("a directory"))
        .arg("-D")
        .arg(place.join("data"))
        .args(more)
        .output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

async fn replayed(options: &sqlx::postgres::PgConnectOptions) -> sqlx::Result<i64> {
    let mut connection = PgConnection::connect_with(options).await?;
    let at = sqlx::query_scalar("select (coalesce(pg_last_wal_replay_lsn(), '0/0') - '0/0')::bigint")
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    Ok(at)
}

/// Lets the daemons look at the database that has forgotten something; then
/// a person does, and confirms.
pub async fn confirm(company: &Company, daemons: &[Daemon], confirmations: &mut Confirmations) -> anyhow::Result<()> {
    let at = Instant::now();
    tokio::time::sleep(LOOK).await;
    confirmations.bodies += company.taken_after(at);
    confirmations.rounds += 1;
    let shown = company.home.run(&["confirm-epoch"]);
    let Some(reason) = shown.stdout.lines().next().filter(|_| shown.code == 1) else {
        let said: Vec<String> = daemons.iter().map(Daemon::log).collect();
        anyhow::bail!("nothing is to be confirmed: {shown:?} {}", said.join("\n"));
    };
    confirmations.reason = reason.to_owned();
    for enrollment in company.sent_without_a_word().await? {
        confirmations.forgotten += 1;
        let cancelled = company.home.run(&["cancel", &enrollment]);
        anyhow::ensure!(cancelled.code == 0, "{cancelled:?}");
    }
    let confirmed = company.home.run(&["confirm-epoch", "--yes"]);
    anyhow::ensure!(confirmed.code == 0, "{confirmed:?}");
    company.let_a_minute_pass().await?;
    let since = Instant::now();
    until("all is done", async || {
        let open = "select count(*) from keepwell.enrollments where state not in ('completed', 'cancelled')";
        let all = "select count(*) from keepwell.enrollments";
        matches!((company.number(open).await, company.number(all).await), (Ok(0), Ok(all)) if all >= company.accounts)
    })
    .await;
    confirmations.spans.push(since.elapsed());
    Ok(())
}

impl Company {
    /// The relay's log against the database: enrollments whose mail was taken
    /// and still waits here.
    async fn sent_without_a_word(&self) -> anyhow::Result<Vec<String>> {
        let ledger = std::fs::read_to_string(&self.ledger)?;
        let taken: HashSet<&str> = ledger.lines().filter_map(|line| line.split(' ').next()).collect();
        let pool = self.pool();
        let rows: Vec<(String, String)> = sqlx::query_as(
            "select message_id, enrollment_id::text from keepwell.messages
             where channel = 'email' and marked_at is null and state in ('planned', 'sending', 'deferred')",
        )
        .fetch_all(&pool)
        .await?;
        pool.close().await;
        Ok(rows.into_iter().filter(|(id, _)| taken.contains(id.as_str())).map(|(_, enrollment)| enrollment).collect())
    }

    /// By the relay's ledger alone: everybody has had the mail, and once.
    pub async fn by_the_ledger(&self) -> anyhow::Result<Found> {
        let unknown = self.number("select count(*) from keepwell.messages where state = 'unknown'").await? as usize;
        let mut found = self.sent()?;
        let accounts = usize::try_from(self.accounts)?;
        // An outcome that nobody knows is shown, and is no loss.
        found.losses = accounts.saturating_sub(found.sent - found.duplicates + unknown);
        found.unknown = unknown;
        Ok(found)
    }
}
