//! Whether a playbook helped, counted from rows.

use keepwell::impact::{Group, HELD_OUT, Impact, Measure, TREATED, Verdict};
use keepwell::statistics::{Sample, Share};
use keepwell::store::messages::suppressions::Suppression;
use keepwell::store::views::impact::ImpactTerms;

use crate::support::world::{World, at, playbook};

const KEYS: &str = "when: account.tier == \"A\"\ngoal: account.activated_at != none\ngoal_window: 10d\nholdout: 20%\n\
                    guardrails: { hold_above: off }";

fn terms(now: &str) -> ImpactTerms {
    ImpactTerms { now: at(now), term_days: 90, minutes_per_task: None }
}

/// An enrollment that began on the first of March unless told otherwise.
fn enrollment(account: &str, rest: &[(&str, &str)]) -> String {
    let of = |key: &str, usual: &str| {
        let found = rest.iter().find(|(name, _)| *name == key).map_or(usual, |(_, value)| value);
        if found == "null" { found.to_owned() } else { format!("'{found}'") }
    };
    let arm = of("arm", "treated");
    let state = if arm == "'ghost'" { "'ghost'".to_owned() } else { of("state", "completed") };
    let outcome = if arm == "'ghost'" { of("state", "completed") } else { "null".to_owned() };
    format!(
        "insert into keepwell.enrollments (account_id, id, playbook, revision, entry_key, shadow, state, outcome, arm,
             phase, step_at, started_at, goal_at, entry, evidence)
         values ('{account}', gen_random_uuid(), 'welcome', 'r', {}, {}, {state}, {outcome}, {arm},
             'begin', '2026-03-01', {}, {}, '{{}}', '{{}}');",
        of("key", ""),
        of("shadow", "false"),
        of("at", "2026-03-01T00:00:00Z"),
        of("goal", "null")
    )
}

/// What an account became at an instant.
fn became(account: &str, when: &str, mrr: i64, status: &str, renewal: &str) -> String {
    format!(
        "insert into customers.account_changes (account_id, at, was, became) values ('{account}', '{when}', '{{}}',
             jsonb_build_object('mrr', {mrr}, 'status', '{status}', 'renewal_at', nullif('{renewal}', '')));"
    )
}

fn group<'a>(impact: &'a Impact, name: &str) -> &'a Group {
    impact.holdout.as_ref().unwrap().groups.iter().find(|group| group.name == name).expect("is counted")
}

#[tokio::test]
async fn everybody_counts_where_they_were_drawn_once_their_time_is_over() {
    let world = World::new().await;
    world
        .playbook(&playbook("welcome", KEYS, "  - task: { title: Call, to: csm }"))
        .publish_at("2026-02-01T09:00:00Z")
        .await;
    let goal = |day: &'static str| [("state", "goal"), ("goal", day)];
    let rows = [
        enrollment("in-time", &goal("2026-03-11T00:00:00Z")),
        enrollment("too-late", &goal("2026-03-12T00:00:00Z")),
        enrollment("never", &[]),
        // Drawn once, whatever came later; the goal of the second time comes in time.
        enrollment("twice", &[]),
        enrollment("twice", &[("key", "2"), ("arm", "ghost"), ("at", "2026-03-05T00:00:00Z"), ("state", "goal"), ("goal", "2026-03-06T00:00:00Z")]),
        enrollment("watched", &[("shadow", "true"), ("state", "goal"), ("goal", "2026-03-02T00:00:00Z")]),
        enrollment("outside", &[("arm", "null"), ("state", "goal"), ("goal", "2026-03-02T00:00:00Z")]),
        enrollment("recent", &[("at", "2026-06-25T00:00:00Z"), ("state", "goal"), ("goal", "2026-06-26T00:00:00Z")]),
        enrollment("ghost", &[("arm", "ghost"), ("state", "goal"), ("goal", "2026-03-02T00:00:00Z")]),
        enrollment("gone", &[("arm", "ghost")]),
        // Renewed by the date, renewed by staying, left, not due, deleted, and one without a past.
        became("in-time", "2026-02-01", 100, "active", "2026-04-01"),
        became("in-time", "2026-04-01", 130, "active", "2027-04-01"),
        became("in-time", "2026-06-20", 900, "active", "2027-04-01"),
        became("too-late", "2026-02-01", 100, "active", "2026-04-01"),
        became("never", "2026-02-01", 50, "active", "2026-04-01"),
        became("never", "2026-04-02", 50, "churned", "2026-04-01"),
        became("ghost", "2026-02-01", 70, "active", "2026-12-01"),
        became("gone", "2026-02-01", 80, "active", "2026-03-20"),
        "insert into customers.account_changes (account_id, at, was, became) values ('gone', '2026-03-20', '{}', null);".to_owned(),
    ];
    world.sql(&rows.concat()).await;
    let impact = world.store().impact(Some("welcome"), terms("2026-07-01T00:00:00Z")).await.unwrap().remove(0);
    let (treated, held_out) = (group(&impact, TREATED), group(&impact, HELD_OUT));
    assert_eq!((treated.drawn, treated.goal), (5, Share { of: 4, part: 2 }));
    assert_eq!((held_out.drawn, held_out.goal), (2, Share { of: 2, part: 1 }));
    assert_eq!((treated.renewal, held_out.renewal), (Share { of: 3, part: 2 }, Share { of: 1, part: 0 }));
    // +30, 0 and -50; 0 and -80.
    let close = |found: Sample, count, mean: f64, variance: f64| {
        assert_eq!(found.count, count, "{found:?}");
        assert!((found.mean - mean).abs() < 1e-9 && (found.variance - variance).abs() < 1e-6, "{found:?}");
    };
    close(treated.revenue, 3, -20.0 / 3.0, 4_900.0 / 3.0);
    close(held_out.revenue, 2, -40.0, 3_200.0);
    let figure = impact.holdout.as_ref().unwrap().figure(Measure::Goal).unwrap();
    assert_eq!((figure.verdict, figure.smallest, figure.needed), (Verdict::TooFew, 2, 30));
    assert_eq!(impact.goal_days, 10.0);

    let before = world.store().impact(Some("welcome"), terms("2026-03-05T00:00:00Z")).await.unwrap().remove(0);
    assert_eq!((group(&before, TREATED).drawn, group(&before, TREATED).goal.of), (5, 0), "nobody's time is over");
}

#[tokio::test]
async fn variants_are_compared_by_the_one_that_was_drawn() {
    let world = World::new().await;
    let keys = KEYS.replace("holdout: 20%\n", "");
    let steps = "  - email: { id: hello, to: champion, body: Hello, variants: { a: { subject: One }, b: { subject: Two } } }\n  \
                 - wait: 5d";
    world.playbook(&playbook("welcome", &keys, steps));
    for number in 1..=12 {
        world.customer(&format!("a{number}")).await;
    }
    world.run_at("2026-03-02T09:00:00Z").await;
    world.pass_at("2026-03-02T09:01:00Z").await;
    let mails = world.mails().await;
    let of = |name: &str| -> Vec<String> {
        let its = mails.iter().filter(|mail| mail["variant"] == *name);
        its.filter_map(|mail| mail["account"].as_str()).map(str::to_owned).collect()
    };
    let (first, second) = (of("a"), of("b"));
    assert!(first.len() > 1 && second.len() > 1 && first.len() + second.len() == 12, "{first:?} {second:?}");
    world
        .sql(&format!("update customers.accounts set activated_at = '2026-03-03T08:00:00Z' where id = '{}'", second[0]))
        .await;
    world.pass_at("2026-03-03T09:00:00Z").await;
    let word = Suppression { class: "lifecycle", source: "unsubscribe" };
    world.store().suppress(&format!("ann@{}.example", first[1]), word, at("2026-03-03T10:00:00Z")).await.unwrap();
    let impact = world.store().impact(Some("welcome"), terms("2026-04-01T00:00:00Z")).await.unwrap().remove(0);
    assert_eq!(impact.holdout, None);
    let [compared] = &impact.variants[..] else { panic!("{:?}", impact.variants) };
    assert_eq!(compared.step, "hello");
    let found: Vec<(&str, i64, Share, Share)> = compared
        .comparison
        .groups
        .iter()
        .map(|group| (group.name.as_str(), group.drawn, group.goal, group.unsubscribed))
        .collect();
    let (one, two) = (first.len() as i64, second.len() as i64);
    assert_eq!(
        found,
        [
            ("a", one, Share { of: one, part: 0 }, Share { of: one, part: 1 }),
            ("b", two, Share { of: two, part: 1 }, Share { of: two, part: 0 }),
        ]
    );
    assert_eq!((impact.spent.mails, impact.spent.goals), (12, 1));
}
