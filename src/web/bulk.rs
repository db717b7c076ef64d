//! The same word on several tasks of the list.

use axum::extract::{RawForm, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use uuid::Uuid;

use super::WebState;
use super::days::reader_zone;
use super::language::{phrase, say};
use super::outlook_words::outlook_lines;
use super::page::{Frame, Notice, Trouble, Web, account_name, local_path, with_pair};
use super::task_view::UNASSIGNED;
use super::visitor::Visitor;
use crate::action::snooze::Snooze;
use crate::clock::Instant;
use crate::rehearsal::explanation::{ConsequenceLine, TaskChoice};
use crate::store::tasks::manual_changes::TaskDeed;
use crate::worker::tasks::choices::task_choice;

/// Of how many tasks at most; a page of the list has fewer.
const AT_MOST: usize = 100;

/// What the form around the list carries.
#[derive(Debug, Default)]
struct BulkForm {
    tasks: Vec<Uuid>,
    /// `complete`, `snooze` or `reassign`.
    deed: String,
    span: String,
    /// A CSM's id; empty for nobody.
    to: String,
    back: String,
    /// Whether what follows was seen.
    sure: bool,
}

/// What `bulk.html` shows before tasks are completed.
#[derive(Serialize)]
struct BulkPage {
    tasks: Vec<BulkLine>,
    /// How many would be completed.
    ready: usize,
    back: String,
}

#[derive(Serialize)]
struct BulkLine {
    id: Uuid,
    title: String,
    account_name: String,
    /// Why it cannot be completed with the others.
    stays: Option<&'static str>,
    lines: Vec<ConsequenceLine>,
}

/// A person's word on the ticked tasks.
pub(super) async fn act(State(web): Web, visitor: Visitor, RawForm(body): RawForm) -> Result<Response, Trouble> {
    let form = read(&body)?;
    let now = web.clock.now();
    let back = local_path(&form.back).to_owned();
    if form.tasks.is_empty() {
        return Err(refused(phrase!("No task is ticked, so nothing has changed. Go back and tick some.")));
    }
    let (deed, tasks) = match form.deed.as_str() {
        "complete" => {
            let lines = lines(&web, &form.tasks, now).await?;
            let ready: Vec<Uuid> = lines.iter().filter(|line| line.stays.is_none()).map(|line| line.id).collect();
            if !form.sure || ready.is_empty() {
                let page = BulkPage { ready: ready.len(), tasks: lines, back };
                let notice = (page.ready == 0).then(|| Notice::error(say!("None of these can be completed together.")));
                return Frame::new(&web, "inbox", notice).await?.page(StatusCode::OK, "bulk.html", page);
            }
            (TaskDeed::Complete { outcome: None }, ready)
        }
        "snooze" => {
            let zone = web.store.task_zone(form.tasks[0]).await?.flatten();
            let zone = reader_zone(zone.as_deref(), web.zone);
            let snooze = Snooze::read(&form.span, now, &web.calendar, zone);
            let snooze = snooze.ok_or(refused(phrase!("Please choose until when. The tasks are as they were.")))?;
            (TaskDeed::Snooze(snooze), form.tasks.clone())
        }
        "reassign" => {
            let known = web.store.csm_names().await?.iter().any(|(id, _)| *id == form.to);
            if !known && form.to != UNASSIGNED {
                return Err(refused(phrase!("Please choose who gets them. The tasks are as they were.")));
            }
            (TaskDeed::Reassign { to: Some(form.to.clone()).filter(|_| known) }, form.tasks.clone())
        }
        _ => return Err(refused(phrase!("Please choose what to do with the tasks. They are as they were."))),
    };
    // What follows may have taken a while to see; the half minute to undo it begins now.
    let act = web.store.act_on_tasks(&tasks, &deed, visitor.actor(), web.clock.now()).await?;
    let left = form.tasks.len() - act.changed();
    let mut path = with_pair(&back, "act", &act.id.to_string());
    if left > 0 {
        path = with_pair(&path, "left", &left.to_string());
    }
    Ok(Redirect::to(&path).into_response())
}

fn refused(words: &'static str) -> Trouble {
    Trouble::refusal(StatusCode::UNPROCESSABLE_ENTITY, words)
}

fn read(body: &[u8]) -> Result<BulkForm, Trouble> {
    let mut form = BulkForm::default();
    for (name, value) in url::form_urlencoded::parse(body) {
        match &*name {
            "id" => form.tasks.extend(value.parse::<Uuid>().ok()),
            "deed" => form.deed = value.into_owned(),
            "span" => form.span = value.into_owned(),
            "to" => form.to = value.into_owned(),
            "back" => form.back = value.into_owned(),
            "sure" => form.sure = true,
            _ => {}
        }
    }
    form.tasks.sort_unstable();
    form.tasks.dedup();
    if form.tasks.len() > AT_MOST {
        return Err(refused(phrase!("These are too many at once: 100 is the limit. Nothing has changed.")));
    }
    Ok(form)
}

/// What would come of completing each.
async fn lines(web: &WebState, tasks: &[Uuid], now: Instant) -> Result<Vec<BulkLine>, Trouble> {
    let mut lines = Vec::with_capacity(tasks.len());
    for id in tasks {
        let Some(row) = web.store.task_row(*id).await? else { continue };
        let choice = TaskChoice::Complete { outcome: None };
        let choices = task_choice(&web.shared, *id, &choice, now).await?;
        let stays = match &choices {
            None => Some(phrase!("It is not open any more. It stays as it is.")),
            Some(choices) if choices.is_unknown() => {
                Some(phrase!("Nobody can say what follows from it. It stays as it is."))
            }
            Some(choices) if choices.needs_outcome => {
                Some(phrase!("It needs an outcome of its own: the journey goes by it. It stays as it is."))
            }
            Some(_) => None,
        };
        let outlook = choices.as_ref().and_then(|choices| choices.outlook(&choice));
        lines.push(BulkLine {
            id: *id,
            account_name: account_name(row.account_name, &row.account_id),
            title: row.title,
            stays,
            lines: outlook.map(|outlook| outlook_lines(outlook, now, web.zone)).unwrap_or_default(),
        });
    }
    Ok(lines)
}
