//! F11, the copies: every way to make one. Daemons work on the original and on
//! its copy at the same time, or on what a dump or a recovery has put in the
//! place of the original. Nothing may leave from there before a person confirms.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use keepwell::postgres::PrivatePostgres;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::company::Company;
use super::failovers::{Confirmations, KNOWN, LOOK, SENT, WAVE, back_up, confirm, has_program, rounds};
use super::{Row, Size};
use crate::support::program::{Daemon, Home, until};

/// A copy that stands beside its original.
struct Copy {
    url: String,
    /// Its server, when it has one of its own.
    _postgres: Option<PrivatePostgres>,
}

/// `create database … template …` on the same server.
pub async fn templates(size: Size) -> anyhow::Result<Row> {
    beside(size, "F11 a copy from a template", "templates", async |company, round| {
        let copy = format!("staging_{round}");
        administer(company, &format!("create database {copy} template keepwell")).await?;
        Ok(Copy { url: company.postgres.url(&copy), _postgres: None })
    })
    .await
}

/// A dump that is loaded into a database of another name.
pub async fn dumps(size: Size) -> anyhow::Result<Row> {
    const NAME: &str = "F11 a dump under another name";
    if !has_program("pg_dump") || !has_program("psql") {
        return Ok(Row::skipped(NAME, "pg_dump and psql are not installed"));
    }
    beside(size, NAME, "dumps", async |company, round| {
        let copy = format!("restored_{round}");
        administer(company, &format!("create database {copy}")).await?;
        let dump = dump(company)?;
        load(&dump, &company.postgres.url(&copy))?;
        Ok(Copy { url: company.postgres.url(&copy), _postgres: None })
    })
    .await
}

/// The files of the server, copied while it does not run and started beside it.
pub async fn files(size: Size) -> anyhow::Result<Row> {
    beside(size, "F11 a copy of the server's files", "files", async |company, round| {
        company.postgres.stop();
        let place = Company::place(&format!("copied-{round}"));
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place)?;
        let copied =
            Command::new("cp").arg("-a").arg(company.directory.join("data")).arg(place.join("data")).status()?;
        anyhow::ensure!(copied.success(), "the files could not be copied");
        company.restart().await?;
        let postgres = Company::start(place).await?;
        Ok(Copy { url: postgres.url("keepwell"), _postgres: Some(postgres) })
    })
    .await
}

/// A dump in the place of its database, where the daemon's own file is there or
/// is gone.
pub async fn reloads(size: Size, keeps_file: bool) -> anyhow::Result<Row> {
    let name = match keeps_file {
        true => "F11 a dump in place of its database",
        false => "F11 the same without the daemon's file",
    };
    if !has_program("pg_dump") || !has_program("psql") {
        return Ok(Row::skipped(name, "pg_dump and psql are not installed"));
    }
    let mut company = Company::open(if keeps_file { "reloads" } else { "reloads-no-file" }, "").await?;
    let mut confirmations = Confirmations::default();
    for _ in 0..rounds(size) {
        company.wave(WAVE).await?;
        let before = company.sent()?.sent;
        let daemons = [company.daemon(), company.daemon()];
        company.taken(before + KNOWN).await;
        daemons.iter().for_each(|daemon| daemon.signal(libc::SIGSTOP));
        let dump = dump(&company)?;
        daemons.iter().for_each(|daemon| daemon.signal(libc::SIGCONT));
        company.taken(before + SENT).await;
        daemons.into_iter().for_each(Daemon::stop_well);
        administer(&company, "drop database keepwell with (force)").await?;
        administer(&company, "create database keepwell").await?;
        load(&dump, &company.postgres.url("keepwell"))?;
        if !keeps_file {
            let _ = std::fs::remove_file(company.home.path.join(".keepwell/marks"));
        }
        let daemons = [company.daemon(), company.daemon()];
        confirm(&company, &daemons, &mut confirmations).await?;
        daemons.into_iter().for_each(Daemon::stop_well);
    }
    confirmations.row(name, company.by_the_ledger().await?)
}

/// A recovery from a backup, as to a point in time.
pub async fn recoveries(size: Size) -> anyhow::Result<Row> {
    const NAME: &str = "F11 a backup is recovered";
    if !has_program("pg_basebackup") {
        return Ok(Row::skipped(NAME, "pg_basebackup is not installed"));
    }
    let mut company = Company::open("recoveries", "").await?;
    let mut confirmations = Confirmations::default();
    for _ in 0..rounds(size) {
        company.wave(WAVE).await?;
        let before = company.sent()?.sent;
        let daemons = [company.daemon(), company.daemon()];
        company.taken(before + KNOWN).await;
        let place = Company::place("recovery");
        daemons.iter().for_each(|daemon| daemon.signal(libc::SIGSTOP));
        back_up(&company, &place, &[])?;
        daemons.iter().for_each(|daemon| daemon.signal(libc::SIGCONT));
        company.taken(before + SENT).await;
        company.crash()?;
        let process = company.directory.join("data/postmaster.pid");
        until("Postgres has ended", async || !process.exists()).await;
        std::fs::remove_dir_all(company.directory.join("data"))?;
        std::fs::rename(place.join("data"), company.directory.join("data"))?;
        recover(&company.directory.join("data"))?;
        company.restart().await?;
        until("the recovery is over", async || {
            company.number("select (not pg_is_in_recovery())::int::bigint").await.is_ok_and(|over| over == 1)
        })
        .await;
        confirm(&company, &daemons, &mut confirmations).await?;
        daemons.into_iter().for_each(Daemon::stop_well);
    }
    confirmations.row(NAME, company.by_the_ledger().await?)
}

/// A daemon of the original and one of its copy, which has the same playbooks, a
/// data folder of its own, and the same relay.
async fn beside(
    size: Size,
    name: &'static str,
    folder: &str,
    copy: impl AsyncFn(&mut Company, usize) -> anyhow::Result<Copy>,
) -> anyhow::Result<Row> {
    let mut company = Company::open(folder, "").await?;
    let (mut reason, mut spans, mut waiting) = (String::new(), Vec::new(), 0);
    for round in 0..rounds(size) {
        // All mails wait, here and there.
        carry_out(&company.home, &["stop", "--channel", "email"])?;
        company.wave(WAVE).await?;
        carry_out(&company.home, &["run", "--once"])?;
        let copy = copy(&mut company, round).await?;
        let home = home_of(&company, &format!("faults-{folder}-copy-{round}"), &copy.url);
        carry_out(&company.home, &["resume", "--channel", "email"])?;
        carry_out(&home, &["resume", "--channel", "email"])?;
        let (began, daemon) = (Instant::now(), company.daemon());
        let theirs = home.start(&["run"], "log");
        spans.push(company.finish().await?);
        tokio::time::sleep(LOOK.saturating_sub(began.elapsed())).await;
        let shown = home.run(&["confirm-epoch"]);
        let said = shown.stdout.lines().next().filter(|_| shown.code == 1);
        reason = said.ok_or_else(|| anyhow::anyhow!("the copy has nothing to confirm: {shown:?}"))?.to_owned();
        waiting += home.rows(&["messages"]).iter().filter(|row| row["state"] == "planned").count();
        theirs.stop_well();
        daemon.stop_well();
    }
    let found = company.compare().await?;
    let bodies = found.sent.saturating_sub(usize::try_from(company.accounts)?);
    anyhow::ensure!(bodies == 0, "{bodies} bodies from a copy");
    let note = format!("0 bodies from the copy, where {waiting} mails wait; it said: {reason}");
    Ok(Row { name, trials: rounds(size), found, spans, note })
}

/// Carries a command out that must succeed.
fn carry_out(home: &Home, words: &[&str]) -> anyhow::Result<()> {
    let answer = home.run(words);
    anyhow::ensure!(answer.code == 0, "{words:?}: {answer:?}");
    Ok(())
}

/// A folder with the playbooks of a company for another database.
fn home_of(company: &Company, name: &str, url: &str) -> Home {
    let mut home = Home::new(name);
    let playbooks: Vec<PathBuf> =
        std::fs::read_dir(company.home.path.join("playbooks")).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in playbooks {
        let file = path.file_name().unwrap().to_str().unwrap();
        home.write(&format!("playbooks/{file}"), &std::fs::read_to_string(&path).unwrap());
    }
    home.write("keepwell.yaml", "web: off\nbudget: off\n");
    home.set("DATABASE_URL", url);
    home.set("KEEPWELL_SMTP_URL", &company.server.url());
    home
}

/// Carries a statement out beside the database.
async fn administer(company: &Company, statement: &str) -> anyhow::Result<()> {
    let options: PgConnectOptions = company.postgres.options("postgres");
    let mut connection = PgConnection::connect_with(&options).await?;
    connection.execute(AssertSqlSafe(statement.to_owned())).await?;
    Ok(connection.close().await?)
}

fn dump(company: &Company) -> anyhow::Result<PathBuf> {
    let file = company.home.path.join("dump.sql");
    let output = Command::new("pg_dump").arg("--file").arg(&file).arg(company.postgres.url("keepwell")).output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(file)
}

fn load(dump: &Path, url: &str) -> anyhow::Result<()> {
    let mut psql = Command::new("psql");
    psql.args(["--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--output", "/dev/null", "--file"]);
    let output = psql.arg(dump).arg(url).output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Lets a server begin with a recovery of what its files hold.
fn recover(data: &Path) -> anyhow::Result<()> {
    let settings = data.join("postgresql.auto.conf");
    let written = std::fs::read_to_string(&settings)?;
    std::fs::write(&settings, written + "restore_command = 'false'\n")?;
    Ok(std::fs::write(data.join("recovery.signal"), "")?)
}
