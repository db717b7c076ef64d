//! For customers: no more mail, from a link or from one click of their mail
//! program (RFC 8058).
//!
//! Programs that look at links before people do send GET, so GET never changes
//! anything. What a POST says in its body does not matter, and it needs no
//! cookie and leads nowhere else. A token that is not ours is never said to have
//! worked: whoever clicks would wait for an end that does not come.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use minijinja::value::Serde;
use serde::Serialize;

use super::WebState;
use super::damaged_link::{self, Purpose, without_damage};
use super::page::{Trouble, Web, below, render};

#[derive(Serialize)]
struct Unsubscribe<'a> {
    sender: &'a str,
    done: bool,
    action: String,
    choices: String,
}

/// Asks whether it is meant.
pub(super) async fn ask(State(web): Web, Path(token): Path<String>) -> Result<Response, Trouble> {
    let token = without_damage(&token);
    if !web.store.is_link(&token).await? {
        return damaged_link::page(&web, Purpose::Unsubscribe);
    }
    page(&web, &token, false)
}

/// Does it.
pub(super) async fn take(State(web): Web, Path(token): Path<String>) -> Result<Response, Trouble> {
    let token = without_damage(&token);
    if !web.store.suppress_by_token(&token, web.clock.now()).await? {
        return damaged_link::page(&web, Purpose::Unsubscribe);
    }
    page(&web, &token, true)
}

fn page(web: &WebState, token: &str, done: bool) -> Result<Response, Trouble> {
    let (action, choices) = (below("/u", token), below("/p", token));
    let values = Unsubscribe { sender: &web.sender, done, action, choices };
    Ok((StatusCode::OK, Html(render("unsubscribe.html", Serde(values).into())?)).into_response())
}
