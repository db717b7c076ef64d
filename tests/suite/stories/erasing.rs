//! A customer's data out and away.

use keepwell::store::customers::data_subject::Person;
use keepwell::store::customers::erasure::{Erased, Erasure};
use keepwell::store::upkeep::stopped::StopTarget;
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Row};

use crate::support::world::{World, at, lines, playbook};

const MONDAY: &str = "2026-03-02T09:00:00Z";

/// Everything that a contact or an account could be named by.
const ZOE: [&str; 2] = ["zoë", "zoe@"];
const FJORD: [&str; 6] = ["fjord", "fj&", "zoë", "zoe@", "bob@", "bob brown"];

/// Two contacts with mail, tasks, notices, a survey, an answer, bounces, a
/// digest, a failure and a mail that waits.
async fn company() -> World {
    let world =
        World::with("notify: { csm: { digest: \"0 10 * * *\" } }\nbudget: { contact: [2 per 1d], account: off }\n")
            .await;
    let say = "{{ account.name }}: {{ account.traits.who }}";
    world.playbook(&playbook(
        "rescue",
        "when: account.mrr > 0 && account.traits.who != none",
        &format!(
            "  - email: {{ id: hello, to: all, subject: \"{say}\", body: \"Hello {{{{ recipient.name }}}}, {say}\" }}\n\
             \x20 - task: {{ id: call, title: \"Call {say}\", description: \"{say}\", checklist: [\"Ask {say}\"], to: csm, outcomes: [reached] }}\n\
             \x20 - notify: {{ channel: csm, text: \"Look at {say}\" }}\n\
             \x20 - notify: {{ channel: alerts_to, text: \"Look at {say}\" }}\n\
             \x20 - survey: {{ id: why, score: nps, question: \"How are we doing, {say}?\", to: all }}\n\
             \x20 - email: {{ id: fails, to: all, subject: \"{{{{ account.traits.missing }}}}\", body: b }}\n  - wait: 30d"
        ),
    ));
    world.playbook(&playbook(
        "hello",
        "for: contact\nwhen: contact.email != none",
        "  - task: { id: meet, title: \"Meet {{ contact.name }}\", to: csm }\n  - email: { id: hi, subject: \"Hi {{ contact.name }}\", body: b }\n  - wait: 30d",
    ));
    let name = "Fjord <b> & \"Søns\" O'Hara";
    world.account("a1", json!({ "name": name, "traits": { "who": "zoë o'hara-löwe \"Z\"" } })).await;
    world.contact("a1", "c1", json!({ "name": "Zoë O'Hara-Löwe \"Z\"", "email": "Zoe@Fjord.example" })).await;
    world.contact("a1", "c2", json!({ "name": "Bob Brown", "email": "bob@fjord.example" })).await;
    world.account("a2", json!({ "name": "Other", "traits": { "who": "nobody" } })).await;
    world.contact("a2", "c1", json!({ "name": "Carl", "email": "carl@other.example" })).await;
    world.run_at(MONDAY).await;
    // The second pass writes the digest, with tasks of both accounts.
    world.pass_at("2026-03-02T10:30:00Z").await;
    world.pass_at("2026-03-03T10:30:00Z").await;
    let asked = world
        .mails()
        .await
        .into_iter()
        .find(|mail| mail["step"] == "why" && mail["contact"] == "c1")
        .expect("a survey");
    let id: uuid::Uuid = asked["id"].as_str().unwrap().parse().unwrap();
    let token = world.store().survey_token(id, None).await.unwrap();
    let (survey, score) = world.store().survey_mail(&token).await.unwrap().unwrap();
    world.store().answer(&survey, score, None, Some("Zoë says no"), None, at("2026-03-03T11:00:00Z")).await.unwrap();
    world
        .sql(
            "insert into keepwell.bounces (name, at, verdict, detail, account_id, message)
                 select 'f', '2026-03-03T11:00:00Z', 'soft', 'smtp; 450 <Zoe@fjord.example> later', account_id, id
                 from keepwell.messages where account_id = 'a1' and contact_id = 'c1' limit 1;
             insert into keepwell.attempts select account_id, id, 99, created_at, created_at, 'deferred', '450 zoe@fjord.example'
                 from keepwell.messages where account_id = 'a1' and contact_id = 'c1' limit 1;
             update keepwell.runs set details = '[{\"account\": \"a1\", \"contact\": \"c1\", \"message\": \"Zoë\"}, {\"account\": \"a2\"}]'",
        )
        .await;
    world
}

/// Every place in schema keepwell where one of the words stands.
async fn found(world: &World, words: &[&str]) -> Vec<String> {
    let pool = world.store().pool();
    let columns = sqlx::query(
        "select c.table_name::text as t, c.column_name::text as c from information_schema.columns c
         join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
         where c.table_schema = 'keepwell' and t.table_type = 'BASE TABLE' and c.data_type in ('text', 'jsonb', 'json', 'ARRAY')
           and c.table_name <> 'revisions'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert!(columns.len() > 60, "the schema is there");
    let patterns: Vec<String> = words.iter().map(|word| format!("%{word}%")).collect();
    let mut found = Vec::new();
    for row in columns {
        let (table, column): (String, String) = (row.get("t"), row.get("c"));
        let sql = format!("select \"{column}\"::text from keepwell.\"{table}\" where \"{column}\"::text ilike any($1)");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&patterns).fetch_all(pool).await.unwrap();
        found.extend(rows.into_iter().map(|text| format!("{table}.{column}: {text}")));
    }
    found
}

/// `table.column: text` taken apart.
fn parts(place: &str) -> (&str, &str, &str) {
    let (name, value) = place.split_once(": ").unwrap();
    let (table, column) = name.split_once('.').unwrap();
    (table, column, value)
}

async fn erase(world: &World, person: &str, dry_run: bool) -> Erased {
    let person = Person::readings(person).pop().unwrap();
    match world
        .store()
        .erase(&person, &[], dry_run, keepwell::ids::Actor("dana"), at("2026-03-04T09:00:00Z"))
        .await
        .unwrap()
    {
        Erasure::Done(erased) => erased,
        Erasure::Busy => panic!("nothing is being sent"),
    }
}

#[tokio::test]
async fn of_an_erased_account_only_keyed_hashes_remain() {
    let world = company().await;
    let before = found(&world, &FJORD).await;
    for place in [
        "messages.body_html",
        "tasks.title",
        "tasks.checklist",
        "answers.comment",
        "bounces.detail",
        "attempts.reply",
        "runs.details",
    ] {
        assert!(before.iter().any(|found| found.starts_with(place)), "the story has {place}: {before:#?}");
    }
    let would = erase(&world, "a1", true).await;
    assert_eq!(found(&world, &FJORD).await, before, "a dry run changes nothing");
    assert_eq!(world.store().list_audit(None).await.unwrap(), Vec::<Json>::new());
    let done = erase(&world, "a1", false).await;
    assert_eq!(done, would);
    assert!(done.deleted["enrollments"] >= 3 && done.suppressed == 2 && done.still_there, "{done:?}");
    assert_eq!(found(&world, &FJORD).await, Vec::<String>::new());
    assert!(world.messages().await.iter().any(|message| message["account"] == "a2"), "others keep theirs");
    assert!(found(&world, &["Call Other"]).await.len() > 1);
    let audit = world.store().list_audit(None).await.unwrap();
    assert_eq!(lines(&audit, "by deed about"), ["dana erase {\"account\":\"a1\",\"contact\":null}"]);

    // Again: nothing is left. And whoever comes back is not written to.
    let again = erase(&world, "a1", false).await;
    assert_eq!((again.deleted.len(), again.scrubbed.len()), (0, 0), "{again:?}");
    world
        .sql("delete from customers.contacts where account_id = 'a1'; delete from customers.accounts where id = 'a1'")
        .await;
    world.account("a1", json!({ "name": "Back", "traits": { "who": "zoe" } })).await;
    world.contact("a1", "new", json!({ "name": "Z", "email": " ZOE@fjord.example " })).await;
    world.run_at("2026-03-05T09:00:00Z").await;
    let mails: Vec<Json> = world.mails().await.into_iter().filter(|mail| mail["account"] == "a1").collect();
    assert!(mails.iter().any(|mail| mail["state"] == "suppressed"), "{mails:#?}");
    assert!(mails.iter().all(|mail| mail["state"] != "captured"), "{mails:#?}");
}

#[tokio::test]
async fn of_an_erased_contact_nothing_remains_and_the_account_goes_on() {
    let world = company().await;
    assert!(found(&world, &ZOE).await.len() > 10);
    let done = erase(&world, "a1/c1", false).await;
    assert_eq!(done.suppressed, 1);
    assert_eq!(found(&world, &ZOE).await, Vec::<String>::new());
    // Bob's mail, the account's tasks and its way through the playbook stay.
    assert!(found(&world, &["bob@fjord"]).await.len() > 1);
    let tasks = world.tasks().await;
    let call = tasks.iter().find(|task| task["account"] == "a1" && task["step"] == "call").expect("the task");
    assert_eq!(
        (call["title"].as_str(), call["state"].as_str()),
        (Some("Call Fjord <b> & \"Søns\" O'Hara: [erased]"), Some("open"))
    );
    let ways = lines(&world.enrollments().await, "account contact playbook state");
    assert_eq!(ways, ["a1 - rescue active", "a1 c2 hello active", "a2 - rescue active", "a2 c1 hello active"]);
    world.sql("delete from customers.contacts where account_id = 'a1' and id = 'c1'").await;
    world.pass_at("2026-03-04T10:00:00Z").await;
    assert_eq!(lines(&world.enrollments().await, "account contact playbook state"), ways);
    assert_eq!(erase(&world, "a1/c1", false).await.deleted.len(), 0);
}

#[tokio::test]
async fn nothing_is_erased_while_a_mail_is_being_sent() {
    let world = company().await;
    world.sql("update keepwell.messages set state = 'sending', token = gen_random_uuid(), lease_until = now() + interval '1 hour', outcome = null, sent_at = null, ended_at = null where id = (select id from keepwell.messages where contact_id = 'c1' and account_id = 'a1' limit 1)").await;
    let before = found(&world, &FJORD).await;
    for person in ["a1", "a1/c1"] {
        let person = Person::readings(person).pop().unwrap();
        let erased = world
            .store()
            .erase(&person, &[], false, keepwell::ids::Actor("dana"), at("2026-03-04T09:00:00Z"))
            .await
            .unwrap();
        assert_eq!(erased, Erasure::Busy);
    }
    assert_eq!(found(&world, &FJORD).await, before);
    let other = Person::new("a1", Some("c2"));
    assert!(matches!(
        world.store().erase(&other, &[], false, keepwell::ids::Actor("dana"), at(MONDAY)).await,
        Ok(Erasure::Done(_))
    ));
}

#[tokio::test]
async fn a_mail_that_waits_is_cancelled_and_its_enrollment_goes_on() {
    let world = World::with("quiet_hours: { from: \"08:00\", to: \"12:00\" }\n").await;
    let steps =
        "  - email: { id: hello, to: champion, subject: s, body: b }\n  - task: { id: after, title: t, to: csm }";
    world.playbook(&playbook("welcome", "when: account.mrr > 0", steps));
    world.customer("a1").await;
    world.run_at(MONDAY).await;
    assert_eq!(lines(&world.mails().await, "state"), ["deferred"]);
    erase(&world, "a1/ann", false).await;
    world.pass_at("2026-03-04T10:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "contact to state reason"), ["- - cancelled erased"]);
    assert_eq!(lines(&world.tasks().await, "step state"), ["after open"]);
}

#[tokio::test]
async fn an_export_is_complete() {
    let world = company().await;

    for (person, words) in [("a1", &FJORD[..]), ("a1/c1", &ZOE[..])] {
        let person = Person::readings(person).pop().unwrap();
        let document = world.store().export(&person).await.unwrap();
        let ours = &document["keepwell"];
        for table in ["enrollments", "tasks", "messages", "attempts", "answers", "bounces", "mentions", "runs"] {
            assert!(!ours[table].as_array().unwrap().is_empty(), "{person}: {table}");
        }
        assert!(!document["customers"]["contacts"].as_array().unwrap().is_empty());
        assert!(ours["messages"].as_array().unwrap().iter().any(|row| row["body_html"].is_string()));
        assert!(!document.to_string().contains("carl@"), "nobody else's address");
        // Whatever names them is in their export.
        for (table, column, value) in found(&world, words).await.iter().map(|place| parts(place)) {
            let mentions = ours["mentions"].as_array().unwrap().iter().filter(|row| row["table"] == table);
            let rows = ours[table].as_array().into_iter().flatten().chain(mentions.map(|row| &row["row"]));
            let json = serde_json::from_str::<Json>(value).ok();
            let mut same =
                rows.map(|row| &row[column]).filter(|of| of.as_str() == Some(value) || Some(*of) == json.as_ref());
            // Of a run only what it says of them.
            assert!(table == "runs" || same.next().is_some(), "{table}.{column}: {value}");
        }
    }
    let nobody = world.store().export(&Person::new("a3", None)).await.unwrap();
    let empty = |part: &Json| part.as_object().unwrap().values().all(|rows| rows.as_array().is_none_or(Vec::is_empty));
    assert!(empty(&nobody["customers"]) && empty(&nobody["keepwell"]), "{nobody:#}");
}

#[tokio::test]
async fn why_people_did_it_is_in_the_export_and_leaves_with_whom_it_is_about() {
    let world = World::new().await;
    world.customer("a1").await.customer("a2").await;
    for account in ["a1", "a2"] {
        let (target, by) = (StopTarget::Account(account.to_owned()), keepwell::ids::Actor("dana"));
        assert!(world.store().stop(&target, by, Some("Their Xaver is ill"), at(MONDAY)).await.unwrap());
    }
    world
        .sql(
            "with deeds as (insert into keepwell.audit (at, by, deed, about)
                 select '2026-03-02', 'dana', 'enroll', jsonb_build_object('account', 'a2', 'contact', contact)
                 from unnest(array['ann', 'bo']) contact returning n)
             insert into keepwell.audit_reasons select n, 'Xaver asked' from deeds",
        )
        .await;
    for (person, deeds) in [("a1", 1), ("a2", 3), ("a2/ann", 1)] {
        let document = world.store().export(&Person::readings(person).pop().unwrap()).await.unwrap();
        let reasons = document["keepwell"]["audit"].as_array().unwrap().iter().map(|deed| &deed["reason"]);
        assert_eq!(reasons.filter(|reason| reason.as_str().is_some_and(|why| why.contains("Xaver"))).count(), deeds);
    }
    let before = found(&world, &["xaver"]).await;
    assert_eq!(before.len(), 6, "{before:#?}");
    erase(&world, "a2/ann", false).await;
    assert_eq!(found(&world, &["xaver"]).await.len(), 5);
    erase(&world, "a1", false).await;
    let left = found(&world, &["xaver"]).await;
    assert_eq!(left.len(), 3, "those about a2: {left:#?}");
    assert_eq!(world.store().stopped().await.unwrap().stops.len(), 2, "what is stopped stays so");
}

#[tokio::test]
async fn words_and_evidence_are_forgotten_after_their_time() {
    let world = World::with("retention: { bodies: 30d, evidence: 90d }\n").await;
    let steps = "  - email: { id: hello, to: champion, subject: Subject, body: Body }\n  - task: { id: t, title: t, to: csm }\n  - end: done";
    world.playbook(&playbook("welcome", "when: account.mrr > 0", steps));
    world.customer("a1").await;
    world.run_at(MONDAY).await;
    let kept = async || {
        let rows: (bool, bool, bool) = sqlx::query_as(
            "select (select bool_or(body_html is not null or body_text is not null) from keepwell.messages where channel = 'email'),
                    (select bool_or(evidence <> '{}' or entry <> '{}') from keepwell.enrollments),
                    (select bool_or(subject = 'Subject') from keepwell.messages)",
        )
        .fetch_one(world.store().pool())
        .await
        .unwrap();
        rows
    };
    world.pass_at("2026-04-01T08:59:00Z").await;
    assert_eq!(kept().await, (true, true, true));
    world.pass_at("2026-04-01T09:01:00Z").await;
    assert_eq!(kept().await, (false, true, true), "the subject stays for the lists");
    world.pass_at("2026-06-01T09:00:00Z").await;
    assert_eq!(kept().await, (false, false, true));
}

/// The page's question stands beside the mail's texts, and is theirs as well.
#[tokio::test]
async fn a_question_to_a_contact_leaves_with_them() {
    let world = World::new().await;
    world.playbook(
        "survey: pulse\nabout: A story.\nsubject: Two minutes?\nquestion: Is {{ recipient.name }} content?\nto: champion\n",
    );
    world.playbook(&playbook("asks", "when: account.mrr > 0", "  - survey: pulse"));
    world.customer("a1").await.run_at(MONDAY).await;
    let question = async || -> Vec<Option<String>> {
        let asked = sqlx::query_scalar("select question from keepwell.messages where survey = 'pulse'");
        asked.fetch_all(world.store().pool()).await.unwrap()
    };
    assert_eq!(question().await, [Some("Is ann content?".to_owned())]);
    erase(&world, "a1/ann", false).await;
    assert_eq!(question().await, [None], "the mail of the account's enrollment stays");
}
