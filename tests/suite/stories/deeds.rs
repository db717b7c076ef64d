//! What people did is written down, for good.

use keepwell::ids::Actor;
use keepwell::message::channel::Channel;
use keepwell::store::messages::suppressions::{BY_COMMAND, Suppression};
use keepwell::store::upkeep::stopped::{ITSELF, StopTarget};
use sqlx::Executor;

use crate::support::world::{World, at, lines, scheduled};

#[tokio::test]
async fn deeds_of_people_are_listed_in_their_order() {
    let world = World::new().await;
    let held = "when: account.mrr > 0\nguardrails: { hold_above: { count: 0, share: 0% } }";
    world.playbook(&scheduled("welcome", "0 9 * * *", held, "  - task: { title: t, to: csm }"));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.approve("welcome@2026-03-02T09:00:00Z", "2026-03-02T09:30:00Z").await;
    world.approve("welcome@2026-03-02T09:00:00Z", "2026-03-02T09:31:00Z").await;
    world.stop(StopTarget::Channel(Channel::Email), "2026-03-02T09:40:00Z").await;
    world.stop(StopTarget::Channel(Channel::Email), "2026-03-02T09:41:00Z").await;
    world.resume(StopTarget::Channel(Channel::Email)).await;
    world.store().stop(&StopTarget::All, Actor(ITSELF), None, at("2026-03-02T09:50:00Z")).await.unwrap();
    world.resume(StopTarget::All).await;
    let whole = Suppression { class: "all", source: BY_COMMAND };
    world.store().suppress_by_hand("ann@a1.example", whole, Actor("dana"), at("2026-03-02T09:55:00Z")).await.unwrap();
    let audit = world.store().list_audit(None).await.unwrap();
    let deeds: Vec<String> = audit.iter().map(|row| lines(std::slice::from_ref(row), "by deed")[0].clone()).collect();
    assert_eq!(deeds, ["a test approve", "a test stop", "a test resume", "a test resume", "dana suppress"]);
    assert!(!format!("{audit:?}").contains("ann@"), "no address: {audit:?}");
    assert_eq!(world.store().list_audit(Some(1)).await.unwrap(), audit[4..]);
}

#[tokio::test]
async fn the_database_keeps_them() {
    let world = World::new().await;
    world.stop(StopTarget::All, "2026-03-02T09:00:00Z").await;
    for statement in [
        "update keepwell.audit set by = 'somebody else'",
        "delete from keepwell.audit",
        "delete from keepwell.audit where false",
        "truncate keepwell.audit",
    ] {
        let refused = world.store().pool().execute(statement).await;
        assert!(refused.is_err_and(|error| error.to_string().contains("only ever added to")), "{statement}");
    }
    assert_eq!(world.store().list_audit(None).await.unwrap().len(), 1);
}
