//! What people leave on a task: ticks and notes.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, RawForm, State};
use axum::response::{IntoResponse, Redirect, Response};
use uuid::Uuid;

use super::language::phrase;
use super::page::{Trouble, Web, local_path, with_pair};
use super::task::{UNKNOWN, again, sent};
use super::task_view::TaskForm;
use super::visitor::Visitor;

/// The longest note, in characters.
const LONGEST: usize = 2_000;

/// The ticked items of a checklist, and no others.
pub(super) async fn tick(State(web): Web, Path(id): Path<String>, RawForm(body): RawForm) -> Result<Response, Trouble> {
    let id: Uuid = id.parse().map_err(|_| UNKNOWN)?;
    let (mut items, mut back) = (Vec::new(), String::new());
    for (name, value) in url::form_urlencoded::parse(&body) {
        match &*name {
            "item" => items.push(value.into_owned()),
            "back" => back = value.into_owned(),
            _ => {}
        }
    }
    if !web.store.tick_task(id, &items).await? && web.store.task_row(id).await?.is_none() {
        return Err(UNKNOWN);
    }
    Ok(to_task(id, &back))
}

/// One more note.
pub(super) async fn note(
    State(web): Web,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Result<Form<TaskForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let (id, given) = sent(&id, form)?;
    let note = given.note.trim();
    if note.is_empty() {
        return again(&web, id, phrase!("A note needs some words."), given).await;
    }
    if note.chars().count() > LONGEST {
        return again(&web, id, phrase!("The note is too long: 2,000 characters are the limit."), given).await;
    }
    if !web.store.note_on_task(id, note, visitor.actor(), web.clock.now()).await? {
        return Err(UNKNOWN);
    }
    Ok(to_task(id, &given.back))
}

/// The task in the list it was in; else its own page.
fn to_task(id: Uuid, back: &str) -> Response {
    let id = id.to_string();
    let path = match back {
        "" => format!("/tasks/{id}"),
        back => with_pair(local_path(back), "show", &id),
    };
    Redirect::to(&path).into_response()
}
