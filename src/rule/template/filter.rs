//! The filters of templates: what stands behind `|`.

use chrono::{TimeZone, Utc};
use rhai::Dynamic;

use crate::clock::Instant;
use crate::rule::check::kind::{Kind, compatible};
use crate::rule::compiled::Rule;
use crate::rule::print;

/// Every filter, in the order of the reference.
pub const FILTERS: &[&str] = &["default", "date", "number", "money", "percent", "upper", "lower", "capitalize", "url"];

const MOST_DECIMALS: i64 = 9;

/// A filter with its arguments.
#[derive(Debug)]
pub(super) enum Filter {
    /// Stands in for a missing value, and for a text without a character.
    Default(Box<Rule>),
    /// `None` is the date as it stands in a sentence.
    Date(Option<Box<str>>),
    Number(u8),
    /// An amount of that currency.
    Money(Box<str>),
    /// A share as percent; with `scale` 1 the value is percent already.
    Percent {
        decimals: u8,
        scale: f64,
    },
    Upper,
    Lower,
    Capitalize,
    Url,
}

/// What flows from one filter to the next.
#[derive(Debug)]
pub(super) struct Flow {
    pub kind: Kind,
    pub nullable: bool,
    /// What a default before it is, where that is of another kind.
    pub default: Option<Kind>,
}

/// Why a filter cannot be used so: the code, the message and the help.
pub(super) type FilterMistake = (&'static str, String, Option<String>);

/// What a filter takes, in words, and whether a value of a kind fits.
fn takes(filter: &str) -> (&'static str, fn(&Kind) -> bool) {
    match filter {
        "date" => ("a time", |kind| *kind == Kind::Time),
        "number" | "money" | "percent" => ("a number", Kind::is_number),
        "url" => ("text or a number", |kind| *kind == Kind::Text || kind.is_number()),
        _ => ("text", |kind| *kind == Kind::Text),
    }
}

/// Checks that what flows in fits a filter other than `default`.
pub(super) fn check_input(filter: &str, flow: &Flow) -> Result<(), FilterMistake> {
    let (needs, fits) = takes(filter);
    let is_wrong = |kind: &Kind| kind.ty().is_some() && !fits(kind);
    if let Some(default) = flow.default.as_ref().filter(|default| is_wrong(default)) {
        let message = format!("`{filter}` needs {needs}, and the default before it is {}", default.name());
        return Err(("KW0206", message, Some(format!("put the default behind it: `… | {filter} | default(\"…\")`"))));
    }
    match is_wrong(&flow.kind) {
        true => Err(("KW0206", format!("`{filter}` needs {needs}, and this is {}", flow.kind.name()), None)),
        false => Ok(()),
    }
}

impl Flow {
    /// After a default of that kind, which may be missing itself.
    pub fn or(self, kind: &Kind, nullable: bool) -> Flow {
        let same = compatible(&self.kind, kind) || !kind.is_printable();
        let default = if same { self.default } else { Some(kind.clone()) };
        Flow { kind: self.kind, nullable: self.nullable && nullable, default }
    }
}

/// The filter of a name with the literals of its arguments; the name is one of
/// [`FILTERS`] but `default`.
pub(super) fn read(name: &str, args: &[Dynamic], is_percent: bool) -> Result<Filter, FilterMistake> {
    let wrong = |message: String, help: Option<&str>| Err(("KW0205", message, help.map(str::to_owned)));
    match (name, args) {
        ("date", []) => Ok(Filter::Date(None)),
        ("date", [pattern]) => {
            const HELP: &str = "`date(\"%-d %B %Y\")`: %-d day, %B month, %Y year, %H:%M time";
            let Some(pattern) = text(pattern) else {
                return wrong("the argument of `date` is a text in quotes".to_owned(), Some(HELP));
            };
            // Without a `%` it would print itself.
            let sample: Instant = Utc.timestamp_opt(0, 0).single().unwrap_or_default();
            let known = pattern.len() <= 100
                && pattern.contains('%')
                && print::pattern(sample, chrono_tz::UTC, "en", &pattern).is_some();
            match known {
                true => Ok(Filter::Date(Some(pattern.into()))),
                false => wrong("not a date pattern".to_owned(), Some(HELP)),
            }
        }
        ("number", args @ ([] | [_])) => decimals(name, args).map(Filter::Number),
        ("percent", args @ ([] | [_])) => {
            let scale = if is_percent { 1.0 } else { 100.0 };
            decimals(name, args).map(|decimals| Filter::Percent { decimals, scale })
        }
        ("money", [currency]) => {
            let code = text(currency).filter(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()));
            match code {
                Some(code) => Ok(Filter::Money(code.into())),
                None => wrong("not a currency".to_owned(), Some("write its code, as in `money(\"EUR\")`")),
            }
        }
        ("money", []) => wrong("`money` needs a currency".to_owned(), Some("write its code, as in `money(\"EUR\")`")),
        ("upper", []) => Ok(Filter::Upper),
        ("lower", []) => Ok(Filter::Lower),
        ("capitalize", []) => Ok(Filter::Capitalize),
        ("url", []) => Ok(Filter::Url),
        ("date" | "number" | "money" | "percent", _) => wrong(format!("`{name}` takes one argument"), None),
        _ => wrong(format!("`{name}` takes no argument"), None),
    }
}

fn text(value: &Dynamic) -> Option<String> {
    value.clone().into_string().ok()
}

fn decimals(filter: &str, args: &[Dynamic]) -> Result<u8, FilterMistake> {
    let Some(arg) = args.first() else { return Ok(0) };
    let count = arg.as_int().ok().filter(|count| (0..=MOST_DECIMALS).contains(count));
    count
        .and_then(|count| u8::try_from(count).ok())
        .ok_or_else(|| ("KW0205", format!("`{filter}` takes the number of decimals, 0 to {MOST_DECIMALS}"), None))
}

/// What to write for a filter of another tool.
pub(super) fn suggest(name: &str) -> Option<&'static str> {
    Some(match name {
        "escape" | "e" | "safe" | "raw" | "html_escape" | "force_escape" | "escape_once" | "h" => {
            "leave it out: a printed value is always text and never markup"
        }
        "d" | "fallback" | "if_missing" | "ifempty" | "otherwise" => "write `default(\"…\")`",
        "upcase" | "uppercase" | "toupper" => "write `upper`",
        "downcase" | "lowercase" | "tolower" => "write `lower`",
        "title" | "titlecase" | "titleize" | "capfirst" | "ucfirst" => "write `capitalize`",
        "strftime" | "dateformat" | "date_format" | "format_date" | "datetime" | "time" | "localtime" => {
            "write `date(\"%-d %B %Y\")`"
        }
        "round" | "floatformat" | "number_with_delimiter" | "format_number" | "int" | "float" | "floor" | "ceil" => {
            "write `number(0)`, with how many decimals"
        }
        "currency" | "money_with_currency" | "format_currency" | "eur" | "usd" | "dollars" | "euros" => {
            "write `money(\"EUR\")`"
        }
        "percentage" | "pct" => "write `percent`",
        "urlencode" | "url_encode" | "urlize" | "uri_encode" | "url_escape" => "write `url`",
        "append" | "prepend" | "concat" => "write the words beside it, or put texts together with `+`",
        "trim" | "strip" | "lstrip" | "rstrip" | "strip_html" | "striptags" | "replace" | "remove" | "truncate"
        | "truncatewords" | "slice" | "split" | "join" | "first" | "last" | "length" | "size" | "count" | "sort"
        | "pluralize" | "plus" | "minus" | "times" | "divided_by" | "modulo" | "abs" => {
            "a value is printed as it is; calculate before the `|`, and choose words with `{% if … %}`"
        }
        _ => return None,
    })
}
