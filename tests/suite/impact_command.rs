//! `keepwell impact` as people and programs call it.

use serde_json::json;

use crate::cli::{AT, company};

#[tokio::test]
async fn what_is_known_of_each_playbook_is_said_in_words_and_in_figures() {
    let (home, _pool) = company("impact").await;
    home.write("keepwell.yaml", "web: off\nminutes_per_task: 30\n");
    home.done(&["run", "--once", "--at", AT]);
    let told = home.done(&["impact", "call", "--at", AT]).stdout;
    assert!(told.starts_with("call: Nobody is held out, so nothing can be compared"), "{told}");
    assert!(told.contains("\n  Spent in the last 90 days: "), "{told}");
    let json = home.done(&["impact", "--format", "json", "--days", "120", "--at", AT]).json();
    let found = json["impact"].as_array().unwrap();
    let ids: Vec<&str> = found.iter().filter_map(|one| one["playbook"].as_str()).collect();
    assert_eq!(ids, ["call", "many", "most"]);
    let call = &found[0];
    assert_eq!((&call["playbook"], &call["term_days"], &call["holdout"]), (&json!("call"), &json!(120), &json!(null)));
    assert_eq!(call["spent"]["minutes_per_task"], json!(30));
    assert!(call["summary"].as_str().unwrap().starts_with("Nobody is held out"), "{call}");
    let refused = home.run(&["impact", "nothing"]);
    assert!(refused.code == 1 && refused.stderr.contains("there is no playbook `nothing`"), "{refused:?}");
}
