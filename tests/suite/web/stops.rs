//! The page of what is stopped, and its forms.

use keepwell::user::role::Role;

use super::*;

#[tokio::test]
async fn a_person_reads_what_comes_of_a_stop_before_it() {
    let site = Site::filled().await;
    site.get("/stops").await.shows("Nothing is stopped.");
    let asked = site.get("/stops/stop?what=playbook%3Arescue").await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.body);
    asked.shows("Stop the playbook rescue?");
    asked.shows("whoever is on the way stays where they stand");
    asked.shows("1 of rescue, kind “mail”, is to leave now and would wait.");
    assert_eq!(site.store.stopped().await.unwrap().stops, [], "a question stops nothing");
    for (gone, status) in [
        ("what=playbook%3Anobody", StatusCode::NOT_FOUND),
        ("account=a-99", StatusCode::NOT_FOUND),
        ("what=channel%3Anone", StatusCode::NOT_FOUND),
        ("what=everything", StatusCode::BAD_REQUEST),
        ("", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(site.get(&format!("/stops/stop?{gone}")).await.status, status, "{gone}");
        let post = site.post("/stops/stop", &gone.replace("account=", "what=account%3A")).await;
        assert!(post.status.is_client_error(), "{gone}: {}", post.status);
    }
    assert_eq!(site.store.stopped().await.unwrap().stops, []);
}

#[tokio::test]
async fn everything_one_playbook_a_channel_and_an_account_are_stopped_and_go_on() {
    let site = Site::filled().await;
    let dana = site.user("dana", Role::Operator, None).await;
    sqlx::raw_sql("update keepwell.enrollments set due_at = '2026-03-02', look_at = '2026-03-02'")
        .execute(&site.pool)
        .await
        .unwrap();
    let post = async |path: &str, form: &str| {
        let done = site.with_cookie("POST", path, &dana, form).await;
        assert_eq!((done.status, done.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/stops"), "{form}");
    };
    let targets = [
        ("all", "Everything"),
        ("playbook%3Arescue", "The playbook rescue"),
        ("channel%3Aemail", "The channel email"),
        ("account%3Aa-1", "The account a-1"),
    ];
    for (what, words) in targets {
        post("/stops/stop", &format!("what={what}&because=a+wrong+list")).await;
        let page = site.with_cookie("GET", "/stops", &dana, "").await;
        page.shows(words);
        page.shows("a wrong list");
        page.shows("2 Mar 2026, 12:00");
        page.shows(&format!("/stops/resume?what={what}"));
        page.shows("<p class=\"banner\" role=\"status\">Stopped: ");
        let twice = site.with_cookie("GET", &format!("/stops/stop?what={what}"), &dana, "").await;
        twice.shows("It is stopped already.");
        let asked = site.with_cookie("GET", &format!("/stops/resume?what={what}"), &dana, "").await;
        asked.shows("Resume ");
        asked.shows("1 of rescue, kind “mail”, may leave at once, each after one more look.");
        let is_due = asked.body.contains("1 journey goes on at once in rescue: a step of theirs is due");
        assert_eq!(is_due, what != "channel%3Aemail", "journeys go on while a channel is stopped: {what}");
        let again = site.with_cookie("POST", "/stops/stop", &dana, &format!("what={what}&because=mine")).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        again.shows("It was stopped already; your reason was not kept.");
        post("/stops/resume", &format!("what={what}")).await;
        let again = site.with_cookie("POST", "/stops/resume", &dana, &format!("what={what}")).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        site.with_cookie("GET", "/stops", &dana, "").await.shows("Nothing is stopped.");
        site.with_cookie("GET", &format!("/stops/resume?what={what}"), &dana, "").await.shows("It is not stopped.");
    }
    let deeds: Vec<String> = sqlx::query_scalar("select deed from keepwell.audit where by = 'dana' order by n")
        .fetch_all(&site.pool)
        .await
        .unwrap();
    assert_eq!(deeds, ["stop", "resume"].repeat(4));
    let long = format!("what=all&because={}", "x".repeat(201));
    let long = site.with_cookie("POST", "/stops/stop", &dana, &long).await;
    assert_eq!(long.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn what_stays_stopped_is_said_before_the_rest_goes_on() {
    let site = Site::filled().await;
    site.post("/stops/stop", "what=channel%3Aemail").await;
    site.post("/stops/stop", "what=playbook%3Arescue").await;
    let asked = site.get("/stops/resume?what=playbook%3Arescue").await;
    asked.shows("Still stopped: the channel email (by a colleague).");
    assert!(!asked.body.contains("may leave at once"), "{}", asked.body);
}
