//! An expression means the same in a text and in a condition.

use proptest::prelude::*;

use super::*;
use crate::rule::print::print_value;
use crate::rule::{Verdict, Wanted, compile};

/// A number as an author may write one; of a missing value with its default.
fn numbers() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (-20i64..20).prop_map(|number| number.to_string()),
        (0u32..40).prop_map(|number| format!("{}.{}", number / 4, number % 4 * 25)),
        Just("account.mrr".to_owned()),
        Just("(account.seats ?? 3)".to_owned()),
        Just("account.events(\"login\", 30)".to_owned()),
        Just("(account.score(\"csat\") ?? account.mrr)".to_owned()),
        Just("days_since(account.signed_up_at)".to_owned()),
        Just("(account.traits.size ?? 2)".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        (inner.clone(), prop_oneof![Just("+"), Just("-"), Just("*"), Just("/"), Just("%")], inner)
            .prop_map(|(left, sign, right)| format!("({left} {sign} {right})"))
    })
}

fn conditions() -> impl Strategy<Value = String> {
    let sign = prop_oneof![Just("<"), Just("<="), Just(">"), Just(">="), Just("=="), Just("!=")];
    let leaf = prop_oneof![
        (numbers(), sign, numbers()).prop_map(|(left, sign, right)| format!("{left} {sign} {right}")),
        Just("account.tier in [\"A\", \"B\"]".to_owned()),
        Just("account.seats != none && account.seats > 5".to_owned()),
        Just("account.activated_at == none".to_owned()),
        Just("account.traits.plan == \"Gold\"".to_owned()),
        Just("done(\"call\")".to_owned()),
        Just("health::busy(account)".to_owned()),
    ];
    leaf.prop_recursive(2, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) && ({right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) || ({right})")),
            inner.prop_map(|inner| format!("!({inner})")),
        ]
    })
}

fn expressions() -> impl Strategy<Value = String> {
    prop_oneof![
        numbers(),
        conditions(),
        Just("account.name + \"!\"".to_owned()),
        Just("account.tier ?? account.name".to_owned()),
        Just("account.renewal_at - days(9)".to_owned()),
        Just("period(\"month\")".to_owned()),
        Just("account.tier".to_owned()),
    ]
}

/// What a rule gives for an expression: its value, as it prints, or why it has
/// none.
fn by_rule(engines: &(Modules, Sandbox), context: &Context, text: &str) -> Result<String, String> {
    let schema = Schema::default_store();
    let known = HashSet::new();
    let scope = Scope {
        view: Default::default(),
        schema: &schema,
        contact: false,
        in_enrollment: true,
        in_wait: false,
        statuses: &[],
        zone: chrono_tz::UTC,
        named_steps: &named_steps(),
        neighbours: &Neighbours::default(),
        known: &known,
    };
    let mut problems = Vec::new();
    let rule = compile(&source(text), Wanted::Printable(None), &scope, &engines.0, &engines.1, &mut problems);
    let rule = rule.unwrap_or_else(|| panic!("{text}: {problems:?}"));
    let value = rule.value(&engines.1, context).map_err(|error| error.message)?;
    let verdict = rule.verdict(&engines.1, context);
    if let Value::Bool(value) = value {
        assert_eq!(verdict, if value { Verdict::True } else { Verdict::False }, "{text}");
    }
    print_value(&value, chrono_tz::UTC, "en").map_err(str::to_owned)
}

fn context() -> Context {
    let mut facts = facts();
    let mut layout = (*facts.layout).clone();
    layout.add(attribute("size"));
    facts.layout = Arc::new(layout);
    facts.values.push(Value::Json(Arc::new(json!(12.5))));
    Context { facts: Arc::new(facts), progress: Some(Arc::new(progress())), zone: chrono_tz::UTC }
}

#[test]
fn a_text_prints_what_a_condition_calculates() {
    let (engines, context) = (engines(), context());
    let render = |template: &str| {
        compiled(&engines, template, Escape::Plain)
            .render(&RenderContext {
                sandbox: &engines.1,
                context: &context,
                recipient: None,
                csm: None,
                playbook: "rescue",
                zone: chrono_tz::UTC,
                locale: "en",
                is_mail: false,
            })
            .map_err(|error| error.message)
    };
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&expressions(), |expression| {
            let expected = by_rule(&engines, &context, &expression);
            let text = render(&format!("{{{{ {expression} }}}}"));
            match &expected {
                Ok(_) => prop_assert_eq!(&text, &expected, "{}", &expression),
                Err(_) => prop_assert!(text.is_err(), "{}: {:?}", &expression, &text),
            }
            if matches!(expected.as_deref(), Ok("yes" | "no")) {
                let chosen = render(&format!("{{% if {expression} %}}yes{{% else %}}no{{% endif %}}"));
                prop_assert_eq!(&chosen, &expected, "{}", &expression);
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
