//! Where a webhook may go: a public address over https, or a target that the
//! configuration names.
//!
//! The addresses are checked in the resolution that the connection itself
//! uses, so that a name cannot answer one thing here and another there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hyper::Uri;

/// A target that has been read and has not been resolved yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    pub https: bool,
    /// Without the brackets of an address of version 6.
    pub host: String,
    pub port: u16,
    /// Path and query.
    pub path: String,
    /// Whether the configuration names it.
    pub allowed: bool,
}

// The path is where many services put their secret.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}:{})", self.host, self.port)
    }
}

impl Target {
    /// Reads a URL. `allow` holds `host:port` entries of the configuration.
    ///
    /// # Errors
    /// In words that never repeat the URL, which is a secret.
    pub fn parse(url: &str, allow: &[String]) -> Result<Target, String> {
        let uri: Uri = url.trim().parse().map_err(|_| "it is no URL".to_owned())?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("it needs to begin with https://".to_owned()),
        };
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("it has a user or password in front of its host".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_lowercase();
        if host.is_empty() {
            return Err("it names no host".to_owned());
        }
        let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
        let allowed = allow.iter().any(|entry| names(entry, &host, port));
        if !https && !allowed {
            return Err("only https is allowed; `webhooks: { allow: [\"host:port\"] }` names exceptions".to_owned());
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Target { https, host, port, path, allowed })
    }

    /// The addresses to connect to, each of them allowed.
    ///
    /// # Errors
    /// When the name is not known, or when one of its addresses is not public.
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, Unreachable> {
        let found: Vec<SocketAddr> = match self.host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, self.port)],
            Err(_) => tokio::net::lookup_host((self.host.as_str(), self.port))
                .await
                .map_err(|error| Unreachable::Unknown(format!("its host is not known: {error}")))?
                .collect(),
        };
        if found.is_empty() {
            return Err(Unreachable::Unknown("its host has no address".to_owned()));
        }
        if !self.allowed && found.iter().any(|address| !is_public(address.ip())) {
            return Err(Unreachable::Forbidden("its host is not a public address".to_owned()));
        }
        Ok(found)
    }
}

/// Why there is nothing to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Another time may differ.
    Unknown(String),
    /// It must not be connected to.
    Forbidden(String),
}

/// Whether an entry `host:port` names a target.
fn names(entry: &str, host: &str, port: u16) -> bool {
    entry
        .rsplit_once(':')
        .is_some_and(|(named, at)| named.trim_matches(['[', ']']).eq_ignore_ascii_case(host) && at.parse() == Ok(port))
}

/// Whether an address belongs to the public internet: nothing of this machine,
/// of its networks, or of what stands for them in another notation.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // Mapped, compatible and translated addresses are of version 4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // Tunnels, documentation, benchmarks and the like.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast; the rest is local, multicast or reserved.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:a00:1::",
            "2002:7f00:1::1",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "3fff::1",
        ] {
            assert!(!is_public(text.parse().expect(text)), "{text}");
        }
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2606:4700::1111",
            "2a00:1450::1",
            "2002:808:808::1",
        ] {
            assert!(is_public(text.parse().expect(text)), "{text}");
        }
    }

    #[test]
    fn targets_are_https_unless_the_configuration_names_them() {
        let allow = ["127.0.0.1:9000".to_owned(), "[::1]:9000".to_owned(), "Hooks.internal:80".to_owned()];
        let read = |url: &str| Target::parse(url, &allow).map(|target| (target.host, target.port, target.allowed));
        assert_eq!(read("https://Example.com/a?b=c"), Ok(("example.com".to_owned(), 443, false)));
        assert_eq!(read("http://127.0.0.1:9000/x"), Ok(("127.0.0.1".to_owned(), 9000, true)));
        assert_eq!(read("http://[::1]:9000/x"), Ok(("::1".to_owned(), 9000, true)));
        assert_eq!(read("http://hooks.internal"), Ok(("hooks.internal".to_owned(), 80, true)));
        for url in [
            "http://example.com",
            "http://127.0.0.1:9001",
            "ftp://x",
            "x",
            "",
            "https://a:b@example.com/",
            "https:///x",
        ] {
            assert!(read(url).is_err(), "{url}");
        }
        let target = Target::parse("https://example.com/T000/secret", &allow).expect("a target");
        assert!(!format!("{target:?}").contains("secret"));
    }
}
