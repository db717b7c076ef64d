//! Declared types, the ends of windows, and what nobody can read.

use super::*;
use keepwell::ids::{AccountId, ContactId, PlaybookId};

#[tokio::test]
async fn declared_types_and_nullability_hold() {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    let mut dice = Dice(7);
    let accounts: Vec<Account> = (0..40).map(|number| account(number, &mut dice)).collect();
    write(&pool, &accounts).await;
    let schema = Schema::default_store();
    let mut layout = Layout::of(Subject::Contact);
    layout.merge(&every_cell(Subject::Account, &schema));
    layout.merge(&every_cell(Subject::Contact, &schema));
    let layout = Arc::new(layout);
    let query = FactQuery::new(Arc::clone(&layout), &Relations::default()).expect("all known");
    for facts in walked(&pool, &query, Shape::Probes).await.into_values() {
        for (cell, value) in layout.cells().iter().zip(&facts.values) {
            let CellPath::Call { function, args } = &cell.path else {
                continue;
            };
            let gives = keepwell::rule::functions::find(function).expect("it is listed").gives(args);
            let fits = match value {
                Value::Null => gives.nullable,
                Value::Bool(_) => gives.ty == Type::Bool,
                Value::Int(_) => gives.ty == Type::Int,
                Value::Float(number) => gives.ty == Type::Float && number.is_finite(),
                Value::Text(_) => gives.ty == Type::Text,
                Value::Time(_) => gives.ty == Type::Time,
                Value::Json(_) => gives.ty == Type::Json,
            };
            assert!(fits, "{cell} gave {value:?}, declared {gives:?}");
        }
    }
}

/// What happens exactly at both ends of a window, to the microsecond.
#[tokio::test]
async fn a_window_includes_its_start_and_not_its_end() {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    let start = now() - Duration::days(30);
    let micro = Duration::microseconds(1);
    let mut rows = Vec::new();
    for (index, at) in [start - micro, start, now() - micro, now(), now() + micro].iter().enumerate() {
        rows.push(json!({
            "account_id": "a", "id": format!("e{index}"), "name": "login", "at": stamp(*at),
            "properties": {},
        }));
    }
    insert(&pool, "customers.events", rows).await;
    let since = now() - Duration::days(400);
    let account = json!({ "id": "a", "name": "A", "signed_up_at": stamp(since) });
    insert(&pool, "customers.accounts", vec![account]).await;
    let call =
        |function, args: &[Arg]| CellPath::Call { function, args: [&[Arg::Text("login".to_owned())], args].concat() };
    let layout = layout([
        call("events", &[Arg::Int(30)]),
        call("event_change", &[Arg::Int(30)]),
        call("days_since_event", &[]),
        call("event_at", &[]),
    ]);
    let query = FactQuery::new(layout, &Relations::default()).expect("every cell is known");
    let subject =
        SubjectWindow { account: "a".to_owned(), contact: String::new(), since_entry: None, since_step: None };
    let facts = fetch(&pool, &query, now(), &[subject]).await.expect("it reads");
    let values = &facts[0].as_ref().expect("the account exists").values;
    let expected = [Value::Int(2), Value::Float(100.0), Value::Int(0), Value::Time(now() - micro)];
    assert_eq!(values[..], expected);
}

/// Values that Postgres can hold and a reader cannot are missing, and the
/// other cells and rows are as they are.
#[tokio::test]
async fn unreadable_values_are_missing() {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    sqlx::raw_sql(
        r#"insert into customers.accounts (id, name, signed_up_at, renewal_at, activated_at, traits) values
             ('odd', 'Odd', '-infinity', 'infinity', '200000-01-01', '{"big": 1e400, "plan": "pro"}'),
             ('list', 'List', '2025-01-01', null, null, '[1, 2]'),
             ('plain', 'Plain', '2025-01-01', null, null, '{"big": 1, "plan": "pro"}');
           insert into customers.events (account_id, id, name, at, properties) values
             ('odd', '1', 'import', '2026-03-28', '{"rows": 1e400}'),
             ('odd', '2', 'import', '2026-03-28', '{"rows": 1.5}'),
             ('odd', '3', 'import', '2026-03-28', '[1]');"#,
    )
    .execute(&pool)
    .await
    .expect("the store takes them");
    let sum = CellPath::Call {
        function: "event_sum",
        args: vec![Arg::Text("import".into()), Arg::Text("rows".into()), Arg::Int(7)],
    };
    let layout = layout([
        column("signed_up_at"),
        column("renewal_at"),
        column("activated_at"),
        attribute("big"),
        attribute("plan"),
        sum,
    ]);
    let query = FactQuery::new(layout, &Relations::default()).expect("every cell is known");
    let subjects = ["plain", "gone", "odd", "list", "odd"].map(|account| SubjectWindow {
        account: account.to_owned(),
        contact: String::new(),
        since_entry: None,
        since_step: None,
    });
    let found = fetch(&pool, &query, now(), &subjects).await.expect("it reads");
    let values = |index: usize| found[index].as_ref().map(|facts| facts.values.clone());
    let pro = || Value::Json(Arc::new("pro".into()));
    let odd = vec![Value::Null, Value::Null, Value::Null, Value::Null, pro(), Value::Float(1.5)];
    assert_eq!(values(1), None);
    assert_eq!(values(2), Some(odd.clone()));
    assert_eq!(values(4), Some(odd));
    assert_eq!(values(0).map(|values| values[3].clone()), Some(Value::Json(Arc::new(1.into()))));
    assert_eq!(values(3).map(|values| values[4].clone()), Some(Value::Null));
}

/// More accounts than a chunk holds; then another query on the same
/// connection, whose columns differ.
#[tokio::test]
async fn a_scan_visits_every_account_once() {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    sqlx::raw_sql(
        "insert into customers.accounts (id, name, signed_up_at)
         select 'a' || n, 'Account', '2025-01-01' from generate_series(1, 2500) n",
    )
    .execute(&pool)
    .await
    .expect("the store takes them");
    let enrolled = json!({
        "id": keepwell::ids::enrollment(PlaybookId("rescue"), AccountId("a2200"), ContactId(""), ""), "account_id": "a2200",
        "contact_id": "", "playbook": "rescue", "state": "active", "shadow": false,
        "revision": "r", "entry_key": "", "phase": "begin", "entry": {}, "evidence": {}, "version": 0,
        "step_at": stamp(now()), "run_slot": stamp(now()),
        "started_at": stamp(now() - Duration::days(1)), "ended_at": null,
    });
    insert(&pool, "keepwell.enrollments", vec![enrolled]).await;
    let inside = CellPath::Call { function: "in_playbook", args: vec![Arg::Text("rescue".to_owned())] };
    for paths in [vec![inside.clone(), column("name")], vec![column("signed_up_at"), inside]] {
        let at = paths.iter().position(|path| matches!(path, CellPath::Call { .. })).expect("one call");
        let query = FactQuery::new(layout(paths), &Relations::default()).expect("known");
        let mut walk = scan(&pool, &query, now()).await.expect("it starts");
        let (mut seen, mut enrolled) = (Vec::new(), Vec::new());
        loop {
            let chunk = walk.next().await.expect("it goes on");
            if chunk.is_empty() {
                break;
            }
            assert!(chunk.len() <= 1000);
            for facts in chunk {
                if facts.values[at] == Value::Bool(true) {
                    enrolled.push(facts.account.clone());
                }
                seen.push(facts.account);
            }
        }
        walk.close().await.expect("it ends");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 2500);
        assert_eq!(enrolled, ["a2200"]);
    }
}
