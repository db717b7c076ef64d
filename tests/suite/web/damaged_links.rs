//! Links of mails that arrived with a part missing, or changed.

use super::*;

#[tokio::test]
async fn a_damaged_link_never_claims_success() {
    let site = Site::empty().await;
    let token = site.store.unsubscribe_token("kim@fjord.example", "lifecycle").await.expect("a token");
    let (rest, signature) = token.rsplit_once('.').expect("three parts");
    let other = if rest.starts_with('0') { '1' } else { '0' };
    for damaged in [
        "garbage".to_owned(),
        token[..token.len() - 6].to_owned(),
        token[..70].to_owned(),
        format!("{other}{}.{signature}", &rest[1..]),
        format!("{}.all.{signature}", &rest[..64]),
    ] {
        let path = format!("/u/{damaged}");
        let click = request("POST", &path)
            .header("sec-fetch-site", "cross-site")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from("List-Unsubscribe=One-Click"));
        let click = site.send(click.expect("a request")).await;
        for answer in [site.get(&path).await, site.post(&path, "").await, click] {
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "a mail program must not say that it worked: {path}");
            answer.shows("This link does not work");
            answer.shows("This link has not unsubscribed you.");
            answer.shows("reply to the email");
            assert!(!answer.body.contains("<form") && !answer.body.contains("You are unsubscribed"), "{path}");
        }
    }
    assert_eq!(site.recipients().await, []);
    let survey = site.get("/s/x.nps.0").await;
    assert_eq!(survey.status, StatusCode::NOT_FOUND);
    survey.shows("No answer has been recorded.");
}

/// What was put into a link on its way is no reason to send its reader away.
#[tokio::test]
async fn what_was_put_into_a_link_does_not_break_it() {
    let site = Site::empty().await;
    let token = site.store.unsubscribe_token("kim@fjord.example", "lifecycle").await.expect("a token");
    let (first, second) = token.split_at(40);
    for damaged in [
        format!("{token}%3E"),
        format!("{token})."),
        format!("{first}%0D%0A%20{second}"),
        format!("{first}=%0A{second}"),
        token.to_uppercase(),
    ] {
        let asks = site.get(&format!("/u/{damaged}")).await;
        asks.shows(&format!("action=\"/u/{token}\""));
        assert_eq!(site.get(&format!("/p/{damaged}")).await.status, StatusCode::OK, "{damaged}");
        assert_eq!(site.recipients().await, []);
        let done = site.post(&format!("/u/{damaged}"), "").await;
        assert_eq!(done.status, StatusCode::OK, "{damaged}");
        done.shows("You are unsubscribed");
        assert!(site.store.is_suppressed("kim@fjord.example", "lifecycle").await.expect("an answer"), "{damaged}");
        sqlx::raw_sql("delete from keepwell.recipients").execute(&site.pool).await.expect("it can be emptied");
    }
}
