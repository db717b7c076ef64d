//! One task: what a person can say of it, with what comes of each word, and
//! taking it back.

use std::collections::HashMap;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::WebState;
use super::consequences::ChoicesView;
use super::fact::{self, Fact};
use super::page::{Frame, Notice, Trouble, Web, account_href, account_name, below, date, href, moment};
use crate::action::snooze::Snooze;
use crate::catalog;
use crate::clock::Instant;
use crate::playbook::source::SourceFile;
use crate::store::tasks::manual_changes::{TaskAct, TaskChange, TaskDeed};
use crate::store::tasks::undo::{RecentAct, Undone};
use crate::store::views::web::TaskRow;
use crate::zone::find_zone;

/// The longest outcome or reason, in characters.
const LONGEST: usize = 200;

/// Who is recorded as having said it. Nobody logs in yet.
const BY: &str = "a colleague";

const UNKNOWN: Trouble = Trouble::NotFound("There is no such task.");

/// A task as the templates show it; see `inbox.html` and `task.html`.
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
    due: Option<String>,
    overdue: bool,
    priority: String,
    description: Option<String>,
    checklist: Vec<String>,
    outcomes: Vec<String>,
    assignee: Option<String>,
    /// What names the assignee's inbox in a link.
    inbox: String,
    state: String,
    ended: Option<String>,
    outcome: Option<String>,
    /// Until when it is put off.
    snoozed: Option<String>,
    /// For whom the assignee covers.
    covers: Option<String>,
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
            "done" => format!("Completed {at}"),
            "dismissed" => format!("Dismissed {at}"),
            _ => format!("Closed by itself {at}"),
        }
    });
    TaskView {
        id: row.id,
        title: row.title,
        account_name: account_name(row.account_name, &row.account_id),
        account_href: account_href(&row.account_id),
        account: row.account_id,
        contact: row.contact_name,
        reason: about.unwrap_or_else(|| format!("The playbook {} asks for it.", row.playbook)),
        seen: row.enrolled_at.map(|at| date(at, web.zone)),
        facts: fact::all(&row.evidence, web.zone),
        due: row.due_at.map(|at| moment(at, web.zone)),
        overdue: row.state == "open" && row.due_at.is_some_and(|at| at < now),
        priority: row.priority,
        description: row.description,
        checklist: texts(&row.checklist),
        outcomes: texts(&row.outcomes),
        inbox: row.assignee.clone().unwrap_or_else(|| UNASSIGNED.to_owned()),
        assignee: row.assignee_name.or(row.assignee),
        snoozed: row
            .snoozed_until
            .filter(|until| row.state == "open" && *until > now)
            .map(|until| moment(until, web.zone)),
        escalated: row.escalated_at.map(|at| moment(at, web.zone)),
        handed: row.handed_from.zip(row.handed_at).map(|(from, at)| format!("From {from}, {}", moment(at, web.zone))),
        covers: row.reason.clone().filter(|_| row.state == "open"),
        state: row.state,
        ended,
        outcome: row.outcome.or(row.reason),
        created: moment(row.created_at, web.zone),
        playbook_href: below("/playbooks", &row.playbook),
        playbook: row.playbook,
        step: row.step,
        enrollment: row.enrollment_id,
    }
}

fn texts(list: &Json) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// What stands in a link for the tasks that nobody has.
pub(super) const UNASSIGNED: &str = "unassigned";

/// Reasons for a dismissal that `task_forms.html` offers, besides `other`.
const REASONS: [&str; 3] = ["not relevant", "already known", "wrong data"];

/// What a form about a task carries. All forms are read with it, so that a
/// page shown again can repeat what was typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct TaskForm {
    #[serde(default)]
    pub outcome: String,
    /// One of [`REASONS`], or `other`.
    #[serde(default)]
    pub why: String,
    #[serde(default)]
    pub because: String,
    /// Of a dismissal: whether the journey goes on (`go`) or ends (`stop`).
    #[serde(default)]
    pub rest: String,
    /// A duration.
    #[serde(default)]
    pub span: String,
    /// A date, which comes before the span.
    #[serde(default)]
    pub until: String,
    /// The inbox it was sent from, to which it goes back.
    #[serde(default)]
    pub inbox: String,
}

#[derive(Serialize)]
struct TaskPage {
    task: TaskView,
    /// `None` where it is not open.
    choices: Option<ChoicesView>,
    inbox_href: String,
    given: TaskForm,
}

/// The page of a task.
pub(super) async fn show(State(web): Web, Path(id): Path<String>) -> Result<Response, Trouble> {
    let id = id.parse().map_err(|_| UNKNOWN)?;
    let notice = match web.store.latest_act(id).await? {
        Some(act) => act_notice(&web, act).await?.filter(Notice::can_be_undone),
        None => None,
    };
    page(&web, id, StatusCode::OK, notice, TaskForm::default()).await
}

/// A person completed it.
pub(super) async fn complete(
    State(web): Web,
    Path(id): Path<String>,
    form: Result<Form<TaskForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let (id, given) = sent(&id, form)?;
    let outcome = given.outcome.trim();
    if outcome.chars().count() > LONGEST {
        return again(&web, id, "The outcome is too long: 200 characters are the limit.", given).await;
    }
    let outcome = Some(outcome).filter(|text| !text.is_empty()).map(str::to_owned);
    if outcome.is_none()
        && ChoicesView::of(&web, id, web.clock.now()).await?.is_some_and(|choices| choices.needs_outcome)
    {
        let words = "Please say with which outcome: a later step of the journey goes by it. The task is still open.";
        return again(&web, id, words, given).await;
    }
    carry_out(&web, id, TaskDeed::Complete { outcome }, given).await
}

/// A person says that it is not needed.
pub(super) async fn dismiss(
    State(web): Web,
    Path(id): Path<String>,
    form: Result<Form<TaskForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let (id, given) = sent(&id, form)?;
    let words = given.because.trim();
    let because = match given.why.as_str() {
        why if REASONS.contains(&why) && words.is_empty() => why.to_owned(),
        why if REASONS.contains(&why) => format!("{why}: {words}"),
        _ => words.to_owned(),
    };
    if because.is_empty() {
        return again(&web, id, "Please say why the task is not needed. It is still open.", given).await;
    }
    if because.chars().count() > LONGEST {
        return again(&web, id, "The reason is too long: 200 characters are the limit.", given).await;
    }
    let deed = match given.rest.as_str() {
        "stop" => TaskDeed::Stop { because },
        "go" => TaskDeed::Dismiss { because },
        _ if ChoicesView::of(&web, id, web.clock.now()).await?.is_some_and(|choices| choices.asks_rest) => {
            let words = "Please say whether the journey goes on or stops: a mail would follow. The task is still open.";
            return again(&web, id, words, given).await;
        }
        _ => TaskDeed::Dismiss { because },
    };
    carry_out(&web, id, deed, given).await
}

/// A person puts it off.
pub(super) async fn snooze(
    State(web): Web,
    Path(id): Path<String>,
    form: Result<Form<TaskForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let (id, given) = sent(&id, form)?;
    let until = if given.until.trim().is_empty() { &given.span } else { &given.until };
    let zone = web.store.task_zone(id).await?.ok_or(UNKNOWN)?;
    let zone = zone.and_then(|name| find_zone(&name)).unwrap_or(web.zone);
    match Snooze::read(until, web.clock.now(), &web.calendar, zone) {
        Some(snooze) => carry_out(&web, id, TaskDeed::Snooze(snooze), given).await,
        None => again(&web, id, "Please choose a later day. The task is as it was.", given).await,
    }
}

/// What the form under a notice carries.
#[derive(Debug, Deserialize)]
pub(super) struct UndoForm {
    act: String,
    /// The page it was sent from.
    #[serde(default)]
    back: String,
}

/// A person takes back what they did a moment ago.
pub(super) async fn undo(
    State(web): Web,
    form: Result<Form<UndoForm>, FormRejection>,
) -> Result<Response, Trouble> {
    const NOTHING: Trouble = Trouble::NotFound("There is nothing that could be undone.");
    let Ok(Form(given)) = form else { return Err(NOTHING) };
    let act = given.act.parse().map_err(|_| NOTHING)?;
    match web.store.undo_task_act(act, BY, web.clock.now()).await? {
        Undone::Done(_) => {
            let here = given.back.starts_with('/') && !given.back.starts_with("//") && !given.back.contains('\\');
            let back = if here { given.back.as_str() } else { "/" };
            Ok(Redirect::to(back).into_response())
        }
        Undone::TooLate => Err(Trouble::refusal(
            StatusCode::CONFLICT,
            "The 30 seconds are over, and what follows has begun. Nothing was undone.",
        )),
        Undone::Overtaken => Err(Trouble::refusal(
            StatusCode::CONFLICT,
            "Something has happened since that builds on it. Nothing was undone.",
        )),
        Undone::Unknown => Err(NOTHING),
    }
}

fn sent(id: &str, form: Result<Form<TaskForm>, FormRejection>) -> Result<(Uuid, TaskForm), Trouble> {
    let id = id.parse().map_err(|_| UNKNOWN)?;
    match form {
        Ok(Form(given)) => Ok((id, given)),
        Err(rejected) => Err(Trouble::refusal(rejected.status(), "The form could not be read. The task is unchanged.")),
    }
}

/// Does it, and goes back to the inbox, which says so.
async fn carry_out(web: &WebState, id: Uuid, deed: TaskDeed, given: TaskForm) -> Result<Response, Trouble> {
    let TaskAct { id: act, changes } = web.store.act_on_tasks(&[id], &deed, BY, web.clock.now()).await?;
    match changes.first().copied().unwrap_or(TaskChange::Unknown) {
        TaskChange::Changed => {
            let act = act.to_string();
            Ok(Redirect::to(&href("/", &[("csm", &given.inbox), ("act", &act)])).into_response())
        }
        TaskChange::NotOpen => {
            let notice = Notice::error("The task was not open any more, so nothing has changed.".to_owned());
            page(web, id, StatusCode::CONFLICT, Some(notice), given).await
        }
        TaskChange::NoSuchOutcome => {
            again(web, id, "The task does not offer this outcome. It is still open.", given).await
        }
        TaskChange::Unknown => Err(UNKNOWN),
    }
}

/// What was done a moment ago, with the way back as long as there is one.
pub(super) async fn act_notice(web: &WebState, act: Uuid) -> Result<Option<Notice>, Trouble> {
    let Some(recent) = web.store.recent_act(act).await? else { return Ok(None) };
    if recent.undone_at.is_some() {
        return Ok(Some(Notice::done(format!("Undone: {}", about(&recent)))));
    }
    let what = match recent.kind.as_str() {
        "complete" => format!("Completed: {}", about(&recent)),
        "dismiss" => format!("Dismissed: {}", about(&recent)),
        "stop" => format!("Dismissed, and the journey stops: {}", about(&recent)),
        "snooze" => match recent.snoozed_until {
            Some(until) => format!("Put off until {}: {}", moment(until, web.zone), about(&recent)),
            None => format!("Put off: {}", about(&recent)),
        },
        _ => {
            let names = web.store.csm_names().await?;
            let to = recent.assignee.as_ref().map_or("nobody", |to| {
                names.iter().find(|(id, _)| id == to).map_or(to.as_str(), |(_, name)| name.as_str())
            });
            format!("Given to {to}: {}", about(&recent))
        }
    };
    let notice = Notice::done(what);
    Ok(Some(if recent.undo_until > web.clock.now() { notice.with_undo(act) } else { notice }))
}

fn about(act: &RecentAct) -> String {
    if act.tasks == 1 { act.title.clone() } else { format!("{} tasks", act.tasks) }
}

/// The page once more, with what was typed and what is wrong with it.
async fn again(web: &WebState, id: Uuid, words: &str, given: TaskForm) -> Result<Response, Trouble> {
    page(web, id, StatusCode::UNPROCESSABLE_ENTITY, Some(Notice::error(words.to_owned())), given).await
}

async fn page(
    web: &WebState,
    id: Uuid,
    status: StatusCode,
    notice: Option<Notice>,
    given: TaskForm,
) -> Result<Response, Trouble> {
    let now = web.clock.now();
    let row = web.store.task_row(id).await?.ok_or(UNKNOWN)?;
    let task = views(web, vec![row], now).await?.pop().ok_or(UNKNOWN)?;
    let choices = ChoicesView::of(web, id, now).await?;
    let inbox = if given.inbox.is_empty() { &task.inbox } else { &given.inbox };
    let inbox_href = href("/", &[("csm", inbox)]);
    let back = format!("/tasks/{id}");
    let frame = Frame::new(web, "inbox", notice.map(|notice| notice.back_to(&back))).await?;
    frame.page(status, "task.html", TaskPage { task, choices, inbox_href, given })
}
