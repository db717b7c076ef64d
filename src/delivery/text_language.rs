//! The language of a mail's text, for programs that read it aloud, and the
//! direction it is written in.

use crate::playbook::language::primary;

/// Where the lines of a text begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    #[default]
    LeftToRight,
    RightToLeft,
}

/// The language of a text, and its direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextLanguage {
    /// A BCP 47 tag; `None` where nobody knows it.
    pub tag: Option<String>,
    pub direction: Direction,
}

/// Languages that are written from right to left, unless their tag names
/// another script.
const FROM_RIGHT: [&str; 13] = ["ar", "arc", "ckb", "dv", "fa", "he", "iw", "nqo", "ps", "sd", "syr", "ug", "ur"];

impl TextLanguage {
    /// The language of a text that is meant for readers of that one; a text that
    /// is plainly written the other way is not in it.
    pub fn of(text: &str, tag: Option<&str>) -> TextLanguage {
        let (mut from_right, mut letters) = (0_usize, 0_usize);
        for c in text.chars().filter(|c| c.is_alphabetic()) {
            letters += 1;
            from_right += usize::from(is_from_right(c));
        }
        let is_meant = tag.is_some_and(is_language_from_right);
        let is_from_right = if is_meant { from_right > 0 } else { from_right * 2 > letters };
        let direction = if is_from_right { Direction::RightToLeft } else { Direction::LeftToRight };
        let fits = is_meant == is_from_right;
        TextLanguage { tag: tag.filter(|_| fits).map(str::to_owned), direction }
    }

    /// The attributes `lang` and `dir` of an HTML element, after a space.
    pub(super) fn attributes(&self) -> String {
        let is_plain = |tag: &&str| tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let lang = self.tag.as_deref().filter(is_plain).map_or(String::new(), |tag| format!(" lang=\"{tag}\""));
        format!("{lang} dir=\"{}\"", self.direction.attribute())
    }
}

impl Direction {
    /// As HTML writes it.
    pub(super) fn attribute(self) -> &'static str {
        match self {
            Direction::LeftToRight => "ltr",
            Direction::RightToLeft => "rtl",
        }
    }

    /// The side where lines begin, as CSS writes it.
    pub(super) fn side(self) -> &'static str {
        match self {
            Direction::LeftToRight => "left",
            Direction::RightToLeft => "right",
        }
    }
}

fn is_language_from_right(tag: &str) -> bool {
    let tag = tag.to_ascii_lowercase();
    match tag.split('-').nth(1) {
        Some("latn" | "cyrl") => false,
        Some("arab" | "hebr") => true,
        _ => FROM_RIGHT.contains(&primary(&tag)),
    }
}

fn is_from_right(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_which_way_it_is_written() {
        for (text, tag, attributes) in [
            ("שלום עולם.", Some("he"), " lang=\"he\" dir=\"rtl\""),
            ("Acme Optics, Keepwell: שלום.", Some("he"), " lang=\"he\" dir=\"rtl\""),
            ("مرحبا", Some("ar-EG"), " lang=\"ar-EG\" dir=\"rtl\""),
            ("Hello.", Some("en"), " lang=\"en\" dir=\"ltr\""),
            ("Hello.", None, " dir=\"ltr\""),
            ("שלום עולם.", None, " dir=\"rtl\""),
            // Written in English for everybody, also for a reader of Hebrew.
            ("Hello.", Some("he"), " dir=\"ltr\""),
            ("שלום עולם.", Some("en"), " dir=\"rtl\""),
            ("Salam", Some("az-Latn"), " lang=\"az-Latn\" dir=\"ltr\""),
            ("Hello.", Some("\" onload=\""), " dir=\"ltr\""),
            ("", None, " dir=\"ltr\""),
        ] {
            assert_eq!(TextLanguage::of(text, tag).attributes(), attributes, "{text} {tag:?}");
        }
    }
}
