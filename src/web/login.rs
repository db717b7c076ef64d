//! Logging in and out, and setting a password by a link.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::context;
use serde::Deserialize;

use super::WebState;
use super::language::{phrase, say, translated};
use super::page::{Notice, Trouble, Web, render};
use crate::store::users::sessions::{LONGEST_SESSION, SessionUse};
use crate::user::attempts::AttemptScope;
use crate::user::password::{LONGEST, PasswordError, SHORTEST, hash_password, is_password};
use crate::user::user_name;

/// What is said to whoever cannot log in, whatever the reason.
const WRONG: &str = phrase!("The name or the password is not right.");

const USED: Trouble = Trouble::NotFound("This link has been used or has expired. An admin can make a new one.");

/// Which page is wanted after the login.
#[derive(Debug, Deserialize)]
pub(super) struct LoginQuery {
    #[serde(default)]
    then: String,
}

#[derive(Deserialize)]
pub(super) struct LoginForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    then: String,
}

#[derive(Deserialize)]
pub(super) struct PasswordForm {
    #[serde(default)]
    password: String,
    #[serde(default)]
    again: String,
}

/// The form; who is known already needs none.
pub(super) async fn show(
    State(web): Web,
    Query(asked): Query<LoginQuery>,
    request: Request,
) -> Result<Response, Trouble> {
    let then = page_here(&asked.then);
    match web.identity.identify(&web, request.headers(), request.extensions(), SessionUse::Person).await? {
        Some(_) => Ok(Redirect::to(then).into_response()),
        None => page(StatusCode::OK, None, "", then),
    }
}

/// Opens a session for whoever knows the password.
pub(super) async fn log_in(
    State(web): Web,
    headers: HeaderMap,
    extensions: Extensions,
    form: Result<Form<LoginForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let Form(given) = form.map_err(unreadable)?;
    let then = page_here(&given.then);
    let client = web.identity.client(&headers, &extensions);
    let scopes = AttemptScope::of_login(&given.name, client);
    if let Err(waiting) = web.store.begin_attempt(&scopes, web.clock.now()).await? {
        let seconds = waiting.num_seconds() + 1;
        let words = say!(
            seconds,
            "There were too many attempts. Please try again in 1 second.",
            "There were too many attempts. Please try again in {n} seconds.",
            n = seconds
        );
        let mut response = page(StatusCode::TOO_MANY_REQUESTS, Some(Notice::error(words)), &given.name, then)?;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.unsigned_abs()));
        return Ok(response);
    }
    let name = user_name(&given.name);
    let kept = match &name {
        Some(name) => web.store.password_of(name).await?,
        None => None,
    };
    let password = given.password;
    // A password of nobody is checked as well, so that the answer takes as long.
    let is_right = hashing(&web, move || is_password(&password, kept.as_deref())).await?;
    let Some(name) = name.filter(|_| is_right) else {
        return page(StatusCode::UNAUTHORIZED, Some(Notice::error(translated(WRONG).into_owned())), &given.name, then);
    };
    web.store.forgive_attempt(&scopes, web.clock.now()).await?;
    let before = web.identity.cookie.read(&headers);
    begin(&web, &name, before, then).await
}

/// Ends the session.
pub(super) async fn log_out(State(web): Web, headers: HeaderMap) -> Result<Response, Trouble> {
    let cookie = web.identity.cookie;
    if let Some(token) = cookie.read(&headers) {
        web.store.close_session(token).await?;
    }
    Ok(([(header::SET_COOKIE, cookie.remove())], Redirect::to("/login")).into_response())
}

/// What a link of an admin leads to. Only the form uses it up: programs that
/// look at mail open every link.
pub(super) async fn ask_password(State(web): Web, Path(token): Path<String>) -> Result<Response, Trouble> {
    let name = web.store.password_link_user(&token, web.clock.now()).await?.ok_or(USED)?;
    password_page(StatusCode::OK, &token, &name, None)
}

/// Sets the password of a link's user, who is logged in with it.
pub(super) async fn set_password(
    State(web): Web,
    Path(token): Path<String>,
    headers: HeaderMap,
    form: Result<Form<PasswordForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let Form(given) = form.map_err(unreadable)?;
    let name = web.store.password_link_user(&token, web.clock.now()).await?.ok_or(USED)?;
    let wrong = |words: String| password_page(StatusCode::UNPROCESSABLE_ENTITY, &token, &name, Some(words));
    if given.password != given.again {
        return wrong(say!("The two passwords are not the same."));
    }
    let hash = match hashing(&web, move || hash_password(&given.password)).await? {
        Ok(hash) => hash,
        Err(PasswordError::NotHashed) => return Err(Trouble::from(PasswordError::NotHashed)),
        Err(PasswordError::TooShort) => return wrong(say!("A password has at least {n} characters.", n = SHORTEST)),
        Err(PasswordError::TooLong) => return wrong(say!("A password has at most {n} bytes.", n = LONGEST)),
    };
    let name = web.store.use_password_link(&token, &hash, web.clock.now()).await?.ok_or(USED)?;
    begin(&web, &name, web.identity.cookie.read(&headers), "/").await
}

/// Opens a session and leads to a page.
async fn begin(web: &WebState, name: &str, before: Option<&str>, then: &str) -> Result<Response, Trouble> {
    let token = web.store.open_session(name, before, web.clock.now()).await?;
    let lasts = LONGEST_SESSION.to_std().unwrap_or_default();
    Ok(([(header::SET_COOKIE, web.identity.cookie.set(&token, lasts))], Redirect::to(then)).into_response())
}

/// Does the work of a password where it holds nobody up, and little of it at once.
async fn hashing<T: Send + 'static>(web: &WebState, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Trouble> {
    let _turn = web.identity.hashes.acquire().await?;
    Ok(tokio::task::spawn_blocking(work).await?)
}

/// The login as a page with this status.
pub(super) fn page(status: StatusCode, notice: Option<Notice>, name: &str, then: &str) -> Result<Response, Trouble> {
    let notice = minijinja::Value::from(minijinja::value::Serde(notice));
    Ok((status, Html(render("login.html", context! { notice, name, then })?)).into_response())
}

fn password_page(status: StatusCode, token: &str, name: &str, wrong: Option<String>) -> Result<Response, Trouble> {
    let action = super::page::below("/password", token);
    let shortest = SHORTEST;
    Ok((status, Html(render("password.html", context! { action, name, wrong, shortest })?)).into_response())
}

fn unreadable(rejected: FormRejection) -> Trouble {
    Trouble::refusal(rejected.status(), phrase!("The form could not be read. Nothing was done."))
}

/// A page of ours, from what a link or a form says; another address is the first
/// page. Browsers take `//host` and `/\host` for other sites.
fn page_here(then: &str) -> &str {
    let is_here = then.starts_with('/') && !then[1..].starts_with(['/', '\\']) && !then.contains(char::is_control);
    if is_here { then } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::page_here;

    #[test]
    fn a_login_leads_nowhere_else() {
        assert_eq!(page_here("/tasks/1?x=/y"), "/tasks/1?x=/y");
        for then in ["", "tasks", "//evil.example", "/\\evil.example", "https://evil.example/", "/\t/evil.example"] {
            assert_eq!(page_here(then), "/", "{then}");
        }
    }
}
