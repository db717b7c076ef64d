//! Files into the customer store, through the program itself.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use crate::support::database::{self, TestDatabase};

mod changes;
mod columns;
mod ids;

/// A database, a folder for files, and the program between them.
struct Bench {
    database: TestDatabase,
    pool: PgPool,
    folder: PathBuf,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Bench {
    async fn new() -> Bench {
        let database = database::fresh().await;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("import-{}", database.name));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Bench { pool: database.pool().await, database, folder }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.folder.join(name), content).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keepwell"));
        command.arg("import").args(words).current_dir(&self.folder).env("DATABASE_URL", &self.database.url);
        command
    }

    fn run(&self, words: &[&str]) -> (i32, String) {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        let told = String::from_utf8(stdout).unwrap() + String::from_utf8(stderr).unwrap().as_str();
        (status.code().unwrap(), told)
    }

    /// The summaries, and whether the program was content.
    fn summaries(&self, words: &[&str]) -> (bool, Vec<Value>) {
        let output = self.command(words).args(["--format", "json"]).output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.success(), document["import"].as_array().unwrap().clone())
    }

    /// `[read, new, changed, unchanged, failed]`.
    fn counts(&self, words: &[&str]) -> [u64; 5] {
        let (sound, summaries) = self.summaries(words);
        let counts = ["read", "new", "changed", "unchanged", "failed"].map(|key| summaries[0][key].as_u64().unwrap());
        assert_eq!(sound, counts[4] == 0, "{summaries:#?}");
        counts
    }

    /// `LINE COLUMN: MESSAGE` of every error.
    fn errors(&self, words: &[&str]) -> Vec<String> {
        let (_, summaries) = self.summaries(words);
        let errors = summaries[0]["errors"].as_array().unwrap().iter();
        errors
            .map(|error| {
                let column = error["column"].as_str().unwrap_or("-");
                format!("{} {column}: {}", error["line"], error["message"].as_str().unwrap())
            })
            .collect()
    }

    async fn query(&self, sql: &str) -> Value {
        let sql = format!("select coalesce(json_agg(row_to_json(x)), '[]') from ({sql}) x");
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.pool).await.unwrap()
    }

    async fn count(&self, relation: &str) -> i64 {
        let sql = format!("select count(*) from customers.{relation}");
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.pool).await.unwrap()
    }
}

#[tokio::test]
async fn a_dry_run_says_everything_and_writes_nothing() {
    let bench = Bench::new().await;
    bench.file("a.csv", "id,name,signed_up_at\na,Alder,2026-01-01\nb,Birch,yesterday\na,Alder,2026-01-01\n");
    let (code, told) = bench.run(&["accounts", "a.csv", "--dry-run"]);
    assert_eq!(code, 1);
    assert!(told.contains("a.csv:3: signed_up_at: `yesterday` is not an instant"), "{told}");
    assert!(told.contains("3 read, would be 1 new, 0 changed, 1 unchanged, 1 failed"), "{told}");
    assert!(told.contains("nothing was written"), "{told}");
    assert_eq!(bench.count("accounts").await, 0);

    bench.file("b.csv", "id,name,signed_up_at\na,Alder,2026-01-01\n");
    assert_eq!(bench.counts(&["accounts", "b.csv"]), [1, 1, 0, 0, 0]);
    bench.file("c.csv", "id,name,signed_up_at\na,Acer,2026-01-01\nc,Cedar,2026-01-01\na,Acer,2026-01-01\n");
    assert_eq!(bench.counts(&["accounts", "c.csv", "--dry-run"]), [3, 1, 1, 1, 0]);
    assert_eq!(bench.query("select name from customers.accounts").await, json!([{ "name": "Alder" }]));
}

#[tokio::test]
async fn rows_are_updated_by_key_and_what_is_not_given_stays() {
    let bench = Bench::new().await;
    bench.file(
        "a.csv",
        "id,name,tier,mrr,seats,signed_up_at,status\n\
         a,Alder,A,1200.505,5,2026-01-01 09:00,\nb,Birch,B,,,2026-01-02T09:00:00+02:00,trial\n",
    );
    assert_eq!(bench.counts(&["accounts", "a.csv"]), [2, 2, 0, 0, 0]);
    let first = bench.query("select id, tier, mrr, seats, signed_up_at at, status from customers.accounts order by id");
    assert_eq!(
        first.await,
        json!([
            { "id": "a", "tier": "A", "mrr": 1200.51, "seats": 5, "at": "2026-01-01T09:00:00+00:00", "status": "active" },
            { "id": "b", "tier": "B", "mrr": 0.0, "seats": null, "at": "2026-01-02T07:00:00+00:00", "status": "trial" },
        ])
    );
    assert_eq!(bench.counts(&["accounts", "a.csv"]), [2, 0, 0, 2, 0]);

    // A few columns only: empty is null where that can be, and else no change.
    bench.file("b.csv", "id,seats,name\na,,\nb,7,Beech\nc,1,Cedar\n");
    let (sound, summaries) = bench.summaries(&["accounts", "b.csv"]);
    assert!(!sound);
    assert_eq!(summaries[0]["changed"], 2);
    assert_eq!(
        summaries[0]["errors"],
        json!([{ "line": 4, "column": "signed_up_at", "message": "has no value, and this account is new" }])
    );
    let second = bench.query("select id, name, tier, seats, mrr from customers.accounts order by id").await;
    assert_eq!(
        second,
        json!([
            { "id": "a", "name": "Alder", "tier": "A", "seats": null, "mrr": 1200.51 },
            { "id": "b", "name": "Beech", "tier": "B", "seats": 7, "mrr": 0.0 },
        ])
    );
    // Unchanged rows leave no trace in the history: two insertions, two changes.
    assert_eq!(bench.count("account_changes").await, 4);

    // Only new ones; and of a key that comes twice the later row counts.
    bench.file("c.csv", "id,name,signed_up_at\na,Ash,2026-01-01\nd,Dogwood,2026-01-01\n");
    assert_eq!(bench.counts(&["accounts", "c.csv", "--only-new"]), [2, 1, 0, 1, 0]);
    bench.file("d.csv", "id,name,signed_up_at\ne,Elm,2026-01-01\ne,Elder,2026-01-01\ne,Elder,2026-01-01\n");
    assert_eq!(bench.counts(&["accounts", "d.csv"]), [3, 1, 1, 1, 0]);
    let names = bench.query("select name from customers.accounts where id in ('a', 'd', 'e') order by id").await;
    assert_eq!(names, json!([{ "name": "Alder" }, { "name": "Dogwood" }, { "name": "Elder" }]));
}

#[tokio::test]
async fn every_relation_is_imported_and_then_unchanged() {
    let bench = Bench::new().await;
    bench.file("accounts.csv", "id,name,signed_up_at,timezone,churned_at\na,Alder,2026-01-01,Europe/Berlin,\n");
    bench.file("contacts.csv", "account_id,id,name,email\na,1,Jo,jo@alder.example\nz,1,Kim,\n");
    bench.file(
        "csms.csv",
        "id,name,email,capacity,away_from,away_until\nm,Mo,mo@acme.example,40,2026-08-01,2026-08-14\n",
    );
    bench.file(
        "events.csv",
        "account_id,id,name,at\na,1,login,2026-03-01T09:00:00Z\na,1,login,1999-03-02 09:00:00.25\n",
    );
    bench.file("scores.csv", "account_id,id,contact_id,name,value,at\na,1,,health,0.1,2026-03-01\n");
    bench.file("tickets.csv", "account_id,id,opened_at,closed_at,severity\na,1,2026-03-01,,urgent\n");
    for (relation, rows) in
        [("accounts", 1), ("contacts", 2), ("csms", 1), ("events", 2), ("scores", 1), ("tickets", 1)]
    {
        let file = format!("{relation}.csv");
        assert_eq!(bench.counts(&[relation, &file, "--dry-run"]), [rows, rows, 0, 0, 0], "{relation}");
        assert_eq!(bench.counts(&[relation, &file]), [rows, rows, 0, 0, 0], "{relation}");
        assert_eq!(bench.counts(&[relation, &file]), [rows, 0, 0, rows, 0], "{relation}");
        assert_eq!(bench.counts(&[relation, &file, "--dry-run"]), [rows, 0, 0, rows, 0], "{relation}");
        assert_eq!(bench.count(relation).await, rows as i64);
    }
    let (_, told) = bench.run(&["contacts", "contacts.csv"]);
    assert!(told.contains("warning: 1 rows name an account that is not there"), "{told}");
}

#[tokio::test]
async fn headers_are_mapped_and_unknown_ones_are_refused_in_words() {
    let bench = Bench::new().await;
    bench.file("crm.csv", "Account ID,name,teir,Plan,signed_up_at\na,Alder,A,team,2026-01-01\n");
    let (code, told) = bench.run(&["accounts", "crm.csv"]);
    assert_eq!(code, 1);
    for words in
        ["crm.csv:1: Account ID: is no column", "(is `tier` meant?)", "--map COLUMN=Plan", "nothing was imported"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    let maps = ["--map", "id=Account ID", "--map", "traits.plan=Plan", "--map", "tier=teir"];
    assert_eq!(bench.counts(&[&["accounts", "crm.csv"], maps.as_slice()].concat()), [1, 1, 0, 0, 0]);
    let rows = bench.query("select id, tier, traits from customers.accounts").await;
    assert_eq!(rows, json!([{ "id": "a", "tier": "A", "traits": { "plan": "team" } }]));
    let ignored = ["accounts", "crm.csv", "--map", "id=Account ID", "--ignore-unknown"];
    assert_eq!(bench.counts(&ignored), [1, 0, 0, 1, 0]);

    let errors = bench.errors(&["accounts", "crm.csv", "--ignore-unknown"]);
    assert!(errors[0].starts_with("1 id: is missing: it is part of the key"), "{errors:?}");
    let errors = bench.errors(&["accounts", "crm.csv", "--map", "id=Acount ID"]);
    assert!(errors.iter().any(|error| error.contains("not in the file (is `Account ID` meant?)")), "{errors:?}");
    let (code, told) = bench.run(&["accounts", "crm.csv", "--map", "idd=Account ID"]);
    assert!(code == 1 && told.contains("no column `idd` (is `id` meant?)"), "{told}");
    let (code, told) = bench.run(&["accounts", "none.csv"]);
    assert!(code == 1 && told.contains("none.csv"), "{told}");
}

#[tokio::test]
async fn mistakes_are_listed_by_line_and_the_other_rows_are_imported() {
    let bench = Bench::new().await;
    bench.file(
        "scores.csv",
        b"account_id,id,name,value,at\n\
          a,1,nps,9,2026-03-01\n\
          a,2,nps,NaN,2026-03-01\n\
          a,3,nps,\"1,5\",2026-03-01\n\
          a,4,\"two\nlines\",7,0000-01-01\n\
          a,,nps,7,2026-03-01\n\
          a,6,nps,7\n\
          a,7,n\0s,7,2026-03-01\n\
          a,8,caf\xe9,7,2026-03-01\n\
          a,9,nps,8,10000-01-01\n\
          ,,,,\n\
          a,10,nps,8,2026-03-01\n\
          a,11,\"nps,8,2026-03-01\n"
            .as_slice(),
    );
    let errors = bench.errors(&["scores", "scores.csv", "--dry-run"]);
    let starts = [
        "3 value: `NaN` is not ",
        "4 value: `1,5` is not a number; write it with a decimal point",
        "5 at: `0000-01-01` is not",
        "7 id: is empty, and it is part of the key",
        "8 -: has 4 fields, and the line of headers has 5",
        "9 name: has a NUL character",
        "10 name: is not UTF-8 (byte 0xE9); save the file as UTF-8",
        "11 at: `10000-01-01` is not",
        "14 name: a quote is opened here and not closed",
    ];
    assert_eq!(errors.len(), starts.len(), "{errors:#?}");
    for (error, start) in errors.iter().zip(starts) {
        assert!(error.starts_with(start), "{error} / {start}");
    }
    assert_eq!(bench.errors(&["scores", "scores.csv"]), errors);
    assert_eq!(
        bench.query("select id from customers.scores order by id").await,
        json!([{ "id": "1" }, { "id": "10" }])
    );

    // What only the database refuses: its row alone is left out.
    let mut state = 1_u32;
    let letter = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + (state >> 24) as u8 % 26)
    };
    let random: String = (0..9_000).map(letter).collect();
    bench.file(
        "long.csv",
        format!("account_id,id,name,value,at\nb,1,x,1,2026-01-01\nb,{random},x,1,2026-01-01\nb,2,x,1,2026-01-01\n"),
    );
    let errors = bench.errors(&["scores", "long.csv"]);
    assert!(errors.len() == 1 && errors[0].starts_with("3 -: the database refuses this row"), "{errors:?}");
    assert_eq!(
        bench.query("select id from customers.scores where account_id = 'b'").await,
        json!([{ "id": "1" }, { "id": "2" }])
    );

    // More than are listed are counted; a long field is one line's mistake.
    let mut many = "account_id,id,name,value,at\n".to_owned();
    (0..1_500).for_each(|n| many.push_str(&format!("c,{n},x,no,2026-01-01\n")));
    many.push_str(&format!("c,1500,{},1,2026-01-01\nc,1501,x,1,2026-01-01\n", "y".repeat(2 << 20)));
    bench.file("many.csv", many);
    let (_, summaries) = bench.summaries(&["scores", "many.csv"]);
    assert_eq!((&summaries[0]["failed"], &summaries[0]["new"]), (&json!(1_501), &json!(1)));
    assert_eq!(summaries[0]["errors"].as_array().unwrap().len(), 1_000);
    let (_, told) = bench.run(&["scores", "many.csv"]);
    assert!(told.contains("… and 501 more errors"), "{told}");
}

#[tokio::test]
async fn traits_are_set_key_by_key() {
    let bench = Bench::new().await;
    bench.file("a.csv", "id,name,signed_up_at,traits.plan,traits.internal,traits.zip,traits.size\na,Alder,2026-01-01,team,true,01234,12\n");
    assert_eq!(bench.counts(&["accounts", "a.csv"]), [1, 1, 0, 0, 0]);
    let traits = "select traits from customers.accounts";
    assert_eq!(
        bench.query(traits).await,
        json!([{ "traits": { "plan": "team", "internal": true, "zip": "01234", "size": 12 } }])
    );
    // Other keys stay; an empty field takes its key away.
    bench.file("b.csv", "id,traits.plan,traits.zip,traits.none\na,solo,,\n");
    assert_eq!(bench.counts(&["accounts", "b.csv"]), [1, 0, 1, 0, 0]);
    assert_eq!(bench.counts(&["accounts", "b.csv"]), [1, 0, 0, 1, 0]);
    assert_eq!(bench.query(traits).await, json!([{ "traits": { "plan": "solo", "internal": true, "size": 12 } }]));
    // The whole column replaces them.
    bench.file("c.csv", "id,traits\na,\"{\"\"x\"\": [1]}\"\na,\na,[1]\n");
    let errors = bench.errors(&["accounts", "c.csv"]);
    assert!(errors.len() == 1 && errors[0].starts_with("4 traits: must be a JSON object"), "{errors:?}");
    assert_eq!(bench.query(traits).await, json!([{ "traits": { "x": [1] } }]));
}

#[tokio::test]
async fn json_lines_are_imported() {
    let bench = Bench::new().await;
    bench.file(
        "events.jsonl",
        concat!(
            "{\"account_id\": \"a\", \"id\": 1, \"name\": \"login\", \"at\": \"2026-03-01T09:00:00Z\", \"properties\": {\"n\": {\"deep\": [1]}}}\n",
            "\n",
            "{\"account_id\": \"a\", \"id\": \"2\", \"name\": \"login\", \"at\": \"2026-03-01\", \"properties.browser\": \"x\", \"contact_id\": null}\r\n",
            "{\"account_id\": \"a\", \"id\": \"3\", \"name\": true, \"at\": \"2026-03-01\"}\n",
            "{\"account_id\": \"a\", \"id\": \"4\", \"name\": \"x\", \"at\": 1772355600}\n",
            "{\"account_id\": \"a\", \"id\": \"5\", \"name\": \"x\", \"at\": \"2026-03-01\", \"nmae\": \"y\"}\n",
            "{\"account_id\": \"a\", \"id\": \"6\"\n",
            "[1]\n",
            "{\"account_id\": \"a\", \"name\": \"x\", \"at\": \"2026-03-01\"}\n",
            "{\"account_id\": \"a\", \"id\": \"7\", \"name\": \"x\\u0000\", \"at\": \"2026-03-01\"}\n",
            "{\"account_id\": \"a\", \"id\": \"8\", \"name\": \"x\", \"at\": \"2026-03-01\", \"properties\": {\"k\": \"\\u0000\"}}\n",
            "{\"account_id\": \"a\", \"id\": \"9\", \"name\": \"last\", \"at\": \"2026-03-01\"}",
        ),
    );
    let errors = bench.errors(&["events", "events.jsonl"]);
    let starts = [
        "4 name: must be text, not true or false",
        "5 at: is a number; write an instant",
        "6 nmae: is no column of events (is `name` meant?)",
        "7 -: is not JSON",
        "8 -: is not a JSON object",
        "9 id: is missing, and it is part of the key",
        "10 name: has a NUL",
        "11 properties: has a NUL",
    ];
    assert_eq!(errors.len(), starts.len(), "{errors:#?}");
    for (error, start) in errors.iter().zip(starts) {
        assert!(error.starts_with(start), "{error} / {start}");
    }
    assert_eq!(
        bench.query("select id, properties from customers.events order by id").await,
        json!([
            { "id": "1", "properties": { "n": { "deep": [1] } } },
            { "id": "2", "properties": { "browser": "x" } },
            { "id": "9", "properties": {} },
        ])
    );
    bench.file("list.json", "[{\"id\": 1}]");
    let errors = bench.errors(&["csms", "list.json"]);
    assert!(errors[0].contains("one JSON object a line"), "{errors:?}");
    // Rows of one file that speak of different columns, and a mapping.
    bench.file(
        "rows",
        "{\"Id\": \"m\", \"name\": \"Mo\", \"email\": \"m@x.example\"}\n{\"Id\": \"m\", \"capacity\": 3}\n",
    );
    let words = ["csms", "rows", "--format", "jsonl", "--map", "id=Id"];
    assert_eq!(bench.counts(&words), [2, 1, 1, 0, 0]);
    assert_eq!(
        bench.query("select name, capacity from customers.csms").await,
        json!([{ "name": "Mo", "capacity": 3 }])
    );
}

#[tokio::test]
async fn marks_line_ends_delimiters_and_foreign_files() {
    let bench = Bench::new().await;
    bench.file(
        "a.csv",
        "\u{feff}id;name;email\r\n1;\"Mo; \"\"the\r\nmore\"\"\";mo@x.example\r\n2;Al;al@x.example\r\n3;x;y;z\r\n",
    );
    let errors = bench.errors(&["csms", "a.csv"]);
    assert!(errors[0].contains("--delimiter ';'"), "{errors:?}");
    let errors = bench.errors(&["csms", "a.csv", "--delimiter", ";"]);
    assert_eq!(errors, ["5 -: has 4 fields, and the line of headers has 3"]);
    assert_eq!(
        bench.query("select name from customers.csms order by id").await,
        json!([{ "name": "Mo; \"the\r\nmore\"" }, { "name": "Al" }])
    );

    bench.file("utf16.csv", b"\xff\xfei\0d\0".as_slice());
    bench.file("book.csv", b"PK\x03\x04".as_slice());
    bench.file("empty.csv", "");
    for (file, words) in [("utf16.csv", "UTF-16"), ("book.csv", "save it as CSV"), ("empty.csv", "is empty")] {
        let (code, told) = bench.run(&["csms", file]);
        assert!(code == 1 && told.contains(words), "{told}");
    }
    let (code, told) = bench.run(&["csms", "book.csv", "a.csv", "--delimiter", ";;"]);
    assert!(code == 1 && told.contains("one character"), "{told}");
    // One bad file does not keep the others.
    bench.file("b.tsv", "id\tname\temail\n9\tNo\tno@x.example\n");
    let (sound, summaries) = bench.summaries(&["csms", "empty.csv", "b.tsv"]);
    assert!(!sound);
    assert_eq!((&summaries[0]["errors"][0]["line"], &summaries[1]["new"]), (&json!(1), &json!(1)));

    let mut stdin = bench.command(&["csms", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    stdin.stdin.take().unwrap().write_all(b"id,name,email\n8,Pip,p@x.example\n").unwrap();
    let output = stdin.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "csms from stdin: 1 read, 1 new, 0 changed, 0 unchanged, 0 failed\n"
    );
}

fn events(count: u32) -> String {
    let mut text = "account_id,id,contact_id,name,at,properties.page\n".to_owned();
    for n in 0..count {
        let (account, day, minute) = (n % 500, n / 1_440 % 28 + 1, n % 1_440);
        let (hour, minute) = (minute / 60, minute % 60);
        text.push_str(&format!(
            "acc-{account},e-{n},c-{account},login,2026-02-{day:02}T{hour:02}:{minute:02}:00Z,{n}\n"
        ));
    }
    text
}

#[tokio::test]
async fn many_events_stream_through() {
    let bench = Bench::new().await;
    bench.file("events.csv", events(200_000));
    assert_eq!(bench.counts(&["events", "events.csv"]), [200_000, 200_000, 0, 0, 0]);
    assert_eq!(bench.count("events").await, 200_000);
}

#[tokio::test]
async fn an_interrupted_import_goes_on_when_it_is_repeated() {
    let bench = Bench::new().await;
    bench.file("events.csv", events(40_000));
    let mut child = bench.command(&["events", "events.csv"]).stdout(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    while bench.count("events").await == 0 {
        assert!(begin.elapsed() < Duration::from_secs(60), "nothing is written");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What is committed is the beginning of the file, in whole batches.
    let kept = loop {
        let before = bench.count("events").await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        if bench.count("events").await == before {
            break before as u64;
        }
    };
    assert!(kept > 0 && kept < 40_000 && kept % 1_000 == 0, "{kept}");
    assert_eq!(bench.counts(&["events", "events.csv"]), [40_000, 40_000 - kept, 0, kept, 0]);
    assert_eq!(bench.count("events").await, 40_000);

    // Asked to end, it finishes its batch and says how far it got.
    let other = Bench::new().await;
    other.file("events.csv", events(40_000));
    let child = other.command(&["events", "events.csv"]).stdout(Stdio::piped()).spawn().unwrap();
    while other.count("events").await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let kept = other.count("events").await;
    assert!(
        !output.status.success() && told.contains(&format!("interrupted after line {}", kept + 1)),
        "{kept}: {told}"
    );
}
