//! A run that enrolls everybody, with the first mail of each in the outbox,
//! against one statement by hand; and the run after it, with and without the
//! server's statistics.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use keepwell::clock::Instant;
use keepwell::config::Config;
use keepwell::delivery::Channel;
use keepwell::delivery::http::{Http, HttpTimers};
use keepwell::playbook::calendar::Calendar;
use keepwell::postgres::{Durability, PrivatePostgres};
use keepwell::store::Store;
use keepwell::store::runs::playbooks::Missing;
use keepwell::worker::enrollments::advancer;
use keepwell::worker::runs::publisher::{self, Files};
use keepwell::worker::runs::scheduler;
use keepwell::worker::{Compiled, Domains, Pace, RunCapacity, Shared, UnderWay};
use sqlx::{AssertSqlSafe, PgPool};

use crate::Options;
use crate::pairs::{Goal, Side, heading, prepared_in_turns};

pub const FIRST: &str = "2026-03-02T09:00:00Z";
const SECOND: &str = "2026-03-02T09:05:00Z";

const PLAYBOOK: &str = r#"playbook: one
about: It is measured.
alerts_to: ops@example.com
schedule: "0 9 1 1 *"
when: account.tier == "A" && account.seats != none && account.seats >= 10
guardrails: { hold_above: off, first_run: go }
steps:
  - email: { id: mail, to: champion, subject: "Hello {{ account.name }}", body: "Hi {{ recipient.name }}" }
  - wait: 3d
  - task: { id: call, title: "Call {{ account.name }}", to: csm }
"#;

pub const NOTHING: &str = "drop schema if exists keepwell, customers cascade";

pub const CUSTOMERS: &str = "
    insert into customers.csms (id, name, email) values ('csm', 'Sam', 'sam@example.com');
    insert into customers.accounts (id, name, csm_id, seats, signed_up_at, tier)
        select 'a' || n, 'Account ' || n, 'csm', 10 + n % 490, '2026-01-01', 'A' from generate_series(1, COUNT) n;
    insert into customers.contacts (account_id, id, name, email, role)
        select 'a' || n, 'c', 'Person ' || n, 'person' || n || '@customer.example', 'champion'
        from generate_series(1, COUNT) n;
    analyze customers.accounts; analyze customers.contacts; analyze customers.csms;
    alter table keepwell.enrollments set (autovacuum_enabled = false);
    alter table keepwell.messages set (autovacuum_enabled = false);";

/// Nobody is enrolled, and nothing is known about how many are.
const EMPTY: &str = "
    truncate keepwell.enrollments, keepwell.messages;
    delete from keepwell.runs;
    delete from pg_statistic where starelid in ('keepwell.enrollments'::regclass, 'keepwell.messages'::regclass);
    checkpoint";

/// The rows of the first run by hand.
const BY_HAND: &str = "
    with entered as (
        insert into keepwell.enrollments
            (account_id, contact_id, id, playbook, revision, entry_key, state, step, phase, step_at, look_at,
             started_at, entry, evidence, shadow, run_slot)
        select a.id, '', md5('one' || a.id)::uuid, p.id, p.revision, '', 'active', 'mail', 'sending', FIRST,
               FIRST + interval '15 minutes', FIRST, '{}',
               jsonb_build_object('account.tier', tier, 'account.seats', seats), false, FIRST
        from customers.accounts a cross join keepwell.playbooks p
        where a.tier = 'A' and a.seats >= 10 and p.id = 'one'
          and not exists (select from keepwell.enrollments e where e.account_id = a.id and e.playbook = 'one')
        on conflict do nothing
        returning account_id, id, revision)
    insert into keepwell.messages
        (account_id, contact_id, id, enrollment_id, playbook, revision, step, channel, class, to_address, state,
         priority, valid_until, next_at, message_id, shadow, created_at)
    select e.account_id, c.id, md5(e.id || 'mail')::uuid, e.id, 'one', e.revision, 'mail', 'email', 'lifecycle', c.email,
           'planned', 50, FIRST + interval '3 days', FIRST,
           '<' || md5(e.id || 'mail')::uuid || '@keepwell.invalid>', false, FIRST
    from entered e
    cross join lateral (
        select id, email from customers.contacts c
        where c.account_id = e.account_id and c.role = 'champion' and c.left_at is null
        order by created_at, id limit 1) c
    on conflict do nothing";

/// What both ways must have written, apart from ids.
const WRITTEN: &str = "
    select md5(string_agg(row::text, ',' order by row::text)) from (
        select e.account_id, e.playbook, e.revision, e.state, e.step, e.phase, e.step_at, e.due_at, e.look_at,
               e.started_at, e.entry, e.run_slot, m.contact_id, m.step, m.channel, m.class, m.to_address, m.state,
               m.priority, m.next_at, m.shadow, m.created_at
        from keepwell.enrollments e join keepwell.messages m on m.account_id = e.account_id and m.enrollment_id = e.id
    ) as row";

pub async fn measure(options: &Options) -> anyhow::Result<()> {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ratios-enroll");
    std::fs::create_dir_all(&directory)?;
    let at = directory.clone();
    let server = tokio::task::spawn_blocking(move || PrivatePostgres::ensure(&at, Durability::Durable)).await??;
    let store = Store::connect(server.options("keepwell"), 8);
    let pool = store.pool().clone();
    run(&pool, NOTHING).await?;
    store.migrate().await?;
    run(&pool, &CUSTOMERS.replace("COUNT", &options.entering.to_string())).await?;
    let shared = shared(store, &directory, PLAYBOOK).await?;
    let by_hand = BY_HAND.replace("FIRST", &format!("'{FIRST}'::timestamptz"));
    let ours = async || enroll(&shared, FIRST).await;
    let theirs = async || Ok(sqlx::query(AssertSqlSafe(by_hand.clone())).execute(&pool).await?.rows_affected());

    run(&pool, EMPTY).await?;
    ours().await?;
    let written: String = sqlx::query_scalar(WRITTEN).fetch_one(&pool).await?;
    run(&pool, EMPTY).await?;
    theirs().await?;
    let other: String = sqlx::query_scalar(WRITTEN).fetch_one(&pool).await?;
    anyhow::ensure!(written == other, "the statement by hand does not write what a run writes");

    heading("keepwell", "by hand");
    let empty = async |_| run(&pool, EMPTY).await;
    let outcome = prepared_in_turns("enroll", options.rounds, empty, ours, theirs).await?;
    outcome.print("everybody enters, with a mail each", Goal::AtMost(1.25, Duration::ZERO));

    heading("unknown", "analysed");
    let enrolled = async |side| {
        run(&pool, EMPTY).await?;
        run(&pool, &by_hand).await?;
        match side {
            Side::Ours => Ok(()),
            Side::Theirs => run(&pool, "analyze keepwell.enrollments; analyze keepwell.messages").await,
        }
    };
    let second = async || skipped(&shared, SECOND).await;
    let outcome = prepared_in_turns("second run", options.rounds, enrolled, second, second).await?;
    outcome.print("the run after it, by the tables' statistics", Goal::AtMost(2.0, Duration::ZERO));
    shared.store.close().await;
    Ok(())
}

/// Runs statements, each by itself.
pub async fn run(pool: &PgPool, sql: &str) -> anyhow::Result<()> {
    for statement in sql.split(';') {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(pool).await?;
    }
    Ok(())
}

/// What the workers share, with this playbook published.
pub async fn shared(store: Store, directory: &std::path::Path, playbook: &str) -> anyhow::Result<Arc<Shared>> {
    let files = Files { playbooks: directory.join("playbooks"), scripts: directory.join("scripts") };
    std::fs::create_dir_all(&files.playbooks)?;
    std::fs::create_dir_all(&files.scripts)?;
    std::fs::write(files.playbooks.join("one.yaml"), playbook)?;
    let config = Config::default();
    let shared = Arc::new(Shared {
        calendar: Calendar { holidays: config.holidays.clone() },
        channel: Channel::Captured,
        http: Http::new(HttpTimers::default(), &[])?,
        variables: Arc::new(|_: &str| None),
        compiled: Compiled::default(),
        runs: RunCapacity::new(&store),
        pace: Pace::default(),
        domains: Domains::default(),
        under_way: UnderWay::default(),
        operator: "bench".to_owned(),
        public_url: "http://keepwell.example".into(),
        store,
        config,
    });
    publisher::publish(&shared, &files, Missing::Doubted, FIRST.parse()?).await?;
    Ok(shared)
}

/// Carries out a run and every look that is due then; how many entered.
pub async fn enroll(shared: &Arc<Shared>, slot: &str) -> anyhow::Result<u64> {
    let now: Instant = slot.parse()?;
    scheduler::manual(shared, now).await?;
    while advancer::tick(shared, now).await? > 0 {}
    let entered: Option<i64> =
        sqlx::query_scalar("select enrolled from keepwell.runs where slot = $1 and state = 'done'")
            .bind(now)
            .fetch_optional(shared.store.pool())
            .await?;
    Ok(entered.context("the run was not done")? as u64)
}

/// Carries out a run for which everybody is enrolled already; how many it left alone.
async fn skipped(shared: &Arc<Shared>, slot: &str) -> anyhow::Result<u64> {
    let entered = enroll(shared, slot).await?;
    anyhow::ensure!(entered == 0, "{entered} entered again");
    let skipped: i64 = sqlx::query_scalar("select (skipped->>'active')::int8 from keepwell.runs where slot = $1")
        .bind(slot.parse::<Instant>()?)
        .fetch_one(shared.store.pool())
        .await?;
    Ok(skipped as u64)
}
