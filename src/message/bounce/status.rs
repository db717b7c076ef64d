//! The codes in a server's words: `550`, and `5.1.1` of RFC 3463.

use std::fmt;

/// A code of RFC 3463, such as 5.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnhancedStatus {
    /// 2, 4 or 5: success, may pass, for good.
    pub class: u16,
    pub subject: u16,
    pub detail: u16,
}

impl EnhancedStatus {
    /// The code at the beginning of a text, whatever follows it.
    pub fn parse(text: &str) -> Option<EnhancedStatus> {
        let text = text.trim_start();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        if text[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let mut numbers = text[..end].trim_end_matches('.').split('.');
        let mut next = || {
            let digits = numbers.next().filter(|digits| (1..=3).contains(&digits.len()))?;
            digits.parse::<u16>().ok()
        };
        let (class, subject, detail) = (next()?, next()?, next()?);
        (numbers.next().is_none() && [2, 4, 5].contains(&class)).then_some(EnhancedStatus { class, subject, detail })
    }

    /// Whether it names only the class: `5.0.0`.
    pub fn is_unspecific(self) -> bool {
        (self.subject, self.detail) == (0, 0)
    }
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// What the receiver's server itself replied, found in the words around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerReply<'a> {
    /// Its code of three digits, of the classes 4 and 5.
    pub code: Option<u16>,
    /// The first code of RFC 3463 in it, of the classes 4 and 5; one that names
    /// only the class where there is no other.
    pub status: Option<EnhancedStatus>,
    /// What a relay wrote before it, such as the name of a host.
    pub context: &'a str,
    /// The reply with its codes; everything when no code is found.
    pub words: &'a str,
}

impl<'a> ServerReply<'a> {
    pub fn find(text: &'a str) -> ServerReply<'a> {
        let found = beginnings(text).find_map(|at| Some((at, reply_code(&text[at..])?)));
        let (code, at) = found.map_or((None, 0), |(at, code)| (Some(code), at));
        let (context, words) = text.split_at(at);
        let mut statuses = beginnings(words).filter_map(|at| EnhancedStatus::parse(&words[at..]));
        let mut unspecific = None;
        let specific = statuses.find(|status| {
            if status.class != 2 && status.is_unspecific() {
                unspecific.get_or_insert(*status);
            }
            status.class != 2 && !status.is_unspecific()
        });
        ServerReply { code, status: specific.or(unspecific), context, words }
    }

    /// Whether it says that another try may succeed.
    pub fn is_temporary(&self) -> bool {
        match self.status {
            Some(status) => status.class == 4,
            None => self.code.is_some_and(|code| code < 500),
        }
    }
}

/// Where a number may begin: not in the middle of a word, an IP address or a date.
fn beginnings(text: &str) -> impl Iterator<Item = usize> {
    let within = |before: char| before.is_alphanumeric() || ['.', '_', '/'].contains(&before);
    let mut before = ' ';
    text.char_indices().filter_map(move |(at, c)| {
        let begins = c.is_ascii_digit() && !within(before);
        before = c;
        begins.then_some(at)
    })
}

/// A code of three digits, as RFC 5321 forms them, at the beginning of a text.
fn reply_code(text: &str) -> Option<u16> {
    let bytes = text.as_bytes();
    let digits = bytes.get(..3)?;
    let formed = matches!(digits, [b'4' | b'5', b'0'..=b'5', b'0'..=b'9']);
    let ends = match bytes.get(3) {
        None => true,
        Some(next) => !next.is_ascii_alphanumeric() && !b"./_%".contains(next),
    };
    (formed && ends).then(|| digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receivers_own_reply_is_found_among_other_words() {
        for (text, code, status, words) in [
            ("smtp; 550 5.1.1 no such user", Some(550), Some("5.1.1"), "550 5.1.1 no such user"),
            ("smtp;550-5.7.1 no", Some(550), Some("5.7.1"), "550-5.7.1 no"),
            ("550 #5.1.0 Address rejected.", Some(550), Some("5.1.0"), "550 #5.1.0 Address rejected."),
            ("no mailbox here (#5.1.1)", None, Some("5.1.1"), "no mailbox here (#5.1.1)"),
            ("5.1.0 - Unknown address 550-'5.2.2 full'", Some(550), Some("5.2.2"), "550-'5.2.2 full'"),
            ("host mx.example[192.0.2.55] said: 554 5.0.0 no", Some(554), Some("5.0.0"), "554 5.0.0 no"),
            ("550 5.0.0 first, then 5.7.1", Some(550), Some("5.7.1"), "550 5.0.0 first, then 5.7.1"),
            ("id=20025-09, 10.550.1.1, 550x, 2.0.0", None, None, "id=20025-09, 10.550.1.1, 550x, 2.0.0"),
            ("450", Some(450), None, "450"),
            ("", None, None, ""),
        ] {
            let found = ServerReply::find(text);
            let shown = found.status.map(|status| status.to_string());
            assert_eq!((found.code, shown.as_deref(), found.words), (code, status, words), "{text}");
        }
        assert!(ServerReply::find("554 4.4.7 expired").is_temporary());
        assert!(ServerReply::find("451 later").is_temporary());
        assert!(!ServerReply::find("550 no").is_temporary());
    }

    #[test]
    fn a_status_is_read_with_whatever_follows_it() {
        let read = |text| EnhancedStatus::parse(text).map(|status| status.to_string());
        for text in [" 5.1.1 (no such user)", "5.1.1", "5.1.1.", "5.1.1;"] {
            assert_eq!(read(text).as_deref(), Some("5.1.1"), "{text}");
        }
        for text in ["", "5.1", "5.1.1111", "3.1.1", "5.1.1.1", "5..1", "none", "5.1.1x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
