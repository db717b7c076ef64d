//! A backtest over a period is what the daemon did in it: the same enrollments at
//! the same slots, which ended in the same way, and the same tasks and mails. The
//! store changes under the daemon, and the backtest has only its history.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use keepwell::catalog::{self, Condition, ReadyPlaybook};
use keepwell::clock::Instant;
use keepwell::effect::kind;
use keepwell::enrollment::State;
use keepwell::facts::SubjectId;
use keepwell::playbook::source::SourceSet;
use keepwell::rehearsal::backtest::{
    AccountOutcome, Backtest, Period, ReplayedPlaybook, ReplayedScore, ScoreBacktest, Tally,
};
use keepwell::worker::runs::backtest::run_backtest;
use serde_json::{Value as Json, json};

use crate::functions::histories::Dice;
use crate::support::world::{World, at, scheduled};

const STORES: u64 = 4;
const ACCOUNTS: usize = 6;
const PLAYBOOKS: usize = 52;
const DAYS: i64 = 6;
/// How often the daemon looks, in hours. Everything that is due is due then.
const RECHECK: i64 = 6;

/// The first slot, a Monday.
fn begin() -> Instant {
    at("2026-03-02T00:00:00Z")
}

fn end() -> Instant {
    begin() + TimeDelta::days(DAYS)
}

const ATOMS: [&str; 26] = [
    "account.tier == \"A\"",
    "account.tier in [\"A\", \"B\"]",
    "account.mrr >= 500",
    "(account.seats ?? 3) < 5",
    "account.traits.vip == true",
    "account.traits.plan == \"pro\"",
    "account.status == \"active\"",
    "account.events(\"login\", 2) >= 2",
    "account.events(\"login\", 5) < 3",
    "account.ago(2).events(\"login\", 4) >= 1",
    "(account.event_change(\"login\", 3) ?? 0) < 0",
    "(account.days_since_event(\"login\") ?? 99) >= 2",
    "account.active_days(\"login\", 4) <= 1",
    "account.active_contacts(3) >= 1",
    "(account.score(\"nps\") ?? 10) < 6",
    "(account.score_change(\"nps\") ?? 0) <= -2",
    "account.open_tickets() > 0",
    "account.open_tickets(\"urgent\") > 0",
    "account.tickets(3) >= 1",
    "days_since(account.signed_up_at) >= 24",
    "(account.ago(2).mrr ?? 0) > account.mrr",
    "account.ago(3).events(\"login\", 3) > account.events(\"login\", 3)",
    "(account.days_since_change(\"tier\") ?? 99) <= 2",
    "account.renewal_at != none && days_until(account.renewal_at) <= 3",
    "account.used([\"login\", \"export\"], 4) == 2",
    "account.event_at(\"export\") != none && account.event_at(\"export\") > now - days(2)",
];

const STEPS: [&str; 5] = [
    "  - wait: 1d\n  - task: { id: call, title: Call, to: csm, due: 1d }",
    "  - email: { id: hello, to: champion, subject: Hello, body: \"Tier {{ account.tier | default(\\\"none\\\") }}\" }\n  - wait: 30h",
    "  - task: { id: call, title: Call, to: csm, due: 1d }\n  - wait: { until: \"account.events(\\\"login\\\", since_step) > 0\", at_most: 2d, on_met: end }\n  - task: { id: again, title: Again, to: csm, due: 1d }",
    "  - branch:\n      - if: account.mrr >= 500\n        steps: [ { wait: 12h } ]\n      - else: [ { notify: { id: tell, channel: csm, text: Look } }, { wait: 18h } ]",
    "  - wait: 18h\n  - task: { id: call, if: 'account.tier == \"A\"', title: Call, to: csm, due: 1d, close_when: account.open_tickets() > 0 }\n  - wait: 1d",
];

fn condition(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return (*dice.pick(&ATOMS)).to_owned();
    }
    let (one, other) = (condition(dice, depth - 1), condition(dice, depth - 1));
    match dice.roll(4) {
        0 => format!("({one} || {other})"),
        1 => format!("(!({one}) && {other})"),
        _ => format!("({one} && {other})"),
    }
}

fn random_playbook(id: &str, dice: &mut Dice) -> String {
    let depth = dice.roll(3);
    let mut keys = format!("statuses: [active, trial]\nwhen: |\n  {}\n", condition(dice, depth));
    let mut either = |choices: &[&str]| {
        let chosen = *dice.pick(choices);
        keys.push_str(chosen);
    };
    either(&[
        "reentry: never\n",
        "reentry: on_rematch\n",
        "reentry: { gap: 2d }\n",
        "reentry: { once_per: account.tier }\n",
        "reentry: { once_per: period(\"week\") }\n",
        "reentry: { once_per: account.score_at(\"nps\"), gap: 1d }\n",
    ]);
    either(&["", "", "holds_for: 1d\n", "holds_for: 36h\n", "existing: skip\n"]);
    either(&["", "stages: [onboarding]\n", "for: account\n"]);
    let (goal, exit, suppress) = (condition(dice, 0), condition(dice, 0), condition(dice, 0));
    for (key, rule) in [("goal", goal), ("exit", exit), ("suppress", suppress)] {
        if dice.roll(3) == 0 {
            keys.push_str(&format!("{key}: |\n  {rule}\n"));
        }
    }
    let schedule = *dice.pick(&["0 6 * * *", "0 12 * * 1-5", "0 0,18 * * *", "0 6 * * tue,thu"]);
    let steps = *dice.pick(&STEPS);
    scheduled(id, schedule, keys.trim_end(), steps)
}

/// An instant on, just before or just after a slot, or anywhere in the weeks before and in the period.
fn instant(dice: &mut Dice) -> Instant {
    let anywhere = begin() - TimeDelta::days(10) + TimeDelta::minutes(dice.roll(17 * 24 * 60) as i64);
    match dice.roll(2) {
        0 => anywhere,
        _ => {
            let slot = begin() + TimeDelta::hours(6 * dice.roll(24) as i64) - TimeDelta::days(dice.roll(6) as i64);
            slot + TimeDelta::microseconds(*dice.pick(&[-1, 0, 1]))
        }
    }
}

/// A column's random value.
fn value(dice: &mut Dice, column: &str) -> Json {
    match column {
        "tier" => (*dice.pick(&[json!("A"), json!("B"), json!("C"), Json::Null])).clone(),
        "mrr" => json!(*dice.pick(&[0, 100, 500, 900])),
        "seats" => (*dice.pick(&[json!(2), json!(9), Json::Null])).clone(),
        "status" => json!(*dice.pick(&["active", "active", "trial", "churned"])),
        "stage" => json!(*dice.pick(&["onboarding", "onboarding", "adopted"])),
        "traits" => json!({ "vip": dice.roll(2) == 0, "plan": *dice.pick(&["pro", "free"]) }),
        _ => json!(begin() + TimeDelta::days(dice.roll(9) as i64)),
    }
}

const COLUMNS: [&str; 7] = ["tier", "mrr", "seats", "status", "stage", "traits", "renewal_at"];

/// A world with its accounts, and the changes of columns that are to come.
async fn company(dice: &mut Dice, accounts: usize) -> (World, Vec<(Instant, String)>) {
    let world = World::with("recheck: 6h\n").await;
    // Changes are recorded at the instants of the story.
    world.sql("alter table customers.accounts disable trigger record_account_change").await;
    let mut changes = Vec::new();
    for number in 0..accounts {
        let id = format!("a{number}");
        let mut columns =
            json!({ "signed_up_at": begin() - TimeDelta::days(20 + dice.roll(8) as i64), "csm_id": "sam" });
        for column in COLUMNS {
            columns[column] = value(dice, column);
        }
        world.account(&id, columns).await;
        for role in ["champion", "owner"] {
            world.contact(&id, role, json!({ "role": role, "created_at": "2025-01-01T00:00:00Z" })).await;
        }
        for _ in 0..dice.roll(30) {
            let name = *dice.pick(&["login", "login", "export"]);
            let contact = *dice.pick(&["champion", "owner"]);
            world.event_of(&id, contact, name, &instant(dice).to_rfc3339()).await;
        }
        for _ in 0..dice.roll(6) {
            world.score(&id, "nps", dice.roll(11) as f64, &instant(dice).to_rfc3339()).await;
        }
        for ticket in 0..dice.roll(4) {
            let opened = instant(dice);
            let closed = opened + TimeDelta::hours(dice.roll(80) as i64);
            let severity = *dice.pick(&["urgent", "low"]);
            world
                .sql(&format!(
                    "insert into customers.tickets (account_id, id, opened_at, closed_at, severity)
                     values ('{id}', 't{ticket}', '{opened}', '{closed}', '{severity}')"
                ))
                .await;
        }
        for _ in 0..dice.roll(7) {
            // Between two looks of the daemon.
            let when = begin() + TimeDelta::hours(RECHECK * dice.roll(24) as i64) + TimeDelta::minutes(90);
            let column = *dice.pick(&COLUMNS);
            let value = value(dice, column);
            let value =
                if value.is_null() { "null".to_owned() } else { format!("'{}'", value.to_string().trim_matches('"')) };
            changes.push((when, format!("update customers.accounts set {column} = {value} where id = '{id}'")));
        }
    }
    record_all(&world, begin() - TimeDelta::days(15)).await;
    changes.sort();
    (world, changes)
}

/// The same with playbooks.
async fn world(seed: u64) -> (World, Vec<(Instant, String)>) {
    let dice = &mut Dice(seed);
    let (world, changes) = company(dice, ACCOUNTS).await;
    for number in 0..PLAYBOOKS {
        world.playbook(&random_playbook(&format!("p{number}"), dice));
    }
    // The check refuses some, and warns of clauses that are always true.
    world.expect_mistakes();
    (world, changes)
}

/// Records each account as it is, as if it had been created then.
async fn record_all(world: &World, when: Instant) {
    world
        .sql(&format!(
            "insert into customers.account_changes (account_id, at, was, became)
             select id, '{when}', null, to_jsonb(a) from customers.accounts a"
        ))
        .await;
}

/// Changes a row, and records it as the trigger would have at that instant.
async fn change(world: &World, when: Instant, update: &str) {
    world
        .sql(&format!(
            "with before as materialized (select id, to_jsonb(a) as row from customers.accounts a),
             after as ({update} returning id, to_jsonb(accounts) as row)
             insert into customers.account_changes (account_id, at, was, became)
             select id, '{when}', (
                 select jsonb_object_agg(e.key, e.value) from jsonb_each(before.row) e
                 where after.row -> e.key is distinct from e.value), after.row
             from before join after using (id) where before.row <> after.row"
        ))
        .await;
}

/// What became of a playbook: who entered when, the states of its ends, and how
/// often each step acted.
#[derive(Debug, Default, PartialEq)]
struct Happened {
    firings: Vec<(Instant, SubjectId)>,
    ends: BTreeMap<String, u64>,
    effects: BTreeMap<(String, String), u64>,
}

async fn happened(world: &World, playbook: &str) -> Happened {
    let pool = world.store().pool();
    let entered: Vec<(Instant, String, String, String)> = sqlx::query_as(
        "select started_at, account_id, contact_id, state from keepwell.enrollments where playbook = $1
         order by started_at, account_id, contact_id",
    )
    .bind(playbook)
    .fetch_all(pool)
    .await
    .unwrap();
    let mut happened = Happened::default();
    for (slot, account, contact, state) in entered {
        happened.firings.push((slot, SubjectId { account, contact }));
        if state != State::Active.name() {
            *happened.ends.entry(state).or_default() += 1;
        }
    }
    let effects: Vec<(String, String, i64)> = sqlx::query_as(
        "select 'task', step, count(*) from keepwell.tasks where playbook = $1 group by step
         union all
         select case channel when 'email' then 'mail' when 'notice' then 'notify' else channel end, step, count(*) from keepwell.messages
          where playbook = $1 and state in ('accepted', 'captured')
            -- Nobody is reminded of a task in a backtest.
            and not (channel = 'notice' and step in ('call', 'again')) group by channel, step",
    )
    .bind(playbook)
    .fetch_all(pool)
    .await
    .unwrap();
    happened.effects = effects.into_iter().map(|(kind, step, count)| ((kind, step), count as u64)).collect();
    happened
}

async fn replayed(world: &World, ready: &Arc<ReadyPlaybook>) -> Happened {
    let (shared, sources) = (world.shared(), SourceSet::default());
    let (config, schema) = (&shared.config, world.store().schema());
    let period = Period { from: begin(), to: end() };
    // Without a warm-up: the daemon did not know either what was before.
    let Ok(playbook) = ReplayedPlaybook::beginning_at(ready.clone(), period.from, &period, config) else {
        return Happened::default();
    };
    let condition = Condition::compile("outcome", "account.status == \"churned\"", &sources, config, schema).unwrap();
    let outcome = AccountOutcome::new(condition, TimeDelta::days(30), period.from, period.to, period.to);
    let backtest = Arc::new(Backtest::new(playbook, Vec::new(), period, outcome, config, schema));
    let tally: Tally = run_backtest(world.store(), backtest, &[], &mut |_| {}).await.unwrap();
    let name = |effect: &str| if effect == kind::MAIL { "mail".to_owned() } else { effect.to_owned() };
    Happened {
        firings: tally.firings.into_iter().map(|firing| (firing.slot, firing.subject)).collect(),
        ends: tally.ends.into_iter().map(|(state, count)| (state.name().to_owned(), count)).collect(),
        effects: tally.effects.into_iter().map(|((kind, step), count)| ((name(kind), step), count)).collect(),
    }
}

/// Lets the daemon look over the whole period, while the store changes under it.
async fn live(world: &World, changes: Vec<(Instant, String)>) {
    let mut changes = changes.into_iter().peekable();
    world.publish_at(&(begin() - TimeDelta::hours(1)).to_rfc3339()).await;
    let mut now = begin();
    while now <= end() {
        while let Some((when, update)) = changes.next_if(|(when, _)| *when < now) {
            change(world, when, &update).await;
        }
        world.pass_at(&now.to_rfc3339()).await;
        now += TimeDelta::hours(RECHECK);
    }
}

/// The sound ones of the world's playbooks.
fn playbooks(world: &World) -> Vec<Arc<ReadyPlaybook>> {
    let files = world.files();
    let sources = SourceSet::read(std::slice::from_ref(&files.playbooks), &files.scripts);
    catalog::load(&sources, &[], &world.shared().config, world.store().schema()).0
}

#[tokio::test]
async fn a_task_that_nobody_needs_closes_in_a_backtest_too() {
    let world = World::with("recheck: 6h\n").await;
    world.sql("alter table customers.accounts disable trigger record_account_change").await;
    world.account("a0", json!({ "signed_up_at": begin() - TimeDelta::days(20), "csm_id": "sam", "tier": "A" })).await;
    record_all(&world, begin() - TimeDelta::days(15)).await;
    // The task's reason is gone before it is opened, and nothing happens afterwards.
    let steps = "  - wait: 18h\n  - task: { id: call, title: Call, to: csm, due: 1d, close_when: account.tier == \"A\" }\n  - wait: { until: account.open_tasks() == 0, at_most: 4d, on_met: end }\n  - task: { id: again, title: Again, to: csm, due: 1d, close_when: off }";
    world.playbook(&scheduled("close", "0 6 * * *", "when: account.tier == \"A\"\nreentry: never", steps));
    live(&world, Vec::new()).await;
    let ready = playbooks(&world);
    let did = happened(&world, "close").await;
    assert_eq!(replayed(&world, &ready[0]).await, did);
    assert_eq!(did.effects, BTreeMap::from([((kind::TASK.to_owned(), "call".to_owned()), 1)]));
    assert_eq!(did.ends, BTreeMap::from([("completed".to_owned(), 1)]));
}

/// Thirty contacts over four days, and not all of them at the first slot.
#[tokio::test]
async fn the_contacts_of_a_survey_have_their_turns_in_a_backtest_too() {
    let world = World::with("recheck: 6h\n").await;
    world.sql("alter table customers.accounts disable trigger record_account_change").await;
    world.account("a0", json!({ "signed_up_at": begin() - TimeDelta::days(20), "csm_id": "sam" })).await;
    for number in 0..30 {
        world.contact("a0", &format!("c{number}"), json!({ "created_at": "2025-01-01T00:00:00Z" })).await;
    }
    record_all(&world, begin() - TimeDelta::days(15)).await;
    world.playbook(
        "survey: pulse\nabout: A story.\nquestion: How was it?\nto: all\nevery: 4d\nvalid_for: 1d\nschedule: \"0 6 * * *\"\n",
    );
    live(&world, Vec::new()).await;
    let ready = playbooks(&world);
    let did = happened(&world, "pulse").await;
    let asked_first = did.firings.iter().filter(|(slot, _)| *slot == did.firings[0].0).count();
    assert!((1..15).contains(&asked_first) && did.firings.len() > 30, "{asked_first} of {}", did.firings.len());
    assert_eq!(replayed(&world, &ready[0]).await, did);
}

#[tokio::test]
async fn a_backtest_is_what_the_daemon_did() {
    let seed = std::env::var("KEEPWELL_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(2026);
    let (mut pairs, mut firings, mut ends, mut effects) = (0, 0, BTreeMap::new(), 0);
    for store in 0..STORES {
        let (world, changes) = world(seed + store).await;
        live(&world, changes).await;
        for ready in &playbooks(&world) {
            let (did, would) = (happened(&world, &ready.playbook.id).await, replayed(&world, ready).await);
            assert_eq!(would, did, "seed {}: {}", seed + store, ready.playbook.text);
            pairs += 1;
            firings += did.firings.len();
            effects += did.effects.values().sum::<u64>();
            did.ends.into_iter().for_each(|(state, count)| *ends.entry(state).or_insert(0) += count);
        }
    }
    // Rich enough to tell right from wrong.
    assert!(pairs >= 200 && firings > 200 && effects > 150, "{pairs} playbooks, {firings} firings, {effects} effects");
    for state in ["completed", "goal", "exited", "blocked"] {
        assert!(ends.get(state).is_some_and(|count: &u64| *count > 0), "none ended as {state}: {ends:?}");
    }
}

/// The factor `size` has a value for every account, so whoever has no row is one that the
/// score is not made for.
const SCORE: &str = "score: how\nabout: A story.\nschedule: \"0 0,6,12,18 * * *\"\nfactors:
  - { id: usage, weight: 6, value: \"account.events(\\\"login\\\", 1) * 50\" }
  - { id: happy, weight: 2, value: \"account.score(\\\"nps\\\") * 10\" }
  - { id: age, weight: 1, value: days_since(account.signed_up_at) * 3 }
  - { id: size, weight: 1, value: account.mrr / 9 }\n";

/// Below this the story's score fires.
const BELOW: f64 = 40.0;
/// Accounts of a story with a score.
const SCORED: usize = 18;

type KeptScore = (String, Instant, f64, Json);

/// When the values of an account fell below the threshold, by what was kept at each slot.
fn falls(kept: &[KeptScore], since: Instant, value: &dyn Fn(&KeptScore) -> Option<f64>) -> Vec<(Instant, String)> {
    let mut slots: Vec<Instant> = kept.iter().map(|row| row.1).collect();
    slots.sort();
    slots.dedup();
    let mut accounts: Vec<&str> = kept.iter().map(|row| row.0.as_str()).collect();
    accounts.sort();
    accounts.dedup();
    let mut falls = Vec::new();
    for account in accounts {
        let mut was_below = false;
        for slot in &slots {
            let Some(row) = kept.iter().find(|row| row.0 == account && row.1 == *slot) else {
                was_below = false;
                continue;
            };
            let Some(value) = value(row) else { continue };
            if value < BELOW && !was_below && *slot >= since {
                falls.push((*slot, account.to_owned()));
            }
            was_below = value < BELOW;
        }
    }
    falls.sort();
    falls
}

#[tokio::test]
async fn a_score_fires_in_a_backtest_where_the_daemon_saw_it_fall() {
    let seed = std::env::var("KEEPWELL_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(2026);
    let (mut firings, mut of_factors, mut gaps) = (0, 0, 0);
    for store in 0..2 {
        let (world, changes) = company(&mut Dice(seed + store), SCORED).await;
        world.playbook(SCORE);
        live(&world, changes).await;
        let rows = "select account_id, at, value, factors from keepwell.scores where name = 'how'";
        let kept: Vec<KeptScore> = sqlx::query_as(rows).fetch_all(world.store().pool()).await.unwrap();
        gaps += (DAYS as usize * 4 + 1) * SCORED - kept.len();

        let (files, shared) = (world.files(), world.shared());
        let sources = SourceSet::read(std::slice::from_ref(&files.playbooks), &files.scripts);
        let (config, schema) = (&shared.config, world.store().schema());
        let documents = catalog::load_all(&sources, &Default::default(), config, schema).documents;
        // The daemon saw the slots of the day before, and who was below then.
        let period = Period { from: begin() + TimeDelta::days(1), to: end() };
        let score = ReplayedScore::new(documents[0].clone(), BELOW, &period).unwrap();
        let condition =
            Condition::compile("outcome", "account.status == \"churned\"", &sources, config, schema).unwrap();
        let outcome = AccountOutcome::new(condition, TimeDelta::days(30), period.from, period.to, period.to);
        let backtest = Arc::new(ScoreBacktest::new(score, period, outcome, schema));
        let tally = run_backtest(world.store(), backtest.clone(), &[], &mut |_| {}).await.unwrap();

        let found = |tally: &Tally| -> Vec<(Instant, String)> {
            tally.firings.iter().map(|firing| (firing.slot, firing.subject.account.clone())).collect()
        };
        let whole = found(&tally.whole);
        assert_eq!(whole, falls(&kept, period.from, &|row| Some(row.2)), "seed {}", seed + store);
        firings += whole.len();
        for (factor, tally) in backtest.factors().iter().zip(&tally.factors) {
            let found = found(tally);
            let expected = falls(&kept, period.from, &|row| row.3.get(&factor.id)?.as_f64());
            assert_eq!(found, expected, "seed {}: {}", seed + store, factor.id);
            of_factors += found.len();
        }
    }
    // Rich enough to tell right from wrong.
    assert!(firings > 20 && of_factors > 30 && gaps > 30, "{firings} firings, {of_factors} of factors, {gaps} gaps");
}
