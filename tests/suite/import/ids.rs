//! Ids and zones as other programs export them.

use serde_json::json;

use super::Bench;

#[tokio::test]
async fn spaces_around_ids_do_not_count() {
    let bench = Bench::new().await;
    bench.file(
        "accounts.csv",
        "id,name,csm_id,signed_up_at\n\"p1 \",Acme,\" sam\",2026-01-01\np1,Acme,sam,2026-01-01\n",
    );
    let (code, said) = bench.run(&["accounts", "accounts.csv"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 rows have spaces around an id"), "{said}");
    assert!(said.contains("1 rows are the same as another without these spaces; the first: line 3"), "{said}");
    assert_eq!(
        bench.query("select id, csm_id from customers.accounts").await,
        json!([{ "id": "p1", "csm_id": "sam" }])
    );
    bench.file("contacts.jsonl", "{\"account_id\": \"p1\u{a0}\", \"id\": \"\\tkim\", \"name\": \"Kim\"}\n");
    assert_eq!(bench.counts(&["contacts", "contacts.jsonl"]), [1, 1, 0, 0, 0]);
    assert_eq!(
        bench.query("select account_id, id from customers.contacts").await,
        json!([{ "account_id": "p1", "id": "kim" }])
    );
    bench.file("events.csv", "account_id,contact_id,id,at,name\n p1,kim ,e1,2026-03-01,login\n");
    let (_, summaries) = bench.summaries(&["events", "events.csv"]);
    assert_eq!((&summaries[0]["without_account"], &summaries[0]["padded_ids"]), (&json!(0), &json!(1)));
    bench.file("none.csv", "id,name,signed_up_at\n\"  \",Acme,2026-01-01\n");
    assert_eq!(bench.errors(&["accounts", "none.csv"]), ["2 id: is empty, and it is part of the key"]);
}

#[tokio::test]
async fn zones_are_kept_by_their_iana_names() {
    let bench = Bench::new().await;
    bench.file(
        "a.csv",
        "id,name,signed_up_at,timezone\na,A,2026-01-01,Eastern Standard Time\nb,B,2026-01-01,europe/berlin\nc,C,2026-01-01,Mars\n",
    );
    assert_eq!(
        bench.errors(&["accounts", "a.csv"]),
        ["4 timezone: `Mars` is not a time zone; write it as Europe/Berlin"]
    );
    assert_eq!(
        bench.query("select timezone from customers.accounts order by id").await,
        json!([{ "timezone": "America/New_York" }, { "timezone": "Europe/Berlin" }])
    );
}
