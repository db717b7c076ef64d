//! The spellings that people bring from SQL, Python and spreadsheets, found
//! before Rhai sees the text, each with the right one.

use crate::diagnostic::Diagnostic;
use crate::playbook::Source;

/// Every foreign spelling in an expression, outside of its texts and comments.
pub(super) fn check(source: &Source) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let chars: Vec<char> = source.text.chars().collect();
    let (mut line, mut column) = (1u32, 1u32);
    let mut at = 0;
    while at < chars.len() {
        let (here_line, here_column) = (line, column);
        let mut report = |message: String, help: String| {
            found.push(source.error("KW0208", here_line, here_column, message).help(help));
        };
        let rest = &chars[at..];
        let taken = match rest {
            ['"', ..] => quoted(rest, '"'),
            ['`', ..] => quoted(rest, '`'),
            ['\'', ..] => {
                let length = quoted(rest, '\'');
                let inner: String = rest[1..length.max(2) - 1].iter().collect();
                report("text stands in double quotes".to_owned(), format!("write \"{inner}\""));
                length
            }
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['<', '>', ..] => {
                report("`<>` is not an operator here".to_owned(), "write `!=`".to_owned());
                2
            }
            ['=', '=', '=', ..] | ['!', '=', '=', ..] => {
                report("an operator with three characters".to_owned(), "write `==` or `!=`".to_owned());
                3
            }
            [a, '=', ..] if "=!<>+-*/%".contains(*a) => 2,
            ['=', '>', ..] => 2,
            ['=', ..] => {
                report("`=` does not compare".to_owned(), "write `==`".to_owned());
                1
            }
            [c, ..] if c.is_alphabetic() || *c == '_' => {
                let length = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
                let word: String = rest[..length].iter().collect();
                let is_property = at > 0 && chars[at - 1] == '.';
                if !is_property {
                    foreign_word(&word, &rest[length..], &mut report);
                }
                length
            }
            _ => 1,
        };
        for c in &rest[..taken] {
            if *c == '\n' {
                line += 1;
                column = 1;
            } else {
                column += 1;
            }
        }
        at += taken;
    }
    found
}

fn foreign_word(word: &str, after: &[char], report: &mut impl FnMut(String, String)) {
    let right = match word.to_lowercase().as_str() {
        "and" => "`&&`",
        "or" => "`||`",
        "not" => "`!`, or `!=`",
        "null" | "nil" | "undefined" => "`none`",
        "none" if word != "none" => "`none`",
        "true" if word != "true" => "`true`",
        "false" if word != "false" => "`false`",
        "is" => {
            let next: String = after.iter().collect::<String>().trim_start().to_lowercase();
            let right = if next.starts_with("not") { "`!= none`" } else { "`== none`" };
            report("`is` is not an operator here".to_owned(), format!("write {right}"));
            return;
        }
        "between" => "`x >= low && x <= high`",
        "like" => "`==`, or `in [\"…\", \"…\"]`",
        _ => return,
    };
    report(format!("`{word}` is not spelt like this here"), format!("write {right}"));
}

/// The length of a quoted text with its quotes; to the end when it never closes.
fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}
