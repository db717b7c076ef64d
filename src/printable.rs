//! Texts of others where they are printed. A customer's name, a subject, an id or
//! a file's name never steers a terminal: what a terminal or the order of reading
//! would obey is printed as its number instead, `\u{1b}`, so that nothing is
//! hidden and everything has its width.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character steers instead of being read: the controls of C0 and C1,
/// DEL, the marks that turn the direction of writing, and the separators of lines
/// and paragraphs.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text for one line of a terminal: `\n`, `\t` and `\u{202e}` stand in place of
/// what steers.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |out, c| out.extend(c.escape_default()))
}

/// A field of CSV, in quotes where it needs them. What a spreadsheet would take
/// for a formula is a text there.
pub fn csv_field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// A JSON document for a terminal: the same document, with what steers escaped
/// inside of its texts. The newlines and spaces between its parts stay.
pub fn printable_json(document: &str) -> Cow<'_, str> {
    escaped(document, |out, c| match c {
        // Inside of texts they are escaped already.
        '\n' | '\r' | '\t' => out.push(c),
        c => drop(write!(out, "\\u{:04x}", u32::from(c))),
    })
}

fn escaped(text: &str, escape: fn(&mut String, char)) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) { escape(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEERING: [char; 24] = [
        '\0', '\u{7}', '\u{8}', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{80}', '\u{85}', '\u{9b}', '\u{9f}',
        '\u{61c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}', '\u{202a}', '\u{202d}', '\u{202e}', '\u{2066}',
        '\u{2067}', '\u{2068}', '\u{2069}',
    ];

    #[test]
    fn nothing_that_steers_is_left_and_nothing_is_hidden() {
        for c in STEERING {
            let text = format!("Acme{c}Ltd");
            let shown = printable(&text);
            assert!(!shown.chars().any(steers) && shown.starts_with("Acme\\") && shown.ends_with("Ltd"), "{shown}");
        }
        assert_eq!(printable("a\u{1b}[2Jb\n\u{202e}"), "a\\u{1b}[2Jb\\n\\u{202e}");
        for plain in ["Acme", "Zoë Łukasz 你好 שלום مرحبا", "👩‍👩‍👧", "a\\u{1b}"] {
            assert_eq!(printable(plain), plain);
        }
    }

    #[test]
    fn a_json_document_stays_the_same() {
        for c in STEERING {
            let document = serde_json::json!({ "name": format!("Acme{c}Ltd"), "n": [1, 2] });
            for text in [document.to_string(), format!("{document:#}")] {
                let shown = printable_json(&text);
                assert!(!shown.chars().any(|c| steers(c) && c != '\n'), "{shown}");
                assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("valid JSON"), document);
            }
        }
    }
}
