//! What `plan` says of a slot is what `run --once --at` then does: who enters, is
//! held out, is held, goes on and leaves, and what comes of it at once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use keepwell::clock::Instant;
use keepwell::worker::runs::plan::Plan;

use super::outcome::{Outcome, happened, on_their_way};
use super::worlds::{PLAYBOOKS, SLOTS, STORES, seed, world};
use crate::functions::histories::now;
use crate::support::world::World;

/// How often what was seen, so that nobody compares nothing with nothing.
#[derive(Debug, Default)]
struct Seen {
    pairs: usize,
    counts: BTreeMap<&'static str, usize>,
}

impl Seen {
    fn count(&mut self, plan: &Plan, outcome: &Outcome) {
        self.pairs += 1;
        for (what, count) in [
            ("enter", outcome.entered.len()),
            ("ghost", outcome.ghosts.len()),
            ("held", outcome.held.len()),
            ("go on", outcome.continues.len()),
            ("leave", outcome.leaves.len()),
            ("effect", outcome.effects.len()),
            ("are skipped", plan.skipped.values().sum()),
        ] {
            *self.counts.entry(what).or_default() += count;
        }
    }
}

/// Compares one playbook's plan with its run.
async fn compare(world: &World, plan: &Plan, outcome: &Outcome, slot: Instant) {
    let run = world.run(&plan.playbook, &slot.to_rfc3339()).await;
    let about = format!("{} at {slot}: {plan:#?}\n{run:#}", plan.playbook);
    assert_eq!(plan.reason, None, "{about}");
    let said = Outcome::of_plan(plan);
    assert_eq!(&said, outcome, "{about}");
    assert_eq!(run["state"] == "held", plan.hold.is_some(), "{about}");
    if let Some(hold) = &plan.hold {
        assert!(run["reason"].as_str().is_some_and(|reason| reason.starts_with(hold.as_str())), "{about}");
    }
    let mut skipped: BTreeMap<String, usize> = serde_json::from_value(run["skipped"].clone()).unwrap();
    skipped.remove("held");
    assert_eq!(skipped, plan.skipped, "{about}");
    assert_eq!(run["candidates"], plan.candidates, "{about}");
}

#[tokio::test]
async fn what_is_planned_is_what_the_run_does() {
    let seed = seed();
    let mut seen = Seen::default();
    for store in 0..STORES {
        let (world, _) = world(seed + store).await;
        let names: Vec<String> = (0..PLAYBOOKS).map(|number| format!("p{number}")).collect();
        let ids: Vec<&str> = names.iter().map(String::as_str).collect();
        for day in 0..SLOTS {
            let slot = now() + TimeDelta::days(day);
            // On the second day the daemon is on time, on the third it was off until then.
            if day == 1 {
                world.pass_at(&(slot - TimeDelta::seconds(1)).to_rfc3339()).await;
            }
            if day > 0 {
                world.sql("update customers.accounts set tier = stage, stage = tier").await;
            }
            let before: BTreeSet<_> = on_their_way(world.store().pool()).await;
            let plans = world.plans(&ids, slot).await;
            world.run_at(&slot.to_rfc3339()).await;
            let happened = happened(world.store().pool(), slot, &before).await;
            for plan in &plans {
                let outcome = happened.get(&plan.playbook).cloned().unwrap_or_default();
                compare(&world, plan, &outcome, slot).await;
                seen.count(plan, &outcome);
            }
        }
    }
    assert!(seen.pairs >= 200, "{seen:?}");
    assert!(seen.counts.len() == 7 && seen.counts.values().all(|count| *count >= 5), "{seen:?}");
}
