//! A sentence about a change, with the texts of authors apart from its own words:
//! whoever shows it decides how they are quoted.

use std::fmt;

/// The longest quoted text, in characters.
const LONGEST: usize = 160;

/// A sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeWords(Vec<SentencePart>);

/// A part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentencePart {
    Word(String),
    /// What stands in a file, on one line.
    Quote(String),
}

impl ChangeWords {
    pub(super) fn new() -> ChangeWords {
        ChangeWords::default()
    }

    pub(super) fn word(mut self, word: &str) -> ChangeWords {
        self.0.push(SentencePart::Word(word.to_owned()));
        self
    }

    pub(super) fn quote(mut self, text: &str) -> ChangeWords {
        self.0.push(SentencePart::Quote(shorten(text)));
        self
    }

    /// A key, which is a word of its own where it is made like one.
    pub(super) fn key(self, key: &str) -> ChangeWords {
        let is_plain = key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '));
        if is_plain { self.word(key) } else { self.quote(key) }
    }

    /// Its parts in order; a space stands between two.
    pub fn pieces(&self) -> &[SentencePart] {
        &self.0
    }
}

impl fmt::Display for ChangeWords {
    /// With what is quoted in backticks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written: Vec<String> = self
            .0
            .iter()
            .map(|piece| match piece {
                SentencePart::Word(word) => word.clone(),
                SentencePart::Quote(text) => format!("`{text}`"),
            })
            .collect();
        f.write_str(&written.join(" "))
    }
}

/// A text on one line, its end cut off where it is long.
fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
