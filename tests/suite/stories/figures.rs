//! Figures over all accounts: what they are, when there is none, and what is kept.

use std::sync::Arc;

use keepwell::clock::Instant;
use keepwell::store::Store;
use keepwell::store::documents::kpis::KpiRow;
use keepwell::worker::runs::scheduler;
use serde_json::json;

use crate::support::wire::{Walks, Wire};
use crate::support::world::{World, at};

const CHURN: &str = "kpi: churn-rate\nabout: Accounts that left in a month.\nunit: percent\nschedule: \"0 6 * * *\"\nvalue: share_of(account.status == \"churned\", account.ago(30).status == \"active\")\n";

fn kpi(id: &str, unit: &str, value: &str) -> String {
    format!("kpi: {id}\nabout: A story.\nunit: {unit}\nschedule: \"0 6 * * *\"\nvalue: |\n  {value}\n")
}

async fn figures(world: &World, until: &str) -> Vec<KpiRow> {
    world.store().latest_kpis(at(until)).await.unwrap()
}

/// `ID VALUE`, or `ID: why there is none`.
fn lines(figures: &[KpiRow]) -> Vec<String> {
    let line = |row: &KpiRow| match (row.value, &row.missing) {
        (Some(value), None) => format!("{} {value}", row.id),
        (None, Some(missing)) => format!("{}: {missing}", row.id),
        other => panic!("{other:?}"),
    };
    figures.iter().map(line).collect()
}

/// What an account was, on record since then.
async fn was(world: &World, account: &str, since: &str, columns: serde_json::Value) {
    world
        .sql(&format!(
            "insert into customers.account_changes (account_id, at, became)
             values ('{account}', '{since}', '{columns}'::jsonb)"
        ))
        .await;
}

/// Four customers of January, of whom one has left; another has grown.
async fn company() -> World {
    let world = World::new().await;
    for (id, status, mrr, before) in
        [("a1", "active", 100, 100), ("a2", "churned", 0, 300), ("a3", "active", 250, 200), ("a4", "active", 50, 400)]
    {
        world.account(id, json!({ "status": status, "mrr": mrr, "signed_up_at": "2025-01-01T00:00:00Z" })).await;
        was(&world, id, "2025-01-01", json!({ "name": id, "status": "active", "mrr": before })).await;
    }
    world
}

#[tokio::test]
async fn a_figure_compares_what_is_with_what_was() {
    let world = company().await;
    world.playbook(CHURN);
    let base = "sum_of(account.ago(30).mrr, account.ago(30).status == \"active\")";
    world.playbook(&kpi(
        "nrr",
        "percent",
        &format!(
            "sum_of(account.mrr, account.status == \"active\" && account.ago(30).status == \"active\") / {base} * 100"
        ),
    ));
    world.playbook(&kpi("churned-mrr", "money", "sum_of(account.ago(30).mrr, account.status == \"churned\")"));
    world.playbook(&kpi("csms", "count", "distinct_of(account.csm_id, account.status == \"active\")"));
    world.playbook(&kpi("mean", "money", "mean_of(account.mrr, account.status == \"active\")"));
    world.playbook(&kpi("nine-of-ten", "money", "quantile_of(account.mrr, 90)"));
    world.playbook(&kpi("customers", "count", "count_of(account.status == \"active\")"));
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        lines(&figures(&world, "2026-03-02T09:00:00Z").await),
        [
            "churn-rate 25",
            "churned-mrr 300",
            "csms 1",
            "customers 3",
            "mean 133.33333333333334",
            "nine-of-ten 220",
            "nrr 40",
        ]
    );
    assert!(figures(&world, "2026-03-02T08:59:59Z").await.is_empty());
    // The same instant once: what changes later is another figure.
    world.sql("update customers.accounts set status = 'churned' where id = 'a1'").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(figures(&world, "2026-03-02T09:00:00Z").await[0].value, Some(25.0));
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(figures(&world, "2026-03-03T09:00:00Z").await[0].value, Some(50.0));
}

#[tokio::test]
async fn without_its_history_there_is_no_figure() {
    let world = World::new().await;
    world.playbook(CHURN);
    world.playbook(&kpi("referrals", "count", "sum_of(account.events(\"referral_made\", 90))"));
    world.playbook(&kpi("nps", "count", "median_of(account.score(\"nps\"))"));
    world.playbook(&kpi("lifetime", "ratio", "100 / share_of(account.status == \"churned\", account.tier == \"A\")"));
    // The trigger records today's insertion only: of 30 days before nothing is known.
    for id in ["a1", "a2"] {
        world.account(id, json!({ "signed_up_at": "2025-01-01T00:00:00Z" })).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    let said = lines(&figures(&world, "2026-03-02T09:00:00Z").await);
    assert_eq!(
        said[0],
        "churn-rate: the history does not reach back 30 days: of 0 % of the accounts that had signed up by then \
         `account.ago(30).status` is on record"
    );
    assert!(said[1].starts_with("lifetime: it cannot be calculated: ") && said[1].contains("zero"), "{}", said[1]);
    assert_eq!(said[2], "nps: no account has a value for `median_of(account.score(\"nps\"))`");
    assert_eq!(said[3], "referrals: no account has ever had the event `referral_made`: none is on record");
    // Of one of two that were there then: half is not enough. Who came later does not count.
    was(&world, "a1", "2025-06-01", json!({ "name": "a1", "status": "active" })).await;
    world.account("a3", json!({ "signed_up_at": "2026-03-01T00:00:00Z" })).await;
    world.event("a1", "referral_made", "2025-06-01T10:00:00Z").await;
    world.score("a1", "nps", 8.0, "2026-03-02T10:00:00Z").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    let said = lines(&figures(&world, "2026-03-03T09:00:00Z").await);
    assert!(said[0].contains("of 50 % of the accounts"), "{}", said[0]);
    assert_eq!(said[2..], ["nps 8", "referrals 0"]);
    was(&world, "a2", "2025-06-01", json!({ "name": "a2", "status": "active" })).await;
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(lines(&figures(&world, "2026-03-04T09:00:00Z").await)[0], "churn-rate 0");
    let evaluations: Vec<(String, i64, i64)> = sqlx::query_as(
        "select state, written, undecided from keepwell.evaluations where document = 'churn-rate' and kind = 'manual' order by slot",
    )
    .fetch_all(world.store().pool())
    .await
    .unwrap();
    assert_eq!(
        evaluations,
        [("done".to_owned(), 0, 0), ("done".to_owned(), 0, 0), ("done".to_owned(), 1, 0)],
        "that there is none is no failure"
    );
}

#[tokio::test]
async fn figures_see_the_scores_of_their_instant_and_speak_of_contacts() {
    let world = World::new().await;
    world.playbook(
        "score: health\nabout: x\nschedule: \"0 6 * * *\"\nfactors: [ { id: a, weight: 1, value: account.mrr } ]\n",
    );
    world.playbook(&kpi("health-mean", "count", "mean_of(account.score(\"health\"))"));
    world.playbook(&kpi(
        "nps",
        "count",
        "share_of(contact.score(\"nps\") >= 9, contact.score(\"nps\") != none) - share_of(contact.score(\"nps\") <= 6, contact.score(\"nps\") != none)",
    ));
    for (id, mrr) in [("a1", 20), ("a2", 70)] {
        world.account(id, json!({ "mrr": mrr })).await;
        for (contact, value) in [("ann", 10), ("bob", 9), ("cyd", 3)] {
            world.contact(id, contact, json!({})).await;
            world
                .sql(&format!(
                    "insert into customers.scores (account_id, id, contact_id, name, value, at)
                     values ('{id}', '{contact}', '{contact}', 'nps', {value}, '2026-02-20')"
                ))
                .await;
        }
        world.contact(id, "dan", json!({})).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    let said = lines(&figures(&world, "2026-03-02T09:00:00Z").await);
    assert_eq!(said[0], "health-mean 45");
    assert!(said[1].starts_with("nps 33.33"), "{}", said[1]);
}

#[tokio::test]
async fn a_history_is_kept_with_the_change_of_a_month_and_forgotten_with_the_evidence() {
    let world = company().await;
    world.playbook(CHURN);
    for day in ["2026-01-30", "2026-02-02", "2026-02-20", "2026-03-02"] {
        world.pass_at(&format!("{day}T05:00:00Z")).await;
        if day == "2026-02-20" {
            world.sql("update customers.accounts set status = 'churned' where id = 'a3'").await;
        }
        world.pass_at(&format!("{day}T06:00:05Z")).await;
    }
    let history = world.store().kpi_history("churn-rate", at("2026-03-02T12:00:00Z"), 100).await.unwrap();
    let at_six: Vec<Instant> = history.iter().map(|row| row.at).collect();
    assert_eq!(at_six[0], at("2026-03-02T06:00:00Z"), "the latest stands first");
    assert_eq!((history[0].value, history[0].before), (Some(50.0), Some(25.0)));
    assert_eq!(history[0].before_at, Some(at("2026-02-02T06:00:00Z")), "that of 20 February is younger than a month");
    assert!(history.iter().all(|row| row.before.is_none() || row.at >= at("2026-03-01T00:00:00Z")));
    assert_eq!(world.store().kpi_history("churn-rate", at("2026-03-02T12:00:00Z"), 1).await.unwrap().len(), 1);
    world.store().forget_evidence(at("2026-02-20T00:00:00Z")).await.unwrap();
    let left = world.store().kpi_history("churn-rate", at("2026-03-02T12:00:00Z"), 100).await.unwrap();
    assert!(left.iter().all(|row| row.at >= at("2026-02-20T00:00:00Z")) && !left.is_empty());
}

#[tokio::test]
async fn all_figures_of_an_instant_are_asked_in_one_pass() {
    let world = company().await;
    world.playbook(CHURN);
    for (id, value) in [
        ("sum", "sum_of(account.mrr)"),
        ("mean", "mean_of(account.mrr, account.tier == \"A\")"),
        ("share", "share_of(account.ago(10).mrr > 100, account.tier == \"A\")"),
        ("count", "count_of(account.events(\"login\", 30) > 0 || account.mrr > 0)"),
    ] {
        world.playbook(&kpi(id, "count", value));
    }
    world.event("a1", "login", "2026-02-20T10:00:00Z").await;
    world.publish_at("2026-03-02T08:00:00Z").await;
    let walks = Arc::new(Walks::default());
    let wire = Wire::before(&world.store().pool().connect_options(), walks.clone());
    let shared = Arc::new(world.beside(Store::connect(wire.options(), 4)));
    scheduler::manual(&shared, at("2026-03-02T09:00:00Z")).await.unwrap();
    assert_eq!(figures(&world, "2026-03-02T09:00:00Z").await.len(), 5);
    assert_eq!(walks.count(), 1);
    // Who comes second asks nothing.
    scheduler::manual(&shared, at("2026-03-02T09:00:00Z")).await.unwrap();
    assert_eq!(walks.count(), 0);
}
