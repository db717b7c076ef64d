//! Time zones as other programs name them.

use serde_json::json;

use crate::support::world::{World, lines, playbook};

#[tokio::test]
async fn local_times_follow_zones_however_they_are_named() {
    let world = World::new().await;
    let step = "  - email: { id: m, to: all, subject: \"At {{ account.renewal_at | date(\\\"%H:%M\\\") | default(\\\"-\\\") }}\", body: x }";
    world.playbook(&playbook("zone", "when: account.mrr > 0", step));
    let zones = [
        ("windows", "Eastern Standard Time"),
        ("rails", "Eastern Time (US & Canada)"),
        ("small", "america/new_york"),
        ("label", "(GMT-05:00) Eastern Standard Time (America/New_York)"),
        ("iana", "America/New_York"),
        // As good as none: the configuration's zone counts.
        ("mars", "Mars Standard Time"),
    ];
    for (id, zone) in zones {
        world.account(id, json!({ "timezone": zone, "renewal_at": "2026-03-24T12:30:00Z" })).await;
        world.contact(id, "own", json!({ "timezone": "w. europe standard time" })).await;
        world.contact(id, "none", json!({})).await;
    }
    world.run_at("2026-03-02T15:00:00Z").await;
    let mut expected: Vec<String> = Vec::new();
    for (id, _) in zones {
        let local = if id == "mars" { "12:30" } else { "08:30" };
        expected.push(format!("{id} none At {local}"));
        expected.push(format!("{id} own At 13:30"));
    }
    expected.sort();
    let mut seen = lines(&world.mails().await, "account contact subject");
    seen.sort();
    assert_eq!(seen, expected);
}
