use std::sync::Arc;

use super::{Text, check};
use crate::diagnostic::Position;
use crate::playbook::{Layout, Origin, Source};

fn findings(text: &str, of: Text) -> (Vec<String>, Option<String>) {
    let start = Position { line: 1, column: 1 };
    let origin = Origin { file: Arc::from("p.yaml"), start, layout: Layout::Inline };
    let (found, mended) = check(&Source { text: text.into(), origin }, of);
    let told = |problem: crate::diagnostic::Diagnostic| {
        format!("{}: {}; {}", problem.column, problem.message, problem.help.unwrap_or_default())
    };
    (found.into_iter().map(told).collect(), mended)
}

#[test]
fn nothing_is_said_of_what_is_right() {
    for fine in [
        "account.mrr >= 1000 && account.mrr % 5 == 0 && 10 % 3 == 1 && 10 % (3) == 1 && 10 %\n 3 == 1",
        "account.name == \"it’s “1,000” or => =< 03/02/2026 and 'so' on\" // 1,000 'and' 2026-01-01 => OR",
        "/* “x” = 'y' AND 30d */ account.tier in [\"A\", \"B\"] && account.seats in [1,200, 300]",
        "health::fell(account.event_change(\"login\", 30),500,account.events(\"login\", 30),120)",
        "account.traits.and == 1 && account.traits.between == 2 && account.traits.over == none",
        "over::under(account) && account.mrr > below::limit(1)",
        "account.mrr > 1_000 && account.mrr > 1.5 && account.mrr > 0.125 && account.mrr > 1e3 && account.mrr > 0x1F",
        "account.mrr > 2026-1 && account.mrr > 10/2/5 && account.mrr-5 > 3",
        "!(account.tier in [\"A\"]) && !done(\"call\") && account.mrr > -20 && (account.score(\"nps\") ?? 10) < 7",
        "account.name in (account.traits.names) && account.tier == #\"it's \"so\"\"#",
        "account.name == `it's 30d`",
    ] {
        assert_eq!(findings(fine, Text::Expression), (Vec::new(), Some(fine.to_owned())), "{fine}");
    }
    for fine in [
        "let x = 5; let y =!true; switch x { 1 => 2, 3 => 4, _ => 5 }",
        "let over = [1,200]; for n in (over) { email(#{ to: \"champion\", body: `${n} 30d 'x'` }) }",
        "if x in (a) { x = 10 % y } // 1,000 and 'so'",
    ] {
        assert_eq!(findings(fine, Text::Script), (Vec::new(), Some(fine.to_owned())), "{fine}");
    }
}

#[test]
fn what_can_be_put_right_keeps_its_length() {
    for (wrong, right) in [
        ("a => 5", "a >= 5"),
        ("a =< 5", "a <= 5"),
        ("a ≥ 5", "a >=5"),
        ("a > 1,000", "a > 1000 "),
        ("a > 1.000.000,50", "a > 1000000.50  "),
        ("a > 1 000", "a > 1000 "),
        ("a > 2,5", "a > 2.5"),
        ("a > $500", "a >  500"),
        ("a > 10%", "a > 10 "),
        ("a > 10 % && b", "a > 10   && b"),
        ("a == “A” AND b", "a == \"A\" &&  b"),
        ("a == ‘it's’", "a == \"it\"s’"),
        ("a in ('A', \"B\")", "a in [\"A\", \"B\"]"),
        ("a IS NOT NULL", "a != none    "),
        ("a is empty", "a == none "),
        ("a is greater than 5", "a >               5"),
        ("a is \"A\"", "a == \"A\""),
        ("NOT(a)", "!  (a)"),
        ("=a", " a"),
        ("{{ a }} > 5", "   a    > 5"),
        ("a > 5 # remark", "a > 5         "),
        ("days_since(a) > 30 days", "days_since(a) > 30     "),
        ("a.events(\"x\", 2w) > 1", "a.events(\"x\", 14) > 1"),
    ] {
        let (found, mended) = findings(wrong, Text::Expression);
        assert!(!found.is_empty(), "{wrong}");
        // What stays foreign after one round is not gone on with.
        if !wrong.contains("it's") {
            assert_eq!(mended.as_deref(), Some(right), "{wrong}: {found:?}");
        }
    }
}

#[test]
fn a_long_text_is_read_in_one_go() {
    for part in ["in (", "#", "'", "“", "1,", "1 0", "and ", "\"", "${", "not in ", "between "] {
        findings(&part.repeat(200_000 / part.len()), Text::Expression);
    }
}
