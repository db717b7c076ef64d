//! For whatever watches the process.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;

use super::page::Web;

/// Who watches gives up soon; so does the answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// 200 when the database answers, else 503.
pub(super) async fn show(State(web): Web) -> (StatusCode, &'static str) {
    let store = web.store.clone();
    // On its own, so that waiting can end without cutting the call off.
    let asked = tokio::spawn(async move { store.ping().await });
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(Ok(()))) => (StatusCode::OK, "ok\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
