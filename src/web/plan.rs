//! What a playbook would do now: the run's own decisions, with nothing written.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::WebState;
use super::fact::{self, Fact};
use super::journey::state_label;
use super::language::{phrase, say, translated};
use super::page::{Frame, Trouble, Web, account_href, below, moment};
use super::playbooks::find_playbook;
use super::stored_words::stored_words;
use super::turn::in_turn;
use super::workload::WorkloadView;
use crate::facts::SubjectId;
use crate::worker::revision_cache::compile_revision;
use crate::worker::runs::first_mails::Fate;
use crate::worker::runs::plan::{Plan, Rendering, count_by_step, plan_all};

/// How many of each kind are named.
const NAMED: usize = 50;

#[derive(Serialize)]
struct PlanPage {
    playbook: String,
    playbook_href: String,
    slot: String,
    /// Why there is no plan, or none of the run.
    trouble: Option<String>,
    plan: Option<PlanView>,
}

#[derive(Serialize)]
struct PlanView {
    hold: Option<String>,
    candidates: usize,
    entering: usize,
    ghosts: usize,
    enter: Vec<EnterView>,
    skipped: Vec<CountView>,
    undecided: Vec<NamedView>,
    way: Vec<WayView>,
    continues: usize,
    leaving: usize,
    leaves: Vec<NamedView>,
    /// What becomes of the first mails, in words.
    mails: Vec<CountView>,
    workload: Vec<WorkloadView>,
}

#[derive(Serialize)]
struct EnterView {
    name: String,
    href: String,
    held_out: bool,
    values: Vec<Fact>,
    also_in: Vec<String>,
}

#[derive(Serialize)]
struct CountView {
    label: String,
    count: usize,
}

#[derive(Serialize)]
struct NamedView {
    name: String,
    href: String,
    words: String,
}

#[derive(Serialize)]
struct WayView {
    when: String,
    kind: &'static str,
    step: String,
    count: usize,
}

/// The plan of the revision in force, for this moment.
pub(super) async fn show(State(web): Web, Path(id): Path<String>) -> Result<Response, Trouble> {
    let published = find_playbook(&web, &id).await?;
    let now = web.clock.now();
    let (trouble, plan) = match in_turn(&web, make(web.clone(), id.clone(), published.revision)).await {
        Err(no_answer) => (Some(say!("There is no plan: {why}.", why = no_answer.words())), None),
        Ok(made) => match made? {
            Err(why) => (Some(say!("There is no plan: {why}.", why = translated(&why))), None),
            Ok(plan) => {
                let reason = plan.reason.as_ref().map(|reason| stored_words(reason, web.zone));
                (reason.map(|reason| say!("Nobody would enter: {reason}.", reason = reason)), Some(plan))
            }
        },
    };
    let page = PlanPage {
        playbook_href: below("/playbooks", &id),
        slot: moment(now, web.zone),
        trouble,
        plan: plan.map(|plan| view(&web, &plan)),
        playbook: id,
    };
    Frame::new(&web, "playbooks", None).await?.page(StatusCode::OK, "plan.html", page)
}

/// The plan, or why this version cannot make one.
async fn make(web: Arc<WebState>, playbook: String, revision: String) -> anyhow::Result<Result<Plan, String>> {
    let shared = &web.shared;
    let compiled = compile_revision(&shared.store, &shared.config, &playbook, &revision).await?;
    let loaded = match compiled {
        Some(Ok(loaded)) => loaded,
        Some(Err(why)) => return Ok(Err(why)),
        None => return Ok(Err(phrase!("its revision was never published").to_owned())),
    };
    let rendering = Rendering { texts: false, mails: false, account: None };
    let plans = plan_all(shared, vec![loaded.ready], None, web.clock.now(), rendering).await?;
    Ok(plans.into_iter().next().ok_or_else(|| phrase!("it was not planned").to_owned()))
}

fn view(web: &WebState, plan: &Plan) -> PlanView {
    let name = |subject: &SubjectId| match plan.names.get(&subject.account) {
        Some(name) if subject.contact.is_empty() => name.clone(),
        Some(name) => format!("{name}, {}", subject.contact),
        None => subject.to_string(),
    };
    let named = |subject: &SubjectId, words: String| NamedView {
        name: name(subject),
        href: account_href(&subject.account),
        words,
    };
    let enter = |subject: &SubjectId| EnterView {
        name: name(subject),
        href: account_href(&subject.account),
        held_out: plan.ghosts.contains(subject),
        values: plan.values.get(subject).map_or(Vec::new(), |values| fact::all(&values.clone().into(), web.zone)),
        also_in: plan.collisions.get(subject).into_iter().flatten().cloned().collect(),
    };
    let way = count_by_step(&plan.effects).into_iter();
    let leaves = plan.leaves.iter().take(NAMED).map(|leaver| {
        let state = translated(state_label(leaver.state.name()));
        let reason = leaver.reason.as_deref().filter(|reason| *reason != leaver.state.name());
        let words = match reason.map(|reason| stored_words(reason, web.zone)) {
            Some(reason) => say!("{state}: {reason}", state = state, reason = reason),
            None => state.into_owned(),
        };
        named(&leaver.subject, words)
    });
    PlanView {
        hold: plan.hold.as_ref().map(|reason| stored_words(reason, web.zone)),
        candidates: plan.candidates,
        entering: plan.enter.len(),
        ghosts: plan.ghosts.len(),
        enter: plan.enter.iter().take(NAMED).map(enter).collect(),
        skipped: plan
            .skipped
            .iter()
            .map(|(reason, count)| CountView { label: translated(reason).into_owned(), count: *count })
            .collect(),
        undecided: plan.undecided.iter().take(NAMED).map(|(subject, why)| named(subject, why.clone())).collect(),
        way: way
            .map(|((after, step, kind), count)| WayView { when: offset(after), kind, step: step.to_owned(), count })
            .collect(),
        continues: plan.continues.len(),
        leaving: plan.leaves.len(),
        leaves: leaves.collect(),
        mails: mails(plan),
        workload: plan.workload.iter().map(WorkloadView::of).collect(),
    }
}

/// What would become of the first mails.
fn mails(plan: &Plan) -> Vec<CountView> {
    let count = |label: &str, count: usize| CountView { label: translated(label).into_owned(), count };
    let mut lines = vec![
        count(phrase!("would leave"), plan.mails_that(|fate| *fate == Fate::Leaves)),
        count(phrase!("would wait"), plan.mails_that(|fate| matches!(fate, Fate::Waits { .. }))),
        count(phrase!("would never leave"), plan.mails_that(|fate| matches!(fate, Fate::Never { .. }))),
    ];
    lines.extend(plan.unwritten.iter().map(|(reason, number)| CountView {
        label: say!("not written: {reason}", reason = translated(reason)),
        count: *number,
    }));
    lines.retain(|line| line.count > 0);
    lines
}

/// `At once`, `After 3 d 2 h`: to the minute.
fn offset(after: chrono::Duration) -> String {
    let (days, hours, minutes) = (after.num_days(), after.num_hours() % 24, after.num_minutes() % 60);
    let parts =
        [(days, say!("{n} d", n = days)), (hours, say!("{n} h", n = hours)), (minutes, say!("{n} min", n = minutes))];
    let parts: Vec<String> = parts.into_iter().filter(|(count, _)| *count != 0).map(|(_, words)| words).collect();
    if parts.is_empty() { say!("At once") } else { say!("After {time}", time = parts.join(" ")) }
}
