//! Why an account enters a playbook, or why not: each clause and each guard is
//! named by what a run would do, with the values it read.

use keepwell::enrollment::Guard;
use keepwell::facts::SubjectId;
use keepwell::rehearsal::explanation::{EntryVerdict, Explanation};
use keepwell::store::upkeep::stopped::StopTarget;
use keepwell::worker::runs::explain::{explain_subject, in_force};
use serde_json::json;

use crate::support::world::{World, at, playbook};

const WHEN: &str =
    "when: account.tier == \"A\" && days_since(account.signed_up_at) >= 30 && account.events(\"login\", 30) < 3";
const STEPS: &str = "  - wait: 30d";
const SLOT: &str = "2026-03-02T09:00:00Z";
const NEXT: &str = "2026-03-03T09:00:00Z";

/// One account, and a playbook that was published a day before the slot.
async fn world(keys: &str) -> World {
    let world = World::new().await;
    world.playbook(&playbook("p", keys, STEPS));
    world.account("a1", json!({})).await;
    world.publish_at("2026-03-01T09:00:00Z").await;
    world
}

/// What `explain` says of an account, or of `account/contact`, at this instant.
async fn explain(world: &World, playbook: &str, subject: &str, when: &str) -> Explanation {
    explain_then(world, playbook, subject, when, when).await
}

/// What it says later of an instant that has passed.
pub async fn explain_then(world: &World, playbook: &str, subject: &str, when: &str, now: &str) -> Explanation {
    let (account, contact) = subject.split_once('/').unwrap_or((subject, ""));
    let subject = SubjectId { account: account.to_owned(), contact: contact.to_owned() };
    let decides = in_force(&world.shared, playbook, at(when)).await.unwrap();
    let decides = decides.expect("it is published").expect("it can be used");
    explain_subject(&world.shared, &decides, &subject, at(when), at(now)).await.unwrap()
}

/// The verdict and what decided it.
fn word(explanation: &Explanation) -> (EntryVerdict, Guard) {
    (explanation.verdict, explanation.decided_by)
}

fn truths(explanation: &Explanation) -> Vec<&'static str> {
    explanation.clauses.iter().map(|clause| clause.truth.name()).collect()
}

#[tokio::test]
async fn the_clause_that_is_false_is_named_with_its_values_and_its_day() {
    let world = world(WHEN).await;
    world.sql("update customers.accounts set signed_up_at = '2026-02-10T10:00:00Z'").await;
    let explanation = explain(&world, "p", "a1", SLOT).await;
    assert_eq!(word(&explanation), (EntryVerdict::Skipped, Guard::Clause));
    assert_eq!(truths(&explanation), ["true", "false", "not reached"]);
    let nearest = explanation.nearest.as_ref().expect("time makes it true");
    assert_eq!(nearest.at, at("2026-03-12T10:00:00Z"));
    assert_eq!(nearest.because, "30 days after account.signed_up_at (10 February 2026, 10:00)");
    assert_eq!(nearest.then, None);
    let json = explanation.to_json();
    assert_eq!(json["verdict"], "skipped");
    assert_eq!(json["decided_by"], "clause");
    assert_eq!(json["would_change"]["at"], "2026-03-12T10:00:00Z");
    assert_eq!(
        json["clauses"][1],
        json!({
            "text": "days_since(account.signed_up_at) >= 30", "line": 4, "column": 30, "truth": "false",
            "values": {
                "days_since(account.signed_up_at)": 19, "account.signed_up_at": "2026-02-10T10:00:00Z",
            },
            "decided": true, "would_be": null, "error": null, "constant": [],
        })
    );
    assert_eq!(json["clauses"][2]["values"], json!({ "account.events(\"login\", 30)": 0 }));
    assert_eq!(json["clauses"][2]["would_be"], true);
    let text = explanation.to_text();
    let first: Vec<&str> = text.lines().take(3).collect();
    assert_eq!(
        first,
        [
            "a1 does not enter p on 2 March 2026, 09:00 (UTC): the condition is not met",
            "  because days_since(account.signed_up_at) >= 30 is false: days_since(account.signed_up_at) = 19, \
             account.signed_up_at = 2026-02-10T10:00:00Z",
            "  would be true from 12 March 2026, 10:00 on: 30 days after account.signed_up_at \
             (10 February 2026, 10:00)",
        ]
    );
    // The page shows what it prints.
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    let shown = text.split("\n\n  revision").next().unwrap().replace("enter p on", "enter call on");
    assert!(page.contains(&format!("```text\n{shown}\n```")), "{shown}");
}

#[tokio::test]
async fn a_clause_becomes_true_by_the_clock_it_reads() {
    let cases = [
        // Rounded down, so that it is true a second behind the 91st day before.
        (
            "account.renewal_at != none && days_until(account.renewal_at) <= 90",
            "2026-07-01T00:00:00Z",
            Some(("2026-04-01T00:00:01Z", "91 days before account.renewal_at (1 July 2026)")),
        ),
        (
            "account.renewal_at != none && hours_since(account.renewal_at) >= 5",
            "2026-03-02T07:30:00Z",
            Some(("2026-03-02T12:30:00Z", "5 hours after account.renewal_at (2 March 2026, 07:30)")),
        ),
        ("weekday(now) == 5", "2026-07-01T00:00:00Z", Some(("2026-03-06T00:00:00Z", "a new day"))),
        ("account.tier == \"B\"", "2026-07-01T00:00:00Z", None),
        // What happens in a window is not known ahead.
        ("account.events(\"login\", 30) > 0", "2026-07-01T00:00:00Z", None),
        (
            "account.days_since_event(\"login\") != none && account.days_since_event(\"login\") >= 14",
            "2026-07-01T00:00:00Z",
            Some(("2026-03-15T09:00:00Z", "if nothing happens until then that it counts")),
        ),
    ];
    for (condition, renewal, wanted) in cases {
        let world = world(&format!("when: {condition}")).await;
        world.sql(&format!("update customers.accounts set renewal_at = '{renewal}'")).await;
        world.event("a1", "login", "2026-03-01T08:00:00Z").await;
        let explanation = explain(&world, "p", "a1", SLOT).await;
        let nearest = explanation.nearest.as_ref().map(|nearest| (nearest.at, nearest.because.as_str()));
        assert_eq!(nearest, wanted.map(|(when, because)| (at(when), because)), "{condition}");
    }
}

#[tokio::test]
async fn one_who_enters_is_there_from_then_on() {
    let world = world("when: account.mrr > 0\nreentry: { gap: 90d }").await;
    assert_eq!(word(&explain(&world, "p", "a1", SLOT).await), (EntryVerdict::Enters, Guard::Clause));
    world.run_at(SLOT).await;
    assert_eq!(word(&explain(&world, "p", "a1", SLOT).await), (EntryVerdict::Enters, Guard::Clause));
    let later = explain(&world, "p", "a1", NEXT).await;
    assert_eq!(word(&later), (EntryVerdict::Active, Guard::Reentry));
    assert_eq!(later.earlier.len(), 1);
    assert!(later.reason.contains("at the step wait-1"), "{}", later.reason);
    // Over after thirty days.
    world.pass_at("2026-04-02T09:00:00Z").await;
    let after = explain(&world, "p", "a1", "2026-04-02T09:00:00Z").await;
    assert_eq!(word(&after), (EntryVerdict::Skipped, Guard::Gap));
    assert_eq!(after.nearest.as_ref().map(|nearest| nearest.at), Some(at("2026-05-31T09:00:00Z")));
    // What was is still said of the day on which it was.
    let then = explain_then(&world, "p", "a1", NEXT, "2026-04-02T09:00:00Z").await;
    assert_eq!(word(&then), (EntryVerdict::Active, Guard::Reentry));
    let before = explain_then(&world, "p", "a1", "2026-03-01T12:00:00Z", "2026-04-02T09:00:00Z").await;
    assert_eq!(word(&before), (EntryVerdict::Enters, Guard::Clause));
}

#[tokio::test]
async fn each_guard_is_named() {
    let cases: [(&str, &str, (EntryVerdict, Guard), &str); 13] = [
        (
            "",
            "update customers.accounts set status = 'churned'",
            (EntryVerdict::Skipped, Guard::Status),
            "status is churned",
        ),
        ("stages: [adoption]", "", (EntryVerdict::Skipped, Guard::Stage), "there is no stage"),
        ("suppress: account.tier == \"A\"", "", (EntryVerdict::Skipped, Guard::Suppress), "suppress: account.tier = A"),
        ("goal: account.mrr == 100", "", (EntryVerdict::Skipped, Guard::Goal), "goal: account.mrr = 100"),
        ("exit: account.seats == none", "", (EntryVerdict::Skipped, Guard::Exit), "exit: account.seats is missing"),
        ("holds_for: 2d", "", (EntryVerdict::Skipped, Guard::NotYet), "has to be until 4 March 2026, 09:00"),
        ("existing: skip", "", (EntryVerdict::Skipped, Guard::Existing), "matched at the first run"),
        (
            "reentry: { once_per: account.renewal_at }",
            "",
            (EntryVerdict::Skipped, Guard::Reentry),
            "`once_per` is missing",
        ),
        ("holdout: 99%\ngoal: account.mrr == 1", "", (EntryVerdict::Skipped, Guard::Holdout), "held out"),
        ("mode: paused", "", (EntryVerdict::Skipped, Guard::Paused), "mode: paused"),
        (
            "guardrails: { first_run: hold }",
            "",
            (EntryVerdict::Held, Guard::Hold),
            "first run of this revision: it would wait for a person's approval",
        ),
        (
            "guardrails: { fresh: { events: 6h } }",
            "",
            (EntryVerdict::Held, Guard::Stale),
            "the store has no events of the last 6h",
        ),
        (
            "",
            "update customers.accounts set traits = '{\"size\": \"12\"}'",
            (EntryVerdict::Skipped, Guard::Clause),
            "account.traits.size is the text \"12\"",
        ),
    ];
    for (keys, change, wanted, reason) in cases {
        let unfit = " && (account.traits.size == none || account.traits.size > 3)";
        let world = world(&format!("when: account.mrr > 0{unfit}\n{keys}")).await;
        if !change.is_empty() {
            world.sql(change).await;
        }
        let explanation = explain(&world, "p", "a1", SLOT).await;
        assert_eq!(word(&explanation), wanted, "{keys} {change}: {}", explanation.reason);
        assert!(explanation.reason.contains(reason), "{keys} {change}: {}", explanation.reason);
    }
}

#[tokio::test]
async fn what_is_stopped_gone_or_unknown_says_so() {
    let world = world("when: account.mrr > 0").await;
    let nobody = explain(&world, "p", "a9", SLOT).await;
    assert_eq!(word(&nobody), (EntryVerdict::Skipped, Guard::NoSuchSubject));
    assert!(nobody.clauses.is_empty());
    for target in [StopTarget::All, StopTarget::Playbook("p".to_owned()), StopTarget::Account("a1".to_owned())] {
        world.stop(target.clone(), SLOT).await;
        let stopped = explain(&world, "p", "a1", SLOT).await;
        assert_eq!(word(&stopped), (EntryVerdict::Skipped, Guard::Stopped), "{target}");
        assert_eq!(truths(&stopped), ["true"]);
        world.store().resume(&target, keepwell::ids::Actor("a test"), at(NEXT)).await.unwrap();
        assert_eq!(word(&explain(&world, "p", "a1", NEXT).await), (EntryVerdict::Enters, Guard::Clause));
        let then = explain_then(&world, "p", "a1", "2026-03-02T12:00:00Z", NEXT).await;
        assert_eq!(word(&then), (EntryVerdict::Skipped, Guard::Stopped), "{target}, and then it was lifted");
    }
}

#[tokio::test]
async fn a_run_that_waits_is_what_one_waits_for() {
    let world = world("when: account.mrr > 0\nguardrails: { hold_above: { count: 1, share: 0% } }").await;
    world.account("a2", json!({})).await;
    let alone = explain(&world, "p", "a1", SLOT).await;
    assert_eq!(word(&alone), (EntryVerdict::Enters, Guard::Clause));
    assert!(alone.notes.iter().any(|note| note.contains("if more than 1 would enter")), "{:?}", alone.notes);
    world.run_at(SLOT).await;
    for when in [SLOT, "2026-03-02T10:00:00Z"] {
        let held = explain(&world, "p", "a1", when).await;
        assert_eq!(word(&held), (EntryVerdict::Held, Guard::Hold), "{when}");
        assert!(held.reason.starts_with("2 would enter; more than 1 wait"), "{}", held.reason);
    }
    // The next run decides anew, and would not let it in.
    world.sql("update customers.accounts set mrr = 0 where id = 'a1'").await;
    let gone = explain(&world, "p", "a1", "2026-03-02T10:30:00Z").await;
    assert_eq!(word(&gone), (EntryVerdict::Skipped, Guard::Clause));
    world.sql("update customers.accounts set mrr = 100 where id = 'a1'").await;
    world.discard("p@2026-03-02T09:00:00Z", "2026-03-02T11:00:00Z").await;
    let discarded = explain_then(&world, "p", "a1", SLOT, NEXT).await;
    assert_eq!(word(&discarded), (EntryVerdict::Skipped, Guard::Hold));
    assert_eq!(discarded.reason, "its run was held, and then discarded");
}

#[tokio::test]
async fn a_day_that_is_full_says_so() {
    let keys = "when: account.mrr > 0\nguardrails: { max_per_day: 1 }";
    let world = world(keys).await;
    world.account("a2", json!({})).await;
    world.run_at(SLOT).await;
    let full = (EntryVerdict::Skipped, Guard::DayCap);
    assert_eq!(word(&explain(&world, "p", "a1", SLOT).await), (EntryVerdict::Enters, Guard::Clause));
    assert_eq!(word(&explain_then(&world, "p", "a2", SLOT, NEXT).await), full, "by the run of that slot");
    assert_eq!(word(&explain(&world, "p", "a2", "2026-03-02T12:00:00Z").await), full, "as if a slot were there");
    assert_eq!(word(&explain(&world, "p", "a2", NEXT).await), (EntryVerdict::Enters, Guard::Clause));
}

#[tokio::test]
async fn the_past_is_read_as_it_was_recorded() {
    let world = world("when: account.tier == \"A\" && account.mrr > 50").await;
    // What the trigger recorded is of today.
    world
        .sql(
            "insert into customers.account_changes (account_id, at, became) values
             ('a1', '2026-02-01T00:00:00Z', '{\"id\": \"a1\", \"tier\": \"A\", \"mrr\": 60, \"status\": \"active\"}'),
             ('a1', '2026-03-02T00:00:00Z', '{\"id\": \"a1\", \"tier\": \"B\", \"status\": \"active\"}')",
        )
        .await;
    let then = explain_then(&world, "p", "a1", "2026-03-01T12:00:00Z", NEXT).await;
    assert_eq!(word(&then), (EntryVerdict::Enters, Guard::Clause));
    assert_eq!(then.constant, [] as [&str; 0]);
    let then = explain_then(&world, "p", "a1", "2026-03-02T12:00:00Z", NEXT).await;
    assert_eq!(word(&then), (EntryVerdict::Skipped, Guard::Clause));
    assert_eq!(then.clauses[0].values_in_words(), "account.tier = \"B\"");
    // Of what is on no record it says so.
    assert_eq!(then.constant, ["account.mrr"]);
    assert_eq!(then.clauses[1].constant, ["account.mrr"]);
    assert!(then.to_text().contains("not on record for then, so taken as of today: account.mrr"));
    let before = explain_then(&world, "p", "a1", "2026-01-15T12:00:00Z", NEXT).await;
    assert_eq!(before.constant, ["account.mrr", "account.status", "account.tier"]);
}

#[tokio::test]
async fn the_revision_that_was_in_force_decides() {
    let world = world("when: account.tier == \"A\"").await;
    world.playbook(&playbook("p", "when: account.tier == \"B\"", STEPS));
    world.publish_at("2026-03-05T09:00:00Z").await;
    let then = explain_then(&world, "p", "a1", SLOT, "2026-03-06T09:00:00Z").await;
    assert_eq!(word(&then), (EntryVerdict::Enters, Guard::Clause));
    assert!(then.notes.iter().any(|note| note.starts_with("the revision in force today is")), "{:?}", then.notes);
    let now = explain(&world, "p", "a1", "2026-03-06T09:00:00Z").await;
    assert_eq!(word(&now), (EntryVerdict::Skipped, Guard::Clause));
    assert_ne!(now.revision.revision, then.revision.revision);
    // Before the first publication the present text answers, and says so.
    let before = explain_then(&world, "p", "a1", "2026-02-01T09:00:00Z", "2026-03-06T09:00:00Z").await;
    assert_eq!(word(&before), (EntryVerdict::Skipped, Guard::Clause));
    assert!(before.notes[0].starts_with("nothing was in force at that instant"), "{:?}", before.notes);
}

#[tokio::test]
async fn a_contact_has_a_name_of_two_parts() {
    let world = World::new().await;
    world.playbook(&playbook("p", "for: contact\nwhen: contact.role == \"champion\" && account.mrr > 0", STEPS));
    world.customer("a1").await;
    world.contact("a1", "bob", json!({ "role": "user" })).await;
    world.contact("a1", "zoe", json!({ "left_at": "2026-02-01T10:00:00Z" })).await;
    world.publish_at("2026-03-01T09:00:00Z").await;
    assert_eq!(word(&explain(&world, "p", "a1/ann", SLOT).await), (EntryVerdict::Enters, Guard::Clause));
    let bob = explain(&world, "p", "a1/bob", SLOT).await;
    assert_eq!(word(&bob), (EntryVerdict::Skipped, Guard::Clause));
    assert_eq!(bob.to_json()["contact"], "bob");
    let zoe = explain(&world, "p", "a1/zoe", SLOT).await;
    assert_eq!(word(&zoe), (EntryVerdict::Skipped, Guard::NoSuchSubject));
    assert_eq!(zoe.reason, "the contact left on 1 February 2026, 10:00");
}
