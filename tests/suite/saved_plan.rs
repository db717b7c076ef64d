//! `plan --out` and `apply`: a saved plan is carried out just as it stands, or
//! not at all, and then it is said what moved.

use serde_json::json;
use sqlx::Executor;

use crate::cli::{AT, company};
use crate::support::program::Home;

fn plan(home: &Home) {
    assert_eq!(home.run(&["plan", "--at", AT, "--out", "plan.json"]).code, 2);
}

#[tokio::test]
async fn a_saved_plan_is_carried_out_as_it_stands() {
    let (home, _) = company("apply").await;
    plan(&home);
    assert!(home.rows(&["runs"]).is_empty(), "a plan writes nothing to the database");
    let done = home.done(&["apply", "plan.json"]);
    assert!(done.stdout.contains("call@2026-03-02T09:00:00Z: done, 2 entered"), "{done:?}");
    let entered = |playbook: &str| {
        let mut accounts: Vec<String> = home
            .rows(&["enrollments", "--playbook", playbook])
            .iter()
            .map(|row| row["account"].as_str().unwrap().to_owned())
            .collect();
        accounts.sort();
        accounts
    };
    assert_eq!(entered("call"), ["a1", "a2"]);
    // It is held without the approval, which the plan names.
    assert_eq!(entered("many"), ["a1", "a2", "a3", "a4"]);
    assert!(home.rows(&["runs", "--state", "held"]).is_empty());
    // Once is once.
    let again = home.run(&["apply", "plan.json"]);
    assert!(again.code == 1 && again.stderr.contains("not any more"), "{again:?}");
    assert_eq!(entered("call"), ["a1", "a2"]);
}

#[tokio::test]
async fn what_moved_is_named_and_nothing_is_done() {
    let (home, pool) = company("moved").await;
    for (change, named) in [
        ("update customers.accounts set tier = 'A' where id = 'a3'", "call: who would enter: a3 now"),
        ("update customers.accounts set tier = 'B' where id = 'a1'", "call: who would enter: a1 not any more"),
        (
            "update customers.contacts set email = 'other@customer.example' where account_id = 'a2'",
            "what would come of it",
        ),
        ("delete from customers.accounts where id = 'a4'", "a4 not any more"),
    ] {
        plan(&home);
        pool.execute(change).await.unwrap();
        let refused = home.run(&["apply", "plan.json"]);
        assert!(refused.code == 1 && refused.stderr.contains(named), "{change}: {refused:?}");
        assert!(refused.stderr.contains("nothing was done"), "{refused:?}");
        assert!(home.rows(&["runs"]).is_empty() && home.rows(&["enrollments"]).is_empty(), "{change}");
    }
    plan(&home);
    let text = std::fs::read_to_string(home.path.join("playbooks/call.yaml")).unwrap();
    home.write("playbooks/call.yaml", &text.replace("due: 1d", "due: 2d"));
    let refused = home.run(&["apply", "plan.json"]);
    assert!(refused.code == 1 && refused.stderr.contains("the playbook `call` has changed"), "{refused:?}");
    // What touches nothing of the plan does not matter.
    plan(&home);
    pool.execute("update customers.accounts set mrr = 7 where id = 'a3'").await.unwrap();
    home.done(&["apply", "plan.json"]);
}

#[tokio::test]
async fn what_it_says_counts_when_the_plan_says_it() {
    let (home, pool) = company("texts").await;
    let plan = || assert_eq!(home.run(&["plan", "--at", AT, "--text", "--out", "plan.json"]).code, 2);
    plan();
    pool.execute("update customers.accounts set name = 'Another' where id = 'a1'").await.unwrap();
    let refused = home.run(&["apply", "plan.json"]);
    let said = "call: what would come of it: a1 email `hello`, a1 task `ring` in another way";
    assert!(refused.code == 1 && refused.stderr.contains(said), "{refused:?}");
    plan();
    home.done(&["apply", "plan.json"]);
    assert_eq!(home.rows(&["enrollments", "--playbook", "call"]).len(), 2);
}

#[tokio::test]
async fn a_file_that_is_no_plan_is_refused() {
    let (home, _) = company("noplan").await;
    home.write("other.json", &json!({ "plan": [] }).to_string());
    for (file, why) in [("other.json", "is no plan"), ("missing.json", "cannot be read")] {
        let refused = home.run(&["apply", file]);
        assert!(refused.code == 1 && refused.stderr.contains(why), "{refused:?}");
    }
    assert_eq!(home.run(&["plan", "--at", "2999-03-02T09:00:00Z", "--out", "plan.json"]).code, 2);
    let refused = home.run(&["apply", "plan.json"]);
    assert!(refused.code == 1 && refused.stderr.contains("has not come yet"), "{refused:?}");
}

#[tokio::test]
async fn going_back_lasts_until_a_plan_is_applied() {
    let (home, _) = company("back").await;
    home.done(&["run", "--once"]);
    let text = std::fs::read_to_string(home.path.join("playbooks/call.yaml")).unwrap();
    home.write("playbooks/call.yaml", &text.replace("due: 1d", "due: 2d"));
    home.done(&["run", "--once"]);
    let rows = home.done(&["revisions", "call", "--format", "json"]).rows("revisions");
    let fields = |row: &serde_json::Value| (row["current"].clone(), row["cause"].clone());
    let files = json!("files");
    let states: Vec<_> = rows.iter().map(fields).collect();
    assert_eq!(states, [(json!(true), files.clone()), (json!(false), files.clone())]);
    let [second, first] = [0, 1].map(|at| rows[at]["revision"].as_str().unwrap().to_owned());
    assert_eq!(home.done(&["revisions", "call", "show", &first]).stdout.trim_end(), text.trim_end());

    assert!(home.run(&["rollback", "call", "zzz"]).stderr.contains("has no revision zzz"));
    assert!(home.run(&["rollback", "nobody", &first]).stderr.contains("no published playbook `nobody`"));
    assert!(home.done(&["rollback", "call", &first[..10]]).stdout.contains("is in force again"));
    home.done(&["run", "--once"]);
    let current = |home: &Home| {
        let rows = home.done(&["revisions", "call", "--format", "json"]).rows("revisions");
        rows.iter().find(|row| row["current"] == true).unwrap()["revision"].as_str().unwrap().to_owned()
    };
    assert_eq!(current(&home), first, "the file did not change");
    let not_in_force = |home: &Home| home.run(&["plan", "--at", AT]).stdout.matches("not in force").count();
    assert_eq!(not_in_force(&home), 1);
    plan(&home);
    home.done(&["apply", "plan.json"]);
    assert_eq!((current(&home), not_in_force(&home)), (second.clone(), 0));
    home.done(&["run", "--once"]);
    assert_eq!(current(&home), second);
}

#[tokio::test]
async fn an_approved_run_goes_out_in_its_batches_and_the_rest_of_the_plan_too() {
    let (home, pool) = company("batches").await;
    pool.execute(
        "insert into customers.accounts (id, name, csm_id, seats, signed_up_at)
             select 'b' || n, 'Account ' || n, 'csm', 10, '2026-01-01' from generate_series(1, 20) n",
    )
    .await
    .unwrap();
    plan(&home);
    let done = home.done(&["apply", "plan.json"]);
    for playbook in ["many", "most"] {
        let said = format!("{playbook}@2026-03-02T09:00:00Z: approved, 10 entered; the others follow in the batches");
        assert!(done.stdout.contains(&said), "{done:?}");
    }
    assert!(done.stdout.contains("call@2026-03-02T09:00:00Z: done, 2 entered"), "{done:?}");
}
