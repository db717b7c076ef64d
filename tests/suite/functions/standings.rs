//! Where an account stands: what the store says, else what a document has found.

use keepwell::catalog;
use keepwell::clock::Instant;
use keepwell::config::Config;
use keepwell::facts::history::{ChangeRecord, StandingRecord};
use keepwell::facts::{History, Standing, Value};
use keepwell::playbook::source::{SourceFile, SourceSet};
use keepwell::store::Store;
use keepwell::store::documents::standings::NewMove;
use serde_json::Value as Json;

use super::*;
use crate::support::mapped::{map, opened};

/// Adds a stage, its changes, and what documents have found.
pub fn generate(history: &mut History, dice: &mut Dice, marks: &[Instant]) {
    let text = |word: Option<&str>| word.map_or(Value::Null, Value::text);
    let stages = ["onboarding", "adopted", "it's"];
    let stage = |dice: &mut Dice| text(dice.maybe(|dice| *dice.pick(&stages)));
    history.account.insert("stage".into(), stage(dice));
    for _ in 0..dice.roll(4) {
        let was = [("stage".to_owned(), stage(dice))].into();
        history.changes.push(ChangeRecord { at: dice.instant(marks), was });
    }
    for (standing, names) in [(Standing::Stage, &stages), (Standing::Tier, &["A", "B", "it's"])] {
        let mut found = BTreeMap::new();
        for _ in 0..dice.roll(6) {
            found.insert(dice.instant(marks), text(dice.maybe(|dice| *dice.pick(names))));
        }
        history.standings.extend(found.into_iter().map(|(at, value)| StandingRecord { standing, at, value }));
    }
}

/// What documents have found, as it is written to the store.
pub fn rows(account: &str, history: &History) -> Vec<Json> {
    let mut rows = Vec::new();
    for standing in Standing::ALL {
        let mut was = Value::Null;
        for record in history.standings.iter().filter(|record| record.standing == standing) {
            rows.push(json!({
                "account_id": account, "standing": standing.name(), "at": stamp(record.at),
                "value": record.value.to_json(), "was": was.to_json(), "document": "customer",
                "clause": "enter", "reason": "",
            }));
            was = record.value.clone();
        }
    }
    rows
}

const FIRMS: &str = "
create schema crm;
create table crm.firms (id int primary key, name text, tier int, since timestamptz);
insert into crm.firms values (1, 'One', 3, '2025-01-01'), (2, 'Two', null, '2025-01-01');
grant usage on schema crm to keepwell_reader;
grant select on crm.firms to keepwell_reader;";

const STORE: &str = "store: { accounts: { relation: crm.firms, columns: { signed_up_at: since } } }\n";

fn moved(account: &str, was: Option<&str>, value: Option<&str>) -> NewMove {
    let text = |value: Option<&str>| value.map(str::to_owned);
    let (value, was, reason) = (text(value), text(was), String::new());
    NewMove { account: account.to_owned(), value, was, clause: "enter", reason }
}

#[tokio::test]
async fn a_store_without_the_column_has_what_documents_find() {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    sqlx::raw_sql(FIRMS).execute(&pool).await.expect("the database takes them");
    let store = Store::connect((*pool.connect_options()).clone(), 2);
    let relations = opened(&store, &map(STORE)).await;
    for (standing, days, was, value) in [
        (Standing::Stage, 40, None, Some("onboarding")),
        (Standing::Stage, 10, Some("onboarding"), Some("adopted")),
        // At the very instant.
        (Standing::Stage, 0, Some("adopted"), Some("at risk")),
        (Standing::Tier, 40, None, Some("A")),
    ] {
        let found = [moved("1", was, value), moved("2", was, value.filter(|_| days == 40))];
        let at = now() - Duration::days(days);
        assert_eq!(store.write_moves(standing, "customer", at, &found).await.expect("it writes"), 2);
        // Who does it a second time finds what is there.
        let again = [moved("1", was, Some("something else"))];
        assert_eq!(store.write_moves(standing, "customer", at, &again).await.expect("it writes"), 0);
    }
    let call = |function, args| CellPath::Call { function, args };
    let layout = layout([
        column("stage"),
        column("tier"),
        column("stage").ago(Some(5)),
        column("stage").ago(Some(50)),
        call("days_in_stage", vec![]),
        call("stage_before", vec![Arg::Int(1)]),
        call("stage_before", vec![Arg::Int(2)]),
        call("stage_before", vec![Arg::Int(3)]),
    ]);
    let query = FactQuery::new(layout, &relations).expect("every cell is known");
    let facts = walked(&pool, &query, Shape::Probes).await;
    let of = |account: &str| &facts[&SubjectId { account: account.to_owned(), contact: String::new() }].values;
    let text = Value::text;
    assert_eq!(
        of("1")[..],
        [
            text("at risk"),
            // A number is no name of a tier: the store's is read, whatever a document finds.
            Value::Int(3),
            text("adopted"),
            Value::Null,
            Value::Int(0),
            text("adopted"),
            text("onboarding"),
            Value::Null
        ]
    );
    // It stands nowhere since the second move.
    let nowhere = [Value::Null, Value::Null, Value::Null, Value::Null, Value::Null];
    assert_eq!(of("2")[..5], nowhere);
    let before = store.standings_before(Standing::Stage, &["1", "2", "3"], now()).await.expect("it reads");
    assert_eq!(before, [("1".to_owned(), "adopted".to_owned())].into());
    // The latest move of each is kept, however old: an account does not lose its place.
    let cut = now() + Duration::days(500);
    while store.forget_evidence(cut).await.expect("it forgets") > 0 {}
    let left: Vec<(String, String, Option<String>)> =
        sqlx::query_as("select account_id, standing, value from keepwell.standings order by 1, 2")
            .fetch_all(&pool)
            .await
            .expect("it reads");
    let row = |account: &str, standing: &str, value: Option<&str>| {
        (account.to_owned(), standing.to_owned(), value.map(str::to_owned))
    };
    assert_eq!(
        left,
        [
            row("1", "stage", Some("at risk")),
            row("1", "tier", Some("A")),
            row("2", "stage", None),
            row("2", "tier", Some("A"))
        ]
    );
}

/// What `check` says of a playbook beside documents that find these stages.
fn told(schema: &Schema, text: &str) -> Vec<String> {
    let file = SourceFile { path: "p.yaml".into(), text: text.into() };
    let sources = SourceSet { playbooks: vec![file], ..SourceSet::default() };
    let (_, problems) = catalog::load(&sources, &[], &Config::default(), schema);
    let line = |problem: &keepwell::diagnostic::Diagnostic| {
        let help = problem.help.clone().unwrap_or_default();
        format!("{} {}; {help}", problem.code, problem.message)
    };
    problems.iter().filter(|problem| problem.code != "KW0114").map(line).collect()
}

fn watching(stages: &str, when: &str) -> String {
    format!(
        "playbook: p\nschedule: \"@daily\"\n{stages}when: {when}\nsteps:\n  - task: {{ title: Call, to: csm, due: 1d }}\n"
    )
}

#[test]
fn authors_can_name_what_a_document_finds() {
    let mut bare = Schema::default_store();
    bare.account.retain(|column| column.name != "stage" && column.name != "tier");
    bare.absent.extend(["accounts.stage", "accounts.tier", "changes"].map(str::to_owned));
    let beside = bare.with_found([(Standing::Stage, vec!["adopted".to_owned(), "at-risk".to_owned()])].into());
    let fits = watching("stages: [adopted]\n", "account.stage != \"at-risk\" && account.ago(30).stage == \"adopted\"");
    assert_eq!(told(&beside, &fits), [""; 0]);
    let without = told(&bare, &watching("stages: [adopted]\n", "account.stage == \"adopted\""));
    assert!(
        without.iter().any(|told| told.starts_with("KW0214 `stages` needs")
            && told.contains("write a file that begins with `lifecycle:`")),
        "{without:?}"
    );
    assert!(
        without.iter().any(|told| told.starts_with("KW0202 unknown fact `account.stage`")
            && told.contains("a file that begins with `lifecycle:` gives one")),
        "{without:?}"
    );
    // The store has neither it nor changes of it.
    let tier = told(&beside, &watching("", "account.tier == \"A\""));
    assert!(tier[0].contains("a file that begins with `tiers:` gives one"), "{tier:?}");
    let changed = told(&beside, &watching("", "(account.days_since_change(\"stage\") ?? 99) < 7"));
    assert!(changed.iter().any(|told| told.starts_with("KW0202 there is no column \"stage\"")), "{changed:?}");
    let word = told(&beside, &watching("", "account.stage == \"adoptet\""));
    assert_eq!(word, ["KW0221 no stage `adoptet` was ever seen; a document has `adopted`; did you mean `adopted`?"]);
}
