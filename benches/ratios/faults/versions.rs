//! F22: two versions on one database, the newer one's migration under load,
//! and a migration that is killed half-way.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::company::Company;
use super::{Chance, Row, Size};
use crate::support::program::Daemon;

/// Tables, columns, indexes and migrations of a database.
const SHAPE: &str = "select md5(string_agg(line, E'\\n' order by line)) from (
    select format('%s.%s %s %s %s', table_schema, table_name, column_name, data_type, column_default) as line
    from information_schema.columns where table_schema in ('keepwell', 'customers')
    union all select indexdef from pg_indexes where schemaname in ('keepwell', 'customers')
    union all select version || ' ' || success from keepwell._sqlx_migrations) lines";

pub async fn upgrades(size: Size, older: Option<&Path>, chance: &mut Chance) -> anyhow::Result<Row> {
    let mut company = Company::open("versions", "").await?;
    let (halves, kills) = broken_migrations(&company, (size.rounds / 2).max(5), chance).await?;
    let newer = company.home.program.clone();
    company.sql("create database before").await?;
    company.options = company.postgres.options("before");
    company.home.set("DATABASE_URL", &company.postgres.url("before"));
    if let Some(older) = older {
        company.home.program = older.to_owned();
        migrate(&company)?;
        company.home.program = newer.clone();
        let opened = company.home.run(&["tasks"]);
        let refused = opened.stderr.contains("cannot be upgraded");
        anyhow::ensure!(!refused, "--older names a build whose database this one refuses: {}", opened.stderr);
        company.home.program = older.to_owned();
    } else {
        migrate(&company)?;
    }
    company.sql("insert into customers.csms (id, name, email) values ('csm', 'Sam', 'sam@example.com')").await?;
    let known = count_migrations(&company.options).await;

    company.wave(150).await?;
    let old = [company.daemon(), company.daemon()];
    company.ready(&old).await;
    let before = company.sent()?.sent;
    company.taken(before + 10).await;
    let over = Arc::new(AtomicBool::new(false));
    let looking = tokio::spawn(look(company.options.clone(), over.clone()));
    company.home.program = newer;
    let half = company.home.start(&["migrate"], "migrate");
    tokio::time::sleep(chance.millis(50, 600)).await;
    half.kill();
    let started = Instant::now();
    migrate(&company)?;
    let took = started.elapsed();
    over.store(true, Ordering::Relaxed);
    let waited = looking.await??;
    let more = count_migrations(&company.options).await - known;

    let new = company.daemon();
    company.wave(150).await?;
    let spans = vec![company.finish().await?];
    let errors = |log: &str| log.lines().filter(|line| line.contains("ERROR")).count();
    let said: Vec<String> = old.iter().chain([&new]).map(Daemon::log).collect();
    let errors: usize = said.iter().map(|log| errors(log)).sum();
    old.into_iter().chain([new]).for_each(Daemon::stop_well);
    anyhow::ensure!(errors == 0, "{}", said.join("\n"));
    let pair = match older {
        Some(_) => format!("two daemons of an older build and one of this, {more} migrations"),
        None => "the same build twice, as --older named none: no migration".to_owned(),
    };
    let note = format!(
        "{pair} under load in {:.1} s (the program's start with it), a read of the outbox waited {} ms at most; {errors} errors; \
         {kills} migrations killed, {halves} of them half-way, each done by the next",
        took.as_secs_f64(),
        waited.as_millis(),
    );
    Ok(Row { name: "F22 two versions, one database", trials: kills + 1, found: company.compare().await?, spans, note })
}

fn migrate(company: &Company) -> anyhow::Result<()> {
    let done = company.home.run(&["migrate"]);
    anyhow::ensure!(done.code == 0, "{done:?}");
    Ok(())
}

/// Kills migrations of empty databases; the next one has to end as an
/// undisturbed one does. How many were half-way, of how many.
async fn broken_migrations(company: &Company, trials: usize, chance: &mut Chance) -> anyhow::Result<(usize, usize)> {
    let shape = shape(&company.options).await?;
    let all = count_migrations(&company.options).await;
    let mut halves = 0;
    for trial in 0..trials {
        let name = format!("half_{trial}");
        company.sql(&format!("create database {name}")).await?;
        let options = company.options.clone().database(&name);
        let url = company.postgres.url(&name);
        let migrating = company.home.start_with(&["migrate"], "half", |command| {
            command.env("DATABASE_URL", &url);
        });
        // Not before it begins: a program takes its time to start.
        let since = Instant::now();
        while count_migrations(&options).await == 0 && since.elapsed() < Duration::from_secs(30) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(chance.millis(0, 150)).await;
        migrating.kill();
        halves += usize::from((1..all).contains(&count_migrations(&options).await));
        let mut again = company.home.command(&["migrate"]);
        let again = again.env("DATABASE_URL", &url).output()?;
        anyhow::ensure!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
        anyhow::ensure!(self::shape(&options).await? == shape, "a migration that was killed left something else");
        company.sql(&format!("drop database {name} with (force)")).await?;
    }
    Ok((halves, trials))
}

async fn ask<T>(options: &PgConnectOptions, sql: &str) -> sqlx::Result<T>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let mut connection = PgConnection::connect_with(options).await?;
    let answer = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await;
    connection.close().await?;
    answer
}

async fn shape(options: &PgConnectOptions) -> sqlx::Result<String> {
    ask(options, SHAPE).await
}

/// How many migrations are committed. Builds before this kept their table in `public`.
async fn count_migrations(options: &PgConnectOptions) -> i64 {
    for schema in ["keepwell", "public"] {
        let count = ask(options, &format!("select count(*) from {schema}._sqlx_migrations")).await;
        if let Ok(count) = count {
            return count;
        }
    }
    0
}

/// The longest that a read of the outbox took.
async fn look(options: PgConnectOptions, over: Arc<AtomicBool>) -> anyhow::Result<Duration> {
    let mut connection = PgConnection::connect_with(&options).await?;
    let mut longest = Duration::ZERO;
    while !over.load(Ordering::Relaxed) {
        let started = Instant::now();
        connection.execute("select count(*) from keepwell.messages where state in ('planned', 'deferred')").await?;
        longest = longest.max(started.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    connection.close().await?;
    Ok(longest)
}
