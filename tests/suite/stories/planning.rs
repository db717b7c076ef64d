//! A plan names who enters, goes on and leaves, and what would come of it on
//! the whole way; when nothing changes, that is what the daemon then does.

use chrono::TimeDelta;
use keepwell::clock::Instant;
use keepwell::worker::runs::plan::Plan;
use serde_json::json;

use crate::support::world::{World, at, lines, playbook};

const MONDAY: &str = "2026-03-02T09:00:00Z";
const TUESDAY: &str = "2026-03-03T09:00:00Z";

const WAY: &str = r#"
  - email: { id: hello, to: champion, subject: "Hello {{ account.name }}", body: "Hi {{ recipient.name }}" }
  - wait: 2d
  - wait: { until: (account.seats ?? 0) > 99, at_most: 3d }
  - branch:
      - if: (account.seats ?? 0) > 10
        steps:
          - task: { id: large, title: "Call {{ account.name }}", to: csm }
      - else:
          - email: { id: small, to: champion, subject: "Tips", body: "Try it" }
  - notify: { id: note, channel: csm, text: "{{ account.name }}" }
"#;

fn way() -> String {
    playbook("way", "when: account.mrr > 0\ngoal: account.status == \"won\"", WAY)
}

/// `account after step to` of each effect, in order.
fn effects(plan: &Plan) -> Vec<String> {
    let one = |effect: &keepwell::worker::runs::plan::PlannedEffect| {
        let to = effect.to.as_deref().unwrap_or("-");
        format!("{} {}h {} {} {to}", effect.subject, effect.after.num_hours(), effect.kind, effect.step)
    };
    let mut all: Vec<String> = plan.effects.iter().map(one).collect();
    all.sort();
    all
}

#[tokio::test]
async fn the_whole_way_is_what_happens_when_nothing_changes() {
    let world = World::new().await;
    world.playbook(&way());
    world.customer("a1").await.account("a2", json!({ "seats": 50 })).await.contact("a2", "bob", json!({})).await;
    let plan = world.plan("way", at(MONDAY)).await;
    assert_eq!(
        effects(&plan),
        [
            "a1 0h email hello ann@a1.example",
            "a1 120h email small ann@a1.example",
            "a1 120h notify note sam@acme.example",
            "a2 0h email hello bob@a2.example",
            "a2 120h notify note sam@acme.example",
            "a2 120h task large sam",
        ]
    );
    world.run_at(MONDAY).await;
    for hours in (1..=130).step_by(1) {
        let now: Instant = at(MONDAY) + TimeDelta::hours(hours);
        world.pass_at(&now.to_rfc3339()).await;
    }
    assert_eq!(
        lines(&world.mails().await, "account step created_at"),
        ["a1 hello 03-02T09:00", "a1 small 03-07T09:00", "a2 hello 03-02T09:00",]
    );
    assert_eq!(lines(&world.tasks().await, "account step created_at"), ["a2 large 03-07T09:00"]);
}

#[tokio::test]
async fn those_on_their_way_go_on_or_leave_and_the_values_stand_beside() {
    let world = World::new().await;
    world.playbook(&way()).playbook(&playbook("other", "when: account.mrr > 0", "  - wait: 30d"));
    world.customer("a1").await.customer("a2").await.customer("a3").await;
    world.run_at(MONDAY).await;
    world.sql("update customers.accounts set status = 'won' where id = 'a2'").await.customer("a4").await;
    let plans = world.plans(&["way", "other"], at(TUESDAY)).await;
    let subjects = |plan: &Plan| plan.enter.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!((subjects(&plans[0]), subjects(&plans[1])), (vec!["a4".to_owned()], vec!["a4".to_owned()]));
    let continues: Vec<String> = plans[0].continues.iter().map(ToString::to_string).collect();
    assert_eq!(continues, ["a1", "a3"]);
    let leaves: Vec<String> =
        plans[0].leaves.iter().map(|one| format!("{} {}", one.subject, one.state.name())).collect();
    assert_eq!(leaves, ["a2 goal"]);
    let entrant = &plans[0].enter[0];
    assert_eq!(serde_json::to_value(&plans[0].values[entrant]).unwrap(), json!({ "account.mrr": 100.0 }));
    assert_eq!(plans[0].collisions[entrant].iter().map(String::as_str).collect::<Vec<_>>(), ["other"]);
    assert_eq!(plans[0].names["a4"], "A4");
    // And so it comes.
    world.run_at(TUESDAY).await;
    let ended = lines(&world.enrollments().await, "playbook account state");
    assert_eq!(ended.iter().filter(|line| line.contains("goal")).collect::<Vec<_>>(), ["way a2 goal"]);
}

#[tokio::test]
async fn the_workload_is_that_of_the_run() {
    let world = World::new().await;
    let steps = "  - task: { id: call, title: \"Call\", to: csm }\n  - wait: 30d";
    world.playbook(&playbook("calls", "when: account.mrr > 0\nexit: account.seats == 1", steps));
    world.customer("a1").await.customer("a2").await;
    world.run_at(MONDAY).await;
    world.sql("update customers.accounts set seats = 1 where id = 'a1'").await;
    world.customer("a3").await.customer("a4").await;
    let load = world.plan("calls", at(TUESDAY)).await.workload;
    let load: Vec<(&str, u64, u64)> = load.iter().map(|one| (one.csm.as_str(), one.before, one.after)).collect();
    assert_eq!(load, [("sam", 2, 3)]);
    world.run_at(TUESDAY).await;
    let open = lines(&world.tasks().await, "state");
    assert_eq!(open.iter().filter(|state| *state == "open").count(), 3);
}
