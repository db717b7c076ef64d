//! The pages of value reports.

use serde_json::json;

use super::accounts::site;
use super::*;
use crate::support::world::World;

#[tokio::test]
async fn a_report_is_shown_with_its_bars_and_as_a_pdf() {
    let world = World::new().await;
    world.account("a/1", json!({ "name": "Fjord & Sons", "signed_up_at": "2025-01-01", "locale": "en", "traits": { "hourly_rate": 50 } })).await;
    world.playbook(
        "report: quarter\nabout: What an account got.\nschedule: \"0 6 1 1 *\"\ntitle: What you got\nintro: In <your> own numbers.\ncurrency: EUR\nfigures:\n  - { id: reports, label: Reports, value: \"account.events(\\\"report_created\\\", 90)\", worth: account.traits.hourly_rate }\n  - { id: tickets, label: Tickets, value: account.tickets(90), better: down }\n",
    );
    for day in ["2026-03-01", "2026-02-10", "2025-11-01"] {
        world.event("a/1", "report_created", &format!("{day}T10:00:00Z")).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    let site = site(&world);
    let account = site.get("/accounts/a%2F1").await;
    let href = "/accounts/a%2F1/reports/quarter/2026-03-02T09:00:00Z";
    account.shows("<h2 id=\"reports\">Value reports</h2>");
    account.shows(&format!("<a href=\"{href}\">What you got</a>"));
    let page = site.get(href).await;
    page.shows("<article class=\"report\" lang=\"en\">");
    page.shows("Fjord &amp; Sons");
    page.shows("In &lt;your&gt; own numbers.");
    page.shows("As of 2 March 2026, compared with 90 days before, 2 December 2025");
    page.shows("<rect class=\"before\" x=\"0\" y=\"0.0\" width=\"120.0\" height=\"12.0\"/><rect class=\"after\" x=\"0\" y=\"16.0\" width=\"240.0\" height=\"12.0\"/>");
    page.shows("aria-label=\"Before 1, After 2\"");
    page.shows("<td data-label=\"Change\" class=\"number better\">+1</td>");
    page.shows("by your own rate of €50.00");
    page.shows("<strong>Together worth €50.00 more than before</strong>");
    page.shows(&format!("<a href=\"{href}/pdf\">PDF</a>"));
    let wanted = request("GET", &format!("{href}/pdf")).body(Body::empty()).unwrap();
    let file = site.router.clone().oneshot(wanted).await.unwrap();
    assert_eq!(file.status(), StatusCode::OK);
    assert_eq!(file.headers()["content-type"], "application/pdf");
    assert_eq!(file.headers()["content-disposition"], "attachment; filename=\"quarter-2026-03-02.pdf\"");
    assert!(to_bytes(file.into_body(), 1 << 20).await.unwrap().starts_with(b"%PDF-1."));
    for nothing in [
        "/accounts/a%2F1/reports/quarter/2026-03-03T09:00:00Z",
        "/accounts/a%2F1/reports/quarter/x",
        "/accounts/b/reports/quarter/2026-03-02T09:00:00Z",
    ] {
        assert_eq!(site.get(nothing).await.status, StatusCode::NOT_FOUND, "{nothing}");
    }
}
