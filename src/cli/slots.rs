//! `keepwell slots`: when playbooks are due next.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::database::configuration;
use super::{Format, Global, output};
use crate::catalog;
use crate::clock::{Clock, Instant};
use crate::diagnostic::render_human;
use crate::playbook::document::FileDraft;
use crate::playbook::schedule::Schedule;
use crate::playbook::source::SourceSet;

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
    let config = configuration(global)?;
    let sources = SourceSet::read(std::slice::from_ref(&global.playbooks), &global.scripts);
    let mut problems = sources.problems.clone();
    let from = options.from.unwrap_or_else(|| Clock::System.now());
    let mut rows = Vec::new();
    let mut found = false;
    // Of the rest of a file nothing is needed: it may be about facts of a store
    // that is not at hand.
    for file in &sources.playbooks {
        let mut found_here = Vec::new();
        let Some(draft) = catalog::read(file, &mut found_here) else {
            // A file that is no YAML says nothing of when it is due.
            let claimed = catalog::claimed_id(&file.text);
            if options.playbook.is_none() || claimed.is_none() || claimed == options.playbook {
                problems.extend(found_here);
            }
            continue;
        };
        let (id, written, zone) = match draft {
            FileDraft::Playbook(draft) => {
                let playbook = draft.playbook;
                (playbook.id, playbook.schedule, playbook.timezone)
            }
            FileDraft::Document(draft) => {
                let document = draft.document;
                (document.id, document.schedule, document.timezone)
            }
        };
        if options.playbook.as_ref().is_some_and(|wanted| *wanted != id) {
            continue;
        }
        found = true;
        let schedule = match Schedule::parse(&written.text, zone.unwrap_or(config.timezone)) {
            Ok(schedule) => schedule,
            Err(error) => {
                problems.push(written.error("KW0111", 1, error.column as u32, error.message));
                continue;
            }
        };
        let mut after = from;
        for _ in 0..options.count {
            let Some(slot) = schedule.next_after(after) else { break };
            rows.push(json!({ "playbook": id, "at": slot }));
            after = slot;
        }
    }
    if !problems.is_empty() {
        output::error_text(&render_human(&problems, &|file: &str| sources.text(file), false));
    } else if let (false, Some(wanted)) = (found, &options.playbook) {
        anyhow::bail!("there is no playbook `{wanted}`");
    }
    match options.format {
        Format::Json => output::json(&json!({ "slots": rows })),
        _ => output::table(&rows, &["playbook", "at"]),
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
