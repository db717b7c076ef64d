//! A name that the customer store has never held, from outside: a company whose
//! event is called `Logged In`, and a playbook that asks for `login`.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use keepwell::clock::Clock;
use keepwell::config::Config;
use keepwell::store::Store;
use keepwell::web::{Audience, WebState, router};
use keepwell::worker::Shared;
use sqlx::{Executor, PgPool};
use tower::ServiceExt;

use crate::support::database;
use crate::support::program::Home;

const QUIET: &str = "playbook: quiet
about: Who does not log in any more is asked why.
alerts_to: ops@example.com
schedule: \"0 9 * * *\"
when: |
  account.tier == \"A\"
    && account.events(\"login\", 30) == 0
steps:
  - email: { to: champion, subject: \"We miss you\", body: \"Come back\" }
tests:
  - name: a B account is left alone
    at: 2026-03-03T09:00:00Z
    account: { tier: B }
    expect: []
";

const SLOT: &str = "2026-03-03T09:00:00Z";

const WARNING: &str = "playbooks/quiet.yaml:7:23: warning[KW0221]: no event `login` was ever seen; `Logged In` was, 40 \
                       times; help: did you mean `Logged In`?";

async fn company(name: &str) -> (Home, PgPool) {
    let database = database::fresh().await;
    let pool = database.pool().await;
    pool.execute(
        "insert into customers.csms (id, name, email) values ('csm', 'Sam', 'sam@example.com');
         insert into customers.accounts (id, name, csm_id, tier, signed_up_at, traits)
             select 'a' || n, 'Account ' || n, 'csm', case when n <= 25 then 'A' else 'B' end, '2026-01-01', '{\"plan\": \"pro\"}'
             from generate_series(1, 40) n;
         insert into customers.contacts (account_id, id, name, email, role)
             select 'a' || n, 'c', 'Person', 'person' || n || '@customer.example', 'champion'
             from generate_series(1, 40) n;
         insert into customers.events (account_id, id, name, at)
             select 'a' || n, 'e', 'Logged In', '2026-03-01' from generate_series(1, 40) n",
    )
    .await
    .unwrap();
    let mut home = Home::new(name);
    home.set("DATABASE_URL", &database.url);
    home.write("playbooks/quiet.yaml", QUIET);
    (home, pool)
}

/// What a browser gets.
async fn page(pool: PgPool, path: &str) -> String {
    let store = Store::connect((*pool.connect_options()).clone(), 2);
    let shared = Shared::for_pages(store, Config::default()).unwrap();
    let router = router(Audience::Colleagues, WebState::new(Arc::new(shared), Clock::System));
    let request = Request::get(path).header(header::HOST, "127.0.0.1:7717").body(Body::empty()).unwrap();
    let body = to_bytes(router.oneshot(request).await.unwrap().into_body(), 1 << 20).await.unwrap();
    String::from_utf8(body.into()).unwrap()
}

#[tokio::test]
async fn a_misspelt_event_is_warned_of_planned_as_held_and_held() {
    let (home, pool) = company("names").await;
    // With a database, and with what was written down of it.
    for command in [&["check", "--format", "line"][..], &["check", "--store", "--format", "line"]] {
        let checked = home.done(command);
        assert_eq!(checked.stdout.trim(), WARNING, "{command:?}");
    }
    home.done(&["facts", "--out", "facts.json"]);
    let elsewhere = Home::new("names-without-database");
    elsewhere.write("playbooks/quiet.yaml", QUIET);
    assert_eq!(elsewhere.done(&["check", "--format", "line"]).stdout.trim(), "");
    elsewhere.write("facts.json", &std::fs::read_to_string(home.path.join("facts.json")).unwrap());
    let checked = elsewhere.done(&["check", "--facts", "facts.json", "--format", "line"]);
    assert_eq!(checked.stdout.trim(), WARNING);
    elsewhere.done(&["test", "--facts", "facts.json"]);

    let listed = home.done(&["facts", "--store"]).stdout;
    for line in
        ["events: `Logged In` 40", "roles: `champion` 40", "severities: none", "`plan` 40: text 100 %, such as pro"]
    {
        assert!(listed.contains(line), "{line}: {listed}");
    }
    let doctor = home.run(&["doctor", "--format", "json"]).rows("checks");
    let names = doctor.iter().find(|row| row["about"] == "names").unwrap();
    assert!(names["state"] == "warn" && names["message"].to_string().contains("no event `login`"), "{names}");

    let plan = home.run(&["plan", "--at", SLOT]);
    assert!(plan.code == 2 && plan.stdout.contains("would be held: no event `login` was ever seen"), "{plan:?}");
    home.done(&["run", "--once", "--at", SLOT]);
    let [run] = &home.rows(&["runs"])[..] else { panic!("one run") };
    assert!(run["state"] == "held" && run["reason"].to_string().contains("no event `login` was ever seen"), "{run}");
    let page = page(pool, "/playbooks/quiet").await;
    for words in ["It asks for what was never seen", "no event `login` was ever seen; `Logged In` was, 40 times"] {
        assert!(page.contains(words), "{words}: {page}");
    }

    let to_customers = || home.rows(&["messages"]).iter().filter(|row| row["channel"] == "email").count();
    assert_eq!(to_customers(), 0);

    home.done(&["approve", &format!("quiet@{SLOT}")]);
    home.done(&["run", "--once", "--at", "2026-03-03T09:00:00Z"]);
    // The first batch of an approved run.
    assert_eq!(to_customers(), 10);
}

#[tokio::test]
async fn words_that_columns_never_hold_are_warned_of() {
    let (home, pool) = company("names-of-columns").await;
    pool.execute("update customers.accounts set status = 'churned', stage = 'Adoption', timezone = 'Europe/Berlin'")
        .await
        .unwrap();
    home.write(
        "playbooks/quiet.yaml",
        &QUIET
            .replace("login", "Logged In")
            .replace(
                "account.tier == \"A\"",
                "account.tier in [\"A\", \"Enterprise\"] && account.timezone != \"Berlin\"",
            )
            .replace("schedule:", "stages: [adoption]\nschedule:")
            .replace(
                "to: champion",
                "if: account.status == \"trial\" || account.stage == \"onboarding\", to: champion",
            ),
    );
    let checked = home.done(&["check", "--format", "line"]).stdout;
    let expected = [
        "1:1: warning[KW0221]: no account was ever seen with the status `active` or `trial`; `churned` was, 40 times; \
         help: name those it is for, as in `statuses: [churned]`",
        "4:1: warning[KW0221]: no stage `adoption` was ever seen; `Adoption` was, 40 times; help: did you mean `Adoption`?",
        "7:25: warning[KW0221]: no tier `Enterprise` was ever seen; `A` was, 25 times; \
         help: `keepwell facts --store` lists what was seen",
        "7:62: warning[KW0221]: no time zone `Berlin` was ever seen; `Europe/Berlin` was, 40 times; \
         help: did you mean `Europe/Berlin`?",
        "10:64: warning[KW0221]: no stage `onboarding` was ever seen; `Adoption` was, 40 times; \
         help: `keepwell facts --store` lists what was seen",
    ];
    let lines: Vec<String> = expected.iter().map(|line| format!("playbooks/quiet.yaml:{line}")).collect();
    assert_eq!(checked.lines().collect::<Vec<_>>(), lines);
}

#[tokio::test]
async fn what_the_store_holds_is_on_record_after_migrating_and_importing() {
    let (home, pool) = company("names-recorded").await;
    let recorded = async |kind: &str| {
        let names = sqlx::query_scalar("select name from keepwell.inventory where kind = $1 order by name");
        names.bind(kind.to_owned()).fetch_all(&pool).await.unwrap() as Vec<String>
    };
    assert!(recorded("events").await.is_empty());
    home.done(&["migrate"]);
    assert_eq!(recorded("events").await, ["Logged In"]);
    home.write("scores.csv", "account_id,id,name,value,at\na1,s1,nps,9,2026-03-01T00:00:00Z\n");
    home.done(&["import", "scores", "scores.csv", "--dry-run"]);
    assert!(recorded("scores").await.is_empty());
    home.done(&["import", "scores", "scores.csv"]);
    assert_eq!(recorded("scores").await, ["nps"]);

    // The names in texts and recipients are looked at, too.
    home.remove("playbooks/quiet.yaml");
    let text = QUIET.replace("login", "Logged In").replace("to: champion", "to: champions");
    home.write("playbooks/other.yaml", &text.replace("Come back", "Your {{ account.traits.paln ?? \\\"plan\\\" }}"));
    let checked = home.done(&["check", "--format", "line"]).stdout;
    for words in [
        "other.yaml:9:18: warning[KW0221]: no role `champions` was ever seen; `champion` was, 40 times; help: did you \
         mean `champion`?",
        "no attribute of accounts `paln` was ever seen; `plan` was, 40 times",
    ] {
        assert!(checked.contains(words), "{words}: {checked}");
    }
}
