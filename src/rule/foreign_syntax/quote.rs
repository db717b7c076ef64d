//! Quotation marks: single ones, and those that word processors put in.

use super::cursor::{Cursor, ForeignSpelling, is_word};

const DOUBLE: &str = "“”„‟«»＂";
const SINGLE: &str = "'‘’‚‛‹›";

/// Whether a character opens a text elsewhere.
pub(crate) fn opens(c: char) -> bool {
    DOUBLE.contains(c) || SINGLE.contains(c)
}

/// The length of a quoted text with its quotes, if it closes.
pub(crate) fn quoted_length(rest: &[char], quote: char) -> Option<usize> {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// `A"`: a text that only ends with its mark.
pub(crate) fn missing_open_quote(here: &Cursor) -> Option<ForeignSpelling> {
    let mut word: Vec<char> = here.chars[..here.at].iter().rev().take_while(|c| is_word(**c)).copied().collect();
    word.reverse();
    let word: String = word.into_iter().collect();
    let fits = !word.is_empty() && !["in", "IN"].contains(&&*word);
    fits.then(|| ForeignSpelling::new(1, "a text begins with a double quote as well", format!("write \"{word}\"")))
}

/// The length of a text such as `#"…"#`; without its end, of all that is left.
pub(crate) fn raw(rest: &[char]) -> usize {
    let hashes = rest.iter().take_while(|c| **c == '#').count();
    if rest.get(hashes) != Some(&'"') {
        return hashes;
    }
    let end = |at: &usize| rest[*at] == '"' && rest[*at + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (hashes + 1..rest.len()).find(end).map_or(rest.len(), |at| at + 1 + hashes)
}

/// A text in the wrong marks. It ends on its line; one that is not closed is
/// taken to be a word.
pub(crate) fn foreign(rest: &[char]) -> ForeignSpelling {
    let closers = if DOUBLE.contains(rest[0]) { format!("{DOUBLE}\"") } else { format!("{SINGLE}\"") };
    let line = rest.iter().position(|c| *c == '\n').unwrap_or(rest.len());
    let (inner, length) = match rest[1..line].iter().position(|c| closers.contains(*c)) {
        Some(end) => (&rest[1..=end], end + 2),
        None => {
            let word = rest[1..line].iter().take_while(|c| c.is_alphanumeric() || "_-.".contains(**c)).count();
            (&rest[1..=word], word + 1)
        }
    };
    let inner: String = inner.iter().collect();
    let straight = if rest[0] == '\'' { "" } else { "straight " };
    let right = format!("\"{inner}\"");
    ForeignSpelling::new(length, format!("text stands in {straight}double quotes"), format!("write {right}"))
        .right(right)
}
