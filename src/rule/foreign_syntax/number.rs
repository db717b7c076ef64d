//! Numbers with what people write into them and behind them, and dates.

use super::cursor::{Cursor, ForeignSpelling, is_word};

/// What to do instead of writing a date.
pub(crate) const NO_DATES: &str = "count days, as in `days_since(account.signed_up_at) >= 30`; `period(\"month\") == \"2026-01\"` is true in that month";

/// Whether a text is a date such as `2026-01-15` or `15/01/2026`.
pub(crate) fn is_date(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    date(&chars) == Some(chars.len())
}

/// How many characters are fine here, or what is foreign.
pub(crate) fn check(here: &Cursor) -> Result<usize, ForeignSpelling> {
    let rest = here.rest();
    // A digit of a name, or of a part behind a dot.
    if here.before().is_some_and(|c| is_word(c) || c == '.') {
        return Ok(1);
    }
    if let ['0', 'x' | 'X' | 'b' | 'B' | 'o' | 'O', ..] = rest {
        return Ok(run(rest, is_word));
    }
    if here.is_expression()
        && let Some(length) = date(rest)
    {
        return Err(ForeignSpelling::new(length, "an expression has no fixed dates", NO_DATES));
    }
    if let Some((length, number)) = read_grouped(here) {
        let written: String = rest[..length].iter().collect();
        let (message, help) = match written.strip_suffix(".000") {
            Some(one) if number == format!("{one}000") => {
                (format!("`{written}` is {one} here"), format!("write {number}, or {one}"))
            }
            _ => (format!("`{written}` is not one number here"), format!("write {number}")),
        };
        return Err(ForeignSpelling::new(length, message, help).right(number));
    }
    let length = plain(rest);
    let number: String = rest[..length].iter().collect();
    let after = &rest[length..];
    let spaces = run(after, |c| c == ' ');
    if !here.is_expression() {
        return Ok(length);
    }
    match &after[spaces..] {
        ['€' | '£' | '¥' | '$', ..] => {
            let over = length + spaces + 1;
            let message = format!("`{}` does not belong to a number", after[spaces]);
            Err(ForeignSpelling::new(over, message, format!("write {number}")).right(number))
        }
        ['%', more @ ..] if !operand(more) => {
            let message = "a number has no `%` here: it takes the rest of a division";
            let help =
                format!("write {number} where percent are counted, as by `event_change`, else a share such as 0.2");
            Err(ForeignSpelling::new(length + spaces + 1, message, help).right(number))
        }
        [c, ..] if c.is_alphabetic() => {
            let word: String = after[spaces..].iter().take_while(|c| c.is_alphanumeric()).collect();
            let over = length + spaces + word.chars().count();
            unit(here, &number, &word, spaces == 0, over).map_or(Ok(length), Err)
        }
        _ => Ok(length),
    }
}

/// How many characters from here on are so.
fn run(chars: &[char], is: impl Fn(char) -> bool) -> usize {
    chars.iter().take_while(|c| is(**c)).count()
}

fn digits(chars: &[char]) -> usize {
    run(chars, |c| c.is_ascii_digit())
}

/// The length of a number as Rhai writes it: `12`, `1_000`, `1.5`, `2e3`.
fn plain(rest: &[char]) -> usize {
    let digit = |c: char| c.is_ascii_digit() || c == '_';
    let mut length = run(rest, digit);
    if let [c, ..] = rest.get(length + 1..).unwrap_or_default()
        && rest[length] == '.'
        && c.is_ascii_digit()
    {
        length += 1 + run(&rest[length + 1..], digit);
    }
    if let ['e' | 'E', more @ ..] = &rest[length..] {
        let sign = usize::from(matches!(more, ['+' | '-', ..]));
        let power = digits(&more[sign..]);
        if power > 0 {
            length += 1 + sign + power;
        }
    }
    length
}

/// A number with marks in it for people: `1,000`, `1.000,50`, `1 000`, `2,5`.
/// Its length, and how it is written here.
fn read_grouped(here: &Cursor) -> Option<(usize, String)> {
    let rest = here.rest();
    let first = digits(rest);
    let mark = *rest.get(first)?;
    let mut number: String = rest[..first].iter().collect();
    let (mut at, mut groups, mut zero) = (first, 0, false);
    if first <= 3 && [',', '.', ' ', '\'', '’', '\u{a0}', '\u{202f}', '\u{2009}'].contains(&mark) {
        while rest.get(at) == Some(&mark) && digits(&rest[at + 1..]) == 3 {
            zero |= rest[at + 1] == '0';
            number.extend(&rest[at + 1..at + 4]);
            at += 4;
            groups += 1;
        }
    }
    // A comma between digits also separates items, and a point is a point.
    let fraction = |mark: char| if rest.get(at) == Some(&mark) { digits(&rest[at + 1..]) } else { 0 };
    let (point, comma) = (fraction('.'), fraction(','));
    let is_number = match (mark, groups) {
        (_, 0) => false,
        (',', _) => here.is_expression() && !here.among_items() || zero,
        ('.', 1) if comma == 0 => rest[first..at] == ['.', '0', '0', '0'] && first <= 3 && !number.starts_with('0'),
        _ => true,
    };
    let behind = |length: usize| rest.get(length).is_some_and(|c| is_word(*c));
    if is_number {
        let decimals = if mark == '.' || point == 0 && !here.among_items() { comma } else { point };
        if decimals > 0 {
            number.push('.');
            number.extend(&rest[at + 1..=at + decimals]);
            at += decimals + 1;
        }
        return (!behind(at)).then_some((at, number));
    }
    let decimals = if mark == ',' { digits(&rest[first + 1..]) } else { 0 };
    let length = first + 1 + decimals;
    if decimals == 0 || !here.is_expression() || here.among_items() || behind(length) {
        return None;
    }
    number.truncate(first);
    number.push('.');
    number.extend(&rest[first + 1..length]);
    Some((length, number))
}

/// Whether a value begins here: then `%` before it is an operator.
fn operand(after: &[char]) -> bool {
    match &after[run(after, char::is_whitespace)..] {
        ['-', next, ..] => is_word(*next) || *next == '(',
        [c, ..] => is_word(*c) || "(\"[#`=".contains(*c),
        [] => false,
    }
}

/// A number with a unit behind it.
fn unit(here: &Cursor, number: &str, word: &str, close: bool, length: usize) -> Option<ForeignSpelling> {
    const MONEY: [&str; 8] = ["eur", "usd", "gbp", "chf", "euro", "euros", "dollar", "dollars"];
    let lower = word.to_lowercase();
    let written = if close { format!("{number}{word}") } else { format!("{number} {word}") };
    let message = format!("`{written}`: a number has no unit here");
    let whole: Option<i64> = number.parse().ok();
    let days = match lower.as_str() {
        "d" | "day" | "days" => 1,
        "w" | "week" | "weeks" => 7,
        "month" | "months" | "mo" => 30,
        "y" | "year" | "years" => 365,
        "h" | "hour" | "hours" | "hr" | "hrs" => 0,
        "min" | "mins" | "minute" | "minutes" => {
            return Some(ForeignSpelling::new(length, message, "the smallest span here is an hour"));
        }
        word if MONEY.contains(&word) => {
            return Some(ForeignSpelling::new(length, message, format!("write {number}")).right(number));
        }
        "k" if close => {
            let thousands = whole? * 1_000;
            return Some(ForeignSpelling::new(length, message, format!("write {thousands}")));
        }
        "m" if close => {
            return Some(ForeignSpelling::new(length, message, "write the number out, or count in days or hours"));
        }
        _ => return None,
    };
    let added = matches!(here.last(), Some('+' | '-'))
        && here.chars[..here.at]
            .iter()
            .rev()
            .filter(|c| !c.is_whitespace())
            .nth(1)
            .is_some_and(|c| is_word(*c) || *c == ')');
    let (name, count) = if days == 0 { ("hours", whole?) } else { ("days", whole?.checked_mul(days)?) };
    Some(match (added, here.among_items(), days) {
        (true, ..) => ForeignSpelling::new(length, message, format!("write `{name}({count})`")),
        (false, true, 0) => {
            ForeignSpelling::new(length, message, "a window is counted in days: write their number alone")
        }
        _ => ForeignSpelling::new(length, message, format!("it counts in {name}: write {count}"))
            .right(count.to_string()),
    })
}

/// The length of a date as people write them, with a time of day behind it:
/// `2026-02-03`, `03/02/2026`, `3.2.2026`, `3-Feb-2026`, `03/02/26`.
fn date(rest: &[char]) -> Option<usize> {
    let first = digits(rest);
    let mark = *rest.get(first)?;
    if !['-', '/', '.'].contains(&mark) {
        return None;
    }
    let middle = match digits(&rest[first + 1..]) {
        0 => {
            let letters = run(&rest[first + 1..], char::is_alphabetic);
            let name: String = rest[first + 1..first + 1 + letters].iter().collect();
            if is_month(&name) { letters } else { 0 }
        }
        count if count <= 2 => count,
        _ => 0,
    };
    let second = first + 1 + middle;
    if middle == 0 || rest.get(second) != Some(&mark) {
        return None;
    }
    let last = digits(&rest[second + 1..]);
    let end = second + 1 + last;
    let short = |count: usize| (1..=2).contains(&count);
    let fits = match (first, last) {
        (4, last) => short(last),
        (first, 4) => short(first),
        (first, last) => {
            let zero = rest[0] == '0' || rest[first + 1] == '0';
            short(first) && short(last) && (mark == '.' || mark == '/' && zero)
        }
    };
    if !fits {
        return None;
    }
    match &rest[end..] {
        ['T', more @ ..] if digits(more) == 2 => {
            Some(end + 1 + run(more, |c| c.is_ascii_digit() || ":.+-Z".contains(c)))
        }
        [c, ..] if is_word(*c) || *c == mark => None,
        _ => Some(end),
    }
}

/// Whether a word is the name of a month, or its first letters.
pub(crate) fn is_month(word: &str) -> bool {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let lower = word.to_lowercase();
    lower.len() >= 3 && MONTHS.iter().any(|month| *month == lower || lower.len() <= 4 && month.starts_with(&lower))
}
