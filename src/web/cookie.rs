//! The cookies: that of a session, and that of the language which a reader has chosen.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{self, HeaderValue};

/// Its name where the pages are opened by https: browsers then take it from the
/// very host that set it, for all of it, and never without encryption.
const SECURE_NAME: &str = "__Host-keepwell";
const PLAIN_NAME: &str = "keepwell";

/// How the cookie is written: whether the pages are opened by https.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionCookie {
    pub is_secure: bool,
}

impl SessionCookie {
    /// The token that a request brings.
    pub fn read(self, headers: &HeaderMap) -> Option<&str> {
        let token = value(headers, self.name())?;
        let is_token = token.len() == 43 && token.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c));
        is_token.then_some(token)
    }

    /// The header that has a browser keep this token so long.
    pub fn set(self, token: &str, lasts: Duration) -> HeaderValue {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let text =
            format!("{}={token}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}", self.name(), lasts.as_secs());
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }

    /// The header that has a browser forget it.
    pub fn remove(self) -> HeaderValue {
        self.set("", Duration::ZERO)
    }

    fn name(self) -> &'static str {
        if self.is_secure { SECURE_NAME } else { PLAIN_NAME }
    }
}

/// The language that somebody has chosen in this browser.
#[derive(Clone, Copy, Debug)]
pub(super) struct LanguageCookie;

impl LanguageCookie {
    const NAME: &str = "keepwell-language";
    const LASTS: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    /// The tag that a request brings.
    pub fn read(headers: &HeaderMap) -> Option<&str> {
        value(headers, LanguageCookie::NAME)
    }

    /// The header that has a browser keep this tag for a year.
    pub fn set(tag: &'static str) -> HeaderValue {
        let (name, lasts) = (LanguageCookie::NAME, LanguageCookie::LASTS.as_secs());
        let text = format!("{name}={tag}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Lax");
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// What the cookie of this name says.
fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_for_this_host_alone() {
        let token = "A".repeat(43);
        let secure = SessionCookie { is_secure: true };
        let set = secure.set(&token, Duration::from_secs(60));
        let expected = format!("__Host-keepwell={token}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(set.to_str().unwrap(), expected);
        let plain = SessionCookie { is_secure: false };
        assert_eq!(plain.remove().to_str().unwrap(), "keepwell=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");

        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "theme=dark; keepwell=short".parse().unwrap());
        headers.append(header::COOKIE, format!("a=b;__Host-keepwell={token}").parse().unwrap());
        assert_eq!(secure.read(&headers), Some(&*token));
        assert_eq!(plain.read(&headers), None, "this is no token");
    }
}
