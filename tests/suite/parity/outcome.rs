//! What a plan says of a playbook's run, and what the run did, in the same words.

use std::collections::{BTreeMap, BTreeSet};

use keepwell::clock::Instant;
use keepwell::effect::kind;
use keepwell::worker::runs::plan::Plan;
use serde_json::Value as Json;
use sqlx::PgPool;
use uuid::Uuid;

/// Subjects by what a slot does with them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    pub entered: BTreeSet<String>,
    pub ghosts: BTreeSet<String>,
    /// Who waits for a person, also those who would be ghosts.
    pub held: BTreeSet<String>,
    pub continues: BTreeSet<String>,
    /// With the state and the reason.
    pub leaves: BTreeMap<String, String>,
    /// What comes of those who enter, at once: subject, kind, step and to whom.
    /// Without labels: of two that playbooks set at one instant one stands.
    pub effects: Vec<String>,
}

fn effect(subject: &str, kind: &str, step: &str, to: Option<&str>) -> String {
    format!("{subject} {kind} {step} {}", to.unwrap_or("-"))
}

fn leaver(state: &str, reason: Option<&str>) -> String {
    format!("{state}: {}", reason.unwrap_or("-"))
}

impl Outcome {
    /// What a plan says, as long as nobody approves a run that would be held.
    pub fn of_plan(plan: &Plan) -> Outcome {
        let subjects = |subjects: &[keepwell::facts::SubjectId]| subjects.iter().map(ToString::to_string).collect();
        let leaves =
            plan.leaves.iter().map(|one| (one.subject.to_string(), leaver(one.state.name(), one.reason.as_deref())));
        let effects = plan
            .effects
            .iter()
            .filter(|one| one.after.is_zero() && one.kind != kind::LABEL)
            .map(|one| effect(&one.subject.to_string(), one.kind, &one.step, one.to.as_deref()));
        let whole = Outcome {
            entered: subjects(&plan.enter),
            ghosts: subjects(&plan.ghosts),
            held: BTreeSet::new(),
            continues: subjects(&plan.continues),
            leaves: leaves.collect(),
            effects: effects.collect(),
        };
        whole.settled(plan.hold.is_some())
    }

    /// The same of a saved plan, whose approvals are given.
    pub fn of_saved(plan: &Json) -> Outcome {
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        let list = |key: &str| plan[key].as_array().unwrap().iter();
        let subjects = |key: &str| list(key).map(text).collect();
        let leaves = list("leaves_because")
            .map(|one| (text(&one["subject"]), leaver(one["state"].as_str().unwrap(), one["reason"].as_str())));
        let effects = list("effects").filter(|one| one["after"] == 0 && one["kind"] != kind::LABEL).map(|one| {
            let [subject, kind, step] = ["subject", "kind", "step"].map(|key| one[key].as_str().unwrap());
            effect(subject, kind, step, one["to"].as_str())
        });
        let whole = Outcome {
            entered: subjects("enter"),
            ghosts: subjects("ghosts"),
            held: BTreeSet::new(),
            continues: subjects("continues"),
            leaves: leaves.collect(),
            effects: effects.collect(),
        };
        whole.settled(false)
    }

    /// Takes the ghosts out of those who enter; where the run is held everybody
    /// waits, and nothing comes of anybody.
    fn settled(mut self, is_held: bool) -> Outcome {
        self.effects.sort();
        if is_held {
            Outcome {
                held: self.entered,
                ..Outcome { continues: self.continues, leaves: self.leaves, ..Outcome::default() }
            }
        } else {
            self.entered.retain(|subject| !self.ghosts.contains(subject));
            self
        }
    }
}

/// Who is on the way, by the ids of the enrollments.
pub async fn on_their_way(pool: &PgPool) -> BTreeSet<Uuid> {
    let ids: Vec<Uuid> =
        sqlx::query_scalar("select id from keepwell.enrollments where state = 'active'").fetch_all(pool).await.unwrap();
    ids.into_iter().collect()
}

/// Its playbook, id, subject, slot, state and reason.
type EnrollmentRow = (String, Uuid, String, Option<Instant>, String, Option<String>);

/// What came of every playbook at a slot, by its id: `before` were on the way
/// until then.
pub async fn happened(pool: &PgPool, slot: Instant, before: &BTreeSet<Uuid>) -> BTreeMap<String, Outcome> {
    let rows: Vec<EnrollmentRow> = sqlx::query_as(
        "select playbook, id, account_id || case contact_id when '' then '' else '/' || contact_id end, run_slot, state,
                reason
         from keepwell.enrollments",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut outcomes: BTreeMap<String, Outcome> = BTreeMap::new();
    let mut new = BTreeMap::new();
    for (playbook, id, subject, run_slot, state, reason) in rows {
        let outcome = outcomes.entry(playbook.clone()).or_default();
        if before.contains(&id) {
            match state.as_str() {
                "active" => _ = outcome.continues.insert(subject),
                _ => _ = outcome.leaves.insert(subject, leaver(&state, reason.as_deref())),
            }
        } else if run_slot == Some(slot) {
            new.insert(id, (playbook, subject.clone()));
            match state.as_str() {
                "held" => outcome.held.insert(subject),
                "ghost" => outcome.ghosts.insert(subject),
                _ => outcome.entered.insert(subject),
            };
        }
    }
    // What only says why there is none has no address.
    let rows: Vec<(Uuid, String, String, Option<String>)> = sqlx::query_as(
        "select enrollment_id, $1, step, assignee from keepwell.tasks
         union all select enrollment_id, case channel when 'email' then $2 when 'notice' then $3 else $4 end, step, to_address
           from keepwell.messages where to_address is not null and enrollment_id is not null",
    )
    .bind(kind::TASK)
    .bind(kind::MAIL)
    .bind(kind::NOTICE)
    .bind(kind::WEBHOOK)
    .fetch_all(pool)
    .await
    .unwrap();
    for (enrollment, kind, step, to) in rows {
        if let Some((playbook, subject)) = new.get(&enrollment)
            && let Some(outcome) = outcomes.get_mut(playbook)
        {
            outcome.effects.push(effect(subject, &kind, &step, to.as_deref()));
        }
    }
    outcomes.values_mut().for_each(|outcome| outcome.effects.sort());
    outcomes
}
