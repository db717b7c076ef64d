//! How much of a page goes over the wire.

use std::io::Read;

use super::*;
use flate2::read::GzDecoder;

/// The most that the list of tasks may weigh, in bytes.
const INBOX: usize = 30_000;

/// What is sent to a browser that takes gzip, and what it makes of it.
async fn wire(site: &Site, path: &str) -> (HeaderMap, usize, String) {
    let request = request("GET", path).header(header::ACCEPT_ENCODING, "gzip, br").body(Body::empty());
    let response = site.router.clone().oneshot(request.expect("a request")).await.expect("the router always answers");
    let headers = response.headers().clone();
    let content = to_bytes(response.into_body(), 1 << 22).await.expect("the body is whole");
    let mut text = String::new();
    match headers.get(header::CONTENT_ENCODING) {
        Some(_) => drop(GzDecoder::new(&content[..]).read_to_string(&mut text).expect("gzip")),
        None => text = String::from_utf8(content.to_vec()).expect("text"),
    }
    (headers, content.len(), text)
}

#[tokio::test]
async fn pages_are_shorter_for_browsers_that_take_gzip() {
    let site = Site::filled().await;
    for path in ["/", "/style.css", "/keepwell.js", "/answers.csv", "/metrics"] {
        let plain = site.get(path).await;
        let (headers, length, text) = wire(&site, path).await;
        assert_eq!(text, plain.body, "{path}");
        assert_eq!(headers.get(header::VARY).map(|vary| vary.as_bytes()), Some(&b"accept-encoding"[..]), "{path}");
        let is_long = plain.body.len() >= 1_024;
        assert_eq!(headers.contains_key(header::CONTENT_ENCODING), is_long, "{path}");
        assert!(!is_long || length * 2 < plain.body.len(), "{path}: {length} of {}", plain.body.len());
        assert!(!plain.headers.contains_key(header::CONTENT_ENCODING), "who does not take it gets text");
    }
}

#[tokio::test]
async fn a_full_list_of_tasks_is_light() {
    let site = Site::filled().await;
    sqlx::raw_sql(
        "insert into customers.accounts (id, name, signed_up_at)
         select 'b-' || n, 'Company number ' || n || ' of ' || md5(n::text), '2026-01-15' from generate_series(1, 1000) n;
         insert into keepwell.tasks (account_id, id, enrollment_id, playbook, revision, step, title, assignee, due_at,
             priority, checklist, outcomes, keep, state, reason, evidence, created_at, refreshed_at, ordinal)
         select 'b-' || n, gen_random_uuid(), gen_random_uuid(), 'rescue', 'r1', 'call', 'Call them about ' || md5(n::text),
             'csm-1', '2026-03-01'::timestamptz + make_interval(hours => n), 'high', '[\"Read the last ticket\"]',
             '[\"reached\"]', false, 'open', null, '{\"account.mrr\": 100}', '2026-03-01', '2026-03-01', 0
         from generate_series(1, 1000) n",
    )
    .execute(&site.pool)
    .await
    .expect("a thousand tasks");
    let (_, length, text) = wire(&site, "/").await;
    assert!(text.matches("Company number").count() >= 20, "{text}");
    assert!(length < INBOX, "{length} bytes of {}", text.len());
}
