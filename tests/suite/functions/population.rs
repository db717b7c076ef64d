//! What is asked about all accounts together is what the accounts say one by one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::Duration;
use keepwell::clock::Instant;
use keepwell::diagnostic::Position;
use keepwell::facts::{CellPath, Facts, Layout, Schema, Subject, SubjectId, Value};
use keepwell::playbook::season::Seasons;
use keepwell::playbook::{self, Origin, Source};
use keepwell::rule::functions::fold::fold_facts;
use keepwell::rule::{self, Modules, NamedSteps, Neighbours, Rule, Scope, Wanted};
use keepwell::store::customers::facts::{FactQuery, SubjectWindow, fetch, scan};
use keepwell::store::{Relations, Store};

use super::cells::pool;
use super::histories::{Account, Dice, account, now, write};
use crate::support::database;
use crate::support::mapped::{Customers, on_both_stores, relations};
use crate::support::wire::{Deciding, Fate, Statement, Watcher, Wire};

/// A whole minute, as a slot is.
fn slot() -> Instant {
    now() - Duration::microseconds(123_456)
}

fn compile(text: &str, subject: Subject) -> Rule {
    let (modules, schema) = (Modules::default(), Schema::default_store());
    let sandbox = modules.sandbox(&Seasons::default());
    let origin =
        Origin { file: "p.yaml".into(), start: Position { line: 1, column: 1 }, layout: playbook::Layout::Inline };
    let mut problems = Vec::new();
    let rule = rule::compile(
        &Source { text: text.into(), origin },
        Wanted::Key,
        &Scope {
            view: Default::default(),
            schema: &schema,
            contact: subject == Subject::Contact,
            in_enrollment: false,
            in_wait: false,
            statuses: &["active".to_owned(), "trial".to_owned()],
            zone: chrono_tz::UTC,
            named_steps: &NamedSteps::default(),
            neighbours: &Neighbours::default(),
            known: &HashSet::new(),
        },
        &modules,
        &sandbox,
        &mut problems,
    );
    rule.unwrap_or_else(|| panic!("{text}: {problems:#?}"))
}

fn query(texts: &[&str], subject: Subject, relations: &Relations) -> FactQuery {
    let mut layout = Layout::of(subject);
    texts.iter().for_each(|text| layout.merge(compile(text, subject).cells()));
    FactQuery::new(Arc::new(layout), relations).expect("every cell is known")
}

/// The values of the population functions of a subject, by their texts.
fn answers(facts: &Facts) -> BTreeMap<String, Option<f64>> {
    let cells = facts.layout.cells().iter().zip(&facts.values);
    let answers = cells.filter(|(cell, _)| matches!(cell.path, CellPath::Population(_)));
    let number = |value: &Value| match value {
        Value::Float(number) => Some(*number),
        Value::Null => None,
        other => panic!("{other:?} is no number"),
    };
    answers.map(|(cell, value)| (cell.to_string(), number(value))).collect()
}

async fn walked(pool: &sqlx::PgPool, query: &FactQuery) -> BTreeMap<SubjectId, Facts> {
    let mut scan = scan(pool, query, slot()).await.expect("it starts");
    let mut seen = BTreeMap::new();
    loop {
        let chunk = scan.next().await.expect("it goes on");
        if chunk.is_empty() {
            break;
        }
        seen.extend(chunk.into_iter().map(|facts| (facts.subject(), facts)));
    }
    scan.close().await.expect("it ends");
    seen
}

/// One account's value of an expression, read by its parts.
type Read = fn(&dyn Fn(&str) -> Value) -> Option<f64>;

/// Whether an account is asked about, by what it has.
type Membership = fn(&dyn Fn(&str) -> Value) -> bool;

fn number(value: Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(number as f64),
        Value::Float(number) if number.is_finite() => Some(number),
        Value::Json(json) => json.as_f64(),
        _ => None,
    }
}

fn percent(truth: Option<bool>) -> Option<f64> {
    truth.map(|truth| if truth { 100.0 } else { 0.0 })
}

const LOGINS: &str = "account.events(\"login\", 30)";
const LOGINS_THEN: &str = "account.ago(7).events(\"login\", 30)";
const SCORE: &str = "account.score(\"nps\")";

/// What is asked, of whom, what each account has, and what it had.
struct Question {
    text: &'static str,
    kind: &'static str,
    value: Read,
    earlier: Option<Read>,
    is_member: Membership,
}

fn is_for(read: &dyn Fn(&str) -> Value) -> bool {
    [Value::text("active"), Value::text("trial")].contains(&read("account.status"))
}

fn questions() -> Vec<Question> {
    let of = |text, kind, value: Read| Question { text, kind, value, earlier: None, is_member: is_for };
    let in_a: Membership = |read| read("account.tier") == Value::text("A");
    vec![
        of("percentile_of(account.events(\"login\", 30))", "percentile", |read| number(read(LOGINS))),
        of("percentile_of(account.score(\"nps\") * 10 - account.seats)", "percentile", |read| {
            Some(number(read(SCORE))? * 10.0 - number(read("account.seats"))?)
        }),
        of("percentile_of(account.mrr / account.seats)", "percentile", |read| {
            let seats = number(read("account.seats")).filter(|seats| *seats != 0.0)?;
            Some(number(read("account.mrr"))? / seats)
        }),
        Question {
            is_member: in_a,
            ..of("percentile_of(account.mrr, account.tier == \"A\")", "percentile", |read| number(read("account.mrr")))
        },
        of("median_of(account.seats)", "median", |read| number(read("account.seats"))),
        of("median_of(account.score(\"nps\"))", "median", |read| number(read(SCORE))),
        of("median_of(account.traits.it)", "median", |_| None),
        of("median_of(account.traits.big)", "median", |read| number(read("account.traits.big"))),
        of("percentile_of(account.traits.big * 10)", "percentile", |read| {
            number(read("account.traits.big")).map(|big| big * 10.0).filter(|big| big.is_finite())
        }),
        of("share_of(account.score(\"nps\") < 7)", "mean", |read| {
            percent(number(read(SCORE)).map(|score| score < 7.0))
        }),
        of("share_of(account.renewal_at == none)", "mean", |read| percent(Some(read("account.renewal_at").is_null()))),
        of("share_of(account.open_tasks() > 0)", "mean", |read| {
            percent(number(read("account.open_tasks()")).map(|tasks| tasks > 0.0))
        }),
        of("mean_of(account.seats)", "mean", |read| number(read("account.seats"))),
        of("sum_of(account.score(\"nps\") * 10)", "sum", |read| number(read(SCORE)).map(|score| score * 10.0)),
        of("quantile_of(account.seats, 90)", "nine of ten", |read| number(read("account.seats"))),
        of("distinct_of(account.seats)", "distinct", |read| number(read("account.seats"))),
        of("sum_of(account.traits.it)", "sum", |_| None),
        Question {
            is_member: in_a,
            ..of("sum_of(account.mrr, account.tier == \"A\")", "sum", |read| number(read("account.mrr")))
        },
        Question { is_member: in_a, ..of("count_of(account.tier == \"A\")", "sum", |_| Some(1.0)) },
        Question {
            is_member: in_a,
            ..of("share_of(account.status == \"churned\", account.tier == \"A\")", "mean", |read| {
                percent(Some(read("account.status") == Value::text("churned")))
            })
        },
        Question {
            is_member: |_| false,
            ..of("share_of(account.mrr > 0, account.tier == \"no such\")", "mean", |_| None)
        },
        Question {
            earlier: Some(|read| match read("account.signed_up_at") {
                Value::Time(at) if at < slot() - Duration::days(7) => number(read(LOGINS_THEN)),
                _ => None,
            }),
            ..of("trend_of(account.events(\"login\", 30), 7)", "trend", |read| number(read(LOGINS)))
        },
        Question {
            earlier: Some(|read| match read("account.signed_up_at") {
                Value::Time(at) if at < slot() - Duration::days(7) => number(read("account.ago(7).mrr")),
                _ => None,
            }),
            is_member: in_a,
            ..of("trend_of(account.mrr, 7, account.tier == \"A\")", "trend", |read| number(read("account.mrr")))
        },
    ]
}

/// What the values of all members give, counted the long way.
fn expected(kind: &str, own: Option<f64>, values: &[f64], earlier: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    match kind {
        "percentile" => {
            let own = own.filter(|_| !values.is_empty())?;
            let below = values.iter().filter(|value| **value < own).count() as f64;
            let equal = values.iter().filter(|value| **value == own).count() as f64;
            Some((below + equal / 2.0) / values.len() as f64 * 100.0)
        }
        "median" => {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            let half = values.len() / 2;
            match values.len() {
                0 => None,
                odd if odd % 2 == 1 => Some(values[half]),
                _ => Some((values[half - 1] + values[half]) / 2.0),
            }
        }
        "mean" => mean(values),
        "sum" => Some(values.iter().sum()),
        "distinct" => {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            values.dedup();
            Some(values.len() as f64)
        }
        "nine of ten" => {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            let place = 0.9 * (values.len().checked_sub(1)?) as f64;
            let (low, part) = (place.floor() as usize, place.fract());
            Some(values[low] + (values[(low + 1).min(values.len() - 1)] - values[low]) * part)
        }
        "trend" if mean(earlier) == Some(0.0) => None,
        "trend" => Some((mean(values)? - mean(earlier)?) / mean(earlier)?.abs() * 100.0),
        other => panic!("{other}"),
    }
}

fn is_near(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        (a, b) => a == b,
    }
}

on_both_stores!(all_together_are_what_they_are_one_by_one);

async fn all_together_are_what_they_are_one_by_one(customers: Customers) {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    let mut dice = Dice(2027);
    let mut accounts: Vec<Account> = (0..120).map(|number| account(number, &mut dice)).collect();
    for account in &mut accounts {
        let status = *dice.pick(&["active", "trial", "churned"]);
        account.history.account.insert("status".to_owned(), Value::text(status));
    }
    // The largest numbers there are: ten times as much is none.
    for (account, big) in accounts.iter_mut().zip([1e308, -1e308, 3.0, 3.0, -2.5, 1e308, 1e308, -1e308, 7.0]) {
        account.history.traits.insert("big".to_owned(), big.into());
    }
    write(&pool, &accounts).await;
    let relations = relations(&pool, customers).await;
    let questions = questions();
    let texts: Vec<&str> = questions.iter().map(|question| question.text).collect();
    let query = query(&texts, Subject::Account, &relations);
    let subjects = walked(&pool, &query).await;
    assert_eq!(subjects.len(), accounts.len());

    // What each account has, from its history.
    let schema = Schema::default_store();
    let mut parts = Layout::default();
    for text in [LOGINS, LOGINS_THEN, SCORE, "account.open_tasks()", "account.ago(7).mrr", "account.traits.big"] {
        parts.merge(compile(text, Subject::Account).cells());
    }
    for column in ["status", "tier", "mrr", "seats", "renewal_at", "signed_up_at"] {
        parts.merge(&[keepwell::facts::Cell::column(Subject::Account, column)]);
    }
    let parts = Arc::new(parts);
    let reads: Vec<Facts> = accounts
        .iter()
        .map(|account| {
            let subject = SubjectId { account: account.id.clone(), contact: String::new() };
            fold_facts(&account.history, &subject, &parts, &schema, slot(), None, None).expect("it is all there")
        })
        .collect();
    let mut compared = 0;
    for question in &questions {
        let cells = compile(question.text, Subject::Account).cells().to_vec();
        let asked = cells.iter().find(|cell| matches!(cell.path, CellPath::Population(_)));
        let asked = asked.expect("it asks about all").to_string();
        let read = |facts: &Facts, name: &str| {
            let at = facts.layout.cells().iter().position(|cell| cell.to_string() == name);
            facts.values[at.unwrap_or_else(|| panic!("{name}"))].clone()
        };
        let value = |facts: &Facts| (question.value)(&|name: &str| read(facts, name));
        let members: Vec<&Facts> =
            reads.iter().filter(|facts| (question.is_member)(&|name: &str| read(facts, name))).collect();
        let values: Vec<f64> = members.iter().filter_map(|facts| value(facts)).collect();
        let earlier: Vec<f64> = question
            .earlier
            .map(|earlier| members.iter().filter_map(|facts| earlier(&|name: &str| read(facts, name))).collect())
            .unwrap_or_default();
        for (account, facts) in accounts.iter().zip(&reads) {
            let should = expected(question.kind, value(facts), &values, &earlier);
            let subject = SubjectId { account: account.id.clone(), contact: String::new() };
            let is = answers(&subjects[&subject])[&asked];
            assert!(is_near(is, should), "{} of {}: {is:?}, not {should:?}", question.text, account.id);
            compared += usize::from(should.is_some());
        }
    }
    assert!(compared > 1_000, "{compared} are worth comparing");
    // Named subjects read the same, and one who is not there has nothing.
    let name = |account: &str| SubjectWindow::from(SubjectId { account: account.to_owned(), contact: String::new() });
    let named = fetch(&pool, &query, slot(), &[name("nobody"), name("account-7")]).await.expect("they are fetched");
    assert!(named[0].is_none());
    let facts = named[1].as_ref().expect("it is there");
    assert_eq!(answers(facts), answers(&subjects[&facts.subject()]));
}

#[tokio::test]
async fn contacts_are_compared_with_contacts() {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    let mut dice = Dice(7);
    let accounts: Vec<Account> = (0..40).map(|number| account(number, &mut dice)).collect();
    write(&pool, &accounts).await;
    let relations = relations(&pool, Customers::Default).await;
    let texts = [
        "percentile_of(contact.events(\"login\", 60))",
        "share_of(contact.role == \"champion\")",
        // Nobody is asked about a contact here: these are accounts.
        "share_of(account.mrr > 5000)",
    ];
    let subjects = walked(&pool, &query(&texts, Subject::Contact, &relations)).await;
    let there = |account: &Account| {
        let history = &account.history;
        let is_there = |left: Option<&Value>| !matches!(left, Some(Value::Time(left)) if *left <= slot());
        history.contacts.iter().filter(|contact| is_there(contact.columns.get("left_at"))).cloned().collect::<Vec<_>>()
    };
    let contacts: Vec<_> = accounts.iter().flat_map(there).collect();
    assert_eq!(subjects.len(), contacts.len());
    // A missing role equals no other.
    let champions = contacts.iter().filter(|one| one.columns.get("role") == Some(&Value::text("champion"))).count();
    let share = champions as f64 / contacts.len() as f64 * 100.0;
    let rich = accounts.iter().filter(|one| number(one.history.account["mrr"].clone()) > Some(5_000.0)).count();
    let rich = rich as f64 / accounts.len() as f64 * 100.0;
    let mut places = Vec::new();
    for facts in subjects.values() {
        let answers = answers(facts);
        assert!(is_near(answers[texts[1]], Some(share)), "{answers:?}");
        assert!(is_near(answers[texts[2]], Some(rich)), "{answers:?}");
        places.push(answers[texts[0]].expect("everybody has logged in so often"));
    }
    // Whatever the values are, the places of all are in the middle on average.
    assert!((places.iter().sum::<f64>() / places.len() as f64 - 50.0).abs() < 1e-6, "{places:?}");
}

/// Counts the walks over accounts that a client begins.
#[derive(Default)]
struct Walks(AtomicUsize);

impl Watcher for Walks {
    fn asked<'a>(&'a self, statement: &'a Statement) -> Deciding<'a> {
        if statement.text.starts_with("declare facts") {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        Box::pin(async { Fate::Passes })
    }
}

#[tokio::test]
async fn one_pass_is_made_however_many_ask() {
    let database = database::fresh().await;
    let pool = pool(&database).await;
    let mut dice = Dice(9);
    let accounts: Vec<Account> = (0..30).map(|number| account(number, &mut dice)).collect();
    write(&pool, &accounts).await;
    let walks = Arc::new(Walks::default());
    let wire = Wire::before(&database.options, walks.clone());
    let store = Store::connect(wire.options(), 4);
    let relations = relations(&pool, Customers::Default).await;
    let count = || walks.0.swap(0, Ordering::SeqCst);

    // Seven playbooks in a shared walk, which ask three things: one pass for all of
    // them, and the walk itself.
    let asked = ["median_of(account.mrr)", "share_of(account.seats > 5)", "percentile_of(account.seats)"];
    let queries: Vec<FactQuery> =
        (0..7).map(|number| query(&[asked[number % 3]], Subject::Account, &relations)).collect();
    let shared = FactQuery::shared_walk(&queries.iter().collect::<Vec<_>>(), &relations).expect("all are known");
    let mut scan = shared.start(store.customers_pool(), slot(), None).await.expect("it starts");
    while !scan.next_of_each().await.expect("it goes on").is_empty() {}
    scan.close().await.expect("it ends");
    assert_eq!(count(), 2);

    // Whoever asks later at that instant, alone or many at a time, passes over nobody again.
    let name = SubjectWindow::from(SubjectId { account: "account-3".to_owned(), contact: String::new() });
    for query in &queries {
        let facts = fetch(store.customers_pool(), query, slot(), std::slice::from_ref(&name)).await.expect("fetched");
        assert!(answers(facts[0].as_ref().expect("it is there")).values().all(Option::is_some));
    }
    assert_eq!(count(), 0);

    // Nor does a hundred mails within a minute: they read what was at the quarter of an hour.
    let later = slot() + Duration::minutes(17) + Duration::seconds(3);
    let mails = (0..100).map(|second| {
        let (pool, query, name) = (store.customers_pool().clone(), queries[0].clone(), name.clone());
        tokio::spawn(async move {
            fetch(&pool, &query, later + Duration::milliseconds(second * 500), &[name]).await.expect("fetched")
        })
    });
    for mail in mails.collect::<Vec<_>>() {
        assert!(mail.await.expect("it ends")[0].is_some());
    }
    assert_eq!(count(), 1);
}
