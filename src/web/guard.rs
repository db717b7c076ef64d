//! What stands before every page.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::connections::Activity;
use super::language::for_same_reader;
use super::page::Trouble;
use super::{Audience, LONGEST_BODY, WebState, is_this_machine};

/// Nothing but our own style sheets, our own script, the logo and forms to ourselves.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'";

/// The same for a page that frames a mail, whose styles stand in its elements.
pub(super) const PREVIEW_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// How long a client may take for the body of a request.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// What proxies add to a request that they pass on.
const BROUGHT: [&str; 5] = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

/// Sets the headers that every answer carries; a page may have set its own.
pub(super) async fn head(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(header::CONTENT_SECURITY_POLICY, POLICY);
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // For browsers that do not know `frame-ancestors`.
    default(header::X_FRAME_OPTIONS, "DENY");
    // Not `no-referrer`: with that, browsers post forms with `Origin: null`.
    default(header::REFERRER_POLICY, "same-origin");
    default(header::CACHE_CONTROL, "no-store");
    response
}

/// Before the pages of colleagues: answers only to names of this machine, so
/// that no other site's name can be made to point here, and takes writes only
/// from our own pages or from something that is not a browser. Where customers
/// are let in from outside by the same listener, what a proxy brings is theirs,
/// whatever host it says: the usual ones replace the name by that of this
/// machine.
///
/// Before the others: neither names nor headers matter there, because nothing
/// is there but what anybody may ask for.
pub(super) async fn admit(
    State((audience, state)): State<(Audience, Arc<WebState>)>,
    request: Request,
    next: Next,
) -> Response {
    let host = host(&request);
    // Probes of an orchestrator may say none.
    if host.is_none() && audience != Audience::Operations {
        return Trouble::refusal(StatusCode::BAD_REQUEST, "The request does not say which host it is for.")
            .into_response();
    }
    // No address of ours and no word of a form holds a zero character, and
    // the database takes none.
    if request.uri().to_string().contains("%00") {
        return zero().into_response();
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if audience == Audience::Colleagues
        && let Some(host) = &host
        && let Err(refusal) = admit_to_all(&state, &request, host, reads)
    {
        return refusal.into_response();
    }
    if reads {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(BODY_PATIENCE, to_bytes(body, LONGEST_BODY)).await {
        Ok(Ok(body)) if body.contains(&0) || body.windows(3).any(|three| three == b"%00") => zero().into_response(),
        Ok(Ok(body)) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Ok(Err(_)) => Trouble::refusal(StatusCode::PAYLOAD_TOO_LARGE, "This form is too long.").into_response(),
        Err(_) => Trouble::refusal(
            StatusCode::REQUEST_TIMEOUT,
            "The request took too long to arrive and has not been carried out. Please try again.",
        )
        .into_response(),
    }
}

/// Whether a page is one to which links in customers' mail lead.
pub(super) fn is_for_customers(path: &str) -> bool {
    ["/u/", "/p/", "/s/", "/g/"].iter().any(|begin| path.starts_with(begin))
}

/// Whether a request may go on where all pages are.
fn admit_to_all(state: &WebState, request: &Request, host: &Authority, reads: bool) -> Result<(), Trouble> {
    // The token in such a link is all that counts: it is a mail program's to
    // send, from wherever that runs, and no cookie stands behind it.
    let for_customers = is_for_customers(request.uri().path());
    let name = host.host().to_ascii_lowercase();
    let public = state.public_host.as_ref() == Some(&name);
    let own = state.own_host.as_ref() == Some(&name);
    let brought = state.public_host.is_some()
        && !state.customers_are_apart
        && BROUGHT.iter().any(|name| request.headers().contains_key(*name));
    if brought || !(own || is_this_machine(&name)) {
        if !public && !brought {
            return Err(Trouble::refusal(
                StatusCode::MISDIRECTED_REQUEST,
                "These pages are for this machine. Open them with the address 127.0.0.1.",
            ));
        }
        let is_file_of_theirs = ["/style.css", "/brand.css", "/logo"].contains(&request.uri().path());
        if !for_customers && !is_file_of_theirs {
            if brought {
                state.withheld_pages.warn(|count| {
                    tracing::warn!(
                        count,
                        "a proxy asked for pages of colleagues and did not get them, because it might be that of \
                         customers: set `web.public_listen` and lead customers there"
                    );
                });
            }
            return Err(Trouble::NotFound("There is no such page."));
        }
    }
    let is_claimed = || state.identity.is_claimed(request.headers(), request.extensions());
    let is_ours = || match sender(request.headers(), host, own && state.own_host_is_secure) {
        Sender::OurPage => true,
        Sender::OtherSite => false,
        // A browser that sends a cookie says more.
        Sender::NoBrowser => !is_claimed(),
    };
    if !reads && !for_customers && !is_ours() {
        return Err(Trouble::refusal(
            StatusCode::FORBIDDEN,
            "This was sent from another site and has not been carried out. Do it from the page itself.",
        ));
    }
    Ok(())
}

fn zero() -> Trouble {
    Trouble::refusal(StatusCode::BAD_REQUEST, "Zero characters are not allowed.")
}

/// Carries a request through even when nobody waits for the answer any more:
/// a database call is never cut off in the middle.
pub(super) async fn carry_through(request: Request, next: Next) -> Response {
    // Until the answer is there, its connection does not wait for its client.
    let _work = request.extensions().get::<Activity>().map(Activity::begin);
    match tokio::spawn(for_same_reader(next.run(request))).await {
        Ok(response) => response,
        Err(error) => Trouble::from(error).into_response(),
    }
}

/// The one host that the request names. A target in absolute form counts as well.
fn host(request: &Request) -> Option<Authority> {
    let mut given = request.headers().get_all(header::HOST).iter();
    let (first, second) = (given.next(), given.next());
    if second.is_some() {
        return None;
    }
    let named: Option<Authority> = match first {
        Some(value) => Some(value.to_str().ok()?.parse().ok()?),
        None => None,
    };
    match (named, request.uri().authority()) {
        (Some(named), Some(target)) if named.as_str() != target.as_str() => None,
        (named, target) => named.or_else(|| target.cloned()),
    }
    .filter(|authority| !authority.as_str().contains('@'))
}

/// Where a write comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    OurPage,
    OtherSite,
    /// It says nothing of it, as no browser of our days does.
    NoBrowser,
}

/// Where a write comes from that was sent to this host; `is_secure` says that
/// our pages are opened there by https only.
fn sender(headers: &HeaderMap, host: &Authority, is_secure: bool) -> Sender {
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    let is_own_origin = |origin: &str| {
        let plain = origin.strip_prefix("http://").filter(|_| !is_secure);
        let authority = plain.or_else(|| origin.strip_prefix("https://"));
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host.as_str()))
    };
    let is_ours = match (headers.get("sec-fetch-site"), origin) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => is_own_origin(origin),
        (None, None) => return Sender::NoBrowser,
    };
    if is_ours { Sender::OurPage } else { Sender::OtherSite }
}
