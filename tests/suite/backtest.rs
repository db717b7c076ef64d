//! `keepwell backtest` as a program: its fields are a contract, and on the sample
//! company it finds the rates that are in its past.

use chrono::{TimeDelta, TimeZone, Utc};
use keepwell::clock::Instant;
use keepwell::store::customers::sample::{FallRates, PLANTED, SampleCompany};
use serde_json::{Value as Json, json};
use sqlx::Executor;

use crate::support::database;
use crate::support::program::{Home, shipped_files};

/// Now, of the sample company.
fn anchor() -> Instant {
    Utc.with_ymd_and_hms(2026, 11, 1, 9, 0, 0).unwrap()
}

/// The sample company with the shipped playbooks.
async fn company(name: &str) -> Home {
    let database = database::fresh().await;
    SampleCompany::generate(anchor(), 320).insert(&database.pool().await, |_, _, _| {}).await.unwrap();
    let mut home = Home::new(name);
    home.set("DATABASE_URL", &database.url);
    // Each further playbook would be played for the overlap.
    let names = [".rhai", "/usage-drop.yaml", "/nps-drop.yaml", "/health.yaml", "/churn-rate.yaml"];
    let is_played = |file: &str| names.iter().any(|name| file.ends_with(name));
    shipped_files().iter().filter(|(file, _)| is_played(file)).for_each(|(file, text)| home.write(file, text));
    home
}

fn day(days_ago: i64) -> String {
    (anchor() - TimeDelta::days(days_ago)).date_naive().to_string()
}

fn backtest(home: &Home, arguments: &[&str]) -> Json {
    let answer = home.run(&[&["backtest", "--format", "json"][..], arguments].concat());
    assert_eq!(answer.code, 0, "{answer:?}");
    answer.json()["backtest"].clone()
}

fn number(value: &Json) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// That the rates that were planted lie where the backtest says that they do.
fn assert_finds(found: &Json, planted: &FallRates) {
    let (hits, alarms, misses) = (number(&found["hits"]), number(&found["false_alarms"]), number(&found["misses"]));
    assert_eq!(number(&found["precision"]), hits / (hits + alarms), "{found:#}");
    assert_eq!(number(&found["recall"]), hits / (hits + misses), "{found:#}");
    let base = number(&found["base_rate"]);
    let [low, high] = ["low", "high"].map(|bound| number(&found["lift"][bound]) * base);
    assert!(low <= planted.precision && planted.precision <= high, "{low} to {high}: {found:#}");
    assert!((number(&found["recall"]) - planted.recall).abs() < 0.05, "{found:#}");
    let lead = number(&found["lead_days"]["median"]);
    assert!(planted.lead_days.contains(&lead), "{found:#}");
    let lift = number(&found["lift"]["value"]);
    assert!((lift - number(&found["precision"]) / base).abs() < 1e-9 && lift > 3.0, "{found:#}");
}

#[tokio::test]
async fn the_rates_of_the_sample_are_found() {
    let home = company("backtest-sample").await;
    let (first, last) = PLANTED.days_ago;
    let period = ["--from", &day(first), "--to", &day(last), "--within", &format!("{}d", PLANTED.within_days)];
    let usage = backtest(&home, &[&["usage-drop"], &period[..]].concat());
    assert_finds(&usage, &PLANTED.usage_drop);
    assert_finds(&backtest(&home, &[&["nps-drop"], &period[..]].concat()), &PLANTED.nps_drop);

    let keys = ["playbook", "from", "to", "slots", "firings", "outcome", "hits", "misses", "false_alarms", "precision"];
    for key in keys.into_iter().chain(["recall", "lead_days", "base_rate", "lift", "constant"]) {
        assert!(!usage[key].is_null(), "{key}: {usage:#}");
    }
    assert_eq!(usage["playbook"], "usage-drop");
    assert_eq!(usage["outcome"], "account.status == \"churned\"");
    for quartile in ["p25", "median", "p75"] {
        assert!(usage["lead_days"][quartile].is_number());
    }
    let firings = usage["firings"].as_array().unwrap();
    assert!(firings.iter().all(|firing| firing["slot"].is_string() && !firing["subjects"][0].is_null()));
    let subjects: usize = firings.iter().map(|firing| firing["subjects"].as_array().unwrap().len()).sum();
    assert_eq!(subjects as f64, number(&usage["hits"]) + number(&usage["false_alarms"]));
    // Whoever fires for a fall of usage often fires for one of NPS, too.
    let overlap = usage["overlap"].as_array().unwrap();
    assert!(overlap.iter().any(|other| other["playbook"] == "nps-drop" && number(&other["together"]) > 0.0));
}

/// That the shares of a score, or of one of its factors, are those of its counts.
fn assert_adds_up(found: &Json) {
    let (hits, alarms, misses) = (number(&found["hits"]), number(&found["false_alarms"]), number(&found["misses"]));
    for (share, part, whole) in [("precision", hits, hits + alarms), ("recall", hits, hits + misses)] {
        match whole == 0.0 {
            true => assert!(found[share].is_null(), "{share}: {found:#}"),
            false => assert!((number(&found[share]) - part / whole).abs() < 1e-9, "{found:#}"),
        }
    }
    if let Some(lift) = found["lift"]["value"].as_f64() {
        assert!((lift - number(&found["precision"]) / number(&found["base_rate"])).abs() < 1e-9, "{found:#}");
        assert!(number(&found["lift"]["low"]) <= lift && lift <= number(&found["lift"]["high"]), "{found:#}");
    }
}

#[tokio::test]
async fn a_score_is_held_against_an_outcome_with_each_of_its_factors() {
    let home = company("backtest-score").await;
    let (first, last) = PLANTED.days_ago;
    let period = ["--from", &day(first), "--to", &day(last), "--within", "90d"];
    let found = backtest(&home, &[&["health", "--below", "40"], &period[..]].concat());
    for (key, value) in [("score", json!("health")), ("below", json!(40.0)), ("within_days", json!(90.0))] {
        assert_eq!(found[key], value);
    }
    assert_eq!(found["outcome"], "account.status == \"churned\"");
    assert_adds_up(&found);
    let factors = found["factors"].as_array().unwrap();
    let ids: Vec<&str> = factors.iter().map(|factor| factor["factor"].as_str().unwrap()).collect();
    assert_eq!(ids, ["usage", "trend", "people", "happy", "quiet"]);
    for factor in factors {
        assert_adds_up(factor);
        assert_eq!(number(&factor["fired"]), number(&factor["hits"]) + number(&factor["false_alarms"]));
        // The chance is the same for all: it is that of whom the score is for.
        assert_eq!(factor["base_rate"], found["base_rate"]);
    }
    // A fall of usage comes before an account of the sample leaves, as does one of NPS. Few logins
    // do not: whoever has just come has had few, too.
    let lift = |id: &str, bound: &str| number(&factors[ids.iter().position(|one| *one == id).unwrap()]["lift"][bound]);
    assert!(lift("trend", "low") > 3.0 && lift("happy", "low") > 3.0, "{found:#}");
    assert!(lift("usage", "high") < 3.0 && number(&found["lift"]["high"]) < 3.0, "{found:#}");
    let subjects: usize = {
        let firings = found["firings"].as_array().unwrap().iter();
        firings.map(|firing| firing["subjects"].as_array().unwrap().len()).sum()
    };
    assert!(subjects as f64 >= number(&found["hits"]) + number(&found["false_alarms"]), "{found:#}");

    let files = ["--csv", "firings.csv", "--svg", "firings.svg"];
    let short = ["--from", &day(200), "--to", &day(160)];
    let answer = home.done(&[&["backtest", "health", "--below", "30.5"], &short[..], &files].concat()).stdout;
    for words in
        ["health below 30.5, from ", "█", "hits", "each factor below 30.5", "FACTOR", "LEAD DAYS", "usage", "quiet"]
    {
        assert!(answer.contains(words), "{words}: {answer}");
    }
    let csv = std::fs::read_to_string(home.path.join("firings.csv")).unwrap();
    let firings = csv.lines().count() - 1;
    assert!(firings > 5 && answer.contains(&format!("{firings} firings")), "{csv}");
    assert!(home.path.join("firings.svg").exists());

    for (arguments, words) in [
        (
            &["usage-drop", "--below", "40"][..],
            "`usage-drop` is a playbook, whose `when` says for whom it fires, and `--below` is for scores: leave it out, or name a score: `health`",
        ),
        (&["health"], "`health` is a score: say below which value it gives warning, such as `--below 40`"),
        (&["health", "--below", "140"], "no score lies below `140` and another not: write a value above 0, up to 100"),
        (&["health", "--below", "0"], "no score lies below `0`"),
        (&["health", "--below", "-5"], "no score lies below `-5`"),
        (&["health", "--below", "NaN"], "no score lies below `NaN`"),
        (&["health", "--below", "low"], "`low` is no number; write a value above 0, up to 100, such as 40"),
        (&["churn-rate", "--below", "3"], "`churn-rate` is a KPI: a backtest plays playbooks and scores"),
        (&["churn-rate"], "`churn-rate` is a KPI: a backtest plays playbooks and scores"),
        (&["healthy", "--below", "40"], "there is no playbook and no score `healthy`; did you mean `health`?"),
    ] {
        let answer = home.run(&[&["backtest"][..], arguments].concat());
        assert_eq!(answer.code, 1, "{answer:?}");
        assert!(answer.stderr.contains(words), "{words}: {}", answer.stderr);
    }
    home.write("playbooks/broken.yaml", "score: broken\nabout: x\nfactors: []\n");
    let answer = home.run(&["backtest", "broken", "--below", "40"]);
    assert_eq!(answer.code, 1, "{answer:?}");
    assert!(answer.stderr.contains("`broken` has errors"), "{}", answer.stderr);
}

#[tokio::test]
async fn it_is_drawn_written_and_changes_nothing() {
    let home = company("backtest-files").await;
    let period = ["--from", &day(400), "--to", &day(100)];
    let files = ["--csv", "firings.csv", "--svg", "firings.svg", "--alone"];
    let answer = home.run(&[&["backtest", "usage-drop"][..], &period, &files].concat());
    assert_eq!(answer.code, 0, "{answer:?}");
    for words in ["slots", "█", "task `look`", "hits", "precision", "lift", "not applied: holds"] {
        assert!(answer.stdout.contains(words), "{words}: {}", answer.stdout);
    }
    let csv = std::fs::read_to_string(home.path.join("firings.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("slot,account,contact"));
    let firings = lines.count();
    assert!(firings > 5 && answer.stdout.contains(&format!("{firings} firings")), "{csv}");
    let svg = std::fs::read_to_string(home.path.join("firings.svg")).unwrap();
    let document = svg.matches("<rect").count();
    assert!(document > 40 && svg.contains(&format!("<title>{firings} firings</title>")), "{svg}");
    // Nothing was published, and nobody entered.
    for list in ["enrollments", "runs", "messages", "tasks"] {
        assert_eq!(home.rows(&[list]), Vec::<Json>::new());
    }
}

#[tokio::test]
async fn what_has_no_past_is_named() {
    let database = database::fresh().await;
    database
        .pool()
        .await
        .execute(
            "insert into customers.accounts (id, name, tier, signed_up_at) values
                 ('a1', 'Acme', 'A', '2026-01-01'), ('a2', 'Bolt', 'B', '2026-02-20')",
        )
        .await
        .unwrap();
    let mut home = Home::new("backtest-constant");
    home.set("DATABASE_URL", &database.url);
    let text = "playbook: call\nabout: A call.\nalerts_to: ops@example.com\nschedule: \"0 9 * * *\"\n\
                when: account.tier == \"A\" && account.open_tasks() == 0\nsteps: [ { task: { title: Call, to: csm } } ]\n";
    home.write("playbooks/call.yaml", text);
    let found = backtest(&home, &["call", "--from", "2026-02-01", "--to", "2026-03-02"]);
    assert_eq!(found["firings"], json!([{ "slot": "2026-02-01T09:00:00Z", "subjects": ["a1"] }]));
    assert_eq!(found["constant"], json!(["account.open_tasks()", "account.status", "account.tier"]));
    assert!(found["constant_shares"].as_array().unwrap().iter().all(|fact| fact["share"] == 1.0), "{found:#}");
    assert_eq!((&found["precision"], &found["recall"], &found["lift"]), (&json!(0.0), &Json::Null, &Json::Null));
}

#[tokio::test]
async fn what_cannot_be_replayed_is_refused_in_words() {
    let database = database::fresh().await;
    let mut home = Home::new("backtest-refused");
    home.set("DATABASE_URL", &database.url);
    let playbook = |id: &str, schedule: &str| {
        format!(
            "playbook: {id}\nabout: A call.\nalerts_to: ops@example.com\nschedule: \"{schedule}\"\n\
             when: account.mrr > 1\nsteps: [ {{ task: {{ title: Call, to: csm }} }} ]\n"
        )
    };
    home.write("playbooks/call.yaml", &playbook("call", "0 9 * * *"));
    home.write("playbooks/often.yaml", &playbook("often", "* * * * *"));
    home.write("playbooks/rarely.yaml", &playbook("rarely", "0 9 1 1 *"));
    let period = ["--from", "2026-02-01", "--to", "2026-05-01"];
    for (arguments, words) in [
        (&["call", "--from", "2026-05-01", "--to", "2026-02-01"][..], "`--from` is not before `--to`"),
        (&["call", "--from", "2026-05-01", "--to", "2999-02-01"], "`--to` lies in the future"),
        (&["call", "--from", "May"], "`May` is neither a date nor an instant"),
        (&[&["none"][..], &period].concat(), "there is no playbook and no score `none`"),
        (&[&["often"][..], &period].concat(), "choose a shorter period"),
        (&[&["rarely"][..], &period].concat(), "its schedule has no slot in the period"),
        (&[&["call", "--within", "soon"][..], &period].concat(), "`soon` is no duration"),
        (
            &[&["call", "--outcome", "account.statsu == \"churned\""][..], &period].concat(),
            "did you mean `account.status`?",
        ),
    ] {
        let answer = home.run(&[&["backtest"][..], arguments].concat());
        assert_eq!(answer.code, 1, "{answer:?}");
        assert!(answer.stderr.contains(words), "{words}: {}", answer.stderr);
    }
    let found = backtest(&home, &[&["call"][..], &period].concat());
    assert_eq!(found["not_compared"].as_array().unwrap().len(), 2, "{found:#}");
}
