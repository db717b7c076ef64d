//! The answers to surveys: the list, the months, tags and the export.

use super::accounts::{links, site};
use super::*;
use crate::support::world::World;

const FIRST: &str = "00000000-0000-0000-0000-0000000000a1";

/// Four answers of three months: three to `pulse`, one in words to `why`.
pub(super) async fn answered() -> (World, Site) {
    let world = World::new().await;
    world.customer("a1").await.customer("a2").await;
    let answer = |id: u32, account: &str, survey: &str, score: &str, value: &str, words: &str, when: &str| {
        format!(
            "insert into keepwell.answers (account_id, contact_id, message, enrollment_id, playbook, step, score, value,
                 comment, answered_at, survey)
             values ('{account}', 'ann', '00000000-0000-0000-0000-0000000000a{id}', gen_random_uuid(), '{survey}', 'ask',
                 {score}, {value}, {words}, '{when}', '{survey}');"
        )
    };
    let rows = [
        answer(1, "a1", "pulse", "'nps'", "10", "'Fast & <b>kind</b>'", "2026-03-04T10:00:00Z"),
        answer(2, "a2", "pulse", "'nps'", "3", "null", "2026-03-03T10:00:00Z"),
        answer(3, "a2", "pulse", "'nps'", "9", "' '", "2026-01-31T23:59:00Z"),
        answer(4, "a2", "why", "null", "null", "'=1+1, too dear'", "2026-02-10T10:00:00Z"),
    ];
    let thanks = "insert into keepwell.messages (account_id, contact_id, id, playbook, step, channel, class, to_address,
             subject, state, priority, valid_until, next_at, message_id, shadow, created_at, sent_at, ended_at)
         select 'a1', 'ann', ('00000000-0000-0000-0000-0000000000b' || n)::uuid, 'thanks', 'thank', 'email', 'lifecycle',
             'ann@a1.example', 'Mail ' || n, 'captured', 50, at, at, n || '@example.com', false, at, at, at
         from (values (1, timestamptz '2026-03-04T09:00:00Z'), (2, '2026-03-04T11:00:00Z'), (3, '2026-03-05T11:00:00Z')) as m (n, at);";
    world.sql(&(rows.concat() + thanks)).await;
    let site = site(&world);
    (world, site)
}

#[tokio::test]
async fn answers_are_listed_with_their_words_and_the_mail_since() {
    let (_world, site) = answered().await;
    let all = site.get("/answers").await;
    all.shows("<a href=\"/answers\" aria-current=\"page\">Answers</a>");
    assert_eq!(all.body.matches("<th scope=\"row\"><strong>").count(), 3);
    all.shows("<strong>10</strong> <span class=\"quiet\">nps</span><span class=\"words\">Fast &amp; &lt;b&gt;kind&lt;/b&gt;</span>");
    // The one before the answer is no thanks for it.
    all.shows(
        "<a href=\"/messages/00000000-0000-0000-0000-0000000000b2\">Mail 2</a><span class=\"line\">4 March 2026</span>",
    );
    assert!(!all.body.contains("Mail 1") && !all.body.contains("Mail 3"), "{}", all.body);
    all.shows("<a href=\"/accounts/a1\">A1</a>");
    // One promoter and one detractor of March; January's is counted in its own month.
    all.shows("<tr><th scope=\"row\">March 2026</th><td data-label=\"Answers\" class=\"number\">2</td><td data-label=\"Figure\" class=\"number\">0</td></tr>");
    all.shows("<tr><th scope=\"row\">January 2026</th><td data-label=\"Answers\" class=\"number\">1</td><td data-label=\"Figure\" class=\"number\">100</td></tr>");
    for (query, count) in [
        ("survey=why", 1),
        ("days=30", 3),
        ("only=words", 2),
        ("account=a2", 3),
        ("tag=none", 0),
        ("survey=&days=8", 4),
    ] {
        let some = site.get(&format!("/answers?{query}")).await;
        assert_eq!(some.body.matches("aria-label=\"A tag for this answer\"").count(), count, "{query}");
    }
    site.get("/answers?tag=none").await.shows("No answer fits.");
    assert_eq!(site.get("/answers?from=soon").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn every_answer_stands_on_one_page() {
    let (world, site) = answered().await;
    world
        .sql(
            "insert into keepwell.answers (account_id, contact_id, message, enrollment_id, playbook, step, score, value,
                 answered_at, survey)
             select 'a1', 'ann', gen_random_uuid(), gen_random_uuid(), 'pulse', 'ask', 'nps', 8, '2026-02-01T00:00:00Z', 'pulse'
             from generate_series(1, 120)",
        )
        .await;
    let mut page = site.get("/answers?survey=pulse").await;
    let mut seen = Vec::new();
    loop {
        let ids = page.body.split("action=\"/answers/").skip(1).filter_map(|rest| rest.split('/').next());
        seen.extend(ids.map(str::to_owned));
        let Some(next) = links(&page, "/answers?").into_iter().find(|link| link.contains("after=")) else { break };
        page = site.get(&next).await;
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((count, seen.len()), (123, 123));
}

#[tokio::test]
async fn tags_are_put_on_and_taken_off() {
    let (world, site) = answered().await;
    let path = format!("/answers/{FIRST}/tags");
    let done = site.post(&path, "tag=+speed+&back=%2Fanswers%3Fsurvey%3Dpulse").await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/answers?survey=pulse"));
    site.get("/answers?tag=speed").await.shows("<span>speed</span>");
    // Nobody is led elsewhere.
    let elsewhere = site.post(&path, "tag=kind&back=https%3A%2F%2Fevil.example").await;
    assert_eq!(elsewhere.header("location"), "/answers");
    site.post(&path, "tag=speed&deed=remove").await;
    site.get("/answers?tag=speed").await.shows("No answer fits.");
    assert_eq!(site.post(&path, "tag=a%2Cb").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let unknown = site.post("/answers/00000000-0000-0000-0000-0000000000ff/tags", "tag=x").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let audit: Vec<String> =
        sqlx::query_scalar("select deed from keepwell.audit order by n").fetch_all(world.store().pool()).await.unwrap();
    assert_eq!(audit, ["tag-answer", "tag-answer", "untag-answer"]);
}

#[tokio::test]
async fn the_export_has_what_the_list_has() {
    let (_world, site) = answered().await;
    let export = site.get("/answers.csv?survey=why").await;
    assert_eq!(export.header("content-type"), "text/csv; charset=utf-8");
    let lines: Vec<&str> = export.body.split("\r\n").collect();
    assert_eq!(lines[0], "survey,account,contact,score,value,text,at,tags,id");
    // No formula for a spreadsheet.
    assert_eq!(lines[1], "why,a2,ann,,,\"'=1+1, too dear\",2026-02-10T10:00:00Z,,00000000-0000-0000-0000-0000000000a4");
    assert_eq!(lines.len(), 3);
}
