//! What all pages for customers share: their language, and how the company looks.

use super::*;
use crate::support::program::Home;
use keepwell::store::messages::link_readers::LinkReaders;

const ADDRESS: &str = "kim@fjord.example";

/// A contact with this address, locale and attributes, as the sender of a mail records it.
pub(super) async fn contact(site: &Site, locale: Option<&str>, traits: &str) {
    let hash = site.store.address_hash(ADDRESS).await.expect("a hash");
    sqlx::raw_sql(
        "insert into customers.accounts (id, name, signed_up_at, locale) values ('a-1', 'Fjord', '2026-01-15', 'de-AT') on conflict do nothing",
    )
    .execute(&site.pool)
    .await
    .expect("an account");
    sqlx::query(
        "insert into customers.contacts (account_id, id, email, name, locale, traits)
         values ('a-1', 'kim', $1, 'Kim', $2, $3::jsonb)
         on conflict (account_id, id) do update set locale = excluded.locale, traits = excluded.traits",
    )
    .bind(ADDRESS)
    .bind(locale)
    .bind(traits)
    .execute(&site.pool)
    .await
    .expect("a contact");
    sqlx::query(
        "insert into keepwell.contact_addresses (account_id, contact_id, address_hash, since)
         values ('a-1', 'kim', $1, '2026-03-01') on conflict do nothing",
    )
    .bind(hash)
    .execute(&site.pool)
    .await
    .expect("an address");
}

async fn link(site: &Site) -> String {
    site.store.unsubscribe_token(ADDRESS, "lifecycle").await.expect("a token")
}

async fn in_browser(site: &Site, path: &str, languages: &str) -> Answer {
    let request = request("GET", path).header(header::ACCEPT_LANGUAGE, languages).body(Body::empty());
    site.send(request.expect("a request")).await
}

#[tokio::test]
async fn a_customer_reads_their_own_language_and_else_that_of_the_browser() {
    let site = Site::empty().await;
    let path = format!("/u/{}", link(&site).await);
    // Nobody is known behind the address.
    in_browser(&site, &path, "fr, de;q=0.8, en;q=0.5").await.shows("<html lang=\"de\" dir=\"ltr\">");
    in_browser(&site, &path, "fr").await.shows("<html lang=\"en\" dir=\"ltr\">");
    contact(&site, Some("zh-Hans"), "{}").await;
    let page = in_browser(&site, &path, "de").await;
    page.shows("<html lang=\"zh\" dir=\"ltr\">");
    page.shows("<h1>确定要退订吗？</h1>");
    // A contact without a locale has that of the account; one that we do not write leaves it to the browser.
    contact(&site, None, "{}").await;
    in_browser(&site, &path, "en").await.shows("<h1>Möchten Sie sich abmelden?</h1>");
    contact(&site, Some("fr-CA"), "{}").await;
    in_browser(&site, &path, "zh-TW").await.shows("<h1>确定要退订吗？</h1>");
    // A link of which a part was lost says nothing about anybody.
    in_browser(&site, "/p/garbage", "de-CH").await.shows("<h1>Dieser Link funktioniert nicht</h1>");
}

#[tokio::test]
async fn a_second_click_says_that_it_was_done() {
    let site = Site::empty().await;
    let path = format!("/u/{}", link(&site).await);
    site.get(&path).await.shows("<h1>Unsubscribe?</h1>");
    site.post(&path, "").await.shows("<h1>You are unsubscribed</h1>");
    for again in [site.post(&path, "List-Unsubscribe=One-Click").await, site.get(&path).await] {
        assert_eq!(again.status, StatusCode::OK);
        again.shows("<h1>You are already unsubscribed</h1>");
        assert!(!again.body.contains("<form"));
    }
    assert_eq!(site.recipients().await.len(), 1);
}

#[tokio::test]
async fn nobody_is_kept_from_unsubscribing_by_the_customer_store() {
    let site = Site::empty().await;
    contact(&site, Some("de"), "{}").await;
    let token = link(&site).await;
    assert_eq!(
        site.store.link_readers(&token).await.expect("readers"),
        LinkReaders { locales: vec!["de".to_owned()], has_consented: Some(false) }
    );
    sqlx::raw_sql("alter table customers.contacts rename to away").execute(&site.pool).await.expect("renamed");
    site.store.link_readers(&token).await.expect_err("the table is gone");
    site.post(&format!("/u/{token}"), "").await.shows("<h1>You are unsubscribed</h1>");
    assert!(site.store.is_suppressed(ADDRESS, "lifecycle").await.expect("an answer"));
}

/// A wish that follows a contact may have been taken back at one of the addresses.
#[tokio::test]
async fn who_still_gets_mail_elsewhere_can_unsubscribe_again() {
    let site = Site::empty().await;
    contact(&site, Some("en"), "{}").await;
    let path = format!("/u/{}", link(&site).await);
    let other = site.store.address_hash("kim@new.example").await.expect("a hash");
    sqlx::query("insert into keepwell.recipients (address_hash) values ($1)")
        .bind(&other)
        .execute(&site.pool)
        .await
        .expect("a row");
    sqlx::query("insert into keepwell.contact_addresses (account_id, contact_id, address_hash, since) values ('a-1', 'kim', $1, '2026-02-01')")
        .bind(other)
        .execute(&site.pool)
        .await
        .expect("another address");
    site.post(&path, "").await.shows("<h1>You are unsubscribed</h1>");
    site.get(&path).await.shows("<h1>You are already unsubscribed</h1>");
    let new = site.store.unsubscribe_token("kim@new.example", "lifecycle").await.expect("a token");
    site.post(&format!("/p/{new}"), "lifecycle=yes").await;
    site.get(&path).await.shows("<h1>Unsubscribe?</h1>");
    site.post(&path, "").await.shows("<h1>You are unsubscribed</h1>");
    assert!(site.store.is_suppressed("kim@new.example", "lifecycle").await.expect("an answer"));
}

/// A customer store that waits for somebody else keeps no customer waiting.
#[tokio::test]
async fn a_slow_customer_store_is_not_waited_for() {
    let site = Site::empty().await;
    contact(&site, Some("de"), "{\"consent\": true}").await;
    let mut other = site.pool.begin().await.expect("a transaction");
    sqlx::query("lock table customers.contacts in access exclusive mode").execute(&mut *other).await.expect("locked");
    let token = link(&site).await;
    let page = site.get(&format!("/p/{token}")).await;
    page.shows("cannot be seen right now");
    site.post(&format!("/u/{token}"), "").await.shows("<h1>You are unsubscribed</h1>");
    other.rollback().await.expect("given back");
    in_browser(&site, &format!("/p/{token}"), "en").await.shows("Sie haben zugestimmt");
}

/// Whoever clicks while the database is away reads in their language that it may not have worked.
#[tokio::test]
async fn who_comes_while_the_database_is_away_is_asked_to_come_again() {
    let site = Site::empty().await;
    let path = format!("/u/{}", link(&site).await);
    site.store.close().await;
    for (languages, words) in [
        ("de", "Wenn Sie gerade etwas abgeschickt haben, schicken Sie es bitte noch einmal ab."),
        ("zh", "请再提交一次"),
        ("fr", "please send it once more"),
    ] {
        let page = in_browser(&site, &path, languages).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
        page.shows(words);
    }
}

#[tokio::test]
async fn no_box_is_ticked_without_consent() {
    let site = Site::empty().await;
    let path = format!("/p/{}", link(&site).await);
    let wanted = async || {
        let suppressed = async |class| site.store.is_suppressed(ADDRESS, class).await.expect("an answer");
        (!suppressed("lifecycle").await, !suppressed("marketing").await)
    };
    for traits in ["{}", "{\"consent\": false}", "{\"consent\": \"yes\"}"] {
        contact(&site, None, traits).await;
        let page = in_browser(&site, &path, "en").await;
        assert!(!page.body.contains("name=\"marketing\""), "{traits}");
    }
    // Who was not asked about news has said nothing about them.
    site.post(&path, "").await;
    assert_eq!(wanted().await, (false, true));
    contact(&site, None, "{\"consent\": true}").await;
    let page = in_browser(&site, &path, "en").await;
    page.shows("name=\"marketing\" value=\"yes\" checked");
    site.post(&path, "asked=marketing&lifecycle=yes").await;
    assert_eq!(wanted().await, (true, false));
    site.post(&path, "asked=marketing&lifecycle=yes&marketing=yes").await;
    assert_eq!(wanted().await, (true, true));
    // The button for none of them takes all, whatever is ticked.
    site.post(&path, "lifecycle=yes&none=yes").await;
    assert_eq!(wanted().await, (false, false));
}

#[tokio::test]
async fn the_company_has_its_name_its_colour_and_its_logo() {
    let home = Home::new("brand");
    let folder = &home.path;
    let config = |text: &str| {
        let file = folder.join("keepwell.yaml");
        std::fs::write(&file, text).expect("written");
        let (config, problems) = Config::read(Some(&file));
        assert!(problems.is_empty(), "{problems:?}");
        config
    };
    let site = Site::empty().await;
    let plain = site.get(&format!("/u/{}", link(&site).await)).await;
    assert!(!plain.body.contains("/brand.css") && !plain.body.contains("<img"));
    assert_eq!(site.get("/logo").await.status, StatusCode::NOT_FOUND);

    std::fs::write(folder.join("acme.svg"), "<svg xmlns=\"http://www.w3.org/2000/svg\"/>").expect("written");
    let branded = config("brand: { name: Acme, color: \"#ffd54a\", logo: acme.svg }\n");
    let state = WebState::new(shared(&site.store, &branded), Clock::Fixed(now())).with_logo();
    for audience in [Audience::Colleagues, Audience::Customers] {
        let site = Site { router: router(audience, state.clone()), store: site.store.clone(), pool: site.pool.clone() };
        let page = site.get(&format!("/u/{}", link(&site).await)).await;
        page.shows("<title>Unsubscribe – Acme</title>");
        let address = |begin: &str| {
            let at = page.body.find(begin).unwrap_or_else(|| panic!("no {begin} in {}", page.body)) + begin.len();
            page.body[at..].split('"').next().expect("an end").to_owned()
        };
        let sheet = site.get(&address("stylesheet\" href=\"/style.css").replace("?", "/brand.css?")).await;
        assert_eq!(sheet.header(header::CONTENT_TYPE), "text/css; charset=utf-8");
        assert_eq!(sheet.body, ".customer { --brand: #ffd54a; --on-brand: #000000; }\n");
        let logo = site.get(&address("<img src=\"")).await;
        assert_eq!((logo.header(header::CONTENT_TYPE), logo.status), ("image/svg+xml", StatusCode::OK));
    }
    // A picture that is not there keeps nobody from anything.
    std::fs::write(folder.join("large.png"), vec![0; 300 * 1024]).expect("written");
    for missing in ["missing.svg", "large.png"] {
        let config = config(&format!("brand: {{ name: Acme, logo: {missing} }}\n"));
        let state = WebState::new(shared(&site.store, &config), Clock::Fixed(now())).with_logo();
        let router = router(Audience::Customers, state);
        let site = Site { router, store: site.store.clone(), pool: site.pool.clone() };
        let page = site.get(&format!("/u/{}", link(&site).await)).await;
        assert!(page.status == StatusCode::OK && !page.body.contains("<img"), "{}", page.body);
        page.shows(">Acme</span>");
    }
}

#[tokio::test]
async fn unsubscribing_takes_a_post() {
    let site = Site::empty().await;
    let token = site.store.unsubscribe_token("kim@fjord.example", "lifecycle").await.expect("a token");
    let path = format!("/u/{token}");
    for _ in 0..10 {
        let page = site.get(&path).await;
        assert_eq!(page.status, StatusCode::OK);
        page.shows(&format!("<form method=\"post\" action=\"{path}\">"));
    }
    assert_eq!(site.recipients().await, []);

    // One click, as a mail program sends it: from anywhere, without a cookie.
    let click = || {
        request("POST", &path)
            .header("sec-fetch-site", "cross-site")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from("List-Unsubscribe=One-Click"))
            .expect("a request")
    };
    let once = site.send(click()).await;
    assert_eq!(once.status, StatusCode::OK);
    once.shows("You are unsubscribed");
    assert!(once.headers.get(header::SET_COOKIE).is_none());
    assert!(once.headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_none(), "no other page reads it");
    assert!(site.store.is_suppressed("Kim@fjord.example", "lifecycle").await.expect("an answer"));
    let stored = site.recipients().await;
    assert_eq!(stored.len(), 1);
    let twice = site.send(click()).await;
    assert_eq!(twice.status, once.status);
    twice.shows("You are already unsubscribed");
    assert_eq!(site.recipients().await, stored);
}
