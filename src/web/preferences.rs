//! For customers: which kinds of mail they want, from the link of any mail.
//!
//! As with unsubscribing, GET never changes anything, and whoever has the link
//! may choose: its token is for one address and cannot be made up.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::damaged_link::{self, Purpose, without_damage};
use super::page::{Trouble, Web, below, render};
use crate::store::messages::suppressions::Preferences;

/// What a form sends: the boxes that are ticked.
#[derive(Deserialize)]
pub(super) struct Ticked {
    lifecycle: Option<String>,
    marketing: Option<String>,
}

#[derive(Serialize)]
struct Choice {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    wanted: bool,
}

#[derive(Serialize)]
struct PreferencesPage<'a> {
    sender: &'a str,
    action: String,
    choices: [Choice; 2],
    saved: bool,
    nothing: bool,
}

/// Shows what is chosen.
pub(super) async fn ask(State(web): Web, Path(token): Path<String>) -> Result<Response, Trouble> {
    let token = without_damage(&token);
    let Some(preferences) = web.store.preferences(&token).await? else {
        return damaged_link::page(&web, Purpose::Choose);
    };
    page(&web, &token, preferences, false)
}

/// Keeps a choice.
pub(super) async fn take(
    State(web): Web,
    Path(token): Path<String>,
    Form(ticked): Form<Ticked>,
) -> Result<Response, Trouble> {
    let token = without_damage(&token);
    let (lifecycle, marketing) = (ticked.lifecycle.is_some(), ticked.marketing.is_some());
    let kept = web.store.prefer(&token, lifecycle, marketing, web.clock.now()).await?;
    let Some(preferences) = kept else { return damaged_link::page(&web, Purpose::Choose) };
    page(&web, &token, preferences, true)
}

fn page(web: &WebState, token: &str, preferences: Preferences, saved: bool) -> Result<Response, Trouble> {
    let choices = [
        Choice {
            name: "lifecycle",
            title: "Help with what you use",
            about: "Advice that fits how your team works with our product.",
            wanted: preferences.lifecycle,
        },
        Choice {
            name: "marketing",
            title: "News and offers",
            about: "Only if you have agreed to get them.",
            wanted: preferences.marketing,
        },
    ];
    let (action, nothing) = (below("/p", token), preferences.nothing);
    let page = PreferencesPage { sender: &web.sender, action, choices, saved, nothing };
    Ok((StatusCode::OK, Html(render("preferences.html", Serde(page).into())?)).into_response())
}
