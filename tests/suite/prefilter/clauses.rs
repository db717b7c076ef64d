//! What is decided where, as authors are told.

use std::collections::BTreeSet;

use keepwell::catalog;
use keepwell::config::Config;
use keepwell::facts::{Cell, Schema, Subject};
use keepwell::playbook::source::SourceSet;
use keepwell::rule::Verdict;

use super::{Language, World};
use crate::functions::histories::Dice;
use crate::support::mapped::Customers;

fn clauses_of(text: &str) -> Vec<String> {
    let rule = Language::new(Subject::Account).compile(text).expect("it checks");
    rule.prefilter().expect("a condition has one").clauses.iter().map(ToString::to_string).collect()
}

#[test]
fn each_clause_says_where_it_is_decided() {
    assert_eq!(
        clauses_of(
            "account.activated_at == none && account.mrr / 2 > 5 && (account.tier == \"A\" || month(account.signed_up_at) == 3)"
        ),
        [
            "in the database: account.activated_at == none",
            "in the engine: 1:33 (account.mrr / 2) > 5",
            "in the engine: 1:80 (account.tier == \"A\" || month(account.signed_up_at) == 3)",
        ]
    );
    assert_eq!(
        clauses_of("!(account.tier == \"A\" || account.mrr / 2 > 5)"),
        ["in the database, but for 1:26: !(account.tier == \"A\" || (account.mrr / 2) > 5)"]
    );
    // Our own state is in reach of the same question.
    for text in ["!account.in_playbook(\"rescue\")", "account.label(\"risk\") == \"high\"", "account.open_tasks() == 0"]
    {
        assert_eq!(clauses_of(text), [format!("in the database: {text}")]);
    }
    // Sharing code costs nothing, unless it cannot be read as one expression.
    assert_eq!(clauses_of("lib::quiet(account)"), ["in the database: lib::quiet(account)"]);
    assert_eq!(clauses_of("lib::either(account)"), ["in the database: lib::either(account)"]);
    assert_eq!(clauses_of("account.label(\"risk\") == 3"), ["in the engine: 1:1 account.label(\"risk\") == 3"]);
    assert_eq!(clauses_of("lib::word(5) == \"low\""), ["in the engine: 1:6 lib::word(5) == \"low\""]);
    // A script has a function of its own by the name of a built-in one.
    assert_eq!(clauses_of("lib::odd(account)"), ["in the engine: 1:6 lib::odd(account)"]);
    assert_eq!(clauses_of("lib::late(account)"), ["in the engine: 1:6 lib::late(account)"]);
}

/// What is left to the engine although it looks simple.
#[test]
fn what_the_database_would_decide_otherwise_is_left_alone() {
    for text in [
        "account.tier == \"\\x00\"",
        "account.traits.score != 5",
        "account.traits.ends != none && account.traits.ends < now",
        "days_since(account.signed_up_at) >= 9000000000000",
        "account.traits.score == 90071992547409930",
    ] {
        let told = clauses_of(text);
        assert!(told.iter().any(|clause| clause.starts_with("in the engine")), "{told:?}");
    }
}

#[test]
fn the_shipped_playbooks_are_decided_in_the_database() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = SourceSet::read(&[root.join("playbooks")], &root.join("scripts"));
    let (ready, _) = catalog::load(&sources, &[], &Config::default(), &Schema::default_store());
    assert!(ready.len() >= 6);
    // One about all accounts together looks for none.
    for playbook in ready.iter().filter(|playbook| playbook.portfolio.is_none()) {
        // Calculations and counts of conditions are the engine's; the clauses
        // beside them leave few accounts over.
        let id = &playbook.playbook.id;
        let calculates = ["early-signs", "seat-growth", "ticket-pattern"].contains(&id.as_str());
        let clauses = &playbook.when.prefilter().expect("a condition has one").clauses;
        let decided = clauses.iter().filter(|clause| clause.prunes && clause.engine.is_empty()).count();
        assert!(if calculates { decided >= 2 } else { decided == clauses.len() }, "{id}: {decided}");
    }
}

/// The clauses of random conditions, each asked alone, decide what all decide
/// together, and name all that they read.
#[tokio::test]
async fn clauses_decide_one_by_one_what_they_decide_together() {
    let seed = std::env::var("KEEPWELL_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(2026);
    for subject in [Subject::Account, Subject::Contact] {
        let language = Language::new(subject);
        let rules = language.conditions(300, &mut Dice(seed));
        let world = World::new(seed, &rules, language, Customers::Default).await;
        let (mut told, mut decided) = ([0; 3], 0);
        for (text, rule) in &rules {
            let clauses = rule.clauses();
            assert_eq!(clauses.len(), rule.prefilter().expect("a condition has one").clauses.len(), "{text}");
            let read: BTreeSet<&Cell> = clauses.iter().flat_map(|clause| &clause.clause.cells).collect();
            assert_eq!(read, rule.cells().iter().collect(), "{text}");
            for account in world.distinct(rule, 0..world.contexts.len()) {
                let (sandbox, context) = (&world.language.sandbox, &world.contexts[account]);
                let together = world.verdict(rule, account);
                let each = clauses.iter().map(|clause| clause.verdict(sandbox, context));
                let alone = each.into_iter().find(|verdict| *verdict != Verdict::True).unwrap_or(Verdict::True);
                let kind = |verdict: &Verdict| match verdict {
                    Verdict::True => 0,
                    Verdict::False => 1,
                    Verdict::Undecided(_) => 2,
                };
                assert_eq!(kind(&alone), kind(&together), "seed {seed}: {text}\n{alone:?} {together:?}");
                told[kind(&together)] += 1;
                decided += usize::from(clauses.len() > 1);
            }
        }
        assert!(told.iter().all(|count| *count > 50) && decided > 1_000, "{told:?} {decided}");
    }
}
