//! The page of stages and tiers, and the moves on the page of an account.

use serde_json::json;

use super::accounts::site;
use super::*;
use crate::support::wire::{Walks, Wire};
use crate::support::world::{World, at, playbook};

pub(super) const LIFECYCLE: &str = "lifecycle: customer\nabout: Where a customer stands.\nstages:
  - { id: onboarding, enter: true }
  - { id: large one, enter: account.mrr > 500 }\n";

pub(super) const TIERS: &str = "tiers: value\nabout: What an account is worth.\nlevels:
  - { id: A, when: account.mrr >= 5000 }
  - { id: B, when: true }\n";

#[tokio::test]
async fn stages_and_tiers_are_counted_and_an_account_shows_its_moves() {
    let world = World::new().await;
    let site = site(&world);
    let empty = site.get("/stages").await;
    assert_eq!(empty.status, StatusCode::OK, "{}", empty.body);
    empty.shows("A file that begins with <code>lifecycle:</code>");

    world.playbook(LIFECYCLE);
    world.playbook(TIERS);
    world.playbook(&playbook("call", "when: account.tier == \"A\"", "  - task: { id: call, title: Call, to: csm }"));
    world.account("a1", json!({ "tier": null, "mrr": 9000 })).await;
    world.account("a2", json!({ "tier": null, "mrr": 3000 })).await;
    world.run_at("2026-03-01T09:00:00Z").await;
    world.done("call", None, "2026-03-01T10:00:00Z").await;
    world.sql("update customers.accounts set mrr = 100 where id = 'a2'").await;
    let page = site.get("/stages?days=7").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.shows("<th scope=\"row\">onboarding</th>\n    <td data-label=\"Accounts\" class=\"number\">0</td>");
    page.shows(
        "<th scope=\"row\">large one</th>\n    <td data-label=\"Accounts\" class=\"number\">2</td>\n    \
         <td data-label=\"Share\" class=\"number\">100 %</td>\n    <td data-label=\"Days there\" class=\"number\">4</td>\n    \
         <td data-label=\"Came\" class=\"number\">2</td>",
    );
    page.shows("<li>none → large one <strong>2</strong></li>");
    // One of two accounts has nearly all of the revenue, and the only task.
    page.shows(
        "<th scope=\"row\">A</th>\n    <td data-label=\"Accounts\" class=\"number\">1</td>\n    \
         <td data-label=\"Share\" class=\"number\">50 %</td>\n    <td data-label=\"MRR\" class=\"number\">99 %</td>\n    \
         <td data-label=\"Touches\" class=\"number\">–</td>\n    <td data-label=\"Tasks\" class=\"number\">100 %</td>",
    );
    page.shows("<a href=\"/stages?days=7\" aria-current=\"true\">7 days</a>");
    site.get("/accounts").await.shows("<a href=\"/stages\">Stages and tiers</a>");
    assert_eq!(site.get("/stages?days=x").await.status, StatusCode::BAD_REQUEST);

    let account = site.get("/accounts/a1").await;
    account.shows("<dt>Stage</dt><dd>large one</dd>");
    account.shows("<dt>Tier</dt><dd>A</dd>");
    account.shows("<li>Stage <strong>large one</strong> <span class=\"quiet\">from none</span>\n    <span class=\"line\">enter: account.mrr = 9000</span>");
    account.shows("<li>Tier <strong>A</strong>");
    site.get("/accounts").await.shows("<td data-label=\"Tier\">A</td>");
}

#[tokio::test]
async fn both_are_counted_with_one_walk_over_the_accounts() {
    let world = World::new().await;
    world.playbook(LIFECYCLE);
    world.playbook(TIERS);
    world.account("a1", json!({ "tier": null })).await;
    world.run_at("2026-03-01T09:00:00Z").await;
    let walks = Arc::new(Walks::default());
    let wire = Wire::before(&world.store().pool().connect_options(), walks.clone());
    let store = Store::connect(wire.options(), 4);
    let state = WebState::new(Arc::new(world.beside(store.clone())), Clock::Fixed(at("2026-03-05T12:00:00Z")));
    let site = Site { router: router(Audience::Colleagues, state), pool: store.pool().clone(), store };
    let page = site.get("/stages").await;
    page.shows("<th scope=\"row\">onboarding</th>");
    page.shows("<th scope=\"row\">B</th>");
    assert_eq!(walks.count(), 1);
}
