//! `keepwell answers`, as a program.

use serde_json::{Value as Json, json};
use sqlx::Executor;

use crate::cli::company;

/// The list that the people who build the product read.
#[tokio::test]
async fn answers_are_listed_and_tagged() {
    let (home, pool) = company("answers").await;
    home.done(&["migrate"]);
    let insert = "insert into keepwell.answers
             (account_id, contact_id, message, enrollment_id, playbook, step, score, value, comment, answered_at, survey)
         values ('a1', 'c', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000009', 'pulse', 'ask',
                 'nps', 4, 'Slow, and \"odd\"', '2026-03-02T10:00:00Z', 'pulse'),
                ('a2', '', '00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000009', 'call', 'why',
                 null, null, '=1+1', '2026-03-03T10:00:00Z', null)";
    pool.execute(insert).await.unwrap();
    let list = |arguments: &[&str]| {
        let arguments = [&["answers", "--format", "json"], arguments].concat();
        serde_json::from_str::<Json>(&home.done(&arguments).stdout).unwrap()["answers"].as_array().unwrap().clone()
    };
    let all = list(&[]);
    assert_eq!((all.len(), &all[0]["account"], &all[0]["text"]), (2, &json!("a2"), &json!("=1+1")));
    let first = json!({
        "survey": "pulse", "account": "a1", "contact": "c", "score": "nps", "value": 4, "text": "Slow, and \"odd\"",
        "at": "2026-03-02T10:00:00Z", "tags": [], "id": "00000000-0000-0000-0000-000000000001",
    });
    assert_eq!(list(&["--survey", "pulse"]), [first]);
    assert_eq!(list(&["--account", "a2"]).len(), 1);
    assert_eq!(list(&["--limit", "1"]).len(), 1);
    let id = "00000000-0000-0000-0000-000000000001";
    assert!(home.done(&["answers", "tag", id, "speed"]).stdout.contains("speed"));
    assert_eq!(list(&["--tag", "speed"])[0]["tags"], json!(["speed"]));
    let csv = home.done(&["answers", "--format", "csv"]).stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "survey,account,contact,score,value,text,at,tags,id");
    assert_eq!(lines[1], ",a2,,,,'=1+1,2026-03-03T10:00:00Z,,00000000-0000-0000-0000-000000000002");
    assert!(lines[2].starts_with("pulse,a1,c,nps,4,\"Slow, and \"\"odd\"\"\",2026-03-02T10:00:00Z,speed,"), "{csv}");
    assert!(home.done(&["answers"]).stdout.contains("Slow, and"), "a table");
    home.done(&["answers", "tag", id, "speed", "--remove"]);
    assert!(list(&["--tag", "speed"]).is_empty());
    assert!(home.run(&["answers", "--survey", "puls"]).stderr.contains("there is no survey `puls`"));
    assert!(home.run(&["answers", "tag", "00000000-0000-0000-0000-000000000003", "x"]).stderr.contains("no answer"));
    assert!(home.run(&["answers", "tag", id, "a,b"]).stderr.contains("without a comma"));
}
