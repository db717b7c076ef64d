//! What Rhai says about a text that it cannot read, in words for people.

use rhai::{LexError, ParseError, ParseErrorType as Kind};

use super::how_many;
use super::typecheck::place;
use crate::diagnostic::{Diagnostic, nearest};
use crate::playbook::Source;

/// Words that start a statement.
const STATEMENTS: [&str; 14] =
    ["if", "switch", "while", "loop", "do", "for", "fn", "let", "const", "return", "throw", "try", "{", ";"];

/// The diagnostic about an expression, or the script of a step.
pub(super) fn unreadable(source: &Source, error: &ParseError, expression: bool) -> Diagnostic {
    let (line, column) = place(error.position());
    let (code, message, help) = match error.err_type() {
        Kind::BadInput(LexError::UnexpectedInput(word)) if expression && STATEMENTS.contains(&word.as_str()) => (
            "KW0213",
            format!("`{word}` belongs to a script, and only a single expression is allowed here"),
            Some("put longer thoughts into a function in `scripts/`".to_owned()),
        ),
        Kind::VariableUndefined(name) => ("KW0203", format!("unknown name `{name}`"), Some(meant(name))),
        kind => {
            let (message, help) = words(kind);
            ("KW0204", message, help)
        }
    };
    let mut problem = source.error(code, line, column, message);
    problem.help = help;
    problem
}

/// What to write in place of a name that nothing has.
pub(super) fn meant(name: &str) -> String {
    match name.to_lowercase().as_str() {
        "today" => return "write `now`".to_owned(),
        "tomorrow" => return "write `now + days(1)`".to_owned(),
        "yesterday" => return "write `now - days(1)`".to_owned(),
        word if is_weekday(word) => return super::calls::COUNTED.to_owned(),
        _ => {}
    }
    nearest(name, ["account", "entry", "none", "now", "since_entry", "since_step"])
        .map_or_else(|| format!("text stands in double quotes: \"{name}\""), |near| format!("did you mean `{near}`?"))
}

fn is_weekday(word: &str) -> bool {
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"].contains(&word)
}

/// Message and advice.
pub(super) fn words(kind: &Kind) -> (String, Option<String>) {
    let help = |text: &str| Some(text.to_owned());
    match kind {
        Kind::UnexpectedEOF => ("it ends too early: something is missing at its end".to_owned(), None),
        Kind::ExprTooDeep => (
            "it is nested too deeply, or too long a chain".to_owned(),
            help("use fewer parentheses, or move a part of it into a function in `scripts/`"),
        ),
        Kind::TooManyFunctions => ("there are too many functions in one script".to_owned(), None),
        Kind::LiteralTooLarge(..) => ("a text or list in it is too long".to_owned(), None),
        Kind::MissingToken(token, what) => {
            let what = what.replace("for a matching ( in this expression", "to close an open `(`");
            (plain(&format!("`{token}` is missing {what}")), None)
        }
        Kind::BadInput(LexError::UnexpectedInput(word)) if word == "|" => {
            ("`|` is not expected here".to_owned(), help("write `||` for \"or\""))
        }
        Kind::BadInput(LexError::UnexpectedInput(word)) => {
            let is_name = word.starts_with(|c: char| c.is_alphabetic());
            let help = is_name.then(|| "two conditions are joined with `&&` or `||`".to_owned());
            (format!("`{word}` is not expected here"), help)
        }
        Kind::BadInput(LexError::UnterminatedString) => {
            ("a text is not closed".to_owned(), help("end it with a double quote"))
        }
        Kind::BadInput(LexError::ImproperSymbol(_, syntax)) if syntax == how_many::NAME => {
            (format!("`{syntax}` takes a list of conditions"), help(how_many::HELP))
        }
        Kind::BadInput(LexError::ImproperSymbol(word, _)) if !word.is_empty() => {
            (format!("`{word}` is not available"), None)
        }
        Kind::Reserved(word) => (format!("`{word}` is not available"), None),
        Kind::VariableUndefined(name) => {
            (format!("unknown name `{name}`"), help("a function sees only what it is given in its parentheses"))
        }
        Kind::ModuleUndefined(name) => {
            (format!("a script cannot call another script (`{name}`)"), help("put both functions into one file"))
        }
        other => (plain(&other.to_string()), None),
    }
}

/// Rhai's own words in the manner of ours.
fn plain(message: &str) -> String {
    let message = message.replace('\'', "`");
    let mut letters = message.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => message,
    }
}
