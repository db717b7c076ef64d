//! What readers see and the log says while the database does not answer.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::customer::unavailable;
use super::guard::is_for_customers;
use super::page::{DatabaseSilence, Web};

/// Logs pages that the database did not answer, in one line a minute: anybody
/// can ask for many while it is away. Customers read it in their language.
pub(super) async fn answer(State(web): Web, request: Request, next: Next) -> Response {
    let of_customer = is_for_customers(request.uri().path()).then(|| request.headers().clone());
    let response = next.run(request).await;
    if let Some(DatabaseSilence(error)) = response.extensions().get().cloned() {
        web.silences.warn(move |count| {
            tracing::error!(count, error = &*error, "the database did not answer pages");
        });
        if let Some(headers) = of_customer {
            return unavailable(&web, &headers).unwrap_or(response);
        }
    }
    response
}
