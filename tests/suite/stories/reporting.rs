//! Value reports: what an account got, before and after; kept, mailed with a PDF, shown.

use keepwell::store::customers::data_subject::Person;
use keepwell::store::customers::sample::SampleCompany;
use keepwell::value_report::{Lack, Reading, Sheet, ValueReport, pdf};
use mail_parser::{MessageParser, MimeHeaders};
use serde_json::json;

use crate::support::smtp::{At, Script};
use crate::support::world::{World, at, lines, scheduled};

const QUARTER: &str = "report: quarter\nabout: What an account got.\nschedule: \"0 6 1 1 *\"\ntimezone: Europe/Berlin
title: { default: What you got, zh: 您的成果 }
intro: In your own numbers.
currency: EUR
figures:
  - { id: reports, label: { default: Reports, zh: 报表 }, value: \"account.events(\\\"report_created\\\", 90)\" }
  - { id: hours, label: Hours saved, value: \"account.events(\\\"report_created\\\", 90) * 2\", unit: hours, worth: account.traits.hourly_rate }
  - { id: seats, label: Seats in use, value: account.seats_used }
  - { id: tickets, label: Tickets, value: account.tickets(90), better: down }\n";

const MONDAY: &str = "2026-03-02T09:00:00Z";

/// An account with four reports in the last 90 days, one in those before, and a rate.
async fn customer(world: &World) {
    world.customer("a1").await;
    world
        .sql("update customers.accounts set signed_up_at = '2025-01-01', traits = '{\"hourly_rate\": 50}' where id = 'a1'")
        .await;
    for day in ["2026-03-01", "2026-02-10", "2026-01-20", "2025-12-20", "2025-11-01"] {
        world.event("a1", "report_created", &format!("{day}T10:00:00Z")).await;
    }
    world.sql("insert into customers.tickets (account_id, id, opened_at) values ('a1', 't1', '2025-11-02')").await;
}

async fn report(world: &World, account: &str, when: &str) -> ValueReport {
    world.store().report("quarter", account, at(when)).await.unwrap().expect("it is kept")
}

fn readings(report: &ValueReport) -> Vec<(&str, Option<f64>, Option<f64>)> {
    report.figures.iter().map(|one| (one.id.as_str(), one.before.value(), one.after.value())).collect()
}

#[tokio::test]
async fn a_report_compares_the_end_of_its_period_with_the_beginning() {
    let world = World::new().await;
    world.playbook(QUARTER);
    customer(&world).await;
    world.account("new", json!({ "signed_up_at": "2026-02-01", "seats_used": 4 })).await;
    world.run_at(MONDAY).await;
    let made = report(&world, "a1", MONDAY).await;
    assert_eq!(
        readings(&made),
        [
            ("reports", Some(1.0), Some(4.0)),
            ("hours", Some(2.0), Some(8.0)),
            // Of what is in the store today and was not recorded then, nothing is known.
            ("seats", None, made.figures[2].after.value()),
            ("tickets", Some(1.0), Some(0.0)),
        ]
    );
    assert_eq!(made.figures[2].before, Reading::Missing(Lack::NotRecorded));
    assert_eq!((made.figures[1].worth(), made.gain()), (Some(400.0), Some(300.0)));
    // Who was not there has nothing before, and without a rate there is no money.
    let new = report(&world, "new", MONDAY).await;
    assert_eq!(new.figures[0].before, Reading::Missing(Lack::NotYet));
    assert_eq!((new.figures[1].worth(), new.gain()), (None, None));
    // Another instant is another report, and each stays what it was.
    world.sql("delete from customers.events where at < '2026-01-01'").await;
    world.run_at("2026-03-09T09:00:00Z").await;
    world.run_at(MONDAY).await;
    assert_eq!(report(&world, "a1", MONDAY).await, made);
    assert_eq!(readings(&report(&world, "a1", "2026-03-09T09:00:00Z").await)[0], ("reports", Some(0.0), Some(3.0)));
    let kept = world.store().reports_of("a1", at("2026-03-09T09:00:00Z"), 10).await.unwrap();
    assert_eq!(kept.len(), 2);
    assert_eq!((kept[0].origin.as_str(), kept[0].title.as_str()), ("schedule", "What you got"));
}

#[tokio::test]
async fn money_is_shown_by_a_rate_that_can_be_read() {
    let world = World::new().await;
    let worth = "{ rate: account.traits.hourly_rate, default: 30 }";
    world.playbook(&QUARTER.replace("worth: account.traits.hourly_rate", &format!("worth: {worth}")));
    customer(&world).await;
    for (id, traits) in
        [("none", json!({})), ("zero", json!({ "hourly_rate": 0 })), ("text", json!({ "hourly_rate": "fifty" }))]
    {
        world.account(id, json!({ "signed_up_at": "2025-01-01", "traits": traits })).await;
        world.event(id, "report_created", "2026-03-01T10:00:00Z").await;
    }
    world.run_at(MONDAY).await;
    let mut rates = Vec::new();
    for id in ["a1", "none", "zero", "text"] {
        let rate = report(&world, id, MONDAY).await.figures[1].rate;
        rates.push(rate.map(|rate| (rate.value, rate.is_own)));
    }
    // Assumed is only what nobody has said.
    assert_eq!(rates, [Some((50.0, true)), Some((30.0, false)), None, None]);
}

#[tokio::test]
async fn percentages_differ_by_points() {
    let world = World::new().await;
    world.playbook(&QUARTER.replace("unit: hours", "unit: \"%\""));
    customer(&world).await;
    world.run_at(MONDAY).await;
    let made = report(&world, "a1", MONDAY).await;
    for (locale, change) in [("en", "+6 percentage points"), ("zh", "+6 个百分点")] {
        let row = &Sheet::of(&made, locale, "en").rows[1];
        assert_eq!((row.before.as_str(), row.after.as_str(), row.change.as_str()), ("2%", "8%", change));
    }
}

#[tokio::test]
async fn a_report_shows_the_goals_of_its_instant() {
    let world = World::new().await;
    world.playbook(QUARTER);
    world.playbook("plan: first\nabout: What is agreed.\nschedule: \"0 6 1 1 *\"\ngoals:\n  - { id: reports, about: Ten reports, value: \"account.events(\\\"report_created\\\", 365)\", target: 10 }\n");
    customer(&world).await;
    world.run_at(MONDAY).await;
    for hour in 10..16 {
        world.event("a1", "report_created", &format!("2026-03-03T{hour}:00:00Z")).await;
    }
    world.run_at("2026-03-09T09:00:00Z").await;
    let goals = |report: ValueReport| {
        let goal = report.goals.into_iter().next().expect("one goal");
        (goal.about, goal.state, goal.progress)
    };
    let about = Some("Ten reports".to_owned());
    assert_eq!(goals(report(&world, "a1", MONDAY).await), (about.clone(), "open".to_owned(), Some(50.0)));
    assert_eq!(goals(report(&world, "a1", "2026-03-09T09:00:00Z").await), (about, "reached".to_owned(), Some(100.0)));
}

/// The PDFs that a mail carries, by their names.
fn attachments(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mail = MessageParser::default().parse(bytes).expect("a mail");
    mail.attachments()
        .map(|part| {
            assert_eq!(
                part.content_type().map(|kind| kind.c_subtype.clone().unwrap().to_string()),
                Some("pdf".to_owned())
            );
            (part.attachment_name().unwrap().to_owned(), part.contents().to_vec())
        })
        .collect()
}

#[tokio::test]
async fn a_step_mails_the_report_once_with_its_pdf() {
    let world = World::over_smtp("", Script::default()).await;
    world.playbook(QUARTER);
    let step = "  - report: { id: send, report: quarter, to: champion, body: \"Hello {{ recipient.name }}, see below.\" }\n  - task: { title: Ask how it was, to: csm }";
    world.playbook(&scheduled("review", "0 9 2 3 *", "when: account.mrr > 0", step));
    customer(&world).await;
    world.run_at(MONDAY).await;
    let mails = world.mails().await;
    assert_eq!(lines(&mails, "step class state subject"), ["send lifecycle accepted What you got"]);
    let accepted = world.accepted();
    assert_eq!(accepted.len(), 1);
    let text = String::from_utf8_lossy(&accepted[0].bytes).into_owned();
    assert!(text.contains("List-Unsubscribe:") && text.contains("multipart/mixed"), "{text}");
    let mail = MessageParser::default().parse(&accepted[0].bytes).unwrap();
    let body = mail.body_text(0).unwrap();
    for part in [
        "Hello ann, see below.",
        "Reports: 1 → 4 (+3)",
        "€400.00, by your own rate of €50.00",
        "€300.00 more than before",
    ] {
        assert!(body.contains(part), "{part}: {body}");
    }
    // What is attached is what is kept, whatever is true later.
    let kept = world.store().reports_of("a1", at(MONDAY), 9).await.unwrap();
    let kept = report(&world, "a1", &kept[0].at.to_rfc3339()).await;
    let files = attachments(&accepted[0].bytes);
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].0, "quarter-2026-03-02.pdf");
    assert!(files[0].1 == pdf(&Sheet::of(&kept, "en", "en")), "the bytes are those of the report");
    let rows: Vec<(Option<String>, bool)> =
        sqlx::query_as("select report, report_at = $1 from keepwell.messages where channel = 'email'")
            .bind(kept.at)
            .fetch_all(world.store().pool())
            .await
            .unwrap();
    assert_eq!(rows, [(Some("quarter".to_owned()), true)], "the row says which report it carries");
    // Nothing is mailed twice.
    world.sql("delete from customers.events").await;
    world.pass_at("2026-03-02T09:01:00Z").await;
    world.run_at(MONDAY).await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(world.accepted().len(), 1);
    assert_eq!(lines(&world.tasks().await, "title"), ["Ask how it was"]);
}

#[tokio::test]
async fn a_mail_that_is_tried_again_carries_the_same_bytes() {
    let world = World::over_smtp("", Script::reply(At::Recipient, "451 later")).await;
    world.playbook(QUARTER);
    world.playbook(&scheduled("review", "0 9 2 3 *", "when: account.mrr > 0", "  - report: quarter"));
    customer(&world).await;
    world.run_at(MONDAY).await;
    assert_eq!(lines(&world.mails().await, "state"), ["deferred"]);
    let kept = report(&world, "a1", MONDAY).await;
    // The facts have changed meanwhile, and the report has not.
    world.sql("delete from customers.events").await;
    world.server_does(Script::default()).await;
    world.pass_at("2026-03-02T13:00:00Z").await;
    let accepted = world.accepted();
    assert_eq!(accepted.len(), 1);
    assert!(attachments(&accepted[0].bytes)[0].1 == pdf(&Sheet::of(&kept, "en", "en")));
}

#[tokio::test]
async fn a_reader_of_chinese_gets_the_report_in_chinese() {
    let world = World::new().await;
    world.playbook(QUARTER);
    world.playbook(&scheduled("review", "0 9 2 3 *", "when: account.mrr > 0", "  - report: quarter"));
    customer(&world).await;
    world.sql("update customers.contacts set locale = 'zh-Hans-CN'").await;
    world.run_at(MONDAY).await;
    let mails = world.mails().await;
    assert_eq!(lines(&mails, "subject"), ["您的成果"]);
    let text = world.text(&mails[0]).await;
    assert!(text.contains("报表：1 → 4 (+3)") && text.contains("按贵方费率"), "{text}");
}

#[tokio::test]
async fn the_csm_gets_a_link_to_the_report_for_the_review() {
    let world = World::with("web: { url: \"https://keepwell.acme.example\" }\n").await;
    world.playbook(QUARTER);
    let step =
        "  - report: { id: figures, report: quarter, to: csm }\n  - task: { title: Prepare the review, to: csm }";
    world.playbook(&scheduled("review", "0 9 2 3 *", "when: account.mrr > 0", step));
    customer(&world).await;
    world.run_at(MONDAY).await;
    assert!(world.mails().await.is_empty(), "no customer hears of it");
    let notices = world.notices().await;
    assert_eq!(lines(&notices, "step to"), ["figures sam@acme.example"]);
    let text = world.text(&notices[0]).await;
    assert!(text.contains("Reports: 1 → 4 (+3)"), "{text}");
    assert!(text.contains("https://keepwell.acme.example/accounts/a1/reports/quarter/2026-03-02T09:00:00Z"), "{text}");
    assert_eq!(lines(&world.tasks().await, "title"), ["Prepare the review"]);
}

#[tokio::test]
async fn reports_are_forgotten_with_their_account() {
    let world = World::new().await;
    world.playbook(QUARTER);
    customer(&world).await;
    world.run_at(MONDAY).await;
    world
        .store()
        .erase(&Person::new("a1", None), &[], false, keepwell::ids::Actor("tester"), at("2026-03-05T09:00:00Z"))
        .await
        .unwrap();
    assert!(world.store().reports_of("a1", at("2026-04-01T09:00:00Z"), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_figures_of_the_sample_company_are_those_of_sql_by_hand() {
    let world = World::new().await;
    SampleCompany::generate(at(MONDAY), 320).insert(world.store().pool(), |_, _, _| {}).await.unwrap();
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/portfolio/value-report.yaml");
    world.playbook(&std::fs::read_to_string(file).unwrap());
    world.run_at(MONDAY).await;
    type Row = (String, String, Option<f64>, Option<f64>, Option<f64>);
    let by_hand: Vec<Row> = sqlx::query_as(
        "with bounds as (select $1::timestamptz as after, $1::timestamptz - interval '90 days' as before),
         figures as (
             select a.id, a.signed_up_at, (a.traits ->> 'hourly_rate')::float8 as rate, b.*,
                 (select count(*) from customers.events e where e.account_id = a.id and e.name = 'report_created'
                    and e.at < b.after and e.at >= b.after - interval '90 days') as reports_after,
                 (select count(*) from customers.events e where e.account_id = a.id and e.name = 'report_created'
                    and e.at < b.before and e.at >= b.before - interval '90 days') as reports_before,
                 (select count(*) from customers.tickets t where t.account_id = a.id
                    and t.opened_at < b.after and t.opened_at >= b.after - interval '90 days') as tickets_after,
                 (select count(*) from customers.tickets t where t.account_id = a.id
                    and t.opened_at < b.before and t.opened_at >= b.before - interval '90 days') as tickets_before,
                 a.signed_up_at < b.before as was_there
             from customers.accounts a, bounds b where a.status = 'active')
         select id, 'reports', case when was_there then reports_before end::float8, reports_after::float8, null::float8 from figures
         union all
         select id, 'hours', case when was_there then 2 * reports_before end::float8, (2 * reports_after)::float8,
             2 * reports_after * rate from figures
         union all
         select id, 'tickets', case when was_there then tickets_before end::float8, tickets_after::float8, null from figures
         order by 1, 2",
    )
    .bind(at(MONDAY))
    .fetch_all(world.store().pool())
    .await
    .unwrap();
    let mut found: Vec<Row> = Vec::new();
    let accounts: Vec<String> = sqlx::query_scalar("select distinct account_id from keepwell.reports")
        .fetch_all(world.store().pool())
        .await
        .unwrap();
    let mut with_money = 0;
    for account in accounts {
        let report = world.store().report("value-report", &account, at(MONDAY)).await.unwrap().unwrap();
        assert_eq!(report.failures().count(), 0);
        with_money += usize::from(report.gain().is_some());
        for figure in report.figures.iter().filter(|figure| figure.id != "readers") {
            let (before, after) = (figure.before.value(), figure.after.value());
            found.push((account.clone(), figure.id.clone(), before, after, figure.worth()));
        }
    }
    found.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    assert_eq!(found, by_hand);
    assert!(found.len() > 600 && with_money > 20, "{} {with_money}", found.len());
}
