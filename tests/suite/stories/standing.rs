//! Stages and tiers that documents find: where accounts stand, who sees it, and when.

use keepwell::facts::Standing;
use keepwell::store::customers::data_subject::Person;
use keepwell::store::documents::evaluations::{EvaluationTally, OpenedEvaluation};
use keepwell::store::documents::standings::NewMove;
use keepwell::store::runs::RunKind;
use keepwell::worker::documents::funnel::{self, Funnel, FunnelStep};
use serde_json::json;

use crate::support::mapped::{Customers, on_both_stores};
use crate::support::world::{World, at, lines, playbook, scheduled};

on_both_stores!(an_account_goes_through_its_stages);

const LIFECYCLE: &str = "lifecycle: customer\nabout: Where a customer stands.\nschedule: \"0 9 * * *\"\nstages:
  - { id: onboarding, enter: true }
  - { id: adopted, enter: \"account.events(\\\"login\\\", 30) >= 2\", fall: \"account.events(\\\"login\\\", 10) == 0\" }
  - { id: growing, enter: account.seats != none && account.seats > 50 }\n";

const TIERS: &str = "tiers: value\nabout: What an account is worth.\nlevels:
  - { id: A, when: account.mrr >= 5000, keep: account.mrr >= 4000 }
  - { id: B, when: account.mrr >= 500 }\n";

const CALL: &str = "  - task: { id: call, title: \"{{ account.stage ?? \\\"nowhere\\\" }} for {{ account.days_in_stage() ?? 0 }}\", to: csm, due: 1d }";

/// The moves of an account, the earliest first.
async fn moves(world: &World, standing: Standing, account: &str) -> Vec<String> {
    let mut rows = world.store().moves_of(standing, account, at("2099-01-01T00:00:00Z"), 50).await.unwrap();
    rows.reverse();
    let word = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    rows.into_iter()
        .map(|row| {
            let at = row.at.format("%m-%d");
            format!("{at} {} > {} {}: {}", word(row.was), word(row.value), row.clause, row.reason).trim_end().to_owned()
        })
        .collect()
}

async fn an_account_goes_through_its_stages(customers: Customers) {
    let world = World::on(customers).await;
    world.playbook(LIFECYCLE);
    world.playbook(&playbook("welcome", "when: account.stage == \"adopted\"\nreentry: on_rematch", CALL));
    world.playbook(&playbook("guarded", "when: account.status == \"active\"\nstages: [onboarding]", CALL));
    world.playbook(&playbook(
        "back",
        "when: account.stage == \"onboarding\" && account.stage_before(1) == \"adopted\" && account.ago(1).stage == \"adopted\"",
        CALL,
    ));
    world.account("1", json!({})).await.account("2", json!({ "stage": "renewal" })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(moves(&world, Standing::Stage, "1").await, ["03-02 - > onboarding enter:"]);
    // It is found for every account, and read where the store has none.
    assert_eq!(moves(&world, Standing::Stage, "2").await, ["03-02 - > onboarding enter:"]);
    assert_eq!(lines(&world.enrollments().await, "playbook account"), ["guarded 1"]);
    assert_eq!(lines(&world.tasks().await, "account title"), ["1 onboarding for 0"]);

    world.event("1", "login", "2026-03-02T10:00:00Z").await.event("1", "login", "2026-03-03T10:00:00Z").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    let adopted = r#"03-04 onboarding > adopted enter: account.events("login", 30) = 2"#;
    assert_eq!(moves(&world, Standing::Stage, "1").await[1], adopted);
    // At the very instant: who entered by it, and who does not fit any more.
    assert_eq!(lines(&world.enrollments().await, "playbook account"), ["guarded 1", "welcome 1"]);
    assert_eq!(lines(&world.tasks().await, "playbook title"), ["guarded onboarding for 0", "welcome adopted for 0"]);
    // Nothing moves it while neither clause holds, and so nothing is written.
    world.run_at("2026-03-12T09:00:00Z").await;
    assert_eq!(moves(&world, Standing::Stage, "1").await.len(), 2);
    world.run_at("2026-03-14T09:00:00Z").await;
    let all = moves(&world, Standing::Stage, "1").await;
    assert_eq!(all.len(), 2, "`fall` holds, and `enter` too: {all:?}");
    world.run_at("2026-04-03T10:00:01Z").await;
    let all = moves(&world, Standing::Stage, "1").await;
    assert_eq!(all[2..], [r#"04-03 adopted > onboarding fall: account.events("login", 10) = 0"#]);
    let entered = lines(&world.enrollments().await, "playbook account");
    assert_eq!(entered, ["back 1", "guarded 1", "welcome 1"]);
}

#[tokio::test]
async fn who_waits_leaves_when_the_stage_does_not_fit_any_more() {
    let world = World::new().await;
    world.playbook(LIFECYCLE);
    let steps = "  - wait: 9d\n  - task: { title: Call, to: csm }";
    world.playbook(&playbook("tips", "when: account.mrr > 0\nstages: [onboarding]", steps));
    world.account("a1", json!({ "seats": 3 })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 active"]);
    world.sql("update customers.accounts set seats = 51").await;
    world.pass_at("2026-03-03T08:45:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 active"], "nobody has looked yet");
    world.pass_at("2026-03-03T09:15:00Z").await;
    assert_eq!(moves(&world, Standing::Stage, "a1").await[1], "03-03 onboarding > growing enter: account.seats = 51");
    assert_eq!(lines(&world.enrollments().await, "account state reason"), ["a1 exited stage is growing"]);
}

#[tokio::test]
async fn a_clause_that_cannot_be_evaluated_moves_nobody() {
    let world = World::new().await;
    world.playbook(&LIFECYCLE.replace("account.seats > 50", "100 / account.seats > 1"));
    world.account("a1", json!({ "seats": 0 })).await;
    world.event("a1", "login", "2026-03-01T10:00:00Z").await.event("a1", "login", "2026-03-01T11:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert!(moves(&world, Standing::Stage, "a1").await.is_empty(), "a later stage might be its own");
    let row: (i64, i64, serde_json::Value) =
        sqlx::query_as("select subjects, undecided, details from keepwell.evaluations")
            .fetch_one(world.store().pool())
            .await
            .unwrap();
    assert_eq!((row.0, row.1), (1, 1));
    let message = row.2[0]["message"].as_str().unwrap();
    assert!(message.starts_with("`enter` of `growing`: ") && message.contains("zero"), "{message}");
}

#[tokio::test]
async fn tiers_go_by_the_first_that_holds_and_keep_whom_they_have() {
    let world = World::new().await;
    world.playbook(TIERS);
    world.playbook(&playbook("vip", "when: account.tier == \"A\" && account.tier != none", CALL));
    world.account("a1", json!({ "tier": null, "mrr": 5000 })).await;
    world.account("a2", json!({ "tier": null, "mrr": 4500 })).await;
    world.account("c1", json!({ "tier": null, "mrr": 100 })).await;
    world.account("own", json!({ "tier": "B", "mrr": 9000 })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(moves(&world, Standing::Tier, "a1").await, ["03-02 - > A when: account.mrr = 5000"]);
    assert_eq!(moves(&world, Standing::Tier, "a2").await, ["03-02 - > B when: account.mrr = 4500"]);
    assert!(moves(&world, Standing::Tier, "c1").await.is_empty(), "no tier takes it");
    assert_eq!(lines(&world.enrollments().await, "account"), ["a1"], "the store's tier counts where it has one");
    world.sql("update customers.accounts set mrr = 4100 where id = 'a1'").await;
    world.sql("update customers.accounts set mrr = 100 where id = 'a2'").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(moves(&world, Standing::Tier, "a1").await.len(), 1, "it keeps its tier");
    assert_eq!(moves(&world, Standing::Tier, "a2").await[1], "03-03 B > - none:");
    world.sql("update customers.accounts set mrr = 3900 where id = 'a1'").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(moves(&world, Standing::Tier, "a1").await[1], "03-04 A > B when: account.mrr = 3900");
}

#[tokio::test]
async fn an_evaluation_that_is_taken_over_finds_the_same() {
    let world = World::new().await;
    world.playbook(LIFECYCLE);
    world.playbook(&scheduled("welcome", "0 9 * * *", "when: account.stage == \"onboarding\"", CALL));
    world.account("a1", json!({})).await.account("a2", json!({})).await;
    world.pass_at("2026-03-02T08:00:00Z").await;
    let (store, slot) = (world.store(), at("2026-03-02T09:00:00Z"));
    let revision = store.published_documents().await.unwrap()[0].revision.clone();
    let opened = store.open_evaluation("customer", &revision, slot, RunKind::Scheduled, slot).await.unwrap();
    assert!(matches!(opened, OpenedEvaluation::Ours(_)), "{opened:?}");
    // It has moved one of two when it dies.
    let one = NewMove {
        account: "a1".to_owned(),
        value: Some("onboarding".to_owned()),
        was: None,
        clause: "enter",
        reason: String::new(),
    };
    store.write_moves(Standing::Stage, "customer", slot, &[one]).await.unwrap();
    world.sql("update keepwell.evaluations set lease_until = '2020-01-01'").await;
    world.pass_at("2026-03-02T09:00:20Z").await;
    for account in ["a1", "a2"] {
        assert_eq!(moves(&world, Standing::Stage, account).await, ["03-02 - > onboarding enter:"]);
    }
    assert_eq!(lines(&world.enrollments().await, "account"), ["a1", "a2"]);
}

#[tokio::test]
async fn a_lifecycle_has_revisions_and_its_cases_guard_them() {
    let world = World::new().await;
    world.account("a1", json!({ "seats": 60 })).await;
    let cases = "tests:
  - name: many seats
    at: 2026-03-02T09:00:00Z
    account: { seats: 51 }
    stages: [ { id: adopted, at: -3d } ]
    expect: { stage: growing, by: enter }
";
    world.playbook(&format!("{LIFECYCLE}{cases}"));
    world.publish_at("2026-03-01T08:00:00Z").await;
    let first = world.store().published_documents().await.unwrap().remove(0);
    assert_eq!((first.id.as_str(), first.kind.as_str(), first.present), ("customer", "lifecycle", true));
    world.expect_mistakes();
    world.playbook(&format!("{LIFECYCLE}{cases}").replace("> 50", "> 51"));
    let report = world.publish_at("2026-03-01T09:00:00Z").await;
    let errors: Vec<String> =
        report.diagnostics.iter().filter(|one| one.is_error()).map(|one| one.message.clone()).collect();
    assert_eq!(errors, ["the case `many seats` fails: the stage should be `growing`, and is `onboarding`"]);
    // Another text, and back: stages that it does not have any more are left.
    world.playbook(&LIFECYCLE.replace("growing", "large"));
    world.run_at("2026-03-02T09:00:00Z").await;
    world
        .store()
        .roll_back("customer", &first.revision, keepwell::ids::Actor("a test"), at("2026-03-02T10:00:00Z"))
        .await
        .unwrap();
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(
        moves(&world, Standing::Stage, "a1").await,
        ["03-02 - > large enter: account.seats = 60", "03-03 large > growing enter: account.seats = 60"]
    );
    // Its file is gone: where accounts stand stays.
    world.remove("customer");
    world.playbook(&playbook("left", "when: account.stage == \"growing\"", CALL));
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account"), ["a1"]);
}

#[tokio::test]
async fn an_export_has_the_moves_of_an_account_and_an_erasure_deletes_them() {
    let world = World::new().await;
    world.playbook(LIFECYCLE);
    world.account("a1", json!({})).await.account("a2", json!({})).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let person = Person::new("a1", None);
    let ours = world.store().export(&person).await.unwrap()["keepwell"].clone();
    assert_eq!(ours["standings"][0]["value"], "onboarding", "{ours}");
    world.store().erase(&person, &[], false, keepwell::ids::Actor("a test"), at("2026-03-03T10:00:00Z")).await.unwrap();
    assert!(moves(&world, Standing::Stage, "a1").await.is_empty());
    assert_eq!(moves(&world, Standing::Stage, "a2").await.len(), 1);
}

#[tokio::test]
async fn documents_of_one_instant_read_what_those_before_them_found() {
    let world = World::new().await;
    // Before the lifecycle by name, and after it by what it reads.
    world.playbook(
        &TIERS
            .replace("tiers: value", "tiers: a-value")
            .replace("account.mrr >= 500 }", "account.stage == \"growing\" }"),
    );
    world.playbook(LIFECYCLE);
    world.playbook("score: reach\nabout: x\nfactors: [ { id: tier, weight: 1, value: account.tier == \"B\" } ]\n");
    world.account("a1", json!({ "tier": null, "seats": 60, "mrr": 10 })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(moves(&world, Standing::Tier, "a1").await, ["03-02 - > B when: account.stage = growing"]);
    let scores = world.store().latest_scores(None, None, at("2026-03-02T09:00:00Z")).await.unwrap();
    assert_eq!(scores[0].value, 100.0);
}

fn step<'f>(funnel: &'f Funnel, id: &str) -> &'f FunnelStep {
    funnel.steps.iter().find(|step| step.id.as_deref().unwrap_or("none") == id).unwrap()
}

#[tokio::test]
async fn a_funnel_counts_where_accounts_stand_and_how_they_moved() {
    let world = World::with("touch_events: [meeting]\n").await;
    world.playbook(LIFECYCLE);
    world.playbook(&TIERS.replace("levels:", "statuses: [active]\nlevels:"));
    world.account("a1", json!({ "seats": 3, "tier": null, "mrr": 6000 })).await;
    world.account("a2", json!({ "seats": 3, "tier": null, "mrr": 600 })).await;
    world.account("a3", json!({ "seats": 60, "tier": null, "mrr": 600 })).await;
    world.account("theirs", json!({ "stage": "renewal", "tier": "Z" })).await;
    world.account("gone", json!({ "status": "churned", "tier": null })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set seats = 60 where id = 'a1'").await;
    world.event("a1", "meeting", "2026-03-03T10:00:00Z").await.event("a3", "meeting", "2026-01-03T10:00:00Z").await;
    world.run_at("2026-03-12T09:00:00Z").await;
    let now = at("2026-03-14T09:00:00Z");
    let [stages] = funnel::count(world.store(), [Standing::Stage], now, 7).await.unwrap();
    let ids: Vec<&str> = stages.steps.iter().map(|step| step.id.as_deref().unwrap_or("none")).collect();
    // The document's, in their order, whether or not somebody is there; then the store's.
    assert_eq!(ids, ["onboarding", "adopted", "growing", "renewal"]);
    assert_eq!(stages.accounts, 4, "who has left is not counted");
    let counts = |id: &str| {
        let step = step(&stages, id);
        (step.accounts, step.median_days, step.came, step.left)
    };
    assert_eq!(counts("onboarding"), (1, Some(12.0), 0, 1));
    assert_eq!(counts("adopted"), (0, None, 0, 0));
    assert_eq!(counts("growing"), (2, Some(7.0), 1, 0), "in the middle of 2 and 12 days");
    // Since when the store has it is on no record.
    assert_eq!(counts("renewal"), (1, None, 1, 0));
    let moved: Vec<_> = stages.moves.iter().filter(|one| one.from.as_deref() == Some("onboarding")).collect();
    assert_eq!((moved.len(), moved[0].to.as_deref(), moved[0].accounts), (1, Some("growing"), 1));

    let [tiers] = funnel::count(world.store(), [Standing::Tier], now, 30).await.unwrap();
    assert_eq!((step(&tiers, "A").accounts, step(&tiers, "A").mrr), (1, Some(6000.0)));
    assert_eq!((step(&tiers, "B").accounts, step(&tiers, "B").mrr), (2, Some(1200.0)));
    assert_eq!(
        (step(&tiers, "A").attention.touches, step(&tiers, "B").attention.touches),
        (1, 0),
        "of these thirty days"
    );
    assert_eq!(step(&tiers, "Z").accounts, 1);
}

#[tokio::test]
async fn who_churned_has_left_in_the_period_in_which_that_was() {
    let world = World::new().await;
    world.playbook(LIFECYCLE);
    for account in ["stays", "churns", "churned-once"] {
        world.account(account, json!({})).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update customers.accounts set status = 'churned' where id like 'churn%'").await;
    // Of the other one nothing is on record.
    world
        .sql(
            "insert into customers.account_changes (account_id, at, became) values
             ('churns', '2026-03-01', '{\"status\": \"active\"}'), ('churns', '2026-03-05', '{\"status\": \"churned\"}')",
        )
        .await;
    let counts = async |when: &str| {
        let [stages] = funnel::count(world.store(), [Standing::Stage], at(when), 7).await.unwrap();
        (step(&stages, "onboarding").accounts, step(&stages, "onboarding").left, stages.moves.len())
    };
    assert_eq!(counts("2026-03-10T09:00:00Z").await, (1, 1, 1));
    assert_eq!(counts("2026-03-20T09:00:00Z").await, (1, 0, 0));
}

#[tokio::test]
async fn a_document_waits_ten_minutes_for_one_that_it_reads_and_another_daemon_has() {
    let world = World::new().await;
    world.playbook(LIFECYCLE);
    let score = |id: &str, value: &str| {
        let factor = format!("{{ id: one, weight: 1, value: \"{value}\" }}");
        format!("score: {id}\nabout: x\nschedule: \"0 9 * * *\"\nfactors: [ {factor} ]\n")
    };
    world.playbook(&score("alone", "account.mrr"));
    world.playbook(&score("depth", r#"account.stage == \"growing\""#));
    world.playbook(
        "kpi: deep\nabout: x\nunit: count\nschedule: \"0 9 * * *\"\nvalue: mean_of(account.score(\"depth\"))\n",
    );
    world.account("a1", json!({ "seats": 3 })).await;
    world.pass_at("2026-03-02T08:00:00Z").await;
    let store = world.store();
    let documents = store.published_documents().await.unwrap();
    let revision = documents.into_iter().find(|one| one.id == "customer").unwrap().revision;
    let open = async |when: &str| {
        let opened =
            store.open_evaluation("customer", &revision, at(when), RunKind::Scheduled, at(when)).await.unwrap();
        world.sql("update keepwell.evaluations set lease_until = '2099-01-01' where state = 'running'").await;
        let OpenedEvaluation::Ours(theirs) = opened else { panic!("{opened:?}") };
        theirs
    };
    let over = async || -> Vec<String> {
        let rows =
            "select format('%s %s', document, to_char(slot at time zone 'UTC', 'MM-DD')) from keepwell.evaluations
            where state = 'done' order by slot, document";
        sqlx::query_scalar(rows).fetch_all(store.pool()).await.unwrap()
    };
    let theirs = open("2026-03-02T09:00:00Z").await;
    world.pass_at("2026-03-02T09:00:10Z").await;
    assert_eq!(over().await, ["alone 03-02"], "the figure waits for the score that waits");
    let one = NewMove {
        account: "a1".to_owned(),
        value: Some("growing".to_owned()),
        was: None,
        clause: "enter",
        reason: String::new(),
    };
    store.write_moves(Standing::Stage, "customer", theirs.slot, &[one]).await.unwrap();
    store.finish_evaluation(&theirs, &EvaluationTally::default(), theirs.slot).await.unwrap().unwrap();
    world.pass_at("2026-03-02T09:00:20Z").await;
    assert_eq!(over().await, ["alone 03-02", "customer 03-02", "deep 03-02", "depth 03-02"]);
    assert_eq!(store.latest_kpis(at("2026-03-02T09:00:00Z")).await.unwrap()[0].value, Some(100.0));

    open("2026-03-03T09:00:00Z").await;
    world.pass_at("2026-03-03T09:09:59Z").await;
    assert_eq!(over().await[4..], ["alone 03-03"]);
    world.pass_at("2026-03-03T09:10:00Z").await;
    assert_eq!(over().await[4..], ["alone 03-03", "deep 03-03", "depth 03-03"]);
}
