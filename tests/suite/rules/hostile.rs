//! Texts that want to do harm: each ends fast with an error, and the next
//! evaluation works.

use std::time::{Duration, Instant};

use keepwell::playbook::season::Seasons;
use keepwell::rule::Modules;

use super::{Place, World, history};

/// What comes of a text as an expression, with how long it took.
fn attack(world: &World, text: &str) -> (String, Duration) {
    let started = Instant::now();
    let outcome = world.verdict(text, &history());
    (outcome, started.elapsed())
}

/// What comes of a text as the script of a `run` step.
fn attack_script(world: &World, text: &str) -> (String, Duration) {
    let started = Instant::now();
    let (rule, problems) = world.script(text);
    let outcome = match rule {
        None => format!("refused: {}", problems[0].code),
        Some(rule) => match rule.describe(&world.sandbox, &world.context(&rule, &history())) {
            Ok(described) => format!("described {}", described.len()),
            Err(error) => format!("failed: {error}"),
        },
    };
    (outcome, started.elapsed())
}

#[test]
fn a_hostile_expression_is_refused_or_undecided_within_a_second() {
    let world = World::new(Place::Wait);
    let many = |text: &str, count: usize| text.repeat(count);
    let mut expressions: Vec<String> = [
        "sleep(100000)",
        "eval(\"1\")",
        "import \"x\" as y",
        "print(\"x\")",
        "debug(1)",
        "|x| x > 1",
        "(|x| x)(1)",
        "fn f() { true }",
        "let x = 1; x > 0",
        "{ true }",
        "if true { true } else { false }",
        "switch 1 { 1 => true }",
        "loop { }",
        "while true { }",
        "do { } while true",
        "for x in [1] { }",
        "account.mrr = 5",
        "this.x == 1",
        "Fn(\"health::forever\").call(1)",
        "account[\"mrr\"] > 1",
        "[1, 2][0] == 1",
        "#{ a: 1 }.a == 1",
        "`${health::forever(1)}` == \"x\"",
        "health::forever(1) == 1",
        "health::endless(1) == 1",
        "health::wide(1) == 1",
        "health::doubled(1) == \"x\"",
        "health::nested(1) == 1",
        "health::lists(1) == 1",
        "health::wide_turning(account)",
        "type_of(account) == \"x\"",
        "global::x == 1",
        "try { true } catch { false }",
        "throw 1",
        "return true",
        "account.events(\"login\", 1 + 1) > 0",
        "account.score(account.name) != none",
        "1..1000000000 == 1",
        "\"\\u{110000}\" == \"x\"",
        "/* ",
        "\"",
        "",
        "   \n\t ",
    ]
    .map(str::to_owned)
    .into();
    expressions.extend([
        format!("{}1{} > 0", many("(", 20_000), many(")", 20_000)),
        format!("{}true", many("!", 20_000)),
        format!("{}1 > 0", many("-", 20_000)),
        format!("{}1 > 0", many("- ", 20_000)),
        format!("1{} > 0", many(" + 1", 20_000)),
        format!("1{} > 0", many(" - (1", 20_000)),
        format!("true{}", many(" && true", 20_000)),
        format!("true{}", many(" == true", 20_000)),
        format!("none{} == 1", many(" ?? none", 20_000)),
        format!("account{} == 1", many(".traits", 20_000)),
        format!("account{} == 1", many(".x()", 20_000)),
        format!("{}1{} == 1", many("[", 20_000), many("]", 20_000)),
        format!("{}1{}", many("days_since(", 20_000), many(")", 20_000)),
        format!("{}account.mrr > 1{}", many("(true == (", 20), many("))", 20)),
        format!("{}account.mrr > 1{}", many("((true && ", 20), many(") == true)", 20)),
        format!("{}account.mrr > 1{}", many("((true && ", 6), many(") == true)", 6)),
        format!("account.mrr in [{}1]", many("1, ", 50_000)),
        format!("{}true{}", many("how_many([", 20_000), many("]) > 0", 20_000)),
        format!("{}1 / 0 > 1{} == 5", many("how_many([", 10), many("]) > 0", 10)),
        format!("how_many([{}]) > 0", many("health::endless(1) == 1, ", 2_000)),
        format!("how_many([{}]) > 0", many("health::lists(1) == 1, ", 50)),
        format!("how_many([{}]) > 0", many("health::forever(1) == 1, ", 50)),
        "how_many([".to_owned(),
        "how_many([[]]) == 1".to_owned(),
        "account.how_many([true]) == 1".to_owned(),
        format!("account.used([{}], 30) > 0", many("\"x\", ", 50_000)),
        format!("account.name == \"{}\"", many("x", 100_000)),
        many("'", 10_000),
        many("health::", 10_000),
        many("\u{1f600}", 10_000),
        format!("{}account.mrr{} > 1", many("health::half(", 30), many(")", 30)),
    ]);
    for text in expressions {
        let shown: String = text.chars().take(60).collect();
        let (outcome, took) = attack(&world, &text);
        assert!(took < Duration::from_secs(1), "{shown} took {took:?}");
        // Where nothing holds, nothing is what `how_many` counts.
        let decides = text.contains("((true && ") || text.starts_with("how_many(");
        assert!(outcome != "true" && outcome != "false" || decides, "{shown} gives {outcome}");
        assert_eq!(world.verdict("account.mrr > 1", &history()), "true", "after {shown}");
    }
}

#[test]
fn a_hostile_script_fails_within_a_second() {
    let world = World::new(Place::Step);
    let many = |text: &str, count: usize| text.repeat(count);
    let mut scripts: Vec<String> = [
        "loop { }",
        "let n = 0; while true { n += 1; }",
        "let s = \"xxxxxxxxxxxxxxxx\"; loop { s += s; }",
        "let s = \"xxxxxxxxxxxxxxxx\"; loop { s = `${s}${s}`; }",
        "let a = [1]; loop { a = [a, a]; }",
        "let m = #{ a: 1 }; loop { m = #{ a: m, b: m }; }",
        "let a = [1]; loop { a[0] = a; }",
        "let m = #{}; loop { m.x = m; }",
        "fn f(n) { f(n + 1) } f(1);",
        "fn f(n) { 1 + (1 + (1 + (1 + (1 + (1 + (1 + (1 + f(n)))))))) } f(1);",
        "loop { task(#{ title: \"x\" }); }",
        "let n = 1; loop { n = n * 3; }",
        "sleep(1000);",
        "eval(\"loop { }\");",
        "import \"x\" as x;",
        "print(\"x\");",
        "debug(\"x\");",
        "let f = |x| x; f.call(1);",
        "Fn(\"task\").call(#{});",
        "let x = account; x.mrr > 1;",
        "account.mrr = 1;",
        "throw \"x\";",
        "try { loop { } } catch { }",
        "try { let n = 1 / 0; } catch (e) { loop { } }",
        "health::forever(1);",
        "health::endless(1);",
        "health::wide(1);",
        "health::doubled(1);",
        "health::nested(1);",
        "let b = blob(1000000000);",
        "let a = []; a.pad(1000000000, 1);",
        "let s = \"\"; s.pad(1000000000, 'x');",
        "export let x = 1;",
        "const X = 1; X = 2;",
        "global::X;",
        "exit();",
    ]
    .map(str::to_owned)
    .into();
    scripts.extend([
        format!("let n = 1{};", many(" + 1", 20_000)),
        format!("{}{}", many("if true { ", 10_000), many("}", 10_000)),
        format!("{} 1 {};", many("{", 10_000), many("}", 10_000)),
        format!("let x = account{};", many(".name", 20_000)),
        format!("if true {{ }} {}", many("else if true { } ", 5_000)),
    ]);
    for text in scripts {
        let shown: String = text.chars().take(60).collect();
        let (outcome, took) = attack_script(&world, &text);
        assert!(took < Duration::from_secs(1), "{shown} took {took:?}");
        assert!(!outcome.starts_with("described"), "{shown} {outcome}");
        assert_eq!(attack_script(&world, "task(#{ title: account.name });").0, "described 1", "after {shown}");
    }
}

#[test]
fn a_hostile_module_is_reported_within_a_second() {
    let many = |text: &str, count: usize| text.repeat(count);
    for text in [
        "loop { }".to_owned(),
        "fn f() { eval(\"1\") }".to_owned(),
        "fn f() { import \"x\" as y; }".to_owned(),
        "import \"x\" as y;".to_owned(),
        "fn f() { let x = |y| y; }".to_owned(),
        "let x = 1;".to_owned(),
        "fn f() { x }".to_owned(),
        "fn f( {".to_owned(),
        format!("fn f() {{ 1{} }}", many(" + 1", 20_000)),
        format!("fn f() {{ {}1{} }}", many("(", 20_000), many(")", 20_000)),
        (0..200).map(|n| format!("fn f{n}() {{ 1 }}\n")).collect::<String>(),
    ] {
        let shown: String = text.chars().take(60).collect();
        let started = Instant::now();
        let mut problems = Vec::new();
        let modules = Modules::compile([("m", "scripts/m.rhai", &*text)], &mut problems);
        modules.sandbox(&Seasons::default());
        assert!(started.elapsed() < Duration::from_secs(20), "{shown}");
        assert!(!problems.is_empty(), "{shown}");
    }
}

#[test]
fn the_deepest_texts_fit_the_stack() {
    let shapes: [(&str, &str, &str); 4] = [
        ("", "f(n + 1)", " + 1"),
        ("1 + (", "f(n + 1)", ")"),
        ("- ", "f(n + 1)", ""),
        ("days_since(", "f(n + 1)", ")"),
    ];
    for (open, core, close) in shapes {
        let compiled = |depth: usize| {
            let body = format!("{}{core}{}", open.repeat(depth), close.repeat(depth));
            let mut problems = Vec::new();
            let text = format!(
                "fn f(n) {{ if true {{ while true {{ if true {{ return {body}; }} }} }} }}\nfn g(n) {{ {body} }}"
            );
            let modules = Modules::compile([("m", "scripts/m.rhai", &*text)], &mut problems);
            problems.is_empty().then_some(modules)
        };
        let modules = (1..60).rev().find_map(compiled).expect("a shallow one compiles");
        let sandbox = modules.sandbox(&Seasons::default());
        let world = World { modules, sandbox, ..World::new(Place::When) };
        let outer = (1..60).rev().find_map(|depth| {
            let text = format!("{}m::g(1){} == 1", open.repeat(depth), close.repeat(depth));
            let outcome = world.verdict(&text, &history());
            outcome.starts_with("undecided").then_some(outcome)
        });
        assert_eq!(outer.as_deref(), Some("undecided: functions call each other too deeply"), "{open}{close}");
    }
}
