//! How it is known who somebody is: by a session of theirs, by the word of a
//! proxy that is trusted, or not at all where nobody logs in.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::ConnectInfo;
use axum::http::header::HeaderName;
use axum::http::{Extensions, HeaderMap, StatusCode};
use tokio::sync::Semaphore;

use super::WebState;
use super::cookie::SessionCookie;
use super::page::Trouble;
use super::visitor::{Proof, Visitor};
use crate::config::Config;
use crate::config::ip_range::IpRange;
use crate::store::users::sessions::SessionUse;
use crate::user::user_name;

/// How many passwords are hashed at the same time; each takes 19 MiB.
const HASHES: usize = 2;

/// What is set about it.
#[derive(Clone)]
pub(super) struct Identity {
    pub cookie: SessionCookie,
    /// Whether only this machine reaches the pages of colleagues.
    is_local: bool,
    /// In which header a proxy says who it brings.
    user_header: Option<HeaderName>,
    trusted_proxies: Vec<IpRange>,
    /// Whether a user was found. There are none until the first is added, and
    /// from then on always.
    has_users: Arc<AtomicBool>,
    pub hashes: Arc<Semaphore>,
}

impl Identity {
    pub fn new(config: &Config) -> Identity {
        Identity {
            cookie: SessionCookie {
                is_secure: config.web_url.as_deref().is_some_and(|url| url.starts_with("https://")),
            },
            is_local: config.listen.is_some_and(|listen| listen.ip().is_loopback()),
            user_header: config.user_header.as_deref().and_then(|name| name.parse().ok()),
            trusted_proxies: config.trusted_proxies.clone(),
            has_users: Arc::default(),
            hashes: Arc::new(Semaphore::new(HASHES)),
        }
    }

    /// Where a request comes from: its peer, or whom a trusted proxy brings.
    pub fn client(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
        let peer = peer(extensions)?;
        if !self.trusts(peer) {
            return Some(peer);
        }
        let hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).map(str::trim).collect();
        // The last ones were written by our own proxies.
        for hop in hops.iter().rev() {
            match address_of(hop) {
                Some(address) if self.trusts(address) => {}
                Some(address) => return Some(address),
                None => break,
            }
        }
        Some(peer)
    }

    /// Whether a request brings what says who somebody is, be it right or wrong.
    pub fn is_claimed(&self, headers: &HeaderMap, extensions: &Extensions) -> bool {
        self.cookie.read(headers).is_some() || self.header(headers, extensions).is_some()
    }

    /// Who asks; `None` when they have to log in.
    pub async fn identify(
        &self,
        web: &WebState,
        headers: &HeaderMap,
        extensions: &Extensions,
        by: SessionUse,
    ) -> Result<Option<Visitor>, Trouble> {
        if let Some(given) = self.header(headers, extensions) {
            let name = user_name(given).filter(|_| self.is_single(headers));
            let found = match &name {
                Some(name) => web.store.enabled_user(name).await?,
                None => None,
            };
            let (Some(name), Some((role, csm_id))) = (name, found) else {
                return Err(Trouble::refusal(
                    StatusCode::FORBIDDEN,
                    "You are logged in, but there is no user of your name in Keepwell. An admin can add you.",
                ));
            };
            return Ok(Some(Visitor { name, role, csm_id, proof: Proof::Header }));
        }
        if let Some(token) = self.cookie.read(headers)
            && let Some(user) = web.store.session_user(token, by, web.clock.now()).await?
        {
            let (name, role, csm_id) = (user.name, user.role, user.csm_id);
            return Ok(Some(Visitor { name, role, csm_id, proof: Proof::Session }));
        }
        Ok(self.is_open(web).await?.then(Visitor::anybody))
    }

    /// Whether nobody logs in: only this machine reaches the pages, and there
    /// are no users.
    async fn is_open(&self, web: &WebState) -> Result<bool, Trouble> {
        if !self.is_local || self.user_header.is_some() || self.has_users.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let has_users = web.store.has_users().await?;
        if has_users {
            self.has_users.store(true, Ordering::Relaxed);
        }
        Ok(!has_users)
    }

    /// What a trusted proxy says of who it brings.
    fn header<'a>(&self, headers: &'a HeaderMap, extensions: &Extensions) -> Option<&'a str> {
        let value = headers.get(self.user_header.as_ref()?)?;
        peer(extensions).is_some_and(|peer| self.trusts(peer)).then(|| value.to_str().unwrap_or_default())
    }

    /// A proxy that lets a header of the client through beside its own is no witness.
    fn is_single(&self, headers: &HeaderMap) -> bool {
        self.user_header.as_ref().is_some_and(|name| headers.get_all(name).iter().count() == 1)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|range| range.contains(address))
    }
}

/// The other end of the connection.
fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip())
}

/// The address that a proxy wrote: alone, or with a port as some do.
fn address_of(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let with_port = || hop.parse().ok().map(|socket: SocketAddr| socket.ip());
    bare.unwrap_or(hop).parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::address_of;

    #[test]
    fn a_hop_may_have_a_port() {
        let of = |hop: &str| address_of(hop).map(|address| address.to_string()).unwrap_or_default();
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("192.0.2.7:4711"), "192.0.2.7");
        assert_eq!(
            (of("2001:db8::1"), of("[2001:db8::1]"), of("[2001:db8::1]:443")),
            ("2001:db8::1".into(), "2001:db8::1".into(), "2001:db8::1".into())
        );
        assert_eq!((of("unknown"), of("")), (String::new(), String::new()));
    }
}
