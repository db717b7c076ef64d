//! Attributes that hold another kind of value than the one they are compared
//! with: what cannot be decided is not ruled out.

use std::sync::Arc;

use keepwell::facts::{Cell, CellPath, Subject, Value};
use keepwell::rule::{Context, Rule, Sandbox, Verdict};
use keepwell::store::customers::facts::Shape;
use serde_json::{Value as Json, json};

use super::{Customers, Language, World, predicate};

/// What such an attribute might have held instead.
fn candidates() -> [Json; 10] {
    [
        json!(true),
        json!(false),
        json!("A"),
        json!("pro"),
        json!(""),
        json!(-1e9),
        json!(0.3),
        json!(5),
        json!(1e9),
        json!("2026-01-01"),
    ]
}

/// Whether a condition is true, or could be if the attributes that keep it from
/// being decided held what they are compared with.
pub fn could_be_true(sandbox: &Sandbox, rule: &Rule, context: &Context) -> bool {
    let mut replaced = Vec::new();
    could_be(sandbox, rule, context, &mut replaced)
}

fn could_be(sandbox: &Sandbox, rule: &Rule, context: &Context, replaced: &mut Vec<Cell>) -> bool {
    let why = match rule.verdict(sandbox, context) {
        Verdict::True => return true,
        Verdict::False => return false,
        Verdict::Undecided(error) => error.to_string(),
    };
    let named = |cell: &&Cell| [" is ", ": "].iter().any(|word| why.starts_with(&format!("{cell}{word}")));
    // What was replaced does not fit again, or something else is wrong.
    let Some(cell) = rule.cells().iter().find(named).filter(|cell| !replaced.contains(cell)) else { return false };
    assert!(matches!(cell.path, CellPath::Trait(_)), "{why}");
    replaced.push(cell.clone());
    let found = candidates().into_iter().any(|value| {
        let mut facts = (*context.facts).clone();
        let at = facts.layout.position(cell).expect("it was fetched");
        facts.values[at] = Value::Json(Arc::new(value));
        could_be(sandbox, rule, &Context { facts: Arc::new(facts), ..context.clone() }, replaced)
    });
    replaced.pop();
    found
}

/// Nothing else rules accounts out here, so that each that cannot be decided
/// must be kept, whichever way it is asked.
#[tokio::test]
async fn what_cannot_be_decided_is_kept_in_both_polarities() {
    let mut texts = Vec::new();
    for clause in [
        "account.traits.vip == true",
        "account.traits.vip != true",
        "(account.traits.vip ?? false)",
        "account.traits.vip != none && account.traits.vip",
        "account.traits.plan == \"pro\"",
        "account.traits.plan != \"pro\"",
        "account.traits.plan in [\"pro\", none]",
        "account.traits.plan == account.tier",
        "account.traits.plan != account.tier",
        "account.traits.score == 5",
        "account.traits.score != 5",
        "account.traits.score in [5, 0.3]",
        "(account.traits.score ?? 0) > 3",
        "account.traits.score != none && account.traits.score <= 3",
        "days_until(account.traits.ends) == none",
        "days_until(account.traits.ends) != none",
        "account.traits.ends != none && account.traits.ends > now",
        "lib::same(account.traits.vip == true)",
    ] {
        texts.extend([clause.to_owned(), format!("!({clause})")]);
    }
    for subject in [Subject::Account, Subject::Contact] {
        let language = Language::new(subject);
        let of_subject = |text: &String| match subject {
            Subject::Account => text.clone(),
            Subject::Contact => text.replace("account.traits", "contact.traits"),
        };
        let rules: Vec<_> = texts
            .iter()
            .map(of_subject)
            .map(|text| {
                let rule = language.compile(&text).expect("it checks");
                (text, rule)
            })
            .collect();
        let world = World::new(14, &rules, language, Customers::Default).await;
        let predicates: Vec<_> = rules.iter().map(|(_, rule)| predicate(rule)).collect();
        for shape in [Shape::Probes, Shape::Passes] {
            let kept = world.kept(&predicates, shape, str::to_owned).await;
            for ((text, rule), kept) in rules.iter().zip(&kept) {
                let undecided: Vec<usize> = (0..kept.len())
                    .filter(|account| matches!(world.verdict(rule, *account), Verdict::Undecided(_)))
                    .collect();
                assert!(undecided.len() > 10, "{text} is undecided on {} only", undecided.len());
                let lost: Vec<&usize> = undecided.iter().filter(|account| !kept[**account]).collect();
                assert!(lost.is_empty(), "{text} loses {:#?}", world.contexts[*lost[0]].facts);
            }
        }
    }
}
