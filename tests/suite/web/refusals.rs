//! What is answered with no, and under which names.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use keepwell::config::Config;

use super::{Site, TASK};

/// The database takes none in a text, and that is no reason to say that it is away.
#[tokio::test]
async fn a_zero_character_is_refused_with_words() {
    let site = Site::filled().await;
    let dismiss = format!("/tasks/{TASK}/dismiss");
    for answer in [
        site.get("/messages?state=%00").await,
        site.get("/tasks?csm=a%00b").await,
        site.get("/s/%00").await,
        site.post(&dismiss, "because=a%00b").await,
        site.post(&dismiss, "because=a\0b").await,
    ] {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        answer.shows("Zero characters are not allowed");
    }
    assert_eq!(site.task(TASK).await.0, "open");
    assert_eq!(site.post(&dismiss, "because=100%25+sure").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn colleagues_come_by_the_name_of_the_pages() {
    let mut config = Config { web_url: Some("https://Keepwell.acme.example".to_owned()), ..Config::default() };
    config.mail.public_url = Some("https://success.acme.example".to_owned());
    let site = Site::with(&config).await;
    let get = async |host: &str, brought: bool| {
        let mut request = Request::get("/").header(header::HOST, host);
        if brought {
            request = request.header("x-forwarded-for", "192.0.2.7");
        }
        site.send(request.body(Body::empty()).expect("a request")).await.status
    };
    assert_eq!(get("keepwell.acme.example", false).await, StatusCode::OK);
    assert_eq!(get("other.acme.example", false).await, StatusCode::MISDIRECTED_REQUEST);
    // Whoever the customers' proxy brings may say any name.
    assert_eq!(get("keepwell.acme.example", true).await, StatusCode::NOT_FOUND);
}
