//! `keepwell plan`: whom a run would touch, before it runs.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::check::check_against;
use super::database::Database;
use super::run::{no_variables, shared};
use super::{Format, Global, output};
use crate::clock::{Clock, Instant};
use crate::delivery::Channel;
use crate::facts::SubjectId;
use crate::message::state::State;
use crate::rule::prefilter::Clause;
use crate::worker::runs::first_mails::{Fate, FirstMail};
use crate::worker::runs::plan::{Plan, plan_all};

#[derive(Debug, Args)]
pub struct Options {
    /// The slot; now when absent.
    #[arg(long, value_name = "INSTANT", value_parser = super::instant)]
    at: Option<Instant>,
    /// Only this playbook.
    #[arg(long)]
    playbook: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let database = Database::open_customers(global, 4).await?;
    let mut checked = check_against(global, &[], database.store.schema().clone());
    if checked.has_errors() {
        checked.print_to_stderr();
        database.close().await;
        anyhow::bail!("the playbooks have errors");
    }
    // The daemon would not take it, and yet its author wants to see whom it would touch.
    checked.play_cases();
    if checked.has_errors() {
        checked.print_to_stderr();
    }
    let slot = options.at.unwrap_or_else(|| Clock::System.now());
    let shared = shared(database.store.clone(), checked.config, Channel::Captured, no_variables())?;
    let mut wanted = Vec::new();
    for ready in checked.playbooks {
        if options.playbook.as_ref().is_some_and(|wanted| *wanted != ready.playbook.id) {
            continue;
        }
        let id = ready.playbook.id.clone();
        // The catalogue was made for this command and nobody else holds it.
        let Some(ready) = Arc::into_inner(ready) else { anyhow::bail!("{id} is in use") };
        wanted.push(ready);
    }
    let plans = plan_all(&shared, wanted, slot).await?;
    database.close().await;
    if let (Some(wanted), true) = (&options.playbook, plans.is_empty()) {
        anyhow::bail!("there is no playbook `{wanted}`");
    }
    match options.format {
        Format::Json => {
            output::json(&json!({ "plan": plans.iter().map(|plan| as_json(plan, slot)).collect::<Vec<_>>() }))
        }
        _ => plans.iter().for_each(print),
    }
    let something = plans.iter().any(|plan| !plan.enter.is_empty() || plan.hold.is_some());
    Ok(if something { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

fn as_json(plan: &Plan, slot: Instant) -> serde_json::Value {
    json!({
        "playbook": plan.playbook,
        "slot": slot,
        "enter": plan.enter.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "ghosts": plan.ghosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "hold": plan.hold,
        "reason": plan.reason,
        "candidates": plan.candidates,
        "clauses": plan.clauses.iter().map(clause_as_json).collect::<Vec<_>>(),
        "skipped": plan.skipped,
        "mails": {
            "leave": plan.mails_that(|fate| *fate == Fate::Leaves),
            "suppressed": plan.mails_that(|fate| matches!(fate, Fate::Never { state: State::Suppressed, .. })),
            "unwritten": plan.unwritten,
            "lost": plan.lost_mails().iter().map(|((state, reason), count)| {
                json!({ "state": state.name(), "reason": reason, "count": count })
            }).collect::<Vec<_>>(),
            "put_off": plan.put_off(),
            "waiting": plan.mails.iter().filter_map(waiting_as_json).collect::<Vec<_>>(),
        },
        "undecided": plan.undecided.iter().map(undecided_as_json).collect::<Vec<_>>(),
    })
}

fn undecided_as_json((subject, why): &(SubjectId, String)) -> serde_json::Value {
    let contact = Some(&subject.contact).filter(|contact| !contact.is_empty());
    json!({ "account": subject.account, "contact": contact, "message": why })
}

fn waiting_as_json(mail: &FirstMail) -> Option<serde_json::Value> {
    let Fate::Waits { until, reason, .. } = &mail.fate else { return None };
    Some(json!({
        "subject": mail.subject.to_string(),
        "step": mail.step,
        "until": until,
        "reason": reason,
        "in_vain": mail.waits_in_vain(),
    }))
}

fn clause_as_json(clause: &Clause) -> serde_json::Value {
    json!({
        "clause": clause.text,
        "line": clause.at.line,
        "column": clause.at.column,
        "in_database": clause.prunes,
        "in_engine": clause.engine.iter().map(|at| json!({ "line": at.line, "column": at.column })).collect::<Vec<_>>(),
    })
}

fn print(plan: &Plan) {
    say!("{}", plan.playbook);
    for clause in &plan.clauses {
        say!("  {clause}");
    }
    if let Some(reason) = &plan.reason {
        say!("  {reason}");
        return;
    }
    let held_out = match plan.ghosts.len() {
        0 => String::new(),
        ghosts => format!(", {ghosts} of them held out"),
    };
    say!("  candidates {}, would enter {}{held_out}", plan.candidates, plan.enter.len());
    if !plan.skipped.is_empty() {
        let skipped: Vec<String> = plan.skipped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        say!("  skipped: {}", skipped.join(", "));
    }
    for (subject, why) in plan.undecided.iter().take(10) {
        say!("  undecided: {subject}: {why}");
    }
    if let Some(hold) = &plan.hold {
        say!("  would be held: {hold}");
    }
    mails(plan);
    const SHOWN: usize = 20;
    for subject in plan.enter.iter().take(SHOWN) {
        let held_out = if plan.ghosts.contains(subject) { " (held out)" } else { "" };
        say!("  + {subject}{held_out}");
    }
    if plan.enter.len() > SHOWN {
        say!("  … and {} more", plan.enter.len() - SHOWN);
    }
}

/// What would become of the first mails of those who would enter.
fn mails(plan: &Plan) {
    if plan.mails.is_empty() && plan.unwritten.is_empty() {
        return;
    }
    let leave = plan.mails_that(|fate| *fate == Fate::Leaves);
    let suppressed = plan.mails_that(|fate| matches!(fate, Fate::Never { state: State::Suppressed, .. }));
    let waiting = plan.mails_that(|fate| matches!(fate, Fate::Waits { .. }));
    let suppressed = if suppressed > 0 { format!(", suppressed {suppressed}") } else { String::new() };
    let unwritten: String = plan.unwritten.iter().map(|(reason, count)| format!(", {reason} {count}")).collect();
    say!("  first mails: {leave} would leave, {waiting} would wait{suppressed}{unwritten}");
    let mut by: Vec<(&str, usize)> = plan.put_off().into_iter().collect();
    by.sort_by(|one, other| (other.1, one.0).cmp(&(one.1, other.0)));
    const SHOWN: usize = 5;
    let lost = plan.lost_mails();
    for ((state, reason), count) in lost.iter().take(SHOWN) {
        say!("    {count} would not leave, {state}: {reason}");
    }
    let more: usize = lost.values().skip(SHOWN).sum();
    if more > 0 {
        say!("    {more} more would not leave, for other reasons");
    }
    let in_vain = plan.mails.iter().filter(|mail| mail.waits_in_vain()).count();
    if in_vain > 0 {
        say!("    {in_vain} would wait in vain: they expire before");
    }
    if !by.is_empty() {
        let reasons: Vec<String> = by.iter().take(SHOWN).map(|(what, count)| format!("{what} {count}")).collect();
        let more = by.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        say!("    they wait because of: {}{more}", reasons.join(", "));
    }
}
