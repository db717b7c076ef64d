//! The past of accounts, from the field history of a CRM.

use serde_json::{Value, json};

use super::Bench;

const HISTORY: &str = "Account ID,Field,Old Value,New Value,Changed At\n\
    a,mrr,900,1200.50,2026-01-15T10:00:00Z\n\
    a,Segment,B,A,2026-02-01\n\
    a,Status,trial,active,2026-01-15 11:00:00+01\n\
    a,Employees,10,12,2026-01-20\n\
    a,mrr,1200.5,800,2026-02-10\n\
    b,csm_id,,csm-1,2026-01-15\n";

const NAMES: [&str; 4] = ["--map", "tier=Segment", "--map", "traits.size=Employees"];

/// Two accounts that Keepwell has recorded since 1 March 2026.
async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.file(
        "accounts.csv",
        "id,name,tier,mrr,csm_id,signed_up_at,traits.size,traits.plan\n\
         a,Alder,A,700,csm-2,2026-01-01,15,team\nb,Birch,B,100,csm-1,2026-01-15,,\n",
    );
    assert_eq!(bench.counts(&["accounts", "accounts.csv"]), [2, 2, 0, 0, 0]);
    // As if the accounts had been imported then.
    let earlier = "alter table customers.account_changes disable trigger append_only;
        update customers.account_changes set at = '2026-03-01';
        alter table customers.account_changes enable trigger append_only";
    sqlx::raw_sql(earlier).execute(&bench.pool).await.unwrap();
    bench
}

async fn history(bench: &Bench) -> Value {
    bench
        .query(
            "select account_id as a, to_char(at at time zone 'UTC', 'MM-DD HH24') as at, was, became
             from customers.account_changes where imported order by account_id, at, id",
        )
        .await
}

#[tokio::test]
async fn a_field_history_becomes_what_the_account_was() {
    let bench = bench().await;
    bench.file("h.csv", HISTORY);
    let words = [&["changes", "h.csv"][..], &NAMES].concat();
    assert_eq!(bench.counts(&[words.as_slice(), &["--dry-run"]].concat()), [6, 6, 0, 0, 0]);
    assert_eq!(history(&bench).await, json!([]));
    assert_eq!(bench.counts(&words), [6, 6, 0, 0, 0]);
    let traits = |size: i64| json!({ "size": size, "plan": "team" });
    let all = |mrr: f64, status: &str, tier: &str, size: i64| json!({ "mrr": mrr, "status": status, "tier": tier, "traits": traits(size) });
    let expected = json!([
        { "a": "a", "at": "01-01 00", "was": null, "became": all(900.0, "trial", "B", 10) },
        { "a": "a", "at": "01-15 10", "was": { "mrr": 900.0, "status": "trial" }, "became": all(1200.5, "active", "B", 10) },
        { "a": "a", "at": "01-20 00", "was": { "traits": { "size": 10 } }, "became": all(1200.5, "active", "B", 12) },
        { "a": "a", "at": "02-01 00", "was": { "tier": "B" }, "became": all(1200.5, "active", "A", 12) },
        { "a": "a", "at": "02-10 00", "was": { "mrr": 1200.5 }, "became": all(800.0, "active", "A", 12) },
        // Changed at the very sign-up: there is nothing before it.
        { "a": "b", "at": "01-15 00", "was": { "csm_id": null }, "became": { "csm_id": "csm-1" } },
    ]);
    assert_eq!(history(&bench).await, expected);

    // The same again, in another order, as other programs write it: nothing new.
    assert_eq!(bench.counts(&words), [6, 0, 0, 6, 0]);
    let mut lines: Vec<String> = vec![
        r#"{"AccountId": "a", "Field": "Employees", "OldValue": 10, "NewValue": 12, "CreatedDate": "2026-01-20"}"#
            .into(),
        r#"{"AccountId": "b", "Field": "CSM ID", "OldValue": null, "NewValue": "csm-1", "CreatedDate": "2026-01-15"}"#
            .into(),
        r#"{"AccountId": "a", "Field": "MRR", "OldValue": 1200.5, "NewValue": 800, "CreatedDate": "2026-02-10"}"#
            .into(),
    ];
    bench.file("h.jsonl", lines.join("\n"));
    let again = [&["changes", "h.jsonl"][..], &NAMES].concat();
    assert_eq!(bench.counts(&again), [3, 0, 0, 3, 0]);
    assert_eq!(history(&bench).await, expected);

    // A file that comes later knows more of the instants of the first one.
    lines.truncate(1);
    bench.file(
        "more.csv",
        "account_id,column,at,value\na,seats,2026-01-10,5\na,seats,2026-01-25,8\na,seats,2026-01-30,8\n",
    );
    assert_eq!(bench.counts(&["changes", "more.csv"]), [3, 2, 0, 1, 0]);
    let seats = bench
        .query(
            "select coalesce(became ->> 'seats', '-') as n from customers.account_changes
             where imported and account_id = 'a' order by at",
        )
        .await;
    let seen: Vec<&str> = seats.as_array().unwrap().iter().filter_map(|row| row["n"].as_str()).collect();
    assert_eq!(seen, ["-", "5", "5", "5", "8", "8", "8"]);
    bench.file("wrong.csv", "account_id,column,at,became\na,seats,2026-01-25,9\n");
    assert_eq!(bench.counts(&["changes", "wrong.csv", "--only-new"]), [1, 0, 0, 1, 0]);
    assert_eq!(bench.counts(&["changes", "wrong.csv"]), [1, 0, 1, 0, 0]);
    assert_eq!(bench.counts(&["changes", "wrong.csv"]), [1, 0, 0, 1, 0]);
    // What the trigger recorded is there as it was.
    let own = "select count(*) as n, min(at) as at from customers.account_changes where not imported";
    assert_eq!(bench.query(own).await, json!([{ "n": 2, "at": "2026-03-01T00:00:00+00:00" }]));
}

#[tokio::test]
async fn mistakes_in_a_history_say_what_to_write() {
    let bench = bench().await;
    let future = chrono::Utc::now() + chrono::TimeDelta::days(2);
    bench.file(
        "h.csv",
        format!(
            "account_id,column,at,was,became\n\
             a,mrr,2026-01-15,one,2\n\
             a,teir,2026-01-15,B,A\n\
             a,mrr,15/01/2026,1,2\n\
             a,seats,{},1,2\n\
             x,mrr,2026-01-15,1,2\n\
             a,status,2026-01-15,trial,live\n\
             a,id,2026-01-15,b,a\n\
             a,traits,2026-01-15,{{}},{{}}\n\
             a,tier,2026-01-15,B,A\n\
             a,tier,2026-03-01,A,B\n",
            future.to_rfc3339()
        ),
    );
    let errors = bench.errors(&["changes", "h.csv"]);
    let starts = [
        "2 was: `one` is not a number (the value of `mrr`)",
        "3 column: `teir` is no column of accounts (is `tier` meant?); --map COLUMN=`teir` says which it is",
        "4 at: `15/01/2026` is not an instant; write it as 2026-01-15",
        "5 at: ",
        "6 account_id: there is no account `x`: import it first",
        "7 became: `live` is not a status",
        "8 column: `id` never changes",
        "9 column: `traits` is changed key by key: write traits.KEY",
    ];
    assert_eq!(errors.len(), starts.len(), "{errors:#?}");
    for (error, start) in errors.iter().zip(starts) {
        assert!(error.starts_with(start), "{error} / {start}");
    }
    assert!(errors[3].contains("is in the future"), "{errors:#?}");
    let rows = history(&bench).await;
    assert_eq!(rows[1]["became"], json!({ "tier": "A" }), "{rows}");
    assert_eq!(rows.as_array().map(Vec::len), Some(2));
    let (_, said) = bench.run(&["changes", "h.csv", "--ignore-unknown"]);
    assert!(said.contains("10 read, 0 new, 0 changed, 5 unchanged, 5 failed"), "{said}");
    assert!(said.contains("warning: 1 changes are not older than what Keepwell has recorded itself"), "{said}");
    assert!(said.contains("warning: 3 changes are about no column of accounts"), "{said}");

    bench.file("short.csv", "account_id,column,at\na,mrr,2026-01-15\n");
    let errors = bench.errors(&["changes", "short.csv"]);
    assert!(errors[0].starts_with("2 became: is missing: --map became=HEADER"), "{errors:?}");
    bench.file("twice.csv", "account_id,Field,at,Value,New Value\na,mrr,2026-01-15,1,2\n");
    let errors = bench.errors(&["changes", "twice.csv"]);
    assert!(errors[0].starts_with("1 New Value: is a second column for `became`"), "{errors:?}");
    let (code, said) = bench.run(&["changes", "short.csv", "--map", "mrrr=ARR"]);
    assert!(code == 1 && said.contains("--map mrrr=ARR: `mrrr` is no column of accounts (is `mrr` meant?)"), "{said}");
    // A value that only the database refuses is the mistake of its row.
    sqlx::raw_sql("alter table customers.accounts add column word varchar(3)").execute(&bench.pool).await.unwrap();
    bench.file("word.csv", "account_id,column,at,became\na,word,2026-01-15,long\na,word,2026-01-16,abc\n");
    let errors = bench.errors(&["changes", "word.csv"]);
    assert!(errors.len() == 1 && errors[0].starts_with("2 -: the database refuses this row"), "{errors:?}");
}

/// What an imported past is for: conditions read it.
#[tokio::test]
async fn explain_reads_an_imported_past() {
    let bench = bench().await;
    bench.file("h.csv", HISTORY);
    bench.counts(&[&["changes", "h.csv"][..], &NAMES].concat());
    std::fs::create_dir_all(bench.folder.join("playbooks")).unwrap();
    bench.file(
        "playbooks/grown.yaml",
        "playbook: grown\nabout: A.\nalerts_to: a@b.example\nschedule: '0 9 1 1 *'\n\
         when: account.mrr > (account.ago(10).mrr ?? 0) && account.tier == \"B\" && account.locale == none\n\
         steps:\n  - task: { title: Call, to: csm }\n",
    );
    let explain = |at: &str| -> Value {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_keepwell"))
            .args(["explain", "grown", "a", "--format", "json", "--at", at])
            .current_dir(&bench.folder)
            .env("DATABASE_URL", &bench.database.url)
            .output()
            .unwrap();
        serde_json::from_slice::<Value>(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))["explain"]
            .clone()
    };
    let then = explain("2026-01-18T09:00:00Z");
    assert_eq!(then["verdict"], "enters", "{then}");
    // Nobody has recorded its language.
    assert_eq!(then["constant"], json!(["account.locale"]), "{then}");
    assert_eq!(explain("2026-02-15T09:00:00Z")["verdict"], "skipped");
}
