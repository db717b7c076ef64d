//! Whether somebody may: before every page that is not for anybody.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::counters;
use super::guard::is_for_customers;
use super::language::{phrase, say};
use super::login;
use super::page::{Notice, Trouble, Web, href};
use super::{Audience, WebState};
use crate::store::users::sessions::SessionUse;
use crate::user::role::Role;

/// Lets those on who may do what this role may. Others learn what is missing;
/// who has not logged in is asked to.
pub(super) async fn permit(State((role, web)): State<(Role, Arc<WebState>)>, request: Request, next: Next) -> Response {
    let by = match request.uri().path() {
        counters::PATH => SessionUse::Script,
        _ => SessionUse::Person,
    };
    let visitor = match web.identity.identify(&web, request.headers(), request.extensions(), by).await {
        Err(trouble) => return trouble.into_response(),
        Ok(None) => return ask(&request),
        Ok(Some(visitor)) => visitor,
    };
    if !visitor.may(role) {
        return visitor.answer(async { Trouble::refusal(StatusCode::FORBIDDEN, missing(role)).into_response() }).await;
    }
    visitor.answer(next.run(request)).await
}

/// For paths that lead nowhere.
pub(super) async fn nothing_here(audience: Audience, State(web): Web, request: Request) -> Response {
    refuse(audience, &web, request.into_parts().0, Trouble::NotFound("There is no such page.")).await
}

/// For methods that a path does not know.
pub(super) async fn not_possible(audience: Audience, State(web): Web, request: Request) -> Response {
    let trouble = Trouble::refusal(StatusCode::METHOD_NOT_ALLOWED, "This page cannot do that.");
    refuse(audience, &web, request.into_parts().0, trouble).await
}

/// Says why there is no page, to colleagues with the way to others.
async fn refuse(audience: Audience, web: &WebState, request: Parts, trouble: Trouble) -> Response {
    let visitor = match audience {
        Audience::Colleagues if !is_for_customers(request.uri.path()) => {
            web.identity.identify(web, &request.headers, &request.extensions, SessionUse::Person).await
        }
        _ => Ok(None),
    };
    match visitor {
        Ok(Some(visitor)) => visitor.answer(async { trouble.into_response() }).await,
        // Why nobody knows who it is does not matter here.
        Ok(None) | Err(_) => trouble.into_response(),
    }
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
    let notice = Notice::error(say!("You are not logged in any more, so nothing was done. Log in and do it again."));
    login::page(StatusCode::UNAUTHORIZED, Some(notice), "", "/").into_response()
}

fn missing(role: Role) -> &'static str {
    match role {
        Role::Viewer => phrase!("Only users may see this."),
        Role::Csm => {
            phrase!("Only CSMs, operators and admins may do this; your role is to look. An admin can change it.")
        }
        Role::Operator => {
            phrase!("Only operators and admins may do this. Ask one of them; an admin can also change your role.")
        }
        Role::Admin => phrase!("Only admins may do this. Ask one of them."),
    }
}
