//! What the database says of attempts: who may send, and which facts are taken
//! from whom.

use keepwell::store::messages::suppressions::Suppression;
use std::time::Duration;

use keepwell::clock::Instant;
use keepwell::message::channel::Channel;
use keepwell::message::gate::Wait;
use keepwell::message::outcome::{Fact, Settled};
use keepwell::message::refusal::Refusal;
use keepwell::message::state::State;
use keepwell::store::Store;
use keepwell::store::messages::budget::UnderWay;
use keepwell::store::messages::claimed::Claimed;
use keepwell::store::messages::ending::Ending;
use keepwell::store::messages::manual_outcomes::{ManualOutcome, SettleAnswer};
use keepwell::store::messages::mark_request::{MarkRequest, Marked};
use keepwell::store::messages::resends::MailCopy;
use keepwell::store::upkeep::stopped::Halted;
use sqlx::{AssertSqlSafe, Executor, PgPool};
use uuid::Uuid;

use crate::support::database;
use crate::support::smtp::{At, Do, Script};
use crate::support::world::{World, at, lines, playbook};

pub(super) const TO: &str = "zoe@customer.example";

pub(super) struct Outbox {
    pub store: Store,
    pub pool: PgPool,
    pub now: Instant,
}

impl Outbox {
    /// With so many mails that are due, and one webhook.
    pub async fn of(mails: i32) -> Outbox {
        let database = database::fresh().await;
        let pool = database.pool().await;
        let insert = "insert into keepwell.messages (account_id, id, playbook, step, channel, class, to_address, state,
                 priority, valid_until, next_at, message_id, shadow, created_at)
             select 'a' || n, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'round', 'mail',
                 case n when 0 then 'webhook' else 'email' end, case n when 0 then 'internal' else 'lifecycle' end,
                 'zoe@customer.example', 'planned', 50, '2026-03-05T09:00:00Z', '2026-03-02T09:00:00Z',
                 '<' || n || '@x>', false, '2026-03-02T09:00:00Z'
             from generate_series(0, $1) n";
        sqlx::query(insert).bind(mails).execute(&pool).await.unwrap();
        Outbox { store: Store::connect(database.options.clone(), 4), pool, now: at("2026-03-02T09:00:00Z") }
    }

    pub async fn claim(&self) -> Vec<Claimed> {
        let (halted, under_way) = (Halted::default(), UnderWay::default());
        self.store.claim_messages(self.now, &halted, &under_way, 100).await.unwrap()
    }

    /// Claims and marks all.
    async fn marked(&self) -> Vec<Claimed> {
        let claimed = self.claim().await;
        let asked: Vec<MarkRequest<'_>> = claimed.iter().map(|message| MarkRequest::new(message, TO)).collect();
        let answers = self.store.mark_all(&asked, self.now).await.unwrap();
        assert!(answers.iter().all(|answer| *answer == Marked::Go), "{answers:?}");
        claimed
    }

    /// Their leases run out, and somebody notices.
    async fn lose_the_claims(&self) -> (u64, u64) {
        self.sql("update keepwell.messages set lease_until = clock_timestamp() - interval '1 second' where state = 'sending'").await;
        self.store.settle_expired(self.now).await.unwrap()
    }

    pub async fn sql(&self, sql: &str) {
        self.pool.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    }

    pub async fn settle(&self, message: &Claimed, settled: Settled) -> bool {
        let ending = Ending::at(message.clone(), settled, self.now);
        self.store.settle(Ending { reply: Some("what it said".to_owned()), ..ending }).await.unwrap()
    }

    async fn is(&self, message: &Claimed) -> (String, Option<String>, i32) {
        sqlx::query_as("select state, outcome, attempts from keepwell.messages where id = $1")
            .bind(message.id)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

fn is(state: &str, outcome: Option<&str>) -> (String, Option<String>, i32) {
    (state.to_owned(), outcome.map(str::to_owned), 1)
}

pub(super) fn ended(state: State) -> Settled {
    let fact = if state == State::Accepted { Fact::Accepted } else { Fact::Rejected };
    Settled::Ended { state, reason: None, fact: Some(fact) }
}

fn deferred(at: Instant) -> Settled {
    Settled::Deferred { next_at: at, reason: "450 later".to_owned(), counts: true, wait: Wait::Retry }
}

fn email(claimed: &[Claimed]) -> &Claimed {
    claimed.iter().find(|message| message.channel == Channel::Email).unwrap()
}

#[tokio::test]
async fn the_marker_wants_half_a_minute_of_lease_and_a_mail_that_is_still_valid() {
    let outbox = Outbox::of(2).await;
    let claimed = outbox.claim().await;
    let mark = async |message: &Claimed, now| outbox.store.mark(MarkRequest::new(message, TO), now).await.unwrap();
    let lost = Marked::No(Refusal::NotOurs);
    outbox.sql("update keepwell.messages set lease_until = clock_timestamp() + interval '29 seconds' where state = 'sending'").await;
    assert_eq!(mark(&claimed[0], outbox.now).await, lost);
    outbox.sql("update keepwell.messages set lease_until = clock_timestamp() + interval '35 seconds' where state = 'sending'").await;
    assert_eq!(mark(&claimed[0], at("2026-03-05T09:00:01Z")).await, lost);
    assert_eq!(mark(&claimed[0], at("2026-03-05T09:00:00Z")).await, Marked::Go);
    assert_eq!(mark(&claimed[0], outbox.now).await, lost, "once");
    // A heartbeat gives the others their time back.
    outbox.sql("update keepwell.messages set lease_until = clock_timestamp() + interval '5 seconds' where state = 'sending'").await;
    outbox.store.renew_claims(claimed[1].token).await.unwrap();
    assert_eq!(mark(&claimed[1], outbox.now).await, Marked::Go);
}

#[tokio::test]
async fn markers_that_share_a_transaction_are_answered_one_by_one() {
    let outbox = Outbox::of(5).await;
    let claimed = outbox.claim().await;
    outbox
        .store
        .suppress("gone@customer.example", Suppression { class: "all", source: "a test" }, outbox.now)
        .await
        .unwrap();
    outbox.sql("insert into keepwell.control (scope, at, by) values ('account:a2', now(), 'a test')").await;
    outbox.sql("insert into keepwell.control (scope, at, by) values ('mail:lifecycle:a4', now(), 'a test')").await;
    outbox.sql("insert into keepwell.control (scope, at, by) values ('mail:marketing:a5', now(), 'a test')").await;
    outbox.sql("update keepwell.messages set token = gen_random_uuid() where account_id = 'a3'").await;
    let asked: Vec<MarkRequest<'_>> = claimed
        .iter()
        .map(|message| MarkRequest::new(message, if message.account_id == "a1" { "Gone@customer.example" } else { TO }))
        .collect();
    let answers = outbox.store.mark_all(&asked, outbox.now).await.unwrap();
    for (message, answer) in claimed.iter().zip(answers) {
        let wanted = match message.account_id.as_str() {
            "a1" => Marked::No(Refusal::Suppressed),
            "a2" | "a4" => Marked::No(Refusal::Stopped),
            "a3" => Marked::No(Refusal::NotOurs),
            _ => Marked::Go,
        };
        assert_eq!(answer, wanted, "{}", message.account_id);
    }
    outbox.sql("insert into keepwell.control (scope, at, by) values ('all', now(), 'a test')").await;
    assert_eq!(
        outbox.store.mark(MarkRequest::new(&claimed[1], TO), outbox.now).await.unwrap(),
        Marked::No(Refusal::Stopped)
    );
}

#[tokio::test]
async fn of_two_claims_of_a_message_in_one_transaction_one_is_marked() {
    let outbox = Outbox::of(1).await;
    let lost = outbox.claim().await;
    outbox.lose_the_claims().await;
    // By the same process, which has not noticed.
    let taken = outbox.claim().await;
    let both = [email(&lost), email(&taken)];
    let asked = both.map(|message| MarkRequest::new(message, TO));
    let answers = outbox.store.mark_all(&asked, outbox.now).await.unwrap();
    assert_eq!(answers, [Marked::No(Refusal::NotOurs), Marked::Go]);
    let ending = |message: &Claimed| Ending::at(message.clone(), ended(State::Accepted), outbox.now);
    assert_eq!(outbox.store.settle_all(&both.map(ending)).await.unwrap(), [false, true]);
}

#[tokio::test]
async fn what_a_server_said_is_taken_although_the_claim_was_lost() {
    for (settled, wanted) in [
        (ended(State::Accepted), is("accepted", Some("accepted"))),
        (ended(State::Rejected), is("rejected", Some("rejected"))),
        // Known not to be taken, so it may go again.
        (deferred(at("2026-03-02T09:05:00Z")), is("deferred", None)),
    ] {
        let outbox = Outbox::of(1).await;
        let claimed = outbox.marked().await;
        let mail = email(&claimed);
        assert_eq!(outbox.lose_the_claims().await, (1, 1));
        assert_eq!(outbox.is(mail).await, is("unknown", Some("unknown")));
        assert!(outbox.claim().await.iter().all(|again| again.id != mail.id), "never by the machine");
        assert!(outbox.settle(mail, settled).await);
        assert_eq!(outbox.is(mail).await, wanted);
        let known: (String, String) =
            sqlx::query_as("select outcome, reply from keepwell.attempts").fetch_one(&outbox.pool).await.unwrap();
        assert_eq!(known, (wanted.0.clone(), "what it said".to_owned()));
        // A second answer changes nothing.
        assert!(!outbox.settle(mail, ended(State::Rejected)).await);
        assert_eq!(outbox.is(mail).await, wanted);
    }
}

#[tokio::test]
async fn a_late_no_sets_nothing_free_that_has_left_twice() {
    for (late, wanted) in [
        (deferred(at("2026-03-02T12:00:00Z")), None),
        (ended(State::Rejected), None),
        (ended(State::Accepted), Some(is("accepted", Some("accepted")))),
    ] {
        let mut outbox = Outbox::of(1).await;
        let claimed = outbox.marked().await;
        let mail = email(&claimed);
        let copy = MailCopy { bytes: b"Hi".to_vec(), envelope_from: String::new(), to_address: TO.to_owned() };
        outbox.store.keep_copy(mail, &copy).await.unwrap();
        outbox.lose_the_claims().await;
        outbox.now = at("2026-03-02T10:30:00Z");
        let (again, kept) = outbox.store.claim_copy(outbox.now, &Halted::default()).await.unwrap().unwrap();
        assert_eq!((again.id, kept), (mail.id, copy));
        assert_eq!(outbox.store.mark_copy(&again, TO, outbox.now).await.unwrap(), Marked::Go);
        // While the second is under way, and when nobody knows about that either.
        for _ in 0..2 {
            assert_eq!(outbox.settle(mail, late.clone()).await, wanted.is_some());
            if let Some(wanted) = &wanted {
                assert_eq!(&outbox.is(mail).await, wanted);
                break;
            }
            assert_eq!(outbox.is(mail).await.0, "unknown");
            outbox.store.settle_copy(&again, false, "silence", outbox.now, outbox.now).await.unwrap();
        }
        outbox.now = at("2026-03-02T12:00:00Z");
        assert!(outbox.claim().await.iter().all(|other| other.id != mail.id));
        assert!(outbox.store.claim_copy(outbox.now, &Halted::default()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_claim_that_has_run_out_is_not_revived() {
    let outbox = Outbox::of(2).await;
    let claimed = outbox.claim().await;
    outbox.sql("update keepwell.messages set lease_until = clock_timestamp() - interval '1 second' where state = 'sending'").await;
    outbox.store.renew_claims(claimed[0].token).await.unwrap();
    assert_eq!(
        outbox.store.mark(MarkRequest::new(&claimed[0], TO), outbox.now).await.unwrap(),
        Marked::No(Refusal::NotOurs)
    );
    assert_eq!(outbox.store.settle_expired(outbox.now).await.unwrap(), (3, 0));
}

#[tokio::test]
async fn what_somebody_holds_keeps_nobody_from_the_rest() {
    let outbox = Outbox::of(3).await;
    let mut held = outbox.pool.begin().await.unwrap();
    held.execute("select 1 from keepwell.messages where account_id = 'a2' for update").await.unwrap();
    let ours: Vec<String> = outbox.claim().await.into_iter().map(|message| message.account_id).collect();
    assert_eq!(ours.len(), 3);
    assert!(!ours.contains(&"a2".to_owned()));
}

#[tokio::test]
async fn whoever_lost_a_claim_moves_nothing() {
    let outbox = Outbox::of(1).await;
    let claimed = outbox.claim().await;
    let mail = email(&claimed);
    assert_eq!(outbox.lose_the_claims().await, (2, 0), "nothing had left");
    assert_eq!(outbox.is(mail).await, ("deferred".to_owned(), None, 0), "and no attempt was made");
    assert!(!outbox.settle(mail, deferred(outbox.now)).await);
    let taken = outbox.claim().await;
    assert_eq!(taken.len(), 2);
    assert!(!outbox.settle(mail, ended(State::Accepted)).await, "without a marker there was no attempt");
    assert_eq!(outbox.store.mark(MarkRequest::new(email(&taken), TO), outbox.now).await.unwrap(), Marked::Go);
    assert!(outbox.settle(email(&taken), ended(State::Accepted)).await);
}

#[tokio::test]
async fn a_sender_that_is_stopped_gives_back_what_has_not_left() {
    let outbox = Outbox::of(3).await;
    let claimed = outbox.claim().await;
    let marked: Vec<&Claimed> = claimed.iter().filter(|message| message.account_id.as_str() < "a2").collect();
    for message in &marked {
        assert_eq!(outbox.store.mark(MarkRequest::new(message, TO), outbox.now).await.unwrap(), Marked::Go);
    }
    assert_eq!(outbox.store.release_claims(claimed[0].token, outbox.now).await.unwrap(), 3);
    for message in &claimed {
        let wanted = match message.account_id.as_str() {
            "a0" => is("deferred", None),
            "a1" => is("unknown", Some("unknown")),
            _ => ("deferred".to_owned(), None, 0),
        };
        assert_eq!(outbox.is(message).await, wanted, "{}", message.account_id);
    }
}

#[tokio::test]
async fn a_webhook_that_was_taken_late_is_not_sent_again() {
    let outbox = Outbox::of(0).await;
    let claimed = outbox.marked().await;
    assert_eq!(outbox.lose_the_claims().await, (1, 0), "it may go twice");
    let reason: String =
        sqlx::query_scalar("select reason from keepwell.messages").fetch_one(&outbox.pool).await.unwrap();
    assert_eq!(reason, "its sender went away before an answer came");
    assert_eq!(outbox.is(&claimed[0]).await, is("deferred", None), "an attempt of it was made");
    assert!(!outbox.settle(&claimed[0], ended(State::Failed)).await, "another try may do better");
    assert!(outbox.settle(&claimed[0], ended(State::Accepted)).await);
    assert!(outbox.claim().await.is_empty());
}

#[tokio::test]
async fn a_person_settles_what_nobody_knows_and_a_fact_goes_above_that() {
    let outbox = Outbox::of(2).await;
    let claimed = outbox.marked().await;
    let mail = email(&claimed);
    let say = async |id, verdict| {
        outbox.store.settle_unknown(id, verdict, keepwell::ids::Actor("Sam"), outbox.now).await.unwrap()
    };
    assert_eq!(say(mail.id, ManualOutcome::Failed).await, SettleAnswer::Known, "it is under way");
    assert_eq!(say(Uuid::nil(), ManualOutcome::Failed).await, SettleAnswer::Known);
    assert_eq!(say(Uuid::max(), ManualOutcome::Failed).await, SettleAnswer::NoMessage);
    outbox.lose_the_claims().await;
    for (verdict, state) in [(ManualOutcome::Accepted, "accepted"), (ManualOutcome::Failed, "failed")] {
        assert_eq!(say(mail.id, verdict).await, SettleAnswer::Taken);
        assert_eq!(outbox.is(mail).await, is(state, Some("unknown")));
    }
    let told: (String, Option<Instant>) = sqlx::query_as("select reason, sent_at from keepwell.messages where id = $1")
        .bind(mail.id)
        .fetch_one(&outbox.pool)
        .await
        .unwrap();
    assert_eq!(told, ("not accepted, says Sam".to_owned(), None));
    let deeds = outbox.store.list_audit(None).await.unwrap();
    assert_eq!(lines(&deeds, "by deed"), ["Sam settle", "Sam settle"]);
    // Not even then is it sent again.
    assert!(outbox.claim().await.iter().all(|again| again.channel == Channel::Webhook));
    assert!(outbox.settle(mail, ended(State::Accepted)).await);
    assert_eq!(outbox.is(mail).await, is("accepted", Some("accepted")));
    assert_eq!(say(mail.id, ManualOutcome::Failed).await, SettleAnswer::Known);
}

#[tokio::test]
async fn outcomes_that_share_a_transaction_are_taken_one_by_one() {
    let outbox = Outbox::of(4).await;
    let claimed = outbox.marked().await;
    outbox.sql("update keepwell.messages set token = gen_random_uuid() where account_id = 'a2'").await;
    let settled = |message: &Claimed| match message.account_id.as_str() {
        "a1" => deferred(outbox.now),
        "a3" => ended(State::Rejected),
        _ => ended(State::Accepted),
    };
    let endings: Vec<Ending> =
        claimed.iter().map(|message| Ending::at(message.clone(), settled(message), outbox.now)).collect();
    let taken = outbox.store.settle_all(&endings).await.unwrap();
    for (message, taken) in claimed.iter().zip(taken) {
        let wanted = match message.account_id.as_str() {
            "a1" => is("deferred", None),
            "a2" => is("sending", None),
            "a3" => is("rejected", Some("rejected")),
            _ => is("accepted", Some("accepted")),
        };
        assert_eq!((outbox.is(message).await, taken), (wanted, message.account_id != "a2"));
    }
}

const MAIL: &str = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }";

async fn world() -> World {
    let world = World::over_smtp("", Script::default()).await;
    world.playbook(&playbook("welcome", "when: account.mrr > 0", MAIL));
    world.customer("a1").await;
    world
}

/// Makes the database fail whenever a mail is written that way.
async fn refuse(world: &World, when: &str) {
    let sql = format!(
        "create function refuse() returns trigger language plpgsql as 'begin raise exception ''not now''; end';
         create trigger refuse before update on keepwell.messages for each row when ({when}) execute function refuse()"
    );
    world.sql(&sql).await;
}

#[tokio::test]
async fn a_mail_that_has_not_left_after_all_leaves_although_its_steps_are_over() {
    for (change, state) in [("select 1", "accepted"), ("update customers.accounts set seats = 77", "cancelled")] {
        let world = World::over_smtp("", Script::at(At::Dot, Do::Cut)).await;
        world.playbook(&playbook("welcome", "when: account.mrr > 0\ngoal: account.seats == 77", MAIL));
        world.customer("a1").await;
        world.run_at("2026-03-02T09:00:00Z").await;
        assert_eq!(lines(&world.mails().await, "state"), ["unknown"]);
        assert_eq!(lines(&world.enrollments().await, "state"), ["completed"]);
        // Its sender could not write that it had heard no marker.
        let message = sqlx::query_as("select * from keepwell.messages").fetch_one(world.store().pool()).await.unwrap();
        let now = at("2026-03-02T09:01:00Z");
        assert!(world.store().settle(Ending::at(message, deferred(now), now)).await.unwrap());
        world.server_does(Script::default()).await;
        world.sql(change).await;
        world.pass_at("2026-03-02T09:02:00Z").await;
        assert_eq!(lines(&world.mails().await, "state"), [state]);
    }
}

#[tokio::test]
async fn a_mail_whose_marker_failed_has_not_left_and_goes_again() {
    let world = world().await;
    refuse(&world, "new.marked_at is not null").await;
    world.publish_at("2026-03-02T09:00:00Z").await;
    let now = at("2026-03-02T09:00:00Z");
    keepwell::worker::runs::scheduler::manual(&world.shared, now).await.unwrap();
    keepwell::worker::enrollments::advancer::tick(&world.shared, now).await.unwrap();
    keepwell::worker::messages::deliverer::tick(&world.shared, now).await.unwrap();
    assert_eq!(
        lines(&world.mails().await, "state attempts reason"),
        ["deferred 0 the database did not answer before it left"]
    );
    world.server.as_ref().unwrap().wait_for_fragments(1);
    assert!(world.accepted().is_empty());
    world.sql("drop trigger refuse on keepwell.messages").await;
    world.pass_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "state attempts"), ["accepted 1"]);
    assert_eq!(world.accepted().len(), 1);
}

#[tokio::test]
async fn the_servers_answer_is_written_as_soon_as_the_database_takes_it() {
    let world = std::sync::Arc::new(world().await);
    refuse(&world, "new.state = 'accepted'").await;
    let running = tokio::spawn({
        let world = world.clone();
        async move {
            world.run_at("2026-03-02T09:00:00Z").await;
        }
    });
    for _ in 0..500 {
        if !world.accepted().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(lines(&world.mails().await, "state"), ["sending"]);
    world.sql("drop trigger refuse on keepwell.messages").await;
    running.await.unwrap();
    assert_eq!(lines(&world.mails().await, "state attempts"), ["accepted 1"]);
    assert_eq!(world.accepted().len(), 1);
}

#[tokio::test]
async fn a_last_try_that_failed_is_known_also_when_it_comes_late() {
    let outbox = Outbox::of(1).await;
    let claimed = outbox.marked().await;
    outbox.lose_the_claims().await;
    let last = Settled::Ended { state: State::Expired, reason: None, fact: Some(Fact::Deferred) };
    assert!(outbox.settle(email(&claimed), last).await);
    assert_eq!(outbox.is(email(&claimed)).await, is("expired", Some("deferred")));
}

#[tokio::test]
async fn that_it_was_not_taken_goes_above_a_persons_word_and_sends_nothing() {
    let outbox = Outbox::of(1).await;
    let claimed = outbox.marked().await;
    let message = email(&claimed);
    for verdict in [ManualOutcome::Accepted, ManualOutcome::Failed] {
        outbox
            .sql(
                "update keepwell.messages set state = 'unknown', outcome = 'unknown', ended_at = now(), sent_at = null,
                 lease_until = null, marked_at = coalesce(marked_at, now())",
            )
            .await;
        outbox.sql(&format!("update keepwell.messages set token = '{}'", message.token)).await;
        assert_eq!(
            outbox.store.settle_unknown(message.id, verdict, keepwell::ids::Actor("dana"), outbox.now).await.unwrap(),
            SettleAnswer::Taken
        );
        assert!(outbox.settle(message, deferred(at("2026-03-02T10:00:00Z"))).await);
        assert_eq!(outbox.is(message).await, is("failed", Some("deferred")), "{verdict:?}");
        let sent =
            "select count(*) from keepwell.messages where sent_at is not null or reason is distinct from '450 later'";
        let sent: i64 = sqlx::query_scalar(AssertSqlSafe(format!("{sent} and channel = 'email'")))
            .fetch_one(&outbox.pool)
            .await
            .unwrap();
        assert_eq!(sent, 0);
    }
}
