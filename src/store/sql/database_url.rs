//! The URL of a database. It may hold a password, also in its parameters: nothing
//! of its values is said, neither in an error nor in a log.

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use url::Url;

/// The parameters that have a meaning, beside `options[NAME]`.
const KNOWN: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// Why a URL cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("it is not a URL ({0}); write `postgres://user:password@host:port/name`")]
    Unreadable(url::ParseError),
    #[error("it is not a URL of Postgres; write `postgres://user:password@host:port/name`")]
    Scheme,
    #[error("the value of its parameter `{0}` cannot be used")]
    Parameter(&'static str),
    #[error("its user, password, host or name cannot be used")]
    Place,
}

/// How to connect to the database of a URL. Parameters that have no meaning are
/// ignored, with a warning that names them and where the URL stands.
pub(crate) fn parse_url(text: &str, place: &str) -> Result<PgConnectOptions, UrlError> {
    let mut url = Url::parse(text).map_err(UrlError::Unreadable)?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(UrlError::Scheme);
    }
    let given: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let (known, ignored): (Vec<_>, Vec<_>) = given.into_iter().partition(|(name, _)| has_meaning(name));
    if !ignored.is_empty() {
        let names: Vec<&str> = ignored.iter().map(|(name, _)| shown(name)).collect();
        tracing::warn!("parameters of {place} that are not known and are ignored: {}", names.join(", "));
    }
    url.set_query(None);
    let options = PgConnectOptions::from_url(&url).map_err(|_| UrlError::Place)?;
    for (name, value) in &known {
        let mut alone = url.clone();
        alone.query_pairs_mut().append_pair(name, value);
        if PgConnectOptions::from_url(&alone).is_err() {
            let name = KNOWN.into_iter().find(|known| known == name).unwrap_or("options");
            return Err(UrlError::Parameter(name));
        }
    }
    if known.is_empty() {
        return Ok(options);
    }
    url.query_pairs_mut().extend_pairs(known);
    PgConnectOptions::from_url(&url).map_err(|_| UrlError::Place)
}

fn has_meaning(name: &str) -> bool {
    KNOWN.contains(&name) || name.starts_with("options[")
}

/// A name that looks like one. In a URL whose password was not encoded, what
/// stands there can be a part of it.
fn shown(name: &str) -> &str {
    let is_word = name.len() <= 40 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    if is_word { name } else { "one that is not shown" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_said_without_its_values() {
        for (url, expected) in [
            ("canary", "it is not a URL (relative URL without a base)"),
            ("mysql://canary@localhost/x", "it is not a URL of Postgres"),
            ("postgres://ann:canary@localhost:port/x", "it is not a URL (invalid port number)"),
            ("postgres://localhost/x?sslmode=canary", "the value of its parameter `sslmode` cannot be used"),
            ("postgres://localhost/x?user=a&port=canary", "the value of its parameter `port` cannot be used"),
            ("postgres://localhost/x?hostaddr=canary", "the value of its parameter `hostaddr` cannot be used"),
            (
                "postgres://localhost/x?statement-cache-capacity=canary",
                "the value of its parameter `statement-cache-capacity` cannot be used",
            ),
            ("postgres://%ff:canary@localhost/x", "its user, password, host or name cannot be used"),
        ] {
            let said = parse_url(url, "DATABASE_URL").expect_err(url).to_string();
            assert!(said.starts_with(expected) && !said.contains("canary"), "{url}: {said}");
        }
    }

    #[test]
    fn what_has_a_meaning_is_taken() {
        let url = "postgres://ann:x@db.example:6000/main?foo=1&sslmode=require&options[geqo]=off&Ba/r=2";
        let options = parse_url(url, "DATABASE_URL").expect("a URL");
        assert_eq!((options.get_host(), options.get_port(), options.get_username()), ("db.example", 6000, "ann"));
        assert_eq!((options.get_database(), options.get_options()), (Some("main"), Some("-c geqo=off")));
        assert!(matches!(options.get_ssl_mode(), sqlx::postgres::PgSslMode::Require));
        let socket = parse_url("postgresql:///main?host=/run/pg&user=ann", "DATABASE_URL").expect("a URL");
        assert_eq!(socket.get_socket().map(|socket| socket.as_path()), Some(std::path::Path::new("/run/pg")));
        assert_eq!(shown("channel_binding"), "channel_binding");
        assert_eq!(shown("ss@h/db"), "one that is not shown");
    }
}
