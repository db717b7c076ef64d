//! Logging in and out: passwords, sessions, links, attempts, cookies.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::Duration;
use keepwell::clock::{Clock, Instant};
use keepwell::config::Config;
use keepwell::ids::Actor;
use keepwell::store::Store;
use keepwell::store::users::{NewUser, UserAnswer, UserChange};
use keepwell::user::attempts::AttemptScope;
use keepwell::user::password::hash_password;
use keepwell::user::role::Role;
use keepwell::web::{Audience, WebState, router};

use super::{Answer, Site, TASK, now, request, shared};

const PASSWORD: &str = "a long and quiet word";
const BY: Actor<'_> = Actor("a test");

impl Site {
    /// The same database through the pages of another moment, as another daemon has them.
    async fn at(&self, now: Instant) -> Site {
        self.of(&Config::default(), now)
    }

    fn of(&self, config: &Config, now: Instant) -> Site {
        let state = WebState::new(shared(&self.store, config), Clock::Fixed(now));
        Site { router: router(Audience::Colleagues, state), store: self.store.clone(), pool: self.pool.clone() }
    }

    async fn add(&self, name: &str, role: Role) {
        let hash = hash_password(PASSWORD).unwrap();
        let user = NewUser { name, role, csm_id: None, email: None, password: Some(&hash) };
        assert!(self.store.add_user(user, BY, now()).await.unwrap());
    }

    async fn log_in(&self, name: &str, password: &str) -> Answer {
        self.post("/login", &format!("name={name}&password={}&then=/approvals", password.replace(' ', "+"))).await
    }

    async fn sessions(&self) -> i64 {
        sqlx::query_scalar("select count(*) from keepwell.sessions").fetch_one(&self.pool).await.unwrap()
    }
}

/// What a browser sends back of an answer's cookie.
fn cookie(answer: &Answer) -> String {
    answer.header(header::SET_COOKIE).split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_login_opens_a_session_and_a_logout_ends_it() {
    let site = Site::filled().await;
    site.add("ines", Role::Csm).await;
    let asked = site.get(&format!("/tasks/{TASK}?x=1")).await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER);
    assert_eq!(asked.header(header::LOCATION), format!("/login?then=%2Ftasks%2F{TASK}%3Fx%3D1"));
    site.get(asked.header(header::LOCATION)).await.shows(&format!("value=\"/tasks/{TASK}?x=1\""));

    let done = site.log_in("+Ines+", PASSWORD).await;
    assert_eq!((done.status, done.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/approvals"));
    let set = done.header(header::SET_COOKIE).to_owned();
    assert!(set.starts_with("keepwell=") && set.ends_with("; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"), "{set}");
    let first = cookie(&done);
    site.with_cookie("GET", "/", &first, "").await.shows("<span>ines</span>");
    assert_eq!(site.with_cookie("GET", "/login", &first, "").await.header(header::LOCATION), "/");

    // Nobody brings a session of before through a login.
    let again = site.with_cookie("POST", "/login", &first, &format!("name=ines&password={PASSWORD}")).await;
    let second = cookie(&again);
    assert_ne!(first, second);
    assert_eq!(site.with_cookie("GET", "/", &first, "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.sessions().await, 1);

    let out = site.with_cookie("POST", "/logout", &second, "").await;
    assert_eq!((out.status, out.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/login"));
    assert!(out.header(header::SET_COOKIE).starts_with("keepwell=; Path=/; Max-Age=0;"));
    assert_eq!(site.with_cookie("GET", "/", &second, "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.sessions().await, 0);
}

#[tokio::test]
async fn the_database_holds_no_token_that_can_be_used() {
    let site = Site::filled().await;
    site.add("ines", Role::Csm).await;
    let cookie = cookie(&site.log_in("ines", PASSWORD).await);
    let token = cookie.strip_prefix("keepwell=").unwrap();
    let link = site.store.make_password_link("ines", BY, now()).await.unwrap().unwrap();
    let rows: Vec<String> = sqlx::query_scalar(
        "select s::text from keepwell.sessions s union all select l::text from keepwell.password_links l
         union all select u::text from keepwell.users u union all select a::text from keepwell.audit a",
    )
    .fetch_all(&site.pool)
    .await
    .unwrap();
    for secret in [token, &link, PASSWORD] {
        assert!(!rows.iter().any(|row| row.contains(secret)), "{rows:?}");
    }
    assert_eq!(token.len(), 43, "256 bits");
}

#[tokio::test]
async fn sessions_end_by_themselves() {
    let site = Site::filled().await;
    let cookie = site.user("ines", Role::Csm, None).await;
    let status =
        async |after: Duration| site.at(now() + after).await.with_cookie("GET", "/approvals", &cookie, "").await.status;
    // Each use counts, for as long as a session lasts at all.
    for hours in (7..168).step_by(7) {
        assert_eq!(status(Duration::hours(hours)).await, StatusCode::OK, "{hours}");
    }
    assert_eq!(status(Duration::hours(168)).await, StatusCode::SEE_OTHER, "seven days are over");
    let idle = site.session("ines").await;
    let status =
        async |after: Duration| site.at(now() + after).await.with_cookie("GET", "/approvals", &idle, "").await.status;
    assert_eq!(status(Duration::minutes(479)).await, StatusCode::OK);
    assert_eq!(status(Duration::minutes(479 + 480)).await, StatusCode::SEE_OTHER, "eight hours without use");
}

/// The page asks for its counters by itself, also in a browser that nobody sits at.
#[tokio::test]
async fn a_page_that_was_left_open_keeps_no_session() {
    let site = Site::filled().await;
    let cookie = site.user("ines", Role::Csm, None).await;
    let status = async |path: &str, minutes: i64| {
        site.at(now() + Duration::minutes(minutes)).await.with_cookie("GET", path, &cookie, "").await.status
    };
    assert_eq!(status("/counters", 479).await, StatusCode::OK);
    assert_eq!(status("/counters", 480).await, StatusCode::SEE_OTHER);
    assert_eq!(status("/", 480).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_changes_a_user_ends_their_sessions() {
    let site = Site::filled().await;
    site.add("ada", Role::Admin).await;
    for change in [UserChange::Role(Role::Operator), UserChange::Disable] {
        let name = if change == UserChange::Disable { "kim" } else { "ines" };
        let cookie = site.user(name, Role::Csm, None).await;
        assert_eq!(site.with_cookie("GET", "/", &cookie, "").await.status, StatusCode::OK);
        assert_eq!(site.store.change_user(name, change, BY, now()).await.unwrap(), UserAnswer::Changed);
        assert_eq!(site.with_cookie("GET", "/", &cookie, "").await.status, StatusCode::SEE_OTHER, "{change:?}");
    }
    site.add("lee", Role::Csm).await;
    site.store.change_user("lee", UserChange::Disable, BY, now()).await.unwrap();
    assert_eq!(site.log_in("lee", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    // Somebody has to manage people.
    for change in [UserChange::Disable, UserChange::Role(Role::Viewer)] {
        assert_eq!(site.store.change_user("ada", change, BY, now()).await.unwrap(), UserAnswer::LastAdmin);
    }
    site.add("bo", Role::Admin).await;
    assert_eq!(site.store.change_user("ada", UserChange::Disable, BY, now()).await.unwrap(), UserAnswer::Changed);
    assert_eq!(site.store.change_user("bo", UserChange::Disable, BY, now()).await.unwrap(), UserAnswer::LastAdmin);
}

#[tokio::test]
async fn who_cannot_log_in_learns_nothing() {
    let site = Site::filled().await;
    site.add("ines", Role::Csm).await;
    site.user("new", Role::Csm, None).await;
    let pages = [
        site.log_in("ines", "another long word").await,
        site.log_in("nobody", PASSWORD).await,
        site.log_in("new", "").await,
        site.log_in("no/name", PASSWORD).await,
    ];
    for (page, name) in pages.iter().zip(["ines", "nobody", "new", "no/name"]) {
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{name}");
        assert_eq!(page.header(header::SET_COOKIE), "", "{name}");
        page.shows("The name or the password is not right.");
        assert_eq!(page.body.replace(name, "NAME"), pages[0].body.replace("ines", "NAME"), "{name}");
        assert!(!page.body.contains(PASSWORD), "{name}");
    }
}

#[tokio::test]
async fn a_thousand_wrong_tries_are_throttled_and_lock_nobody_out() {
    let site = Site::filled().await;
    site.add("ines", Role::Csm).await;
    let mut tried = 0;
    let mut later = now();
    for second in 0..1_000 {
        later = now() + Duration::milliseconds(second * 100);
        let status = site.at(later).await.log_in("ines", "another long word").await.status;
        match status {
            StatusCode::UNAUTHORIZED => tried += 1,
            status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
        }
    }
    assert!((8..=12).contains(&tried), "{tried} tries in 100 seconds");
    let waits = site.at(later).await.log_in("ines", PASSWORD).await;
    assert_eq!(waits.status, StatusCode::TOO_MANY_REQUESTS, "not even the right one");
    let seconds: i64 = waits.header(header::RETRY_AFTER).parse().unwrap();
    assert!((1..=61).contains(&seconds), "{seconds}");
    waits.shows(&format!("Please try again in {seconds} seconds."));
    // What waits does not count, so the wait ends.
    let in_time = site.at(later + Duration::seconds(seconds)).await;
    assert_eq!(in_time.log_in("ines", PASSWORD).await.status, StatusCode::SEE_OTHER);
    let rows: i64 =
        sqlx::query_scalar("select count(*) from keepwell.login_attempts where scope = 'user-from:unknown ines'")
            .fetch_one(&site.pool)
            .await
            .unwrap();
    assert_eq!(rows, 0, "what was wrong before is forgotten");
}

/// Whoever tries a name from many networks does not keep its user from logging in.
#[tokio::test]
async fn tries_from_everywhere_lock_nobody_out() {
    let site = Site::empty().await;
    let begin = async |address: &str, at: Instant| {
        let scopes = AttemptScope::of_login("ines", address.parse().ok());
        site.store.begin_attempt(&scopes, at).await.unwrap()
    };
    let mut later = now();
    for number in 0..150 {
        later = now() + Duration::seconds(2 * number);
        begin(&format!("198.51.100.{number}"), later).await.expect("each waits for those of its own network");
    }
    let waiting = begin("192.0.2.1", later).await.expect_err("it is slower for all");
    assert!(waiting <= Duration::seconds(2), "{waiting}");
    begin("192.0.2.1", later + waiting).await.expect("and no more than that");
}

#[tokio::test]
async fn an_address_that_tries_many_names_waits_as_well() {
    let site = Site::filled().await;
    site.add("ines", Role::Csm).await;
    for number in 0..20 {
        assert_eq!(site.log_in(&format!("name{number}"), "x").await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(site.log_in("name20", "x").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(site.log_in("ines", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    // After an hour nothing is left of it.
    let later = site.at(now() + Duration::hours(2)).await;
    assert_eq!(later.log_in("ines", PASSWORD).await.status, StatusCode::SEE_OTHER);
    let left: i64 = sqlx::query_scalar("select count(*) from keepwell.login_attempts where scope like 'user:name%'")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

/// Attempts at the same moment, through several daemons, are counted one by one.
#[tokio::test]
async fn attempts_at_once_are_counted_together() {
    let site = Site::filled().await;
    let other = Store::connect((*site.pool.connect_options()).clone(), 4);
    let scopes = AttemptScope::of_login("ines", None);
    let mut all = tokio::task::JoinSet::new();
    for number in 0..24 {
        let (store, scopes) = (if number % 2 == 0 { site.store.clone() } else { other.clone() }, scopes.clone());
        all.spawn(async move { store.begin_attempt(&scopes, now()).await.unwrap().is_ok() });
    }
    let made = all.join_all().await.into_iter().filter(|made| *made).count();
    assert_eq!(made, 5);
    other.close().await;
}

#[tokio::test]
async fn a_link_sets_a_password_once() {
    let site = Site::filled().await;
    site.user("ines", Role::Csm, None).await;
    let old = site.store.make_password_link("ines", BY, now()).await.unwrap().unwrap();
    let token = site.store.make_password_link("ines", BY, now()).await.unwrap().unwrap();
    assert_eq!(site.get(&format!("/password/{old}")).await.status, StatusCode::NOT_FOUND, "the latest counts");
    let path = format!("/password/{token}");
    // Scanners of mail follow every link.
    for _ in 0..3 {
        let page = site.get(&path).await;
        assert_eq!(page.status, StatusCode::OK);
        page.shows("<strong>ines</strong>");
    }
    let form = |password: &str, again: &str| format!("password={password}&again={again}").replace(' ', "+");
    let short = site.post(&path, &form("elevencharS", "elevencharS")).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    short.shows("A password has at least 12 characters.");
    let other = site.post(&path, &form(PASSWORD, "a long and quiet wort")).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(site.sessions().await, 1);

    let done = site.post(&path, &form(PASSWORD, PASSWORD)).await;
    assert_eq!((done.status, done.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/"));
    site.with_cookie("GET", "/", &cookie(&done), "").await.shows("<span>ines</span>");
    assert_eq!(site.sessions().await, 1, "those of before have ended");
    assert_eq!(site.post(&path, &form(PASSWORD, PASSWORD)).await.status, StatusCode::NOT_FOUND, "once");
    assert_eq!(site.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.log_in("ines", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_link_expires_and_is_nothing_to_the_disabled() {
    let site = Site::filled().await;
    site.user("ines", Role::Csm, None).await;
    let token = site.store.make_password_link("ines", BY, now()).await.unwrap().unwrap();
    let path = format!("/password/{token}");
    let after = async |hours: i64| site.at(now() + Duration::hours(hours)).await.get(&path).await.status;
    assert_eq!((after(23).await, after(24).await), (StatusCode::OK, StatusCode::NOT_FOUND));
    site.store.change_user("ines", UserChange::Disable, BY, now()).await.unwrap();
    assert_eq!(site.get(&path).await.status, StatusCode::NOT_FOUND);
    let form = format!("password={PASSWORD}&again={PASSWORD}");
    assert_eq!(site.post(&path, &form).await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.store.make_password_link("ines", BY, now()).await.unwrap(), None);
    assert_eq!(site.store.make_password_link("nobody", BY, now()).await.unwrap(), None);
}

#[tokio::test]
async fn cookies_are_secure_where_the_pages_are_opened_by_https() {
    let site = Site::filled().await;
    site.add("ines", Role::Csm).await;
    let config = Config { web_url: Some("https://keepwell.acme.example".to_owned()), ..Config::default() };
    let site = site.of(&config, now());
    let done = site.log_in("ines", PASSWORD).await;
    let set = done.header(header::SET_COOKIE);
    assert!(set.starts_with("__Host-keepwell=") && set.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{set}");
    assert!(!set.contains("Domain"), "{set}");
    site.with_cookie("GET", "/", &cookie(&done), "").await.shows("<span>ines</span>");
    let plain = cookie(&done).replace("__Host-", "");
    assert_eq!(site.with_cookie("GET", "/", &plain, "").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn writes_with_a_session_come_from_our_own_pages() {
    let site = Site::filled().await;
    let config = Config { web_url: Some("https://keepwell.acme.example".to_owned()), ..Config::default() };
    let site = site.of(&config, now());
    let cookie = format!("__Host-{}", site.user("ines", Role::Csm, None).await);
    let post = async |host: &str, headers: &[(&str, &str)]| {
        let mut request = Request::post(format!("/tasks/{TASK}/done")).header(header::HOST, host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let form = "application/x-www-form-urlencoded";
        let request = request.header(header::COOKIE, &cookie).header(header::CONTENT_TYPE, form);
        site.send(request.body(Body::from("outcome=reached")).unwrap()).await.status
    };
    let own = "keepwell.acme.example";
    for headers in [
        // A browser that sends cookies says where a form comes from.
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "https://keepwell.acme.example")],
        &[("sec-fetch-site", "")],
        &[("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("origin", "https://keepwell.acme.example.evil.example")],
        &[("origin", "https://keepwell.acme.example:8443")],
        // The same host without encryption is not ours.
        &[("origin", "http://keepwell.acme.example")],
    ] {
        assert_eq!(post(own, headers).await, StatusCode::FORBIDDEN, "{headers:?}");
    }
    assert_eq!(post("evil.example", &[("origin", "https://evil.example")]).await, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(site.task(TASK).await.0, "open");
    assert_eq!(post(own, &[("origin", "https://keepwell.acme.example")]).await, StatusCode::SEE_OTHER);
    assert_eq!(site.task(TASK).await.0, "done");
    // Nor is somebody logged in by another site.
    let foreign = request("POST", "/login").header("sec-fetch-site", "cross-site").body(Body::empty());
    assert_eq!(site.send(foreign.unwrap()).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn no_page_is_framed() {
    let site = Site::filled().await;
    let cookie = site.user("ines", Role::Admin, None).await;
    for path in ["/", "/login", "/approvals", "/password/x", "/nowhere", "/u/x"] {
        let page = site.with_cookie("GET", path, &cookie, "").await;
        let policy = page.header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.header(header::X_FRAME_OPTIONS), "DENY", "{path}");
        assert_eq!(page.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store", "{path}");
    }
}

#[tokio::test]
async fn the_first_link_is_that_of_an_admin() {
    let site = Site::filled().await;
    let first = async || site.store.make_first_admin_link(false, now()).await.unwrap().map(|(name, _)| name);
    let disable = async |name: &str| {
        assert_eq!(site.store.change_user(name, UserChange::Disable, BY, now()).await.unwrap(), UserAnswer::Changed);
    };
    // The link of somebody who is no admin is no way to manage people.
    let user = NewUser { name: "ines", role: Role::Csm, csm_id: None, email: None, password: None };
    assert!(site.store.add_user(user, BY, now()).await.unwrap());
    site.store.make_password_link("ines", BY, now()).await.unwrap().unwrap();
    assert_eq!(first().await.as_deref(), Some("admin"));
    assert_eq!(first().await, None, "its link still works");
    // Once it has run out, the admin who is there gets another one.
    let (later, _) = site.store.make_first_admin_link(false, now() + Duration::hours(25)).await.unwrap().unwrap();
    assert_eq!(later, "admin");
    // One whom somebody disabled stays so.
    site.add("root", Role::Admin).await;
    disable("admin").await;
    assert_eq!(first().await, None, "another admin can log in");
    sqlx::query("update keepwell.users set disabled_at = now() where name = 'root'").execute(&site.pool).await.unwrap();
    assert_eq!(first().await.as_deref(), Some("admin-2"));
}
