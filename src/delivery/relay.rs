//! Which relay, and how: `smtp://user:password@host:port?tls=required`.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

/// A relay's address. Its `Debug` and `Display` forms hide the password.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) login: Option<Login>,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (`smtps:`).
    Implicit,
    /// STARTTLS, and nothing is said before it succeeded.
    StartTls,
    /// No TLS; only when it was asked for.
    None,
}

/// Name and password for the relay.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub user: String,
    pub password: String,
}

/// What is wrong with a relay URL. Never repeats the URL, which may hold a
/// password.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RelayUrlError {
    #[error("a relay is written `smtp://host:port` or `smtps://host:port`")]
    Scheme,
    #[error("the relay's host is missing or not valid")]
    Host,
    #[error("the relay's port is not a number from 1 to 65535")]
    Port,
    #[error("the relay's user or password has a broken `%` escape")]
    Escape,
    #[error("after the relay's host and port nothing but `?tls=required` or `?tls=none` can stand")]
    Query,
    #[error("`tls=none` contradicts `smtps:`")]
    Contradiction,
    #[error("a password is not sent without TLS, except to this machine: drop `tls=none`")]
    PlainPassword,
}

impl RelayUrl {
    /// Parses `smtp://` (STARTTLS required unless `?tls=none`) or `smtps://`.
    ///
    /// Without a port it is 465 for `smtps:`, 587 with STARTTLS, 25 without
    /// TLS. User and password are percent-encoded.
    pub fn parse(text: &str) -> Result<RelayUrl, RelayUrlError> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(RelayUrlError::Scheme)?;
        let implicit = match scheme.to_ascii_lowercase().as_str() {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(RelayUrlError::Scheme),
        };
        // The last `@` ends the login: an unescaped one in a password is
        // common, and a host has none.
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, rest),
        };
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        };
        let security = match (implicit, query) {
            (true, None | Some("" | "tls=required")) => Security::Implicit,
            (true, Some("tls=none")) => return Err(RelayUrlError::Contradiction),
            (false, None | Some("" | "tls=required")) => Security::StartTls,
            (false, Some("tls=none")) => Security::None,
            _ => return Err(RelayUrlError::Query),
        };
        let (host, port) = host_and_port(place.strip_suffix('/').unwrap_or(place))?;
        let port = port.unwrap_or(match security {
            Security::Implicit => 465,
            Security::StartTls => 587,
            Security::None => 25,
        });
        let login = login.map(parse_login).transpose()?.flatten();
        if login.is_some() && security == Security::None && !is_this_machine(&host) {
            return Err(RelayUrlError::PlainPassword);
        }
        Ok(RelayUrl { host, port, security, login })
    }

    /// How the connection is protected.
    pub fn security(&self) -> Security {
        self.security
    }
}

fn host_and_port(place: &str) -> Result<(String, Option<u16>), RelayUrlError> {
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(RelayUrlError::Host)?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| RelayUrlError::Host)?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(RelayUrlError::Port),
        }
    } else {
        match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        }
    };
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
    if host.is_empty() || !host.chars().all(valid) {
        return Err(RelayUrlError::Host);
    }
    let port = match port {
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err(RelayUrlError::Port),
            Ok(port) => Some(port),
        },
        None => None,
    };
    Ok((host.to_owned(), port))
}

fn parse_login(text: &str) -> Result<Option<Login>, RelayUrlError> {
    if text.is_empty() {
        return Ok(None);
    }
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    Ok(Some(Login { user: percent_decode(user)?, password: percent_decode(password)? }))
}

fn percent_decode(text: &str) -> Result<String, RelayUrlError> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = bytes.next().map(char::from);
            digit.and_then(|digit| digit.to_digit(16)).ok_or(RelayUrlError::Escape)
        };
        let value = digit()? * 16 + digit()?;
        out.push(value as u8);
    }
    String::from_utf8(out).map_err(|_| RelayUrlError::Escape)
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.security {
            Security::Implicit => "smtps",
            Security::StartTls | Security::None => "smtp",
        };
        write!(f, "{scheme}://")?;
        if let Some(login) = &self.login {
            write!(f, "{}:***@", login.user)?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)?;
        } else {
            write!(f, "{}:{}", self.host, self.port)?;
        }
        match self.security {
            Security::None => f.write_str("?tls=none"),
            Security::Implicit | Security::StartTls => Ok(()),
        }
    }
}

impl fmt::Debug for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RelayUrl({self})")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_their_defaults() {
        for (text, shown, security) in [
            ("smtp://mail.example", "smtp://mail.example:587", Security::StartTls),
            ("smtps://mail.example/", "smtps://mail.example:465", Security::Implicit),
            ("smtp://127.0.0.1:2525?tls=none", "smtp://127.0.0.1:2525?tls=none", Security::None),
            ("SMTP://a%40b:p%3Aw@[::1]:25?tls=none", "smtp://a@b:***@[::1]:25?tls=none", Security::None),
            ("smtp://ann:se@cret@mail.example?tls=required", "smtp://ann:***@mail.example:587", Security::StartTls),
        ] {
            let url = RelayUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.security(), security);
        }
        let url = RelayUrl::parse("smtp://a%40b:p%3Aw@localhost?tls=none").unwrap();
        let login = url.login.clone().unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("a@b", "p:w"));
        assert!(!format!("{url:?}").contains("p:w"));
    }

    #[test]
    fn what_is_refused() {
        for (text, error) in [
            ("mail.example:25", RelayUrlError::Scheme),
            ("http://mail.example", RelayUrlError::Scheme),
            ("smtp://", RelayUrlError::Host),
            ("smtp://a b", RelayUrlError::Host),
            ("smtp://[::1", RelayUrlError::Host),
            ("smtp://mail.example:0", RelayUrlError::Port),
            ("smtp://mail.example:x", RelayUrlError::Port),
            ("smtp://mail.example?tls=maybe", RelayUrlError::Query),
            ("smtps://mail.example?tls=none", RelayUrlError::Contradiction),
            ("smtp://a%zz@mail.example", RelayUrlError::Escape),
            ("smtp://a:b@mail.example?tls=none", RelayUrlError::PlainPassword),
        ] {
            assert_eq!(RelayUrl::parse(text), Err(error), "{text}");
        }
    }
}
