//! Labels, which are texts, and numbers beside a number.

use keepwell::facts::history::LabelRecord;
use keepwell::facts::{History, Value};

use super::{Place, World, days_ago, history, table};

fn with(labels: &[(&str, &str)]) -> History {
    let mut history = history();
    let label = |(name, value): &(&str, &str)| LabelRecord {
        contact: None,
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
        at: days_ago(1),
    };
    history.labels = labels.iter().map(label).collect();
    history
}

#[test]
fn a_label_is_a_number_beside_a_number() {
    table(
        Place::When,
        &with(&[("tries", "12"), ("version", "3.10"), ("debt", "-4"), ("risk", "high"), ("odd", "inf"), ("two", "2")]),
        &[
            (r#"account.label("tries") != none && account.label("tries") > 3"#, "true"),
            // As texts it would be the other way round.
            (r#"account.label("tries") != none && account.label("tries") < 5"#, "false"),
            (r#"(account.label("tries") ?? 0) >= 12 && 12 == account.label("tries")"#, "true"),
            (r#"account.label("version") == 3.1 && account.label("version") == "3.10""#, "true"),
            (r#"account.label("version") == "3.1""#, "false"),
            (r#"account.label("tries") in [11, 12] && account.label("risk") in ["low", "high"]"#, "true"),
            (r#"account.label("debt") != none && account.label("debt") + 5 == 1"#, "true"),
            (r#"account.label("debt") != none && -account.label("debt") == 4"#, "true"),
            (
                r#"account.label("tries") != none && account.label("two") != none && account.label("tries") * account.label("two") == 24"#,
                "true",
            ),
            (r#"account.label("tries") != none && account.mrr / account.label("tries") > 400"#, "true"),
            (r#"account.label("tries") != none && account.label("tries") + "!" == "12!""#, "true"),
            (r#"account.label("risk") == account.tier"#, "false"),
            (r#"contains(account.label("risk") ?? "", "ig")"#, "true"),
            (r#"account.label("none such") == none"#, "true"),
            // Two labels are texts to each other, and order like texts.
            (
                r#"account.label("tries") != none && account.label("two") != none && account.label("tries") < account.label("two")"#,
                "true",
            ),
            (
                r#"account.label("risk") != none && account.label("risk") > 3"#,
                "undecided: `>` cannot compare the text \"high\" with the number 3",
            ),
            (r#"account.label("odd") == 1"#, "undecided: `==` cannot compare the text \"inf\" with the number 1"),
            (
                r#"account.label("risk") != none && account.label("risk") + 1 > 3"#,
                "undecided: `>` cannot compare the text \"high1\" with the number 3",
            ),
            (r#"account.label("tries") > 3"#, "refused: KW0207 `account.label(\"tries\")` can be missing"),
            (r#"account.label("tries") == true"#, "refused: KW0206…"),
            (r#"account.label("tries") < now"#, "refused: KW0206…"),
        ],
    );
}

#[test]
fn a_label_of_a_script_is_one_as_well() {
    let (world, history) = (World::new(Place::Step), with(&[("tries", "9")]));
    let (rule, problems) = world.script(
        r#"let tries = account.label("tries") ?? 0;
           if tries > 3 { set(#{ tries: tries + 1, words: "tried " + tries }); }"#,
    );
    let rule = rule.unwrap_or_else(|| panic!("{problems:?}"));
    let described = rule.describe(&world.sandbox, &world.context(&rule, &history)).expect("it runs");
    assert_eq!(described[0].fields["tries"].to_string(), "10");
    assert_eq!(described[0].fields["words"].to_string(), "tried 9");
    // A key is its text.
    let (key, problems) = world.compile(r#"account.label("tries")"#, keepwell::rule::Wanted::Key);
    let key = key.unwrap_or_else(|| panic!("{problems:?}"));
    assert_eq!(key.value(&world.sandbox, &world.context(&key, &history)), Ok(Value::text("9")));
}
