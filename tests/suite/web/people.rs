//! The pages of users and of what everybody did.

use axum::http::{StatusCode, header};
use keepwell::user::role::Role;

use super::{Answer, MAIL, Site};

/// The path of the link that a page shows.
fn link(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("<code>http://127.0.0.1:7717").expect("a link");
    rest.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_admin_adds_and_disables_people() {
    let site = Site::filled().await;
    let ada = site.user("ada", Role::Admin, None).await;
    let post = async |path: &str, form: &str| site.with_cookie("POST", path, &ada, form).await;
    let added = post("/people", "name=Ines&role=csm&csm=csm-1&email=ines@acme.example").await;
    assert_eq!(added.status, StatusCode::OK);
    added.shows("Inbox of Ines Falk");
    added.shows("<strong>ines</strong> sets a password");
    let path = link(&added);
    site.get(&path).await.shows("<strong>ines</strong>");
    let again = site.with_cookie("GET", "/people", &ada, "").await;
    assert!(!again.body.contains("/password/"), "it is shown once");

    for (form, words) in [
        ("name=ines&role=csm", "There is a user of this name already."),
        ("name=a+b&role=csm", "A name has up to 64 letters"),
        ("name=kim&role=author", "Please choose a role."),
        ("name=kim&role=csm&email=kim", "has no `@`"),
    ] {
        let refused = post("/people", form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        refused.shows(words);
    }
    let newer = link(&post("/people/ines/link", "").await);
    assert_eq!(site.get(&path).await.status, StatusCode::NOT_FOUND);
    let password = "a+long+and+quiet+word";
    let session = site.post(&newer, &format!("password={password}&again={password}")).await;
    let ines = session.header(header::SET_COOKIE).split(';').next().unwrap().to_owned();
    site.with_cookie("GET", "/", &ines, "").await.shows("<h1>Today <span class=\"quiet\">Ines Falk, ");

    assert_eq!(post("/people/ines/role", "role=operator").await.status, StatusCode::SEE_OTHER);
    assert_eq!(post("/people/ines/role", "role=king").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(post("/people/ines/disable", "").await.status, StatusCode::SEE_OTHER);
    site.with_cookie("GET", "/people", &ada, "").await.shows("Disabled 2 Mar 2026, 12:00");
    assert_eq!(post("/people/ines/link", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(post("/people/ines/enable", "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(post("/people/nobody/disable", "").await.status, StatusCode::NOT_FOUND);
    let last = post("/people/ada/disable", "").await;
    assert_eq!(last.status, StatusCode::CONFLICT);
    last.shows("ada is the last admin");

    let audit = site.with_cookie("GET", "/audit", &ada, "").await;
    for deed in ["Add user", "Make link", "Set password", "Change role", "Disable user", "Enable user"] {
        audit.shows(&format!("<strong>{deed}</strong>"));
    }
}

#[tokio::test]
async fn the_first_user_of_open_pages_is_an_admin() {
    let site = Site::filled().await;
    site.get("/people").await.shows("There are no users yet.");
    let csm = site.post("/people", "name=ines&role=csm").await;
    assert_eq!(csm.status, StatusCode::UNPROCESSABLE_ENTITY);
    csm.shows("The first user has to be an admin");
    let added = site.post("/people", "name=ada&role=admin").await;
    assert_eq!(added.status, StatusCode::OK);
    assert_eq!(site.get("/people").await.status, StatusCode::SEE_OTHER, "from now on everybody logs in");
    assert_eq!(site.get(&link(&added)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_audit_says_who_did_what() {
    let site = Site::filled().await;
    super::rights::unknown_outcome(&site).await;
    let (ines, kim) = (site.user("ines", Role::Operator, None).await, site.user("kim", Role::Operator, None).await);
    site.with_cookie("POST", &format!("/messages/{MAIL}/settle"), &ines, "verdict=accepted").await;
    site.with_cookie("POST", "/approvals/rescue@2026-03-02T09:00:00Z/discard", &kim, "").await;
    let all = site.with_cookie("GET", "/audit", &kim, "").await;
    all.shows("<strong>Settle</strong>");
    all.shows(&format!("<a href=\"/messages/{MAIL}\">"));
    all.shows("<a href=\"/audit?by=ines\">ines</a>");
    all.shows("<strong>Discard</strong>");
    all.shows("<a href=\"/approvals/rescue%402026-03-02T09%3A00%3A00Z\">");
    let hers = site.with_cookie("GET", "/audit?by=ines", &kim, "").await;
    assert!(!hers.body.contains("<strong>Discard</strong>"), "{}", hers.body);
    // Of many, a page at a time.
    sqlx::query(
        "insert into keepwell.audit (at, by, deed, about) select $1, 'lee', 'stop', '{}' from generate_series(1, 150)",
    )
    .bind(super::now())
    .execute(&site.pool)
    .await
    .unwrap();
    let count = |page: &Answer| page.body.matches("<strong>Stop</strong>").count();
    let first = site.with_cookie("GET", "/audit?by=lee", &kim, "").await;
    assert_eq!(count(&first), 100);
    let (_, next) = first.body.split_once("<a href=\"/audit?by=lee&amp;before=").expect("a second page");
    let next = format!("/audit?by=lee&before={}", next.split('"').next().unwrap());
    assert_eq!(count(&site.with_cookie("GET", &next, &kim, "").await), 50);
    assert_eq!(site.with_cookie("GET", "/audit?before=x", &kim, "").await.status, StatusCode::BAD_REQUEST);
}
