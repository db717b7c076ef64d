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
    while at < chars.len() && found.len() < 20 {
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
            ['/', '*', ..] => {
                rest[2..].windows(2).position(|pair| pair == ['*', '/']).map_or(rest.len(), |end| end + 4)
            }
            ['<', '>', ..] => {
                report("`<>` is not an operator here".to_owned(), "write `!=`".to_owned());
                2
            }
            [first @ ('=' | '!'), '=', '=', ..] => {
                report(format!("`{first}==` is not an operator here"), format!("write `{first}=`"));
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
                if is_property { length } else { length + foreign_word(&word, &rest[length..], &mut report) }
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

/// Reports a foreign word; the result is how much of what follows belongs to it.
fn foreign_word(word: &str, after: &[char], report: &mut impl FnMut(String, String)) -> usize {
    let right = match word.to_lowercase().as_str() {
        "and" => "`&&`",
        "or" => "`||`",
        "not" if following(after, &["in"]) > 0 => "`!(x in [\"A\", \"B\"])`",
        "not" => "`!`, or `!=`",
        "null" | "nil" | "undefined" => "`none`",
        "none" if word != "none" => "`none`",
        "true" if word != "true" => "`true`",
        "false" if word != "false" => "`false`",
        "is" => {
            let (not, null) = (following(after, &["not"]), ["null", "none", "nil"]);
            let right = if not > 0 { "`!= none`" } else { "`== none`" };
            report("`is` is not an operator here".to_owned(), format!("write {right}"));
            return not + following(&after[not..], &null);
        }
        "between" => "`x >= low && x <= high`",
        "like" => "`==`, or `in [\"…\", \"…\"]`",
        _ => return 0,
    };
    report(format!("`{word}` is not spelt like this here"), format!("write {right}"));
    0
}

/// How many characters the next word takes with the space before it, if it is
/// one of these; else 0.
fn following(after: &[char], words: &[&str]) -> usize {
    let space = after.iter().take_while(|c| c.is_whitespace()).count();
    let word: String = after[space..].iter().take_while(|c| c.is_alphanumeric()).collect();
    if words.contains(&word.to_lowercase().as_str()) { space + word.chars().count() } else { 0 }
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
