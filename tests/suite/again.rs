//! `if_unknown: send_again`: a mail of which nobody knows whether it arrived
//! leaves once more, unchanged, and never a third time.

use keepwell::ids::{Actor, Word};
use keepwell::message::class::Class;
use keepwell::message::refusal::Refusal;
use keepwell::store::customers::data_subject::Person;
use keepwell::store::messages::manual_outcomes::ManualOutcome;
use keepwell::store::messages::mark_request::Marked;
use keepwell::store::messages::suppressions::Suppression;
use keepwell::store::upkeep::stopped::{Halted, StopTarget};

use crate::support::smtp::{At, Do, Script};
use crate::support::world::{World, at, lines, playbook};

const NINE: &str = "2026-03-02T09:00:00Z";
const BEFORE_TEN: &str = "2026-03-02T09:59:00Z";
const AFTER_TEN: &str = "2026-03-02T10:05:00Z";

/// One mail with these further keys, to a customer whose relay takes the mail
/// and says nothing.
async fn unsure(keys: &str) -> World {
    let world = World::over_smtp("", Script::at(At::Dot, Do::Cut)).await;
    world.playbook(&hello(keys, "mode: live"));
    world.customer("a1").await;
    world.run_at(NINE).await;
    assert_eq!(states(&world).await, ["unknown"]);
    assert_eq!(world.accepted().len(), 1);
    world
}

/// The playbook, with these keys of its mail and of its own.
fn hello(keys: &str, own: &str) -> String {
    let step =
        format!("  - email: {{ id: mail, to: champion, subject: Hi, body: 'Hi {{{{ account.name }}}}', {keys} }}");
    playbook("hello", &format!("when: account.mrr > 0\ngoal: account.seats == 77\n{own}"), &step)
}

async fn states(world: &World) -> Vec<String> {
    lines(&world.mails().await, "state")
}

#[tokio::test]
async fn what_nobody_knows_leaves_once_more_and_unchanged() {
    let world = unsure("if_unknown: send_again").await;
    world.server_does(Script::default()).await;
    // What it is about changes meanwhile; the mail does not.
    world.sql("update customers.accounts set name = 'Another name'").await;
    world.pass_at(BEFORE_TEN).await;
    assert_eq!(world.accepted().len(), 1, "a bounce or a person may still say it");
    world.pass_at(AFTER_TEN).await;
    let taken = world.accepted();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].bytes, taken[1].bytes);
    assert_eq!((&taken[0].from, &taken[0].to), (&taken[1].from, &taken[1].to));
    assert!(!taken[0].id().is_empty());
    assert_eq!(states(&world).await, ["accepted"]);
    for later in ["2026-03-02T12:00:00Z", "2026-03-04T09:00:00Z"] {
        world.pass_at(later).await;
        assert_eq!(world.accepted().len(), 2);
    }
    world.sql("do $$ begin assert not exists (select from keepwell.copies), 'nothing is kept'; end $$").await;
}

#[tokio::test]
async fn there_is_no_third_body() {
    let world = unsure("if_unknown: send_again").await;
    for later in [AFTER_TEN, "2026-03-02T12:00:00Z", "2026-03-03T12:00:00Z"] {
        world.pass_at(later).await;
        assert_eq!(world.accepted().len(), 2, "{later}");
        assert_eq!(states(&world).await, ["unknown"]);
    }
    let reason = world.mails().await[0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("sent again, and still not known: ") && !reason.contains('{'), "{reason}");
}

#[tokio::test]
async fn nothing_leaves_twice_that_did_not_ask_for_it() {
    for keys in ["if_unknown: leave", "valid_for: 3d"] {
        let world = unsure(keys).await;
        world.server_does(Script::default()).await;
        world.pass_at(AFTER_TEN).await;
        assert_eq!(world.accepted().len(), 1);
        assert_eq!(states(&world).await, ["unknown"]);
    }
}

#[tokio::test]
async fn everything_is_looked_at_again_before() {
    // Settled by a person, either way.
    for (verdict, state) in [(ManualOutcome::Accepted, "accepted"), (ManualOutcome::Failed, "failed")] {
        let world = unsure("if_unknown: send_again").await;
        let id = world.mails().await[0]["id"].as_str().unwrap().parse().unwrap();
        world.store().settle_unknown(id, verdict, keepwell::ids::Actor("Sam"), at(BEFORE_TEN)).await.unwrap();
        world.pass_at(AFTER_TEN).await;
        assert_eq!((world.accepted().len(), states(&world).await), (1, vec![state.to_owned()]));
    }
    // Suppressed; no longer true; another address; sent elsewhere then; too late.
    for (change, when) in [
        ("update keepwell.copies set to_address = 'tester@colleague.example'", AFTER_TEN),
        ("update customers.accounts set seats = 77", AFTER_TEN),
        ("update customers.contacts set email = 'new@customer.example'", AFTER_TEN),
        ("select 1", "2026-03-06T10:00:00Z"),
    ] {
        let world = unsure("if_unknown: send_again").await;
        world.sql(change).await;
        world.pass_at(when).await;
        world.pass_at("2026-03-06T11:00:00Z").await;
        assert_eq!((world.accepted().len(), states(&world).await), (1, vec!["unknown".to_owned()]), "{change}");
    }
    let world = unsure("if_unknown: send_again").await;
    let to = world.accepted()[0].to[0].clone();
    world.store().suppress(&to, Suppression { class: "all", source: "a person" }, at(BEFORE_TEN)).await.unwrap();
    world.pass_at(AFTER_TEN).await;
    assert_eq!(world.accepted().len(), 1);
    // Turned to shadow: nothing leaves any more.
    let world = unsure("if_unknown: send_again").await;
    world.playbook(&hello("if_unknown: send_again", "mode: shadow"));
    world.pass_at(AFTER_TEN).await;
    assert_eq!((world.accepted().len(), states(&world).await), (1, vec!["unknown".to_owned()]));
    // Stopped: later.
    let world = unsure("if_unknown: send_again").await;
    world.stop(StopTarget::Playbook("hello".to_owned()), BEFORE_TEN).await;
    world.pass_at(AFTER_TEN).await;
    assert_eq!(world.accepted().len(), 1);
    world.resume(StopTarget::Playbook("hello".to_owned())).await;
    world.pass_at("2026-03-02T11:00:00Z").await;
    assert_eq!(world.accepted().len(), 2);
    // The account's mail of the class is paused: later.
    let world = unsure("if_unknown: send_again").await;
    let account = world.mails().await[0]["account"].as_str().unwrap().to_owned();
    let pause = StopTarget::AccountMail { account, class: Class::Lifecycle };
    world.stop(pause.clone(), BEFORE_TEN).await;
    world.pass_at(AFTER_TEN).await;
    assert_eq!(world.accepted().len(), 1);
    world.resume(pause).await;
    world.pass_at("2026-03-02T11:00:00Z").await;
    assert_eq!(world.accepted().len(), 2);
}

/// Not while a person's stop can be undone, and not once they have ended the journey.
#[tokio::test]
async fn a_second_body_goes_by_what_people_say_of_its_journey() {
    let world = World::over_smtp("", Script::at(At::Dot, Do::Cut)).await;
    world.playbook(&format!("{}\n  - wait: 9d\n", hello("if_unknown: send_again", "mode: live")));
    world.customer("a1").await;
    world.run_at(NINE).await;
    world.server_does(Script::default()).await;
    let (store, now) = (world.store(), at(AFTER_TEN));
    let stop = "update keepwell.enrollments set stop_reason = 'not relevant', undo_until = '2026-03-02T10:30:00Z'";
    let undo = "update keepwell.enrollments set stop_reason = null, undo_until = null";
    world.sql(stop).await;
    assert!(store.claim_copy(now, &Halted::default()).await.unwrap().is_none());
    world.sql(undo).await;
    let (mail, copy) = store.claim_copy(now, &Halted::default()).await.unwrap().expect("it may leave again");
    world.sql(stop).await;
    assert_eq!(store.mark_copy(&mail, &copy.to_address, now).await.unwrap(), Marked::No(Refusal::Stopped));
    world.sql(undo).await;
    store.cancel_enrollment(mail.enrollment_id.unwrap(), Word::new(Actor("dana"), now)).await.unwrap();
    assert_eq!(store.mark_copy(&mail, &copy.to_address, now).await.unwrap(), Marked::No(Refusal::Stopped));
    store.put_back_copy(&mail, now).await.unwrap();
    world.pass_at("2026-03-02T11:00:00Z").await;
    assert_eq!((world.accepted().len(), states(&world).await), (1, vec!["unknown".to_owned()]));
    world.sql("do $$ begin assert not exists (select from keepwell.copies), 'nothing is kept'; end $$").await;
}

#[tokio::test]
async fn a_relay_that_is_down_uses_nothing_up() {
    let world = unsure("if_unknown: send_again").await;
    world.server_does(Script::reply(At::Recipient, "451 4.7.1 later")).await;
    world.pass_at(AFTER_TEN).await;
    assert_eq!((world.accepted().len(), states(&world).await), (1, vec!["unknown".to_owned()]));
    world.server_does(Script::default()).await;
    world.pass_at("2026-03-02T10:30:00Z").await;
    assert_eq!((world.accepted().len(), states(&world).await), (2, vec!["accepted".to_owned()]));
}

#[tokio::test]
async fn an_erased_contact_gets_no_second_body_and_leaves_no_copy() {
    let world = unsure("if_unknown: send_again").await;
    world.server_does(Script::default()).await;
    let person = Person::new("a1", None);
    world.store().erase(&person, &[], false, keepwell::ids::Actor("a person"), at(BEFORE_TEN)).await.unwrap();
    world.sql("do $$ begin assert not exists (select from keepwell.copies), 'nothing is kept'; end $$").await;
    world.pass_at(AFTER_TEN).await;
    assert_eq!(world.accepted().len(), 1);
}

#[tokio::test]
async fn a_sender_that_dies_with_the_second_body_has_sent_it() {
    let world = unsure("if_unknown: send_again").await;
    // What it leaves behind: the marker, and no word about the outcome.
    world
        .sql(
            "update keepwell.copies set marked_at = clock_timestamp(), token = gen_random_uuid(),
                 lease_until = clock_timestamp() - interval '1 minute'",
        )
        .await;
    world.pass_at(AFTER_TEN).await;
    world.pass_at("2026-03-03T10:00:00Z").await;
    assert_eq!((world.accepted().len(), states(&world).await), (1, vec!["unknown".to_owned()]));
}
