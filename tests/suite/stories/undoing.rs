//! What comes of a person's word on a task: what is said beforehand is what then
//! happens, and for half a minute nothing of it does.

use std::collections::BTreeSet;
use std::sync::Arc;

use keepwell::action::snooze::Snooze;
use keepwell::ids::{Actor, Word};
use keepwell::message::class::Class;
use keepwell::message::outcome::Settled;
use keepwell::message::refusal::Refusal;
use keepwell::rehearsal::explanation::{TaskChoice, TaskChoices, WayEnd};
use keepwell::store::messages::budget::UnderWay;
use keepwell::store::messages::ending::Ending;
use keepwell::store::messages::mark_request::{MarkRequest, Marked};
use keepwell::store::tasks::manual_changes::{TaskChange, TaskDeed};
use keepwell::store::tasks::undo::Undone;
use keepwell::store::upkeep::stopped::{Halted, StopTarget};
use keepwell::worker::tasks::choices::task_choices;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::support::world::{World, at, lines, playbook};

const STEPS: &str = "  - task: { id: call, title: Call, to: csm, outcomes: [renewed, worrying, silent] }
  - wait: { id: answer, until: done(\"call\"), at_most: 3d }
  - branch:
      - if: outcome(\"call\") == \"renewed\"
        steps:
          - end: renewed
      - if: outcome(\"call\") == \"worrying\"
        steps:
          - email: { id: sorry, to: champion, class: lifecycle, subject: We are sorry, body: Hello }
          - task: { id: save, title: Save them, to: csm }
  - email: { id: last, to: champion, class: lifecycle, subject: Three days, body: Hello }
";
const ENTRY: &str = "2026-03-02T09:00:00Z";
const NOW: &str = "2026-03-02T10:07:00Z";
const HALF_A_MINUTE_LATER: &str = "2026-03-02T10:07:30Z";

/// Each of these accounts has the task open.
async fn calling(accounts: &[&str]) -> World {
    let world = World::new().await;
    world.playbook(&playbook("renewal", "when: account.mrr > 0", STEPS));
    for account in accounts {
        world.customer(account).await;
    }
    world.run_at(ENTRY).await;
    world
}

async fn task_of(world: &World, account: &str, step: &str) -> Uuid {
    let tasks = world.tasks().await;
    let found = tasks.iter().find(|task| task["account"] == account && task["step"] == step);
    found.unwrap_or_else(|| panic!("no task {step} of {account}: {tasks:#?}"))["id"].as_str().unwrap().parse().unwrap()
}

async fn choices(world: &World, task: Uuid, now: &str) -> TaskChoices {
    task_choices(&world.shared(), task, at(now)).await.unwrap().expect("an open task")
}

async fn act(world: &World, task: Uuid, deed: &TaskDeed, now: &str) -> Uuid {
    let act = world.store().act_on_tasks(&[task], deed, keepwell::ids::Actor("a person"), at(now)).await.unwrap();
    assert_eq!(act.changes, [TaskChange::Changed]);
    act.id
}

fn complete(outcome: &str) -> TaskDeed {
    TaskDeed::Complete { outcome: Some(outcome.to_owned()) }
}

fn dismiss() -> TaskDeed {
    TaskDeed::Dismiss { because: "not relevant".to_owned() }
}

fn stop() -> TaskDeed {
    TaskDeed::Stop { because: "not relevant".to_owned() }
}

fn ids(rows: &[Json], account: &str) -> BTreeSet<Uuid> {
    let theirs = rows.iter().filter(|row| row["account"] == account);
    theirs.map(|row| row["id"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn what_is_said_beforehand_is_what_happens() {
    let words: [(&str, TaskChoice, TaskDeed, &str); 5] = [
        (
            "a1",
            TaskChoice::Complete { outcome: Some("renewed".to_owned()) },
            complete("renewed"),
            "now: the journey is complete, nothing more follows: renewed",
        ),
        (
            "a2",
            TaskChoice::Complete { outcome: Some("worrying".to_owned()) },
            complete("worrying"),
            "now: a mail “We are sorry” to ann; now: a task “Save them” for sam; now: a mail “Three days” to ann; \
             now: the journey is complete",
        ),
        (
            "a3",
            TaskChoice::Complete { outcome: Some("silent".to_owned()) },
            complete("silent"),
            "now: a mail “Three days” to ann; now: the journey is complete",
        ),
        (
            "a4",
            TaskChoice::Dismiss,
            dismiss(),
            "in 3 days (Thu 5 March): a mail “Three days” to ann; in 3 days (Thu 5 March): the journey is complete",
        ),
        ("a5", TaskChoice::Stop, stop(), "now: the journey stops: its mail is not sent, its other tasks close"),
    ];
    let world = calling(&["a1", "a2", "a3", "a4", "a5"]).await;
    let before = world.tasks().await;
    let mut said = Vec::new();
    for (account, choice, deed, sentence) in &words {
        let task = task_of(&world, account, "call").await;
        let choices = choices(&world, task, NOW).await;
        assert!(choices.needs_outcome && choices.dismissal_asks());
        assert_eq!(choices.outlook(&TaskChoice::Complete { outcome: None }), None, "without an outcome nobody knows");
        let outlook = choices.outlook(choice).expect("a choice").clone();
        assert_eq!(outlook.sentence(at(NOW), chrono_tz::UTC), *sentence);
        act(&world, task, deed, NOW).await;
        said.push((account, outlook));
    }
    // Nothing of it happens while it can be undone.
    world.sql("update keepwell.enrollments set look_at = '2026-03-02T10:07:10Z'").await;
    world.pass_at("2026-03-02T10:07:29Z").await;
    assert_eq!((world.tasks().await.len(), world.mails().await.len()), (before.len(), 0));
    world.pass_at(HALF_A_MINUTE_LATER).await;
    world.pass_at("2026-03-02T10:15:00Z").await;
    assert_eq!(lines(&world.mails().await, "account step"), ["a2 last", "a2 sorry", "a3 last"]);
    world.pass_at("2026-03-05T09:00:00Z").await;
    let (tasks, mails, enrollments) = (world.tasks().await, world.mails().await, world.enrollments().await);
    for (account, outlook) in said {
        let mut made = ids(&tasks, account);
        made.extend(ids(&mails, account));
        made.remove(&task_of(&world, account, "call").await);
        assert_eq!(made, outlook.consequences.iter().map(|one| one.id).collect(), "{account}");
        let enrollment = enrollments.iter().find(|one| one["account"] == **account).unwrap();
        match outlook.end {
            WayEnd::Ends { state, reason, .. } => {
                assert_eq!((&enrollment["state"], &enrollment["reason"]), (&json!(state.name()), &json!(reason)));
            }
            WayEnd::Stopped => {
                assert_eq!(
                    lines(std::slice::from_ref(enrollment), "state reason"),
                    ["cancelled stopped by a person: not relevant"]
                );
            }
            WayEnd::Stays { .. } => panic!("{account} does not stay"),
        }
    }
}

#[tokio::test]
async fn an_act_is_undone_as_if_it_had_never_been() {
    let world = calling(&["a1", "a2"]).await;
    let all = async || (world.tasks().await, world.enrollments().await);
    let before = all().await;
    for deed in [complete("worrying"), dismiss(), stop(), TaskDeed::Reassign { to: Some("mia".to_owned()) }] {
        let act = act(&world, task_of(&world, "a1", "call").await, &deed, NOW).await;
        world.pass_at("2026-03-02T10:07:20Z").await;
        let undone = world
            .store()
            .undo_task_act(act, keepwell::ids::Actor("a person"), at("2026-03-02T10:07:29Z"))
            .await
            .unwrap();
        assert_eq!(undone, Undone::Done(1), "{deed:?}");
        assert_eq!(all().await, before, "{deed:?}");
        let again = world
            .store()
            .undo_task_act(act, keepwell::ids::Actor("a person"), at("2026-03-02T10:07:29Z"))
            .await
            .unwrap();
        assert_eq!(again, Undone::Overtaken, "once");
    }
    // As if nothing had been: the way of somebody whose task stays open.
    world.pass_at("2026-03-05T09:00:00Z").await;
    assert_eq!(lines(&world.mails().await, "account step"), ["a1 last", "a2 last"]);
    assert_eq!(lines(&world.tasks().await, "account state"), ["a1 open", "a2 open"]);
}

#[tokio::test]
async fn undoing_comes_too_late_once_something_follows() {
    let world = calling(&["a1"]).await;
    let act = act(&world, task_of(&world, "a1", "call").await, &complete("worrying"), NOW).await;
    let undo =
        async |when: &str| world.store().undo_task_act(act, keepwell::ids::Actor("a person"), at(when)).await.unwrap();
    assert_eq!(undo(HALF_A_MINUTE_LATER).await, Undone::TooLate);
    world.pass_at(HALF_A_MINUTE_LATER).await;
    // Whatever the clock says by which somebody undoes.
    assert_eq!(undo("2026-03-02T10:07:29Z").await, Undone::Overtaken);
    assert_eq!(lines(&world.tasks().await, "step state outcome"), ["call done worrying", "save open -"]);
    let unknown = world.store().undo_task_act(Uuid::nil(), keepwell::ids::Actor("a person"), at(NOW)).await.unwrap();
    assert_eq!(unknown, Undone::Unknown);
}

#[tokio::test]
async fn a_form_about_several_tasks_is_undone_as_one() {
    let world = calling(&["a1", "a2", "a3"]).await;
    let mut tasks = Vec::new();
    for account in ["a1", "a2", "a3"] {
        tasks.push(task_of(&world, account, "call").await);
    }
    act(&world, tasks[2], &complete("silent"), "2026-03-02T09:30:00Z").await;
    let before = (world.tasks().await, world.enrollments().await);
    let done = world.store().act_on_tasks(&tasks, &dismiss(), keepwell::ids::Actor("a person"), at(NOW)).await.unwrap();
    assert_eq!(done.changes, [TaskChange::Changed, TaskChange::Changed, TaskChange::NotOpen]);
    assert_eq!(
        world.store().undo_task_act(done.id, keepwell::ids::Actor("a person"), at(NOW)).await.unwrap(),
        Undone::Done(2)
    );
    assert_eq!((world.tasks().await, world.enrollments().await), before);
}

/// Mail that was planned before waits as well, and leaves when all is as it was.
#[tokio::test]
async fn mail_of_a_journey_that_is_stopped_stays() {
    let steps = "  - task: { id: call, title: Call, to: csm }\n  \
                 - email: { id: hello, to: champion, class: lifecycle, subject: Hello, body: Hello }\n";
    let world = World::with("mail: { undo_window: 10m }\n").await;
    world.playbook(&playbook("greeting", "when: account.mrr > 0", steps));
    world.customer("a1").await.customer("a2").await;
    world.run_at(ENTRY).await;
    let now = "2026-03-02T09:09:50Z";
    let kept = act(&world, task_of(&world, "a1", "call").await, &stop(), now).await;
    act(&world, task_of(&world, "a2", "call").await, &stop(), now).await;
    world.pass_at("2026-03-02T09:10:10Z").await;
    assert_eq!(lines(&world.mails().await, "account state"), ["a1 deferred", "a2 deferred"]);
    world.store().undo_task_act(kept, keepwell::ids::Actor("a person"), at("2026-03-02T09:10:15Z")).await.unwrap();
    world.pass_at("2026-03-02T09:10:19Z").await;
    assert_eq!(lines(&world.mails().await, "account state"), ["a1 captured", "a2 deferred"]);
    world.pass_at("2026-03-02T09:11:00Z").await;
    assert_eq!(lines(&world.mails().await, "account state"), ["a1 captured", "a2 cancelled"]);
}

const TWO_TASKS: &str = "  - task: { id: call, title: Call, to: csm }
  - task: { id: visit, title: Visit, to: csm }
  - email: { id: hello, to: champion, class: lifecycle, subject: Hello, body: Hello }
  - wait: 30d
";

/// An account with two tasks open, and a mail that can be undone until 9:10.
async fn two_tasks() -> World {
    let world = World::with("mail: { undo_window: 10m }\n").await;
    world.playbook(&playbook("greeting", "when: account.mrr > 0", TWO_TASKS));
    world.customer("a1").await;
    world.run_at(ENTRY).await;
    world
}

async fn undo(world: &World, act: Uuid, when: &str) -> Undone {
    world.store().undo_task_act(act, keepwell::ids::Actor("a person"), at(when)).await.unwrap()
}

#[tokio::test]
async fn of_one_journey_the_latest_act_is_undone_first() {
    let world = two_tasks().await;
    let done = TaskDeed::Complete { outcome: None };
    let call = act(&world, task_of(&world, "a1", "call").await, &done, "2026-03-02T09:09:50Z").await;
    act(&world, task_of(&world, "a1", "visit").await, &stop(), "2026-03-02T09:10:00Z").await;
    // It knows nothing of the stop, and would take it back.
    assert_eq!(undo(&world, call, "2026-03-02T09:10:05Z").await, Undone::Overtaken);
    world.pass_at("2026-03-02T09:10:29Z").await;
    assert_eq!(lines(&world.mails().await, "state"), ["deferred"]);
    world.pass_at("2026-03-02T09:10:30Z").await;
    assert_eq!(lines(&world.mails().await, "state"), ["cancelled"]);
    assert_eq!(lines(&world.enrollments().await, "state reason"), ["cancelled stopped by a person: not relevant"]);
}

#[tokio::test]
async fn a_stop_holds_when_a_later_act_is_undone() {
    let world = two_tasks().await;
    let done = TaskDeed::Complete { outcome: None };
    act(&world, task_of(&world, "a1", "call").await, &stop(), "2026-03-02T09:09:00Z").await;
    let visit = act(&world, task_of(&world, "a1", "visit").await, &done, "2026-03-02T09:09:10Z").await;
    // The time of the stop is over by then, that of the later act is not.
    assert_eq!(undo(&world, visit, "2026-03-02T09:09:31Z").await, Undone::Done(1));
    world.pass_at("2026-03-02T09:09:32Z").await;
    assert_eq!(lines(&world.enrollments().await, "state reason"), ["cancelled stopped by a person: not relevant"]);
    assert_eq!(lines(&world.mails().await, "state"), ["cancelled"]);
}

/// Whatever makes its mail due: a place in the budget that another one gave back, or a claim that ended.
#[tokio::test]
async fn mail_of_a_journey_that_must_not_move_is_not_claimed() {
    let world = two_tasks().await;
    act(&world, task_of(&world, "a1", "call").await, &stop(), "2026-03-02T09:10:00Z").await;
    world.sql("update keepwell.messages set next_at = '2026-03-02T09:10:01Z'").await;
    world.pass_at("2026-03-02T09:10:29Z").await;
    assert_eq!(lines(&world.mails().await, "state"), ["deferred"]);
    world.pass_at("2026-03-02T09:10:30Z").await;
    assert_eq!(lines(&world.mails().await, "state"), ["cancelled"]);
}

/// A mail that a sender has in hand is stopped at its marker.
#[tokio::test]
async fn a_claimed_mail_of_a_journey_that_is_stopped_gets_no_marker() {
    let world = two_tasks().await;
    let now = at("2026-03-02T09:10:00Z");
    let claimed = world.store().claim_messages(now, &Halted::default(), &UnderWay::default(), 10).await.unwrap();
    let [mail] = &claimed[..] else { panic!("{claimed:?}") };
    act(&world, task_of(&world, "a1", "call").await, &stop(), "2026-03-02T09:10:00Z").await;
    let request = MarkRequest::new(mail, "ann@a1.example");
    assert_eq!(world.store().mark(request, now).await.unwrap(), Marked::No(Refusal::Stopped));
}

/// So is that of a journey which a person has ended since. The gate then says why.
#[tokio::test]
async fn a_claimed_mail_of_a_journey_that_is_cancelled_gets_no_marker() {
    let world = two_tasks().await;
    let now = at("2026-03-02T09:10:00Z");
    let claimed = world.store().claim_messages(now, &Halted::default(), &UnderWay::default(), 10).await.unwrap();
    let [mail] = &claimed[..] else { panic!("{claimed:?}") };
    let journey = mail.enrollment_id.unwrap();
    assert_eq!(world.store().open_work_of("a1", journey).await.unwrap().mails, 1, "it can be kept back");
    world.store().cancel_enrollment(journey, Word::new(Actor("dana"), now)).await.unwrap();
    let answer = world.store().mark(MarkRequest::new(mail, "ann@a1.example"), now).await.unwrap();
    assert_eq!(answer, Marked::No(Refusal::Stopped));
    let later = Settled::later(now, Refusal::Stopped.to_string());
    assert!(world.store().settle(Ending::at(mail.clone(), later, now)).await.unwrap());
    world.pass_at("2026-03-02T09:10:01Z").await;
    assert_eq!(lines(&world.mails().await, "state reason"), ["cancelled cancelled by dana"]);
}

/// Mail of any class may come of a task.
#[tokio::test]
async fn a_choice_says_that_mail_of_the_account_is_paused() {
    let world = calling(&["a1", "a2"]).await;
    world.stop(StopTarget::AccountMail { account: "a1".to_owned(), class: Class::Lifecycle }, NOW).await;
    let stopped = choices(&world, task_of(&world, "a1", "call").await, NOW).await.stopped;
    let stopped: Vec<String> = stopped.iter().map(ToString::to_string).collect();
    assert_eq!(stopped, ["lifecycle mail to the account a1 (by a test)"]);
    assert!(choices(&world, task_of(&world, "a2", "call").await, NOW).await.stopped.is_empty());
}

/// What happened to the task since is not part of the act, and stays.
#[tokio::test]
async fn an_undone_snooze_keeps_who_has_the_task_since() {
    let world = calling(&["a1"]).await;
    let task = task_of(&world, "a1", "call").await;
    let until = at("2026-03-03T08:00:00Z");
    let snooze = TaskDeed::Snooze(Snooze { until, escalate_at: until });
    let put_off = act(&world, task, &snooze, NOW).await;
    world.sql("update keepwell.tasks set assignee = 'mia', handed_from = 'sam'").await;
    assert_eq!(undo(&world, put_off, NOW).await, Undone::Done(1));
    assert_eq!(lines(&world.tasks().await, "assignee snoozed_until"), ["mia -"]);
}

/// What happened meanwhile is looked at, although an act was undone.
#[tokio::test]
async fn an_undone_act_forgets_no_look() {
    let world = calling(&["a1"]).await;
    let done = act(&world, task_of(&world, "a1", "call").await, &complete("silent"), NOW).await;
    world.sql("update keepwell.enrollments set look_at = '2026-03-02T10:07:10Z'").await;
    assert_eq!(undo(&world, done, "2026-03-02T10:07:20Z").await, Undone::Done(1));
    let due = world.store().due_enrollments(at("2026-03-02T10:07:20Z"), &Halted::default(), 10, true).await.unwrap();
    assert_eq!(due.len(), 1);
}

/// A revision that cannot be read now may be read again: its outcome must not be missing then.
#[tokio::test]
async fn where_nobody_can_say_what_follows_everything_is_needed() {
    let world = calling(&["a1"]).await;
    let task = task_of(&world, "a1", "call").await;
    world.sql("update keepwell.revisions set text = 'playbook: [what a newer version reads'").await;
    let later = Arc::new(world.beside(world.store().clone()));
    let said = task_choices(&later, task, at(NOW)).await.unwrap().expect("an open task");
    assert!(said.is_unknown() && said.needs_outcome && said.dismissal_asks(), "{said:?}");
    assert_eq!(said.outcomes, ["renewed", "worrying", "silent"]);
}

/// Whatever the clock says of whoever stopped: an undo takes back its own act alone.
#[tokio::test]
async fn a_stop_by_a_clock_that_is_behind_holds() {
    let world = two_tasks().await;
    let done = TaskDeed::Complete { outcome: None };
    let call = act(&world, task_of(&world, "a1", "call").await, &done, "2026-03-02T09:09:20Z").await;
    act(&world, task_of(&world, "a1", "visit").await, &stop(), "2026-03-02T09:09:10Z").await;
    assert_eq!(undo(&world, call, "2026-03-02T09:09:30Z").await, Undone::Done(1));
    world.pass_at("2026-03-02T09:10:30Z").await;
    assert_eq!(lines(&world.enrollments().await, "state reason"), ["cancelled stopped by a person: not relevant"]);
    assert_eq!(lines(&world.mails().await, "state"), ["cancelled"]);
}
