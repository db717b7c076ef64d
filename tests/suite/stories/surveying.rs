//! Surveys as documents: whom they ask and when, what guards that, and what becomes
//! of the answers.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use keepwell::store::messages::feedback::{AnswerFilter, TagDeed};
use keepwell::store::runs::releases::ReleaseAnswer;
use serde_json::json;

use super::asking::{link_in, open};
use crate::support::world::{World, at, lines, playbook};

const MONDAY: &str = "2026-03-02T09:00:00Z";
const NOON: &str = "2026-03-03T12:07:00Z";
const TUESDAY: &str = "2026-03-04T09:00:00Z";

/// A survey with more keys.
fn survey(id: &str, keys: &str) -> String {
    format!("survey: {id}\nabout: A story.\nquestion: \"How likely is it, {{{{ recipient.name }}}}?\"\n{keys}\n")
}

/// One that asks champions and owners once, when somebody runs it.
fn once(id: &str, keys: &str) -> String {
    survey(id, &format!("to: [champion, owner]\nschedule: \"0 9 1 1 *\"\n{keys}"))
}

/// Answers the only mail with such a subject.
async fn answer(world: &World, subject: &str, form: &str, when: &str) -> StatusCode {
    let mails = world.mails().await;
    let mail = mails.iter().find(|mail| mail["subject"].as_str().is_some_and(|text| text.starts_with(subject)));
    let path = link_in(&world.text(mail.expect("such a mail")).await, "");
    open(world, when, &path, Some(form)).await.0
}

#[tokio::test]
async fn those_with_such_a_role_are_asked_and_their_answers_are_scores() {
    let world = World::new().await;
    world.playbook(&once("pulse", "score: nps"));
    world.playbook(&playbook(
        "low",
        "when: account.score(\"nps\") != none && account.score(\"nps\") <= 6 && account.days_since_score(\"nps\") == 0",
        "  - task: { id: call, title: '{{ account.answer_text(\"nps\") | default(\"nothing\") }}', to: csm }",
    ));
    let of_contact = "for: contact\nwhen: (contact.score(\"nps\") ?? 10) <= 6 && contains(contact.answer_text(\"pulse\") ?? \"\", \"slow\")";
    world.playbook(&playbook("care", of_contact, "  - set: { unhappy: true }"));
    world.customer("a1").await;
    world.contact("a1", "bob", json!({ "role": "user" })).await;
    world.contact("a1", "cleo", json!({ "role": "owner", "email": null })).await;
    world.run_at(MONDAY).await;
    let asked = lines(&world.mails().await, "playbook contact step class state subject");
    assert_eq!(asked, ["pulse ann ask lifecycle captured How likely is it, ann?"]);
    let pulse: Vec<_> = world.enrollments().await.into_iter().filter(|row| row["playbook"] == "pulse").collect();
    assert_eq!(lines(&pulse, "contact state step due_at"), ["ann active ask 03-09T09:00"]);

    assert_eq!(answer(&world, "How", "answer=3&comment=Too+slow", NOON).await, StatusCode::OK);
    world.pass_at(NOON).await;
    let rows = world.store().list_answers(&AnswerFilter::default()).await.unwrap();
    assert_eq!((rows.len(), rows[0].survey.as_deref(), rows[0].score.as_deref()), (1, Some("pulse"), Some("nps")));
    assert_eq!((rows[0].value, rows[0].text.as_deref(), rows[0].contact.as_str()), (Some(3), Some("Too slow"), "ann"));
    world.run_at(TUESDAY).await;
    assert_eq!(lines(&world.tasks().await, "title"), ["Too slow"]);
    let entered = lines(&world.enrollments().await, "playbook contact state");
    assert_eq!(entered, ["care ann completed", "low - completed", "pulse ann completed"]);

    // A score of the store that is later wins, and an earlier one does not.
    world.score("a1", "csat", 5.0, "2026-03-03T10:00:00Z").await;
    world.playbook(&playbook("content", "when: account.score(\"csat\") == 5", "  - set: { seen: true }"));
    world.run_at("2026-03-05T09:00:00Z").await;
    assert!(lines(&world.enrollments().await, "playbook").contains(&"content".to_owned()));
}

#[tokio::test]
async fn answers_are_tagged_and_found_again() {
    let world = World::new().await;
    world.playbook(&once("pulse", "score: nps"));
    world.customer("a1").await.run_at(MONDAY).await;
    answer(&world, "How", "answer=9", NOON).await;
    let store = world.store();
    let id = store.list_answers(&AnswerFilter::default()).await.unwrap()[0].id;
    let tag = async |tag: &str, deed| {
        store.tag_answer(id, tag, deed, keepwell::ids::Actor("sam"), None, at(NOON)).await.unwrap().unwrap()
    };
    assert_eq!(tag("speed", TagDeed::Add).await, ["speed"]);
    assert_eq!(tag("价格", TagDeed::Add).await, ["speed", "价格"]);
    assert_eq!(tag("speed", TagDeed::Add).await, ["价格", "speed"]);
    assert_eq!(tag("价格", TagDeed::Remove).await, ["speed"]);
    let found = async |tag: &str| {
        let filter = AnswerFilter { tag: Some(tag.to_owned()), ..AnswerFilter::default() };
        store.list_answers(&filter).await.unwrap().len()
    };
    assert_eq!((found("speed").await, found("价格").await), (1, 0));
    // Another answer to the same mail keeps what people said of it.
    answer(&world, "How", "answer=8", NOON).await;
    let rows = store.list_answers(&AnswerFilter::default()).await.unwrap();
    assert_eq!((rows.len(), rows[0].value, rows[0].tags.clone()), (1, Some(8), vec!["speed".to_owned()]));
    let deeds: Vec<_> = store.list_audit(None).await.unwrap().into_iter().map(|row| row["deed"].clone()).collect();
    assert_eq!(deeds.iter().filter(|deed| **deed == "tag-answer").count(), 3, "{deeds:?}");
    assert_eq!(
        store
            .tag_answer(uuid::Uuid::nil(), "x", TagDeed::Add, keepwell::ids::Actor("sam"), None, at(NOON))
            .await
            .unwrap(),
        None
    );
}

/// The same form sent twice, as by a reload, is one answer; another one is a new one.
#[tokio::test]
async fn the_same_answer_once_more_keeps_its_instant() {
    let world = World::new().await;
    world.playbook(&once("pulse", "score: nps"));
    world.customer("a1").await.run_at(MONDAY).await;
    let answered = async |form: &str, when: &str| {
        answer(&world, "How", form, when).await;
        world.store().list_answers(&AnswerFilter::default()).await.unwrap()[0].at
    };
    assert_eq!(answered("answer=9&comment=Fine", NOON).await, at(NOON));
    assert_eq!(answered("answer=9&comment=Fine", "2026-03-03T13:00:00Z").await, at(NOON));
    for (form, when) in [
        ("answer=9", "2026-03-03T14:00:00Z"),
        ("answer=8", "2026-03-03T15:00:00Z"),
        ("answer=9", "2026-03-03T16:00:00Z"),
    ] {
        assert_eq!(answered(form, when).await, at(when), "{form}");
    }
}

/// Its own new name, and the score that is called after it.
#[tokio::test]
async fn a_survey_takes_its_answers_along_to_another_name() {
    let world = World::new().await;
    world.playbook(&once("pulse", "score: custom\nscale: 1..5"));
    world.playbook(&once("other", "score: nps\nwhen: account.mrr < 0"));
    world.customer("a1").await.customer("a2").await.run_at(MONDAY).await;
    let reply = async |account: &str, form: &str| {
        let mails = world.mails().await;
        let mail = mails.iter().find(|mail| mail["account"] == account && mail["step"] == "ask").expect("a mail");
        let path = link_in(&world.text(mail).await, "");
        assert_eq!(open(&world, NOON, &path, Some(form)).await.0, StatusCode::OK);
    };
    reply("a1", "answer=3&comment=Fine").await;
    std::fs::remove_file(world.files().playbooks.join("pulse.yaml")).unwrap();
    world.playbook(&once("mood", "was: pulse\nscore: custom\nscale: 1..5"));
    world.playbook(&playbook("low", "when: account.score(\"mood\") == 3", "  - set: { low: true }"));
    world.playbook(&playbook(
        "said",
        "for: contact\nwhen: contains(contact.answer_text(\"mood\") ?? \"\", \"Fine\")",
        "  - set: { said: true }",
    ));
    world.run_at(TUESDAY).await;
    let rows = world.store().list_answers(&AnswerFilter::default()).await.unwrap();
    assert_eq!((rows.len(), rows[0].survey.as_deref(), rows[0].score.as_deref()), (1, Some("mood"), Some("mood")));
    let entered = lines(&world.enrollments().await, "playbook account");
    assert_eq!(entered, ["low a1", "mood a1", "mood a2", "said a1"]);
    // An answer to a mail of before is one of the new name.
    reply("a2", "answer=5").await;
    let filter = AnswerFilter { survey: Some("mood".to_owned()), ..AnswerFilter::default() };
    let rows = world.store().list_answers(&filter).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.score.as_deref() == Some("mood")).count(), 2);
}

/// Nobody was asked while it was paused: their turns have not passed.
#[tokio::test]
async fn a_survey_that_was_paused_for_long_spreads_its_first_questions() {
    let world = World::new().await;
    let text = |mode: &str| survey("monthly", &format!("mode: {mode}\nscore: nps\nto: all\nevery: 30d\nvalid_for: 1d"));
    world.playbook(&text("paused"));
    world.account("a1", json!({})).await;
    for number in 0..60 {
        world.contact("a1", &format!("c{number}"), json!({})).await;
    }
    world.pass_at("2026-01-01T12:00:00Z").await;
    world.pass_at("2026-02-20T00:00:00Z").await;
    assert_eq!(world.run("monthly", "2026-02-20T00:00:00Z").await["state"], "skipped");
    world.playbook(&text("live"));
    let plan = world.plan("monthly", at("2026-03-02T00:00:00Z")).await;
    assert!((1..=12).contains(&plan.enter.len()), "{}", plan.enter.len());
    world.pass_at("2026-03-02T00:00:00Z").await;
    assert_eq!(world.mails().await.len(), plan.enter.len());
    // And not from each slot anew.
    for day in 1..30 {
        let when = at("2026-03-02T00:00:00Z") + chrono::Duration::days(day);
        world.pass_at(&when.to_rfc3339()).await;
    }
    assert_eq!(world.mails().await.len(), 60);
}

/// Sixty people over thirty days, and the next time thirty days later.
#[tokio::test]
async fn the_first_questions_are_spread_over_the_period() {
    let world = World::new().await;
    world.playbook(&survey("monthly", "score: nps\nto: all\nevery: 30d\nvalid_for: 1d"));
    world.account("a1", json!({})).await;
    for number in 0..60 {
        world.contact("a1", &format!("c{number}"), json!({})).await;
    }
    world.publish_at("2026-03-01T12:00:00Z").await;
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_day = Vec::new();
    for day in 0..30 {
        let before = first.len();
        let when = at("2026-03-02T00:00:00Z") + chrono::Duration::days(day);
        world.pass_at(&when.to_rfc3339()).await;
        for mail in world.mails().await {
            first.entry(mail["contact"].as_str().unwrap().to_owned()).or_insert(by_day.len());
        }
        by_day.push(first.len() - before);
    }
    assert_eq!((first.len(), world.mails().await.len()), (60, 60), "each is asked once: {by_day:?}");
    assert!(*by_day.iter().max().unwrap() <= 12, "{by_day:?}");
    assert!(by_day.iter().filter(|asked| **asked > 0).count() >= 18, "{by_day:?}");
    // The next turn of those of the first day.
    world.pass_at("2026-04-01T00:00:00Z").await;
    let again: BTreeSet<String> = first.into_iter().filter(|(_, day)| *day == 0).map(|(contact, _)| contact).collect();
    let mails = world.mails().await;
    let twice: BTreeSet<String> = mails
        .iter()
        .filter(|mail| mail["sent_at"].as_str().is_some_and(|sent| sent.starts_with("2026-04-01")))
        .map(|mail| mail["contact"].as_str().unwrap().to_owned())
        .collect();
    assert!(!again.is_empty() && twice == again, "{twice:?} {again:?}");
}

#[tokio::test]
async fn a_survey_that_would_ask_too_many_is_held_for_a_person() {
    let world = World::new().await;
    world.playbook(&once("pulse", "score: nps"));
    world.account("a1", json!({})).await;
    for number in 0..40 {
        world.contact("a1", &format!("c{number}"), json!({})).await;
    }
    let plan = world.plan("pulse", at(MONDAY)).await;
    assert_eq!((plan.enter.len(), plan.hold.is_some()), (40, true), "{:?}", plan.hold);
    world.run_at(MONDAY).await;
    assert!(world.mails().await.is_empty());
    assert_eq!(world.run("pulse", MONDAY).await["state"], "held");
    assert!(lines(&world.notices().await, "subject").contains(&"Held: pulse".to_owned()));
    assert_eq!(world.approve("pulse@2026-03-02T09:00:00Z", NOON).await, ReleaseAnswer::Taken);
    world.pass_at(NOON).await;
    // A release begins with a few.
    let asked = world.mails().await.len();
    assert!((1..40).contains(&asked), "{asked}");
}

#[tokio::test]
async fn of_several_surveys_one_asks_a_contact() {
    let world = World::new().await;
    world.playbook(&once("pulse", "score: nps\nnot_again_within: 30d"));
    world.playbook(&once("content", "score: csat\nnot_again_within: 10d"));
    world.playbook(&playbook("ask", "when: account.mrr > 0\nreentry: { gap: 1d }", "  - survey: content"));
    world.customer("a1").await.run_at(MONDAY).await;
    world.pass_at("2026-03-02T09:15:00Z").await;
    let mails = world.mails().await;
    let states = lines(&mails, "state");
    assert_eq!(states, ["captured", "skipped", "skipped"]);
    for mail in mails.iter().filter(|mail| mail["state"] == "skipped") {
        assert_eq!(mail["reason"], "another survey asked the contact at 2026-03-02T09:00:00Z");
    }
    // Who was asked is no candidate of another survey, and a step passes them by; a
    // colleague was left alone.
    world.contact("a1", "bob", json!({ "role": "owner" })).await;
    world.run_at("2026-03-04T09:00:00Z").await;
    world.pass_at("2026-03-04T09:15:00Z").await;
    let later: Vec<_> =
        world.mails().await.into_iter().filter(|mail| mail["sent_at"].as_str() > Some("2026-03-03")).collect();
    assert_eq!(lines(&later, "contact state"), ["bob captured"]);
    // After ten days the shorter rule is over for Ann.
    world.run_at("2026-03-12T09:00:00Z").await;
    world.pass_at("2026-03-12T09:15:00Z").await;
    let asked = |mails: &[serde_json::Value], since: &str| {
        let sent = mails.iter().filter(|mail| mail["sent_at"].as_str() > Some(since));
        lines(&sent.cloned().collect::<Vec<_>>(), "contact playbook")
    };
    assert_eq!(asked(&world.mails().await, "2026-03-12"), ["ann ask"]);
}

#[tokio::test]
async fn a_step_asks_a_survey_as_it_was_when_somebody_entered() {
    let world = World::new().await;
    let text = survey(
        "why",
        "score: custom\nscale: 1..4\nto: champion\nnot_again_within: 0d\nsubject: Two minutes?\nbody: Please say it.",
    );
    world.playbook(&text);
    let steps = "  - wait: 1d\n  - survey: { id: first, question: How are you?, to: champion, valid_for: 1d }\n  - survey: why\n  \
                 - task: { id: call, if: '(answer(\"survey-2\") ?? 4) <= 2', title: 'Call: {{ answer(\"survey-2\") | default(0) }}', to: csm }";
    world.playbook(&playbook("asks", "when: account.mrr > 0", steps));
    world.customer("a1").await.run_at(MONDAY).await;
    world.playbook(&text.replace("1..4", "1..7").replace("Two minutes?", "Three minutes?"));
    world.customer("a2").await.run_at("2026-03-02T10:00:00Z").await;
    for when in ["2026-03-03T10:00:00Z", "2026-03-04T10:00:00Z"] {
        world.pass_at(when).await;
    }
    let mails = world.mails().await;
    let asked: Vec<_> = mails.iter().filter(|mail| mail["step"] == "survey-2").cloned().collect();
    assert_eq!(lines(&asked, "account subject"), ["a1 Two minutes?", "a2 Three minutes?"]);
    let text = world.text(asked.iter().find(|mail| mail["account"] == "a1").unwrap()).await;
    assert!(text.starts_with("Please say it.") && text.contains("?answer=4") && !text.contains("?answer=5"), "{text}");

    let path = link_in(&text, "");
    let (status, page) = open(&world, "2026-03-04T12:00:00Z", &path, None).await;
    assert!(
        status == StatusCode::OK && page.contains("How likely is it, ann?") && !page.contains("Two minutes"),
        "{page}"
    );
    assert!(page.contains("<legend>1, 4</legend>"), "{page}");
    assert_eq!(open(&world, "2026-03-04T12:00:00Z", &path, Some("answer=5")).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(open(&world, "2026-03-04T12:00:00Z", &path, Some("answer=2")).await.0, StatusCode::OK);
    world.pass_at("2026-03-04T12:00:00Z").await;
    assert_eq!(lines(&world.tasks().await, "account title"), ["a1 Call: 2"]);
    // Its score has the name of the survey. The survey asks nobody by itself.
    world.playbook(&playbook("low", "when: account.score(\"why\") == 2", "  - set: { low: true }"));
    world.run_at("2026-03-05T09:00:00Z").await;
    let entered = lines(&world.enrollments().await, "playbook account");
    assert_eq!(entered, ["asks a1", "asks a2", "low a1"]);
}

#[tokio::test]
async fn a_contact_is_asked_in_their_language() {
    let world = World::new().await;
    let question = "score: nps\nto: champion\nschedule: \"0 9 1 1 *\"\nquestion: { default: How likely is it?, zh: 您会推荐吗？ }\n";
    world.playbook(&format!("survey: pulse\nabout: A story.\n{question}"));
    world.account("a1", json!({})).await;
    world.contact("a1", "ann", json!({ "locale": "zh-CN" })).await.run_at(MONDAY).await;
    let text = world.text(&world.mails().await[0]).await;
    assert!(text.starts_with("您会推荐吗？") && text.contains("0: 完全不可能, 10: 非常可能"), "{text}");
    let path = link_in(&text, "");
    let (_, page) = open(&world, NOON, &path, None).await;
    assert!(page.contains("您会推荐吗？") && page.contains("发送") && !page.contains("Send"), "{page}");
    assert!(open(&world, NOON, &path, Some("answer=11")).await.1.contains("请选择一个答案。"));
    assert!(open(&world, NOON, &path, Some("answer=9")).await.1.contains("我们已收到您的回答。"));
}

#[tokio::test]
async fn answers_leave_with_the_data_of_their_account() {
    use keepwell::store::customers::data_subject::Person;
    let world = World::new().await;
    world.playbook(&once("pulse", "score: nps"));
    world.customer("a1").await.run_at(MONDAY).await;
    answer(&world, "How", "answer=3&comment=Too+slow", NOON).await;
    let person = Person::new("a1", Some("ann"));
    let exported = world.store().export(&person).await.unwrap().to_string();
    assert!(exported.contains("Too slow") && exported.contains("pulse"), "{exported}");
    world.store().erase(&person, &[], false, keepwell::ids::Actor("a test"), at(NOON)).await.unwrap();
    assert!(world.store().list_answers(&AnswerFilter::default()).await.unwrap().is_empty());
}
