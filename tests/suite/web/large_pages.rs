//! What keeps pages short and fast where there is much: bounded counts, searches by words, and the filters of the audit.

use axum::http::StatusCode;
use keepwell::user::role::Role;
use serde_json::json;

use super::Site;
use super::accounts::site;
use crate::support::mapped::Customers;
use crate::support::world::World;

#[tokio::test]
async fn more_than_ten_thousand_are_not_counted() {
    let site = Site::filled().await;
    site.get("/playbooks").await.shows("<span>1 active</span>");
    let fill = "insert into keepwell.enrollments (account_id, id, playbook, revision, entry_key, state, phase, step_at, started_at,
             entry, evidence, shadow)
         select 'b' || n, md5(n::text)::uuid, 'rescue', 'r1', '', 'active', 'waiting', '2026-03-01', '2026-03-01', '{}', '{}', false
         from generate_series(1, 10001) n";
    site.sql(fill).await;
    site.get("/playbooks").await.shows("<span>more than 10,000 active</span>");
}

#[tokio::test]
async fn accounts_are_found_by_the_beginnings_of_words_in_any_script() {
    let site = Site::filled().await;
    site.sql(
        "insert into customers.accounts (id, name, signed_up_at) values
             ('b-1', 'Nordlicht-Söhne GmbH', '2026-01-15'), ('b-2', '上海北京路商贸公司', '2026-01-15'), ('b-3', 'Unterfjord', '2026-01-15');
         insert into customers.contacts (account_id, id, name, email) values ('b-1', 'k', 'Åse Öst', 'ase@tools.example')",
    )
    .await;
    for (words, id) in [
        ("s%C3%B6h", "b-1"),
        ("nordlicht-S", "b-1"),
        ("%E5%8C%97%E4%BA%AC", "b-2"),
        ("%C3%B6st", "b-1"),
        ("tools.ex", "b-1"),
        ("B-3", "b-3"),
        // Within a word, where no word begins so.
        ("ordlich", "b-1"),
    ] {
        let page = site.get(&format!("/accounts?q={words}")).await;
        page.shows(&format!("<a href=\"/accounts/{id}\">"));
        assert_eq!(page.body.matches("<th scope=\"row\">").count(), 1, "{words}: {}", page.body);
    }
    // Words that begin so come alone.
    let fjord = site.get("/accounts?q=fjord").await;
    fjord.shows("<a href=\"/accounts/a-1\">");
    assert!(!fjord.body.contains("/accounts/b-3"), "{}", fjord.body);
}

/// Tables of others have no index of ours: what takes too long is given up, and said.
#[tokio::test]
async fn a_search_that_is_given_up_says_so() {
    let world = World::on(Customers::Theirs).await;
    world.account("7", json!({ "name": "Fjord" })).await;
    let site = site(&world);
    for path in ["/search?q=fjo", "/accounts?q=fjo"] {
        site.get(path).await.shows("Fjord");
    }
    let mut other = world.store().pool().begin().await.unwrap();
    sqlx::raw_sql("lock table crm.people in access exclusive mode").execute(&mut *other).await.unwrap();
    for path in ["/search?q=fjo", "/accounts?q=fjo"] {
        site.get(path).await.shows("There was no time to look within words.");
    }
    site.get("/messages?customer=fjo").await.shows("There was no time to look for it within words.");
}

#[tokio::test]
async fn the_audit_is_narrowed_by_person_account_kind_and_day() {
    let site = Site::filled().await;
    site.sql(
        "insert into keepwell.audit (at, by, deed, about) values
             ('2026-02-01T12:00:00Z', 'ines', 'settle', '{\"account\": \"a-1\"}'),
             ('2026-02-02T12:00:00Z', 'kim', 'complete', '{\"account\": \"a-1\"}'),
             ('2026-02-02T13:00:00Z', 'kim', 'make-link', '{\"user\": \"ines\"}')",
    )
    .await;
    let lee = site.user("lee", Role::Admin, None).await;
    let get = async |path: &str| site.with_cookie("GET", path, &lee, "").await;
    for (asked, deeds) in [
        ("account=a-1", &["Complete", "Settle"][..]),
        ("by=kim", &["Make link", "Complete"]),
        ("by=kim&account=a-1", &["Complete"]),
        ("deed=settle", &["Settle"]),
        ("day=2026-02-02", &["Make link", "Complete"]),
        ("day=2026-02-03", &[]),
    ] {
        let page = get(&format!("/audit?{asked}")).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let rows = page.body.split("<strong>").skip(1).filter_map(|rest| rest.split('<').next());
        assert_eq!(rows.collect::<Vec<_>>(), deeds, "{asked}");
    }
    get("/audit").await.shows("<option value=\"make-link\">Make link</option>");
    get("/audit?day=2026-02-03").await.shows("Nobody did such a thing.");
    assert_eq!(get("/audit?day=yesterday").await.status, StatusCode::BAD_REQUEST);
    get("/accounts/a-1").await.shows("<a href=\"/audit?account=a-1\">");
    get("/people").await.shows("<a href=\"/audit?by=lee\">");
}

#[tokio::test]
async fn who_is_logged_in_finds_the_way_from_an_error() {
    let site = Site::filled().await;
    let ines = site.user("ines", Role::Viewer, None).await;
    const NAVIGATION: &str = "<nav aria-label=\"Main\">";
    for (path, status) in [
        ("/nowhere", StatusCode::NOT_FOUND),
        ("/tasks/00000000-0000-0000-0000-0000000000aa", StatusCode::NOT_FOUND),
        ("/people", StatusCode::FORBIDDEN),
    ] {
        let page = site.with_cookie("GET", path, &ines, "").await;
        assert_eq!(page.status, status, "{path}: {}", page.body);
        page.shows(NAVIGATION);
        assert!(!page.body.contains("href=\"/people\""), "what they may not see is not offered");
    }
    // Neither strangers nor customers learn what there is.
    for path in ["/nowhere", "/u/nowhere", "/u/no/where"] {
        let page = site.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}: {}", page.body);
        assert!(!page.body.contains(NAVIGATION), "{path}: {}", page.body);
    }
    let customers = site.with_cookie("GET", "/u/no/where", &ines, "").await;
    assert!(!customers.body.contains(NAVIGATION), "{}", customers.body);
}
