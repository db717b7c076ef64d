//! Scores that documents make: what they are, who sees them, and when.

use keepwell::clock::Instant;
use keepwell::store::customers::data_subject::Person;
use keepwell::store::documents::evaluations::{EvaluationTally, OpenedEvaluation};
use keepwell::store::documents::scores::{NewScore, ScoreRow};
use keepwell::store::runs::RunKind;
use keepwell::store::upkeep::stopped::StopTarget;
use serde_json::json;

use crate::support::world::{World, at, lines, playbook, scheduled};

const HEALTH: &str = "score: health\nabout: How an account does.\nschedule: \"0 9 * * *\"\nfactors:
  - { id: usage, weight: 3, value: \"account.events(\\\"login\\\", 30) * 10\" }
  - { id: happy, weight: 1, value: \"account.score(\\\"nps\\\") * 10\" }
bands: { red: 0..40, yellow: 40..70, green: 70..100 }\n";

const CALL: &str = "  - task: { id: call, title: \"Call {{ account.name }}\", to: csm, due: 1d }";

async fn scores(world: &World, until: &str) -> Vec<ScoreRow> {
    world.store().latest_scores(None, None, at(until)).await.unwrap()
}

fn rows(scores: &[ScoreRow]) -> Vec<String> {
    let row = |score: &ScoreRow| {
        let band = score.band.as_deref().unwrap_or("-");
        format!("{} {} {} {} {} {}", score.name, score.account, score.contact, score.value, band, score.factors)
    };
    scores.iter().map(row).collect()
}

type EvaluationRow = (String, Instant, String, String, Option<String>, i64, i64);

async fn evaluations(world: &World) -> Vec<String> {
    let rows: Vec<EvaluationRow> = sqlx::query_as(
        "select document, slot, kind, state, reason, written, undecided from keepwell.evaluations order by slot, document",
    )
    .fetch_all(world.store().pool())
    .await
    .unwrap();
    let line = |(document, slot, kind, state, reason, written, undecided): EvaluationRow| {
        let (slot, reason) = (slot.format("%m-%dT%H:%M"), reason.unwrap_or_else(|| "-".to_owned()));
        format!("{document} {slot} {kind} {state} {reason} {written} {undecided}")
    };
    rows.into_iter().map(line).collect()
}

#[tokio::test]
async fn a_score_is_the_weighted_mean_of_the_factors_that_are_there() {
    let world = World::new().await;
    world.playbook(HEALTH);
    world.customer("a1").await;
    world.customer("a2").await;
    world.account("gone", json!({ "status": "churned" })).await;
    for day in 1..=4 {
        world.event("a1", "login", &format!("2026-02-2{day}T10:00:00Z")).await;
    }
    // At the very slot: not yet.
    world.event("a1", "login", "2026-03-02T09:00:00Z").await;
    world.score("a1", "nps", 8.0, "2026-02-20T10:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        rows(&scores(&world, "2026-03-02T09:00:00Z").await),
        [
            r#"health a1  50 yellow {"happy":80.0,"usage":40.0}"#,
            // Nobody was asked: that factor is left out with its weight.
            r#"health a2  0 red {"usage":0.0}"#
        ]
    );
    assert!(scores(&world, "2026-03-02T08:59:59Z").await.is_empty());
    assert_eq!(evaluations(&world).await, ["health 03-02T09:00 manual done - 2 0"]);
    // Nothing is written into the customer store, and the same instant is done once.
    let theirs: i64 = sqlx::query_scalar("select count(*) from customers.scores where name = 'health'")
        .fetch_one(world.store().pool())
        .await
        .unwrap();
    assert_eq!(theirs, 0);
    world.event("a2", "login", "2026-02-21T10:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(scores(&world, "2026-03-02T09:00:00Z").await[1].value, 0.0);
}

#[tokio::test]
async fn what_a_score_says_at_an_instant_playbooks_see_at_that_instant() {
    let world = World::new().await;
    world.playbook(HEALTH);
    let red = "when: account.band(\"health\") == \"red\" && (account.score(\"health\") ?? 100) < 40 && account.days_since_score(\"health\") == 0 && (account.score_factor(\"health\", \"usage\") ?? 100) < 10\nreentry: on_rematch";
    world.playbook(&playbook("rescue", red, CALL));
    world.customer("a1").await;
    world.customer("a2").await;
    for day in 1..=9 {
        world.event("a2", "login", &format!("2026-02-2{}T10:00:00Z", day % 9)).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account"), ["a1"]);
    // Later: it has changed by then.
    world.event("a1", "login", "2026-03-02T10:00:00Z").await;
    let fell =
        "when: (account.score_change(\"health\") ?? 0) >= 10 && (account.score_change(\"health\", 1) ?? 0) >= 10";
    world.playbook(&playbook("better", fell, CALL));
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.enrollments().await, "playbook account"),
        ["better a1", "rescue a1"],
        "{:?}",
        scores(&world, "2026-03-03T09:00:00Z").await
    );
    let latest = scores(&world, "2026-03-03T09:00:00Z").await;
    assert_eq!((latest[0].value, latest[0].before), (10.0, Some(0.0)));
}

#[tokio::test]
async fn our_own_score_wins_over_one_of_the_store() {
    let world = World::new().await;
    world.playbook(HEALTH);
    world.playbook(&playbook("low", "when: (account.score(\"health\") ?? 100) < 40", CALL));
    world.customer("a1").await;
    world.score("a1", "health", 95.0, "2026-03-01T10:00:00Z").await;
    // No score document is for this one: the store's is read.
    world.account("b1", json!({ "status": "trial" })).await;
    world.playbook(&HEALTH.replace("about:", "statuses: [active]\nabout:"));
    world.score("b1", "health", 20.0, "2026-03-01T10:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account"), ["a1", "b1"]);
}

#[tokio::test]
async fn a_missing_factor_is_what_it_says_and_a_mistake_gives_no_score() {
    let world = World::new().await;
    let of = |missing: &str| {
        format!(
            "score: s\nabout: x\nschedule: \"0 9 1 1 *\"\nfactors:\n  - {{ id: a, weight: 1, value: account.seats > 3 }}\n  - {{ id: b, weight: 1, value: account.score(\"nps\") * 30, missing: {missing} }}\n"
        )
    };
    world.account("a1", json!({ "seats": 5 })).await;
    let mut values = Vec::new();
    for (day, missing) in [(1, "skip"), (2, "0"), (3, "undecided")] {
        world.playbook(&of(missing));
        let when = format!("2026-03-0{day}T09:00:00Z");
        world.run_at(&when).await;
        let latest = scores(&world, &when).await;
        values.push(latest.first().filter(|score| score.at == at(&when)).map(|score| score.value));
    }
    assert_eq!(values, [Some(100.0), Some(50.0), None]);
    // Beyond 100 counts as 100, which is shown; a division by zero gives none.
    world.score("a1", "nps", 9.0, "2026-03-03T10:00:00Z").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(rows(&scores(&world, "2026-03-04T09:00:00Z").await), [r#"s a1  100 - {"a":100.0,"b":100.0}"#]);
    world.playbook(&of("skip").replace("* 30", "/ account.open_tickets()"));
    world.run_at("2026-03-05T09:00:00Z").await;
    assert_eq!(scores(&world, "2026-03-05T09:00:00Z").await[0].at, at("2026-03-04T09:00:00Z"));
    assert_eq!(evaluations(&world).await[4], "s 03-05T09:00 manual done - 0 1");
    let details: Vec<serde_json::Value> = sqlx::query_scalar("select details from keepwell.evaluations order by slot")
        .fetch_all(world.store().pool())
        .await
        .unwrap();
    assert_eq!(details[2][0]["message"], "the factor `b`: it is missing");
    assert_eq!(details[3][0]["reason"], "clamped");
    assert!(details[4][0]["message"].as_str().unwrap().contains("zero"), "{}", details[4]);
}

#[tokio::test]
async fn a_score_is_made_at_its_slots_before_the_playbooks_of_the_same_slot() {
    let world = World::new().await;
    world.playbook(HEALTH);
    world.playbook(&scheduled("rescue", "0 9 * * *", "when: account.band(\"health\") == \"red\"", CALL));
    world.customer("a1").await;
    world.pass_at("2026-03-02T08:00:00Z").await;
    assert!(evaluations(&world).await.is_empty());
    world.pass_at("2026-03-02T09:00:05Z").await;
    assert_eq!(evaluations(&world).await, ["health 03-02T09:00 scheduled done - 1 0"]);
    // Days later only the latest slot is made up for, however late it is.
    world.pass_at("2026-03-05T20:00:00Z").await;
    assert_eq!(evaluations(&world).await[1..], ["health 03-05T09:00 scheduled done - 1 0"]);
    // While it is stopped nothing is made, and the slots of that time are over.
    world.stop(StopTarget::Playbook("health".to_owned()), "2026-03-05T21:00:00Z").await;
    world.pass_at("2026-03-06T10:00:00Z").await;
    world.resume(StopTarget::Playbook("health".to_owned())).await;
    world.pass_at("2026-03-06T11:00:00Z").await;
    assert_eq!(evaluations(&world).await[2..], ["health 03-06T09:00 scheduled skipped stopped 0 0"]);
    // A document whose file is gone is no more evaluated; what it made is kept.
    world.expect_mistakes();
    world.remove("health");
    world.pass_at("2026-03-07T10:00:00Z").await;
    assert_eq!(evaluations(&world).await.len(), 3);
    assert_eq!(scores(&world, "2026-03-07T10:00:00Z").await.len(), 1);
}

#[tokio::test]
async fn an_evaluation_of_a_daemon_that_went_away_is_finished_and_playbooks_wait_for_it() {
    let world = World::new().await;
    world.playbook(HEALTH);
    world.playbook(&scheduled("rescue", "0 9 * * *", "when: account.band(\"health\") == \"red\"", CALL));
    for account in ["a1", "a2"] {
        world.customer(account).await;
    }
    world.pass_at("2026-03-02T08:00:00Z").await;
    let (store, slot) = (world.store(), at("2026-03-02T09:00:00Z"));
    let revision = store.published_documents().await.unwrap()[0].revision.clone();
    let opened = store.open_evaluation("health", &revision, slot, RunKind::Scheduled, slot).await.unwrap();
    let OpenedEvaluation::Ours(theirs) = opened else { panic!("{opened:?}") };
    // It has written one of two when it dies.
    let subject = keepwell::facts::SubjectId { account: "a1".to_owned(), contact: String::new() };
    let one = NewScore { subject, value: 0.0, band: Some("red".to_owned()), factors: json!({ "usage": 0.0 }) };
    assert_eq!(store.write_scores("health", slot, std::slice::from_ref(&one)).await.unwrap(), 1);
    assert_eq!(store.write_scores("health", slot, &[one]).await.unwrap(), 0, "it stays as it is");

    // As long as its lease holds, the playbook of the same instant waits; others do not.
    world.playbook(&scheduled("early", "59 8 * * *", "when: account.mrr > 0", CALL));
    world.pass_at("2026-03-02T08:58:00Z").await;
    world.pass_at("2026-03-02T09:00:10Z").await;
    assert_eq!(lines(&world.runs().await, "playbook slot"), ["early 03-02T08:59"]);

    world.sql("update keepwell.evaluations set lease_until = '2020-01-01'").await;
    world.pass_at("2026-03-02T09:00:20Z").await;
    assert_eq!(evaluations(&world).await, ["health 03-02T09:00 scheduled done - 2 0"]);
    assert_eq!(rows(&scores(&world, "2026-03-02T09:00:00Z").await).len(), 2);
    let rescued: Vec<_> = world.enrollments().await.into_iter().filter(|one| one["playbook"] == "rescue").collect();
    assert_eq!(lines(&rescued, "account"), ["a1", "a2"]);
    // Its holder comes back, and finds that it is no longer its own.
    let tally = EvaluationTally::default();
    assert!(store.finish_evaluation(&theirs, &tally, slot).await.unwrap().is_err());
}

#[tokio::test]
async fn playbooks_wait_ten_minutes_at_most_and_never_for_one_that_failed() {
    let world = World::new().await;
    world.playbook(HEALTH);
    world.playbook(&scheduled("rescue", "0 9 * * *", "when: account.mrr > 0", CALL));
    world.customer("a1").await;
    world.pass_at("2026-03-02T08:00:00Z").await;
    let (store, slot) = (world.store(), at("2026-03-02T09:00:00Z"));
    let revision = store.published_documents().await.unwrap()[0].revision.clone();
    store.open_evaluation("health", &revision, slot, RunKind::Scheduled, slot).await.unwrap();
    world.sql("update keepwell.evaluations set lease_until = '2099-01-01'").await;
    world.pass_at("2026-03-02T09:09:59Z").await;
    assert!(world.runs().await.is_empty());
    world.pass_at("2026-03-02T09:10:00Z").await;
    assert_eq!(lines(&world.runs().await, "playbook state"), ["rescue done"]);

    // A revision that cannot be used fails for good, and is over.
    world.sql("update keepwell.evaluations set state = 'done', token = null, lease_until = null").await;
    world.sql("update keepwell.revisions set text = 'score: health' where playbook = 'health'").await;
    let other = world.beside(world.store().clone());
    let other = std::sync::Arc::new(other);
    keepwell::worker::pass(&other, at("2026-03-03T09:00:10Z")).await.unwrap();
    let last = evaluations(&world).await.pop().unwrap();
    assert!(last.starts_with("health 03-02T09:00"), "{last}");
    assert_eq!(lines(&world.runs().await, "playbook slot"), ["rescue 03-02T09:00", "rescue 03-03T09:00"]);
}

#[tokio::test]
async fn the_owners_hear_of_an_evaluation_that_fails_once_until_one_succeeds() {
    let world = World::new().await;
    world.playbook("score: size\nabout: x\nschedule: \"0 9 1 1 *\"\nfactors: [{ id: seats, weight: 1, value: account.seats * 1 }]\n");
    world.account("a1", json!({ "seats": 30 })).await;
    let notices = async || -> Vec<(String, String, String)> {
        sqlx::query_as(
            "select to_address, subject, body_text from keepwell.messages where step = 'alert' order by created_at",
        )
        .fetch_all(world.store().pool())
        .await
        .unwrap()
    };
    for (when, column, state, heard) in [
        ("2026-03-02T09:00:00Z", "seats to chairs", "failed", 1),
        ("2026-03-03T09:00:00Z", "", "failed", 1),
        ("2026-03-04T09:00:00Z", "chairs to seats", "done", 1),
        ("2026-03-05T09:00:00Z", "seats to chairs", "failed", 2),
    ] {
        world.publish_at(when).await;
        if !column.is_empty() {
            world.sql(&format!("alter table customers.accounts rename column {column}")).await;
        }
        world.run_at(when).await;
        let last = evaluations(&world).await.pop().unwrap();
        assert!(last.contains(&format!(" manual {state} ")), "{last}");
        assert_eq!(notices().await.len(), heard, "{when}");
    }
    let (to, subject, text) = notices().await.remove(0);
    assert_eq!((to.as_str(), subject.as_str()), ("ops@acme.example", "Not evaluated: size"));
    assert!(text.contains("at 2026-03-02 09:00 UTC") && text.contains("seats"), "{text}");
}

#[tokio::test]
async fn scores_read_each_other_in_the_order_of_what_they_read() {
    let world = World::new().await;
    world.playbook("score: a-sum\nabout: x\nfactors: [{ id: one, weight: 1, value: account.score(\"z-part\") }]\n");
    world.playbook("score: z-part\nabout: x\nfactors: [{ id: seats, weight: 1, value: account.seats * 1 }]\n");
    world.account("a1", json!({ "seats": 30 })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        rows(&scores(&world, "2026-03-02T09:00:00Z").await),
        [r#"a-sum a1  30 - {"one":30.0}"#, r#"z-part a1  30 - {"seats":30.0}"#]
    );
}

#[tokio::test]
async fn a_score_that_is_read_of_all_accounts_is_made_before() {
    let world = World::new().await;
    world.playbook(
        "score: a-share\nabout: x\nfactors: [{ id: one, weight: 1, value: \"mean_of(account.score(\\\"z-part\\\"))\" }]\n",
    );
    world.playbook("score: z-part\nabout: x\nfactors: [{ id: seats, weight: 1, value: account.seats * 1 }]\n");
    world.account("a1", json!({ "seats": 30 })).await.account("a2", json!({ "seats": 10 })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let made = rows(&scores(&world, "2026-03-02T09:00:00Z").await);
    assert_eq!(made[..2], [r#"a-share a1  20 - {"one":20.0}"#, r#"a-share a2  20 - {"one":20.0}"#]);
}

#[tokio::test]
async fn a_score_of_contacts_is_each_contacts_own() {
    let world = World::new().await;
    world.playbook("score: reach\nabout: x\nfor: contact\nfactors: [{ id: logins, weight: 1, value: \"contact.events(\\\"login\\\", 30) * 20\" }]\n");
    world.playbook(&playbook("shy", "for: contact\nwhen: (contact.score(\"reach\") ?? 0) < 20", CALL));
    world.playbook(&playbook("best", "when: (account.score(\"reach\") ?? 0) >= 20", CALL));
    world.customer("a1").await;
    world.contact("a1", "bob", json!({ "role": "owner" })).await;
    world.event_of("a1", "bob", "login", "2026-03-01T10:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(
        rows(&scores(&world, "2026-03-02T09:00:00Z").await),
        [r#"reach a1 ann 0 - {"logins":0.0}"#, r#"reach a1 bob 20 - {"logins":20.0}"#]
    );
    // Of several contacts at one instant the account has the last by name.
    assert_eq!(lines(&world.enrollments().await, "playbook account contact"), ["best a1 -", "shy a1 ann"]);
}

const CASES: &str = "tests:
  - name: it is used
    at: 2026-03-02T09:00:00Z
    events: { login: 4 over 20d }
    scores: [ { name: nps, value: 8, at: -3d } ]
    expect: { value: 50, band: yellow, factors: { usage: 40, happy: 80 } }
";

#[tokio::test]
async fn a_document_has_revisions_and_its_cases_guard_them() {
    let world = World::new().await;
    world.customer("a1").await;
    world.playbook(&format!("{HEALTH}{CASES}"));
    world.publish_at("2026-03-01T08:00:00Z").await;
    let first = world.store().published_documents().await.unwrap().remove(0);
    assert_eq!((first.id.as_str(), first.kind.as_str(), first.present), ("health", "score", true));
    assert!(world.store().published().await.unwrap().is_empty(), "it is no playbook");

    // Whose cases fail keeps the revision that it had, with what is wrong.
    world.expect_mistakes();
    world.playbook(&format!("{HEALTH}{CASES}").replace("* 10\"", "* 9\""));
    let report = world.publish_at("2026-03-01T09:00:00Z").await;
    let errors: Vec<&str> =
        report.diagnostics.iter().filter(|problem| problem.is_error()).map(|one| one.code).collect();
    assert_eq!(errors, ["KW0503"]);
    let second = world.store().published_documents().await.unwrap().remove(0);
    assert_eq!(second.revision, first.revision);
    assert!(second.problems[0]["message"].as_str().unwrap().contains("it is used"), "{}", second.problems);

    // Another one, and back.
    world.playbook(&HEALTH.replace("* 10\"", "* 9\""));
    world.run_at("2026-03-02T09:00:00Z").await;
    let third = world.store().published_documents().await.unwrap().remove(0);
    assert_ne!(third.revision, first.revision);
    let answer = world
        .store()
        .roll_back("health", &first.revision, keepwell::ids::Actor("a test"), at("2026-03-02T10:00:00Z"))
        .await
        .unwrap();
    assert_eq!(answer, keepwell::store::runs::publications::RollbackAnswer::Done);
    world.event("a1", "login", "2026-03-02T10:00:00Z").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(scores(&world, "2026-03-03T09:00:00Z").await[0].value, 10.0, "by the first text again");
    assert_eq!(world.store().publications("health").await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_is_older_than_the_evidence_is_kept_is_forgotten() {
    let world = World::new().await;
    world.playbook(HEALTH);
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    world.store().forget_evidence(at("2026-03-03T00:00:00Z")).await.unwrap();
    let all: Vec<Instant> =
        sqlx::query_scalar("select at from keepwell.scores").fetch_all(world.store().pool()).await.unwrap();
    assert_eq!(all, [at("2026-03-03T09:00:00Z")]);
}

#[tokio::test]
async fn an_export_has_the_scores_of_an_account_and_an_erasure_deletes_them() {
    let world = World::new().await;
    world.playbook(&HEALTH.replace("* 10\" }\n  - {", "/ account.open_tickets()\" }\n  - {"));
    for account in ["a1", "a2"] {
        world.customer(account).await;
        world.score(account, "nps", 5.0, "2026-03-01T10:00:00Z").await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(evaluations(&world).await, ["health 03-02T09:00 manual done - 0 2"], "a division by zero");
    world.playbook(HEALTH);
    world.run_at("2026-03-03T09:00:00Z").await;
    let person = Person::new("a1", None);
    let ours = world.store().export(&person).await.unwrap()["keepwell"].clone();
    assert_eq!(ours["scores"][0]["value"], 12.5, "{ours}");
    assert_eq!(ours["evaluations"][0]["detail"]["account"], "a1", "{ours}");
    world.store().erase(&person, &[], false, keepwell::ids::Actor("a test"), at("2026-03-03T10:00:00Z")).await.unwrap();
    let left: Vec<String> = sqlx::query_scalar(
        "select account_id from keepwell.scores
         union all select d ->> 'account' from keepwell.evaluations, jsonb_array_elements(details) as d",
    )
    .fetch_all(world.store().pool())
    .await
    .unwrap();
    assert_eq!(left, ["a2", "a2"]);
}
