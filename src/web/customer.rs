//! What every page for customers shares: its words, and the company's own name, logo and
//! colour.
//!
//! A page for customers needs our own tables alone: where the customer store does not
//! answer, nobody is kept from unsubscribing, and the page is in the browser's language.

use std::fmt::Display;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use minijinja::Value;
use minijinja::value::{Serde, merge_maps};
use serde::Serialize;

use super::WebState;
use super::accepted_languages::accepted_languages;
use super::page::{Trouble, render};
use crate::customer_words::CustomerWords;
use crate::store::messages::link_readers::LinkReaders;

/// The frame of a page for customers.
#[derive(Serialize)]
pub(super) struct CustomerFrame<'a> {
    sender: &'a str,
    page_language: &'static str,
    page_direction: &'static str,
    pub words: &'static CustomerWords,
    /// Where the logo is, if there is one.
    logo: Option<&'a str>,
    /// Where the sheet with the company's colour is, if it has one.
    brand_style: Option<&'a str>,
}

impl<'a> CustomerFrame<'a> {
    /// In the language of these readers, else in the browser's.
    pub fn new(web: &'a WebState, readers: &LinkReaders, headers: &HeaderMap) -> CustomerFrame<'a> {
        let of_browser = accepted_languages(headers);
        let locales = readers.locales.iter().map(String::as_str).chain(of_browser);
        let words = CustomerWords::first_of(locales);
        CustomerFrame {
            sender: &web.brand.name,
            page_language: &words.tag,
            page_direction: &words.direction,
            words,
            logo: web.brand.logo_path.as_deref(),
            brand_style: web.brand.style_path.as_deref(),
        }
    }

    /// The page with this status.
    pub fn page<T: Serialize>(self, status: StatusCode, template: &str, body: T) -> Result<Response, Trouble> {
        let values = merge_maps([Value::from(Serde(self)), Value::from(Serde(body))]);
        Ok((status, Html(render(template, values)?)).into_response())
    }
}

/// Why there is no page while the database does not answer. What somebody has sent may
/// not have arrived.
pub(super) fn unavailable(web: &WebState, headers: &HeaderMap) -> Result<Response, Trouble> {
    let frame = CustomerFrame::new(web, &LinkReaders::default(), headers);
    frame.page(StatusCode::SERVICE_UNAVAILABLE, "unavailable.html", minijinja::context! {})
}

/// Who reads at the address of a link; nobody is known where the customer store does not answer.
pub(super) async fn readers_of(web: &WebState, token: &str) -> LinkReaders {
    ask_in_turn(web, web.store.link_readers(token)).await
}

/// The same of a contact.
pub(super) async fn reader(web: &WebState, account: &str, contact: &str) -> LinkReaders {
    ask_in_turn(web, web.store.contact_reader(account, contact)).await
}

/// The same of whoever reads about an account.
pub(super) async fn reader_of_account(web: &WebState, account: &str) -> LinkReaders {
    ask_in_turn(web, web.store.account_reader(account)).await
}

/// What is found out by one of a few at a time: a customer store that is slow takes no
/// connection that an unsubscription needs.
async fn ask_in_turn<E: Display>(web: &WebState, readers: impl Future<Output = Result<LinkReaders, E>>) -> LinkReaders {
    let Ok(_turn) = web.reader_turns.try_acquire() else { return LinkReaders::default() };
    readers.await.unwrap_or_else(|error| {
        let error = error.to_string();
        web.silences.warn(move |count| {
            tracing::warn!(count, error, "the customer store did not say what customers read");
        });
        LinkReaders::default()
    })
}
