//! The spellings that people bring from SQL, Python and spreadsheets, found
//! before Rhai sees the text, each with the right one.
//!
//! The scan walks over the text once, past its quoted texts and remarks. What
//! stands at a place is judged by what it is: `number`, `word`, `sign` or
//! `quote`.

use crate::diagnostic::Diagnostic;
use crate::playbook::Source;

mod number;
mod quote;
mod sign;
mod word;

pub(super) use number::{NO_DATES, is_date, is_month};
pub(super) use word::WHOLE;

/// What a text is: some words are names in a script that are none in an
/// expression, and there `=` is not a mistake.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    Expression,
    /// An expression in a template.
    Template,
    Script,
}

/// A foreign spelling at the place where the scan stands.
struct Foreign {
    /// How many characters belong to it.
    length: usize,
    message: String,
    help: String,
    /// What to put in its place, so that the rest can be checked as well;
    /// `None` where nothing is certain.
    right: Option<String>,
    /// A second place that goes with it, and what to put there.
    other: Option<(usize, char)>,
}

impl Foreign {
    fn new(length: usize, message: impl Into<String>, help: impl Into<String>) -> Foreign {
        Foreign { length, message: message.into(), help: help.into(), right: None, other: None }
    }

    fn right(self, right: impl Into<String>) -> Foreign {
        Foreign { right: Some(right.into()), ..self }
    }
}

/// What an open bracket is around.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Group,
    /// The arguments of a call, or a list: a comma belongs there.
    Items,
}

/// The place where the scan stands.
struct Here<'a> {
    chars: &'a [char],
    at: usize,
    of: Text,
    brackets: &'a [Bracket],
}

/// What stands there: so many characters without fault, or a foreign spelling.
enum Step {
    Plain(usize),
    Foreign(Foreign),
}

impl Here<'_> {
    fn rest(&self) -> &[char] {
        &self.chars[self.at..]
    }

    /// The character right before.
    fn before(&self) -> Option<char> {
        self.at.checked_sub(1).map(|before| self.chars[before])
    }

    /// The last character before that is no space.
    fn last(&self) -> Option<char> {
        self.chars[..self.at].iter().rev().copied().find(|c| !c.is_whitespace())
    }

    /// Whether a value ends before this place, so that an operator must follow.
    fn after_value(&self) -> bool {
        self.last().is_some_and(|c| c.is_alphanumeric() || "_)]\"'`”’".contains(c))
    }

    /// Whether commas separate items here.
    fn among_items(&self) -> bool {
        self.brackets.last() == Some(&Bracket::Items)
    }

    fn is_expression(&self) -> bool {
        self.of != Text::Script
    }

    fn step(&self) -> Step {
        let rest = self.rest();
        let found = match rest {
            ['"', ..]
                if self.is_expression()
                    && let Some(word) = quote::unopened(self) =>
            {
                Some(word)
            }
            ['"', ..] => return Step::Plain(quote::closed(rest, '"').unwrap_or(rest.len())),
            ['`', ..] => return Step::Plain(quote::closed(rest, '`').unwrap_or(rest.len())),
            ['#', '"' | '#', ..] => return Step::Plain(quote::raw(rest)),
            ['/', '/', ..] => return Step::Plain(rest.iter().position(|c| *c == '\n').unwrap_or(rest.len())),
            ['/', '*', ..] => {
                let end = rest[2..].windows(2).position(|pair| pair == ['*', '/']);
                return Step::Plain(end.map_or(rest.len(), |end| end + 4));
            }
            [c, ..] if quote::opens(*c) => Some(quote::foreign(rest)),
            [c, ..] if c.is_ascii_digit() => match number::check(self) {
                Ok(length) => return Step::Plain(length),
                Err(found) => Some(found),
            },
            [c, ..] if c.is_alphabetic() || *c == '_' => match word::check(self) {
                Ok(length) => return Step::Plain(length),
                Err(found) => Some(found),
            },
            _ => match sign::check(self) {
                Ok(length) => return Step::Plain(length),
                Err(found) => Some(found),
            },
        };
        found.map_or(Step::Plain(1), Step::Foreign)
    }
}

/// Every foreign spelling in an expression or a script, outside of its texts and comments;
/// and the text with all of them put right, where that moves nothing, so that
/// the rest of it can be checked as well.
pub(super) fn check(source: &Source, of: Text) -> (Vec<Diagnostic>, Option<String>) {
    let mut found = Vec::new();
    let chars: Vec<char> = source.text.chars().collect();
    let mut mended = Mended { chars: chars.clone(), whole: true };
    let mut brackets = Vec::new();
    let (mut line, mut column) = (1u32, 1u32);
    let mut at = 0;
    while at < chars.len() && found.len() < 20 {
        let here = Here { chars: &chars, at, of, brackets: &brackets };
        let (length, as_list) = match here.step() {
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

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A text being put right, every character in its place.
struct Mended {
    chars: Vec<char>,
    whole: bool,
}

impl Mended {
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
