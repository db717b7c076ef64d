//! Whether somebody may: before every page that is not for anybody.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::WebState;
use super::login;
use super::page::{Notice, Trouble, href};
use crate::user::role::Role;

/// Lets those on who may do what this role may. Others learn what is missing;
/// who has not logged in is asked to.
pub(super) async fn permit(State((role, web)): State<(Role, Arc<WebState>)>, request: Request, next: Next) -> Response {
    let visitor = match web.identity.identify(&web, request.headers(), request.extensions()).await {
        Err(trouble) => return trouble.into_response(),
        Ok(None) => return ask(&request),
        Ok(Some(visitor)) => visitor,
    };
    if !visitor.may(role) {
        return Trouble::refusal(StatusCode::FORBIDDEN, missing(role)).into_response();
    }
    visitor.answer(next.run(request)).await
}

/// Asks who it is: by way of the login to the page that was wanted, and instead
/// of a deed, which is not done.
fn ask(request: &Request) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
        let pairs = [("then", wanted)];
        let pairs = if wanted == "/" { &pairs[..0] } else { &pairs[..] };
        return Redirect::to(&href("/login", pairs)).into_response();
    }
    let notice =
        Notice::error("You are not logged in any more, so nothing was done. Log in and do it again.".to_owned());
    login::page(StatusCode::UNAUTHORIZED, Some(notice), "", "/").into_response()
}

fn missing(role: Role) -> &'static str {
    match role {
        Role::Viewer => "Only users may see this.",
        Role::Csm => "Only CSMs, operators and admins may do this; your role is to look. An admin can change it.",
        Role::Operator => "Only operators and admins may do this. Ask one of them; an admin can also change your role.",
        Role::Admin => "Only admins may do this. Ask one of them.",
    }
}
