//! The language that a reader chooses.

use axum::Form;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::PageLanguage;
use crate::web::cookie::LanguageCookie;
use crate::web::page::{Trouble, local_path};

#[derive(Deserialize)]
pub(in crate::web) struct LanguageForm {
    language: String,
    /// The page that the form stands on.
    back: String,
}

/// Keeps the choice in the browser, for a year, and leads back to the page.
pub(in crate::web) async fn choose(Form(form): Form<LanguageForm>) -> Result<Response, Trouble> {
    let Some(language) = PageLanguage::of(&form.language) else {
        return Err(Trouble::refusal(StatusCode::UNPROCESSABLE_ENTITY, "There are no pages in this language."));
    };
    Ok(([(header::SET_COOKIE, LanguageCookie::set(language.tag()))], Redirect::to(local_path(&form.back)))
        .into_response())
}
