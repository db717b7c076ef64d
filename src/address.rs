//! Mail addresses that every relay takes: an ASCII dot-atom at a host name.
//!
//! Narrower than the standard on purpose. Quoted local parts, address literals
//! and non-ASCII local parts are refused with a reason, so that a strange
//! address stops one message and never a whole batch. International domains
//! are written in their ASCII form.

use std::fmt;

use thiserror::Error;

/// A display name, if any, and an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// Shown to people; may hold any text.
    pub name: Option<String>,
    /// Checked where it is used, by [`parse_address`].
    pub address: String,
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => f.write_str(&self.address),
        }
    }
}

/// Why a text is no address that mail can be sent to.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    #[error("the address is empty")]
    Empty,
    #[error("`{0}` has no `@` between a name and a domain")]
    NoAt(String),
    #[error("`{0}`: letters other than ASCII before the `@` are not supported by every mail relay")]
    NonAsciiLocal(String),
    #[error("`{0}`: the part before the `@` is not valid")]
    Local(String),
    #[error("`{0}`: the domain is not valid")]
    Domain(String),
    #[error("`{0}`: expected `Name <name@domain>` or `name@domain`")]
    Mailbox(String),
}

/// Checks `name@domain` and gives it back without surrounding space, the
/// domain in lower case and an international one as A-labels (`xn--…`).
pub fn parse_address(text: &str) -> Result<String, AddressError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(AddressError::Empty);
    }
    let (local, domain) = text
        .rsplit_once('@')
        .filter(|(local, domain)| !local.is_empty() && !domain.is_empty())
        .ok_or_else(|| AddressError::NoAt(shown(text)))?;
    if !local.is_ascii() {
        return Err(AddressError::NonAsciiLocal(shown(text)));
    }
    let atoms = |atom: &str| {
        let special = |c: char| "!#$%&'*+-/=?^_`{|}~".contains(c);
        !atom.is_empty() && atom.chars().all(|c| c.is_ascii_alphanumeric() || special(c))
    };
    if local.len() > 64 || !local.split('.').all(atoms) {
        return Err(AddressError::Local(shown(text)));
    }
    let domain = if domain.is_ascii() {
        domain.to_ascii_lowercase()
    } else {
        idna::domain_to_ascii_strict(domain).map_err(|_| AddressError::Domain(shown(text)))?
    };
    let labels = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits alone would be an IP address.
    let numeric = |label: &str| label.chars().all(|c| c.is_ascii_digit());
    if domain.len() > 253 || !domain.split('.').all(labels) || domain.rsplit('.').next().is_some_and(numeric) {
        return Err(AddressError::Domain(shown(text)));
    }
    Ok(format!("{local}@{domain}"))
}

/// Parses `Acme Success <success@acme.example>`, `"Acme, Inc." <a@b.example>`
/// or a bare address.
pub fn parse_mailbox(text: &str) -> Result<Mailbox, AddressError> {
    let text = text.trim();
    let Some(inner) = text.strip_suffix('>') else {
        return Ok(Mailbox { name: None, address: parse_address(text)? });
    };
    let (name, address) = inner.rsplit_once('<').ok_or_else(|| AddressError::Mailbox(shown(text)))?;
    let name = name.trim();
    let name = match name.strip_prefix('"') {
        Some(quoted) => {
            let quoted = quoted.strip_suffix('"').ok_or_else(|| AddressError::Mailbox(shown(text)))?;
            unescape(quoted)
        }
        None => name.to_owned(),
    };
    Ok(Mailbox { name: Some(name).filter(|name| !name.trim().is_empty()), address: parse_address(address)? })
}

/// Takes the backslashes out of a quoted name.
fn unescape(quoted: &str) -> String {
    let mut out = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

/// A refused text as an error message may show it: short, without control
/// characters.
fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        assert_eq!(parse_address(" Ann.O'Hara+x@Acme.Example ").unwrap(), "Ann.O'Hara+x@acme.example");
        assert_eq!(parse_address("a@localhost").unwrap(), "a@localhost");
        assert_eq!(parse_address("a@BÜCHER.example").unwrap(), "a@xn--bcher-kva.example");
        assert_eq!(parse_address("a@例え.テスト").unwrap(), "a@xn--r8jz45g.xn--zckzah");
        assert_eq!(parse_address(""), Err(AddressError::Empty));
        for (text, wanted) in [
            ("ann", AddressError::NoAt as fn(String) -> AddressError),
            ("@acme.example", AddressError::NoAt),
            ("zoë@acme.example", AddressError::NonAsciiLocal),
            ("a@bü cher.example", AddressError::Domain),
            ("a@bü..example", AddressError::Domain),
            ("a b@acme.example", AddressError::Local),
            ("a..b@acme.example", AddressError::Local),
            ("a\r\nb@acme.example", AddressError::Local),
            ("<a@acme.example", AddressError::Local),
            ("a@acme.example>\r\nRCPT", AddressError::Domain),
            ("a@acme..example", AddressError::Domain),
            ("a@-acme.example", AddressError::Domain),
            ("a@127.0.0.1", AddressError::Domain),
            ("a@[127.0.0.1]", AddressError::Domain),
        ] {
            assert_eq!(parse_address(text), Err(wanted(shown(text))), "{text:?}");
        }
        assert!(parse_address(&format!("{}@acme.example", "a".repeat(65))).is_err());
    }

    #[test]
    fn mailboxes_have_names_or_not() {
        let acme =
            |name: Option<&str>| Mailbox { name: name.map(str::to_owned), address: "success@acme.example".to_owned() };
        for (text, name) in [
            ("Acme Success <success@acme.example>", Some("Acme Success")),
            ("success@acme.example", None),
            ("<success@acme.example>", None),
            ("\"\" <success@acme.example>", None),
            (r#""Acme, \"the\" Inc." <success@acme.example>"#, Some(r#"Acme, "the" Inc."#)),
        ] {
            assert_eq!(parse_mailbox(text).unwrap(), acme(name), "{text}");
        }
        assert!(parse_mailbox("Acme success@acme.example>").is_err());
        assert!(parse_mailbox("\"Acme <success@acme.example>").is_err());
        assert!(parse_mailbox("Acme <success>").is_err());
    }
}
