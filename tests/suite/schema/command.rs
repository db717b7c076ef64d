//! The command as people run it.

use serde_json::{Value as Json, json};
use sqlx::Executor;

use super::{EVERYTHING, Validator, yaml_to_json};
use crate::support::database;
use crate::support::program::Home;

/// The words that are proposed for a text.
fn proposed(schema: &Json) -> Vec<&str> {
    let words = schema["anyOf"].as_array().into_iter().flatten().filter_map(|one| one["enum"].as_array());
    words.flatten().filter_map(Json::as_str).collect()
}

/// The part about playbooks: a file without the first key of a document is one.
fn of_playbooks(schema: &Json) -> &Json {
    match &schema["else"] {
        Json::Null => schema,
        other => of_playbooks(other),
    }
}

#[test]
fn the_names_of_the_folder_and_the_configuration_are_proposed() {
    let home = Home::new("schema");
    home.write("keepwell.yaml", "web: off\npools: { onboarding: [csm-1] }\n");
    home.write("playbooks/everything.yaml", EVERYTHING);
    // A file with a mistake has a name, too.
    home.write("playbooks/broken.yaml", "playbook: broken\nsteps: 5\n");
    let schema = home.done(&["schema"]).json();
    let step = &schema["definitions"]["step"]["properties"];
    assert_eq!(proposed(&step["enroll"]["anyOf"][0]), ["broken", "everything"]);
    assert_eq!(proposed(&step["task"]["properties"]["to"]), ["csm", "manager", "pool:onboarding"]);
    let recipients = &schema["definitions"]["recipients"]["anyOf"][0];
    assert_eq!(proposed(recipients), ["all", "contact", "champion", "owner", "admin", "billing", "user"]);
    let of_playbook = of_playbooks(&schema);
    let case = &of_playbook["properties"]["tests"]["items"]["properties"];
    assert!(proposed(&case["expect"]["items"]["properties"]["task"]).contains(&"call"));
    assert_eq!(case["account"]["properties"]["mrr"]["description"], "a number");
    let when = of_playbook["properties"]["when"]["description"].as_str().unwrap();
    assert!(when.contains("`account.renewal_at`") && when.contains("account.events("), "{when}");
    let validator = Validator::new(schema);
    let mut document = yaml_to_json(EVERYTHING).unwrap();
    assert_eq!(validator.refuse(&document), None);
    document["mode"] = json!("shaddow");
    let refused = validator.refuse(&document).unwrap();
    assert!(refused.contains("shadow"), "{refused}");
    assert!(!home.path.join(".keepwell").exists(), "it needs no database");
}

#[tokio::test]
async fn the_columns_and_names_of_the_store_are_proposed() {
    let store = database::fresh().await;
    store
        .pool()
        .await
        .execute(
            "insert into customers.csms (id, name, email) values ('csm', 'Sam', 'sam@example.com');
             insert into customers.accounts (id, name, csm_id, status, stage, signed_up_at, traits)
                 values ('a1', 'Linden', 'csm', 'active', 'onboarding', '2026-01-01', '{\"plan\": \"pro\"}');
             insert into customers.contacts (account_id, id, name, email, role)
                 values ('a1', 'c', 'Ann', 'ann@linden.example', 'Economic Buyer'), ('a1', 'd', 'Bo', 'bo@linden.example', 'champion');
             insert into customers.events (account_id, id, name, at) values ('a1', 'e', 'Logged In', now());
             insert into customers.scores (account_id, id, name, value, at) values ('a1', 's', 'health', 4, now());
             insert into customers.tickets (account_id, id, opened_at, severity) values ('a1', 't', now(), 'sev1')",
        )
        .await
        .unwrap();
    let mut home = Home::new("schema-store");
    home.set("DATABASE_URL", &store.url);
    home.write("keepwell.yaml", "web: off\nroles: { \"Economic Buyer\": owner }\n");
    let schema = home.done(&["schema", "--store"]).json();
    let properties = &of_playbooks(&schema)["properties"];
    assert_eq!(proposed(&properties["stages"]["items"]), ["onboarding"]);
    let case = &properties["tests"]["items"]["properties"];
    assert!(case["events"]["properties"]["Logged In"].is_object(), "{}", case["events"]);
    let row = |relation: &str, key: &str| case[relation]["items"]["properties"][key].clone();
    assert_eq!(proposed(&row("scores", "name")), ["health"]);
    assert_eq!(proposed(&row("tickets", "severity")), ["sev1"]);
    let mut roles = proposed(&schema["definitions"]["recipients"]["anyOf"][0]);
    roles.sort_unstable();
    assert_eq!(roles, ["all", "champion", "contact", "owner"], "by the name that playbooks use");
    let when = properties["when"]["description"].as_str().unwrap();
    assert!(when.contains("`Logged In`") && when.contains("`account.traits.plan`"), "{when}");
    // Not one of them is demanded.
    let validator = Validator::new(schema);
    assert_eq!(validator.refuse(&yaml_to_json(EVERYTHING).unwrap()), None);
}

#[test]
fn a_document_has_a_schema_too() {
    let home = Home::new("schema-document");
    let score = json!({ "score": "health", "factors": [{ "id": "a", "weight": 1, "value": true }] });
    let wrong = json!({ "score": "health", "factors": [{ "id": "a", "weight": 1 }] });
    for arguments in [&["schema"][..], &["schema", "--of", "score"]] {
        let validator = Validator::new(home.done(arguments).json());
        assert_eq!(validator.refuse(&score), None, "{arguments:?}");
        assert!(validator.refuse(&wrong).is_some_and(|why| why.contains("value")), "{arguments:?}");
    }
    let lifecycle = json!({ "lifecycle": "customer", "stages": [{ "id": "on trial", "enter": true, "fall": "account.mrr > 5" }],
        "tests": [{ "name": "n", "at": "2026-03-02T09:00:00Z", "statuses": [], "expect": { "stage": "on trial", "by": "stays" } }] });
    let tiers =
        json!({ "tiers": "value", "statuses": ["active"], "levels": [{ "id": "A", "when": true, "keep": false }] });
    let validator = Validator::new(home.done(&["schema"]).json());
    assert!(validator.refuse(&lifecycle).is_some_and(|why| why.contains("statuses")), "a case has no such key");
    assert_eq!(validator.refuse(&tiers), None);
    let mut lifecycle = lifecycle;
    lifecycle["tests"][0].as_object_mut().unwrap().remove("statuses");
    assert_eq!(validator.refuse(&lifecycle), None);
    for id in ["none", " x", "x?"] {
        lifecycle["stages"][0]["id"] = json!(id);
        assert!(validator.refuse(&lifecycle).is_some(), "{id}");
    }
    let refused = home.run(&["schema", "--of", "cake"]).stderr;
    assert!(["score", "lifecycle", "tiers"].iter().all(|word| refused.contains(word)), "{refused}");
}

#[test]
fn the_configuration_has_a_schema_too() {
    let home = Home::new("schema-configuration");
    let validator = Validator::new(home.done(&["schema", "--of", "configuration"]).json());
    assert_eq!(validator.refuse(&json!({ "web": "off", "limits": { "run": "2m" } })), None);
    assert!(validator.refuse(&json!({ "limits": { "runs": "2m" } })).is_some());
    home.write("keepwell.yaml", "webb: off\n");
    let answer = home.run(&["schema"]);
    assert!(answer.code == 1 && answer.stderr.contains("webb"), "{answer:?}");
}
