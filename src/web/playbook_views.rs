//! What the pages about playbooks show of a playbook, its runs and those in it.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::Serialize;
use serde_json::Value as Json;

use super::impact_words::{sentences, summary};
use super::journey::{JourneyLine, StateCount, state_label};
use super::page::{account_href, account_name, below, list_in_words, moment};
use super::stop_words::reason_words;
use super::stored_words::stored_words;
use super::visitor::actor_words;
use crate::diagnostic::Diagnostic;
use crate::facts::SubjectId;
use crate::impact::{Group, Impact};
use crate::store::runs::run_id;
use crate::store::upkeep::stopped::Stop;
use crate::store::views::web::{EnrollmentRow, HeldRow, RunRow};

/// How many undecided subjects of a run are named.
const DETAILS: usize = 20;

#[derive(Serialize)]
pub struct PlaybookList {
    pub broken: Vec<Broken>,
    pub playbooks: Vec<Summary>,
}

#[derive(Serialize)]
pub struct Broken {
    pub file: String,
    pub findings: Json,
}

/// By whom a playbook is stopped, and why.
#[derive(Serialize)]
pub struct PlaybookStop {
    by: String,
    reason: Option<String>,
}

impl PlaybookStop {
    pub fn of(stop: &Stop) -> PlaybookStop {
        PlaybookStop { by: actor_words(&stop.by).into_owned(), reason: reason_words(stop) }
    }
}

/// A playbook as far as its published text says.
#[derive(Serialize)]
pub struct Summary {
    pub id: String,
    pub href: String,
    pub about: Option<String>,
    /// The names that it had before.
    pub was: Vec<String>,
    /// `None` when this version cannot read the text.
    pub mode: Option<&'static str>,
    pub schedule: Option<String>,
    pub next_slot: Option<String>,
    pub goal: Option<String>,
    pub contacts: bool,
    pub file: String,
    /// Whether its file was taken away, which pauses it.
    pub gone: bool,
    pub revision: String,
    pub findings: Json,
    /// How many are on their way, and how many wait for a person, where anybody does.
    pub active: String,
    pub held: Option<String>,
    /// By whom and why it is stopped, if it is itself.
    pub stop: Option<PlaybookStop>,
    /// Why its latest run failed, if it did.
    pub trouble: Option<String>,
    pub runs: Vec<RunView>,
}

#[derive(Serialize)]
pub struct RunView {
    pub id: String,
    /// Its page among the approvals.
    pub href: String,
    pub state: String,
    pub when: String,
    pub kind: String,
    pub reason: Option<String>,
    pub candidates: i64,
    pub enrolled: i64,
    pub ghosts: i64,
    pub waiting: Option<i64>,
    pub approved_by: Option<String>,
    pub skipped: Vec<Skipped>,
    /// Some of those who wait in it, with what was read of them.
    pub sample: Vec<Detail>,
    pub details: Vec<Detail>,
    pub more_details: usize,
}

#[derive(Serialize)]
pub struct Skipped {
    pub reason: String,
    pub count: i64,
}

#[derive(Serialize)]
pub struct Detail {
    pub account: String,
    pub account_href: String,
    pub message: String,
}

#[derive(Serialize)]
pub struct PlaybookPage {
    pub playbook: Summary,
    /// Warnings of names that the customer store was never seen to hold.
    pub unseen: Vec<Diagnostic>,
    pub messages_href: String,
    /// When it is looked at next.
    pub slots: Vec<String>,
    /// The page that asks whether to stop it, or to let it go on.
    pub stop_href: String,
    pub plan_href: String,
    pub source_href: String,
    pub revisions_href: String,
    pub people_href: String,
    pub journey: Vec<JourneyLine>,
    pub counts: Vec<StateCount>,
    /// How many stand or left at steps that the text does not have.
    pub elsewhere: i64,
    /// Of how many the reasons were read at a step, where there are more.
    pub reasons_of: Option<i64>,
    pub runs: Vec<RunView>,
    pub enrollments: Vec<EnrollmentView>,
    /// Whether it helps.
    pub impact: ImpactView,
    pub behind: Vec<BehindView>,
    pub more: i64,
}

/// Those who stand at a step of an earlier revision.
#[derive(Serialize)]
pub struct BehindView {
    pub revision: String,
    pub published: String,
    pub step: String,
    pub count: i64,
}

/// Whether it helps, in words first.
#[derive(Serialize)]
pub struct ImpactView {
    as_of: Option<String>,
    pub summary: String,
    pub sentences: Vec<String>,
    /// Whether most of its tasks are dismissed, and why they are.
    pub poor: bool,
    pub reasons: Vec<Skipped>,
    /// Arms and variants with their figures.
    pub groups: Vec<GroupView>,
    /// What the ghosts did without, the kind as the reason.
    pub counted: Vec<Skipped>,
}

/// One arm or variant.
#[derive(Serialize)]
pub struct GroupView {
    /// The step whose texts are compared; `None` of an arm.
    pub step: Option<String>,
    pub name: String,
    pub drawn: i64,
    pub judged: i64,
    pub goal: i64,
    /// In percent.
    pub rate: i64,
}

#[derive(Serialize)]
pub struct EnrollmentView {
    pub account: String,
    pub account_href: String,
    pub account_name: String,
    pub contact: Option<String>,
    pub state: String,
    pub label: &'static str,
    pub shadow: bool,
    pub reason: Option<String>,
    pub step: Option<String>,
    pub due: Option<String>,
    pub started: String,
}

/// `as_of` is when it was found out, where that is not now.
pub fn impact_view(impact: &Impact, as_of: Option<String>, counted: BTreeMap<String, i64>) -> ImpactView {
    let skipped = |(reason, count): (&String, &i64)| Skipped { reason: reason.clone(), count: *count };
    let holdout = impact.holdout.iter().flat_map(|holdout| &holdout.groups).map(|group| group_view(None, group));
    let variants = impact.variants.iter().flat_map(|variants| {
        variants.comparison.groups.iter().map(|group| group_view(Some(variants.step.clone()), group))
    });
    let reasons = impact.spent.tasks.reasons.iter();
    ImpactView {
        as_of,
        summary: summary(impact),
        sentences: sentences(impact),
        poor: impact.spent.tasks.is_poor(),
        reasons: reasons.map(|(reason, count)| skipped((reason, count))).collect(),
        groups: holdout.chain(variants).collect(),
        counted: counted.iter().map(skipped).collect(),
    }
}

fn group_view(step: Option<String>, group: &Group) -> GroupView {
    GroupView {
        step,
        name: group.name.clone(),
        drawn: group.drawn,
        judged: group.goal.of,
        goal: group.goal.part,
        rate: (group.goal.rate() * 100.0).round() as i64,
    }
}

/// Why the latest of these runs failed, if it did; the newest comes first.
pub fn trouble(runs: &[RunView]) -> Option<String> {
    let latest = runs.first().filter(|run| run.state == "failed")?;
    Some(latest.reason.clone().unwrap_or_default())
}

pub fn run_view(run: RunRow, zone: Tz) -> RunView {
    let mut skipped: Vec<Skipped> = run
        .skipped
        .as_object()
        .into_iter()
        .flatten()
        .map(|(reason, count)| Skipped { reason: reason.clone(), count: count.as_i64().unwrap_or_default() })
        .collect();
    skipped.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.reason.cmp(&b.reason)));
    let details: Vec<Detail> = run
        .details
        .as_array()
        .into_iter()
        .flatten()
        .map(|detail| {
            let text = |key: &str| detail.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
            let subject = SubjectId { account: text("account"), contact: text("contact") };
            let account_href = account_href(&subject.account);
            Detail { account: subject.to_string(), account_href, message: text("message") }
        })
        .collect();
    let id = run_id(&run.playbook, run.slot);
    RunView {
        href: below("/approvals", &id),
        id,
        when: moment(run.slot, zone),
        waiting: run.ceiling.filter(|_| run.state == "held"),
        state: run.state,
        kind: run.kind,
        reason: run.reason.map(|reason| stored_words(&reason, zone)),
        candidates: run.candidates,
        enrolled: run.enrolled,
        ghosts: run.ghosts,
        approved_by: run.approved_by.map(|by| actor_words(&by).into_owned()),
        sample: Vec::new(),
        skipped,
        more_details: details.len().saturating_sub(DETAILS),
        details: details.into_iter().take(DETAILS).collect(),
    }
}

/// What somebody who waits in a held run is called, with whose contact it is.
pub fn held_name(one: &HeldRow) -> String {
    let account = account_name(one.account_name.clone(), &one.account_id);
    let contact = one.contact_name.as_ref().or(Some(&one.contact_id).filter(|id| !id.is_empty()));
    contact.map_or(account.clone(), |contact| list_in_words(&[account.as_str(), contact.as_str()]))
}

pub fn enrollment_view(row: EnrollmentRow, zone: Tz) -> EnrollmentView {
    EnrollmentView {
        account_name: account_name(row.account_name, &row.account_id),
        account_href: account_href(&row.account_id),
        account: row.account_id,
        contact: row.contact_name,
        label: state_label(&row.state),
        state: row.state,
        shadow: row.shadow,
        reason: row.reason.map(|reason| stored_words(&reason, zone)),
        step: row.step,
        due: row.due_at.map(|at| moment(at, zone)),
        started: moment(row.started_at, zone),
    }
}
