//! Structured logs on stderr; stdout belongs to what a command answers.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Starts logging. `filter` is a `tracing` filter such as `info` or
/// `keepwell=debug`; one that cannot be read falls back to `otherwise`.
pub fn start(filter: Option<&str>, otherwise: &str, json: bool) {
    let filter = filter.and_then(|text| EnvFilter::try_new(text).ok()).unwrap_or_else(|| EnvFilter::new(otherwise));
    // What cannot be logged, as when a disk is full, is not said on stderr
    // either: saying so would panic where that is the same disk.
    let logs = fmt().log_internal_errors(false).with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, as in tests, keeps the first.
    let _ = if json { logs.json().try_init() } else { logs.with_target(false).try_init() };
}
