//! Answers to surveys are posted to another system: each once it is kept, and every
//! change of it.

use keepwell::ids::Actor;
use keepwell::message::channel::Channel;
use keepwell::store::customers::data_subject::Person;
use keepwell::store::messages::feedback::{AnswerFilter, TagDeed};
use keepwell::store::upkeep::stopped::StopTarget;
use serde_json::{Value as Json, json};
use standardwebhooks::Webhook;

use super::asking::{link_in, open};
use crate::support::http::{Answer, Server};
use crate::support::world::{World, at, lines, playbook};

const SURVEY: &str =
    "survey: pulse\nabout: A story.\nquestion: How likely is it?\nscore: nps\nto: champion\nschedule: \"0 9 1 1 *\"\n";
const MONDAY: &str = "2026-03-02T09:00:00Z";
const NOON: &str = "2026-03-03T12:00:00Z";

async fn world(server: &Server, config: &str) -> World {
    let allow = format!("webhooks: {{ allow: [\"{}\"] }}\n", server.address);
    let world = World::with(&format!("{allow}answers: {{ webhook: env:FEEDBACK }}\n{config}")).await;
    world.variable("FEEDBACK", &format!("http://{}/answers", server.address));
    world.playbook(SURVEY);
    world.customer("a1").await.run_at(MONDAY).await;
    world
}

/// Answers the only survey mail.
async fn answer(world: &World, form: &str, when: &str) {
    let path = link_in(&world.text(&world.mails().await[0]).await, "");
    assert!(open(world, when, &path, Some(form)).await.0.is_success());
}

fn bodies(server: &Server) -> Vec<Json> {
    server.requests().iter().map(|request| serde_json::from_str(&request.body).expect("it is JSON")).collect()
}

#[tokio::test]
async fn each_answer_and_each_change_of_it_is_posted_once() {
    let server = Server::start(&[Answer::Says("503 Busy\r\n")]);
    let world = world(&server, "").await;
    world.variable("FEEDBACK_SECRET", "a-secret");
    answer(&world, "answer=3&comment=Too+%22slow%22", NOON).await;
    let id = world.store().list_answers(&AnswerFilter::default()).await.unwrap()[0].id;
    world.pass_at(NOON).await;
    // It was not taken, and is posted again as it was.
    world.pass_at("2026-03-03T12:01:00Z").await;
    let first = json!({ "type": "answer", "timestamp": NOON, "data": {
        "survey": "pulse", "account": "a1", "contact": "ann", "score": "nps", "value": 3, "text": "Too \"slow\"",
        "at": NOON, "tags": [], "id": id } });
    assert_eq!(bodies(&server), [first.clone(), first]);
    let requests = server.requests();
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(requests[0].header("webhook-id"), requests[1].header("webhook-id"));
    let when = requests[1].header("webhook-timestamp").parse().unwrap();
    let signed = Webhook::from_bytes("a-secret".into()).unwrap();
    let wanted = signed.sign(requests[1].header("webhook-id"), when, requests[1].body.as_bytes()).unwrap();
    assert_eq!(requests[1].header("webhook-signature"), wanted);

    // The same form once more says nothing new; another answer and a tag do.
    answer(&world, "answer=3&comment=Too+%22slow%22", "2026-03-03T12:02:00Z").await;
    world.pass_at("2026-03-03T12:02:00Z").await;
    assert_eq!(server.requests().len(), 2);
    answer(&world, "answer=9", "2026-03-03T12:03:00Z").await;
    let tag = async |deed, when| {
        let by = Actor("sam");
        world.store().tag_answer(id, "speed", deed, by, Some("FEEDBACK"), at(when)).await.unwrap();
    };
    tag(TagDeed::Add, "2026-03-03T12:04:00Z").await;
    tag(TagDeed::Add, "2026-03-03T12:05:00Z").await;
    tag(TagDeed::Remove, "2026-03-03T12:06:00Z").await;
    world.pass_at("2026-03-03T12:07:00Z").await;
    let mut later: Vec<Json> = bodies(&server).split_off(2);
    later.sort_by_key(|body| body["timestamp"].as_str().unwrap().to_owned());
    let said: Vec<String> = later
        .iter()
        .map(|body| {
            format!(
                "{} {} {} {}",
                body["timestamp"].as_str().unwrap(),
                body["data"]["value"],
                body["data"]["text"],
                body["data"]["tags"]
            )
        })
        .collect();
    assert_eq!(
        said,
        ["2026-03-03T12:03:00Z 9 null []", "2026-03-03T12:04:00Z 9 null [\"speed\"]", "2026-03-03T12:06:00Z 9 null []"]
    );
    assert!(later.iter().all(|body| body["data"]["id"] == json!(id)), "it is still the same answer");
    let posts = lines(&world.channel("webhook").await, "state account contact step to subject");
    assert_eq!(posts, vec!["accepted a1 ann answers.webhook env:FEEDBACK An answer to pulse"; 4]);
}

/// The post stands in the transaction of the answer: there is no moment at which one is
/// kept and the other is not.
#[tokio::test]
async fn no_answer_is_kept_without_its_post_and_none_is_posted_that_is_not_kept() {
    let server = Server::start(&[]);
    let world = world(&server, "").await;
    let path = link_in(&world.text(&world.mails().await[0]).await, "");
    // The database refuses the post: the answer is not kept, and its reader is told so.
    world.sql("alter table keepwell.messages add constraint broken check (answer is null)").await;
    let (status, _) = open(&world, NOON, &path, Some("answer=3")).await;
    assert!(status.is_server_error(), "{status}");
    let kept = world.store().list_answers(&AnswerFilter::default()).await.unwrap();
    assert_eq!((kept.len(), world.channel("webhook").await.len()), (0, 0));
    world.sql("alter table keepwell.messages drop constraint broken").await;
    answer(&world, "answer=3", NOON).await;
    // The process that took it has gone; whoever comes next finds what is to be posted.
    let other = std::sync::Arc::new(world.beside(world.store().clone()));
    assert_eq!(lines(&world.channel("webhook").await, "state"), ["planned"]);
    while keepwell::worker::messages::deliverer::tick(&other, at(NOON)).await.unwrap() > 0 {}
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_posted_is_told_once_a_day_and_the_answer_stays() {
    let server = Server::start(&[Answer::Says("422 No\r\n")]);
    let world = world(&server, "").await;
    world.contact("a1", "bob", json!({})).await;
    answer(&world, "answer=3&comment=slow", NOON).await;
    world.pass_at(NOON).await;
    world.variable("FEEDBACK", " ");
    answer(&world, "answer=4", "2026-03-03T13:00:00Z").await;
    world.pass_at("2026-03-03T13:00:00Z").await;
    let mut states = lines(&world.channel("webhook").await, "state reason");
    states.sort();
    assert_eq!(states, ["failed HTTP 422", "failed the environment variable FEEDBACK is not set"]);
    assert_eq!(lines(&world.notices().await, "to subject"), ["ops@acme.example Not posted: an answer to a survey"]);
    answer(&world, "answer=5", "2026-03-04T13:00:00Z").await;
    world.pass_at("2026-03-04T13:00:00Z").await;
    assert_eq!(world.notices().await.len(), 2, "the next day it is said again");
    // One that nobody took until its time was over is told of as well.
    world.variable("FEEDBACK", &format!("http://{}/answers", server.address));
    answer(&world, "answer=6", "2026-03-05T13:00:00Z").await;
    world.pass_at("2026-04-05T13:00:00Z").await;
    assert!(lines(&world.channel("webhook").await, "state").contains(&"expired".to_owned()));
    assert_eq!(world.notices().await.len(), 3);
    assert_eq!(world.store().list_answers(&AnswerFilter::default()).await.unwrap()[0].value, Some(6));
}

#[tokio::test]
async fn a_stop_keeps_posts_back_and_none_is_made_without_the_key() {
    let server = Server::start(&[]);
    let plain = World::new().await;
    plain.playbook(SURVEY);
    plain.customer("a1").await.run_at(MONDAY).await;
    answer(&plain, "answer=3", NOON).await;
    assert!(plain.channel("webhook").await.is_empty());

    let world = world(&server, "").await;
    // Nobody asks any more, and who was asked may still answer.
    world.remove("pulse");
    world.publish_at("2026-03-03T08:00:00Z").await;
    answer(&world, "answer=3", NOON).await;
    world.stop(StopTarget::Channel(Channel::Webhook), NOON).await;
    world.pass_at(NOON).await;
    assert_eq!(
        (server.requests().len(), lines(&world.channel("webhook").await, "state")),
        (0, vec!["planned".to_owned()])
    );
    world.resume(StopTarget::Channel(Channel::Webhook)).await;
    world.pass_at("2026-03-03T12:10:00Z").await;
    assert_eq!(server.requests().len(), 1);
}

/// What is left of answers: value, words and tags, by account.
async fn kept(world: &World) -> Vec<String> {
    let rows = world.store().list_answers(&AnswerFilter::default()).await.unwrap();
    let mut kept: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {:?} {} {:?}", row.account, row.value, row.text.as_deref().unwrap_or("-"), row.tags))
        .collect();
    kept.sort();
    kept
}

#[tokio::test]
async fn words_of_answers_are_forgotten_after_their_time_and_scores_are_kept() {
    let server = Server::start(&[]);
    let world = world(&server, "retention: { answers: 90d }\n").await;
    answer(&world, "answer=3&comment=Too+slow", NOON).await;
    let id = world.store().list_answers(&AnswerFilter::default()).await.unwrap()[0].id;
    world.store().tag_answer(id, "speed", TagDeed::Add, Actor("sam"), None, at(NOON)).await.unwrap();
    world.pass_at(NOON).await;
    // Answers in words alone: of an enrollment that is over, of one that still reads it, and a later one.
    world
        .sql(
            "insert into keepwell.enrollments (account_id, id, playbook, revision, entry_key, state, phase, step_at, started_at,
                 entry, evidence, shadow, run_slot, ended_at)
             select a, md5(a)::uuid, 'why', 'r', '', s, 'waiting', '2026-03-02', '2026-03-02', '{}', '{}', false, '2026-03-02',
                 case s when 'active' then null else '2026-03-04'::timestamptz end
             from (values ('over', 'completed'), ('waits', 'active'), ('later', 'completed')) w (a, s);
             insert into keepwell.answers (account_id, message, enrollment_id, playbook, step, comment, answered_at)
             select a, md5(a)::uuid, md5(a)::uuid, 'why', 'ask', 'Because', at::timestamptz
             from (values ('over', '2026-03-03'), ('waits', '2026-03-03'), ('later', '2026-03-03T12:00:01')) w (a, at)",
        )
        .await;
    let upkeep =
        async |now: &str| while keepwell::worker::upkeep::janitor::tick(&world.shared, at(now)).await.unwrap() > 0 {};
    let all = kept(&world).await;
    upkeep("2026-06-01T11:59:59Z").await;
    assert_eq!(kept(&world).await.len(), all.len() - 1, "the oldest");
    upkeep("2026-06-01T12:00:01Z").await;
    assert_eq!(
        kept(&world).await,
        ["a1 Some(3) - []", "later None Because []", "waits None Because []"],
        "the score is kept, and what somebody still waits with"
    );
    // What was posted goes with it.
    let text: Option<String> = sqlx::query_scalar("select body_text from keepwell.messages where answer is not null")
        .fetch_one(world.store().pool())
        .await
        .unwrap();
    assert_eq!(text, None);
    // Playbooks go on reading the score.
    world.playbook(&playbook(
        "low",
        "when: (account.score(\"nps\") ?? 10) <= 6 && account.answer_text(\"nps\") == none",
        "  - set: { low: true }",
    ));
    world.run_at("2026-06-01T12:00:02Z").await;
    assert!(lines(&world.enrollments().await, "playbook account").contains(&"low a1".to_owned()));
    world
        .sql("update keepwell.enrollments set state = 'completed', ended_at = '2026-06-02' where account_id = 'waits'")
        .await;
    upkeep("2026-06-02T12:00:00Z").await;
    assert_eq!(kept(&world).await, ["a1 Some(3) - []"]);
}

#[tokio::test]
async fn without_the_key_no_answer_is_forgotten() {
    let server = Server::start(&[]);
    let world = world(&server, "retention: { evidence: 90d }\n").await;
    answer(&world, "answer=3&comment=Too+slow", NOON).await;
    while keepwell::worker::upkeep::janitor::tick(&world.shared, at("2036-06-02T12:00:00Z")).await.unwrap() > 0 {}
    assert_eq!(kept(&world).await, ["a1 Some(3) Too slow []"]);
}

/// The form is read before it is kept; an erasure may come between.
#[tokio::test]
async fn nothing_of_an_answer_is_kept_or_posted_once_its_mail_is_erased() {
    for whom in ["a1", "a1/ann"] {
        let server = Server::start(&[]);
        let world = world(&server, "").await;
        let store = world.store();
        let path = link_in(&world.text(&world.mails().await[0]).await, "");
        let token = path.rsplit('/').next().unwrap().split('?').next().unwrap();
        let (asked, scale) = store.survey_mail(token).await.unwrap().expect("it is ours");
        let person = Person::readings(whom).pop().unwrap();
        store.erase(&person, &[], false, Actor("dana"), at(NOON)).await.unwrap();
        let is_kept = store.answer(&asked, scale, Some(3), Some("Too slow"), Some("FEEDBACK"), at(NOON)).await;
        assert!(!is_kept.unwrap(), "{whom}");
        assert_eq!(store.list_answers(&AnswerFilter::default()).await.unwrap(), [], "{whom}");
        world.pass_at(NOON).await;
        assert!(server.requests().is_empty(), "{whom}");
    }
}
