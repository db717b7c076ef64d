//! What pages need besides the customers: a year of Keepwell's own work on one account in five, and what is open now. Like
//! the customers, every value is a hash of a row's number.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use keepwell::config::Config;
use keepwell::store::runs::playbooks::Missing;
use keepwell::worker::Shared;
use keepwell::worker::runs::publisher::{self, Files};
use sqlx::{AssertSqlSafe, Executor, PgPool};

use crate::store::{NOW, Scale, Store};

/// The playbook that most have entered.
pub const PLAYBOOK: &str = "usage-drop";

/// The playbook with a run that waits for a person, and whom it waits with.
const HELD: &str = "no-activation";

/// Raised when the rows below change, so that they are written anew.
const EDITION: i32 = 1;

/// Publishes the shipped playbooks and writes the rows, unless that was done before.
pub async fn fill(store: &Store, pool: &PgPool, scale: Scale) -> anyhow::Result<()> {
    // A kept store may be older than the last migration.
    store.keepwell.migrate().await?;
    let known: Option<String> = sqlx::query_scalar("select to_regclass('bench.pages')::text").fetch_one(pool).await?;
    let edition: Option<i32> = match known {
        Some(_) => sqlx::query_scalar("select edition from bench.pages").fetch_optional(pool).await?,
        None => None,
    };
    if edition == Some(EDITION) {
        return Ok(());
    }
    println!("  writing the rows of pages");
    let start = Instant::now();
    let mut connection = pool.acquire().await?;
    connection
        .execute(
            "set client_min_messages = warning; set synchronous_commit = off; set session_replication_role = replica;
             set maintenance_work_mem = '500MB'; set jit = off;
             create table if not exists bench.pages (edition int); truncate bench.pages;
             truncate customers.csms, customers.contacts, customers.tickets, customers.account_changes, keepwell.tasks,
                 keepwell.messages, keepwell.enrollments, keepwell.runs, keepwell.kpis, keepwell.control, keepwell.audit,
                 keepwell.audit_reasons, keepwell.recipients, keepwell.revisions, keepwell.playbooks, keepwell.publications",
        )
        .await?;
    publish(&store.keepwell).await?;
    connection.execute(PLAYBOOKS).await?;
    for (what, sql) in ROWS {
        let sql = sql
            .replace("NOW", &format!("'{NOW}'::timestamptz"))
            .replace("ACCOUNTS", &scale.accounts.to_string())
            .replace("PLAYBOOK", PLAYBOOK)
            .replace("HELD", HELD);
        connection.execute(AssertSqlSafe(sql)).await.with_context(|| what.to_owned())?;
        println!("    {what} after {:.0} s", start.elapsed().as_secs_f64());
    }
    connection.execute("vacuum analyze").await?;
    sqlx::query("insert into bench.pages values ($1)").bind(EDITION).execute(&mut *connection).await?;
    connection.execute("checkpoint").await?;
    println!("    ready after {:.0} s", start.elapsed().as_secs_f64());
    // It writes no history of accounts any more.
    connection.close().await?;
    Ok(())
}

async fn publish(store: &keepwell::store::Store) -> anyhow::Result<()> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let files = Files { playbooks: folder.join("playbooks"), scripts: folder.join("scripts") };
    let shared = Shared::for_pages(store.clone(), Config::default())?;
    let then = NOW.parse::<keepwell::clock::Instant>()? - chrono::Duration::days(200);
    publisher::publish(&shared, &files, Missing::Doubted, then).await?;
    Ok(())
}

/// One row for each playbook with its place among them; half of all rows below are of one playbook.
const PLAYBOOKS: &str = "
    drop table if exists bench.playbooks;
    create table bench.playbooks as
        select id, revision, row_number() over (order by id) - 1 as place, count(*) over () as count
        from keepwell.playbooks where kind = 'playbook'";

/// What is written, in order.
const ROWS: [(&str, &str); 13] = [
    ("colleagues", "
        insert into customers.csms (id, name, email, timezone)
        select 'csm' || n, 'Colleague ' || n, 'csm' || n || '@company.example', 'Europe/Berlin' from generate_series(0, 200) n"),
    ("contacts", "
        insert into customers.contacts (account_id, id, name, email, role, created_at)
        select bench.account(n), 'c' || c, 'Person ' || n * 2 + c, 'person' || n * 2 + c || '@customer' || n % 5000 || '.example',
               (array['champion', 'admin'])[c + 1], NOW - interval '300 days'
        from generate_series(1, ACCOUNTS::bigint) n cross join generate_series(0, 1) c"),
    ("tickets", "
        insert into customers.tickets (account_id, id, contact_id, opened_at, closed_at, severity, topic, subject)
        select bench.account(1 + floor(bench.unit(n, 41) * ACCOUNTS)::bigint), 't' || n, 'c0', at,
               case when n % 20 > 0 then at + interval '3 days' end, 'normal', 'import', 'It does not load'
        from (select n, NOW - interval '365 days' * bench.unit(n, 42) as at from generate_series(1, ACCOUNTS::bigint / 5) n) t"),
    ("renewals that moved on", "
        insert into customers.account_changes (account_id, at, was, became)
        select a.id, at, jsonb_build_object('renewal_at', at + interval '20 days'),
               to_jsonb(a) || jsonb_build_object('renewal_at', at + interval '385 days')
        from (select bench.account(n * 33) as account, NOW - interval '365 days' * bench.unit(n, 43) as at
              from generate_series(1, ACCOUNTS::bigint / 33) n) c
        join customers.accounts a on a.id = c.account"),
    // Rows n up to a fifth of all accounts have a message and a task that has ended; as many again by half have an open task.
    ("numbers", "
        drop table if exists bench.work;
        create table bench.work as
        select w.*, p.id as playbook, p.revision, md5('e' || w.n)::uuid as enrollment
        from (select n, n > ACCOUNTS / 5 as is_open, n % 100 between 92 and 97 as waits,
                     bench.account(case when n % 1000 = 0 then 1 else 1 + (n * 7919) % ACCOUNTS end) as account,
                     case when n > ACCOUNTS / 5 then NOW - interval '40 days' * bench.unit(n, 51)
                          else NOW - interval '1 hour' - interval '365 days' * bench.unit(n, 52) end as at
              from generate_series(1, (ACCOUNTS * 3 / 10)::bigint) n) w
        join bench.playbooks p on case when w.n % 2 = 0 then p.id = 'PLAYBOOK' else p.place = (w.n / 2) % p.count end;
        analyze bench.work"),
    ("enrollments", "
        insert into keepwell.enrollments (account_id, id, playbook, revision, entry_key, run_slot, shadow, state, reason,
            started_at, ended_at, step, phase, step_at, due_at, look_at, entry, evidence, arm, outcome, counted, left_step)
        select account, enrollment, playbook, revision, n::text, date_trunc('day', at), false,
               case when is_open or waits then 'active' when is_ghost then 'ghost'
                    else (array['completed', 'completed', 'completed', 'goal', 'exited', 'cancelled', 'blocked', 'completed'])[1 + n % 8] end,
               case when is_open or waits or is_ghost then null else 'it is over' end,
               at, case when is_open or waits then null else least(at + interval '6 days', NOW) end,
               case when is_open or waits then 'look' end, 'waiting', at, NOW + interval '2 days',
               case when is_open or waits then NOW + interval '1 day' end, '{}', '{\"account.mrr\": 9000, \"account.tier\": \"A\"}',
               case when playbook <> 'PLAYBOOK' then null when is_ghost then 'ghost' else 'treated' end,
               case when is_ghost then 'completed' end, case when is_ghost then '{}'::jsonb end,
               case when is_open or waits then null else 'look' end
        from (select *, playbook = 'PLAYBOOK' and n % 20 = 10 and not (is_open or waits) as is_ghost from bench.work) w
        on conflict do nothing"),
    ("tasks", "
        insert into keepwell.tasks (account_id, id, enrollment_id, playbook, revision, step, ordinal, title, due_at, priority,
            checklist, outcomes, keep, evidence, state, reason, outcome, assignee, snoozed_until, created_at, refreshed_at, ended_at)
        select account, md5('t' || n)::uuid, enrollment, playbook, revision, 'look', n, 'Look at the logins of ' || account,
               at + interval '50 days' * bench.unit(n, 53), (array['low', 'normal', 'normal', 'high', 'urgent'])[1 + n % 5],
               '[\"Has somebody left?\", \"Is a ticket open?\"]', '[\"worrying\", \"expected\"]', false, '{\"account.mrr\": 9000}',
               case when is_open then 'open' else (array['done', 'done', 'done', 'dismissed', 'closed'])[1 + n % 5] end,
               null, case when is_open then null else 'expected' end, 'csm' || (bench.unit(n, 54) * 200)::int,
               case when is_open and n % 10 = 3 then NOW + interval '3 days' end, at, at,
               case when is_open then null else least(at + interval '9 days' * bench.unit(n, 55), NOW) end
        from bench.work"),
    ("messages", "
        insert into keepwell.messages (account_id, contact_id, id, enrollment_id, playbook, revision, step, channel, class, audience,
            to_address, message_id, shadow, subject, body_text, body_html, state, reason, priority, next_at, valid_until, marked_at,
            outcome, created_at, sent_at, ended_at)
        select account, 'c' || n % 2, md5('m' || n)::uuid, enrollment, playbook, revision, 'ask',
               case when n % 10 = 9 then 'notice' else 'email' end,
               (array['lifecycle', 'lifecycle', 'lifecycle', 'lifecycle', 'lifecycle', 'lifecycle', 'marketing', 'marketing',
                      'transactional', 'internal'])[1 + n % 10],
               case when n % 10 = 9 then 'csm' end, 'person' || n || '@customer' || n % 5000 || '.example', '<m' || n || '@bench>', false,
               'Shall we look at it together?', repeat('A line of a letter that says something. ', 15),
               '<p>' || repeat('A line of a letter that says something. ', 15) || '</p>', state,
               case when state in ('accepted', 'planned') then null else 'it was so' end, 50,
               case when waits then NOW + interval '1 day' else at end, at + interval '7 days',
               case when state in ('accepted', 'bounced', 'unknown') then at end,
               case when state in ('accepted', 'rejected', 'unknown') then state when state = 'bounced' then 'accepted' end, at,
               case when state in ('accepted', 'bounced') then at end, case when waits then null else at end
        from (select *, case when waits and n % 100 = 92 then 'deferred' when waits then 'planned' when n % 5000 = 98 then 'unknown'
                             when n % 100 < 75 then 'accepted' else (array['bounced', 'rejected', 'expired', 'suppressed', 'skipped',
                                  'cancelled', 'failed'])[1 + n % 7] end as state
              from bench.work where not is_open) w"),
    ("runs", "
        insert into keepwell.runs (playbook, slot, kind, revision, state, candidates, enrolled, started_at, ended_at)
        select id, slot, 'scheduled', revision, 'done', 40, 9, slot, slot
        from bench.playbooks cross join generate_series(NOW - interval '90 days', NOW - interval '1 day', interval '1 day') slot"),
    ("those who wait for a person", "
        insert into keepwell.runs (playbook, slot, kind, revision, state, reason, verdict, ceiling, candidates, enrolled, started_at)
        select id, NOW - interval '2 hours', 'scheduled', revision, 'held', 'hold_above', 'hold', w.count, w.count, w.count, NOW
        from bench.playbooks cross join (select least(5000, ACCOUNTS / 200) as count) w where id = 'HELD';
        insert into keepwell.enrollments (account_id, id, playbook, revision, entry_key, run_slot, shadow, state, started_at, phase, step_at,
            entry, evidence)
        select a.id, md5('h' || a.id)::uuid, r.playbook, r.revision, 'held', r.slot, false, 'held', r.slot, 'begin', r.slot, '{}',
               '{\"account.activated_at\": null}'
        from keepwell.runs r cross join lateral (
            select id from customers.accounts where activated_at is null and status <> 'churned' order by id limit r.ceiling) a
        where r.state = 'held'"),
    ("key figures", "
        insert into keepwell.kpis (id, at, revision, value, unit)
        select p.id, at, p.revision, 100 * bench.unit(hashtext(p.id || at), 56), 'percent'
        from keepwell.playbooks p cross join generate_series(NOW - interval '400 days', NOW, interval '1 day') at where p.kind = 'kpi'"),
    ("deeds and stops", "
        insert into keepwell.audit (at, by, deed, about)
        select NOW - interval '365 days' * (1 - n / 50000.0), 'user' || (bench.unit(n, 57) * 20)::int,
               (array['complete', 'complete', 'dismiss', 'snooze', 'reassign', 'note', 'pause', 'cancel'])[1 + n % 8],
               jsonb_build_object('account', bench.account(1 + (n * 7919) % ACCOUNTS), 'task', md5('t' || n))
        from generate_series(1::bigint, 50000) n;
        insert into keepwell.audit_reasons (n, reason) select n, 'They asked for it.' from keepwell.audit where n % 10 = 0;
        insert into keepwell.control (scope, at, by, reason)
        select 'account:' || bench.account(n), NOW - interval '3 days', 'user1', 'They asked for it.' from generate_series(1000, 1020) n;
        insert into keepwell.control (scope, at, by) values ('playbook:renewal', NOW - interval '1 day', 'user1')"),
    ("suppressions", "
        insert into keepwell.recipients (address_hash, suppressed)
        select md5(n::text), case when n % 10 = 0 then jsonb_build_object('marketing',
                   jsonb_build_object('at', to_char(NOW - interval '1 minute' * n, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), 'by', 'link'))
               else '{}' end
        from generate_series(1, ACCOUNTS::bigint / 20) n"),
];
