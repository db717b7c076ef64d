//! A condition that asks for a name which the customer store has never held is
//! most likely misspelt: its run waits for a person.

use keepwell::facts::inventory::ShapeKind;
use keepwell::facts::{Inventory, NameKind};
use keepwell::store::runs::releases::ReleaseAnswer;
use serde_json::{Value as Json, json};

use crate::support::mapped::{Customers, on_both_stores};
use crate::support::world::{World, at, lines, playbook};

const STEPS: &str = "  - email: { id: miss, to: champion, subject: We miss you, body: Come back }";

fn asking(condition: &str) -> String {
    let keys = format!("when: account.tier == \"A\" && {condition}\nguardrails: {{ ramp: off }}");
    playbook("quiet", &keys, STEPS)
}

async fn world() -> World {
    World::with("guardrails: { unseen: hold, first_run: go, hold_above: { count: 25, share: 2% } }\n").await
}

/// Forty customers who log in; 25 of them are in tier A.
async fn company() -> World {
    let world = world().await;
    for number in 1..=40 {
        let id = format!("a{number:02}");
        let tier = if number <= 25 { "A" } else { "B" };
        world.account(&id, json!({ "tier": tier })).await;
        world.contact(&id, "ann", json!({})).await;
        world.event(&id, "Logged In", "2026-03-01T08:00:00Z").await;
    }
    world.event("a01", "Exported", "2026-03-01T08:00:00Z").await;
    world
}

const SLOT: &str = "2026-03-02T09:00:00Z";
const REASON: &str = "no event `login` was ever seen; `Logged In` was, 40 times: 25 would enter, and wait for a \
                      person's approval";

#[tokio::test]
async fn a_misspelt_event_mails_nobody_until_a_person_has_approved_that_revision() {
    let world = company().await;
    world.playbook(&asking("account.events(\"login\", 30) == 0"));
    let plan = world.plan("quiet", at(SLOT)).await;
    assert_eq!((plan.hold.as_deref(), plan.enter.len()), (Some(REASON), 25));

    world.run_at(SLOT).await;
    let run = world.run("quiet", SLOT).await;
    assert_eq!((&run["state"], &run["reason"]), (&json!("held"), &json!(REASON)));
    assert!(world.mails().await.is_empty());
    let [notice] = &world.notices().await[..] else { panic!("one notice") };
    assert!(world.text(notice).await.contains("no event `login` was ever seen"));

    assert_eq!(world.approve("quiet@2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z").await, ReleaseAnswer::Taken);
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert_eq!(world.mails().await.len(), 25);
    // The approval is the revision's: later runs go on without a person.
    world.account("b1", json!({})).await;
    world.contact("b1", "ann", json!({})).await;
    world.run_at("2026-03-03T09:00:00Z").await;
    assert_eq!(world.run("quiet", "2026-03-03T09:00:00Z").await["state"], "done");
    assert_eq!(world.mails().await.len(), 26);
    // And not that of another one.
    world.account("b2", json!({})).await;
    world.playbook(&asking("account.events(\"log-in\", 30) == 0"));
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(world.run("quiet", "2026-03-04T09:00:00Z").await["state"], "held");
}

#[tokio::test]
async fn the_right_name_goes_at_once() {
    let world = company().await;
    world.playbook(&asking("account.events(\"Logged In\", 30) > 0"));
    assert_eq!(world.plan("quiet", at(SLOT)).await.hold, None);
    world.run_at(SLOT).await;
    assert_eq!(world.mails().await.len(), 25);
}

#[tokio::test]
async fn it_can_be_turned_off() {
    let world = company().await;
    let text = asking("account.events(\"login\", 30) == 0");
    world.playbook(&text.replace("ramp: off", "ramp: off, unseen: off"));
    world.run_at(SLOT).await;
    assert_eq!(world.mails().await.len(), 25);
}

#[tokio::test]
async fn an_event_is_known_from_the_moment_it_happened_and_for_ever() {
    let world = world().await;
    world.customer("a1").await;
    world.playbook(&asking("account.events(\"export\", 300) == 0"));
    // Nothing ever happened: that is no reason to mail everybody.
    world.run_at(SLOT).await;
    let run = world.run("quiet", SLOT).await;
    let expected = "no event `export` was ever seen, nor any other: 1 would enter, and wait for a person's approval";
    assert_eq!((&run["state"], &run["reason"]), (&json!("held"), &json!(expected)));
    // Somebody has looked within the hour, and yet it is found.
    world.account("a2", json!({ "tier": "B" })).await;
    world.event("a2", "export", "2026-03-02T09:10:00Z").await;
    world.run_at("2026-03-02T09:20:00Z").await;
    assert_eq!(lines(&world.mails().await, "account"), ["a1"]);
    // What is gone from the store was there.
    world.pass_at("2026-03-02T10:20:00Z").await;
    world.sql("delete from customers.events").await;
    world.customer("a3").await;
    world.run_at("2026-03-04T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "account"), ["a1", "a3"]);
}

#[tokio::test]
async fn what_a_step_asks_for_need_not_be_in_the_store() {
    let world = company().await;
    world.playbook(&asking("(account.score(\"nps\") ?? 10) > 6"));
    assert!(world.plan("quiet", at(SLOT)).await.hold.is_some_and(|hold| hold.starts_with("no score `nps`")));
    let question = "  - survey: { id: why, score: nps, question: How likely?, to: champion }";
    world.playbook(&playbook("asks", "when: account.tier == \"C\"", question));
    world.run_at(SLOT).await;
    assert_eq!(world.run("quiet", SLOT).await["state"], "done");
    // Another score is not asked for by it.
    world.playbook(&asking("(account.score(\"csat\") ?? 10) > 6").replace("playbook: quiet", "playbook: content"));
    let hold = world.plan("content", at(SLOT)).await.hold;
    assert!(hold.is_some_and(|hold| hold.starts_with("no score `csat`")));
}

#[tokio::test]
async fn each_kind_of_name_holds_a_run_until_it_is_there() {
    let cases = [
        (
            "account.score(\"nps\") == none",
            "no score `nps`",
            "insert into customers.scores values ('b1', 's', null, 'nps', 9, '2026-01-01')",
        ),
        (
            "account.contacts(\"owner\") == 0",
            "no role `owner`",
            "update customers.contacts set role = 'owner' where account_id = 'b1'",
        ),
        (
            "account.left(\"owner\", 30) == 0",
            "no role `owner`",
            "update customers.contacts set role = 'owner' where account_id = 'b1'",
        ),
        (
            "account.open_tickets(\"urgent\") == 0",
            "no severity `urgent`",
            "insert into customers.tickets values ('b1', 't', null, '2026-01-01', '2026-01-02', 'urgent')",
        ),
        (
            "account.traits.vip != true",
            "no attribute of accounts `vip`",
            "update customers.accounts set traits = '{\"vip\": null}' where id = 'b1'",
        ),
        (
            "account.used([\"export\", \"report\"], 30) == 0",
            "no event `report`",
            "insert into customers.events (account_id, id, name, at) values ('b1', 'e', 'export', '2026-01-01'), ('b1', 'f', 'report', '2026-01-01')",
        ),
        (
            "account.ago(30).events(\"export\", 30) == 0",
            "no event `export`",
            "insert into customers.events (account_id, id, name, at) values ('b1', 'e', 'export', '2026-01-01')",
        ),
    ];
    for (condition, reason, remedy) in cases {
        let world = world().await;
        world.customer("a1").await;
        world.account("b1", json!({ "tier": "B" })).await;
        world.contact("b1", "bob", json!({})).await;
        world.playbook(&asking(condition));
        let hold = world.plan("quiet", at(SLOT)).await.hold.unwrap_or_default();
        assert!(hold.contains(reason), "{condition}: {hold}");
        world.sql(remedy).await;
        assert_eq!(world.plan("quiet", at(SLOT)).await.hold, None, "{condition}");
    }
}

#[tokio::test]
async fn of_more_names_than_are_kept_each_is_looked_for() {
    let world = world().await;
    world.customer("a1").await;
    world
        .sql(
            "insert into customers.events (account_id, id, name, at)
             select 'b' || n % 2, n || '-' || m, 'click ' || n, '2026-01-01' from generate_series(1, 320) n, generate_series(1, 2) m;
             insert into customers.events (account_id, id, name, at) values ('b1', 'rare', 'signed', '2026-01-01')",
        )
        .await;
    world.playbook(&asking("account.events(\"signed\", 30) == 0"));
    assert_eq!(world.plan("quiet", at(SLOT)).await.hold, None);
    world.playbook(&asking("account.events(\"sign\", 30) == 0"));
    assert!(world.plan("quiet", at(SLOT)).await.hold.is_some());
    world.pass_at(SLOT).await;
    let inventory = world.store().inventory().await.unwrap();
    let events = inventory.of(NameKind::Event).unwrap();
    assert!(!events.is_complete && events.names.len() == 300);
    // Nobody can say that it was never seen.
    assert_eq!(inventory.missing(NameKind::Event, "sign"), None);
}

/// The names of a kind with their rows.
fn names(inventory: &Inventory, kind: NameKind) -> Vec<(String, u64)> {
    let known = inventory.of(kind).unwrap_or_else(|| panic!("nobody has looked at {}", kind.key()));
    assert!(known.is_complete, "{}", kind.key());
    known.names.iter().map(|known| (known.name.clone(), known.rows)).collect()
}

on_both_stores!(what_the_store_holds_is_recorded_once_an_hour);

async fn what_the_store_holds_is_recorded_once_an_hour(customers: Customers) {
    let world = World::on(customers).await;
    let traits = |number: usize| {
        let ends = if number < 5 { json!("2027-04-20") } else { json!(1_798_675_200_000_i64) };
        json!({ "plan": "pro", "opt_out": if number == 0 { json!("TRUE") } else { json!(false) }, "ends": ends,
            "manager": format!("Person {number}"), "phone": "555" })
    };
    for number in 0..10 {
        // Their ids are numbers.
        let id = format!("{}", number + 1);
        world.account(&id, json!({ "traits": traits(number), "timezone": "Europe/Berlin", "stage": "growth" })).await;
        world.contact(&id, "7", json!({ "locale": "de", "timezone": "Asia/Tokyo" })).await;
        world.event(&id, "login", "2026-03-01T08:00:00Z").await;
    }
    world.event("1", "Exported", "2026-03-01T08:00:00Z").await;
    world.score("1", "nps", 9.0, "2026-03-01T08:00:00Z").await;
    world.pass_at(SLOT).await;

    let inventory = world.store().inventory().await.unwrap();
    let one = |name: &str, rows| vec![(name.to_owned(), rows)];
    let events = names(&inventory, NameKind::Event);
    assert_eq!(events, [("login".to_owned(), 10), ("Exported".to_owned(), 1)]);
    assert_eq!(names(&inventory, NameKind::Score), one("nps", 1));
    assert_eq!(names(&inventory, NameKind::Role), one("champion", 10));
    assert_eq!(names(&inventory, NameKind::Severity), []);
    assert_eq!(names(&inventory, NameKind::Status), one("active", 10));
    assert_eq!(names(&inventory, NameKind::Tier), one("A", 10));
    assert_eq!(names(&inventory, NameKind::Stage), one("growth", 10));
    assert_eq!(names(&inventory, NameKind::Locale), one("de", 10));
    assert_eq!(names(&inventory, NameKind::Zone), [("Asia/Tokyo".to_owned(), 10), ("Europe/Berlin".to_owned(), 10)]);

    let shapes = |key: &str| {
        let known = inventory.of(NameKind::AccountAttribute).unwrap().names.iter().find(|known| known.name == key);
        let shapes = &known.unwrap_or_else(|| panic!("no attribute {key}")).shapes;
        shapes.iter().map(|one| (one.shape, one.share, one.examples.clone())).collect::<Vec<_>>()
    };
    let examples = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    assert_eq!(shapes("plan"), [(ShapeKind::Text, 1.0, examples(&["pro"]))]);
    assert_eq!(
        shapes("opt_out"),
        [(ShapeKind::Boolean, 0.9, examples(&["false"])), (ShapeKind::TextBoolean, 0.1, examples(&["TRUE"]))]
    );
    assert_eq!(
        shapes("ends"),
        [(ShapeKind::Number, 0.5, examples(&["1798675200000"])), (ShapeKind::Date, 0.5, examples(&["2027-04-20"]))]
    );
    // Who somebody is, and how to reach them, is nobody's example.
    assert_eq!(shapes("manager"), [(ShapeKind::Text, 1.0, vec![])]);
    assert_eq!(shapes("phone"), [(ShapeKind::TextNumber, 1.0, vec![])]);

    // Within the hour nobody looks again.
    world.event("2", "Invited", "2026-03-02T09:10:00Z").await;
    world.pass_at("2026-03-02T09:50:00Z").await;
    assert!(!world.store().inventory().await.unwrap().has(NameKind::Event, "Invited"));
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert!(world.store().inventory().await.unwrap().has(NameKind::Event, "Invited"));
}

#[tokio::test]
async fn a_relation_that_cannot_be_read_hides_no_other() {
    let world = world().await;
    world.customer("a1").await;
    world.event("a1", "Logged In", "2026-03-01T08:00:00Z").await;
    world.sql("alter table customers.tickets rename column severity to urgency").await;
    world.store().record_inventory(at(SLOT)).await.unwrap();
    let inventory = world.store().inventory().await.unwrap();
    assert!(inventory.has(NameKind::Event, "Logged In") && inventory.of(NameKind::Severity).is_none());
    // What `facts --out` writes.
    let seen: Json = keepwell::facts::file::seen_to_json(&inventory);
    assert_eq!((&seen["events"]["Logged In"], &seen["severities"]), (&json!(1), &Json::Null));
}
