//! What was recorded of KPIs, read by playbooks about all accounts together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keepwell::clock::Instant;
use keepwell::facts::{KpiQuestion, KpiRecord, SubjectId, Value};
use keepwell::rehearsal::explanation::EntryVerdict;
use keepwell::store::Store;
use keepwell::store::documents::kpis::NewKpi;
use keepwell::worker::runs::explain::{explain_subject, in_force};
use keepwell::worker::runs::scheduler;
use serde_json::json;

use crate::support::wire::{Deciding, Fate, Statement, Watcher, Wire};
use crate::support::world::{World, at, lines, playbook};

const CUSTOMERS: &str = "kpi: customers\nabout: How many there are.\nunit: count\nschedule: \"0 9 * * *\"\nvalue: count_of(account.status == \"active\")\n";
const KEYS: &str = "for: portfolio\nwhen: (kpi(\"customers\") ?? 0) > 1";
const MAIL: &str = "  - email:\n      id: figures\n      to: alerts_to\n      subject: '{{ kpi(\"customers\") | number | default(\"?\") }} customers'\n      \
    body: 'Change {{ kpi_change(\"customers\", 7) | number | default(\"unknown\") }}, [all](/kpis).'\n  \
    - task: { id: look, if: '(kpi_change(\"customers\", 7) ?? 0) < 0', title: Look, to: boss@acme.example }\n";

async fn record(store: &Store, id: &str, when: Instant, unit: &str, figure: Option<f64>) {
    let figure = figure.ok_or_else(|| "there is none".to_owned());
    store.write_kpi(&NewKpi { id, at: when, revision: "r1", unit, figure }).await.unwrap();
}

#[tokio::test]
async fn a_mail_says_what_a_figure_is_and_how_it_has_changed() {
    let world = World::new().await;
    world.playbook(CUSTOMERS);
    world.playbook(&playbook("figures", KEYS, MAIL));
    for id in ["a1", "a2", "a3"] {
        world.account(id, json!({})).await;
    }
    // The figure of an instant counts at that instant.
    world.run_at("2026-02-23T09:00:00Z").await;
    assert_eq!(lines(&world.notices().await, "to subject"), ["ops@acme.example 3 customers"]);
    let first = world.text(&world.notices().await[0]).await;
    assert!(first.starts_with("Change unknown, "), "there was none before: {first}");
    world.sql("update customers.accounts set status = 'churned' where id = 'a1'").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let notices = world.notices().await;
    let second = notices.iter().find(|one| one["subject"] == "2 customers").expect("the second mail");
    let second = world.text(second).await;
    assert!(second.contains("-1, "), "{second}");
    assert_eq!(lines(&world.tasks().await, "assignee title state"), ["boss@acme.example Look open"]);
    // One is too few.
    world.sql("update customers.accounts set status = 'churned' where id = 'a2'").await;
    world.run_at("2026-03-09T09:00:00Z").await;
    assert_eq!(world.notices().await.len(), 2);
}

#[tokio::test]
async fn a_plan_and_an_explanation_read_what_was_recorded_by_then() {
    let world = World::new().await;
    world.playbook(CUSTOMERS);
    world.playbook(&playbook("figures", KEYS, MAIL));
    world.publish_at("2026-03-01T09:00:00Z").await;
    record(world.store(), "customers", at("2026-02-22T09:00:00Z"), "count", Some(9.0)).await;
    record(world.store(), "customers", at("2026-03-02T08:00:00Z"), "count", Some(7.0)).await;
    record(world.store(), "customers", at("2026-03-03T08:00:00Z"), "count", Some(1.0)).await;
    let plan = world.plans(&["figures", "customers"], at("2026-03-02T09:00:00Z")).await.remove(0);
    assert_eq!(plan.enter.iter().map(ToString::to_string).collect::<Vec<_>>(), ["portfolio"]);
    let steps: Vec<&str> = plan.effects.iter().map(|effect| effect.step.as_str()).collect();
    assert_eq!(steps, ["figures", "look"], "it fell from 9 to 7");
    let later = world.plans(&["figures", "customers"], at("2026-03-03T09:00:00Z")).await.remove(0);
    assert!(later.enter.is_empty());
    let explain = async |when: &str| {
        let decides = in_force(&world.shared, "figures", at(when)).await.unwrap().expect("published").expect("usable");
        let all = SubjectId { account: String::new(), contact: String::new() };
        explain_subject(&world.shared, &decides, &all, at(when), at(when)).await.unwrap()
    };
    let enters = explain("2026-03-02T09:00:00Z").await;
    assert_eq!(enters.verdict, EntryVerdict::Enters);
    let skipped = explain("2026-03-03T09:00:00Z").await;
    assert_eq!(skipped.verdict, EntryVerdict::Skipped);
    let said = format!("{skipped:?}");
    assert!(said.contains("kpi(\\\"customers\\\")") && said.contains("1.0"), "{said}");
}

/// Counts the statements that read figures for playbooks.
#[derive(Default)]
struct Reads(AtomicUsize);

impl Watcher for Reads {
    fn asked<'a>(&'a self, statement: &'a Statement) -> Deciding<'a> {
        if statement.text.contains("keepwell.kpis") && statement.text.contains("is_change") {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Box::pin(async { Fate::Passes })
    }
}

#[tokio::test]
async fn figures_are_read_once_for_a_run() {
    let world = World::new().await;
    world.playbook(CUSTOMERS);
    let keys = "for: portfolio\nper: csm\nwhen: kpi(\"customers\") != none || kpi_change(\"customers\", 7) != none";
    let notify = "  - notify: { id: tell, channel: csm, text: '{{ kpi(\"customers\") | default(\"?\") }}' }\n";
    world.playbook(&playbook("tell", keys, notify));
    for csm in ["ann", "ben", "cem", "dan", "eva"] {
        world.csm(csm, json!({})).await;
    }
    world.publish_at("2026-03-01T09:00:00Z").await;
    record(world.store(), "customers", at("2026-03-01T09:00:00Z"), "count", Some(5.0)).await;
    let reads = Arc::new(Reads::default());
    let wire = Wire::before(&world.store().pool().connect_options(), reads.clone());
    let shared = Arc::new(world.beside(Store::connect(wire.options(), 4)));
    scheduler::manual(&shared, at("2026-03-02T09:00:00Z")).await.unwrap();
    let run = world.run("tell", "2026-03-02T09:00:00Z").await;
    assert_eq!((&run["candidates"], &run["enrolled"]), (&json!(7), &json!(7)), "sam, mia and five others");
    assert_eq!(reads.0.load(Ordering::Relaxed), 2, "one for who enters, one for what they are told");
}

#[tokio::test]
async fn the_store_answers_as_a_case_does() {
    let world = World::new().await;
    let store = world.store();
    let now = at("2026-03-02T09:00:00Z");
    let days = |days: i64| now - chrono::TimeDelta::days(days);
    let second = chrono::TimeDelta::seconds(1);
    let records = [
        // At the edges of a week and of two.
        ("edge", now, Some(10.0)),
        ("edge", days(7), Some(8.0)),
        ("edge", days(7) + second, Some(9.0)),
        ("edge", days(14), Some(1.0)),
        ("late", now + second, Some(99.0)),
        ("late", days(1), Some(4.0)),
        ("late", days(14) + second, Some(3.0)),
        ("old", days(39), Some(2.0)),
        ("old", days(14), Some(1.0)),
        ("gone", days(1), None),
        ("gone", days(8), Some(6.0)),
        // Evaluations without a figure are passed over.
        ("gaps", days(1), Some(5.0)),
        ("gaps", days(8), None),
        ("gaps", days(9), Some(7.5)),
    ];
    for (id, when, figure) in records {
        record(store, id, when, "count", figure).await;
    }
    let kept = records.map(|(id, at, value)| KpiRecord { id: id.to_owned(), at, value });
    let mut questions = Vec::new();
    for id in ["edge", "late", "old", "gone", "gaps", "never"] {
        for days in [None, Some(1), Some(7), Some(20), Some(3650)] {
            questions.push(KpiQuestion { id: id.to_owned(), days });
        }
    }
    let of_store = store.answer_kpi_questions(&questions.iter().collect::<Vec<_>>(), now).await.unwrap();
    for (question, answer) in questions.iter().zip(&of_store) {
        let expected = question.answer(&kept, now);
        assert_eq!(answer.map_or(Value::Null, Value::Float), expected, "{question}");
    }
    let of = |text: &str| questions.iter().zip(&of_store).find(|(question, _)| question.to_string() == text).unwrap().1;
    for (question, answer) in [
        ("kpi(\"edge\")", Some(10.0)),
        ("kpi_change(\"edge\", 7)", Some(2.0)),
        ("kpi_change(\"edge\", 20)", None),
        ("kpi(\"late\")", Some(4.0)),
        ("kpi_change(\"late\", 7)", Some(1.0)),
        ("kpi(\"old\")", Some(1.0)),
        ("kpi_change(\"old\", 7)", None),
        ("kpi_change(\"old\", 20)", Some(-1.0)),
        ("kpi(\"gone\")", None),
        ("kpi_change(\"gone\", 7)", None),
        ("kpi_change(\"gaps\", 7)", Some(-2.5)),
        ("kpi(\"never\")", None),
    ] {
        assert_eq!(*of(question), answer, "{question}");
    }
    // Another unit is another figure.
    record(store, "unit", days(8), "count", Some(3.0)).await;
    record(store, "unit", days(1), "percent", Some(30.0)).await;
    let [figure, change] = [None, Some(7)].map(|days| KpiQuestion { id: "unit".to_owned(), days });
    assert_eq!(store.answer_kpi_questions(&[&figure, &change], now).await.unwrap(), [Some(30.0), None]);
    assert!(store.answer_kpi_questions(&[], now).await.unwrap().is_empty());
}
