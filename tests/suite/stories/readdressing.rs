//! A contact gets another address: what the reader does not want goes along.

use keepwell::ids::Actor;
use keepwell::store::messages::contact_addresses::Addressee;
use keepwell::store::messages::suppressions::Suppression;
use serde_json::json;

use super::bouncing::Returns;
use crate::support::smtp::Script;
use crate::support::world::{World, at, lines, playbook};

const OLD: &str = "kim@customer.example";
const NEW: &str = "kim@new-name.example";

async fn with_two(config: &str) -> World {
    let world = World::over_smtp(config, Script::default()).await;
    let step = "  - email: { id: tip, to: all, subject: Tip, body: Hello }";
    world.playbook(&playbook("tips", "when: account.mrr > 0\nreentry: { gap: 1d }", step));
    world.account("a", json!({})).await;
    for (id, email) in [("c", OLD), ("l", "lee@customer.example")] {
        world.contact("a", id, json!({ "email": email })).await;
    }
    world
}

async fn rename(world: &World) {
    world.sql("update customers.contacts set email = replace(email, '@customer.example', '@new-name.example')").await;
}

fn addressee<'a>(contact: &'a str, address: &'a str) -> Addressee<'a> {
    Addressee { account: "a", contact, address, class: "lifecycle" }
}

async fn outcomes(world: &World) -> Vec<String> {
    lines(&world.mails().await, "contact to state")
}

#[tokio::test]
async fn who_unsubscribed_gets_no_mail_at_a_new_address() {
    let returns = Returns::new();
    let world = with_two(&returns.config()).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let sender = world.accepted().into_iter().find(|mail| mail.to[0] == OLD).expect("a mail").from;
    returns.arrive("1", &format!("From: {OLD}\r\nTo: {sender}\r\nSubject: unsubscribe\r\n\r\n\r\n"));
    world.pass_at("2026-03-02T10:00:00Z").await;
    rename(&world).await;
    // A plan, which writes nothing, says it as well.
    let known = world.store().suppressed(&[addressee("c", NEW), addressee("l", "lee@new-name.example")]).await.unwrap();
    assert_eq!(known, [true, false]);
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(
        outcomes(&world).await,
        [
            format!("c {OLD} accepted"),
            format!("c {NEW} suppressed"),
            "l lee@customer.example accepted".to_owned(),
            "l lee@new-name.example accepted".to_owned()
        ]
    );
    assert!(!world.store().is_suppressed(NEW, "marketing").await.unwrap(), "of that class only");
    // Once more, and the wish is still there.
    world.sql("update customers.contacts set email = 'kim@third.example' where id = 'c'").await;
    world.run_at("2026-03-06T09:00:00Z").await;
    assert!(outcomes(&world).await.contains(&"c kim@third.example suppressed".to_owned()));
    // A person lifts it where the contact is now, and that lasts.
    let lifted = world.store().lift("kim@third.example", "lifecycle", Actor("dana"), at("2026-03-06T10:00:00Z")).await;
    assert!(lifted.unwrap());
    world.run_at("2026-03-09T09:00:00Z").await;
    assert!(outcomes(&world).await.contains(&"c kim@third.example accepted".to_owned()));
}

#[tokio::test]
async fn a_dead_mailbox_does_not_follow_and_an_old_link_does() {
    let world = with_two("").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let bounce = Suppression { class: "all", source: "bounce" };
    world.store().suppress(OLD, bounce, at("2026-03-02T10:00:00Z")).await.unwrap();
    rename(&world).await;
    world.run_at("2026-03-04T09:00:00Z").await;
    assert!(outcomes(&world).await.contains(&format!("c {NEW} accepted")), "{:?}", outcomes(&world).await);
    // The link in the mail of before the change.
    let token = world.store().unsubscribe_token(OLD, "lifecycle").await.unwrap();
    assert!(world.store().suppress_by_token(&token, at("2026-03-04T10:00:00Z")).await.unwrap());
    world.run_at("2026-03-06T09:00:00Z").await;
    let rows = outcomes(&world).await;
    assert!(rows.contains(&format!("c {NEW} suppressed")), "{rows:?}");
    assert!(rows.iter().all(|row| !row.starts_with("l ") || row.ends_with("accepted")), "{rows:?}");
}

#[tokio::test]
async fn an_address_that_another_contact_gets_keeps_its_wishes() {
    let world = with_two("").await;
    let wish = Suppression { class: "lifecycle", source: "unsubscribe" };
    world.store().suppress(OLD, wish, at("2026-03-01T09:00:00Z")).await.unwrap();
    world.sql("delete from customers.contacts where id = 'c'").await;
    world.contact("a", "other", json!({ "email": OLD })).await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let rows = outcomes(&world).await;
    assert!(rows.contains(&format!("other {OLD} suppressed")), "{rows:?}");
}

#[tokio::test]
async fn a_wish_at_the_moment_of_the_change_is_not_lost() {
    let world = World::new().await;
    for turn in 0..40 {
        let (contact, old, new) = (format!("c{turn}"), format!("old{turn}@a.example"), format!("new{turn}@a.example"));
        world.store().record_addresses(&[addressee(&contact, &old)]).await.unwrap();
        let (store, beside) = (world.store(), world.store());
        let wish = Suppression { class: "lifecycle", source: "unsubscribe" };
        let mails = [addressee(&contact, &new)];
        let (moved, kept) =
            tokio::join!(store.record_addresses(&mails), beside.suppress(&old, wish, at("2026-03-02T09:00:00Z")));
        moved.unwrap();
        kept.unwrap();
        assert!(world.store().is_suppressed(&new, "lifecycle").await.unwrap(), "turn {turn}");
    }
}
