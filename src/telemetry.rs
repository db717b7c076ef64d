//! Structured logs on stderr; stdout belongs to what a command answers.

use std::io::Write;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::printable::{printable, printable_json};

/// What logs secrets is never heard: parameters of a database's URL that it does
/// not know, and lines of a password file that it cannot read.
const SILENT: [&str; 2] = ["sqlx_postgres::options::parse=off", "sqlx_postgres::options::pgpass=off"];

/// Starts logging. `filter` is a `tracing` filter such as `info` or
/// `keepwell=debug`; one that cannot be read falls back to `otherwise`.
pub fn start(filter: Option<&str>, otherwise: &str, json: bool) {
    let filter = filter.and_then(|text| EnvFilter::try_new(text).ok()).unwrap_or_else(|| EnvFilter::new(otherwise));
    let filter = SILENT.iter().filter_map(|quiet| quiet.parse().ok()).fold(filter, EnvFilter::add_directive);
    // What cannot be logged, as when a disk is full, is not said on stderr
    // either: saying so would panic where that is the same disk.
    let logs = fmt().log_internal_errors(false).with_env_filter(filter);
    // A second start, as in tests, keeps the first.
    let _ = if json {
        logs.json().with_writer(|| Lines { write: std::io::stderr(), json: true }).try_init()
    } else {
        logs.with_target(false).with_writer(|| Lines { write: std::io::stderr(), json: false }).try_init()
    };
}

/// Writes events as lines in which nothing steers a terminal.
struct Lines<W> {
    write: W,
    /// Whether each event is a JSON document.
    json: bool,
}

impl<W: Write> Write for Lines<W> {
    /// Takes one whole event, as the formatter gives it.
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let shown = if self.json { printable_json(line) } else { printable(line) };
        self.write.write_all(format!("{shown}\n").as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.write.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_that_steers_nothing() {
        let name = "Acme\u{1b}[2J\u{202e}\nERROR forged";
        let written = |event: String, json| {
            let mut lines = Lines { write: Vec::new(), json };
            lines.write_all(event.as_bytes()).expect("it is written");
            String::from_utf8(lines.write).expect("text")
        };
        let plain = written(format!("WARN {name}\n"), false);
        assert_eq!(plain, "WARN Acme\\u{1b}[2J\\u{202e}\\nERROR forged\n");
        let event = serde_json::json!({ "message": name });
        let json = written(format!("{event}\n"), true);
        assert_eq!(json.lines().count(), 1);
        assert!(!json.trim_end().chars().any(crate::printable::steers), "{json}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).expect("valid JSON"), event);
    }
}
