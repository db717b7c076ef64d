//! The customer store that is measured on: Keepwell's own schema, filled by a
//! few statements whose every value is a hash of a row's number.

use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use keepwell::postgres::{Durability, PrivatePostgres};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};

/// The instant of every evaluation.
pub const NOW: &str = "2026-11-01T00:00:00Z";

/// Raised when the data below change, so that a kept store is built anew.
const EDITION: i32 = 1;

/// How much a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    pub accounts: i64,
    pub events: i64,
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} accounts, {} scores, {} events", self.accounts, self.accounts * 3, self.events)
    }
}

/// A store that is filled, and its server.
pub struct Store {
    pub keepwell: keepwell::store::Store,
    /// Where other programs reach it.
    pub url: String,
    options: PgConnectOptions,
    _server: PrivatePostgres,
}

impl Store {
    /// The kept store of that scale; built when it is missing, which takes
    /// minutes at full scale.
    pub async fn open(scale: Scale) -> anyhow::Result<Store> {
        let name = format!("ratios-{}-{}", scale.accounts, scale.events);
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&directory)?;
        let server =
            tokio::task::spawn_blocking(move || PrivatePostgres::ensure(&directory, Durability::Durable)).await??;
        let (options, url) = (server.options("keepwell"), server.url("keepwell"));
        let mut connection = PgConnection::connect_with(&options).await?;
        let keepwell = keepwell::store::Store::connect(options.clone(), 5);
        let store = Store { keepwell, url, options, _server: server };
        let known: Option<String> =
            sqlx::query_scalar("select to_regclass('bench.built')::text").fetch_one(&mut connection).await?;
        let edition: Option<i32> = match known {
            Some(_) => sqlx::query_scalar("select edition from bench.built").fetch_optional(&mut connection).await?,
            None => None,
        };
        if edition != Some(EDITION) {
            build(&store, &mut connection, scale).await?;
        }
        connection.close().await?;
        Ok(store)
    }

    /// A connection of its own, for the other side of a pair. It is set up as
    /// Keepwell's own are for reading facts.
    pub async fn connection(&self) -> anyhow::Result<PgConnection> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        connection.execute("set jit = off").await?;
        Ok(connection)
    }

    /// Runs statements that change the store, such as its indexes.
    pub async fn change(&self, sql: &str) -> anyhow::Result<()> {
        let mut connection = self.connection().await?;
        connection.execute("set maintenance_work_mem = '1GB'").await?;
        connection.execute(AssertSqlSafe(sql.to_owned())).await?;
        Ok(connection.close().await?)
    }

    pub async fn close(self) {
        self.keepwell.close().await;
    }
}

/// What is not needed while rows are written, and made after it.
const KEYS: [(&str, &str); 5] = [
    ("alter table customers.events drop constraint events_pkey", "alter table customers.events add primary key (account_id, id, at)"),
    ("drop index customers.events_by_name", "create index events_by_name on customers.events (account_id, name, at)"),
    ("alter table customers.scores drop constraint scores_pkey", "alter table customers.scores add primary key (account_id, id)"),
    ("drop index customers.scores_latest", "create index scores_latest on customers.scores (account_id, name, at desc)"),
    ("select 1", "create index if not exists accounts_not_activated on customers.accounts (signed_up_at) where activated_at is null;
                  create index if not exists accounts_renewal on customers.accounts (renewal_at)"),
];

async fn build(store: &Store, connection: &mut PgConnection, scale: Scale) -> anyhow::Result<()> {
    println!("building a store: {scale}");
    let start = Instant::now();
    connection
        .execute(
            "set client_min_messages = warning;
             drop schema if exists bench, customers, keepwell cascade;",
        )
        .await?;
    store.keepwell.migrate().await?;
    connection
        .execute(
            "set maintenance_work_mem = '1GB';
             set synchronous_commit = off;
             -- The trigger that writes an account's history.
             set session_replication_role = replica;
             create schema bench;
             create table bench.built (edition int);
             create function bench.unit(n bigint, topic int) returns float8 language sql immutable parallel safe as
               'select ((hashint8extended($1, $2) >> 11) & 9007199254740991) / 9007199254740992.0::float8';
             create function bench.account(n bigint) returns text language sql immutable parallel safe as
               $$ select 'a' || lpad($1::text, 8, '0') $$;",
        )
        .await?;
    for (drop, _) in KEYS {
        connection.execute(drop).await?;
    }
    for (what, sql, count) in [
        ("accounts", ACCOUNTS, scale.accounts),
        ("scores", SCORES, scale.accounts * 3),
        ("events", EVENTS, scale.events),
    ] {
        sqlx::query(AssertSqlSafe(sql.replace("NOW", &format!("'{NOW}'::timestamptz"))))
            .bind(count)
            .bind(scale.accounts)
            .execute(&mut *connection)
            .await?;
        println!("  {what} after {:.0} s", start.elapsed().as_secs_f64());
    }
    for (_, create) in KEYS {
        connection.execute(create).await?;
    }
    connection.execute("vacuum analyze customers.accounts, customers.scores, customers.events").await?;
    sqlx::query("insert into bench.built values ($1)").bind(EDITION).execute(&mut *connection).await?;
    println!("  ready after {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// One account in a hundred is not activated; renewals lie in the next 400 days.
const ACCOUNTS: &str = "
    insert into customers.accounts
        (id, name, tier, status, stage, csm_id, mrr, seats, seats_used, signed_up_at, activated_at, renewal_at, traits)
    select bench.account(n), 'Account ' || n,
           (array['A', 'B', 'C'])[1 + (bench.unit(n, 1) * 3)::int % 3],
           case when bench.unit(n, 2) < 0.9 then 'active' when bench.unit(n, 2) < 0.96 then 'trial' else 'churned' end,
           (array['onboarding', 'adoption', 'renewal'])[1 + (bench.unit(n, 3) * 3)::int % 3],
           'csm' || (bench.unit(n, 4) * 200)::int,
           round((bench.unit(n, 5) * 20000)::numeric, 2),
           10 + (bench.unit(n, 6) * 490)::int,
           (bench.unit(n, 7) * 500)::int,
           signed_up_at,
           case when bench.unit(n, 9) >= 0.01 then signed_up_at + interval '20 days' * bench.unit(n, 10) end,
           NOW + interval '400 days' * bench.unit(n, 11),
           case when bench.unit(n, 12) < 0.5 then '{\"plan\": \"pro\"}'::jsonb else '{\"plan\": \"team\"}' end
    from (select n, NOW - interval '1 hour' - interval '1000 days' * bench.unit(n, 8) as signed_up_at
          from generate_series(1, $1::bigint) as n where $2::bigint > 0) as a";

/// Three answers for each account, by two contacts, in two years.
const SCORES: &str = "
    insert into customers.scores (account_id, id, contact_id, name, value, at)
    select bench.account(1 + n % $2::bigint), 's' || n, 'c' || (bench.unit(n, 21) * 2)::int % 2, 'nps',
           floor(bench.unit(n, 22) * 11), NOW - interval '730 days' * bench.unit(n, 23)
    from generate_series(1, $1::bigint) as n";

/// Thirteen weeks of usage in the order of time, half of it logins.
const EVENTS: &str = "
    insert into customers.events (account_id, id, contact_id, name, at)
    select bench.account(1 + floor(bench.unit(n, 31) * $2::bigint)::bigint), 'e' || n,
           'c' || (bench.unit(n, 32) * 2)::int % 2,
           case when kind < 0.5 then 'login' when kind < 0.75 then 'report' when kind < 0.9 then 'import' else 'invite' end,
           NOW - interval '91 days' * (1 - n::float8 / ($1::bigint + 1))
    from (select n, bench.unit(n, 33) as kind from generate_series(1, $1::bigint) as n) as e";
