use std::sync::Arc;

use super::{Node, NodeValue, read};
use crate::diagnostic::{Diagnostic, Position};
use crate::playbook::{Layout, Source};

fn parse(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let node = read(&Arc::from("f.yaml"), text, &mut problems);
    (node, problems)
}

/// The value of `key` in a one-level mapping without problems.
fn value(text: &str, key: &str) -> NodeValue {
    let (node, problems) = parse(text);
    assert!(problems.is_empty(), "{text:?}: {problems:?}");
    let node = node.expect("a tree");
    let entries = node.as_mapping().expect("a mapping").to_vec();
    let entry = entries.into_iter().find(|entry| entry.key == key);
    entry.expect("the key").node.value
}

fn source(text: &str, key: &str) -> Source {
    match value(text, key) {
        NodeValue::Text(source) => source,
        other => panic!("{text:?}: {other:?}"),
    }
}

/// Whether the inner position of every `@` of the value maps to an `@` of the file.
fn maps(text: &str, key: &str) -> Layout {
    let source = source(text, key);
    let lines: Vec<&str> = text.split('\n').collect();
    let mut seen = 0;
    for (line, inner) in source.text.split('\n').enumerate() {
        for (column, c) in inner.chars().enumerate() {
            if c == '@' {
                seen += 1;
                let Position { line: at, column: col } = source.origin.at(line as u32 + 1, column as u32 + 1);
                let found = lines[at as usize - 1].chars().nth(col as usize - 1);
                assert_eq!(found, Some('@'), "{text:?} {at}:{col}");
            }
        }
    }
    assert!(seen > 0, "{text:?}");
    source.origin.layout
}

#[test]
fn positions_map_for_every_style() {
    let inline = [
        "a: x @ y",
        "a: 'x @ y'",
        "a: \"x @ y\"",
        "ä:   'é 🦀 @'  # c",
        "{ b: 1, a: x @ y }",
        "{ b: 1, a: \"🦀 (@, x)\", c: 2 }",
        "b: é\r\na: x @\r\n",
        "b: |\n  text\n\na: x @",
    ];
    for text in inline {
        let key = if text.starts_with('ä') { "ä" } else { "a" };
        assert_eq!(maps(text, key), Layout::Inline, "{text:?}");
    }
    let block = [
        "a: |\n  x @\n  @ y\n",
        "a: |-\n  x @\n    @ y",
        "a: |+\n  x @\n\n\n",
        "a: |  # a comment | here\n  x @\n",
        "a: |\r\n  x @\r\n\r\n  y @\r\n",
        "a: |\n\n\n  x @\n\n  @\n",
        "a: |\n   \n  \n    x @\n",
        "a: |2\n     x @\n  y @\n",
        "a: |2-\n\n     x @\n  y @\n",
        "a: |\n      🦀 é @\n      é@\nb: 1",
        "b: 1\na: |\n @\n",
    ];
    for text in block {
        assert!(matches!(maps(text, "a"), Layout::Block { .. }), "{text:?}");
    }
    // Only the start is known, which is never wrong.
    for text in ["a: >\n  x @\n  y\n", "a: x\n  @ y\n", "a: \"x \\\" @\"\n", "a: 'x '' @'\n", "a: 'x\n  @'\n"] {
        assert_eq!(source(text, "a").origin.layout, Layout::Opaque, "{text:?}");
    }
}

#[test]
fn plain_scalars_have_the_types_of_yaml_1_2() {
    let text = |v: NodeValue| match v {
        NodeValue::Text(source) => source.text.to_string(),
        other => panic!("{other:?}"),
    };
    for word in [
        "no",
        "yes",
        "off",
        "on",
        "y",
        "0755",
        "09:00",
        "2026-12-25",
        "1_000",
        "---x",
        "1.2.3",
        "2%",
        "3d",
        "-46d",
        "nope",
        "Nullable",
        "tRue",
        "+",
        ".",
        "...x",
    ] {
        assert_eq!(text(value(&format!("a: {word}"), "a")), word);
    }
    assert_eq!(text(value("a: '5'", "a")), "5");
    assert_eq!(text(value("a: |\n  5\n", "a")), "5\n");
    assert!(matches!(value("a: 5", "a"), NodeValue::Int(5)));
    assert!(matches!(value("a: -5", "a"), NodeValue::Int(-5)));
    assert!(matches!(value("a: 0x1F", "a"), NodeValue::Int(31)));
    assert!(matches!(value("a: 2.5", "a"), NodeValue::Float(f) if f.value == 2.5));
    assert!(matches!(value("a: true", "a"), NodeValue::Bool(true)));
    assert!(matches!(value("a:", "a"), NodeValue::Null));
    assert!(matches!(value("a: ~", "a"), NodeValue::Null));
    assert!(matches!(value("a: null", "a"), NodeValue::Null));
}

/// `line:column code` of every problem.
fn problem_texts(text: &str) -> Vec<String> {
    let line = |d: &Diagnostic| format!("{}:{} {}", d.line, d.column, d.code);
    parse(text).1.iter().map(line).collect()
}

#[test]
fn traps_have_their_own_message_and_place() {
    for (text, expected) in [
        // A value that starts with a special character.
        ("when: !done(\"x\") && y\n", "1:7 KW0006"),
        ("exit: !account.active\nsteps: []\n", "1:7 KW0006"),
        ("exit: !x && !y\n", "1:7 KW0006"),
        ("- if: !x\n", "1:7 KW0006"),
        ("a: { if: !x, b: 1 }\n", "1:10 KW0006"),
        ("a: { if: !f(\"b\", 1), b: 1 }\n", "1:10 KW0006"),
        ("body: *Hello* you\n", "1:7 KW0006"),
        ("body: @you\n", "1:7 KW0006"),
        ("body: `x`\n", "1:7 KW0006"),
        ("body: %x\n", "1:7 KW0006"),
        ("body: & x\n", "1:7 KW0006"),
        ("title: {{ account.name }}\n", "1:8 KW0006"),
        ("title: {{ account.name }} is here\n", "1:8 KW0006"),
        ("if: \"A\" == account.tier\n", "1:5 KW0006"),
        // A comma, a quote or a bracket inside braces.
        ("a: { until: account.events(\"login\", 3) > 0 }\n", "1:13 KW0007"),
        ("a: { until: f(\"a\", \"b\", 3) > 0, at_most: 4d }\n", "1:13 KW0007"),
        ("a: { until: f(\"a,b\") > 0, at_most: 4d }\n", "1:13 KW0007"),
        ("a: [f(\"a\", 3)]\n", "1:5 KW0007"),
        ("a: { if: x in [\"A\", \"B\"] }\n", "1:10 KW0007"),
        ("a: { if: \"A\" == x }\n", "1:10 KW0007"),
        ("a: { title: Call {{ x }} now }\n", "1:13 KW0007"),
        // A colon in a plain value.
        ("title: Call: now\n", "1:12 KW0008"),
        ("- title: Call: now\n", "1:14 KW0008"),
        ("a: { title: Call: now }\n", "1:17 KW0008"),
        // What is refused.
        ("a: &x 1\n", "1:4 KW0004"),
        ("a: !!str 1\n", "1:4 KW0004"),
        ("a: 1\na: 2\n", "2:1 KW0003"),
        // Plain syntax errors.
        ("a:\n\t- b\n", "2:2 KW0002"),
        ("a: 1\nb: x\u{1b}[2J\n", "2:5 KW0001"),
        ("a: \"x\n", "1:4 KW0002"),
        ("a: b\n  c: d\n", "2:4 KW0002"),
        ("a: [1, 2\nb: 1\n", "2:2 KW0002"),
        ("a: 1\n---\nb: 1\n", "2:1 KW0002"),
        ("? [a]\n: b\n", "1:3 KW0002"),
        (": b\n", "1:1 KW0002"),
    ] {
        assert_eq!(problem_texts(text), [expected], "{text:?} {:?}", parse(text).1);
    }
    // None of these is a trap.
    for text in [
        "a: { title: it's late, b: Smile :( }\n",
        "a: Smile :(\n",
        "a: f(\"login\", 3) > 0 && x[\"a\"] != 'b'\n",
        "a: { title: \"Call {{ x }}: now\", if: 'f(\"a\", 3)' }\n",
        "a: https://example.com/x\n",
        "a: { b: [1, 2], c: {d: e} }\n",
    ] {
        assert!(problem_texts(text).is_empty(), "{text:?} {:?}", parse(text).1);
    }
}

#[test]
fn a_cut_value_is_put_together_again() {
    let text = "{ until: f(\"login\", 3) > 0, at_most: 4d }";
    let (node, problems) = parse(text);
    assert_eq!(problems.len(), 1);
    let node = node.expect("a tree");
    let entries = node.as_mapping().expect("a mapping");
    let keys: Vec<&str> = entries.iter().map(|e| e.key.as_str()).collect();
    assert_eq!(keys, ["until", "at_most"]);
    assert_eq!(entries[0].node.as_text(), Some("f(\"login\", 3) > 0"));
}

/// What this thread has used of a processor, in nanoseconds.
fn processor_time() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let first = text.split(' ').next().and_then(|n| n.parse().ok());
    first.expect("a number")
}

#[test]
fn hostile_input_is_an_error_at_once() {
    let mut laughs = String::from("a0: &a0 [x, x]\n");
    for n in 1..40 {
        let before = n - 1;
        laughs += &format!("a{n}: &a{n} [*a{before}, *a{before}, *a{before}, *a{before}]\n");
    }
    let deep: String = (0..700).map(|n| " ".repeat(n) + "a:\n").collect();
    let inputs = [
        laughs,
        "[".repeat(100_000),
        "{a: ".repeat(60_000),
        "[{".repeat(100_000),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
        "- - ? ".repeat(40_000),
        deep,
        format!("a: {}", "x".repeat(10_000_000)),
        format!("a: \"{}", "x".repeat(250_000)),
        format!("a: {}", "'".repeat(249_999)),
        format!("a: |\n{}x\n y", " ".repeat(250_000)),
        format!("a: [{}", "é, ".repeat(60_000)),
        format!("a: {{{}", "b: \"(\", ".repeat(25_000)),
        "&a ".repeat(80_000),
        "!".repeat(250_000),
        "a: 1\n".repeat(50_000),
        "---\n".repeat(60_000),
        "%TAG ! x\n".repeat(20_000),
        ": ".repeat(100_000),
        ",".repeat(250_000),
        "a: b: ".repeat(40_000),
        "\u{1}\u{2}\u{fffd}\u{7f}".repeat(10_000),
        "a\0b".to_owned(),
        format!("a: {}1", "9".repeat(200_000)),
    ];
    for text in &inputs {
        let before = processor_time();
        let (_, problems) = parse(text);
        let start: String = text.chars().take(20).collect();
        let taken = processor_time() - before;
        assert!(taken < 1_000_000_000, "{start:?} takes {taken} ns");
        if !start.starts_with("a: 9") {
            assert!(!problems.is_empty(), "{start:?}");
        }
    }
}

/// Every character of a value whose layout is known stands in the file where
/// its origin says.
fn check_places(node: &Node, lines: &[&str], text: &str) {
    match &node.value {
        NodeValue::Text(source) if source.origin.layout != Layout::Opaque => {
            for (line, inner) in source.text.split('\n').enumerate() {
                for (column, c) in inner.chars().enumerate() {
                    let at = source.origin.at(line as u32 + 1, column as u32 + 1);
                    let line = lines.get(at.line as usize - 1);
                    let found = line.and_then(|l| l.chars().nth(at.column as usize - 1));
                    assert_eq!(found, Some(c), "{text:?} {at:?} {:?}", source.text);
                }
            }
        }
        NodeValue::Sequence(items) => items.iter().for_each(|n| check_places(n, lines, text)),
        NodeValue::Mapping(entries) => entries.iter().for_each(|entry| check_places(&entry.node, lines, text)),
        _ => {}
    }
}

#[test]
fn no_text_panics_and_no_place_is_wrong() {
    const PIECES: &[&str] = &[
        "\n",
        "\n",
        "\n",
        "  ",
        "  ",
        "    ",
        "- ",
        "a: ",
        "b: ",
        "c: ",
        "|\n",
        "|-\n",
        "|2\n",
        ">\n",
        "{ ",
        " }",
        "[",
        "]",
        ", ",
        "\"",
        "'",
        "x",
        "y z",
        "é🦀",
        "f(\"a\", 3)",
        "# c",
        " #",
        ":",
        "!x",
        "&a",
        "*a",
        "? ",
        "---\n",
        "\r\n",
        "\t",
        "\\",
        "{{ x }}",
        "5",
        "~",
        "true",
        "%",
        "@",
        "<<: ",
        "    x\n",
        "  y: |\n      t\n\n      u\n",
        "\u{a0}",
        "\u{2028}",
        "\u{feff}",
        ")",
        "(",
    ];
    // A fixed sequence: the same texts in every run.
    let mut state: u64 = 0x5eed;
    let mut draw = |most: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % most
    };
    let mut trees = 0;
    for _ in 0..20_000 {
        let text: String = (0..1 + draw(14)).map(|_| PIECES[draw(PIECES.len())]).collect();
        let (node, problems) = parse(&text);
        let lines: Vec<&str> = text.split('\n').collect();
        for problem in &problems {
            assert!(problem.line as usize <= lines.len() + 1, "{text:?} {problem:?}");
        }
        if let Some(node) = node {
            trees += 1;
            check_places(&node, &lines, &text);
        }
    }
    assert!(trees > 2_000, "{trees}");
}
