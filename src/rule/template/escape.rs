//! Printed values stay what they are: text, never markup.

/// What the template's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// One line without markup: a subject, a title, a notice.
    Plain,
    /// Markdown: printed values are shown literally.
    Markdown,
    /// JSON: printed values stay inside their quotes.
    Json,
    /// A value of JSON by itself, which is put into its quotes later.
    JsonValue,
}

impl Escape {
    /// Whether a program reads it: numbers and truth values are written as in
    /// JSON, not as in a sentence.
    pub(super) fn is_for_programs(self) -> bool {
        matches!(self, Escape::Json | Escape::JsonValue)
    }

    /// A whole text that is nobody's template, so that it reads as it stands;
    /// in Markdown its lines stay lines.
    pub fn text(self, text: &str) -> String {
        let mut out = String::new();
        let mut lines = text.lines().map(str::trim_end).peekable();
        while let Some(line) = lines.next() {
            self.push(&mut out, line);
            let breaks = self == Escape::Markdown && !line.is_empty();
            match lines.peek() {
                Some(next) if breaks && !next.is_empty() => out.push_str("\\\n"),
                Some(_) => out.push(if self == Escape::Plain { ' ' } else { '\n' }),
                None => {}
            }
        }
        out
    }

    /// Appends a value so that it cannot leave its place.
    pub(super) fn push(self, out: &mut String, value: &str) {
        let mut after_space = self == Escape::Markdown;
        for c in value.chars() {
            let Some(c) = clean(c) else { continue };
            if self == Escape::Markdown {
                // Leading spaces could start a code block; HTML shows runs as one.
                if c == ' ' && after_space {
                    continue;
                }
                after_space = c == ' ';
                if c.is_ascii_punctuation() {
                    out.push('\\');
                }
            }
            if self == Escape::Json && matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
    }
}

/// Line breaks and tabs become spaces; other control characters, and those
/// that reverse the direction of the text after them, disappear.
fn clean(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c if c.is_control() => None,
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(escape: Escape, value: &str) -> String {
        let mut out = String::new();
        escape.push(&mut out, value);
        out
    }

    #[test]
    fn a_text_of_several_lines_reads_as_it_stands() {
        let text = "Hi *Ann*,\n\none\n  two  \n\n\nbye\n";
        assert_eq!(Escape::Markdown.text(text), "Hi \\*Ann\\*\\,\n\none\\\ntwo\n\n\nbye");
        assert_eq!(Escape::Plain.text("a\nb"), "a b");
    }

    #[test]
    fn values_cannot_break_out() {
        for (value, plain, markdown) in [
            ("Acme", "Acme", "Acme"),
            ("a\r\nBcc: x", "a  Bcc: x", "a Bcc\\: x"),
            ("a\u{7}b\u{202e}c", "abc", "abc"),
            ("*x* [y](z)", "*x* [y](z)", "\\*x\\* \\[y\\]\\(z\\)"),
            ("    code", "    code", "code"),
            ("1. <b>&amp;", "1. <b>&amp;", "1\\. \\<b\\>\\&amp\\;"),
            ("Zoë 株式会社", "Zoë 株式会社", "Zoë 株式会社"),
        ] {
            assert_eq!(escaped(Escape::Plain, value), plain);
            assert_eq!(escaped(Escape::Markdown, value), markdown);
        }
    }
}
