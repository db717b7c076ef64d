//! The spellings that people bring from SQL, Python and spreadsheets, found
//! before Rhai sees the text, each with the right one.
//!
//! The scan walks over the text once, past its quoted texts and remarks. What
//! stands at a place is judged by what it is: `number`, `word`, `sign` or
//! `quote`.

use crate::diagnostic::Diagnostic;
use crate::playbook::Source;

mod cursor;
mod number;
mod quote;
mod sign;
mod word;

pub(super) use number::{NO_DATES, is_date, is_month};
pub(super) use word::PART;

pub(super) use cursor::Text;
use cursor::{Bracket, Cursor, ForeignSpelling, is_word};

/// What stands there: so many characters without fault, or a foreign spelling.
enum Step {
    Plain(usize),
    Foreign(ForeignSpelling),
}

fn step(here: &Cursor) -> Step {
    let rest = here.rest();
    let found = match rest {
        ['"', ..]
            if here.is_expression()
                && let Some(word) = quote::missing_open_quote(here) =>
        {
            Some(word)
        }
        ['"', ..] => return Step::Plain(quote::quoted_length(rest, '"').unwrap_or(rest.len())),
        ['`', ..] => return Step::Plain(quote::quoted_length(rest, '`').unwrap_or(rest.len())),
        ['#', '"' | '#', ..] => return Step::Plain(quote::raw(rest)),
        ['/', '/', ..] => return Step::Plain(rest.iter().position(|c| *c == '\n').unwrap_or(rest.len())),
        ['/', '*', ..] => {
            let end = rest[2..].windows(2).position(|pair| pair == ['*', '/']);
            return Step::Plain(end.map_or(rest.len(), |end| end + 4));
        }
        [c, ..] if quote::opens(*c) => Some(quote::foreign(rest)),
        [c, ..] if c.is_ascii_digit() => match number::check(here) {
            Ok(length) => return Step::Plain(length),
            Err(found) => Some(found),
        },
        [c, ..] if c.is_alphabetic() || *c == '_' => match word::check(here) {
            Ok(length) => return Step::Plain(length),
            Err(found) => Some(found),
        },
        _ => match sign::check(here) {
            Ok(length) => return Step::Plain(length),
            Err(found) => Some(found),
        },
    };
    found.map_or(Step::Plain(1), Step::Foreign)
}

/// Every foreign spelling in an expression or a script, outside of its texts and comments;
/// and the text with all of them put right, where that moves nothing, so that
/// the rest of it can be checked as well.
pub(super) fn check(source: &Source, of: Text) -> (Vec<Diagnostic>, Option<String>) {
    // What is wrong with a statement is that it is one.
    let first = source.text.trim_start().split(|c: char| !is_word(c)).next().unwrap_or_default();
    if of == Text::Expression && ["let", "const", "switch", "fn"].contains(&first) {
        return (Vec::new(), None);
    }
    let mut found = Vec::new();
    let chars: Vec<char> = source.text.chars().collect();
    let mut mended = Correction { chars: chars.clone(), whole: true };
    let mut brackets = Vec::new();
    let (mut line, mut column) = (1u32, 1u32);
    let mut at = 0;
    while at < chars.len() && found.len() < 20 {
        let here = Cursor { chars: &chars, at, of, brackets: &brackets };
        let (length, as_list) = match step(&here) {
            Step::Plain(length) => (length, false),
            Step::Foreign(foreign) => {
                found.push(source.error("KW0208", line, column, foreign.message).help(foreign.help));
                match foreign.right {
                    Some(right) => mended.put(at, foreign.length, &right),
                    None => mended.whole = false,
                }
                if let Some((place, right)) = foreign.other {
                    mended.put(place, 1, &right.to_string());
                }
                (foreign.length, foreign.other.is_some())
            }
        };
        match chars[at] {
            '(' if as_list => brackets.push(Bracket::Items),
            '(' => brackets.push(if here.before().is_some_and(is_word) { Bracket::Items } else { Bracket::Group }),
            '[' | '{' => brackets.push(Bracket::Items),
            ')' | ']' | '}' => {
                brackets.pop();
            }
            _ => {}
        }
        for c in &chars[at..at + length] {
            if *c == '\n' {
                line += 1;
                column = 1;
            } else {
                column += 1;
            }
        }
        at += length;
    }
    let mended = mended.whole.then(|| mended.chars.into_iter().collect());
    (found, mended)
}

/// A text being put right, every character in its place.
struct Correction {
    chars: Vec<char>,
    whole: bool,
}

impl Correction {
    /// Puts `right` over so many characters; what does not fit leaves the text
    /// as not mended.
    fn put(&mut self, at: usize, over: usize, right: &str) {
        let right: Vec<char> = right.chars().collect();
        self.whole &= right.len() <= over && at + over <= self.chars.len();
        if self.whole {
            let padded = right.into_iter().chain(std::iter::repeat(' ')).take(over);
            self.chars.splice(at..at + over, padded);
        }
    }
}

#[cfg(test)]
mod tests;
