//! Words that are operators, values or functions elsewhere.

use super::cursor::{Cursor, ForeignSpelling, Text, is_word};

/// What to do where a part of a text is looked for.
pub(crate) const PART: &str =
    "write `contains(text, \"part\")`; a whole text is compared with `==`, or `in [\"…\", \"…\"]`";

/// How many characters are fine here, or what is foreign.
pub(crate) fn check(here: &Cursor) -> Result<usize, ForeignSpelling> {
    let rest = here.rest();
    let length = rest.iter().take_while(|c| is_word(**c)).count();
    let word: String = rest[..length].iter().collect();
    if here.before() == Some('.') || here.of == Text::Script && !["and", "or", "not", "null"].contains(&&*word) {
        return Ok(length);
    }
    let after = &rest[length..];
    let operator = here.is_expression() && here.after_value();
    if here.of == Text::Template && word == "if" && here.after_value() {
        let help = "write `{% if … %}…{% else %}…{% endif %}` around the words";
        return Err(ForeignSpelling::new(length, "`if` does not choose inside of `{{ … }}`", help));
    }
    let found = value(&word, after).or_else(|| connective(here, &word, after));
    match found.or_else(|| if operator { comparison(&word, after) } else { None }) {
        Some((more, message, help, right)) => {
            let foreign = ForeignSpelling::new(length + more, message, help);
            Err(if right.is_empty() { foreign } else { foreign.right(right) })
        }
        None => Ok(length),
    }
}

/// How much of what follows belongs to it, the message, the help, and what to
/// put in its place; nothing certain is an empty text.
type Misspelling = (usize, String, String, &'static str);

fn misspelling(word: &str, more: usize, right: &str, put: &'static str) -> Option<Misspelling> {
    Some((more, format!("`{word}` is not spelt like this here"), format!("write {right}"), put))
}

/// Words for values.
fn value(word: &str, after: &[char]) -> Option<Misspelling> {
    // `Null(…)` would be a call, and is judged as one.
    if after.first() == Some(&'(') {
        return None;
    }
    match word.to_lowercase().as_str() {
        "null" | "nil" | "undefined" => misspelling(word, 0, "`none`", "none"),
        "none" if word != "none" => misspelling(word, 0, "`none`", "none"),
        "true" if word != "true" => misspelling(word, 0, "`true`", "true"),
        "false" if word != "false" => misspelling(word, 0, "`false`", "false"),
        _ => None,
    }
}

/// Words that join or turn round.
fn connective(here: &Cursor, word: &str, after: &[char]) -> Option<Misspelling> {
    let called = after.first() == Some(&'(') && !here.after_value();
    match word.to_lowercase().as_str() {
        "and" if called => function(word, "a && b"),
        "or" if called => function(word, "a || b"),
        "xor" if called => function(word, "(a || b) && !(a && b)"),
        "and" if after_between(here) => None,
        "and" => misspelling(word, 0, "`&&`", "&&"),
        "or" => misspelling(word, 0, "`||`", "||"),
        "xor" if here.after_value() => misspelling(word, 0, "`(a || b) && !(a && b)`", ""),
        "not" if following(after, &["in"]) > 0 => misspelling(word, 0, "`!(x in [\"A\", \"B\"])`", ""),
        "not" if after.first() == Some(&'(') => misspelling(word, 0, "`!(…)`", "!"),
        // It binds looser where people come from: `not x == 5` is not `!x == 5`.
        "not" => misspelling(word, 0, "`!(…)` around what it turns round, or `!=`", ""),
        "is" => {
            let not = following(after, &["not"]);
            let nothing = following(&after[not..], &["null", "none", "nil", "empty", "blank", "missing", "undefined"]);
            let defined = following(&after[not..], &["defined"]);
            if defined > 0 {
                let right = if not > 0 { "== none" } else { "!= none" };
                let message = "`is` is not an operator here".to_owned();
                return Some((not + defined, message, format!("write `{right}`"), right));
            }
            let (none, same) = if not > 0 { ("!= none", "!=") } else { ("== none", "==") };
            let message = "`is` is not an operator here".to_owned();
            let compared = comparison_behind(&after[not..]);
            if nothing > 0 {
                Some((not + nothing, message, format!("write `{none}`"), none))
            } else if let (0, Some((more, right))) = (not, compared) {
                Some((more, message, format!("write `{right}`"), right))
            } else {
                Some((not, message, format!("write `{same}`, or `{none}`"), same))
            }
        }
        _ => None,
    }
}

fn function(word: &str, right: &str) -> Option<Misspelling> {
    Some((0, format!("`{word}` is not a function here"), format!("write `{right}`"), ""))
}

/// Words that stand between two values.
fn comparison(word: &str, after: &[char]) -> Option<Misspelling> {
    let lower = word.to_lowercase();
    match lower.as_str() {
        "in" if word != "in" => misspelling(word, 0, "`in`", "in"),
        "equals" | "equal" | "eq" => misspelling(word, following(after, &["to"]), "`==`", "=="),
        "ne" | "neq" => misspelling(word, 0, "`!=`", "!="),
        "gt" => misspelling(word, 0, "`>`", ">"),
        "gte" | "ge" => misspelling(word, 0, "`>=`", ">="),
        "lt" => misspelling(word, 0, "`<`", "<"),
        "lte" | "le" => misspelling(word, 0, "`<=`", "<="),
        "between" => misspelling(word, 0, "`x >= low && x <= high`", ""),
        "like" | "ilike" | "contains" | "includes" | "matches" | "startswith" | "endswith" | "starts_with"
        | "ends_with" => Some((0, format!("`{word}` is not an operator here"), PART.to_owned(), "")),
        "starts" | "begins" | "ends" => {
            let more = following(after, &["with"]);
            Some((more, format!("`{word}` is not an operator here"), PART.to_owned(), ""))
        }
        "unless" => misspelling(word, 0, "`&& !(…)`", ""),
        "then" => {
            let help = "an expression is a condition alone; what happens then stands in `steps:`";
            Some((0, "`then` does not belong here".to_owned(), help.to_owned(), ""))
        }
        _ => {
            let (more, right) = comparison_words(&lower, after)?;
            misspelling(word, more, &format!("`{right}`"), right)
        }
    }
}

/// `greater than`, `at least` and the like: what belongs to it after the first
/// word, and its sign.
fn comparison_words(word: &str, after: &[char]) -> Option<(usize, &'static str)> {
    let than = following(after, &["than"]);
    match word {
        "greater" | "more" | "higher" | "larger" | "bigger" | "later" if than > 0 => Some((than, ">")),
        "less" | "fewer" | "lower" | "smaller" | "earlier" if than > 0 => Some((than, "<")),
        "above" | "over" | "exceeds" | "after" => Some((0, ">")),
        "below" | "under" | "before" => Some((0, "<")),
        "at" => match (following(after, &["least"]), following(after, &["most"])) {
            (0, 0) => None,
            (0, most) => Some((most, "<=")),
            (least, _) => Some((least, ">=")),
        },
        _ => None,
    }
}

/// The same behind the word `is`.
fn comparison_behind(after: &[char]) -> Option<(usize, &'static str)> {
    let space = after.iter().take_while(|c| **c == ' ').count();
    let length = after[space..].iter().take_while(|c| is_word(**c)).count();
    let word: String = after[space..space + length].iter().collect();
    let (more, right) = comparison_words(&word.to_lowercase(), &after[space + length..])?;
    Some((space + length + more, right))
}

/// Whether the `and` at this place belongs to a `between`.
fn after_between(here: &Cursor) -> bool {
    let before: String = here.chars[here.at.saturating_sub(100)..here.at].iter().collect::<String>().to_lowercase();
    before.rfind("between").is_some_and(|at| !before[at..].contains("&&") && !before[at..].contains(" and "))
}

/// How many characters the next word takes with the space before it, if it is
/// one of these; else 0.
fn following(after: &[char], words: &[&str]) -> usize {
    let space = after.iter().take_while(|c| c.is_whitespace()).count();
    let word: String = after[space..].iter().take_while(|c| is_word(**c)).collect();
    if words.contains(&word.to_lowercase().as_str()) { space + word.chars().count() } else { 0 }
}
