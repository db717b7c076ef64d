//! A CRM merges accounts and contacts: nobody is welcomed twice, and no stranger
//! goes without.

use serde_json::json;

use crate::support::world::{World, lines, playbook};

const FIRST: &str = "2026-03-02T09:00:00Z";
const LATER: &str = "2026-03-04T09:00:00Z";

async fn world(keys: &str) -> World {
    let world = World::new().await;
    let step = "  - email: { id: hello, subject: \"Welcome {{ contact.name }}\", body: Hello }";
    world.playbook(&playbook("welcome", &format!("for: contact\nwhen: account.mrr > 0\n{keys}"), step));
    for account in ["dup", "main"] {
        world.account(account, json!({})).await;
    }
    world
}

async fn welcomed(world: &World) -> Vec<String> {
    lines(&world.mails().await, "account contact to state")
}

#[tokio::test]
async fn a_contact_who_is_moved_to_another_account_is_not_welcomed_twice() {
    let world = world("reentry: never").await;
    world.contact("dup", "kim", json!({ "email": "kim@customer.example" })).await;
    world.run_at(FIRST).await;
    world
        .sql("update customers.contacts set account_id = 'main'; delete from customers.accounts where id = 'dup'")
        .await;
    world.contact("main", "lee", json!({ "email": "lee@customer.example" })).await;
    world.run_at(LATER).await;
    assert_eq!(
        welcomed(&world).await,
        ["dup kim kim@customer.example captured", "main lee lee@customer.example captured"]
    );
}

#[tokio::test]
async fn the_gap_counts_from_where_the_contact_was() {
    let world = world("reentry: { gap: 7d }").await;
    world.contact("dup", "kim", json!({ "email": "kim@customer.example" })).await;
    world.run_at(FIRST).await;
    world.sql("update customers.contacts set account_id = 'main'").await;
    world.run_at(LATER).await;
    assert_eq!(welcomed(&world).await.len(), 1);
    world.run_at("2026-03-10T09:00:00Z").await;
    assert_eq!(welcomed(&world).await.len(), 2);
}

#[tokio::test]
async fn a_contact_who_gets_another_id_is_known_by_the_address() {
    let world = world("reentry: never").await;
    world.contact("dup", "k1", json!({ "email": "kim@customer.example" })).await;
    world.contact("dup", "desk", json!({ "email": "desk@customer.example" })).await;
    world.run_at(FIRST).await;
    world.sql("update customers.contacts set account_id = 'main', id = 'k9', email = 'Kim@Customer.example' where id = 'k1'").await;
    // An address that two people share, both of whom are there.
    world.contact("main", "front", json!({ "email": "desk@customer.example" })).await;
    world.run_at(LATER).await;
    assert_eq!(
        welcomed(&world).await,
        [
            "dup desk desk@customer.example captured",
            "dup k1 kim@customer.example captured",
            "main front desk@customer.example captured"
        ]
    );
}

#[tokio::test]
async fn ids_that_accounts_share_confuse_nobody() {
    let world = world("reentry: never").await;
    world.contact("dup", "1", json!({ "email": "ann@one.example" })).await;
    world.run_at(FIRST).await;
    world.sql("delete from customers.contacts").await;
    world.contact("main", "1", json!({ "email": "bob@two.example" })).await;
    world.run_at(LATER).await;
    assert_eq!(welcomed(&world).await, ["dup 1 ann@one.example captured", "main 1 bob@two.example captured"]);
}
