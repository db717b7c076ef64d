//! The command `kpi`, and the shipped KPIs on the sample company beside SQL that is written by hand.

use std::collections::BTreeMap;

use keepwell::store::customers::sample::SampleCompany;
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Executor};

use crate::cli::company;
use crate::support::world::{World, at};

const AT: &str = "2026-03-02T09:00:00Z";

/// Accounts with what they were so many days before, as JSON.
fn accounts_with_past(days: i64) -> String {
    format!(
        "(select a.*, (select c.became from customers.account_changes c
              where c.account_id = a.id and c.at < $1 - interval '{days} days'
              order by c.at desc, c.id desc limit 1) as was
          from customers.accounts a) a"
    )
}

/// The share of those of whom `is` holds among those of whom `of` holds.
fn share(is: &str, of: &str, from: &str) -> String {
    format!("select 100.0 * count(*) filter (where {is}) / nullif(count(*), 0) from {from} where {of}")
}

/// How many events of a name an account has had in so many days.
fn events(name: &str, days: i64) -> String {
    format!(
        "(select count(*) from customers.events e where e.account_id = a.id and e.name = '{name}'
          and e.at < $1 and e.at >= $1 - interval '{days} days')"
    )
}

fn amount(name: &str) -> String {
    format!(
        "(select sum((e.properties ->> 'amount')::numeric) from customers.events e
          where e.name = '{name}' and e.at < $1 and e.at >= $1 - interval '90 days')"
    )
}

/// The latest score of the account, or of any of its contacts, before an instant.
fn score(name: &str, before: &str) -> String {
    format!(
        "(select s.value from customers.scores s where s.account_id = a.id and s.name = '{name}' and s.at < {before}
          order by (s.contact_id is null) desc, s.at desc, s.id desc limit 1)"
    )
}

fn trend(name: &str) -> String {
    let (now, then) = (score(name, "$1"), score(name, "$1 - interval '90 days'"));
    format!(
        "select 100.0 * (avg(now) - avg(before)) / avg(before) from (
             select {now} as now, case when a.signed_up_at < $1 - interval '90 days' then {then} end as before
             from customers.accounts a where a.status = 'active') s"
    )
}

/// The share of the contacts whose latest answer of half a year is so.
fn answers(is: &str) -> String {
    format!(
        "(select 100.0 * count(*) filter (where value {is}) / count(*) from (
             select distinct on (s.account_id, s.contact_id) s.value, s.at
             from customers.scores s
             join customers.contacts c on c.account_id = s.account_id and c.id = s.contact_id
             where s.name = 'nps' and s.at < $1 and (c.left_at is null or c.left_at > $1)
             order by s.account_id, s.contact_id, s.at desc, s.id desc) latest
         where at > $1 - interval '180 days')"
    )
}

fn first_value(of: &str) -> String {
    format!(
        "select {of} from (
             select floor(extract(epoch from (
                 select min(r.at) from customers.events r
                 where r.account_id = a.id and r.name = 'report_created' and r.at >= s.at and r.at < $1) - s.at) / 3600) / 24 as days
             from customers.accounts a
             join lateral (select min(e.at) as at from customers.events e
                           where e.account_id = a.id and e.name = 'signed_up' and e.at < $1) s on true
             where a.signed_up_at > $1 - interval '180 days') f
         where days is not null"
    )
}

/// Each shipped KPI as somebody would ask for it who has only SQL.
fn by_hand() -> BTreeMap<&'static str, String> {
    let (month, quarter, year) = (accounts_with_past(30), accounts_with_past(90), accounts_with_past(365));
    let mrr_then = "(was ->> 'mrr')::numeric";
    let (was_active, both) = ("was ->> 'status' = 'active'", "status = 'active' and was ->> 'status' = 'active'");
    let base = |from: &str| format!("(select sum({mrr_then}) from {from} where {was_active})");
    let active = "customers.accounts a where a.status = 'active'";
    BTreeMap::from([
        ("churn-rate", share("status = 'churned'", was_active, &month)),
        ("win-back-rate", share("status = 'active'", "was ->> 'status' = 'churned'", &quarter)),
        (
            "renewal-rate",
            share(
                "status = 'active'",
                &format!("{was_active} and (was ->> 'renewal_at')::timestamptz <= $1"),
                &quarter,
            ),
        ),
        (
            "expansion-rate",
            format!(
                "select 100.0 * sum(mrr - {mrr_then}) filter (where {both} and mrr > {mrr_then}) / {} from {month}",
                base(&month)
            ),
        ),
        (
            "net-revenue-retention",
            format!("select 100.0 * sum(mrr) filter (where {both}) / {} from {year}", base(&year)),
        ),
        (
            "gross-revenue-retention",
            format!("select 100.0 * sum(least(mrr, {mrr_then})) filter (where {both}) / {} from {year}", base(&year)),
        ),
        ("collection-rate", format!("select 100.0 * {} / {}", amount("invoice_paid"), amount("invoice_issued"))),
        ("referrals", format!("select sum({}) from customers.accounts a", events("referral_made", 90))),
        (
            "visits-made-rate",
            format!(
                "select 100.0 * sum({}) / sum({}) from customers.accounts a where a.status <> 'churned'",
                events("meeting_held", 90),
                events("visit_planned", 90)
            ),
        ),
        ("accounts-per-csm", format!("select count(csm_id)::numeric / count(distinct csm_id) from {active}")),
        ("cost-per-account", format!("select count(distinct csm_id) * 7500.0 / count(*) from {active}")),
        ("csms-needed", format!("select sum(mrr) * 12 / 2000000.0 from {active}")),
        (
            "churned-mrr",
            format!("select coalesce(sum({mrr_then}), 0) from {month} where status = 'churned' and {was_active}"),
        ),
        ("retention-rate", share("status = 'active'", was_active, &quarter)),
        (
            "lifetime-value",
            format!(
                "select (select avg(mrr) from {active}) / (select count(*) filter (where status = 'churned')::numeric / count(*) / 3
                 from {quarter} where {was_active})"
            ),
        ),
        (
            "repeat-purchase-rate",
            format!(
                "select 100.0 * count(*) filter (where orders >= 2) / count(*) from
                 (select {} as orders from customers.accounts a) o where orders >= 1",
                events("order_placed", 365)
            ),
        ),
        ("upgrade-rate", share(&format!("mrr > {mrr_then}"), both, &quarter)),
        (
            "csat",
            format!(
                "select avg({}) from {active} and exists (select from customers.scores r where r.account_id = a.id
                 and r.name = 'csat' and r.at < $1 and r.at > $1 - interval '180 days')",
                score("csat", "$1")
            ),
        ),
        ("csat-trend", trend("csat")),
        ("nps", format!("select {} - {}", answers(">= 9"), answers("<= 6"))),
        ("nps-trend", trend("nps")),
        ("trial-conversion-rate", share("status = 'active'", "was ->> 'status' = 'trial'", &month)),
        ("time-to-first-value", first_value("percentile_cont(0.5) within group (order by days)")),
        ("time-to-first-value-p75", first_value("percentile_cont(0.75) within group (order by days)")),
        ("time-to-first-value-p90", first_value("percentile_cont(0.9) within group (order by days)")),
    ])
}

#[tokio::test]
async fn the_figures_of_the_sample_company_are_those_of_sql_by_hand() {
    let world = World::new().await;
    SampleCompany::generate(at(AT), 320).insert(world.store().pool(), |_, _, _| {}).await.unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/portfolio/kpi");
    for entry in std::fs::read_dir(folder).unwrap() {
        world.playbook(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    world.run_at(AT).await;
    let rows = world.store().latest_kpis(at(AT)).await.unwrap();
    let by_hand = by_hand();
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, by_hand.keys().copied().collect::<Vec<_>>(), "each has its SQL here");
    let mut wrong = Vec::new();
    for row in &rows {
        let sql = format!("select ({})::float8", by_hand[row.id.as_str()]);
        let should: Option<f64> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(at(AT))
            .fetch_one(world.store().pool())
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", row.id));
        let same = match (row.value, should) {
            (Some(is), Some(should)) => (is - should).abs() <= 1e-9 * should.abs().max(1.0),
            (is, should) => is == should,
        };
        if !same || row.value.is_none() {
            wrong.push(format!("{}: {:?} {:?}, by hand {should:?}", row.id, row.value, row.missing));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

const REVENUE: &str = "kpi: revenue\nabout: What customers pay.\nunit: money\nschedule: \"0 9 1 1 *\"\nformula: the sum of all MRR\nsource: Ours.\nvalue: sum_of(account.seats)\n";
const CHURN: &str = "kpi: churn\nabout: Who left.\nunit: percent\nschedule: \"0 9 1 1 *\"\nvalue: share_of(account.status == \"churned\", account.ago(30).status == \"active\")\n";

#[tokio::test]
async fn figures_are_listed_with_why_there_is_none() {
    let (home, pool) = company("kpi").await;
    home.write("playbooks/revenue.yaml", REVENUE);
    home.write("playbooks/churn.yaml", CHURN);
    home.done(&["migrate"]);
    assert_eq!(home.done(&["kpi", "--format", "json"]).json(), json!({ "kpis": [] }), "nothing is published");
    home.done(&["run", "--once", "--at", "2026-02-01T09:00:00Z"]);
    pool.execute("update customers.accounts set seats = 20").await.unwrap();
    home.done(&["run", "--once", "--at", "2026-03-02T09:00:00Z"]);
    let listed = home.done(&["kpi", "--format", "json", "--at", "2026-03-02T09:00:00Z"]).json();
    let rows = listed["kpis"].as_array().unwrap();
    let one = |rows: &[Json], id: &str| rows.iter().find(|row| row["id"] == id).cloned().unwrap();
    let (churn, revenue) = (one(rows, "churn"), one(rows, "revenue"));
    assert_eq!((&churn["at"], &churn["unit"]), (&json!("2026-03-02T09:00:00Z"), &json!("percent")));
    assert!(churn["value"].is_null() && churn["missing"].as_str().unwrap().contains("does not reach back 30 days"));
    assert_eq!((&revenue["value"], &revenue["before"], &revenue["change"]), (&json!(80.0), &json!(40.0), &json!(40.0)));
    assert!(revenue["missing"].is_null() && revenue["unit"] == "money");
    let before = home.done(&["kpi", "--format", "json", "--at", "2026-02-15T00:00:00Z"]).json();
    assert_eq!(one(before["kpis"].as_array().unwrap(), "revenue")["value"], 40.0);
    let history = home.done(&["kpi", "revenue", "--format", "json", "--at", "2026-03-02T09:00:00Z"]).json();
    assert_eq!(history["kpis"].as_array().unwrap().iter().map(|row| &row["value"]).collect::<Vec<_>>(), [80.0, 40.0]);
    assert_eq!(history["definition"]["formula"], "the sum of all MRR");
    let shown = home.done(&["kpi", "revenue", "--at", "2026-03-02T09:00:00Z"]).stdout;
    for part in ["formula", "sum_of(account.seats)", "Ours.", "2026-03-02 09:00", "80"] {
        assert!(shown.contains(part), "{shown}");
    }
    let csv = home.done(&["kpi", "--format", "csv", "--at", "2026-03-02T09:00:00Z"]).stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "id,at,value,unit,missing,change,before,before_at");
    assert!(lines[2].starts_with("revenue,2026-03-02T09:00:00Z,80.0,money,,40.0,40.0,2026-02-01T09:00:00Z"), "{csv}");
    // What was not evaluated yet is looked at, and not kept.
    home.write("playbooks/fresh.yaml", &REVENUE.replace("kpi: revenue", "kpi: fresh"));
    home.done(&["run", "--once"]);
    for _ in 0..2 {
        let fresh = home.done(&["kpi", "fresh", "--format", "json"]).json()["kpis"][0].clone();
        assert_eq!((&fresh["value"], &fresh["revision"], &fresh["before"]), (&json!(80.0), &Json::Null, &Json::Null));
    }
    let kept: i64 =
        sqlx::query_scalar("select count(*) from keepwell.kpis where id = 'fresh'").fetch_one(&pool).await.unwrap();
    assert_eq!(kept, 0);
    // Of the past nothing is calculated: the store says what is there today.
    for arguments in [["kpi", "fresh"].as_slice(), &["kpi"]] {
        let past = [arguments, &["--format", "json", "--at", "2026-02-15T00:00:00Z"]].concat();
        let past = one(home.done(&past).json()["kpis"].as_array().unwrap(), "fresh");
        assert!(past["value"].is_null() && past["at"].is_null(), "{past}");
        assert!(past["missing"].as_str().unwrap().starts_with("no figure was made by then: "), "{past}");
    }
    let typo = home.run(&["kpi", "revenu"]);
    assert!(typo.code == 1 && typo.stderr.contains("did you mean `revenue`?"), "{typo:?}");
}
