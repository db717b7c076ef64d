//! Every fact function means the same in SQL and in memory.
//!
//! Histories are generated with instants that crowd around the boundaries of
//! every window, written to a real Postgres, and read back as facts.

pub mod histories;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Duration;
use keepwell::facts::{Arg, Cell, CellPath, Facts, Layout, Schema, Subject, SubjectId, Type, Value};
use keepwell::rule::functions::{FUNCTIONS, FactSource, Function, Param, ParamKind, find, fold_facts};
use keepwell::store::Relations;
use keepwell::store::facts::{FactQuery, Shape, SubjectWindow, fetch, scan};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use self::histories::{Account, Dice, account, insert, now, stamp, write};
use crate::support::database;
use crate::support::mapped::{Customers, on_both_stores, relations};

/// One connection: what a scan needs besides would wait for ever.
async fn pool(database: &database::TestDatabase) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(std::time::Duration::from_secs(20))
        .connect_with(database.options.clone())
        .await
        .expect("the test's database is there")
}

/// Literals worth trying for a parameter.
fn literals(function: &dyn Function, param: &Param) -> Vec<Arg> {
    let texts: &[&str] = match (param.name, param.kind) {
        (_, ParamKind::Texts) => {
            let lists: [&[&str]; 5] = [
                &["login"],
                &["import", "login", "rare"],
                &["login", "login", "login"],
                &["none such", "login"],
                &["rare", "it's", "{as_of}"],
            ];
            return lists.map(|list| Arg::Texts(list.iter().map(|&text| text.to_owned()).collect())).into();
        }
        ("first" | "then", _) => &["login", "import", "it's"],
        (_, ParamKind::Days) => {
            let days = [1, 7, 30, 40_000, i64::MAX].map(Arg::Int);
            return days.into_iter().chain([Arg::SinceEntry, Arg::SinceStep]).collect();
        }
        ("name", _) if function.name().contains("score") => &["nps", "health", "csat"],
        (_, ParamKind::Label) => &["risk", "it's", "none such"],
        ("name", _) => &["login", "rare", "it's"],
        ("property", _) => &["rows", "it's"],
        ("column", _) => &["tier", "mrr", "renewal_at", "status"],
        ("severity", _) => &["urgent", "none such"],
        ("role", _) => &["champion", "owner"],
        ("id", _) => &["renewal", "rescue", "none-such"],
        (other, _) => panic!("the test knows no literals for the parameter {other}"),
    };
    texts.iter().map(|text| Arg::Text((*text).to_owned())).collect()
}

/// Every form of every function with all combinations of those literals.
fn calls() -> Vec<CellPath> {
    let mut paths = Vec::new();
    for function in FUNCTIONS {
        for complete in [true, false] {
            let mut forms = vec![Vec::new()];
            for param in function.params().iter().filter(|param| complete || !param.optional) {
                forms = forms
                    .iter()
                    .flat_map(|form| {
                        literals(*function, param).into_iter().map(|arg| {
                            let mut longer: Vec<Arg> = form.clone();
                            longer.push(arg);
                            longer
                        })
                    })
                    .collect();
            }
            let call = |args| CellPath::Call { function: function.name(), args };
            paths.extend(forms.into_iter().map(call));
        }
    }
    paths
}

/// A call of a function with the first arguments that fit.
fn one_call(name: &str) -> CellPath {
    let of = |path: &CellPath| matches!(path, CellPath::Call { function, .. } if *function == name);
    calls().into_iter().find(of).expect("it is listed")
}

fn layout(paths: impl IntoIterator<Item = CellPath>) -> Arc<Layout> {
    let mut layout = Layout::default();
    for path in paths {
        layout.add(Cell { subject: Subject::Account, path });
    }
    Arc::new(layout)
}

/// Every cell of a subject: columns, attributes and calls.
fn every_cell(subject: Subject, schema: &Schema) -> Vec<Cell> {
    let columns = schema.columns(subject).iter().map(|known| column(&known.name));
    let attributes = ["plan", "it's", "nothing", "list", "absent"].map(attribute);
    let has = |path: &CellPath| match path {
        CellPath::Call { function, .. } => {
            subject == Subject::Account || find(function).is_some_and(|function| function.of_contact().is_some())
        }
        _ => true,
    };
    let now = columns.chain(attributes).chain(calls()).filter(has);
    let paths = now.collect::<Vec<_>>().into_iter().flat_map(|path| {
        let days: &[i64] = if has_past(subject, &path) { &[1, 7] } else { &[] };
        let earlier: Vec<CellPath> = days.iter().map(|days| path.clone().ago(Some(*days))).collect();
        std::iter::once(path).chain(earlier)
    });
    paths.map(|path| Cell { subject, path }).collect()
}

/// Whether it can be asked about an earlier day; of calls, a few of each function.
fn has_past(subject: Subject, path: &CellPath) -> bool {
    match path {
        CellPath::Call { function, args } => {
            let unlikely = |arg: &Arg| match arg {
                Arg::Int(days) => ![7, 30].contains(days),
                Arg::SinceEntry | Arg::SinceStep => true,
                Arg::Text(_) | Arg::Texts(_) => false,
            };
            find(function).is_some_and(|one| one.source() == FactSource::Customers) && !args.iter().any(unlikely)
        }
        _ => subject == Subject::Account,
    }
}

/// All subjects by their names, by a walk of that shape.
async fn walked(pool: &PgPool, query: &FactQuery, shape: Shape) -> BTreeMap<SubjectId, Facts> {
    let mut seen = BTreeMap::new();
    let mut scan = query.walk().start(pool, now(), Some(shape)).await.expect("it starts");
    loop {
        let chunk = scan.next().await.expect("it goes on");
        if chunk.is_empty() {
            break;
        }
        for facts in chunk {
            assert!(seen.insert(facts.subject(), facts).is_none(), "each comes once");
        }
    }
    scan.close().await.expect("it ends");
    seen
}

fn column(name: &str) -> CellPath {
    CellPath::Column(name.to_owned())
}

fn attribute(key: &str) -> CellPath {
    CellPath::Trait(key.to_owned())
}

fn same(found: &[Value], expected: &[Value], layout: &Layout, account: &Account) {
    for ((cell, found), expected) in layout.cells().iter().zip(found).zip(expected) {
        assert_eq!(
            found, expected,
            "{cell} of {}: SQL left, memory right; windows {:?} {:?}; {:#?}",
            account.id, account.since_entry, account.since_step, account.history
        );
    }
}

/// Events that are touches, beside mail and tasks.
fn touch_events() -> Vec<String> {
    vec!["rare".to_owned(), "it's".to_owned()]
}

on_both_stores!(sql_and_memory_agree);

async fn sql_and_memory_agree(customers: Customers) {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    let mut dice = Dice(2026);
    let mut accounts: Vec<Account> = (0..150).map(|number| account(number, &mut dice)).collect();
    accounts.iter_mut().for_each(|account| account.history.touch_events = touch_events());
    // A language's order of ids, as a store may have, must not decide ties.
    sqlx::query(r#"alter table customers.scores alter id type text collate "und-x-icu""#)
        .execute(&pool)
        .await
        .expect("the collation is there");
    write(&pool, &accounts).await;
    let mut relations = relations(&pool, customers).await;
    relations.touch_events = touch_events();

    for subject in [Subject::Account, Subject::Contact] {
        agree(&pool, &accounts, subject, &relations).await;
    }
}

/// Walks, fetches and folds all subjects of a kind, and compares.
async fn agree(pool: &PgPool, accounts: &[Account], subject: Subject, relations: &Relations) {
    let schema = &Schema::default_store();
    let mut layout = Layout::of(subject);
    layout.merge(&every_cell(subject, schema));
    // A contact's facts stand beside those of its account.
    layout.add(Cell::column(Subject::Account, "tier"));
    layout.add(Cell { subject: Subject::Account, path: one_call("score") });
    layout.add(Cell { subject: Subject::Account, path: one_call("in_playbook") });
    let layout = Arc::new(layout);
    let query = FactQuery::new(Arc::clone(&layout), relations).expect("every cell is known");
    let probed = walked(pool, &query, Shape::Probes).await;
    let passed = walked(pool, &query, Shape::Passes).await;

    let subjects: Vec<(&Account, SubjectId)> = accounts
        .iter()
        .flat_map(|account| {
            let contacts = match subject {
                Subject::Account => vec![String::new()],
                Subject::Contact => account.history.contacts.iter().map(|contact| contact.id.clone()).collect(),
            };
            contacts.into_iter().map(move |contact| (account, SubjectId { account: account.id.clone(), contact }))
        })
        .collect();
    let windows: Vec<SubjectWindow> = subjects
        .iter()
        .map(|(account, subject)| SubjectWindow {
            since_entry: account.since_entry,
            since_step: account.since_step,
            ..subject.clone().into()
        })
        .collect();
    let fetched = fetch(pool, &query, now(), &windows).await.expect("it reads");

    let mut answers: BTreeMap<&Cell, Vec<Value>> = BTreeMap::new();
    for ((account, subject), fetched) in subjects.iter().zip(fetched) {
        let fold = |entry, step| {
            fold_facts(&account.history, subject, &layout, schema, now(), entry, step)
                .expect("all required columns are given")
                .values
        };
        let here = account.history.contacts.iter().find(|contact| contact.id == subject.contact);
        let has_left = here.and_then(|contact| contact.time("left_at")).is_some_and(|left| left <= now());
        for seen in [&probed, &passed] {
            // Who has left is fetched by name, and passed by in a walk.
            assert_eq!(seen.contains_key(subject), !has_left, "{subject}");
            if let Some(seen) = seen.get(subject) {
                same(&seen.values, &fold(None, None), &layout, account);
            }
        }
        let fetched = fetched.expect("the subject exists");
        assert_eq!(fetched.subject(), *subject);
        same(&fetched.values, &fold(account.since_entry, account.since_step), &layout, account);
        for (cell, value) in layout.cells().iter().zip(fetched.values) {
            answers.entry(cell).or_default().push(value);
        }
    }
    assert!(subjects.iter().any(|(_, subject)| passed.contains_key(subject)));

    // The histories are rich enough to tell right from wrong.
    for path in ["tier", "mrr", "seats", "renewal_at", "name"].map(column).into_iter().chain([attribute("plan")]) {
        let Some(values) = answers.get(&Cell { subject, path: path.ago(Some(7)) }) else { continue };
        assert!(values.contains(&Value::Null) && values.iter().any(|value| !value.is_null()), "{values:?}");
    }
    for function in FUNCTIONS.iter().filter(|one| subject == Subject::Account || one.of_contact().is_some()) {
        let mut distinct: Vec<&Value> = Vec::new();
        let of = |cell: &Cell| cell.subject == subject;
        let own = |cell: &Cell| {
            of(cell) && matches!(&cell.path, CellPath::Call { function: name, .. } if *name == function.name())
        };
        for value in answers.iter().filter(|(cell, _)| own(cell)).flat_map(|(_, values)| values) {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
        }
        assert!(distinct.len() >= 2, "{}.{} is always {distinct:?}", subject.name(), function.name());
    }
}

/// A pass that serves one call alone has no other rows in it; that of many has.
#[tokio::test]
async fn a_pass_for_one_call_is_a_pass_for_many() {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    let mut dice = Dice(12);
    let accounts: Vec<Account> = (0..60).map(|number| account(number, &mut dice)).collect();
    write(&pool, &accounts).await;
    let mut tried = 0;
    for path in calls() {
        let CellPath::Call { function, args } = &path else { continue };
        let function = keepwell::rule::functions::find(function).expect("it is listed");
        // One literal for each parameter is enough here.
        if function.pass(args).is_none()
            || args.iter().any(|arg| !matches!(arg, Arg::Int(30) | Arg::Text(_) | Arg::Texts(_)))
        {
            continue;
        }
        tried += 1;
        let layout = layout([path.clone()]);
        let schema = Schema::default_store();
        let query = FactQuery::new(Arc::clone(&layout), &Relations::default()).expect("it is known");
        let passed = walked(&pool, &query, Shape::Passes).await;
        for account in &accounts {
            let subject = SubjectId { account: account.id.clone(), contact: String::new() };
            let expected = fold_facts(&account.history, &subject, &layout, &schema, now(), None, None);
            same(&passed[&subject].values, &expected.expect("no column is read").values, &layout, account);
        }
    }
    assert!(tried > 40, "only {tried} calls have a pass");
}

/// What is not cheap to ask of each account has a pass.
#[test]
fn what_reads_the_customer_store_has_a_pass() {
    let without: Vec<&str> = FUNCTIONS
        .iter()
        .filter(|function| function.source() == FactSource::Customers && function.pass(&[]).is_none())
        .map(|function| function.name())
        .collect();
    // Each of their steps begins where the one before it ended.
    assert_eq!(without, ["hours_between", "funnel"]);
}

/// How many are in question decides the shape, without statistics: both give
/// the same, also just around the limit.
#[tokio::test]
async fn a_walk_of_many_accounts_gives_the_same() {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    sqlx::raw_sql(
        "insert into customers.accounts (id, name, signed_up_at)
         select 'a' || n, 'Account', '2025-01-01' from generate_series(1, 1500) n;
         insert into customers.events (account_id, id, name, at)
         select 'a' || n, 'e' || k, 'login', '2026-03-28'::timestamptz from generate_series(1, 1500) n,
                generate_series(1, n % 3) k",
    )
    .execute(&pool)
    .await
    .expect("the store takes them");
    let logins = CellPath::Call { function: "events", args: vec![Arg::Text("login".to_owned()), Arg::Int(30)] };
    let layout = layout([column("name"), logins]);
    let query = FactQuery::new(layout, &Relations::default()).expect("known");
    let mut found: BTreeMap<String, i64> = BTreeMap::new();
    let mut walk = scan(&pool, &query, now()).await.expect("it starts");
    assert_eq!(walk.shape(), Shape::Passes);
    loop {
        let chunk = walk.next().await.expect("it goes on");
        if chunk.is_empty() {
            break;
        }
        for facts in chunk {
            let Value::Int(count) = facts.values[1] else { panic!("{facts:?}") };
            found.insert(facts.account, count);
        }
    }
    walk.close().await.expect("it ends");
    assert_eq!(found.len(), 1500);
    assert!((1..=1500).all(|n| found[&format!("a{n}")] == n % 3), "{found:?}");
    sqlx::query("delete from customers.accounts where substr(id, 2)::int > 1000").execute(&pool).await.expect("gone");
    let walk = scan(&pool, &query, now()).await.expect("it starts");
    assert_eq!(walk.shape(), Shape::Probes);
    walk.close().await.expect("it ends");
}

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
        "id": keepwell::ids::enrollment("rescue", "a2200", "", ""), "account_id": "a2200",
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
