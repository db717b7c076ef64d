//! Whether a mail says anything: one without a subject or without a text does
//! not leave.

use super::markdown::render;
use crate::effect::Words;

/// What a mail with these words lacks, as the reason that people read; `None`
/// for one that says something.
pub fn missing_words(words: &Words) -> Option<&'static str> {
    if is_blank(&words.subject) {
        return Some("its subject is empty");
    }
    // Nearly every text has a letter, and need not be rendered for this.
    let has_letter = words.body.chars().any(|c| c.is_ascii_alphanumeric());
    (!has_letter && is_blank(&render(&words.body).text)).then_some("its text is empty")
}

fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

/// Characters that take no room and mean nothing alone: soft hyphens, joiners,
/// zero-width and other invisible signs, and letters that are drawn empty.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_can_be_read_is_missing() {
        for (subject, body, expected) in [
            ("Hello", "Hello", None),
            ("你好", "👋", None),
            ("?", "1", None),
            ("", "Hello", Some("its subject is empty")),
            (" \u{200b}\u{feff}", "Hello", Some("its subject is empty")),
            ("Hello", "", Some("its text is empty")),
            ("Hello", " \n\n\u{a0}\u{2060}\n", Some("its text is empty")),
            ("Hello", "# \n\n> \n", Some("its text is empty")),
        ] {
            let words = Words { subject: subject.to_owned(), body: body.to_owned(), language: None };
            assert_eq!(missing_words(&words), expected, "{subject:?} {body:?}");
        }
    }
}
