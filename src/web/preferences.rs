//! For customers: which kinds of mail they want, from the link of any mail.
//!
//! As with unsubscribing, GET never changes anything, and whoever has the link
//! may choose: its token is for one address and cannot be made up.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::customer::{CustomerFrame, readers_of};
use super::damaged_link::{self, Purpose, without_damage};
use super::page::{Trouble, Web, below};
use crate::store::messages::suppressions::Preferences;

/// What a form sends: the boxes that are ticked, or the button for none of them.
#[derive(Deserialize)]
pub(super) struct Ticked {
    lifecycle: Option<String>,
    marketing: Option<String>,
    none: Option<String>,
    /// There where the box for marketing was shown.
    asked: Option<String>,
}

#[derive(Serialize)]
struct PreferencesPage {
    action: String,
    lifecycle: bool,
    /// `None` where nobody has agreed to it: then there is no box to tick.
    marketing: Option<bool>,
    /// Whether nobody knows whether somebody has agreed.
    consent_is_unknown: bool,
    saved: bool,
    nothing: bool,
}

/// Shows what is chosen.
pub(super) async fn ask(State(web): Web, Path(token): Path<String>, headers: HeaderMap) -> Result<Response, Trouble> {
    let token = without_damage(&token);
    let Some(preferences) = web.store.preferences(&token).await? else {
        return damaged_link::page(&web, &headers, Purpose::Choose);
    };
    page(&web, &headers, &token, preferences, false).await
}

/// Keeps a choice. Who saw no box for marketing has said nothing about it.
pub(super) async fn take(
    State(web): Web,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(ticked): Form<Ticked>,
) -> Result<Response, Trouble> {
    let token = without_damage(&token);
    let (lifecycle, marketing) = match ticked.none {
        Some(_) => (false, Some(false)),
        None => (ticked.lifecycle.is_some(), ticked.asked.map(|_| ticked.marketing.is_some())),
    };
    let kept = web.store.prefer(&token, lifecycle, marketing, web.clock.now()).await?;
    let Some(preferences) = kept else { return damaged_link::page(&web, &headers, Purpose::Choose) };
    page(&web, &headers, &token, preferences, true).await
}

async fn page(
    web: &WebState,
    headers: &HeaderMap,
    token: &str,
    preferences: Preferences,
    saved: bool,
) -> Result<Response, Trouble> {
    let readers = readers_of(web, token).await;
    let page = PreferencesPage {
        action: below("/p", token),
        lifecycle: preferences.lifecycle,
        marketing: (readers.has_consented == Some(true)).then_some(preferences.marketing),
        consent_is_unknown: readers.has_consented.is_none(),
        saved,
        nothing: preferences.nothing,
    };
    CustomerFrame::new(web, &readers, headers).page(StatusCode::OK, "preferences.html", page)
}
