//! Every example that authors are shown is one they can use.

use keepwell::rule::functions::FUNCTIONS;
use keepwell::rule::functions::global::{FREE, FunctionPlace};

use std::sync::Arc;

use keepwell::facts::Value;
use keepwell::facts::history::ChangeRecord;

use super::{Place, World, days_ago, history, table};

#[test]
fn every_example_compiles_without_a_word_and_decides() {
    let mut worlds = [World::new(Place::Step), World::new(Place::Portfolio)];
    for id in ["open-escalation", "activation-rescue", "nps-recovery", "renewal-plan"] {
        worlds[0].neighbours.playbooks.get_or_insert_default().push(id.to_owned());
    }
    let [of_one, of_all] = &worlds;
    let examples = FUNCTIONS.iter().flat_map(|function| function.examples()).map(|example| (of_one, example));
    let free = FREE.iter().map(|function| match function.place {
        FunctionPlace::Portfolio => (of_all, &function.example),
        _ => (of_one, &function.example),
    });
    for (world, example) in examples.chain(free) {
        let (_, said) = world.compile(example.expression, keepwell::rule::Wanted::Verdict);
        assert!(said.is_empty(), "{example:?}: {said:?}");
        let verdict = world.verdict(example.expression, &history());
        assert!(["true", "false"].contains(&verdict.as_str()), "{example:?}: {verdict}");
        assert!(example.meaning.ends_with('.'), "{example:?}");
    }
}

#[test]
fn free_functions_are_described_as_they_are() {
    let [before, after, portfolio] = [Place::When, Place::Step, Place::Portfolio].map(World::new);
    for function in FREE {
        assert!(function.example.expression.contains(&format!("{}(", function.name)), "{function:?}");
        assert!(function.signature.starts_with(&format!("{}(", function.name)), "{function:?}");
        let verdict = before.verdict(function.example.expression, &history());
        let refused = verdict.starts_with("refused: KW0212");
        assert_eq!(refused, function.place != FunctionPlace::Everywhere, "{function:?}: {verdict}");
        let place = if function.place == FunctionPlace::Portfolio { &portfolio } else { &after };
        let verdict = place.verdict(function.example.expression, &history());
        assert!(["true", "false"].contains(&verdict.as_str()), "{function:?}: {verdict}");
    }
}

#[test]
fn lists_of_names_are_literals() {
    table(
        Place::When,
        &history(),
        &[
            (r#"account.used(["login", "import"], 30) == 1"#, "true"),
            (r#"account.funnel(["login", "login", "login"]) == 3"#, "true"),
            (r#"account.funnel(["login", "import", "login"]) == 1"#, "true"),
            (r#"account.hours_between("login", "login") == 888"#, "true"),
            (r#"account.hours_between("login", "import") == none"#, "true"),
            (r#"account.hours_between("login", "login") > 1"#, "refused: KW0207 …"),
            (r#"account.used("login", 30) > 0"#, "refused: KW0205 `used` takes a list of names in quotes and…"),
            (r#"account.used([], 30) > 0"#, "refused: KW0205 `used` takes a list of names in quotes and…"),
            (r#"account.used(["login", 3], 30) > 0"#, "refused: KW0205 `used` takes literal arguments…"),
            (r#"account.used([account.name], 30) > 0"#, "refused: KW0205 `used` takes literal arguments…"),
            (r#"account.events(["login"], 30) > 0"#, "refused: KW0205 `events` takes a name in quotes…"),
            (r#"account.open_tasks() == 0 && account.days_since_touch() == none"#, "true"),
            (r#"(account.days_since_change("tier") ?? 9) < 7"#, "false"),
            (r#"(account.days_since_change("teir") ?? 9) < 7"#, "refused: KW0202 there is no column \"teir\""),
        ],
    );
}

#[test]
fn what_was_some_days_ago_can_be_asked() {
    let mut history = history();
    let was = |column: &str, value| ChangeRecord { at: days_ago(10), was: [(column.to_owned(), value)].into() };
    history.changes = vec![was("mrr", Value::Float(4000.0)), was("stage", Value::text("trial"))];
    history.changes.push(was("traits", Value::Json(Arc::new(serde_json::json!({ "plan": "free" })))));
    history.recorded_at = Some(days_ago(20));
    table(
        Place::When,
        &history,
        &[
            (r#"account.events("login", 30) == 2"#, "true"),
            (r#"account.ago(2).events("login", 30) == 1"#, "true"),
            // What happened exactly then had not happened.
            (r#"account.ago(3).events("login", 30) == 0"#, "true"),
            (r#"account.ago(1).score("nps") == 3 && account.ago(2).score("nps") == none"#, "true"),
            ("account.ago(10).mrr == 4000 && account.ago(9).mrr == 5000.5", "true"),
            ("account.ago(10).mrr != none && account.mrr > account.ago(10).mrr", "true"),
            (r#"account.ago(15).stage == "trial" && account.stage == none"#, "true"),
            (r#"account.ago(15).traits.plan == "free" && account.traits.plan == "pro""#, "true"),
            ("account.ago(20).mrr == none && account.ago(19).mrr != none", "true"),
            (r#"(days_since(account.ago(15).signed_up_at) ?? 0) >= 46"#, "true"),
            (r#"health::busy(account.ago(2), 1) && !health::busy(account.ago(3), 1)"#, "true"),
            ("account.ago(30).mrr > 5", "refused: KW0207 `account.ago(30).mrr` can be missing…"),
            ("account.ago(0).mrr == 5", "refused: KW0205 `ago` takes a number of days from 1"),
            ("account.ago(account.seats).mrr == 5", "refused: KW0205 `ago` takes a number of days from 1"),
            ("account.ago(3).ago(4).mrr == 5", "refused: KW0212 …"),
            ("account.ago(3).mmr == 5", "refused: KW0202 …"),
            (r#"account.ago(3).in_playbook("rescue")"#, "refused: KW0212 …"),
            ("account.ago(3).open_tasks() > 0", "refused: KW0212 …"),
            ("account.ago(3) == none", "…"),
        ],
    );
    table(
        Place::Step,
        &history,
        &[(r#"account.ago(3).events("login", since_entry) > 0"#, "refused: KW0212 `since_entry` is not available…")],
    );
}

#[test]
fn how_many_counts_what_holds() {
    table(
        Place::When,
        &history(),
        &[
            ("how_many([true, false, true]) == 2", "true"),
            ("2 <= how_many([true, account.mrr > 1, false,]) && true", "true"),
            ("how_many([how_many([true]) == 1, !true]) + 1 == 2", "true"),
            // What cannot be decided counts as false, and harms no other.
            ("how_many([1 / 0 > 1, account.mrr > 0]) == 1", "true"),
            ("how_many([1 / 0 > 1 || true, true]) == 1", "true"),
            ("how_many([health::endless(1) == 1, true]) == 1", "true"),
            ("how_many([health::half(3), true]) == 1", "true"),
            ("how_many([health::forever(1), true]) == 1", "undecided: it does too much work"),
            ("how_many([health::unhappy(account), health::busy(account, 1)]) == 2", "true"),
            // Guards are good where they stand and nowhere else.
            (r#"how_many([account.score("nps") != none && account.score("nps") < 7]) == 1"#, "true"),
            (r#"how_many([account.score("nps") != none, account.score("nps") < 7]) == 1"#, "refused: KW0207 …"),
            (r#"how_many([account.score("nps") != none]) == 1 && account.score("nps") < 7"#, "refused: KW0207 …"),
            (r#"account.score("nps") != none && how_many([account.score("nps") < 7]) == 1"#, "true"),
            // And it is a number.
            ("how_many([true])", "refused: KW0209 true or false is needed here; this gives a whole number"),
            ("how_many([1]) > 0", "refused: KW0209 `how_many` needs true or false in its list; `1` is a whole number"),
            ("how_many([]) > 0", "refused: KW0205 `how_many` takes a list of conditions"),
            ("how_many(true) > 0", "refused: KW0204 `how_many` takes a list of conditions"),
            ("how_many([true, false) > 0", "refused: KW0204 `how_many` takes a list of conditions"),
            ("how_many > 0", "refused: KW0204 `how_many` takes a list of conditions"),
            ("how_many([true], 3) > 0", "refused: KW0204 `how_many` takes a list of conditions"),
        ],
    );
}

#[test]
fn seasons_are_those_of_the_configuration() {
    table(
        Place::When,
        &history(),
        &[
            (r#"in_season("spring")"#, "true"),
            (r#"in_season("summer")"#, "false"),
            (r#"in_season("sumer")"#, "refused: KW0203 there is no season \"sumer\""),
            (r#"in_season(account.name)"#, "refused: KW0205 `in_season` takes the name of a season in quotes"),
            (r#"in_season()"#, "refused: KW0205 `in_season` takes one argument"),
        ],
    );
}
