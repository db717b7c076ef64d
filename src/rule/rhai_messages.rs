//! What Rhai says about a text that it cannot read, in words for people.

use rhai::{LexError, ParseError, ParseErrorType as Kind};

use super::engine::how_many;
use super::foreign_syntax;
use super::place::place;
use super::population::Measure;
use crate::diagnostic::{Diagnostic, nearest};
use crate::playbook::Source;

/// How days and months are named.
pub(crate) const COUNTED: &str = "days are numbers from 1, which is Monday, and months from 1, which is January";

const JOINED: &str = "two conditions are joined with `&&` or `||`";

/// Words that start a statement.
const STATEMENTS: [&str; 14] =
    ["if", "switch", "while", "loop", "do", "for", "fn", "let", "const", "return", "throw", "try", "{", ";"];

/// The diagnostic about an expression, or the script of a step. `is_script` says
/// whether a file of `scripts/` has a name.
pub(super) fn describe_parse_error(
    source: &Source,
    error: &ParseError,
    is_script: impl Fn(&str) -> bool,
    expression: bool,
) -> Diagnostic {
    let (line, column) = within(&source.text, place(error.position()));
    let (code, message, help) = match error.err_type() {
        Kind::BadInput(LexError::UnexpectedInput(word)) if expression && STATEMENTS.contains(&word.as_str()) => (
            "KW0213",
            format!("`{word}` belongs to a script, and only a single expression is allowed here"),
            Some(suggest_expression(word).to_owned()),
        ),
        Kind::VariableUndefined(name) => (
            "KW0203",
            format!("unknown name `{name}`"),
            Some(suggest_name(
                name,
                &Surroundings::new(&source.text, (line, column), name),
                is_script(name),
                !expression,
            )),
        ),
        Kind::UnexpectedEOF if ends_in_operator(&source.text) => {
            ("KW0204", "it ends too early: a value is missing behind its last sign".to_owned(), None)
        }
        kind => {
            let (message, help) = describe_error_kind(kind);
            let rest = from(&source.text, line, column);
            let help = match kind {
                Kind::BadInput(LexError::UnterminatedString) => suggest_closing(rest).or(help),
                Kind::BadInput(LexError::UnexpectedInput(_)) => suggest_parentheses(&source.text, rest).or(help),
                _ => help,
            };
            ("KW0204", message, help)
        }
    };
    let mut problem = source.error(code, line, column, message);
    problem.help = help;
    problem
}

/// What to write in place of a statement.
fn suggest_expression(word: &str) -> &'static str {
    match word {
        "if" => {
            "write `c && a || !c && b`; a function of `scripts/` may be `if c { a } else { b }`, and a step has `if:`"
        }
        "switch" => "write `x in [\"A\", \"B\"]`, or join conditions with `||`",
        "return" => "leave it out: an expression gives its value by itself",
        "let" | "const" => "write the value where it is used, or give it to a function of `scripts/`",
        ";" => "leave it out, and join two conditions with `&&`",
        "while" | "loop" | "do" | "for" => {
            "how often something happened is counted by `account.events(\"login\", 30)`, and how many conditions hold by \
             `how_many([…])`"
        }
        "fn" => "functions stand in files of `scripts/`, and are called as `file::name(…)`",
        _ => "put longer thoughts into a function in `scripts/`",
    }
}

/// A place that is in the text: what is missing behind its end is missing at
/// its last character.
fn within(text: &str, (line, column): (u32, u32)) -> (u32, u32) {
    let mut lines = text.trim_end().lines();
    let (count, last) = (lines.clone().count() as u32, lines.next_back().unwrap_or_default());
    let width = last.chars().count() as u32;
    if line > count || line == count && column > width { (count.max(1), width.max(1)) } else { (line, column) }
}

/// The text from a place on.
fn from(text: &str, line: u32, column: u32) -> &str {
    let before: usize = text.split_inclusive('\n').take(line as usize - 1).map(str::len).sum();
    let rest = &text[before..];
    rest.char_indices().nth(column as usize - 1).map_or("", |(at, _)| &rest[at..])
}

fn ends_in_operator(text: &str) -> bool {
    text.trim_end().ends_with(|c: char| "&|=<>+-*/%!?,.".contains(c))
}

/// What to write for a text that nothing closes, if that can be guessed.
fn suggest_closing(rest: &str) -> Option<String> {
    let line = rest.lines().next()?.strip_prefix('"')?;
    let end = line.find(['\'', '’', '”', '“']).or_else(|| line.find("&&")).or_else(|| line.find("||"));
    let inner = line[..end.unwrap_or(line.len())].trim_end().trim_end_matches(')');
    (!inner.is_empty() && inner.chars().count() <= 60).then(|| format!("write \"{inner}\""))
}

/// `days_since account.signed_up_at`: a function without its parentheses.
fn suggest_parentheses(text: &str, rest: &str) -> Option<String> {
    let before = text.strip_suffix(rest)?.trim_end();
    let word = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    super::functions::global::find(word).map(|_| format!("a function takes its value in parentheses: `{word}(…)`"))
}

/// What stands before and behind a name.
#[derive(Clone, Copy, Default)]
pub(super) struct Surroundings<'a> {
    before: &'a str,
    behind: &'a str,
}

impl<'a> Surroundings<'a> {
    /// Surroundings the name at a place of a text; nothing where it is not there.
    pub fn new(text: &'a str, (line, column): (u32, u32), name: &str) -> Surroundings<'a> {
        let behind = from(text, line, column);
        let before = text[..text.len() - behind.len()].trim_end();
        behind
            .strip_prefix(name)
            .map_or(Surroundings::default(), |behind| Surroundings { before, behind: behind.trim_start() })
    }

    /// Whether a text may well be meant: beside `==`, in a list, as an argument.
    fn takes_text(&self) -> bool {
        let ends = |sign: &str| self.before.ends_with(sign);
        ["==", "!=", "[", "(", ",", " in"].into_iter().any(ends)
            || ["==", "!=", "in "].into_iter().any(|sign| self.behind.starts_with(sign))
    }

    /// The function of a module that is called as if it were a method.
    fn method(&self) -> Option<&'a str> {
        let call = self.behind.strip_prefix('.')?;
        let name = &call[..call.find(|c: char| !c.is_alphanumeric() && c != '_')?];
        call[name.len()..].starts_with('(').then_some(name)
    }
}

/// What to write in place of a name that nothing has; `is_script` where a file of
/// `scripts/` is called so.
pub(super) fn suggest_name(name: &str, around: &Surroundings, is_script: bool, in_script: bool) -> String {
    match name.to_lowercase().as_str() {
        "today" => return "write `now`".to_owned(),
        "tomorrow" => return "write `now + days(1)`".to_owned(),
        "yesterday" => return "write `now - days(1)`".to_owned(),
        unit @ ("week" | "month" | "quarter" | "year") => return format!("write `period(\"{unit}\")`"),
        "customer" | "company" | "client" | "organization" | "organisation" => return "write `account`".to_owned(),
        "recipient" | "csm" | "playbook" => return format!("`{name}` is there in templates only"),
        "yes" => return "write `true`".to_owned(),
        "no" => return "write `false`".to_owned(),
        "blank" | "empty" | "missing" | "nothing" | "unknown" => return "write `none`".to_owned(),
        word if is_weekday(word) || foreign_syntax::is_month(word) => return COUNTED.to_owned(),
        _ => {}
    }
    if let (Some(function), true) = (around.method(), is_script) {
        return format!("a function of a script is called `{name}::{function}(…)`");
    }
    if in_script && around.behind.starts_with('=') && !around.behind.starts_with("==") {
        return format!("a variable begins with `let`: `let {name} = …`");
    }
    if in_script && around.behind.starts_with(':') && !around.behind.starts_with("::") {
        return "fields stand in `#{ … }`".to_owned();
    }
    match nearest(name, ["account", "entry", "none", "now", "since_entry", "since_step"]) {
        Some(near) => format!("did you mean `{near}`?"),
        None if around.takes_text() => format!("text stands in double quotes: \"{name}\""),
        None => format!("a fact is written `account.…`, and text in double quotes: \"{name}\""),
    }
}

/// What to write in place of a function of SQL or a spreadsheet.
pub(super) fn suggest_function(name: &str) -> Option<&'static str> {
    Some(match name.to_lowercase().as_str() {
        "now" | "today" | "current_date" | "current_timestamp" | "getdate" => "write `now`, without parentheses",
        "date" | "datevalue" | "to_date" => foreign_syntax::NO_DATES,
        "if" | "iif" | "iff" => "an expression is a condition: write `c && a || !c && b`",
        "isblank" | "isnull" | "is_null" | "isempty" | "is_empty" => "write `x == none`",
        "exists" | "isset" | "has" => "write `x != none`",
        "coalesce" | "ifnull" | "nvl" | "iferror" | "isnull_or" => "write `x ?? y`: what stands in for a missing value",
        "datediff" | "datedif" | "date_diff" | "days" | "age" => "write `days_since(t)` or `days_until(t)`",
        "dateadd" | "date_add" | "date_sub" | "interval" => "write `t + days(30)` or `t - days(30)`",
        "count" | "countif" | "countifs" => "write `account.events(\"login\", 30)`: how often in so many days",
        "sum" | "sumif" | "sumifs" => "write `account.event_sum(\"purchase\", \"amount\", 30)`",
        "median" | "percentile" | "percentile_rank" | "percent_rank" | "ntile" | "quantile" | "rank" => {
            "write `percentile_of(account.mrr)` or `median_of(account.mrr)`"
        }
        "average" | "avg" | "mean" | "average_of" => {
            "write `mean_of(account.mrr)`, or `median_of(account.mrr)`, which a few huge accounts do not move"
        }
        "share" | "percent_of" | "ratio" | "ratio_of" => "write `share_of(account.events(\"login\", 30) == 0)`",
        "trend" | "change_of" | "growth" | "growth_of" => "write `trend_of(account.events(\"login\", 30), 30)`",
        "max" | "min" => "compare both values, joined with `&&` or `||`",
        "months" | "weeks" | "years" => {
            "months differ in length: count days, as in `days(30)`, or ask `month(t)` and `day(t)`"
        }
        "minutes" | "seconds" => "write `hours(n)`: nothing is looked at more finely",
        "months_since" | "weeks_since" | "years_since" | "months_until" | "weeks_until" | "years_until" => {
            "count days, as in `days_since(t) >= 90`; an anniversary is `month(t) == month(now) && day(t) == day(now)`"
        }
        "year" | "quarter" | "week" => "write `period(\"year\")`, which is a text, or count days",
        "dayofweek" | "day_of_week" | "dow" => "write `weekday(t)`, where 1 is Monday",
        "dayofmonth" | "day_of_month" | "anniversary" | "is_anniversary" => {
            "compare `month(t)` and `day(t)` with those of `now`"
        }
        "left" | "right" | "mid" | "len" | "search" | "find" | "contains" | "startswith" | "starts_with"
        | "endswith" | "ends_with" | "regexmatch" | "substring" | "upper" | "lower" | "trim" => foreign_syntax::PART,
        _ => return None,
    })
}

fn is_weekday(word: &str) -> bool {
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"].contains(&word)
}

/// Message and advice.
pub(super) fn describe_error_kind(kind: &Kind) -> (String, Option<String>) {
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
            let word = word.strip_prefix("Unexpected '").and_then(|word| word.strip_suffix('\'')).unwrap_or(word);
            let help = match word.chars().next() {
                Some(',') => help(JOINED),
                Some('"' | '`' | '0'..='9') => help("a sign is missing before it, such as `==`"),
                Some(')' | ']' | '}') => help("nothing is open that it could close; remove it"),
                Some('&' | '|') => help("a condition is missing before it"),
                Some(c) if c.is_alphabetic() => help(JOINED),
                _ => None,
            };
            (format!("`{word}` is not expected here"), help)
        }
        Kind::MismatchedType(wanted, _) if wanted.contains("bool") => (
            "`&&`, `||` and `!` go with conditions, and this is none".to_owned(),
            help("compare it as well, as in `x == \"A\" || x == \"B\"`, or write `x in [\"A\", \"B\"]`"),
        ),
        Kind::PropertyExpected => ("a name is missing behind `.`".to_owned(), None),
        Kind::BadInput(LexError::UnterminatedString) => {
            ("a text is not closed".to_owned(), help("end it with a double quote"))
        }
        Kind::BadInput(LexError::ImproperSymbol(_, syntax)) if syntax == how_many::NAME => {
            (format!("`{syntax}` takes a list of conditions"), help(how_many::HELP))
        }
        Kind::BadInput(LexError::ImproperSymbol(_, syntax)) if Measure::named(syntax).is_some() => {
            let what = "takes an expression in parentheses";
            (format!("`{syntax}` {what}"), Measure::named(syntax).map(|measure| measure.help().to_owned()))
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
