//! One task: what a person can say of it, with what comes of each word, and
//! taking it back.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::WebState;
use super::consequences::{ChoicesView, REASONS};
use super::days::reader_zone;
use super::language::{phrase, say, translated};
use super::page::{Frame, Notice, Trouble, Web, href, local_path, moment, with_pair};
use super::pane::{PaneView, pane};
use super::task_view::{TaskForm, UNASSIGNED};
use super::visitor::Visitor;
use crate::action::snooze::Snooze;
use crate::store::tasks::manual_changes::{TaskAct, TaskChange, TaskDeed};
use crate::store::tasks::undo::{RecentAct, Undone};

/// The longest outcome or reason, in characters.
const LONGEST: usize = 200;

pub(super) const UNKNOWN: Trouble = Trouble::NotFound("There is no such task.");

#[derive(Serialize)]
struct TaskPage {
    pane: PaneView,
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
    visitor: Visitor,
    Path(id): Path<String>,
    form: Result<Form<TaskForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let (id, given) = sent(&id, form)?;
    let outcome = given.outcome.trim();
    if outcome.chars().count() > LONGEST {
        return again(&web, id, phrase!("The outcome is too long: 200 characters are the limit."), given).await;
    }
    let outcome = Some(outcome).filter(|text| !text.is_empty()).map(str::to_owned);
    if outcome.is_none()
        && ChoicesView::of(&web, id, web.clock.now()).await?.is_some_and(|choices| choices.needs_outcome)
    {
        let words =
            phrase!("Please say with which outcome: a later step of the journey goes by it. The task is still open.");
        return again(&web, id, words, given).await;
    }
    carry_out(&web, &visitor, id, TaskDeed::Complete { outcome }, given).await
}

/// A person says that it is not needed.
pub(super) async fn dismiss(
    State(web): Web,
    visitor: Visitor,
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
        return again(&web, id, phrase!("Please say why the task is not needed. It is still open."), given).await;
    }
    if because.chars().count() > LONGEST {
        return again(&web, id, phrase!("The reason is too long: 200 characters are the limit."), given).await;
    }
    let deed = match given.rest.as_str() {
        "stop" => TaskDeed::Stop { because },
        "go" => TaskDeed::Dismiss { because },
        _ if ChoicesView::of(&web, id, web.clock.now()).await?.is_some_and(|choices| choices.asks_rest) => {
            let words = phrase!(
                "Please say whether the journey goes on or stops: a mail would follow. The task is still open."
            );
            return again(&web, id, words, given).await;
        }
        _ => TaskDeed::Dismiss { because },
    };
    carry_out(&web, &visitor, id, deed, given).await
}

/// A person puts it off.
pub(super) async fn snooze(
    State(web): Web,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Result<Form<TaskForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let (id, given) = sent(&id, form)?;
    let until = if given.until.trim().is_empty() { &given.span } else { &given.until };
    let zone = web.store.task_zone(id).await?.ok_or(UNKNOWN)?;
    let zone = reader_zone(zone.as_deref(), web.zone);
    match Snooze::read(until, web.clock.now(), &web.calendar, zone) {
        Some(snooze) => carry_out(&web, &visitor, id, TaskDeed::Snooze(snooze), given).await,
        None => again(&web, id, phrase!("Please choose a later day. The task is as it was."), given).await,
    }
}

/// A person gives it to somebody else.
pub(super) async fn reassign(
    State(web): Web,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Result<Form<TaskForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let (id, given) = sent(&id, form)?;
    let known = web.store.csm_names().await?.iter().any(|(csm, _)| *csm == given.to);
    if !known && given.to != UNASSIGNED {
        return again(&web, id, phrase!("Please choose who gets the task. It is as it was."), given).await;
    }
    carry_out(&web, &visitor, id, TaskDeed::Reassign { to: Some(given.to.clone()).filter(|_| known) }, given).await
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
    visitor: Visitor,
    form: Result<Form<UndoForm>, FormRejection>,
) -> Result<Response, Trouble> {
    const NOTHING: Trouble = Trouble::NotFound("There is nothing that could be undone.");
    let Ok(Form(given)) = form else { return Err(NOTHING) };
    let act = given.act.parse().map_err(|_| NOTHING)?;
    match web.store.undo_task_act(act, visitor.actor(), web.clock.now()).await? {
        Undone::Done(_) => Ok(Redirect::to(local_path(&given.back)).into_response()),
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

pub(super) fn sent(id: &str, form: Result<Form<TaskForm>, FormRejection>) -> Result<(Uuid, TaskForm), Trouble> {
    let id = id.parse().map_err(|_| UNKNOWN)?;
    match form {
        Ok(Form(given)) => Ok((id, given)),
        Err(rejected) => {
            Err(Trouble::refusal(rejected.status(), phrase!("The form could not be read. The task is unchanged.")))
        }
    }
}

/// Does it, and goes back to the inbox, which says so.
async fn carry_out(
    web: &WebState,
    visitor: &Visitor,
    id: Uuid,
    deed: TaskDeed,
    given: TaskForm,
) -> Result<Response, Trouble> {
    let TaskAct { id: act, changes } = web.store.act_on_tasks(&[id], &deed, visitor.actor(), web.clock.now()).await?;
    match changes.first().copied().unwrap_or(TaskChange::Unknown) {
        TaskChange::Changed => {
            Ok(Redirect::to(&with_pair(local_path(&given.back), "act", &act.to_string())).into_response())
        }
        TaskChange::NotOpen => {
            let notice = Notice::error(say!("The task was not open any more, so nothing has changed."));
            page(web, id, StatusCode::CONFLICT, Some(notice), given).await
        }
        TaskChange::NoSuchOutcome => {
            again(web, id, phrase!("The task does not offer this outcome. It is still open."), given).await
        }
        TaskChange::Unknown => Err(UNKNOWN),
    }
}

/// What was done a moment ago, with the way back as long as there is one.
pub(super) async fn act_notice(web: &WebState, act: Uuid) -> Result<Option<Notice>, Trouble> {
    let Some(recent) = web.store.recent_act(act).await? else { return Ok(None) };
    if recent.undone_at.is_some() {
        return Ok(Some(Notice::done(say!("Undone: {what}", what = about(&recent)))));
    }
    let what = about(&recent);
    let done = match recent.kind.as_str() {
        "complete" => say!("Completed: {what}", what = what),
        "dismiss" => say!("Dismissed: {what}", what = what),
        "stop" => say!("Dismissed, and the journey stops: {what}", what = what),
        "snooze" => match recent.snoozed_until {
            Some(until) => say!("Put off until {at}: {what}", at = moment(until, web.zone), what = what),
            None => say!("Put off: {what}", what = what),
        },
        _ => {
            let names = web.store.csm_names().await?;
            let name = |to: &String| {
                names.iter().find(|(id, _)| id == to).map_or_else(|| to.clone(), |(_, name)| name.clone())
            };
            match recent.assignee.as_ref().map(name) {
                Some(who) => say!("Given to {who}: {what}", who = who, what = what),
                None => say!("Given to nobody: {what}", what = what),
            }
        }
    };
    let notice = Notice::done(done);
    let left = (recent.undo_until - web.clock.now()).num_seconds();
    Ok(Some(if left > 0 { notice.with_undo(act, left) } else { notice }))
}

fn about(act: &RecentAct) -> String {
    if act.tasks == 1 { act.title.clone() } else { say!(act.tasks, "1 task", "{n} tasks", n = act.tasks) }
}

/// The page once more, with what was typed and what is wrong with it.
pub(super) async fn again(web: &WebState, id: Uuid, words: &str, given: TaskForm) -> Result<Response, Trouble> {
    page(web, id, StatusCode::UNPROCESSABLE_ENTITY, Some(Notice::error(translated(words).into_owned())), given).await
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
    let back = match given.back.as_str() {
        "" => href("/", &[("csm", row.assignee.as_deref().unwrap_or(UNASSIGNED))]),
        back => local_path(back).to_owned(),
    };
    let pane = pane(web, row, now, given, back).await?;
    let here = format!("/tasks/{id}");
    let frame = Frame::new(web, "inbox", notice.map(|notice| notice.back_to(&here))).await?;
    frame.page(status, "task.html", TaskPage { pane })
}
