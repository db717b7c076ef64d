//! The place where the scan stands, and what may be foreign there.

/// What a text is: some words are names in a script that are none in an
/// expression, and there `=` is not a mistake.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Expression,
    /// An expression in a template.
    Template,
    Script,
}

/// A foreign spelling at the place where the scan stands.
pub(super) struct ForeignSpelling {
    /// How many characters belong to it.
    pub(super) length: usize,
    pub(super) message: String,
    pub(super) help: String,
    /// What to put in its place, so that the rest can be checked as well;
    /// `None` where nothing is certain.
    pub(super) right: Option<String>,
    /// A second place that goes with it, and what to put there.
    pub(super) other: Option<(usize, char)>,
}

impl ForeignSpelling {
    pub(super) fn new(length: usize, message: impl Into<String>, help: impl Into<String>) -> ForeignSpelling {
        ForeignSpelling { length, message: message.into(), help: help.into(), right: None, other: None }
    }

    pub(super) fn right(self, right: impl Into<String>) -> ForeignSpelling {
        ForeignSpelling { right: Some(right.into()), ..self }
    }
}

/// What an open bracket is around.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bracket {
    Group,
    /// The arguments of a call, or a list: a comma belongs there.
    Items,
}

/// The place where the scan stands.
pub(super) struct Cursor<'a> {
    pub(super) chars: &'a [char],
    pub(super) at: usize,
    pub(super) of: Text,
    pub(super) brackets: &'a [Bracket],
}

impl Cursor<'_> {
    pub(super) fn rest(&self) -> &[char] {
        &self.chars[self.at..]
    }

    /// The character right before.
    pub(super) fn before(&self) -> Option<char> {
        self.at.checked_sub(1).map(|before| self.chars[before])
    }

    /// The last character before that is no space.
    pub(super) fn last(&self) -> Option<char> {
        self.chars[..self.at].iter().rev().copied().find(|c| !c.is_whitespace())
    }

    /// Whether a value ends before this place, so that an operator must follow.
    pub(super) fn after_value(&self) -> bool {
        self.last().is_some_and(|c| c.is_alphanumeric() || "_)]\"'`”’".contains(c))
    }

    /// Whether commas separate items here.
    pub(super) fn among_items(&self) -> bool {
        self.brackets.last() == Some(&Bracket::Items)
    }

    pub(super) fn is_expression(&self) -> bool {
        self.of != Text::Script
    }
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
