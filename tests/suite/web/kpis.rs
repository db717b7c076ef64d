//! The pages of figures over all accounts.

use serde_json::json;

use super::accounts::site;
use super::*;
use crate::support::world::World;

#[tokio::test]
async fn figures_are_listed_with_their_history_and_definition() {
    let world = World::new().await;
    world.account("a1", json!({ "mrr": 12000 })).await;
    world.playbook("kpi: revenue\nabout: What all customers pay.\nunit: money\nschedule: \"0 9 1 1 *\"\nformula: the sum of all MRR\nsource: Ours & yours.\nvalue: sum_of(account.mrr)\n");
    world.playbook(
        "kpi: liked\nabout: How many recommend us.\nunit: percent\nschedule: \"0 9 1 1 *\"\nvalue: share_of(account.score(\"nps\") >= 9)\n",
    );
    world.publish_at("2026-01-20T09:00:00Z").await;
    let before = site(&world);
    before.get("/kpis").await.shows("No figure: it was not calculated yet");
    world.run_at("2026-02-01T09:00:00Z").await;
    world.sql("update customers.accounts set mrr = 15000").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    let site = site(&world);
    let all = site.get("/kpis").await;
    all.shows("<a href=\"/kpis\" aria-current=\"page\">KPIs</a>");
    all.shows("<a href=\"/kpis/revenue\">revenue</a><span class=\"line\">What all customers pay.</span>");
    all.shows("<td data-label=\"Figure\" class=\"number\">15,000</td>\n    <td data-label=\"Unit\">money</td>");
    all.shows("<td data-label=\"A month before\" class=\"number\">+3,000</td>");
    all.shows("aria-label=\"from 12,000 to 15,000, now 15,000\"><polyline points=\"0.0,26.0 120.0,2.0\"/>");
    all.shows("No figure: no account has a value for `share_of");
    let one = site.get("/kpis/revenue").await;
    one.shows("<dt>Formula</dt><dd>the sum of all MRR</dd>");
    one.shows("<dd>Ours &amp; yours.</dd>");
    one.shows("<code>sum_of(account.mrr)</code>");
    assert_eq!(one.body.matches("<th scope=\"row\">").count(), 2);
    assert_eq!(site.get("/kpis/nothing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_line_has_the_values_of_one_unit() {
    let world = World::new().await;
    world.account("a1", json!({ "mrr": 40 })).await;
    let kpi = |unit: &str, value: &str| {
        format!("kpi: left\nabout: x\nunit: {unit}\nschedule: \"0 9 1 1 *\"\nvalue: {value}\n")
    };
    world.playbook(&kpi("percent", "sum_of(account.mrr)"));
    world.run_at("2026-02-01T09:00:00Z").await;
    world.playbook(&kpi("count", "sum_of(account.mrr) * 10"));
    world.run_at("2026-02-20T09:00:00Z").await;
    world.sql("update customers.accounts set mrr = 50").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    let site = site(&world);
    for page in ["/kpis", "/kpis/left"] {
        site.get(page).await.shows("aria-label=\"from 400 to 500, now 500\"");
    }
    let one = site.get("/kpis/left").await;
    one.shows("<td data-label=\"Figure\" class=\"number\">40 %</td>\n    <td data-label=\"Unit\">percent</td>");
}
