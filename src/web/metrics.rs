//! `/metrics`: the daemon in the text format that Prometheus reads, version 0.0.4.
//!
//! It names channels, states and workers, and nothing of customers. What the database
//! says is missing while it does not answer; the rest was found out before.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::WebState;
use super::page::Web;
use crate::clock::{Instant, Stopwatch};
use crate::store::views::gauges::WorkGauges;
use crate::worker::health::HealthReport;

/// Who scrapes gives up soon; so does the answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was counted this long ago is counted anew.
const AGE: Duration = Duration::from_secs(10);

/// All that is measured.
pub(super) async fn show(State(web): Web) -> Response {
    let now = web.clock.now();
    // On its own, so that waiting can end without cutting the call off.
    let counting = tokio::spawn(count(web.clone(), now));
    let gauges = tokio::time::timeout(PATIENCE, counting).await.ok().and_then(Result::ok).flatten();
    let text = exposition(&web.health.report(), gauges.as_ref(), now);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// What there is to do; `None` where the database does not say. However many ask, one
/// counts: customers' pages need connections, too.
async fn count(web: Arc<WebState>, now: Instant) -> Option<WorkGauges> {
    let mut kept = web.gauges.lock().await;
    if let Some((since, gauges)) = &*kept
        && since.elapsed() < AGE
    {
        return Some(gauges.clone());
    }
    let halted = web.shared.halted().await.ok()?;
    let gauges = web.store.work_gauges(now, halted, PATIENCE).await.ok()?;
    *kept = Some((Stopwatch::start(), gauges.clone()));
    Some(gauges)
}

/// The families, each with its meaning.
fn exposition(report: &HealthReport, gauges: Option<&WorkGauges>, now: Instant) -> String {
    let mut out = Exposition::default();
    let flag = |is: bool| f64::from(u8::from(is));
    out.family("keepwell_build_info", "The version that runs; always 1.");
    out.sample("keepwell_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    out.gauge("keepwell_ready", "1 when the daemon does its work, else 0; see /health/ready.", flag(report.is_ready()));
    out.gauge("keepwell_database_up", "1 when the database answers.", flag(report.database_is_ok()));
    if let Some((_, free)) = &report.disk.answer {
        out.gauge("keepwell_disk_free_bytes", "Free bytes where the daemon keeps its data.", *free as f64);
    }
    if let Some((_, stops)) = &report.database.answer {
        out.gauge("keepwell_stops", "How many stops a person or the daemon has set.", stops.len() as f64);
    }
    let rounds: Vec<(&str, f64)> =
        report.workers.iter().filter_map(|round| Some((round.worker, round.since?.as_secs_f64()))).collect();
    out.family("keepwell_worker_round_age_seconds", "How long ago a worker finished a round without an error.");
    for (worker, age) in rounds {
        out.sample("keepwell_worker_round_age_seconds", &[("worker", worker)], age);
    }
    out.family("keepwell_worker_round_age_limit_seconds", "From which age on a worker is late.");
    for round in &report.workers {
        out.sample("keepwell_worker_round_age_limit_seconds", &[("worker", round.worker)], round.at_most.as_secs_f64());
    }
    let Some(gauges) = gauges else { return out.text };
    out.family("keepwell_messages_waiting", "Messages that have not left.");
    for one in &gauges.waiting {
        out.sample("keepwell_messages_waiting", &[("channel", &one.channel)], one.waiting as f64);
    }
    out.family("keepwell_messages_due", "Messages that may leave now: none that a stop or an undo holds.");
    for one in &gauges.waiting {
        out.sample("keepwell_messages_due", &[("channel", &one.channel)], one.due as f64);
    }
    out.family("keepwell_messages_oldest_due_seconds", "For how long the first of those may have left.");
    for one in &gauges.waiting {
        let age = one.oldest_due.map_or(0.0, |since| (now - since).num_milliseconds().max(0) as f64 / 1000.0);
        out.sample("keepwell_messages_oldest_due_seconds", &[("channel", &one.channel)], age);
    }
    out.gauge("keepwell_messages_sending", "Messages that a sender has in hand.", gauges.sending as f64);
    out.family("keepwell_messages_ended_last_hour", "Messages that ended within the last hour, by how.");
    for one in &gauges.ended {
        let labels = [("channel", one.channel.as_str()), ("state", one.state.as_str())];
        out.sample("keepwell_messages_ended_last_hour", &labels, one.count as f64);
    }
    out.gauge("keepwell_runs_held", "Runs that wait for a person.", gauges.held_runs as f64);
    out.gauge("keepwell_runs_running", "Runs that are under way.", gauges.running_runs as f64);
    out.gauge("keepwell_tasks_open", "Open tasks.", gauges.open_tasks as f64);
    out.gauge("keepwell_tasks_overdue", "Open tasks that were due before now.", gauges.overdue_tasks as f64);
    out.text
}

/// The text as it grows.
#[derive(Default)]
struct Exposition {
    text: String,
}

impl Exposition {
    /// A family of one sample.
    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, help);
        self.sample(name, &[], value);
    }

    /// What the next samples are.
    fn family(&mut self, name: &str, help: &str) {
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", quote(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_quoted() {
        let mut out = Exposition::default();
        out.sample("a", &[("b", "c\"d\\e\nf")], 1.5);
        assert_eq!(out.text, "a{b=\"c\\\"d\\\\e\\nf\"} 1.5\n");
    }
}
