//! A task as pages show it, and what forms about one carry.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::WebState;
use super::consequences::REASONS;
use super::days::{due_day, reader_zone};
use super::fact::{self, Fact};
use super::language::{say, translated};
use super::page::{Trouble, account_href, account_name, below, date, moment};
use crate::catalog;
use crate::clock::Instant;
use crate::playbook::source::SourceFile;
use crate::store::views::web::TaskRow;

/// What stands in a link for the tasks that nobody has.
pub(super) const UNASSIGNED: &str = "unassigned";

/// A task as the templates show it; see `task_pane.html`.
#[derive(Debug, Serialize)]
pub(super) struct TaskView {
    id: Uuid,
    title: String,
    account: String,
    account_href: String,
    account_name: String,
    contact: Option<String>,
    reason: String,
    seen: Option<String>,
    facts: Vec<Fact>,
    /// The day in the zone of whoever does it, and the moment.
    due: Option<String>,
    due_moment: Option<String>,
    overdue: bool,
    priority: String,
    description: Option<String>,
    checklist: Vec<Item>,
    outcomes: Vec<String>,
    /// Who does it, and for whom they cover.
    assignee: String,
    state: String,
    ended: Option<String>,
    outcome: Option<String>,
    /// Until when it is put off.
    snoozed: Option<String>,
    /// Who had it before, and since when they have it no more.
    handed: Option<String>,
    /// When the manager was notified.
    escalated: Option<String>,
    created: String,
    playbook: String,
    playbook_href: String,
    step: String,
    enrollment: Uuid,
}

/// An item of a checklist.
#[derive(Debug, Serialize)]
struct Item {
    text: String,
    ticked: bool,
}

/// The tasks of these rows. Why a playbook gives tasks is said by the revision
/// that gave them.
pub(super) async fn views(web: &WebState, rows: Vec<TaskRow>, now: Instant) -> Result<Vec<TaskView>, Trouble> {
    let mut wanted: Vec<(&str, &str)> = rows.iter().map(|row| (&*row.playbook, &*row.revision)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let texts = web.store.revision_texts(&wanted).await?;
    let abouts: HashMap<(String, String), String> = texts
        .into_iter()
        .filter_map(|text| {
            let file = SourceFile { path: text.file.into(), text: text.text.into() };
            let about = catalog::parse(&file, &mut Vec::new())?.about?;
            Some(((text.playbook, text.revision), about))
        })
        .collect();
    Ok(rows.into_iter().map(|row| view(web, row, &abouts, now)).collect())
}

fn view(web: &WebState, row: TaskRow, abouts: &HashMap<(String, String), String>, now: Instant) -> TaskView {
    let about = abouts.get(&(row.playbook.clone(), row.revision)).cloned();
    let ended = row.ended_at.map(|at| {
        let at = moment(at, web.zone);
        match row.state.as_str() {
            "done" => say!("Completed {at}", at = at),
            "dismissed" => say!("Dismissed {at}", at = at),
            _ => say!("Closed by itself {at}", at = at),
        }
    });
    let assignee = match (row.assignee_name.or(row.assignee), row.reason.as_deref().filter(|_| row.state == "open")) {
        (None, _) => say!("Nobody yet"),
        (Some(who), None) => who,
        (Some(who), Some(reason)) => match (reason.strip_prefix("covers for "), reason.strip_prefix("took over from "))
        {
            (Some(whom), _) => say!("{who}, who covers for {whom}", who = who, whom = whom),
            (_, Some(whom)) => say!("{who}, who took over from {whom}", who = who, whom = whom),
            (None, None) => say!("{who}, who {reason}", who = who, reason = reason),
        },
    };
    TaskView {
        id: row.id,
        assignee,
        title: row.title,
        account_name: account_name(row.account_name, &row.account_id),
        account_href: account_href(&row.account_id),
        account: row.account_id,
        contact: row.contact_name,
        reason: about.unwrap_or_else(|| say!("The playbook {playbook} asks for it.", playbook = row.playbook)),
        seen: row.enrolled_at.map(|at| date(at, web.zone)),
        facts: fact::all(&row.evidence, web.zone),
        due: row.due_at.map(|due| due_day(due, now, reader_zone(row.timezone.as_deref(), web.zone), &web.calendar)),
        due_moment: row.due_at.map(|at| moment(at, web.zone)),
        overdue: row.state == "open" && row.due_at.is_some_and(|at| at < now),
        priority: row.priority,
        description: row.description,
        checklist: items(&row.checklist, &row.ticked),
        outcomes: texts(&row.outcomes),
        snoozed: row
            .snoozed_until
            .filter(|until| row.state == "open" && *until > now)
            .map(|until| moment(until, web.zone)),
        escalated: row.escalated_at.map(|at| moment(at, web.zone)),
        handed: row
            .handed_from
            .zip(row.handed_at)
            .map(|(from, at)| say!("From {who}, {at}", who = from, at = moment(at, web.zone))),
        state: row.state,
        ended,
        outcome: row.outcome.or(row.reason.map(|reason| why_ended(&reason))),
        created: moment(row.created_at, web.zone),
        playbook_href: below("/playbooks", &row.playbook),
        playbook: row.playbook,
        step: row.step,
        enrollment: row.enrollment_id,
    }
}

/// Why a task ended: a reason that the form offers is said, and a person's own words stand behind it.
pub(super) fn why_ended(reason: &str) -> String {
    let (begin, own) = reason.split_once(": ").unwrap_or((reason, ""));
    match (REASONS.contains(&begin), own) {
        (true, "") => translated(begin).into_owned(),
        (true, own) => say!("{what}: {reason}", what = translated(begin), reason = own),
        (false, _) => translated(reason).into_owned(),
    }
}

fn items(checklist: &Json, ticked: &Json) -> Vec<Item> {
    let ticked = texts(ticked);
    texts(checklist).into_iter().map(|text| Item { ticked: ticked.contains(&text), text }).collect()
}

fn texts(list: &Json) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// What a form about a task carries. All forms are read with it, so that a
/// page shown again can repeat what was typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct TaskForm {
    #[serde(default)]
    pub outcome: String,
    /// One of the reasons that the form offers, or `other`.
    #[serde(default)]
    pub why: String,
    #[serde(default)]
    pub because: String,
    /// Of a dismissal: whether the journey goes on (`go`) or ends (`stop`).
    #[serde(default)]
    pub rest: String,
    /// What a note says.
    #[serde(default)]
    pub note: String,
    /// A duration.
    #[serde(default)]
    pub span: String,
    /// A date, which comes before the span.
    #[serde(default)]
    pub until: String,
    /// To whom it is given: a CSM's id, or `unassigned`.
    #[serde(default)]
    pub to: String,
    /// The list it was sent from, to which it goes back.
    #[serde(default)]
    pub back: String,
}
