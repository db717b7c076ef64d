//! Many at once: decided and written together, and each still on its own.

use keepwell::ids::{PlaybookId, RevisionId};
use keepwell::store::runs::RunKind;
use std::collections::{BTreeSet, HashMap};

use keepwell::clock::Instant;
use keepwell::effect::{Effect, EffectBody, Priority, TaskDraft};
use keepwell::enrollment::{Enrollment, State, Transition};
use keepwell::facts::SubjectId;
use keepwell::ids;
use keepwell::store::Store;
use keepwell::store::customers::facts::{self, SubjectWindow};
use keepwell::store::enrollments::transitions::Commit;
use keepwell::store::upkeep::stopped::{Halted, StopTarget};
use keepwell::worker::enrollments::advancer;
use keepwell::worker::runs::run;
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::support::world::{World, at, lines, playbook};

const SLOT: &str = "2026-03-02T09:00:00Z";
const ALL: &str = "when: account.mrr > 0\nguardrails: { hold_above: off }";
const CALL: &str = r#"  - task: { id: call, title: "Call {{ account.name }}", to: csm }"#;

impl World {
    /// That many accounts with a champion, numbered from 1.
    async fn crowd(&self, count: usize) -> &World {
        self.sql(&format!(
            "insert into customers.accounts (id, name, csm_id, mrr, signed_up_at)
                 select 'a' || n, 'Account ' || n, 'sam', 100, '2026-01-01' from generate_series(1, {count}) n;
             insert into customers.contacts (account_id, id, name, email, role, created_at)
                 select 'a' || n, 'ann', 'Ann ' || n, 'ann' || n || '@customer.example', 'champion', '2026-01-01'
                 from generate_series(1, {count}) n"
        ))
        .await
    }

    pub async fn count(&self, of: &str) -> i64 {
        let sql = format!("select count(*) from keepwell.{of}");
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(self.store().pool()).await.unwrap()
    }

    async fn due(&self, now: Instant) -> Vec<Enrollment> {
        self.store().due_enrollments(now, &Halted::default(), 1000, true).await.unwrap()
    }
}

/// An enrollment that ends with a task.
fn ends_with_a_task(one: Enrollment, now: Instant) -> Transition {
    let draft = TaskDraft::new(format!("Call {}", one.account), Priority::Normal);
    let id = ids::effect(one.id, "call", 0, 0);
    let effects = vec![Effect { id, step: "call".to_owned(), ordinal: 0, body: EffectBody::Task(draft) }];
    let enrollment = Enrollment { state: State::Completed, look_at: None, ended_at: Some(now), ..one };
    Transition { enrollment, effects, stopped: false, passages: Vec::new() }
}

#[tokio::test]
async fn a_stale_one_among_many_is_left_out_and_keeps_nobody() {
    let world = World::new().await;
    world.playbook(&playbook("round", ALL, "  - wait: 1d"));
    world.crowd(20).await.run_at(SLOT).await;
    let now = at("2026-03-03T09:00:00Z");
    let transitions: Vec<Transition> = world.due(now).await.into_iter().map(|one| ends_with_a_task(one, now)).collect();
    assert_eq!(transitions.len(), 20);
    // Somebody else moves one and ends another.
    world
        .sql(
            "update keepwell.enrollments set version = version + 1 where account_id = 'a7';
              update keepwell.enrollments set state = 'cancelled' where account_id = 'a9'",
        )
        .await;
    let became = world.store().commit_all(&transitions, 50, now).await.unwrap();
    for (transition, became) in transitions.iter().zip(&became) {
        let late = ["a7", "a9"].contains(&transition.enrollment.account.as_str());
        assert_eq!(*became, if late { Commit::Stale } else { Commit::Committed }, "{}", transition.enrollment.account);
    }
    assert_eq!(world.count("tasks").await, 18);
    assert_eq!(world.count("tasks where account_id in ('a7', 'a9')").await, 0);
    assert_eq!(world.count("enrollments where state = 'completed'").await, 18);

    // The same again changes nothing.
    let before = (world.enrollments().await, world.tasks().await);
    let again = world.store().commit_all(&transitions, 50, now).await.unwrap();
    assert_eq!(again, vec![Commit::Stale; 20]);
    assert_eq!((world.enrollments().await, world.tasks().await), before);
}

#[tokio::test]
async fn a_poisoned_one_among_many_fails_alone() {
    let world = World::new().await;
    // A byte that the database cannot keep, at entry and a day later.
    let steps = r#"  - run: |
      if account.tier == "now" { task(#{ title: "a\x00b" }); }
  - wait: 1d
  - run: |
      if account.tier == "later" { task(#{ title: "a\x00b" }); }
      task(#{ title: "Call " + account.name, to: "csm" });"#;
    world.playbook(&playbook("round", ALL, steps));
    world.crowd(40).await;
    world
        .sql(
            "update customers.accounts set tier = 'now' where id in ('a3', 'a4');
              update customers.accounts set tier = 'later' where id in ('a17', 'a40')",
        )
        .await;
    world.run_at(SLOT).await;
    assert_eq!(world.count("enrollments where state = 'active' and phase = 'waiting'").await, 38);
    world.pass_at("2026-03-03T09:00:00Z").await;
    let ended = world.enrollments().await;
    let failed: Vec<_> = ended.iter().filter(|one| one["state"] == "failed").cloned().collect();
    assert_eq!(lines(&failed, "account"), ["a17", "a3", "a4", "a40"]);
    for one in failed {
        assert!(one["reason"].as_str().unwrap().contains("cannot be written"), "{one}");
    }
    assert_eq!(world.count("enrollments where state = 'completed'").await, 36);
    assert_eq!(world.count("tasks where state = 'open'").await, 36);
}

#[tokio::test]
async fn two_that_look_at_the_same_time_do_everything_once() {
    let world = World::new().await;
    let steps = format!("  - wait: 1d\n{CALL}\n  - wait: 1d\n  - notify: {{ channel: csm, text: \"Two days.\" }}");
    world.playbook(&playbook("round", ALL, &steps));
    world.crowd(60).await.run_at(SLOT).await;
    for day in ["2026-03-03T09:00:00Z", "2026-03-04T09:00:00Z"] {
        let ticks = (0..4).map(|_| {
            let shared = world.shared.clone();
            tokio::spawn(async move { while advancer::tick(&shared, at(day)).await.unwrap() > 0 {} })
        });
        for tick in ticks.collect::<Vec<_>>() {
            tick.await.unwrap();
        }
    }
    assert_eq!(world.count("tasks").await, 60);
    assert_eq!(world.notices().await.len(), 60);
    assert_eq!(world.count("enrollments where state = 'completed'").await, 60);
    // Entry, the end of the first wait and the end of the second.
    assert_eq!(world.count("enrollments where version = 2").await, 60);
}

#[tokio::test]
async fn an_entry_that_is_repeated_repeats_no_effect() {
    let world = World::new().await;
    world.playbook(&playbook("round", ALL, CALL));
    world.crowd(5).await;
    // A daemon that died had entered two of them, and moved one.
    let report = world.publish_at(SLOT).await;
    assert_eq!(report.playbooks, 1);
    let store = world.store();
    let revision = store.published().await.unwrap().remove(0).revision;
    let run = store
        .open_run(PlaybookId("round"), RevisionId(&revision), at(SLOT), RunKind::Manual, at(SLOT))
        .await
        .unwrap()
        .unwrap();
    run::carry_out(&world.shared, &run, at(SLOT)).await.unwrap();
    assert_eq!(world.count("tasks").await, 5);
    world
        .sql(
            "delete from keepwell.tasks where account_id in ('a1', 'a2', 'a3');
              delete from keepwell.enrollments where account_id in ('a1', 'a2');
              update keepwell.enrollments set state = 'active', phase = 'begin', step = 'call', look_at = started_at,
                  ended_at = null where account_id = 'a3';
              update keepwell.runs set state = 'running', token = null,
                  lease_until = clock_timestamp() - interval '1 second'",
        )
        .await;
    run::tick(&world.shared, at(SLOT)).await.unwrap();
    // The two enter with their tasks; of the third only the beginning was
    // written, and its look comes with the others that are due.
    assert_eq!(world.count("enrollments").await, 5);
    assert_eq!(lines(&world.tasks().await, "account"), ["a1", "a2", "a4", "a5"]);
    world.pass_at(SLOT).await;
    assert_eq!(lines(&world.tasks().await, "account"), ["a1", "a2", "a3", "a4", "a5"]);
    assert_eq!(world.run("round", SLOT).await["enrolled"], json!(5));
}

#[tokio::test]
async fn who_enters_while_the_playbook_is_stopped_begins_when_it_goes_on() {
    let world = World::new().await;
    world.playbook(&playbook("round", ALL, CALL));
    world.crowd(3).await.publish_at(SLOT).await;
    let store = world.store();
    let revision = store.published().await.unwrap().remove(0).revision;
    let run = store
        .open_run(PlaybookId("round"), RevisionId(&revision), at(SLOT), RunKind::Manual, at(SLOT))
        .await
        .unwrap()
        .unwrap();
    world.stop(StopTarget::Playbook("round".to_owned()), SLOT).await;
    run::carry_out(&world.shared, &run, at(SLOT)).await.unwrap();
    assert_eq!(world.count("enrollments where state = 'active' and phase = 'begin'").await, 3);
    assert_eq!(world.count("tasks").await, 0);
    world.resume(StopTarget::Playbook("round".to_owned())).await;
    world.pass_at("2026-03-02T10:00:00Z").await;
    assert_eq!(world.count("tasks").await, 3);
}

#[tokio::test]
async fn steps_without_a_wait_follow_each_other_at_entry() {
    let world = World::new().await;
    let steps = format!(
        r#"{CALL}
  - notify: {{ channel: csm, text: "{{{{ account.name }}}} is called." }}
  - email: {{ id: first, to: champion, subject: "One", body: "One." }}
  - email: {{ id: second, to: champion, subject: "Two", body: "Two." }}"#
    );
    world.playbook(&playbook("round", ALL, &steps));
    world.crowd(2).await.publish_at(SLOT).await;
    let store = world.store();
    let revision = store.published().await.unwrap().remove(0).revision;
    let run = store
        .open_run(PlaybookId("round"), RevisionId(&revision), at(SLOT), RunKind::Manual, at(SLOT))
        .await
        .unwrap()
        .unwrap();
    run::carry_out(&world.shared, &run, at(SLOT)).await.unwrap();
    // Up to the mail that has to end first, and no further.
    let steps: BTreeSet<String> = lines(&world.messages().await, "account step state").into_iter().collect();
    let expected = ["a1 first planned", "a1 notify-1 planned", "a2 first planned", "a2 notify-1 planned"];
    assert_eq!(steps, expected.map(str::to_owned).into());
    assert_eq!(lines(&world.tasks().await, "account step"), ["a1 call", "a2 call"]);
    assert_eq!(lines(&world.enrollments().await, "account state step"), ["a1 active first", "a2 active first"]);
    world.pass_at(SLOT).await;
    assert_eq!(lines(&world.enrollments().await, "account state"), ["a1 completed", "a2 completed"]);
    assert_eq!(world.mails().await.len(), 4);
}

/// Right after a large run the statistics know nothing of it. What a second
/// run asks about its candidates must not depend on them.
#[tokio::test]
async fn a_second_run_probes_keys_also_where_statistics_are_missing() {
    let world = World::new().await;
    world.playbook(&playbook("round", ALL, "  - wait: 9d"));
    let asks = "when: account.in_playbook(\"round\") && account.reached_goal(\"round\") && account.mrr < 0";
    world.playbook(&playbook("asks", asks, "  - wait: 9d"));
    world
        .sql(
            "alter table keepwell.enrollments set (autovacuum_enabled = false);
              alter table keepwell.edges set (autovacuum_enabled = false);
              alter table keepwell.messages set (autovacuum_enabled = false)",
        )
        .await;
    world.crowd(3000).await.run_at(SLOT).await;
    assert_eq!(world.count("enrollments").await, 3000);
    world
        .sql(&format!(
            "insert into keepwell.edges (account_id, playbook, true_since, last_slot)
                 select account_id, playbook, '{SLOT}', '{SLOT}' from keepwell.enrollments"
        ))
        .await;
    let published = world.store().published().await.unwrap();
    let asks = published.iter().find(|known| known.id == "asks").unwrap();
    let asks = world.shared.loaded("asks", &asks.revision).await.unwrap().unwrap();
    // One connection: what it has read so far is known to it at once.
    let options = world.store().pool().connect_options().as_ref().clone();
    let store = Store::connect(options, 1);
    let read = async || {
        sqlx::query("select pg_stat_force_next_flush()").execute(store.pool()).await.unwrap();
        let sql = "select sum(seq_tup_read)::bigint, sum(idx_tup_fetch)::bigint from pg_stat_user_tables
                   where schemaname = 'keepwell' and relname in ('enrollments', 'edges')";
        sqlx::query_as::<_, (i64, i64)>(sql).fetch_one(store.pool()).await.unwrap()
    };
    let subject = |n| SubjectId { account: format!("a{n}"), contact: String::new() };
    let subjects: Vec<SubjectId> = (1..=3000).map(subject).collect();
    for statistics in ["none", "of an empty table"] {
        let before = read().await;
        for chunk in subjects.chunks(1000) {
            let history = store.history("round", None, chunk).await.unwrap();
            assert!(history.len() == 1000 && history.values().all(|one| one.active), "{statistics}");
        }
        let after = read().await;
        assert_eq!(after.0 - before.0, 0, "rows read without an index, statistics: {statistics}");
        assert!(after.1 - before.1 <= 3000, "{} rows by index, statistics: {statistics}", after.1 - before.1);
        // So with what conditions ask of our own state, with edges, and with mail that gives way.
        for chunk in subjects.chunks(1000) {
            let windows: Vec<SubjectWindow> = chunk.iter().cloned().map(SubjectWindow::from).collect();
            let facts = facts::fetch(store.pool(), &asks.entry, at("2026-03-03T09:00:00Z"), &windows).await.unwrap();
            assert!(facts.iter().all(Option::is_some));
        }
        let asked = read().await;
        assert_eq!(asked.0 - after.0, 0, "rows read by conditions without an index, statistics: {statistics}");
        assert!(asked.1 - after.1 <= 6000, "{} rows by conditions, statistics: {statistics}", asked.1 - after.1);
        for chunk in subjects.chunks(1000) {
            let mut known = HashMap::new();
            store.load_matched_since("round", None, chunk, &mut known).await.unwrap();
            assert_eq!(known.len(), 1000);
            let accounts: Vec<String> = chunk.iter().map(|one| one.account.clone()).collect();
            assert_eq!(store.active_in(&accounts, &["round".to_owned()]).await.unwrap().len(), 1000);
        }
        let recalled = read().await;
        assert_eq!(recalled.0 - asked.0, 0, "edges read without an index, statistics: {statistics}");
        assert!(recalled.1 - asked.1 <= 6000, "{} edges, statistics: {statistics}", recalled.1 - asked.1);
        // As if it had been analysed before the run.
        world
            .sql(
                "create table keepwell.kept as select * from keepwell.enrollments;
                  delete from keepwell.enrollments",
            )
            .await;
        world.sql("vacuum analyze keepwell.enrollments").await;
        world.sql("insert into keepwell.enrollments select * from keepwell.kept; drop table keepwell.kept").await;
    }
    store.close().await;
}
