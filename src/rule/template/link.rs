//! Values inside the address of a link.
//!
//! What stands in an address is encoded as addresses are: a space in it would
//! end the link, and an `&` would begin another parameter.

use super::escape::Escape;

/// Where in an address a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkPart {
    /// At its beginning, or where several parts may be in it: a whole address, a
    /// host, a path, a mailbox.
    Open,
    /// A name in its path or a value of its query: nothing in it separates
    /// anything.
    Closed,
}

/// How the addresses begin that are found in a text.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// Where in an address a value stands that follows these words; `None` where it
/// stands in none. Values in the words are [`PRINTED`].
pub(super) fn link_part(before: &str, escape: Escape) -> Option<LinkPart> {
    let line = before.rsplit('\n').next().unwrap_or_default();
    let target = line.rfind("](").filter(|_| escape == Escape::Markdown).map(|at| &line[at + 2..]);
    if let Some(target) = target.map(|target| target.strip_prefix('<').unwrap_or(target))
        && !has_ended(target)
    {
        return Some(part_of(target));
    }
    let lower = line.to_ascii_lowercase();
    let begins = SCHEMES.iter().filter_map(|scheme| lower.rfind(scheme)).max()?;
    let address = &line[begins..];
    (!has_ended(address)).then(|| part_of(address))
}

/// What stands in the words before a value for each value printed already.
pub(super) const PRINTED: char = '\u{1}';

fn has_ended(address: &str) -> bool {
    let closing = address.matches(')').count() > address.matches('(').count();
    closing || address.contains(|c: char| c.is_whitespace() || "<>\"'`[]{}|\\".contains(c))
}

fn part_of(address: &str) -> LinkPart {
    let lower = address.to_ascii_lowercase();
    let behind = match lower.strip_prefix("mailto:") {
        // A mailbox has its `@`.
        Some(rest) => return if rest.contains('?') { LinkPart::Closed } else { LinkPart::Open },
        None => lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest),
    };
    match behind.contains(['/', '?', '#']) {
        true => LinkPart::Closed,
        false => LinkPart::Open,
    }
}

impl LinkPart {
    /// The value as it stands there.
    pub fn encode(self, value: &str) -> String {
        match self {
            LinkPart::Open => encode(value, b"-._~:/?#@!$&=+,%"),
            LinkPart::Closed => percent_encode(value),
        }
    }
}

/// A text as a part of a URL: nothing in it separates anything, and nothing in
/// it is Markdown.
pub(crate) fn percent_encode(text: &str) -> String {
    encode(text, b"-.")
}

/// What cannot stand in an address, where the value was encoded already.
pub(super) fn encode_rest(text: &str) -> String {
    LinkPart::Open.encode(text)
}

fn encode(text: &str, kept: &[u8]) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_an_address_is_found() {
        let (open, closed) = (Some(LinkPart::Open), Some(LinkPart::Closed));
        for (before, in_markdown, in_plain) in [
            ("Open [it](https://a.example/?team=", closed, closed),
            ("Open [it](https://a.example/?team=\u{1}&x=", closed, closed),
            ("Open [it](/local/", closed, None),
            ("Open [it](", open, None),
            ("Open [it](<", open, None),
            ("Open [it](https://", open, open),
            ("see https://a.example", open, open),
            ("see HTTP://a.example/", closed, closed),
            ("see <https://a.example/", closed, closed),
            ("[it]: https://a.example/", closed, closed),
            ("[write](mailto:", open, open),
            ("[write](mailto:a@b.example?subject=", closed, closed),
            ("[it](https://a.example/) ", None, None),
            ("[it](https://a.example/)", None, None),
            ("[it](https://a.example/ \"", None, None),
            ("https://a.example/ and ", None, None),
            ("https://a.example/\n", None, None),
            ("Hi ", None, None),
            ("", None, None),
        ] {
            assert_eq!(link_part(before, Escape::Markdown), in_markdown, "{before}");
            assert_eq!(link_part(before, Escape::Plain), in_plain, "{before}");
        }
    }

    #[test]
    fn values_do_not_leave_their_place() {
        for (value, open, closed) in [
            ("Linden Optics", "Linden%20Optics", "Linden%20Optics"),
            ("a&b=c/d?e#f", "a&b=c/d?e#f", "a%26b%3Dc%2Fd%3Fe%23f"),
            ("https://a.example/x_y%20z", "https://a.example/x_y%20z", "https%3A%2F%2Fa.example%2Fx%5Fy%2520z"),
            ("a) [b](c \"<>\\|", "a%29%20%5Bb%5D%28c%20%22%3C%3E%5C%7C", "a%29%20%5Bb%5D%28c%20%22%3C%3E%5C%7C"),
            ("ü", "%C3%BC", "%C3%BC"),
        ] {
            assert_eq!(LinkPart::Open.encode(value), open);
            assert_eq!(LinkPart::Closed.encode(value), closed);
        }
    }
}
