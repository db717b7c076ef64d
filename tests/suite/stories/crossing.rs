//! Two that are at work at the same time, one of them in the middle of what
//! the other does.

use keepwell::ids::{PlaybookId, RevisionId};
use keepwell::store::runs::RunKind;
use std::time::Duration;

use keepwell::enrollment::{Enrollment, State, Transition};
use keepwell::store::customers::arrivals::Arrival;
use keepwell::store::customers::data_subject::Person;
use keepwell::store::customers::erasure::Erasure;
use keepwell::store::lease::Lost;
use keepwell::store::upkeep::stopped::Halted;
use keepwell::worker::enrollments::advancer;
use keepwell::worker::runs::scheduler;

use crate::support::world::{World, at, lines, playbook};

const SLOT: &str = "2026-03-02T09:00:00Z";

impl World {
    /// Waits until somebody waits for a lock.
    pub async fn somebody_waits(&self) {
        for _ in 0..500 {
            let waits: bool = sqlx::query_scalar(
                "select exists (select 1 from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock' and wait_event <> 'advisory')",
            )
            .fetch_one(self.store().pool())
            .await
            .unwrap();
            if waits {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody waits for a lock");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_erasure_reaches_what_a_decision_is_just_writing() {
    let world = World::new().await;
    let steps = "  - wait: 1d\n  - task: { id: call, title: \"Call {{ account.name }}\", to: csm }\n  - email: { id: hello, to: champion, subject: Hi, body: Hello }\n  - wait: 9d";
    world.playbook(&playbook("tips", "when: account.mrr > 0", steps));
    world.customer("a1").await.run_at(SLOT).await;
    // The decision's transaction stands still in front of its task.
    world
        .sql(
            "create function stand() returns trigger language plpgsql as $$ begin
                 perform pg_advisory_xact_lock(1); return new; end $$;
             create trigger stand before insert on keepwell.tasks for each row execute function stand()",
        )
        .await;
    let mut gate = world.store().pool().acquire().await.unwrap();
    sqlx::query("select pg_advisory_lock(1)").execute(&mut *gate).await.unwrap();
    let shared = world.shared.clone();
    let moving = tokio::spawn(async move { advancer::tick(&shared, at("2026-03-03T09:00:00Z")).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let store = world.store().clone();
    let erasing = tokio::spawn(async move {
        let person = Person::new("a1", None);
        store.erase(&person, &[], false, keepwell::ids::Actor("dana"), at("2026-03-03T09:00:00Z")).await.unwrap()
    });
    world.somebody_waits().await;
    sqlx::query("select pg_advisory_unlock(1)").execute(&mut *gate).await.unwrap();
    moving.await.unwrap();
    assert!(matches!(erasing.await.unwrap(), Erasure::Done(_)));
    for table in ["enrollments", "tasks", "messages"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_that_breaks_off_finishes_what_it_is_writing() {
    let world = World::new().await;
    world.playbook(&playbook("tips", "when: account.mrr > 0\nguardrails: { hold_above: off }", "  - wait: 9d"));
    world
        .sql(
            "insert into customers.accounts (id, name, mrr, signed_up_at)
                 select 'a' || n, 'Account ' || n, 100, '2026-01-01' from generate_series(1, 1500) n;
             -- Writing takes its time; the second chunk finds that its run cannot be kept.
             create function slow() returns trigger language plpgsql as $$ begin
                 perform pg_sleep(1); return null; end $$;
             create trigger slow after insert on keepwell.enrollments for each statement execute function slow();
             create sequence renewed;
             create function breaks() returns trigger language plpgsql as $$ begin
                 if nextval('renewed') = 3 then raise exception 'broken'; end if; return new; end $$;
             create trigger breaks before update of lease_until on keepwell.runs
                 for each row when (new.state = 'running') execute function breaks()",
        )
        .await;
    world.publish_at(SLOT).await;
    scheduler::manual(&world.shared, at(SLOT)).await.unwrap();
    assert_eq!(world.count("enrollments").await, 1000, "the first chunk was under way");
    assert_eq!(world.count("runs where state = 'running'").await, 1);
    // Whoever takes it over finishes it.
    world.sql("update keepwell.runs set lease_until = now() - interval '1 second'").await;
    world.pass_at(SLOT).await;
    assert_eq!(world.count("enrollments").await, 1500);
}

/// A notice about a contact is claimed, and its text in a sender's hands.
#[tokio::test]
async fn erased_words_do_not_come_back_with_what_is_being_sent() {
    use keepwell::store::messages::address_guard::Departure;
    use keepwell::store::messages::budget::UnderWay;
    use keepwell::store::messages::claimed::Rendered;
    use keepwell::store::messages::mark_request::{MarkRequest, Marked};

    let world = World::new().await;
    world.playbook(&playbook(
        "tips",
        "when: account.mrr > 0",
        "  - notify: { channel: csm, text: \"Look at {{ account.traits.who }}\" }\n  - wait: 9d",
    ));
    world.account("a1", serde_json::json!({ "traits": { "who": "Zora Quill" } })).await;
    world.contact("a1", "c1", serde_json::json!({ "name": "Zora Quill" })).await;
    world.publish_at(SLOT).await;
    scheduler::manual(&world.shared, at(SLOT)).await.unwrap();
    let (store, now) = (world.store(), at(SLOT));
    let claimed = store.claim_messages(now, &Halted::default(), &UnderWay::default(), 64).await.unwrap();
    let [message] = &claimed[..] else { panic!("one notice: {claimed:#?}") };
    let text = store.notice_text(message).await.unwrap();
    assert!(text.contains("Zora Quill"), "{text}");
    let erased =
        store.erase(&Person::new("a1", Some("c1")), &[], false, keepwell::ids::Actor("dana"), now).await.unwrap();
    assert!(matches!(erased, Erasure::Done(_)));
    let rendered = Rendered { subject: "Look".to_owned(), text, ..Rendered::default() };
    let departure = Departure {
        message: message.clone(),
        to: "sam@acme.example".to_owned(),
        rendered,
        leaves: true,
        fingerprint: None,
        now,
    };
    store.depart(&[departure]).await.remove(0).unwrap();
    assert_ne!(store.mark(MarkRequest::new(message, "sam@acme.example"), now).await.unwrap(), Marked::Go);
    assert_eq!(world.count("messages where body_text like '%Zora%'").await, 0);
    // Without the words, the notice goes at the next look.
    world.pass_at(SLOT).await;
    let [notice] = &world.notices().await[..] else { panic!("one notice") };
    assert_eq!((&notice["state"], &notice["attempts"]), (&serde_json::json!("captured"), &serde_json::json!(1)));
    assert!(world.text(notice).await.contains("Look at [erased]"));
}

#[tokio::test]
async fn who_has_lost_a_run_writes_nothing_more_of_it() {
    let world = World::new().await;
    world.playbook(&playbook("tips", "when: account.mrr > 0\nguardrails: { first_run: hold }", "  - wait: 9d"));
    for id in ["a1", "a2", "a3"] {
        world.customer(id).await;
    }
    world.run_at(SLOT).await;
    let store = world.store();
    let waiting = store.held_enrollments("tips", at(SLOT)).await.unwrap();
    world.discard(&format!("tips@{SLOT}"), SLOT).await;
    let slot = at("2026-03-02T10:00:00Z");
    let stale = store
        .open_run(PlaybookId("tips"), RevisionId(&waiting[0].revision), slot, RunKind::Manual, slot)
        .await
        .unwrap()
        .unwrap();
    world.sql("update keepwell.runs set lease_until = now() - interval '1 second'").await;
    let [taken] = &store.take_over_runs(&Halted::default()).await.unwrap()[..] else { panic!("one run") };
    assert_eq!(store.enroll(&stale, &waiting, State::Held).await.unwrap(), Err(Lost));
    let look = |one: &Enrollment| Transition {
        enrollment: one.clone(),
        effects: Vec::new(),
        stopped: false,
        passages: Vec::new(),
    };
    let looks: Vec<Transition> = waiting.iter().map(look).collect();
    assert_eq!(store.enter(&stale, &looks, 50).await.unwrap(), Err(Lost));
    let arrivals = [Arrival { subject: waiting[0].subject(), at: slot }];
    assert_eq!(store.record_event_looks(&stale, &arrivals, |_| false).await.unwrap(), Err(Lost));
    assert_eq!(world.count("event_looks").await, 0);
    assert_eq!(world.count("enrollments").await, 0);
    assert_eq!(store.enroll(taken, &waiting, State::Held).await.unwrap(), Ok(3));
    // Its holder renews it while it writes, and nobody takes it over meanwhile.
    let mut writing = store.pool().begin().await.unwrap();
    sqlx::query("select 1 from keepwell.runs for key share").execute(&mut *writing).await.unwrap();
    assert_eq!(store.renew_run(taken).await.unwrap(), Ok(()));
    world.sql("update keepwell.runs set lease_until = now() - interval '1 second' where state = 'running'").await;
    assert!(store.take_over_runs(&Halted::default()).await.unwrap().is_empty());
    writing.commit().await.unwrap();
    assert_eq!(store.take_over_runs(&Halted::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_held_without_a_word() {
    let world = World::new().await;
    world.playbook(&playbook("tips", "when: account.mrr > 0\nguardrails: { first_run: hold }", "  - wait: 9d"));
    world
        .sql(
            "create sequence words;
             create function mute() returns trigger language plpgsql as $$ begin
                 if nextval('words') = 1 then raise exception 'no words'; end if; return new; end $$;
             create trigger mute before insert on keepwell.messages for each row execute function mute()",
        )
        .await;
    world.customer("a1").await;
    world.publish_at(SLOT).await;
    scheduler::manual(&world.shared, at(SLOT)).await.unwrap();
    assert_eq!(world.run("tips", SLOT).await["state"], "running");
    world.sql("update keepwell.runs set lease_until = now() - interval '1 second'").await;
    world.pass_at(SLOT).await;
    assert_eq!(world.run("tips", SLOT).await["state"], "held");
    assert_eq!(lines(&world.notices().await, "subject"), ["Held: tips"]);
}

#[tokio::test]
async fn whoever_was_faster_is_told_from_a_key_that_is_used() {
    let world = World::new().await;
    world.playbook(&playbook("first", "when: account.mrr > 0", "  - wait: 1d\n  - enroll: second\n  - wait: 9d"));
    world.playbook(&playbook("second", "when: account.mrr > 0", "  - wait: 1h"));
    world.customer("a1").await.run_at(SLOT).await;
    let now = at("2026-03-03T09:00:00Z");
    advancer::tick(&world.shared, now).await.unwrap();
    let store = world.store();
    let [referral] = &store.open_referrals(now, &Halted::default(), 9).await.unwrap()[..] else { panic!("one") };
    let id = sqlx::query_scalar("select id from keepwell.enrollments where playbook = 'second'");
    let id: uuid::Uuid = id.fetch_one(store.pool()).await.unwrap();
    let [entered] = &store.enrollments_by_id(&[("a1".to_owned(), id)]).await.unwrap()[..] else { panic!("one") };
    assert_eq!(entered.state, State::Completed);
    store.settle_referral(referral, Ok(entered), now).await.unwrap();
    let reason: Option<String> =
        sqlx::query_scalar("select reason from keepwell.referrals").fetch_one(store.pool()).await.unwrap();
    assert_eq!(reason.as_deref(), Some("reentry"));
}
