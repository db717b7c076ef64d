//! The commands around a company's own tables, from outside.

use crate::support::database;
use crate::support::mapped;
use crate::support::program::Home;

const PLAYBOOK: &str = "playbook: steel\nabout: A.\nalerts_to: a@b.example\nschedule: '0 9 1 1 *'\n\
    when: account.industry == \"steel\"\nsteps:\n  - task: { title: Call, to: csm }\ntests:\n  - name: steel enters\n    \
    at: 2026-03-02T09:00:00Z\n    account: { industry: steel, name: Acme }\n    expect: [ { after: 0d, task: task-1 } ]\n";

#[tokio::test]
async fn they_are_read_listed_and_never_written() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    mapped::create(&pool, "bigint").await;
    sqlx::raw_sql(
        "insert into crm.companies (company_id, title, lifecycle, industry) values (7, 'Seven', 'active', 'steel')",
    )
    .execute(&pool)
    .await
    .unwrap();
    let mut home = Home::new("own-tables");
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/steel.yaml", PLAYBOOK);
    home.write("keepwell.yaml", mapped::STORE.trim_start());

    let migrated = home.done(&["migrate"]);
    assert!(migrated.stdout.contains("as the role keepwell_reader"), "{migrated:?}");
    // Without a database the industry is unknown; with one, or the facts file, it is not.
    let offline = Home::new("own-tables-offline");
    offline.write("playbooks/steel.yaml", PLAYBOOK);
    offline.write("keepwell.yaml", mapped::STORE.trim_start());
    let unknown = offline.run(&["check"]);
    assert!(unknown.code == 1 && unknown.stdout.contains("industry"), "{unknown:?}");
    for command in ["check", "test"] {
        let answer = offline.run(&[command]);
        let told = format!("{}{}", answer.stdout, answer.stderr);
        assert!(told.contains("`keepwell facts --out facts.json`") && told.contains("--facts facts.json"), "{told}");
    }
    home.done(&["check"]);
    home.done(&["facts", "--out", "facts.json"]);
    home.done(&["check", "--facts", "facts.json"]);
    home.done(&["test", "--facts", "facts.json"]);
    let listed = home.done(&["facts", "--store"]).stdout;
    for line in ["accounts from crm.companies", "`tags` is not used: arrays cannot be compared", "it is `company_id`"] {
        assert!(listed.contains(line), "{line}: {listed}");
    }

    let plan = home.run(&["plan", "--format", "json"]);
    assert!(plan.code == 2 && plan.stdout.contains("\"7\""), "{plan:?}");
    home.done(&["run", "--once", "--at", "2026-03-02T09:00:00Z"]);
    let tasks = home.rows(&["tasks"]);
    assert_eq!((tasks.len(), &tasks[0]["account"], &tasks[0]["account_name"]), (1, &"7".into(), &"Seven".into()));

    // What else asks for an account, or for what it has.
    let slots = home.done(&["slots"]).stdout;
    assert!(slots.contains("steel"), "{slots}");
    home.done(&["stop", "--account", "7"]);
    home.done(&["resume", "--account", "7"]);
    let looked = home.run(&["doctor", "--format", "json"]).rows("checks");
    let playbooks = looked.iter().find(|row| row["about"] == "playbooks").unwrap();
    assert_eq!(playbooks["state"], "ok", "{playbooks}");

    home.write("a.csv", "id,name\n9,Nine\n");
    let refused = home.run(&["import", "accounts", "a.csv"]);
    assert!(refused.code == 1 && refused.stderr.contains("`store.accounts`"), "{refused:?}");

    home.write("keepwell.yaml", "store:\n  accounts: { relation: crm.companis }\n");
    let wrong = home.run(&["run", "--once"]);
    assert!(
        wrong.code == 1 && wrong.stderr.contains("KW0602") && wrong.stderr.contains("keepwell.yaml:2:25"),
        "{wrong:?}"
    );
    // The switch for emergencies does not depend on it.
    home.done(&["stop"]);
    home.done(&["stop", "--account", "7"]);

    home.write("facts.json", "{ \"facts\": [ { \"name\": \"account.id\", \"type\": \"txt\" } ] }");
    home.write("keepwell.yaml", "{}\n");
    let misread = home.run(&["check", "--facts", "facts.json", "--format", "line"]);
    assert!(misread.code == 1 && misread.stdout.starts_with("facts.json:1:46: error[KW0104]"), "{misread:?}");
}

#[test]
fn without_a_database_the_configuration_says_what_is_theirs() {
    let home = Home::new("own-tables-names");
    let playbook = |when: &str, statuses: &str| {
        format!(
            "playbook: p\nabout: A.\nalerts_to: a@b.example\nschedule: '0 9 1 1 *'\nstatuses: [ {statuses} ]\nwhen: {when}\n\
             steps:\n  - task: {{ title: Call, to: csm }}\n"
        )
    };
    let check = |when: &str, statuses: &str| {
        home.write("playbooks/p.yaml", &playbook(when, statuses));
        home.run(&["check", "--format", "line"]).stdout
    };
    let changed = "account.days_since_change(\"tier\") < 3";
    assert!(check("account.mrr > 5", "paying").contains("KW"), "of the default store the words are known");
    assert_eq!(check(&format!("{} != none && {changed}", changed.trim_end_matches(" < 3")), "active"), "");
    home.write(
        "keepwell.yaml",
        "web: off\nstore:\n  accounts: { relation: crm.companies, columns: { name: title, mrr: arr } }\n  \
         contacts: { relation: crm.people, columns: { role: job } }\n",
    );
    assert_eq!(check("account.mrr > 5 && account.name != \"Test\"", "paying"), "");
    let told = check("account.arr > 5 && account.title != \"Test\"", "paying");
    assert!(
        told.contains("help: it is `account.mrr` here: `store.accounts.columns` of the configuration says so"),
        "{told}"
    );
    assert!(told.contains("help: it is `account.name` here"), "{told}");
    let told = check(changed, "paying");
    assert!(told.contains("KW0214"), "no history of theirs is named: {told}");
}

/// What operators read about a history that has a row for each field.
#[tokio::test]
async fn a_history_of_fields_is_read_by_way_of_the_views_in_the_documents() {
    let database = database::fresh().await;
    let pool = database.pool().await;
    mapped::create(&pool, "bigint").await;
    let documents = include_str!("../../docs/operations.md");
    let views = documents.split("```sql\n").find(|block| block.starts_with("create view crm.field_changes"));
    let views = views.and_then(|block| block.split("```").next()).expect("the document has the views");
    let sql = format!(
        "create table crm.account_history (company_id bigint, field text, old_value text, new_value text, changed_at timestamptz);
         insert into crm.companies (company_id, title, lifecycle, arr) values (7, 'Seven', 'active', 10), (8, 'Eight', 'active', 10);
         insert into crm.account_history values
             (7, 'Annual Revenue', '480', '240', '2026-01-05'), (7, 'Segment', null, 'A', '2026-01-10'),
             (7, 'Annual Revenue', '240', '120', '2026-02-10'), (8, 'Owner', 'x', 'y', '2026-01-05'),
             (8, 'Segment', 'B', 'A', '2026-02-20');
         {views}"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    let mut home = Home::new("own-history");
    home.set("DATABASE_URL", &database.url);
    home.write(
        "playbooks/shrunk.yaml",
        "playbook: shrunk\nabout: A.\nalerts_to: a@b.example\nschedule: '0 9 1 1 *'\n\
         when: (account.mrr ?? 0) < (account.ago(30).mrr ?? 0) && account.ago(30).tier == \"A\" && (account.days_since_change(\"mrr\") ?? 99) < 21\n\
         steps:\n  - task: { title: 'from {{ account.ago(30).mrr | default(\"?\") }}', to: csm }\n",
    );
    let store = "store:\n  accounts: { relation: crm.companies, columns: { id: company_id, name: title, status: lifecycle, tier: segment, mrr: arr } }\n  \
        changes: { relation: crm.account_changes, columns: { account_id: company_id } }\n";
    home.write("keepwell.yaml", store);
    home.done(&["migrate"]);
    home.done(&["run", "--once", "--at", "2026-03-02T09:00:00Z"]);
    let tasks = home.rows(&["tasks"]);
    let told: Vec<_> = tasks.iter().map(|task| (task["account"].as_str(), task["title"].as_str())).collect();
    assert_eq!(told, [(Some("7"), Some("from 20"))]);

    // Without what changed, nobody can say since when.
    home.write("keepwell.yaml", &store.replace("crm.account_changes", "crm.half"));
    let half = "create view crm.half as select company_id, at, became from crm.account_changes";
    sqlx::raw_sql(half).execute(&pool).await.unwrap();
    home.done(&["migrate"]);
    let checked = home.run(&["check", "--store"]);
    assert!(checked.code == 1 && checked.stdout.contains("needs `changes.was`"), "{checked:?}");
}
