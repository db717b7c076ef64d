//! One attention budget for all playbooks and human touches.

use keepwell::clock::Instant;
use keepwell::message::budget::BudgetAnswer;
use keepwell::message::class::Class;
use keepwell::message::gate::Wait;
use keepwell::message::outcome::{Fact, Settled};
use keepwell::message::state::State;
use keepwell::playbook::budget::{Budget, Limit};
use keepwell::store::Store;
use keepwell::store::messages::budget::{BudgetRequest, Rules, UnderWay};
use keepwell::store::messages::ending::Ending;
use keepwell::store::messages::suppressions::Suppression;
use keepwell::store::upkeep::stopped::{Halted, StopTarget};
use keepwell::worker::runs::first_mails::Fate;
use serde_json::json;

use crate::support::smtp::{At, Do, Script};
use crate::support::world::{World, at, lines, playbook};

const ONE_A_DAY: &str = "budget: { contact: [1 per 1d], account: off }\n";

fn mails(id: &str, priority: u8, keys: &str) -> String {
    let steps = format!("  - email: {{ id: hello, to: champion, subject: Hi, body: Hello{keys} }}");
    playbook(id, &format!("when: account.mrr > 0\nmail_priority: {priority}"), &steps)
}

/// A customer for whom `tips` and `renewal` both have something to say.
async fn two(config: &str, script: Option<Script>) -> World {
    let world = match script {
        Some(script) => World::over_smtp(config, script).await,
        None => World::with(config).await,
    };
    world.playbook(&mails("atips", 10, "")).playbook(&mails("renewal", 90, ""));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world
}

#[tokio::test]
async fn the_higher_priority_wins_and_the_other_goes_exactly_when_the_window_frees() {
    let world = two(ONE_A_DAY, None).await;
    assert_eq!(
        lines(&world.mails().await, "playbook state next_at reason"),
        [
            "atips deferred 03-03T09:00 budget: 1 per 1d of ann@a1.example used by renewal/hello at 2026-03-02T09:00:00Z",
            "renewal captured 03-02T09:00 -",
        ]
    );
    world.pass_at("2026-03-03T08:59:59Z").await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["atips deferred", "renewal captured"]);
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "playbook state sent_at attempts"),
        ["atips captured 03-03T09:00 1", "renewal captured 03-02T09:00 1"]
    );
}

#[tokio::test]
async fn a_plan_says_what_the_budget_and_quiet_hours_would_put_off() {
    let quiet = "quiet_hours: { from: \"20:00\", to: \"08:00\" }\n";
    let world = World::with(&format!("{ONE_A_DAY}{quiet}")).await;
    world.playbook(&mails("atips", 10, "")).playbook(&mails("renewal", 90, ""));
    world.playbook(&mails("receipt", 10, ", class: transactional"));
    for account in ["a1", "a2", "a3", "a4"] {
        world.customer(account).await;
    }
    // It is evening where a3 is; a2 got a mail an hour ago; a4 wants none.
    world.sql("update customers.accounts set timezone = 'Asia/Tokyo' where id = 'a3'").await;
    world.playbook(&playbook(
        "news",
        "when: account.mrr > 0 && account.tier == \"N\"",
        "  - email: { to: champion, subject: x, body: y }",
    ));
    world.sql("update customers.accounts set tier = 'N' where id = 'a2'").await;
    world
        .store()
        .suppress("ann@a4.example", Suppression { class: "lifecycle", source: "a test" }, at("2026-03-02T08:00:00Z"))
        .await
        .unwrap();
    let files = ["atips", "receipt", "renewal"]
        .map(|id| (id, std::fs::read_to_string(world.files().playbooks.join(format!("{id}.yaml"))).unwrap()));
    for (id, _) in &files {
        world.remove(id);
    }
    world.run_at("2026-03-02T11:30:00Z").await;
    for (_, text) in &files {
        world.playbook(text);
    }
    let slot = at("2026-03-02T12:30:00Z");
    let plans = world.plans(&["atips", "receipt", "renewal"], slot).await;
    let mut foreseen = Vec::new();
    for plan in &plans {
        for mail in &plan.mails {
            let told = match &mail.fate {
                Fate::Leaves => "captured -".to_owned(),
                Fate::Waits { reason, .. } => format!("deferred {reason}"),
                Fate::Never { state, reason } => format!("{state} {reason}"),
            };
            foreseen.push(format!("{} {} {told}", mail.subject, plan.playbook));
        }
    }
    foreseen.sort();
    let put_off = |id: &str| plans.iter().find(|plan| plan.playbook == id).unwrap().put_off();
    assert_eq!(
        put_off("atips").into_iter().collect::<Vec<_>>(),
        [("news/email-1", 1), ("quiet hours", 1), ("renewal/hello", 1)]
    );
    assert_eq!(put_off("renewal").into_iter().collect::<Vec<_>>(), [("news/email-1", 1), ("quiet hours", 1)]);
    // And so it comes.
    world.run_at("2026-03-02T12:30:00Z").await;
    let mut came = lines(&world.mails().await, "account playbook state reason");
    came.retain(|line| !line.contains(" news "));
    assert_eq!(came, foreseen);
    assert_eq!(came.len(), 12);
}

#[tokio::test]
async fn mail_of_a_run_that_would_be_held_takes_nothing_from_the_others() {
    let world = World::with(ONE_A_DAY).await;
    let held = mails("renewal", 90, "").replace("mail_priority", "guardrails: { first_run: hold }\nmail_priority");
    world.playbook(&mails("atips", 10, "")).playbook(&held);
    world.customer("a1").await;
    let plans = world.plans(&["atips", "renewal"], at("2026-03-02T09:00:00Z")).await;
    assert_eq!(plans[0].mails[0].fate, Fate::Leaves);
    assert!(plans[1].hold.is_some());
    assert_eq!(plans[1].put_off().into_iter().collect::<Vec<_>>(), [("atips/hello", 1)]);
}

#[tokio::test]
async fn mail_of_a_slot_waits_for_another_run_of_it_five_minutes_at_most() {
    let world = World::with(ONE_A_DAY).await;
    world.playbook(&mails("tips", 10, "")).playbook(&mails("receipt", 10, ", class: transactional"));
    world.customer("a1").await;
    world
        .sql(
            "insert into keepwell.runs (playbook, slot, kind, revision, state, started_at, lease_until)
             values ('renewal', '2026-03-02T09:00:00Z', 'scheduled', 'r', 'running', '2026-03-02T09:00:00Z',
                     clock_timestamp() + interval '1 hour')",
        )
        .await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["receipt captured", "tips planned"]);
    world.pass_at("2026-03-02T09:04:59Z").await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["receipt captured", "tips planned"]);
    world.pass_at("2026-03-02T09:05:00Z").await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["receipt captured", "tips captured"]);
}

#[tokio::test]
async fn what_cannot_go_while_it_is_valid_expires() {
    let world = World::with("budget: { contact: [1 per 7d], account: off }\n").await;
    world.playbook(&mails("renewal", 90, "")).playbook(&mails("tips", 10, ", valid_for: 2d"));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    world.pass_at("2026-03-04T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["renewal captured", "tips deferred"]);
    world.pass_at("2026-03-04T09:00:01Z").await;
    assert_eq!(
        lines(&world.mails().await, "playbook state reason"),
        [
            "renewal captured -",
            "tips expired budget: 1 per 7d of ann@a1.example used by renewal/hello at 2026-03-02T09:00:00Z; \
             not sent while it was valid"
        ]
    );
    assert_eq!(lines(&world.enrollments().await, "playbook state"), ["renewal completed", "tips completed"]);
}

#[tokio::test]
async fn a_touch_event_is_a_touch_for_the_days_since_the_last() {
    let world = World::with("touch_events: [meeting_held]\n").await;
    // One that the database can decide before, and one that it cannot.
    let keys = "when: account.mrr > 0 && (account.days_since_touch() ?? 99) > 3";
    world.playbook(&playbook(
        "quiet",
        keys,
        "  - task: { id: call, title: 'after {{ account.days_since_touch() | default(\"never\") }}', to: csm }",
    ));
    let keys = "for: contact\nwhen: (contact.days_since_touch() ?? 99) * 2 > 6";
    world.playbook(&playbook("person", keys, "  - task: { id: ring, title: x, to: csm }"));
    for account in ["a1", "a2", "a3", "a4"] {
        world.customer(account).await;
    }
    world.contact("a2", "bob", json!({})).await;
    world.event_of("a2", "ann", "meeting_held", "2026-03-01T09:00:00Z").await;
    world.event_of("a3", "ann", "meeting_held", "2026-02-20T09:00:00Z").await;
    world.event_of("a4", "ann", "login", "2026-03-01T09:00:00Z").await;
    world.event("a1", "meeting_held", "2026-03-02T09:00:00Z").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let tasks = world.tasks().await;
    assert_eq!(
        lines(&tasks, "playbook account contact title"),
        [
            "person a1 ann x",
            "person a2 bob x",
            "person a3 ann x",
            "person a4 ann x",
            "quiet a1 - after never",
            "quiet a3 - after 10",
            "quiet a4 - after never",
        ]
    );
}

#[tokio::test]
async fn a_completed_call_and_a_touch_event_count() {
    let world =
        World::with("budget: { contact: [1 per 1d], account: [1 per 2d] }\ntouch_events: [meeting_held]\n").await;
    world.playbook(&playbook("call", "when: account.mrr > 0", "  - task: { id: call, title: call, to: csm }"));
    for id in ["a1", "a2"] {
        world.customer(id).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.sql("update keepwell.tasks set state = 'closed' where account_id = 'a2'").await;
    world.done("call", None, "2026-03-02T10:00:00Z").await;
    world
        .sql(
            "insert into customers.events (account_id, id, contact_id, name, at) values
             ('a2', 'e1', 'ann', 'meeting_held', '2026-03-02T10:30:00Z'),
             ('a2', 'e2', 'ann', 'login', '2026-03-02T10:40:00Z'),
             ('a2', 'e3', 'ann', 'meeting_held', '2026-03-09T10:30:00Z')",
        )
        .await;
    world.playbook(&mails("welcome", 50, ""));
    world.run_at("2026-03-02T11:00:00Z").await;
    assert_eq!(
        lines(&world.mails().await, "account state next_at reason"),
        [
            "a1 deferred 03-04T09:59 budget: 1 per 2d of the account a1 used by the task call/call at 2026-03-02T09:59:30Z",
            "a2 deferred 03-04T10:30 budget: 1 per 2d of the account a2 used by the event meeting_held at 2026-03-02T10:30:00Z",
        ]
    );
    world.pass_at("2026-03-04T10:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "account state"), ["a1 captured", "a2 deferred"]);
}

#[tokio::test]
async fn transactional_mail_is_exempt_and_does_not_count() {
    let world = World::with("budget: { contact: [1 per 1d], account: [1 per 1d] }\n").await;
    world.playbook(&mails("receipt", 90, ", class: transactional")).playbook(&mails(
        "bill",
        90,
        ", class: transactional",
    ));
    world.playbook(&mails("tips", 10, ""));
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["bill captured", "receipt captured", "tips captured"]);
}

#[tokio::test]
async fn an_address_of_no_contact_counts_for_the_account_only() {
    let world = World::with("budget: { contact: [1 per 1d], account: [2 per 1d] }\n").await;
    for (id, priority) in [("one", 90), ("two", 80), ("three", 70)] {
        let steps = "  - email: { id: hello, to: books@partner.example, subject: Hi, body: Hello }";
        world.playbook(&playbook(id, &format!("when: account.mrr > 0\nmail_priority: {priority}"), steps));
    }
    world.customer("a1").await;
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["one captured", "three deferred", "two captured"]);
}

#[tokio::test]
async fn a_rejected_mail_gives_its_place_back_and_an_unknown_one_does_not() {
    let refused = Script::at(At::Recipient, Do::Reply("550 5.7.1 not wanted here".to_owned()));
    let world = two(ONE_A_DAY, Some(refused)).await;
    // The second was tried at once, because the first had used nothing.
    assert_eq!(lines(&world.mails().await, "playbook state"), ["atips rejected", "renewal rejected"]);
    let world = two(ONE_A_DAY, Some(Script::at(At::Dot, Do::Cut))).await;
    assert_eq!(
        lines(&world.mails().await, "playbook state next_at"),
        ["atips deferred 03-03T09:00", "renewal unknown 03-02T09:00"]
    );
}

#[tokio::test]
async fn the_priority_is_that_of_the_current_revision() {
    let world = two(ONE_A_DAY, None).await;
    world.playbook(&mails("other", 50, ""));
    world.run_at("2026-03-02T10:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["atips deferred", "other deferred", "renewal captured"]);
    world.playbook(&mails("atips", 60, ""));
    world.pass_at("2026-03-03T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["atips captured", "other deferred", "renewal captured"]);
}

#[tokio::test]
async fn an_account_whose_budget_cannot_be_asked_holds_up_no_other() {
    let world = World::with("budget: { contact: [1 per 1d], account: off }\n").await;
    world.playbook(&mails("tips", 10, ""));
    world.customer("a1").await.customer("a2").await;
    world
        .sql(
            "create function refuse() returns trigger language plpgsql as
                 'begin if new.account_id = ''a1'' then raise exception ''not now''; end if; return new; end';
             create trigger refuse before insert on keepwell.budgets for each row execute function refuse()",
        )
        .await;
    world.run_at("2026-03-02T09:00:00Z").await;
    let told = lines(&world.mails().await, "account state reason");
    assert!(told[0].starts_with("a1 deferred the attention budget cannot be asked: "), "{told:?}");
    assert_eq!(told[1], "a2 captured -");
    world.sql("drop trigger refuse on keepwell.budgets").await;
    world.pass_at("2026-03-02T09:15:00Z").await;
    assert_eq!(lines(&world.mails().await, "account state"), ["a1 captured", "a2 captured"]);
}

/// Mail that a person keeps back goes before no other.
#[tokio::test]
async fn mail_of_a_class_that_is_paused_for_the_account_holds_no_other_back() {
    let world = World::with(ONE_A_DAY).await;
    world.playbook(&mails("atips", 10, "")).playbook(&mails("renewal", 90, ", class: marketing"));
    world.account("a1", json!({})).await.contact("a1", "ann", json!({ "traits": { "consent": true } })).await;
    let pause = StopTarget::AccountMail { account: "a1".to_owned(), class: Class::Marketing };
    world.stop(pause, "2026-03-02T08:00:00Z").await;
    let [plan] = &world.plans(&["atips"], at("2026-03-02T09:00:00Z")).await[..] else { panic!("one plan") };
    assert_eq!(plan.mails[0].fate, Fate::Leaves);
    world.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["atips captured", "renewal planned"]);
}

#[tokio::test]
async fn without_a_budget_everything_goes() {
    let world = two("budget: off\n", None).await;
    assert_eq!(lines(&world.mails().await, "playbook state"), ["atips captured", "renewal captured"]);
}

const CONTACTS: usize = 3;
const EACH: usize = 8;

/// Claims, asks and settles until nothing is due, as a daemon would.
async fn drain(store: Store, budget: Budget, now: Instant) {
    let rules = Rules { budget: &budget, touch_events: &[], paused: &[], account_mail: &[] };
    loop {
        let claimed = store.claim_messages(now, &Halted::default(), &UnderWay::default(), 7).await.unwrap();
        if claimed.is_empty() {
            let due = store.has_due_messages(now, &Halted::default()).await.unwrap();
            if due {
                continue;
            }
            return;
        }
        let asking: Vec<BudgetRequest<'_>> =
            claimed.iter().map(|one| BudgetRequest { account: &one.account_id, id: one.id }).collect();
        let answers = store.reserve(&asking, claimed[0].token, rules, now).await.unwrap();
        for (at, message) in claimed.iter().enumerate() {
            let settled = match &answers[&message.id] {
                // Every fifth is refused by its server, and gives its place back.
                BudgetAnswer::Go if at % 5 == 4 => {
                    Settled::Ended { state: State::Rejected, reason: Some("no".to_owned()), fact: Some(Fact::Rejected) }
                }
                BudgetAnswer::Go => Settled::Ended { state: State::Captured, reason: None, fact: Some(Fact::Accepted) },
                BudgetAnswer::Later { at, reason, .. } => {
                    Settled::Deferred { next_at: *at, reason: reason.clone(), counts: false, wait: Wait::Budget }
                }
                BudgetAnswer::StepBack { .. } | BudgetAnswer::Outranked { .. } => panic!("nothing was held"),
            };
            assert!(store.settle(Ending::at(message.clone(), settled, now)).await.unwrap());
        }
    }
}

/// What sixteen connections send of far more than the budget allows.
async fn race(mistake: &str) -> Vec<serde_json::Value> {
    let world = World::new().await;
    world.sql(mistake).await;
    for account in 0..12 {
        for contact in 0..CONTACTS {
            for message in 0..EACH {
                world
                    .sql(&format!(
                        "insert into keepwell.messages (account_id, contact_id, id, playbook, step, channel, class,
                             to_address, state, priority, valid_until, next_at, message_id, shadow, created_at)
                         values ('a{account}', 'c{contact}', gen_random_uuid(), 'p{message}', 'mail', 'email',
                             'lifecycle', 'c{contact}@a{account}.example', 'planned', {message},
                             '2026-03-09T09:00:00Z', '2026-03-02T09:00:00Z', gen_random_uuid()::text, false,
                             '2026-03-02T09:00:00Z')"
                    ))
                    .await;
            }
        }
    }
    let limit = |text| vec![Limit::parse(text).expect("a limit")];
    let budget = Budget { contact: limit("2 per 1d"), account: limit("4 per 7d") };
    let now = at("2026-03-02T09:00:00Z");
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let store = Store::connect((*world.store().pool().connect_options()).clone(), 1);
        racing.spawn(drain(store, budget.clone(), now));
    }
    racing.join_all().await;
    // Whoever stepped back behind a better one looks again.
    drain(world.store().clone(), budget, at("2026-03-02T09:00:10Z")).await;
    world.mails().await.into_iter().filter(|mail| mail["state"] == "captured").collect()
}

fn of_account(mails: &[serde_json::Value], account: usize) -> Vec<&serde_json::Value> {
    mails.iter().filter(|mail| mail["account"] == json!(format!("a{account}"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_connections_never_go_over_the_limit() {
    let sent = race("").await;
    for account in 0..12 {
        let of = of_account(&sent, account);
        assert_eq!(of.len(), 4, "account a{account} has all of its budget and no more");
        for contact in 0..CONTACTS {
            let one = of.iter().filter(|mail| mail["contact"] == json!(format!("c{contact}")));
            assert!(one.count() <= 2, "contact c{contact} of a{account}");
        }
    }
}

/// What keeps them within it is the account's row: without one they do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_the_budgets_row_sixteen_connections_go_over_the_limit() {
    for _ in 0..10 {
        let sent = race("create rule nothing as on insert to keepwell.budgets do instead nothing").await;
        if (0..12).any(|account| of_account(&sent, account).len() > 4) {
            return;
        }
    }
    panic!("the limit holds without its row");
}

#[tokio::test]
async fn a_mail_that_was_complained_about_was_read() {
    let world = World::with("budget: { contact: [1 per 7d], account: off }\n").await;
    for id in ["one", "two"] {
        let step = "  - email: { id: hello, to: champion, subject: Hi, body: Hello }";
        world.playbook(&playbook(id, "when: account.mrr > 0", step));
    }
    world.customer("a1").await.run_at("2026-03-02T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "state"), ["captured", "deferred"]);
    for (state, then) in [("complained", "deferred"), ("bounced", "captured")] {
        world.sql(&format!("update keepwell.messages set state = '{state}' where state in ('captured', 'complained') and channel = 'email'")).await;
        world.sql("update keepwell.messages set next_at = '2026-03-02T10:00:00Z' where state = 'deferred'").await;
        world.pass_at("2026-03-02T10:00:00Z").await;
        assert_eq!(lines(&world.mails().await, "state"), [state, then]);
    }
}
