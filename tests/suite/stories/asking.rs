//! People are asked, and the way goes on with their answer.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use keepwell::clock::Clock;
use keepwell::store::messages::suppressions::Suppression;
use keepwell::web::{Audience, WebState, router};
use serde_json::json;
use tower::ServiceExt;

use crate::support::world::{World, at, lines, playbook};

const MONDAY: &str = "2026-03-02T09:00:00Z";
const NOON: &str = "2026-03-03T12:07:00Z";
const WEEK_LATER: &str = "2026-03-09T09:00:00Z";

/// Asks the champion for a week, then tells the CSM how it went.
fn asking(score: &str, low: &str) -> String {
    let survey = format!(
        "  - survey: {{ id: why, {score} question: \"How likely are you to recommend us, {{{{ recipient.name }}}}?\", to: champion, valid_for: 7d }}"
    );
    let rest = format!(
        "  - task: {{ id: call, if: {low}, title: 'Call: {{{{ answer(\"why\") | default(\"nothing\") }}}}', to: csm }}\n  - end: over"
    );
    playbook("asks", "when: account.mrr > 0", &format!("{survey}\n{rest}"))
}

fn scored() -> String {
    asking("score: nps,", "'answer(\"why\") != none && answer(\"why\") <= 6'")
}

/// What somebody gets who opens a link of a mail, or sends its form.
pub(super) async fn open(world: &World, when: &str, path: &str, form: Option<&str>) -> (StatusCode, String) {
    let state = WebState::new(world.shared.clone(), Clock::Fixed(at(when)));
    let method = if form.is_some() { "POST" } else { "GET" };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form.unwrap_or_default().to_owned()))
        .unwrap();
    let answer = router(Audience::Customers, state).oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// The path of the mail's link for an answer; without one that of the page.
async fn link(world: &World, answer: &str) -> String {
    link_in(&world.text(&world.mails().await[0]).await, answer)
}

/// The same of the text of a mail.
pub(super) fn link_in(text: &str, answer: &str) -> String {
    let start = text.find("https://success.acme.example/s/").expect("a link") + "https://success.acme.example".len();
    let path: String = text[start..].chars().take_while(|c| !"?) \n>".contains(*c)).collect();
    if answer.is_empty() { path } else { format!("{path}?answer={answer}") }
}

async fn answers(world: &World) -> Vec<(Option<i32>, Option<String>)> {
    sqlx::query_as("select value, comment from keepwell.answers").fetch_all(world.store().pool()).await.unwrap()
}

#[tokio::test]
async fn the_first_answer_ends_the_step_and_decides_what_follows() {
    let world = World::new().await;
    world.playbook(&scored());
    world.customer("a1").await.run_at(MONDAY).await;
    let mails = world.mails().await;
    assert_eq!(
        lines(&mails, "step class state subject"),
        ["why lifecycle captured How likely are you to recommend us, ann?"]
    );
    let text = world.text(&mails[0]).await;
    assert!(text.contains("?answer=0") && text.contains("?answer=10") && !text.contains("?answer=11"), "{text}");
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "state step due_at"), ["active why 03-09T09:00"]);

    // Looking at the link records nothing, as often as it is done.
    for _ in 0..3 {
        let (status, page) = open(&world, NOON, &link(&world, "3").await, None).await;
        assert!(status == StatusCode::OK && page.contains("value=\"3\" required checked"), "{page}");
        assert!(page.contains("How likely are you to recommend us, ann?") && !page.contains("script"), "{page}");
    }
    assert_eq!(answers(&world).await, []);
    world.pass_at("2026-03-03T12:01:00Z").await;
    let path = link(&world, "").await;
    let (status, page) = open(&world, NOON, &path, Some("answer=3&comment=Too+%3Cslow%3E")).await;
    assert!(status == StatusCode::OK && page.contains("Thank you"), "{page}");
    assert_eq!(answers(&world).await, [(Some(3), Some("Too <slow>".to_owned()))]);
    world.pass_at(NOON).await;
    assert_eq!(lines(&world.tasks().await, "title created_at"), ["Call: 3 03-03T12:07"]);
    assert_eq!(lines(&world.enrollments().await, "state reason"), ["completed over"]);

    // Somebody thinks again: the latest answer stays.
    assert_eq!(open(&world, NOON, &path, Some("answer=9")).await.0, StatusCode::OK);
    assert_eq!(answers(&world).await, [(Some(9), None)]);
    // The customer store is not ours to write.
    let scores: i64 =
        sqlx::query_scalar("select count(*) from customers.scores").fetch_one(world.store().pool()).await.unwrap();
    assert_eq!(scores, 0);
}

#[tokio::test]
async fn without_an_answer_it_goes_on_when_the_time_is_over() {
    let world = World::new().await;
    world.playbook(&scored());
    world.customer("a1").await.run_at(MONDAY).await;
    let path = link(&world, "").await;
    // Late: the end is the instant at which it was due.
    world.pass_at("2026-03-09T18:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "state ended_at"), ["completed 03-09T09:00"]);
    assert!(world.tasks().await.is_empty());
    let (status, page) = open(&world, "2026-03-09T09:01:00Z", &path, Some("answer=3")).await;
    assert!(status == StatusCode::OK && page.contains("This survey is closed"), "{page}");
    assert_eq!(answers(&world).await, []);
}

#[tokio::test]
async fn a_goal_ends_it_while_it_waits_and_nobody_to_ask_is_no_reason_to_wait() {
    let world = World::new().await;
    world.playbook(&scored().replace("when:", "goal: account.mrr > 200\nwhen:"));
    world.customer("a1").await.run_at(MONDAY).await;
    world.sql("update customers.accounts set mrr = 300").await.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "state"), ["goal"]);

    let world = World::new().await;
    world.playbook(&scored());
    world.account("none", json!({})).await;
    world.customer("no-mail").await;
    world
        .store()
        .suppress("ann@no-mail.example", Suppression { class: "lifecycle", source: "a test" }, at(MONDAY))
        .await
        .unwrap();
    world.run_at(MONDAY).await;
    assert_eq!(
        lines(&world.mails().await, "account state reason"),
        ["no-mail suppressed suppressed", "none skipped no recipient"]
    );
    assert_eq!(
        lines(&world.enrollments().await, "account state ended_at"),
        ["no-mail completed 03-02T09:00", "none completed 03-02T09:00"]
    );
}

#[tokio::test]
async fn a_survey_without_a_score_asks_for_words() {
    let world = World::new().await;
    world.playbook(&asking("", "'answer(\"why\") != none'"));
    world.customer("a1").await.run_at(MONDAY).await;
    let path = link(&world, "").await;
    for (form, said) in
        [("comment=+", "Please write an answer."), (&*format!("comment={}", "x".repeat(4001)), "too long")]
    {
        let (status, page) = open(&world, NOON, &path, Some(form)).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(said), "{page}");
    }
    assert_eq!(open(&world, NOON, &path, Some("comment=The+price")).await.0, StatusCode::OK);
    world.pass_at(NOON).await;
    assert_eq!(lines(&world.tasks().await, "title"), ["Call: The price"]);
}

#[tokio::test]
async fn a_link_that_was_tampered_with_is_nobodys() {
    let world = World::new().await;
    world.playbook(&scored());
    world.customer("a1").await.run_at(MONDAY).await;
    let path = link(&world, "").await;
    for forged in
        [path.replace(".nps.", ".csat."), path.replacen("/s/", "/s/0", 1), format!("{path}0"), "/s/nonsense".to_owned()]
    {
        assert_eq!(open(&world, NOON, &forged, None).await.0, StatusCode::NOT_FOUND, "{forged}");
        assert_eq!(open(&world, NOON, &forged, Some("answer=3")).await.0, StatusCode::NOT_FOUND, "{forged}");
    }
    for form in ["answer=11", "answer=-1", "answer=x", "comment=only"] {
        assert_eq!(open(&world, NOON, &path, Some(form)).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
    }
    assert_eq!(answers(&world).await, []);
    world.pass_at(WEEK_LATER).await;
}
