//! `keepwell slots`: when playbooks are due next.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::check::check;
use super::{Format, Global, output};
use crate::clock::{Clock, Instant};

#[derive(Debug, Args)]
pub struct Options {
    /// One playbook's id; all when absent.
    playbook: Option<String>,
    /// Slots after this instant; now when absent.
    #[arg(long, value_name = "INSTANT", value_parser = super::instant)]
    from: Option<Instant>,
    /// How many of each.
    #[arg(long, default_value_t = 5)]
    count: usize,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let checked = check(global, &[], None);
    let from = options.from.unwrap_or_else(|| Clock::System.now());
    let mut rows = Vec::new();
    let mut found = false;
    for ready in &checked.playbooks {
        let id = &ready.playbook.id;
        if options.playbook.as_ref().is_some_and(|wanted| wanted != id) {
            continue;
        }
        found = true;
        let mut after = from;
        for _ in 0..options.count {
            let Some(slot) = ready.schedule.next_after(after) else { break };
            rows.push(json!({ "playbook": id, "at": slot }));
            after = slot;
        }
    }
    if !found && checked.has_errors() {
        checked.print(Format::Human, true);
        anyhow::bail!("the playbooks have errors");
    }
    if let (false, Some(wanted)) = (found, &options.playbook) {
        anyhow::bail!("there is no playbook `{wanted}`");
    }
    match options.format {
        Format::Json => output::json(&json!({ "slots": rows })),
        _ => output::table(&rows, &["playbook", "at"]),
    }
    Ok(ExitCode::SUCCESS)
}
