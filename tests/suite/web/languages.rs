//! The languages of the pages for colleagues.

use super::*;

async fn page(site: &Site, path: &str, headers: &[(header::HeaderName, &str)]) -> Answer {
    let request = headers.iter().fold(request("GET", path), |request, (name, value)| request.header(name, *value));
    site.send(request.body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn pages_are_in_the_language_of_the_browser_until_somebody_chooses() {
    let site = Site::filled().await;
    let browser = (header::ACCEPT_LANGUAGE, "zh-CN,zh;q=0.9,en;q=0.8");
    site.get("/").await.shows("<html lang=\"en\" dir=\"ltr\">");
    let chinese = page(&site, "/", std::slice::from_ref(&browser)).await;
    chinese.shows("<html lang=\"zh\" dir=\"ltr\">");
    chinese.shows("跳到正文");
    page(&site, "/nowhere", std::slice::from_ref(&browser)).await.shows("没有这个页面。");

    let choice = request("POST", "/language")
        .header("sec-fetch-site", "same-origin")
        .header(header::REFERER, "http://127.0.0.1:7717/accounts?q=a")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("language=en"));
    let choice = site.send(choice.expect("a request")).await;
    assert_eq!(choice.status, StatusCode::SEE_OTHER);
    assert_eq!(choice.header(header::LOCATION), "/accounts?q=a", "it leads back");
    let cookie = choice.header(header::SET_COOKIE);
    assert!(cookie.starts_with("keepwell-language=en; Path=/; Max-Age=31536000;"), "{cookie}");
    let cookie = (header::COOKIE, cookie.split(';').next().expect("a pair"));
    let english = page(&site, "/", &[browser, cookie]).await;
    english.shows("<html lang=\"en\" dir=\"ltr\">");
    english.shows("<button class=\"plain\" name=\"language\" value=\"zh\" lang=\"zh\">中文</button>");

    assert_eq!(site.post("/language", "language=xx").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// A form that is sent goes on when the browser leaves, in a task of its own, which knows the language, too.
#[tokio::test]
async fn what_a_form_did_is_said_in_the_readers_language() {
    let site = Site::filled().await;
    let form = request("POST", "/tasks/00000000-0000-0000-0000-000000000000/done")
        .header("sec-fetch-site", "same-origin")
        .header(header::ACCEPT_LANGUAGE, "zh")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("outcome="));
    site.send(form.expect("a request")).await.shows("没有这项任务。");
}
