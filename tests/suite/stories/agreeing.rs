//! `plan`, `test` and `run` ask one gate: what a plan foretells of first mails
//! is what the run at that instant does, and what a case shows is what happens
//! when the daemon is always on time.

use chrono::TimeDelta;
use keepwell::clock::Instant;
use keepwell::store::messages::suppressions::Suppression;
use keepwell::worker::runs::first_mails::Fate;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::json;

use crate::rehearsal::play;
use crate::support::world::{World, at, playbook};

/// A Monday. Mail begins at half past, so that the few minutes by which quiet
/// hours spread real mail move nothing over the edge of an hour.
const MONDAY: &str = "2026-03-02T00:30:00Z";
const SPREAD: i64 = 10 * 60;

#[derive(Clone, Debug)]
struct Situation {
    /// The hour at which the subject enters.
    hour: i64,
    /// The hours between which it is quiet.
    quiet: Option<(u32, u32)>,
    /// Mails to a contact in so many hours.
    budget: Option<u32>,
    yields: bool,
    /// In minutes.
    valid_for: u32,
    undo_window: u32,
    class: &'static str,
    ignores_quiet: bool,
    consent: bool,
    role: &'static str,
    email: &'static str,
    suppressed: bool,
    /// Hours between the first and the second mail.
    wait: u32,
}

fn situations() -> impl Strategy<Value = Situation> {
    let classes = prop::sample::select(vec!["lifecycle", "lifecycle", "marketing", "transactional"]);
    let emails = prop::sample::select(vec!["ann@a1.example", "ann@a1.example", "ann@a1.example", "ann"]);
    let roles = prop::sample::select(vec!["champion", "champion", "champion", "user"]);
    (
        (0i64..24, prop::option::of((0u32..24, 1u32..20)), prop::option::of(1u32..40), prop::bool::weighted(0.25)),
        (prop::sample::select(vec![47u32, 107, 1_487, 4_367]), prop::sample::select(vec![0u32, 0, 0, 5, 55])),
        (classes, any::<bool>(), prop::bool::weighted(0.8), roles, emails, prop::bool::weighted(0.1), 1u32..30),
    )
        .prop_map(|((hour, quiet, budget, yields), (valid_for, undo_window), rest)| {
            let (class, ignores_quiet, consent, role, email, suppressed, wait) = rest;
            Situation {
                hour,
                quiet: quiet.map(|(from, hours)| (from, (from + hours) % 24)),
                budget,
                yields,
                // What yields is looked at again every quarter hour.
                valid_for: if yields { valid_for.min(107) } else { valid_for },
                undo_window,
                class,
                ignores_quiet: ignores_quiet && class == "transactional",
                consent,
                role,
                email,
                suppressed,
                wait,
            }
        })
}

impl Situation {
    fn begin(&self) -> Instant {
        at(MONDAY) + TimeDelta::hours(self.hour)
    }

    fn quiet_hours(&self) -> String {
        match self.quiet {
            Some((from, to)) => format!("quiet_hours: {{ from: \"{from:02}:00\", to: \"{to:02}:00\" }}\n"),
            None => String::new(),
        }
    }

    fn budget(&self) -> String {
        let contact = self.budget.map_or("off".to_owned(), |hours| format!("[1 per {hours}h]"));
        format!("budget: {{ contact: {contact}, account: off }}\n")
    }

    fn config(&self) -> String {
        format!("{}{}mail: {{ undo_window: {}m }}\n", self.quiet_hours(), self.budget(), self.undo_window)
    }

    fn playbook(&self) -> String {
        let quiet = if self.ignores_quiet { ", quiet: ignore" } else { "" };
        let mail = |id: &str| {
            format!(
                "  - email: {{ id: {id}, to: champion, subject: Hi, body: Hello, class: {}, valid_for: {}m{quiet} }}\n",
                self.class, self.valid_for
            )
        };
        // Each step after it sees at the same instant what its enrollment did.
        let steps = format!(
            "  - set: {{ begun: yes }}\n{}  - wait: {}h\n{}  - task: {{ id: call, title: Call, \
             if: '!sent(\"two\") || (account.days_since_touch() ?? 9) == 0' }}\n",
            mail("one").replace("id: one", "id: one, if: account.label(\"begun\") == \"yes\""),
            self.wait,
            mail("two")
        );
        playbook("p", "when: account.mrr > 0\nguardrails: { yields_to: [other] }", &steps)
    }

    /// A case in which the same holds.
    fn case(&self) -> String {
        let in_case = |text: String| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
        format!(
            "tests:\n  - name: c\n    at: {}\n    account: {{ mrr: 9 }}\n    in_playbook: [{}]\n    \
             contacts: [ {{ role: {}, email: \"{}\", traits: {{ consent: {} }} }} ]\n{}{}    \
             expect: [ {{ after: 14d, task: call }} ]\n",
            self.begin().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            if self.yields { "other" } else { "" },
            self.role,
            self.email,
            self.consent,
            in_case(self.quiet_hours()),
            in_case(self.budget()),
        )
    }

    /// What the case shows: step, what became of it, seconds from the beginning.
    fn shown(&self) -> Vec<(String, String, i64)> {
        let cases = play(&format!("{}{}", self.playbook(), self.case()));
        let told = |what: &str| {
            let step = ["one", "two", "call"].into_iter().find(|step| what.contains(&format!("`{step}`")))?;
            if what.contains("waits:") {
                return None;
            }
            let became = if what.contains(" expired: ") {
                "expired".to_owned()
            } else if let Some((_, reason)) = what.split_once(" was skipped: ") {
                format!("skipped {}", reason.split(';').next().unwrap_or_default())
            } else if let Some((_, reason)) = what.split_once(" could not be sent: ") {
                format!("failed {reason}")
            } else if what.starts_with("mail ") || what.starts_with("task ") {
                "done".to_owned()
            } else {
                return None;
            };
            Some((step.to_owned(), became))
        };
        let mut shown = Vec::new();
        for one in &cases[0].happened {
            if let Some((step, became)) = told(&one.what) {
                shown.push((step, became, one.after));
            }
        }
        shown
    }

    async fn world(&self) -> World {
        let world = World::with(&self.config()).await;
        world.account("a1", json!({})).await;
        let traits = json!({ "consent": self.consent });
        world.contact("a1", "ann", json!({ "role": self.role, "email": self.email, "traits": traits })).await;
        let seldom = if self.yields { 0 } else { 1_000_000 };
        world.playbook(&playbook("other", &format!("when: account.mrr > {seldom}"), "  - wait: 30d"));
        if self.yields {
            world.run_at(&(self.begin() - TimeDelta::hours(1)).to_rfc3339()).await;
        }
        if self.suppressed {
            world
                .store()
                .suppress("ann@a1.example", Suppression { class: "all", source: "a test" }, self.begin())
                .await
                .unwrap();
        }
        world.playbook(&self.playbook());
        world
    }

    async fn hold(&self) -> Result<(), String> {
        let world = self.world().await;
        let begin = self.begin();
        let plan = world.plans(&["other", "p"], begin).await.remove(1);
        let foretold = match (&plan.mails[..], plan.unwritten.keys().next()) {
            ([mail], None) => match &mail.fate {
                Fate::Leaves => "captured -".to_owned(),
                Fate::Waits { until, reason, .. } => format!("deferred {reason} {until}"),
                Fate::Never { state, reason } => format!("{state} {reason}"),
            },
            ([], Some(reason)) => format!("skipped {reason}"),
            _ => return Err(format!("the plan has other mails: {:?}", plan.mails)),
        };
        world.run_at(&begin.to_rfc3339()).await;
        // The plan looks past the undo window.
        let mut first = mail(&world, "one").await;
        if first.2.as_deref().is_some_and(|reason| reason.starts_with("can be cancelled until")) {
            world.pass_at(&first.3.to_rfc3339()).await;
            first = mail(&world, "one").await;
        }
        let (_, state, reason, next_at, _) = first;
        let reason = reason.as_deref().unwrap_or("-");
        let came = match state.as_str() {
            "deferred" => format!("{state} {reason} {next_at}"),
            _ => format!("{state} {reason}"),
        };
        if came != foretold {
            return Err(format!("the plan foretold `{foretold}`, and it came as `{came}`"));
        }
        // A case knows no undo window and nobody who unsubscribed.
        if self.undo_window > 0 || self.suppressed {
            return Ok(());
        }
        let came = self.live(&world).await;
        let shown = self.shown();
        let same = came.len() == shown.len()
            && came
                .iter()
                .zip(&shown)
                .all(|(came, shown)| (&came.0, &came.1) == (&shown.0, &shown.1) && (came.2 - shown.2).abs() <= SPREAD);
        if same { Ok(()) } else { Err(format!("the case shows {shown:#?}, and it came as {came:#?}")) }
    }

    /// Passes at every instant at which something is due.
    async fn live(&self, world: &World) -> Vec<(String, String, i64)> {
        let end = self.begin() + TimeDelta::days(14);
        let mut now = self.begin();
        loop {
            let next: Option<Instant> = sqlx::query_scalar(
                "select least(
                     (select min(next_at) from keepwell.messages
                      where channel = 'email' and state in ('planned', 'deferred')),
                     (select min(due_at) from keepwell.enrollments
                      where playbook = 'p' and state = 'active' and phase = 'waiting'))",
            )
            .fetch_one(world.store().pool())
            .await
            .unwrap();
            match next.filter(|next| *next <= end) {
                Some(next) => {
                    assert!(next > now, "{now} is due again: {self:#?}");
                    now = next;
                    world.pass_at(&now.to_rfc3339()).await;
                }
                None => break,
            }
        }
        let rows: Vec<(String, String, Option<String>, Instant)> = sqlx::query_as(
            "select step, state, reason, coalesce(sent_at, ended_at) as at from keepwell.messages
             where playbook = 'p' and channel = 'email'
             union all select step, 'captured', null, created_at from keepwell.tasks
             order by at, step",
        )
        .fetch_all(world.store().pool())
        .await
        .unwrap();
        let mut came: Vec<(String, String, i64)> = rows
            .into_iter()
            .map(|(step, state, reason, at)| {
                let became = match state.as_str() {
                    "captured" => "done".to_owned(),
                    "expired" => state,
                    _ => format!("{state} {}", reason.unwrap_or_default()),
                };
                (step, became, (at - self.begin()).num_seconds())
            })
            .collect();
        // At one instant in the order of the steps.
        let place = |step: &str| ["one", "two", "call"].iter().position(|known| *known == step);
        came.sort_by_key(|(step, _, after)| (*after, place(step)));
        came
    }
}

/// Its step, state, reason, next look and end.
async fn mail(world: &World, step: &str) -> (String, String, Option<String>, Instant, Option<Instant>) {
    sqlx::query_as(
        "select step, state, reason, next_at, ended_at from keepwell.messages where playbook = 'p' and step = $1
           and channel = 'email'",
    )
    .bind(step)
    .fetch_one(world.store().pool())
    .await
    .unwrap()
}

#[test]
fn plan_test_and_run_agree_on_every_mail() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let seed = std::env::var("KEEPWELL_TEST_SEED").ok().and_then(|seed| seed.parse::<u64>().ok()).unwrap_or(2026);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 20, max_shrink_iters: 30, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let held = runner.run(&situations(), |situation| runtime.block_on(situation.hold()).map_err(TestCaseError::fail));
    if let Err(TestError::Fail(why, situation)) = held {
        panic!("KEEPWELL_TEST_SEED={seed}\n{why}\n{situation:#?}");
    }
}
