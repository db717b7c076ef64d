//! Operators and other signs that mean something elsewhere.

use super::cursor::{Cursor, ForeignSpelling, Text, is_word};

/// Signs that stand for others, with what is written here. Longer ones first.
const ALWAYS: [(&str, &str); 10] = [
    ("<>", "!="),
    ("===", "=="),
    ("!==", "!="),
    ("=<", "<="),
    ("≥", ">="),
    ("≤", "<="),
    ("≠", "!="),
    ("×", "*"),
    ("÷", "/"),
    ("≈", "=="),
];

/// How many characters are fine here, or what is foreign.
pub(crate) fn check(here: &Cursor) -> Result<usize, ForeignSpelling> {
    let rest = here.rest();
    for (sign, right) in ALWAYS {
        let length = sign.chars().count();
        if rest.len() >= length && rest.iter().zip(sign.chars()).all(|(c, wanted)| *c == wanted) {
            return Err(operator(rest, length, sign, right));
        }
    }
    match rest {
        ['–' | '—' | '−', ..] => Err(ForeignSpelling::new(1, "this dash is not a minus", "write `-`").right("-")),
        ['\u{a0}' | '\u{202f}' | '\u{2007}' | '\u{2009}' | '\u{200b}' | '\u{feff}', ..] => {
            Err(ForeignSpelling::new(1, "this is not a plain space", "type a space over it").right(" "))
        }
        ['$' | '€' | '£' | '¥', c, ..] if c.is_ascii_digit() => {
            Err(ForeignSpelling::new(1, format!("`{}` does not belong to a number", rest[0]), "write the number alone")
                .right(" "))
        }
        ['€' | '£' | '¥', ..] => {
            Err(ForeignSpelling::new(1, format!("`{}` does not belong to a number", rest[0]), "write the number alone")
                .right(" "))
        }
        // Inside of a text of a script `${…}` is passed with the text.
        ['$' | '@', c, ..] if is_word(*c) => {
            Err(ForeignSpelling::new(1, format!("a name stands without `{}`", rest[0]), "write the name alone")
                .right(" "))
        }
        _ if here.is_expression() => expression(here),
        [a, '=', ..] if "=!<>+-*/%".contains(*a) => Ok(2),
        _ => Ok(1),
    }
}

/// What a script may have and an expression may not.
fn expression(here: &Cursor) -> Result<usize, ForeignSpelling> {
    let rest = here.rest();
    match rest {
        ['=', '>', ..] => Err(operator(rest, 2, "=>", ">=")),
        ['=', '!', ..] => Err(operator(rest, 2, "=!", "!=")),
        ['~', ..] if here.of == Text::Template => {
            let help = "texts are put together with `+`; values stand beside one another: `{{ a }} {{ b }}`";
            Err(ForeignSpelling::new(1, "`~` is not an operator here", help).right("+"))
        }
        ['=' | '!', '~', ..] | ['~', ..] => {
            let length = if rest[0] == '~' { 1 } else { 2 };
            let sign: String = rest[..length].iter().collect();
            Err(ForeignSpelling::new(length, format!("`{sign}` is not an operator here"), super::word::PART))
        }
        [a @ ('<' | '>' | '!' | '='), ' ', '=', after, ..] if *after != '=' => {
            Err(ForeignSpelling::new(3, format!("`{a} =` is one sign, without a space"), format!("write `{a}=`"))
                .right(format!("{a}=")))
        }
        [a, '=', ..] if "=!<>+-*/%".contains(*a) => Ok(2),
        ['=', ..] if here.last().is_none() => {
            Err(ForeignSpelling::new(1, "an expression does not begin with `=`", "leave it out").right(" "))
        }
        ['=', ..] => {
            let over = 1 + usize::from(rest.get(1) == Some(&' '));
            Err(ForeignSpelling::new(over, "`=` does not compare", "write `==`").right("=="))
        }
        ['{', '{', ..] | ['}', '}', ..] => {
            let sign = if rest[0] == '{' { "{{" } else { "}}" };
            Err(ForeignSpelling::new(2, format!("`{sign}` belongs to texts"), "an expression stands without braces")
                .right("  "))
        }
        ['#', c, ..] if c.is_whitespace() || is_word(*c) => Err(remark(rest, "#")),
        ['-', '-', ..] => Err(remark(rest, "--")),
        ['.', c, ..] if c.is_ascii_digit() && !here.after_value() && here.before() != Some('.') => {
            let digits: String = rest[1..].iter().take_while(|c| c.is_ascii_digit()).collect();
            let message = "a number begins with a digit";
            Err(ForeignSpelling::new(digits.len() + 1, message, format!("write 0.{digits}")))
        }
        ['(', ..] => match list(here) {
            Some(foreign) => Err(foreign),
            None => Ok(1),
        },
        _ => Ok(1),
    }
}

/// A sign that is spelt otherwise; a space after it makes room for a longer one.
fn operator(rest: &[char], length: usize, sign: &str, right: &str) -> ForeignSpelling {
    let over = length + usize::from(rest.get(length) == Some(&' '));
    ForeignSpelling::new(over, format!("`{sign}` is not an operator here"), format!("write `{right}`")).right(right)
}

/// What somebody remarks in the manner of another language, to its end.
fn remark(rest: &[char], sign: &str) -> ForeignSpelling {
    let length = rest.iter().position(|c| *c == '\n').unwrap_or(rest.len());
    ForeignSpelling::new(length, format!("`{sign}` does not begin a remark here"), "write `//` before a remark")
        .right("")
}

/// How far the end of a list is looked for, in characters.
const LONGEST_LIST: usize = 1_000;

/// `in ("A", "B")`: its parentheses.
fn list(here: &Cursor) -> Option<ForeignSpelling> {
    let mut before = here.chars[..here.at].iter().rev().skip_while(|c| c.is_whitespace());
    let is_in = matches!((before.next(), before.next()), (Some('n' | 'N'), Some('i' | 'I')));
    if !is_in || before.next().is_some_and(|c| is_word(*c) || *c == '.') {
        return None;
    }
    let rest = here.rest();
    let rest = &rest[..rest.len().min(LONGEST_LIST)];
    let (mut depth, mut commas, mut end, mut quoted) = (0, 0, None, None);
    for (at, c) in rest.iter().enumerate() {
        match (c, quoted) {
            (c, Some(quote)) if *c == quote => quoted = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quoted = Some(*c),
            ('(' | '[', None) => depth += 1,
            (',', None) if depth == 1 => commas += 1,
            (')' | ']', None) => {
                depth -= 1;
                if depth == 0 {
                    end = Some(at);
                    break;
                }
            }
            _ => {}
        }
    }
    let end = end?;
    let inner: String = rest[1..end].iter().collect();
    let inner = inner.trim();
    if commas == 0 && !inner.starts_with(['"', '\'']) {
        return None;
    }
    let short = inner.chars().count() <= 60 && !inner.contains('\n');
    let items = if short { inner.replace('\'', "\"") } else { "\"A\", \"B\"".to_owned() };
    let mut foreign =
        ForeignSpelling::new(1, "a list stands in square brackets", format!("write `in [{items}]`")).right("[");
    foreign.other = Some((here.at + end, ']'));
    Some(foreign)
}
