//! For whatever watches the process.
//!
//! `live` is for who would start the process anew, `ready` for who wants to know
//! whether it does its work. Neither waits for anything: what they say was found
//! out before. `/health` asks the database itself.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};

use super::page::Web;
use crate::worker::health::HealthReport;

/// Who watches gives up soon; so does the answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// 200: the process answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// 200 when the database answers, else 503.
pub(super) async fn database(State(web): Web) -> (StatusCode, &'static str) {
    let store = web.store.clone();
    // On its own, so that waiting can end without cutting the call off.
    let asked = tokio::spawn(async move { store.ping().await });
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(Ok(()))) => (StatusCode::OK, "ok\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}

/// 200 when the daemon does its work, else 503, with each part in a JSON
/// document.
pub(super) async fn ready(State(web): Web) -> Response {
    let report = web.health.report();
    let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let json = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, json)], format!("{}\n", document(&report))).into_response()
}

/// Ages are in seconds. It names playbooks and accounts that are stopped by
/// their ids, and holds nothing else of customers.
fn document(report: &HealthReport) -> Json {
    let seconds = |span: Duration| (span.as_secs_f64() * 10.0).round() / 10.0;
    let workers = report.workers.iter().map(|round| {
        let (since, at_most) = (round.since.map(seconds), seconds(round.at_most));
        json!({ "name": round.worker, "seconds": since, "at_most": at_most, "ok": !round.is_late() })
    });
    let database = report.database.answer.as_ref();
    let disk = report.disk.answer.as_ref();
    json!({
        "ready": report.is_ready(),
        "reasons": report.reasons,
        "workers": workers.collect::<Vec<_>>(),
        "database": { "ok": report.database_is_ok(), "seconds": database.map(|(since, _)| seconds(*since)) },
        "disk": {
            "ok": report.disk_is_ok,
            "seconds": disk.map(|(since, _)| seconds(*since)),
            "free_bytes": disk.map(|(_, free)| *free),
        },
        "stops": database.map(|(_, stops)| stops),
    })
}
