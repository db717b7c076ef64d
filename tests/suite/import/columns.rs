//! Times as other programs write them, and columns that were added to the store.

use serde_json::json;

use super::Bench;

/// Times as `\copy` and as Salesforce's loader write them.
#[tokio::test]
async fn times_are_read_as_other_programs_write_them() {
    let bench = Bench::new().await;
    let times = [
        "2026-03-01 09:00:00+00",
        "2026-03-01T09:00:00.000+0000",
        "2026-03-01 11:00:00.000000+02",
        "20260301T090000Z",
        "2026-03-01 09:00:00 UTC",
    ];
    let mut file = "id,name,signed_up_at\n".to_owned();
    for (at, time) in times.iter().enumerate() {
        file.push_str(&format!("p{at},Acme,{time}\n"));
    }
    bench.file("a.csv", file);
    assert_eq!(bench.counts(&["accounts", "a.csv"]), [5, 5, 0, 0, 0]);
    let found = "select distinct signed_up_at from customers.accounts";
    assert_eq!(bench.query(found).await, json!([{ "signed_up_at": "2026-03-01T09:00:00+00:00" }]));

    bench.file("b.csv", "id,name,signed_up_at\nx,X,03/04/2026\ny,Y,20.04.2027\nz,Z,soon\n");
    assert_eq!(
        bench.errors(&["accounts", "b.csv"]),
        [
            "2 signed_up_at: `03/04/2026` is not an instant; write it as 2026-04-03 or 2026-03-04",
            "3 signed_up_at: `20.04.2027` is not an instant; write it as 2027-04-20",
            "4 signed_up_at: `soon` is not an instant; write it as 2026-03-01T09:00:00Z",
        ]
    );
}

#[tokio::test]
async fn columns_that_were_added_are_imported() {
    let bench = Bench::new().await;
    let added = "create type public.size as enum ('small', 'large');
        alter table customers.accounts add column \"Health Index\" numeric(6, 2), add column n bigint,
            add column vip boolean not null default false, add column trial_ends date, add column checked timestamp,
            add column size public.size, add column word varchar(5), add column tags text[],
            add column twice numeric generated always as (mrr * 2) stored;
        alter table customers.contacts add column region text not null";
    sqlx::raw_sql(added).execute(&bench.pool).await.unwrap();
    bench.file(
        "a.csv",
        "id,name,signed_up_at,Health Index,n,vip,trial_ends,checked,size,word\n\
         a,A,2026-01-01,12.345,9007199254740993,TRUE,2026-03-01,2026-03-01 09:00:00+02,large,abc\n\
         b,B,2026-01-01,,,,,,,\n\
         c,C,2026-01-01,many,1,yes,2026-03-01,,small,abc\n\
         d,D,2026-01-01,1,1,perhaps,2026-03-01,,small,abc\n\
         e,E,2026-01-01,1,1,no,01.03.2026,,small,abc\n\
         f,F,2026-01-01,1,1,no,2026-03-01,,huge,abc\n\
         g,G,2026-01-01,1,1,no,2026-03-01,,small,abcdef\n",
    );
    let errors = bench.errors(&["accounts", "a.csv"]);
    for (error, expected) in errors.iter().zip([
        "4 Health Index: `many` is not a number",
        "5 vip: `perhaps` is neither true nor false",
        "6 trial_ends: `01.03.2026` is not a date; write it as 2026-03-01",
        "7 -: the database refuses this row: invalid input value for enum size: \"huge\"",
        "8 -: the database refuses this row: value too long for type character varying(5)",
    ]) {
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
    assert_eq!(errors.len(), 5, "{errors:?}");
    let found =
        "select id, \"Health Index\", n, vip, trial_ends, checked, size, word from customers.accounts order by id";
    assert_eq!(
        bench.query(found).await,
        json!([
            { "id": "a", "Health Index": 12.35, "n": 9_007_199_254_740_993_i64, "vip": true, "trial_ends": "2026-03-01",
              "checked": "2026-03-01T07:00:00", "size": "large", "word": "abc" },
            { "id": "b", "Health Index": null, "n": null, "vip": false, "trial_ends": null, "checked": null,
              "size": null, "word": null },
        ])
    );
    bench.file(
        "b.jsonl",
        "{\"id\": \"a\", \"vip\": false, \"n\": 7, \"Health Index\": 12.345}\n{\"id\": \"b\", \"n\": null}\n",
    );
    assert_eq!(bench.counts(&["accounts", "b.jsonl", "--map", "n=n"]), [2, 0, 1, 1, 0]);
    assert_eq!(bench.counts(&["accounts", "b.jsonl"]), [2, 0, 0, 2, 0]);

    // What is calculated, and what conditions could not read, has no place in a file.
    bench.file("c.csv", "id,twice,tags\na,1,x\n");
    assert_eq!(bench.errors(&["accounts", "c.csv"]).len(), 2);
    bench.file("d.csv", "account_id,id,name\na,c,Ann\n");
    assert_eq!(bench.errors(&["contacts", "d.csv"]), ["2 region: has no value, and this contact is new"]);
    bench.file("e.csv", "account_id,id,name,region\na,c,Ann,EU\n");
    assert_eq!(bench.counts(&["contacts", "e.csv"]), [1, 1, 0, 0, 0]);
}
