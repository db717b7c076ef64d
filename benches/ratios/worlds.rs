//! Companies whose true effects are known: how often the ranges of `keepwell impact`
//! hold the truth.
//!
//! Each world is a playbook with a holdout, and accounts of its own that its condition
//! lets in over eight weeks. Keepwell draws the arms, looks for goals and judges; the
//! world alone knows how likely a goal is and how much revenue grows on either side.
//! Every value is a hash, so two runs say the same.

use chrono::Duration;
use keepwell::clock::Instant;
use keepwell::impact::{Figure, Impact, Measure};
use keepwell::store::views::impact::ImpactTerms;
use keepwell::worker::{pass, runs::scheduler};
use sqlx::{AssertSqlSafe, PgPool};

use crate::support::world::{World, at, scheduled};

const WORLDS: usize = 200;
/// Accounts become due over so many weeks.
const ENTRY_WEEKS: i64 = 8;
/// The last of those who entered are judged on revenue 90 days later.
const LAST_WEEK: i64 = ENTRY_WEEKS + 13;
const BEGIN: &str = "2026-01-05T09:00:00Z";
const MEASURES: [Measure; 3] = [Measure::Goal, Measure::Renewal, Measure::Revenue];

/// How many of 100 ranges of 95 % may hold the truth.
const GOAL: std::ops::RangeInclusive<f64> = 92.0..=98.0;

/// The hash that every value comes from, and the true figures of each world. A treated
/// account has those that end in 1, one that is held out those that end in 0.
const TRUTH: &str = "
    create schema bench;
    create function bench.unit(n bigint, topic int) returns float8 language sql immutable parallel safe as
        'select ((hashint8extended($1, $2) >> 11) & 9007199254740991) / 9007199254740992.0::float8';
    create table bench.worlds as
    select n as world, 'w' || n as stage, 250 + floor(bench.unit(n, 1) * 500)::int as size,
        p0, greatest(0.02, least(0.98, p0 + 0.3 * bench.unit(n, 3) - 0.1)) as p1,
        r0, greatest(0.02, least(0.98, r0 + 0.2 * bench.unit(n, 5) - 0.05)) as r1,
        g0, g0 + 0.1 * bench.unit(n, 7) - 0.03 as g1
    from (select n, 0.1 + 0.5 * bench.unit(n, 2) as p0, 0.5 + 0.4 * bench.unit(n, 4) as r0, 0.1 * bench.unit(n, 6) as g0
          from generate_series(1, $1::bigint) n) as base";

/// The MRR of an account is 200 to 2,000, 800 on average.
const ACCOUNTS: &str = "
    begin;
    -- Without the trigger that writes an account's history as of today.
    set local session_replication_role = replica;
    create table bench.accounts as
    select w.world * 1000 + k as n, 'a' || (w.world * 1000 + k) as id, w.*, bench.unit(w.world * 1000 + k, 11) < 0.6 as is_due,
        round((200 + 1800 * bench.unit(w.world * 1000 + k, 12) ^ 2)::numeric, 2) as mrr,
        BEGIN + interval '7 days' * floor(bench.unit(w.world * 1000 + k, 13) * WEEKS) - interval '30 days' as signed_up_at
    from bench.worlds w cross join lateral generate_series(1, w.size) k;
    insert into customers.accounts (id, name, stage, csm_id, mrr, signed_up_at, renewal_at)
    select id, id, stage, 'sam', mrr, signed_up_at, case when is_due then signed_up_at + interval '75 days' end from bench.accounts;
    insert into customers.account_changes (account_id, at, was, became)
    select id, BEGIN - interval '60 days', '{}', jsonb_build_object('mrr', mrr, 'status', 'active',
        'renewal_at', case when is_due then signed_up_at + interval '75 days' end)
    from bench.accounts;
    commit;
    analyze customers.accounts, customers.account_changes, bench.accounts";

/// What becomes of those who entered at an instant: the goal within 2 days, then renewal
/// or churn after 50, and other revenue after 60.
const OUTCOMES: &str = "
    begin;
    set local session_replication_role = replica;
    create temporary table entered on commit drop as
    select a.*, e.started_at, p.goal, p.renews, p.growth
    from keepwell.enrollments e
    join bench.accounts a on a.id = e.account_id
    cross join lateral (select
        bench.unit(a.n, 21) < case e.arm when 'treated' then p1 else p0 end as goal,
        bench.unit(a.n, 22) < case e.arm when 'treated' then r1 else r0 end as renews,
        case e.arm when 'treated' then g1 else g0 end as growth) p
    where e.started_at = ENTERED;
    update customers.accounts a set activated_at = e.started_at + interval '1 day' + interval '1 day' * bench.unit(e.n, 23)
    from entered e where a.id = e.id and e.goal;
    insert into customers.account_changes (account_id, at, was, became)
    select id, started_at + interval '50 days', '{}', jsonb_build_object('mrr', mrr,
        'status', case when renews then 'active' else 'churned' end,
        'renewal_at', signed_up_at + case when renews then interval '440 days' else interval '75 days' end)
    from entered where is_due;
    -- Growth has an exponential tail, with the mean that the world has.
    insert into customers.account_changes (account_id, at, was, became)
    select id, started_at + interval '60 days', '{}', jsonb_build_object(
        'mrr', mrr * (1 - growth * ln(1 - bench.unit(n, 24)))::numeric,
        'status', case when is_due and not renews then 'churned' else 'active' end)
    from entered;
    commit;
    analyze customers.account_changes";

/// By how much each figure truly differs: goal and renewal in points, revenue in money.
const DIFFERENCES: &str = "
    select stage, (p1 - p0) * 100, (r1 - r0) * 100,
        800 * (0.4 * (g1 - g0) + 0.6 * ((r1 * (1 + g1) - 1) - (r0 * (1 + g0) - 1)))
    from bench.worlds";

/// One world: what is true, and what was said of it.
struct Record {
    name: String,
    truths: [f64; 3],
    /// Whether what holds at any time missed the truth at some look.
    missed_once: [bool; 3],
    /// Whether the truth is in the range for one look, at the last.
    holds: [Option<bool>; 3],
}

pub async fn measure() -> anyhow::Result<()> {
    let world = World::with("guardrails: { first_run: go, hold_above: off }\n").await;
    let pool = world.store().pool();
    let begin = at(BEGIN);
    let (functions, worlds) = TRUTH.split_once("create table").unwrap_or_default();
    sqlx::raw_sql(AssertSqlSafe(functions.to_owned())).execute(pool).await?;
    sqlx::query(AssertSqlSafe(format!("create table{}", worlds.replace("$1::bigint", &WORLDS.to_string()))))
        .execute(pool)
        .await?;
    write(pool, ACCOUNTS, begin).await?;
    for number in 1..=WORLDS {
        let keys = format!(
            "when: account.stage == \"w{number}\" && days_since(account.signed_up_at) >= 30\n\
             goal: account.activated_at != none\ngoal_window: 21d\nholdout: {}%",
            20 + number % 31
        );
        world.playbook(&scheduled(&format!("w{number}"), "0 9 * * mon", &keys, "  - wait: 20d"));
    }
    let mut records: Vec<Record> = sqlx::query_as(DIFFERENCES)
        .fetch_all(pool)
        .await?
        .into_iter()
        .map(|(name, goal, renewal, revenue): (String, f64, f64, f64)| Record {
            name,
            truths: [goal, renewal, revenue],
            missed_once: [false; 3],
            holds: [None; 3],
        })
        .collect();
    for week in 0..=LAST_WEEK {
        let now = begin + Duration::weeks(week);
        if week < ENTRY_WEEKS {
            if week == 0 {
                world.publish_at(BEGIN).await;
            }
            scheduler::manual(&world.shared, now).await?;
        }
        while pass(&world.shared, now).await? > 0 {}
        if week < ENTRY_WEEKS {
            write(pool, OUTCOMES, now).await?;
        }
        let terms = ImpactTerms { now: now + Duration::hours(1), term_days: 90, minutes_per_task: None };
        for impact in world.store().impact(None, terms).await? {
            if let Some(record) = records.iter_mut().find(|record| record.name == impact.playbook) {
                record.look(&impact);
            }
        }
    }
    report(&records)
}

/// Runs statements in which an instant stands for itself.
async fn write(pool: &PgPool, sql: &str, instant: Instant) -> anyhow::Result<()> {
    let instant = format!("'{}'::timestamptz", instant.to_rfc3339());
    let sql = sql.replace("BEGIN", &instant).replace("ENTERED", &instant).replace("WEEKS", &ENTRY_WEEKS.to_string());
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await?;
    Ok(())
}

impl Record {
    fn look(&mut self, impact: &Impact) {
        for (place, measure) in MEASURES.into_iter().enumerate() {
            let figure: Option<&Figure> = impact.holdout.as_ref().and_then(|compared| compared.figure(measure));
            let Some(difference) = figure.and_then(|figure| figure.difference) else { continue };
            let truth = self.truths[place];
            self.missed_once[place] |= !difference.anytime.contains(truth);
            self.holds[place] = Some(difference.range.contains(truth));
        }
    }
}

fn report(records: &[Record]) -> anyhow::Result<()> {
    let mut is_kept = true;
    for (place, name) in ["goal", "renewal", "revenue"].into_iter().enumerate() {
        let judged: Vec<&Record> = records.iter().filter(|record| record.holds[place].is_some()).collect();
        anyhow::ensure!(judged.len() > WORLDS / 2, "only {} worlds say anything of {name}", judged.len());
        let share = |count: usize| count as f64 * 100.0 / judged.len() as f64;
        let held = share(judged.iter().filter(|record| record.holds[place] == Some(true)).count());
        let always = share(judged.iter().filter(|record| !record.missed_once[place]).count());
        is_kept &= GOAL.contains(&held) && always >= 95.0;
        println!(
            "  {name:<8} {} worlds; the 95 % range of the last look holds the truth in {held:.1} %; \
             what holds at any time does at all {} looks in {always:.1} %",
            judged.len(),
            LAST_WEEK + 1
        );
    }
    let verdict = if is_kept { "kept" } else { "missed" };
    println!("  goal 92 to 98 % at the last look, and at least 95 % at all looks together: {verdict}");
    Ok(())
}
