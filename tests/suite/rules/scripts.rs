//! Functions of `scripts/` inside expressions, and scripts of `run` steps.

use keepwell::playbook::season::Seasons;
use keepwell::rule::Modules;

use super::{Place, World, history, table};

#[test]
fn functions_of_scripts() {
    table(
        Place::When,
        &history(),
        &[
            ("health::grade(account.mrr) == \"high\"", "true"),
            ("health::half(7) == 3.5", "true"),
            ("health::unhappy(account)", "true"),
            ("health::busy(account, 2) && !health::busy(account, 3)", "true"),
            ("health::at_risk(account) && account.mrr > 1", "true"),
            ("health::half(account.seats) > 1", "refused: KW0207 `account.seats` can be missing"),
            ("health::half(\"x\") > 1", "undecided: `/` cannot calculate with text and a number"),
            ("health::half(1, 2) > 1", "refused: KW0201 `health` has no function `half` with 2 arguments"),
            ("helth::half(1) > 1", "refused: KW0201 there is no script `helth.rhai`"),
            (
                "health::several(account)",
                "refused: KW0402 `health::several` takes the account, so it must be one expression",
            ),
            ("health::turning(account)", "refused: KW0402…"),
            ("health::wide_turning(account)", "refused: KW0402…"),
            ("health::half(account.score(\"nps\") ?? 4) < 2", "true"),
        ],
    );
}

#[test]
fn one_of_two_values_is_one_expression() {
    table(
        Place::When,
        &history(),
        &[
            ("health::is_large(account)", "true"),
            ("!health::is_large(account) || account.mrr < 5", "false"),
            ("health::size(account) == \"large\"", "true"),
            ("health::use_of(account) > 500 && health::use_of(account) < 501", "true"),
            ("health::seats(account) == none", "true"),
            ("health::seats(account) > 3", "refused: KW0207…"),
            ("health::uneven(account) == 5", "refused: KW0206 `if` gives text one way and a whole number the other"),
            ("health::open(account)", "refused: KW0402 an `if` without `else` has no value when it is false"),
            ("health::size(account) > 5", "refused: KW0206…"),
            // In the condition itself it is none.
            ("if account.mrr > 5 { true } else { false }", "refused: KW0213 `if` belongs to a script…"),
        ],
    );
}

/// What a name means in one place says nothing of what it means in the next,
/// however often each was called.
#[test]
fn a_script_keeps_its_names_to_itself() {
    let first = r#"
fn helper(n) { 1 }
fn asked(n) { helper(n) + helper(n) }
fn contains(list, item) { item != "B" }
fn odd(account) { account.tier in ["A", "B"] }
fn strange(word) { word in [1] || word in [1] }
fn days_since(time) { 31 }
fn late(account) { days_since(account.signed_up_at) == 31 && days_since(account.signed_up_at) == 31 }
"#;
    let second = r#"
fn helper(n) { 2 }
fn asked(n) { helper(n) + helper(n) }
fn usual(word) { word in ["A"] || word in ["A"] }
"#;
    let mut problems = Vec::new();
    let scripts = [("first", "scripts/first.rhai", first), ("second", "scripts/second.rhai", second)];
    let modules = Modules::compile(scripts, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    let world = World { sandbox: modules.sandbox(&Seasons::default()), modules, ..World::new(Place::When) };
    let plain = |text: &str| world.verdict(text, &history());
    // Each side alone.
    let since = "days_since(account.signed_up_at) == 31";
    let sides = [
        ("first::asked(1) == 2", "true"),
        ("second::asked(1) == 4", "true"),
        (r#"first::strange("C")"#, "true"),
        (r#"second::usual("C")"#, "false"),
        (r#""C" in ["A"]"#, "false"),
        ("first::late(account)", "true"),
        (since, "false"),
    ];
    for (text, verdict) in sides {
        assert_eq!(plain(text), verdict, "{text}");
    }
    // Each after each other, thrice: what is resolved a second time is remembered.
    for (one, is) in sides {
        for (other, is_too) in sides {
            let text = vec![format!("({one}) == {is} && ({other}) == {is_too}"); 3].join(" && ");
            assert_eq!(plain(&text), "true", "{text}");
        }
    }
}

/// There is one limit for a condition and all that it calls.
#[test]
fn work_in_scripts_counts() {
    let mut problems = Vec::new();
    let text = "fn busy(n) { let i = 0; while i < n { i += 1; } i }";
    let modules = Modules::compile([("lib", "scripts/lib.rhai", text)], &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    let world = World { sandbox: modules.sandbox(&Seasons::default()), modules, ..World::new(Place::When) };
    let times = |count: usize| vec!["lib::busy(2000) == 2000"; count].join(" && ");
    assert_eq!(world.verdict(&times(1), &history()), "true");
    assert_eq!(world.verdict(&times(12), &history()), "undecided: it does too much work");
}

#[test]
fn a_script_describes_actions() {
    let world = World::new(Place::Step);
    let text = r#"
let title = "Call " + account.name;
if account.events("login", 30) < 3 {
    task(#{ title: title, to: "csm", checklist: ["a", "b"] });
} else {
    notify(#{ channel: "csm", text: "all is well" });
}
if health::grade(account.mrr) == "high" && account.score("nps") != none {
    email(#{ to: ["champion", "owner"], subject: `To ${account.name}`, body: "b" });
}
let n = 0;
while n < 3 { n += 1; }
"#;
    let (rule, problems) = world.script(text);
    assert!(problems.is_empty(), "{problems:?}");
    let rule = rule.expect("it compiles");
    let described = rule.describe(&world.sandbox, &world.context(&rule, &history())).expect("it runs");
    let kinds: Vec<&str> = described.iter().map(|action| action.kind).collect();
    assert_eq!(kinds, ["task", "email"]);
    assert_eq!(described[0].fields["title"].to_string(), "Call Acme");
    assert_eq!(described[1].fields["subject"].to_string(), "To Acme");
    // A run that fails leaves nothing behind for the next.
    let (failing, _) = world.script("task(#{ title: \"x\" }); let n = 1 / 0;");
    let failing = failing.expect("it compiles");
    assert!(failing.describe(&world.sandbox, &world.context(&failing, &history())).is_err());
    assert_eq!(rule.describe(&world.sandbox, &world.context(&rule, &history())).expect("it runs").len(), 2);
}

/// What one text in a script comes to.
fn written(world: &World, text: &str) -> Result<String, String> {
    let (rule, problems) = world.script(&format!("set(#{{ x: {text} }});"));
    let rule = rule.unwrap_or_else(|| panic!("{problems:?}"));
    let described = rule.describe(&world.sandbox, &world.context(&rule, &history()));
    described.map(|described| described[0].fields["x"].to_string()).map_err(|error| error.to_string())
}

#[test]
fn values_in_texts_print_as_in_templates() {
    let world = World::new(Place::Step);
    for (text, expected) in [
        ("`${account.renewal_at}: ${account.mrr}, ${account.seats} seats`", "3 March 2026: 5000.5, 10 seats"),
        ("`${account.mrr - 0.5} ${account.tier == \"A\"}`", "5000 yes"),
        ("\"M \" + account.mrr + \" \" + account.renewal_at", "M 5000.5 3 March 2026"),
        ("account.seats + \" seats\"", "10 seats"),
        ("`${`${account.traits.plan}`} ${account.traits.ratio}`", "pro 0.5"),
    ] {
        assert_eq!(written(&world, text).as_deref(), Ok(expected), "{text}");
    }
    for (text, expected) in [
        ("`Dear ${account.traits.first_name},`", "a missing value cannot be put into a text"),
        ("`${[1, 2]}`", "a list cannot be put into a text"),
        ("\"in \" + days(3)", "a span of time cannot be put into a text"),
        ("\"Dear \" + account.traits.first_name", "`+` cannot calculate with text and a missing value"),
    ] {
        assert_eq!(written(&world, text).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn facts_that_nobody_asked_about_are_doubtful() {
    let world = World::new(Place::Step);
    let task = "task(#{ title: \"x\" });";
    for (text, expected) in [
        (format!("if account.seats > 5 {{ {task} }}"), "1:12 KW0207 `account.seats` can be missing"),
        (format!("if account.mrr > 1 && account.seats > 5 {{ {task} }}"), "1:31 KW0207 `account.seats` can be missing"),
        (
            format!("if account.tier == 5 {{ {task} }}"),
            "1:17 KW0206 `==` compares text (`account.tier`) with a whole number (`5`)",
        ),
        ("let x = `Hi ${account.csm_id}`;".to_owned(), "1:23 KW0207 `account.csm_id` can be missing"),
        ("let x = \"Hi \" + account.csm_id;".to_owned(), "1:25 KW0207 `account.csm_id` can be missing"),
    ] {
        let (rule, problems) = world.script(&text);
        assert!(rule.is_some(), "{problems:?}");
        let told: Vec<String> = problems
            .iter()
            .map(|problem| format!("{}:{} {} {}", problem.line, problem.column, problem.code, problem.message))
            .collect();
        assert_eq!(told, [expected], "{text}");
        assert!(!problems[0].is_error());
    }
    for text in [
        "if account.seats != none && account.seats > 5 { TASK }",
        "if account.seats == none { return; } let x = account.seats * 2; if x > account.seats { TASK }",
        "let seats = account.seats; if seats != none && account.seats > 5 { TASK }",
        "let seats = account.seats ?? 0; if seats > 5 { TASK }",
        "if (account.seats ?? 0) > 5 || account.tier in [\"A\"] { TASK }",
        "let x = `${account.csm_id ?? \"nobody\"} ${account.name} ${account.renewal_at ?? now}` + account.mrr;",
        "let n = 0; for i in 0..3 { n += i; } if n > account.mrr { TASK }",
    ] {
        let (_, problems) = world.script(&text.replace("TASK", task));
        assert!(problems.is_empty(), "{text}: {problems:?}");
    }
}

#[test]
fn what_a_script_cannot_mean_is_reported() {
    let world = World::new(Place::Step);
    for (text, expected) in [
        ("let x = account;", "1:9 KW0212"),
        ("let n = account.mrr; n.round();", "1:24 KW0201"),
        ("account.name.len();", "1:14 KW0201"),
        ("account.nmae;", "1:9 KW0202"),
        ("account.mrr += 1;", "1:8 KW0212"),
        ("tsk(#{ title: \"x\" });", "1:1 KW0201"),
        ("task(\"x\", \"y\");", "1:1 KW0205"),
        ("set(#{ plan: [\"x\"] });", "1:14 KW0206"),
        ("set(\"plan\", \"x\");", "1:1 KW0205"),
        ("fn f() { 1 }\nlet x = f();", "1:8 KW0402"),
        ("health::hlaf(1);", "1:9 KW0201"),
        ("health::several(account);", "1:9 KW0402"),
        ("if account.mrr > 1 {", "1:20 KW0204"),
        ("let x = y;", "1:9 KW0203"),
    ] {
        let (rule, problems) = world.script(text);
        let told: Vec<String> =
            problems.iter().map(|problem| format!("{}:{} {}", problem.line, problem.column, problem.code)).collect();
        assert!(rule.is_none(), "{text}");
        assert_eq!(told[0], expected, "{text}: {problems:?}");
    }
    let (rule, problems) = world.script("if health::busy(account, 1) { task(#{ title: \"x\" }); }");
    let rule = rule.unwrap_or_else(|| panic!("{problems:?}"));
    let described = rule.describe(&world.sandbox, &world.context(&rule, &history()));
    assert_eq!(described.expect("it runs").len(), 1);
}
