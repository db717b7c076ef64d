//! Who may use the pages, for admins.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::WebState;
use super::address_words::address_trouble;
use super::language::{phrase, say};
use super::page::{Frame, Notice, Trouble, Web, below, href, moment};
use super::visitor::{Proof, Visitor};
use crate::address::parse_address;
use crate::store::users::{NewUser, User, UserAnswer, UserChange};
use crate::user::role::Role;
use crate::user::user_name;

const UNKNOWN: Trouble = Trouble::NotFound("There is no such user.");

#[derive(Serialize)]
struct PeoplePage {
    people: Vec<UserView>,
    roles: [&'static str; 4],
    csms: Vec<(String, String)>,
    given: UserForm,
    link: Option<LinkView>,
}

/// A link that was made just now, and is shown this once.
#[derive(Serialize)]
struct LinkView {
    name: String,
    url: String,
}

#[derive(Serialize)]
struct UserView {
    name: String,
    href: String,
    /// What they did.
    deeds_href: String,
    role: &'static str,
    csm: Option<String>,
    email: Option<String>,
    /// How they can log in, or why not.
    state: String,
    is_disabled: bool,
    seen: Option<String>,
}

/// A user to be, as it was written.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct UserForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    csm: String,
    #[serde(default)]
    email: String,
}

#[derive(Deserialize)]
pub(super) struct RoleForm {
    role: String,
}

/// All of them, and a form for one more.
pub(super) async fn list(State(web): Web) -> Result<Response, Trouble> {
    page(&web, StatusCode::OK, None, UserForm::default(), None).await
}

/// Adds a user and shows the link with which they set a password.
pub(super) async fn add(
    State(web): Web,
    visitor: Visitor,
    form: Result<Form<UserForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let Form(given) = form.map_err(unreadable)?;
    let (name, role, email) = match read(&given, &visitor) {
        Ok(user) => user,
        Err(words) => return refuse(&web, words, given).await,
    };
    let csm_id = Some(given.csm.trim()).filter(|csm| !csm.is_empty());
    let user = NewUser { name: &name, role, csm_id, email: email.as_deref(), password: None };
    if !web.store.add_user(user, visitor.actor(), web.clock.now()).await? {
        return refuse(&web, say!("There is a user of this name already."), given).await;
    }
    show_link(&web, &visitor, name).await
}

/// Makes a new link for somebody, such as one who has forgotten the password.
pub(super) async fn link(State(web): Web, visitor: Visitor, Path(name): Path<String>) -> Result<Response, Trouble> {
    show_link(&web, &visitor, name).await
}

pub(super) async fn disable(State(web): Web, visitor: Visitor, Path(name): Path<String>) -> Result<Response, Trouble> {
    change(&web, &visitor, &name, UserChange::Disable).await
}

pub(super) async fn enable(State(web): Web, visitor: Visitor, Path(name): Path<String>) -> Result<Response, Trouble> {
    change(&web, &visitor, &name, UserChange::Enable).await
}

pub(super) async fn change_role(
    State(web): Web,
    visitor: Visitor,
    Path(name): Path<String>,
    form: Result<Form<RoleForm>, FormRejection>,
) -> Result<Response, Trouble> {
    let Form(given) = form.map_err(unreadable)?;
    let unread = Trouble::refusal(StatusCode::UNPROCESSABLE_ENTITY, "There is no such role. Nothing was done.");
    let role = Role::of(&given.role).ok_or(unread)?;
    change(&web, &visitor, &name, UserChange::Role(role)).await
}

/// The name, the role and the address of a user to be, or what is wrong with them.
fn read(given: &UserForm, visitor: &Visitor) -> Result<(String, Role, Option<String>), String> {
    let name = user_name(&given.name)
        .ok_or_else(|| say!("A name has up to 64 letters without accents, digits, and the characters . _ - + @."))?;
    let role = Role::of(&given.role).ok_or_else(|| say!("Please choose a role."))?;
    if visitor.proof == Proof::Open && role != Role::Admin {
        return Err(say!("The first user has to be an admin: from then on everybody logs in."));
    }
    let email = given.email.trim();
    let email = if email.is_empty() {
        None
    } else {
        Some(parse_address(email).map_err(|error| say!("{why}.", why = address_trouble(&error)))?)
    };
    Ok((name, role, email))
}

async fn change(web: &WebState, visitor: &Visitor, name: &str, change: UserChange) -> Result<Response, Trouble> {
    match web.store.change_user(name, change, visitor.actor(), web.clock.now()).await? {
        UserAnswer::Changed | UserAnswer::Already => Ok(Redirect::to("/people").into_response()),
        UserAnswer::Unknown => Err(UNKNOWN),
        UserAnswer::LastAdmin => {
            let words = say!(
                "{name} is the last admin: nobody could manage people any more, so nothing has changed.",
                name = name
            );
            page(web, StatusCode::CONFLICT, Some(Notice::error(words)), UserForm::default(), None).await
        }
    }
}

async fn show_link(web: &WebState, visitor: &Visitor, name: String) -> Result<Response, Trouble> {
    let token = web.store.make_password_link(&name, visitor.actor(), web.clock.now()).await?.ok_or(UNKNOWN)?;
    let pages = web.shared.config.pages_url().unwrap_or_default();
    let link = LinkView { url: format!("{pages}{}", below("/password", &token)), name };
    page(web, StatusCode::OK, None, UserForm::default(), Some(link)).await
}

async fn refuse(web: &WebState, words: String, given: UserForm) -> Result<Response, Trouble> {
    page(web, StatusCode::UNPROCESSABLE_ENTITY, Some(Notice::error(words)), given, None).await
}

async fn page(
    web: &WebState,
    status: StatusCode,
    notice: Option<Notice>,
    given: UserForm,
    link: Option<LinkView>,
) -> Result<Response, Trouble> {
    let users = web.store.list_users(web.clock.now()).await?;
    let csms = web.store.csm_names().await?;
    let people = users.into_iter().map(|user| view(web, user, &csms)).collect();
    let body = PeoplePage { people, roles: Role::NAMES, csms, given, link };
    Frame::new(web, "people", notice).await?.page(status, "people.html", body)
}

fn view(web: &WebState, user: User, csms: &[(String, String)]) -> UserView {
    let at = |at| moment(at, web.zone);
    let state = match (user.disabled_at, user.link_until, user.has_password) {
        (Some(since), ..) => say!("Disabled {at}", at = at(since)),
        (None, Some(until), _) => say!("Has a link until {at}", at = at(until)),
        (None, None, true) => say!("Logs in with a password"),
        (None, None, false) => say!("No password"),
    };
    let csm_name =
        |id: String| csms.iter().find(|(known, _)| *known == id).map_or(id.clone(), |(_, name)| name.clone());
    UserView {
        href: below("/people", &user.name),
        deeds_href: href("/audit", &[("by", &user.name)]),
        name: user.name,
        role: user.role.name(),
        csm: user.csm_id.map(csm_name),
        email: user.email,
        state,
        is_disabled: user.disabled_at.is_some(),
        seen: user.seen_at.map(at),
    }
}

fn unreadable(rejected: FormRejection) -> Trouble {
    Trouble::refusal(rejected.status(), phrase!("The form could not be read. Nothing was done."))
}
