//! Whatever row or file changes behind a saved plan, `apply` says what moved and
//! does nothing, or does what the plan says and nothing else.

use std::collections::BTreeMap;
use std::fs;

use chrono::Utc;
use keepwell::clock::Instant;
use keepwell::store::Store;
use keepwell::store::messages::suppressions::Suppression;
use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, Executor, PgPool};

use super::outcome::{Outcome, happened, on_their_way};
use super::worlds::{MODULE, SCRIPT, customers, playbooks, seed};
use crate::functions::histories::{Dice, now};
use crate::support::database::{self, TestDatabase};
use crate::support::program::Home;

const COMPANIES: u64 = 5;
const PLAYBOOKS: usize = 12;
const CHANGES: usize = 8;

const CONFIG: &str = "web: off
alerts_to: ops@acme.example
budget: off
guardrails: { first_run: go, hold_above: { count: 25, share: 2% } }
";

/// A company with random playbooks, of which the first half has run yesterday.
struct Company {
    home: Home,
    database: TestDatabase,
    pool: PgPool,
    playbooks: Vec<String>,
    accounts: Vec<String>,
}

impl Company {
    async fn new(seed: u64, dice: &mut Dice) -> Company {
        let database = database::fresh().await;
        let pool = database.pool().await;
        let accounts = customers(&pool, dice).await;
        shift(&pool).await;
        let mut home = Home::new(&format!("parity-{seed}"));
        home.set("DATABASE_URL", &database.url);
        home.write("keepwell.yaml", CONFIG);
        home.write(&format!("scripts/{MODULE}.rhai"), SCRIPT);
        let texts = playbooks(PLAYBOOKS, dice);
        texts.iter().for_each(|(id, text)| home.write(&format!("playbooks/{id}.yaml"), text));
        let found = home.run(&["check", "--format", "json"]).json();
        for problem in found["diagnostics"].as_array().unwrap().iter().filter(|problem| problem["severity"] == "error")
        {
            let _ = fs::remove_file(home.path.join(problem["file"].as_str().unwrap()));
        }
        let sound: Vec<(String, String)> =
            texts.into_iter().filter(|(id, _)| home.path.join(format!("playbooks/{id}.yaml")).exists()).collect();
        let (first, second) = sound.split_at(sound.len() / 2);
        second.iter().for_each(|(id, _)| home.remove(&format!("playbooks/{id}.yaml")));
        let yesterday = (Utc::now() - chrono::TimeDelta::days(1)).to_rfc3339();
        home.done(&["run", "--once", "--at", &yesterday]);
        second.iter().for_each(|(id, text)| home.write(&format!("playbooks/{id}.yaml"), text));
        let playbooks = first.iter().chain(second).map(|(id, _)| id.clone()).collect();
        Company { home, database, pool, playbooks, accounts }
    }

    /// How much of everything there is that `apply` could write.
    async fn counts(&self) -> Vec<i64> {
        let mut counts = Vec::new();
        for table in ["enrollments", "runs", "messages", "tasks", "labels", "revisions"] {
            let sql = format!("select count(*) from keepwell.{table}");
            counts.push(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.pool).await.unwrap());
        }
        counts
    }

    /// One change of one row or one file, in words.
    async fn change(&self, number: usize, dice: &mut Dice) -> String {
        let (account, other) = (dice.pick(&self.accounts).clone(), dice.pick(&self.accounts).clone());
        let some = |table: &str| {
            format!("(select tableoid, ctid from customers.{table} order by md5({number} || id) limit 1)")
        };
        let sql = match dice.roll(15) {
            0..=5 => {
                let columns = ["tier", "status", "stage", "mrr", "seats", "activated_at", "signed_up_at", "traits", "name"];
                let column = dice.pick(&columns);
                format!(
                    "update customers.accounts a set {column} = b.{column} from customers.accounts b
                     where a.id = '{account}' and b.id = '{other}'"
                )
            }
            6 => format!(
                "insert into customers.contacts (account_id, id, name, email, role, created_at)
                 values ('{account}', 'n{number}', 'New', 'n{number}@{account}.example', 'A', now() - interval '1 hour')"
            ),
            7 => format!("update customers.contacts set email = 'other@x.example' where (tableoid, ctid) = {}", some("contacts")),
            8 => format!("delete from customers.contacts where (tableoid, ctid) = {}", some("contacts")),
            9 => format!(
                "insert into customers.events (account_id, id, name, at)
                 values ('{account}', 'n{number}', 'login', now() - interval '1 hour')"
            ),
            10 => format!("delete from customers.events where (tableoid, ctid) = {}", some("events")),
            11 => format!(
                "insert into customers.scores (account_id, id, name, value, at)
                 values ('{account}', 'n{number}', 'nps', {}, now() - interval '1 hour')",
                dice.roll(6)
            ),
            12 => format!(
                "insert into customers.tickets (account_id, id, opened_at)
                 values ('{account}', 'n{number}', now() - interval '1 hour')"
            ),
            13 => return self.suppress(number).await,
            _ => return self.edit(dice),
        };
        self.pool.execute(AssertSqlSafe(sql.clone())).await.unwrap();
        sql
    }

    async fn suppress(&self, number: usize) -> String {
        let address: Option<String> = sqlx::query_scalar(
            "select email from customers.contacts where email is not null order by md5($1 || id || account_id) limit 1",
        )
        .bind(number.to_string())
        .fetch_optional(&self.pool)
        .await
        .unwrap();
        let address = address.unwrap_or_else(|| "nobody@x.example".to_owned());
        let store = Store::connect(self.database.options.clone(), 1);
        store.suppress(&address, Suppression { class: "all", source: "a test" }, Utc::now()).await.unwrap();
        store.close().await;
        format!("suppress {address}")
    }

    fn edit(&self, dice: &mut Dice) -> String {
        let file = match dice.roll(3) {
            0 => format!("scripts/{MODULE}.rhai"),
            _ => format!("playbooks/{}.yaml", dice.pick(&self.playbooks)),
        };
        let text = fs::read_to_string(self.home.path.join(&file)).unwrap();
        let edited = match file.starts_with("scripts") {
            true => text.replace("30) < 2", "30) < 1"),
            false => text.replace("wait: 30h", "wait: 31h").replace("wait: 12h", "wait: 13h"),
        };
        self.home.write(&file, &edited);
        format!("edit {file}")
    }
}

/// Brings all that crowds around the instant of the histories to some seconds from
/// now: limits of conditions lie between the plan and its being applied, and what
/// is applied is decided as of the plan's slot all the same.
async fn shift(pool: &PgPool) {
    let sql = format!(
        "alter table customers.account_changes disable trigger user;
         do $$ declare one record; begin
             for one in select table_schema || '.' || table_name as relation,
                               string_agg(format('%1$I = %1$I + %2$L::interval', column_name, '{} seconds'), ', ') as moves
                        from information_schema.columns
                        where data_type = 'timestamp with time zone'
                          and (table_schema = 'customers' or table_schema = 'keepwell'
                               and table_name in ('enrollments', 'tasks', 'messages', 'labels'))
                          and exists (select 1 from pg_class
                                      where oid = format('%I.%I', table_schema, table_name)::regclass
                                        and relkind in ('r', 'p') and not relispartition)
                        group by 1
             loop execute 'update ' || one.relation || ' set ' || one.moves; end loop;
         end $$;
         alter table customers.account_changes enable trigger user",
        (Utc::now() - now()).num_seconds() + 8
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
}

/// What became of one saved plan after one change.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Applied {
    Refused,
    Done,
}

async fn apply(company: &Company, change: &str) -> (Applied, usize) {
    let text = fs::read_to_string(company.home.path.join("plan.json")).unwrap();
    let saved: Json = serde_json::from_str(&text).unwrap();
    let slot: Instant = saved["slot"].as_str().unwrap().parse().unwrap();
    let (before, counts) = (on_their_way(&company.pool).await, company.counts().await);
    let applied = company.home.run(&["apply", "plan.json"]);
    if applied.code != 0 {
        let (why, moved) = applied.stderr.split_once(":\n").unwrap_or_else(|| panic!("{change}: {applied:?}"));
        assert!(why.contains("has moved, and nothing was done") && !moved.trim().is_empty(), "{change}: {applied:?}");
        assert_eq!(company.counts().await, counts, "{change}: {applied:?}");
        assert_eq!(on_their_way(&company.pool).await, before, "{change}: {applied:?}");
        return (Applied::Refused, 0);
    }
    let mut happened = happened(&company.pool, slot, &before).await;
    let mut count = 0;
    for plan in saved["plan"].as_array().unwrap() {
        let said = Outcome::of_saved(plan);
        let came = happened.remove(plan["playbook"].as_str().unwrap()).unwrap_or_default();
        assert_eq!(said, came, "{change}\n{plan:#}\n{applied:?}");
        count += said.entered.len() + said.ghosts.len() + said.leaves.len();
    }
    assert_eq!(happened, BTreeMap::new(), "{change}: {applied:?}");
    (Applied::Done, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_refused_or_done_whatever_changes() {
    let seed = seed();
    let (mut counts, mut moved) = (BTreeMap::new(), 0);
    for number in 0..COMPANIES {
        let dice = &mut Dice(seed + number);
        let company = Company::new(seed + number, dice).await;
        for number in 0..CHANGES {
            let planned = company.home.run(&["plan", "--out", "plan.json"]);
            assert!([0, 2].contains(&planned.code), "{planned:?}");
            let change = company.change(number, dice).await;
            let (applied, count) = apply(&company, &change).await;
            *counts.entry(applied).or_insert(0) += 1;
            moved += count;
        }
    }
    assert_eq!(counts.len(), 2, "{counts:?}");
    assert!(moved >= 5, "{moved} entered or left");
}
