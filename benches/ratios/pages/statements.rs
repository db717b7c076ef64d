//! What statements a page sends and how long they take, as sqlx says it of each.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::browser::Browser;

/// How many statements of a page are printed, and how much of each.
const SLOWEST: usize = 3;
const LETTERS: usize = 160;

/// A statement, and for how long somebody waited for its last row.
#[derive(Clone, Debug, Default)]
struct Statement {
    text: String,
    seconds: f64,
}

/// The statements of this process since they were forgotten.
#[derive(Clone, Default)]
pub struct Statements(Arc<Mutex<Vec<Statement>>>);

impl Statements {
    /// Listens from now on, once in a process.
    pub fn listen() -> anyhow::Result<Statements> {
        let statements = Statements::default();
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(statements.clone()))?;
        Ok(statements)
    }

    pub fn forget(&self) {
        self.lock().clear();
    }

    /// How many there were, and their time together.
    pub fn so_far(&self) -> (usize, Duration) {
        let all = self.lock();
        (all.len(), Duration::from_secs_f64(all.iter().map(|one| one.seconds).sum()))
    }

    /// Asks for each page once more and prints what it waits for most.
    pub async fn print_slowest(&self, browser: &mut Browser, paths: impl Iterator<Item = &str>) -> anyhow::Result<()> {
        for path in paths {
            super::settle().await;
            self.forget();
            browser.get(path).await?;
            let mut all = self.lock().clone();
            all.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
            println!("  {path}");
            for one in all.iter().take(SLOWEST) {
                let text: String = one.text.split_whitespace().collect::<Vec<_>>().join(" ");
                let text: String = text.chars().take(LETTERS).collect();
                println!("    {:>8.1} ms  {text}", one.seconds * 1000.0);
            }
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Statement>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Statements {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut statement = Statement::default();
        event.record(&mut statement);
        // What a pool says to a connection that comes back is not said for a page.
        if !statement.text.starts_with("begin; rollback") {
            self.lock().push(statement);
        }
    }
}

impl Visit for Statement {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.seconds = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // A short one stands in its summary alone.
        let is_whole = field.name() == "db.statement" && !value.trim().is_empty();
        if is_whole || (field.name() == "summary" && self.text.is_empty()) {
            self.text = value.trim().to_owned();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "summary" {
            self.record_str(field, &format!("{value:?}"));
        }
    }
}
