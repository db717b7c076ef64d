//! The language that a reader chooses.

use axum::Form;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::PageLanguage;
use crate::web::cookie::LanguageCookie;
use crate::web::page::{Trouble, local_path};

#[derive(Deserialize)]
pub(in crate::web) struct LanguageForm {
    language: String,
}

/// Keeps the choice in the browser, for a year, and leads back to the page.
pub(in crate::web) async fn choose(headers: HeaderMap, Form(form): Form<LanguageForm>) -> Result<Response, Trouble> {
    let Some(language) = PageLanguage::of(&form.language) else {
        return Err(Trouble::refusal(StatusCode::UNPROCESSABLE_ENTITY, "There are no pages in this language."));
    };
    let page = headers.get(header::REFERER).and_then(|value| value.to_str().ok()).and_then(path_of).unwrap_or("/");
    Ok(([(header::SET_COOKIE, LanguageCookie::set(language.tag()))], Redirect::to(local_path(page))).into_response())
}

/// The path of an address, with what is asked for there.
fn path_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    rest.find('/').map(|at| &rest[at..])
}
