//! Whatever the condition and the guards are, `explain` says of every account
//! what the run of that slot then does with it, and afterwards what it did.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use keepwell::clock::Instant;
use keepwell::enrollment::Guard;
use keepwell::rehearsal::explanation::{EntryVerdict, Explanation};
use serde_json::Value as Json;

use super::explaining::explain_then;
use crate::functions::histories::{Dice, now};
use crate::prefilter::accounts;
use crate::prefilter::conditions::{SCRIPT, Writer, of_our_own};
use crate::support::world::{World, playbook};

const STORES: u64 = 3;
const ACCOUNTS: usize = 6;
const PLAYBOOKS: usize = 30;
const SLOTS: i64 = 3;

/// Random keys of a playbook.
fn keys(dice: &mut Dice) -> String {
    let depth = dice.roll(3);
    // Some that hold for many, so that the guards have something to decide.
    let condition = match dice.roll(3) {
        0 => "account.mrr >= 0".to_owned(),
        _ => of_our_own(Writer(dice).condition(depth)),
    };
    let mut keys = format!("statuses: [A, trial, pro]\nwhen: |\n  {condition}\n");
    let mut either = |choices: &[&str]| {
        let chosen = *dice.pick(choices);
        keys.push_str(chosen);
    };
    either(&[
        "",
        "reentry: on_rematch\n",
        "reentry: { gap: 3d }\n",
        "reentry: { once_per: account.tier }\n",
        "reentry: { once_per: account.stage, gap: 1d }\n",
    ]);
    either(&["", "", "holds_for: 1d\n", "existing: skip\n"]);
    either(&["", "", "goal: account.tier == \"A\"\n", "goal: account.traits.vip == true\n"]);
    either(&["", "", "exit: account.seats == none\n", "suppress: account.traits.score == 5\n"]);
    either(&["", "", "holdout: 40%\n", "stages: [A, pro]\n"]);
    either(&[
        "guardrails: { hold_above: off }",
        "guardrails: { hold_above: off }",
        "guardrails: { hold_above: off, max_per_day: 1 }",
        "guardrails: { hold_above: { count: 1, share: 0% } }",
        "guardrails: { first_run: hold }",
    ]);
    keys
}

async fn world(seed: u64) -> World {
    let dice = &mut Dice(seed);
    let world = World::new().await;
    accounts::write(world.store().pool(), ACCOUNTS, dice).await;
    world.script("lib", SCRIPT);
    world.playbook(&playbook("rescue", "when: account.mrr > 1000000000", "  - wait: 1d"));
    for number in 0..PLAYBOOKS {
        world.playbook(&playbook(&format!("p{number}"), &keys(dice), "  - wait: 30h"));
    }
    // An author could have written them, and the check refuses some.
    world.expect_mistakes();
    world
}

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
    let seed = std::env::var("KEEPWELL_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(2026);
    let mut counted = Counted::default();
    for store in 0..STORES {
        let world = world(seed + store).await;
        let accounts: Vec<String> = (0..ACCOUNTS).map(|number| format!("a{number:04}")).collect();
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
