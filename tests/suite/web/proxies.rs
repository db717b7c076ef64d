//! A proxy that says who it brings, on real connections.

use keepwell::clock::Clock;
use keepwell::config::Config;
use keepwell::user::role::Role;
use keepwell::web::{Audience, WebState, serve};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{Site, TASK, now, shared};
use crate::support::client::send;

struct Served {
    address: String,
    stop: Option<oneshot::Sender<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
    }
}

/// Serves the site's pages for proxies at these addresses.
async fn served(site: &Site, trusted: &[&str]) -> Served {
    let config = Config {
        user_header: Some("X-Forwarded-User".to_owned()),
        trusted_proxies: trusted.iter().map(|range| range.parse().unwrap()).collect(),
        ..Config::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let state = WebState::new(shared(&site.store, &config), Clock::Fixed(now()));
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(async move {
        serve(listener, Audience::Colleagues, state, async { drop(stopped.await) }).await;
    });
    Served { address, stop: Some(stop) }
}

#[tokio::test]
async fn a_trusted_proxy_brings_users_by_name() {
    let site = Site::filled().await;
    site.user("ines@acme.example", Role::Csm, Some("csm-1")).await;
    let pages = served(&site, &["127.0.0.0/8"]).await;
    let get = async |headers: &[(&str, &str)]| send(&pages.address, "GET", "/", headers).await;
    let page = get(&[("x-forwarded-user", "Ines@Acme.example")]).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<span>ines@acme.example</span>") && page.body.contains(">Ines Falk, "), "{page:?}");
    assert!(!page.body.contains("/logout"), "the proxy has the session");
    let unknown = get(&[("x-forwarded-user", "kim@acme.example")]).await;
    assert!(unknown.status == 403 && unknown.body.contains("there is no user of your name"), "{unknown:?}");
    assert_eq!(get(&[("x-forwarded-user", "ines@acme.example"), ("x-forwarded-user", "ada")]).await.status, 403);
    assert_eq!(get(&[("x-forwarded-user", "")]).await.status, 403);
    assert_eq!(get(&[]).await.status, 303, "without a word, the login");

    let path = format!("/tasks/{TASK}/done");
    let post = async |headers: &[(&str, &str)]| send(&pages.address, "POST", &path, headers).await.status;
    let ines = ("x-forwarded-user", "ines@acme.example");
    assert_eq!(post(&[ines]).await, 403, "a browser says where a form comes from");
    assert_eq!(post(&[ines, ("sec-fetch-site", "cross-site")]).await, 403);
    assert_eq!(post(&[ines, ("sec-fetch-site", "same-origin")]).await, 415, "it would be carried out");
    let people = send(&pages.address, "GET", "/audit", &[ines]).await;
    assert_eq!(people.status, 403, "a role is the user's own");
    site.store
        .change_user("ines@acme.example", keepwell::store::users::UserChange::Disable, super::rights::BY, now())
        .await
        .unwrap();
    assert_eq!(get(&[ines]).await.status, 403);
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let site = Site::filled().await;
    let cookie = site.user("ines", Role::Csm, None).await;
    let pages = served(&site, &["192.0.2.1", "2001:db8::/32"]).await;
    let get = async |headers: &[(&str, &str)]| send(&pages.address, "GET", "/", headers).await;
    assert_eq!(get(&[("x-forwarded-user", "ines")]).await.status, 303);
    let own = get(&[("x-forwarded-user", "ada"), ("cookie", &cookie)]).await;
    assert!(own.status == 200 && own.body.contains("<span>ines</span>"), "{own:?}");
}

/// Where a proxy brings everybody, nobody is let in because there are no users.
#[tokio::test]
async fn pages_behind_a_proxy_are_never_open() {
    let site = Site::filled().await;
    let pages = served(&site, &["127.0.0.1"]).await;
    assert_eq!(send(&pages.address, "GET", "/", &[]).await.status, 303);
    assert_eq!(send(&pages.address, "GET", "/", &[("x-forwarded-user", "ada")]).await.status, 403);
}

/// Logins are counted by where they come from, as far as a trusted proxy says it.
#[tokio::test]
async fn failed_logins_count_by_the_address_behind_the_proxy() {
    let site = Site::filled().await;
    site.user("ines", Role::Csm, None).await;
    let scopes = async || {
        sqlx::query_scalar::<_, String>(
            "select scope from keepwell.login_attempts where scope like 'address:%' order by 1",
        )
        .fetch_all(&site.pool)
        .await
        .unwrap()
    };
    let trusting = served(&site, &["127.0.0.1", "10.0.0.0/8"]).await;
    let log_in = async |address: &str, hops: &str| {
        let headers = [("x-forwarded-for", hops), ("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(send(address, "POST", "/login", &headers).await.status, 401);
    };
    log_in(&trusting.address, "203.0.113.9, 198.51.100.7, 10.0.0.3").await;
    assert_eq!(scopes().await, ["address:198.51.100.7"], "what stands before may be made up");
    let doubting = served(&site, &["192.0.2.1"]).await;
    log_in(&doubting.address, "203.0.113.9").await;
    assert_eq!(scopes().await, ["address:127.0.0.1", "address:198.51.100.7"]);
}
