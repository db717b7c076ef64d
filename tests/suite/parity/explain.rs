//! Whatever the condition and the guards are, `explain` says of every account
//! what the run of that slot then does with it, and afterwards what it did.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use keepwell::clock::Instant;
use keepwell::enrollment::Guard;
use keepwell::rehearsal::explanation::{EntryVerdict, Explanation};
use serde_json::Value as Json;

use super::worlds::{SLOTS, STORES, seed, world};
use crate::functions::histories::now;
use crate::stories::explaining::explain_then;
use crate::support::world::World;

/// What became of the accounts of a playbook at a slot: the states of the
/// enrollments of its run, by account.
async fn happened(world: &World, playbook: &str, slot: Instant) -> BTreeMap<String, String> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select account_id, case when state in ('held', 'ghost') then state else 'entered' end
         from keepwell.enrollments where playbook = $1 and run_slot = $2",
    )
    .bind(playbook)
    .bind(slot)
    .fetch_all(world.store().pool())
    .await
    .unwrap();
    rows.into_iter().collect()
}

fn is_undecided(explanation: &Explanation) -> bool {
    explanation.verdict == EntryVerdict::Skipped && explanation.reason.contains("cannot be decided")
}

/// How many a run has skipped, by the guard: undecided ones apart, and without
/// those that are in the playbook.
fn skips(run: &Json) -> BTreeMap<&str, u64> {
    let mut skips = BTreeMap::new();
    for (name, count) in run["skipped"].as_object().into_iter().flatten() {
        let guard = match name.as_str() {
            "active" | "held" | "day cap" => continue,
            "no key" => "reentry",
            "blocked" => "suppress",
            name => name,
        };
        *skips.entry(guard).or_default() += count.as_u64().unwrap();
    }
    skips
}

#[derive(Default)]
struct Counted {
    pairs: usize,
    words: BTreeSet<(&'static str, &'static str)>,
}

async fn compare(world: &World, playbook: &str, accounts: &[String], slot: Instant, told: &[Explanation]) {
    // At this instant still: what the store has on record of earlier days contradicts itself.
    let when = slot.to_rfc3339();
    let happened = happened(world, playbook, slot).await;
    let run = world.run(playbook, &when).await;
    let counted = |name: &str| run["skipped"][name].as_u64().unwrap_or_default();
    let held = run["state"] == "held";
    for (account, before) in accounts.iter().zip(told) {
        let told = before.to_text();
        let after = explain_then(world, playbook, account, &when, &when).await;
        match (happened.get(account).map(String::as_str), before.verdict, before.decided_by) {
            (Some("entered"), EntryVerdict::Enters, Guard::Clause) => {
                assert_eq!(after.verdict, EntryVerdict::Enters, "{told}")
            }
            (Some("ghost"), EntryVerdict::Skipped, Guard::Holdout) => {
                assert_eq!(after.decided_by, Guard::Holdout, "{told}")
            }
            // Whom an earlier run holds the next run decides anew.
            (Some("entered"), EntryVerdict::Held, Guard::Hold) => {
                assert_eq!(after.verdict, EntryVerdict::Enters, "{told}")
            }
            (Some("held"), ..) => {
                assert!(
                    held && matches!(before.verdict, EntryVerdict::Enters | EntryVerdict::Held)
                        || before.decided_by == Guard::Holdout
                );
                assert_eq!((after.verdict, after.decided_by), (EntryVerdict::Held, Guard::Hold), "{told}");
            }
            // Who is first of those for whom there is room is not foretold.
            (None, EntryVerdict::Enters, _) | (None, EntryVerdict::Skipped, Guard::Holdout | Guard::DayCap)
                if counted("day cap") > 0 =>
            {
                assert_eq!((after.verdict, after.decided_by), (EntryVerdict::Skipped, Guard::DayCap), "{told}");
            }
            (None, EntryVerdict::Skipped | EntryVerdict::Active, _) => {
                assert_eq!((after.verdict, after.decided_by), (before.verdict, before.decided_by), "{told}\n{run:#}");
            }
            (became, ..) => panic!("it became {became:?}: {told}\n{run:#}"),
        }
    }
    let mut foretold: BTreeMap<&str, u64> = BTreeMap::new();
    for explanation in told {
        let word = match explanation.decided_by {
            _ if is_undecided(explanation) => "undecided",
            Guard::Clause | Guard::Holdout | Guard::DayCap | Guard::Hold => continue,
            _ if explanation.verdict != EntryVerdict::Skipped => continue,
            guard => guard.name(),
        };
        *foretold.entry(word).or_default() += 1;
    }
    let mut skipped = skips(&run);
    let texts: Vec<String> = told.iter().map(Explanation::to_text).collect();
    // The database passes by whom another clause rules out, and nobody asks about them.
    let undecided = (foretold.remove("undecided").unwrap_or(0), skipped.remove("undecided").unwrap_or(0));
    assert!(undecided.0 >= undecided.1, "{playbook} at {slot}: {undecided:?} {run:#}\n{}", texts.join("\n"));
    assert_eq!(foretold, skipped, "{playbook} at {slot}: {run:#}\n{}", texts.join("\n"));
}

#[tokio::test]
async fn what_is_explained_is_what_the_run_does() {
    let seed = seed();
    let mut counted = Counted::default();
    for store in 0..STORES {
        let (world, accounts) = world(seed + store).await;
        for day in 0..SLOTS {
            let slot = now() + TimeDelta::days(day);
            let when = slot.to_rfc3339();
            // What ends by then has ended before a run decides.
            world.pass_at(&when).await;
            if day > 0 {
                world.sql("update customers.accounts set tier = stage, stage = tier").await;
            }
            let published = world.store().published().await.unwrap();
            let mut told = Vec::new();
            for one in published.iter().filter(|one| one.id != "rescue") {
                let mut of_accounts = Vec::new();
                for account in &accounts {
                    of_accounts.push(explain_then(&world, &one.id, account, &when, &when).await);
                }
                told.push((&one.id, of_accounts));
            }
            world.run_at(&when).await;
            for (playbook, told) in told {
                compare(&world, playbook, &accounts, slot, &told).await;
                counted.pairs += 1;
                counted.words.extend(told.iter().map(|one| (one.verdict.name(), one.decided_by.name())));
            }
        }
    }
    assert!(counted.pairs >= 200, "{} playbooks", counted.pairs);
    for guard in ["clause", "reentry", "gap", "existing", "not yet", "goal", "suppress", "holdout", "stage"] {
        assert!(counted.words.contains(&("skipped", guard)), "nothing was skipped by {guard}: {:?}", counted.words);
    }
    for word in [("enters", "clause"), ("active", "reentry"), ("held", "hold")] {
        assert!(counted.words.contains(&word), "nothing {word:?}: {:?}", counted.words);
    }
}
