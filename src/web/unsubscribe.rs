//! For customers: no more mail, from a link or from one click of their mail
//! program (RFC 8058).
//!
//! Programs that look at links before people do send GET, so GET never changes
//! anything. What a POST says in its body does not matter, and it needs no
//! cookie and leads nowhere else. A token that is not ours is never said to have
//! worked: whoever clicks would wait for an end that does not come.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::WebState;
use super::customer::{CustomerFrame, readers_of};
use super::damaged_link::{self, Purpose, without_damage};
use super::page::{Trouble, Web, below};

#[derive(Serialize)]
struct UnsubscribePage {
    /// `ask`, `done` or `already`.
    stage: &'static str,
    action: String,
    choices: String,
}

/// Asks whether it is meant, or says that it was done.
pub(super) async fn ask(State(web): Web, Path(token): Path<String>, headers: HeaderMap) -> Result<Response, Trouble> {
    let token = without_damage(&token);
    match web.store.is_unsubscribed(&token).await? {
        None => damaged_link::page(&web, &headers, Purpose::Unsubscribe),
        Some(false) => page(&web, &headers, &token, "ask").await,
        Some(true) => page(&web, &headers, &token, "already").await,
    }
}

/// Does it.
pub(super) async fn take(State(web): Web, Path(token): Path<String>, headers: HeaderMap) -> Result<Response, Trouble> {
    let token = without_damage(&token);
    let is_done = web.store.is_unsubscribed(&token).await?;
    if !web.store.suppress_by_token(&token, web.clock.now()).await? {
        return damaged_link::page(&web, &headers, Purpose::Unsubscribe);
    }
    page(&web, &headers, &token, if is_done == Some(true) { "already" } else { "done" }).await
}

async fn page(web: &WebState, headers: &HeaderMap, token: &str, stage: &'static str) -> Result<Response, Trouble> {
    let page = UnsubscribePage { stage, action: below("/u", token), choices: below("/p", token) };
    let readers = readers_of(web, token).await;
    CustomerFrame::new(web, &readers, headers).page(StatusCode::OK, "unsubscribe.html", page)
}
