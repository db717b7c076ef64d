//! The spellings that people bring from SQL, Python and spreadsheets, found
//! before Rhai sees the text, each with the right one.

use crate::diagnostic::Diagnostic;
use crate::playbook::Source;

/// What a text is: some words are names in a script that are none in an
/// expression, and there `=` is not a mistake.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    Expression,
    Script,
}

/// Every foreign spelling in an expression or a script, outside of its texts and comments;
/// and the text with all of them put right, where that moves nothing, so that
/// the rest of it can be checked as well.
pub(super) fn check(source: &Source, of: Text) -> (Vec<Diagnostic>, Option<String>) {
    let mut found = Vec::new();
    let chars: Vec<char> = source.text.chars().collect();
    let mut mended = Mended { chars: chars.clone(), whole: true };
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
                let closed = usize::from(length > 1 && rest[length - 1] == '\'');
                let inner: String = rest[1..length - closed].iter().collect();
                report("text stands in double quotes".to_owned(), format!("write \"{inner}\""));
                mended.put(at, length, &format!("\"{inner}\""));
                length
            }
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => {
                rest[2..].windows(2).position(|pair| pair == ['*', '/']).map_or(rest.len(), |end| end + 4)
            }
            ['<', '>', ..] => {
                report("`<>` is not an operator here".to_owned(), "write `!=`".to_owned());
                mended.put(at, 2, "!=");
                2
            }
            [first @ ('=' | '!'), '=', '=', ..] => {
                report(format!("`{first}==` is not an operator here"), format!("write `{first}=`"));
                mended.put(at, 3, &format!("{first}="));
                3
            }
            [a, '=', ..] if "=!<>+-*/%".contains(*a) => 2,
            ['=', '>', ..] => 2,
            ['=', ..] if of == Text::Script => 1,
            ['=', ..] => {
                report("`=` does not compare".to_owned(), "write `==`".to_owned());
                mended.put(at, 1 + usize::from(rest.get(1) == Some(&' ')), "==");
                1
            }
            [c, ..]
                if of == Text::Expression
                    && c.is_ascii_digit()
                    && at.checked_sub(1).is_none_or(|before| !is_word(chars[before])) =>
            {
                let length = rest.iter().take_while(|c| c.is_ascii_digit() || **c == '-').count();
                let word: String = rest[..length].iter().collect();
                if is_date(&word) {
                    report("an expression has no fixed dates".to_owned(), NO_DATES.to_owned());
                    mended.whole = false;
                    length
                } else {
                    1
                }
            }
            [c, ..] if c.is_alphabetic() || *c == '_' => {
                let length = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
                let word: String = rest[..length].iter().collect();
                let is_property = at > 0 && chars[at - 1] == '.';
                if is_property {
                    length
                } else {
                    let (more, right) = foreign_word(&word, &rest[length..], of, &mut report);
                    if let Some(right) = right {
                        mended.put(at, length + more, right);
                    }
                    length + more
                }
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
    let mended = mended.whole.then(|| mended.chars.into_iter().collect());
    (found, mended)
}

/// What to do instead of writing a date.
pub(super) const NO_DATES: &str = "count days, as in `days_since(account.signed_up_at) >= 30`; `period(\"month\") == \"2026-01\"` is true in that month";

/// Whether a text is a date such as `2026-01-15`.
pub(super) fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits =
        |part: &str, least, most| (least..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    matches!(parts[..], [year, month, day] if digits(year, 4, 4) && digits(month, 1, 2) && digits(day, 1, 2))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

/// A text being put right, every character in its place.
struct Mended {
    chars: Vec<char>,
    whole: bool,
}

impl Mended {
    /// Puts `right` over so many characters; what does not fit, or has nothing
    /// that is certainly right, leaves the text as not mended.
    fn put(&mut self, at: usize, over: usize, right: &str) {
        let right: Vec<char> = right.chars().collect();
        self.whole &= !right.is_empty() && right.len() <= over && at + over <= self.chars.len();
        if self.whole {
            let padded = right.into_iter().chain(std::iter::repeat(' ')).take(over);
            self.chars.splice(at..at + over, padded);
        }
    }
}

/// Reports a foreign word; the result is how much of what follows belongs to
/// it, and what to put in its place: nothing certain is an empty text.
fn foreign_word(
    word: &str,
    after: &[char],
    of: Text,
    report: &mut impl FnMut(String, String),
) -> (usize, Option<&'static str>) {
    if of == Text::Script && !["and", "or", "not", "null"].contains(&word) {
        return (0, None);
    }
    let (right, mend) = match word.to_lowercase().as_str() {
        "and" => ("`&&`", "&&"),
        "or" => ("`||`", "||"),
        "not" if following(after, &["in"]) > 0 => ("`!(x in [\"A\", \"B\"])`", ""),
        // It binds looser where people come from: `not x == 5` is not `!x == 5`.
        "not" => ("`!(…)` around what it turns round, or `!=`", ""),
        "null" | "nil" | "undefined" => ("`none`", "none"),
        "none" if word != "none" => ("`none`", "none"),
        "true" if word != "true" => ("`true`", "true"),
        "false" if word != "false" => ("`false`", "false"),
        "is" => {
            let (not, null) = (following(after, &["not"]), ["null", "none", "nil"]);
            let right = if not > 0 { "`!= none`" } else { "`== none`" };
            report("`is` is not an operator here".to_owned(), format!("write {right}"));
            return (not + following(&after[not..], &null), Some(right.trim_matches('`')));
        }
        "between" => ("`x >= low && x <= high`", ""),
        "like" => ("`==`, or `in [\"…\", \"…\"]`", ""),
        _ => return (0, None),
    };
    report(format!("`{word}` is not spelt like this here"), format!("write {right}"));
    (0, Some(mend))
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
