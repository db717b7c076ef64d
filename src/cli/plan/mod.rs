//! `keepwell plan`: whom a run would touch, before it runs.

mod mail_files;
pub(super) mod print;
pub(super) mod saved;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use self::saved::SavedPlan;
use super::check::{Checked, check_against};
use super::database::Database;
use super::run::{no_variables, shared};
use super::{Format, Global, output, system_user};
use crate::clock::{Clock, Instant};
use crate::delivery::Channel;
use crate::facts::SubjectId;
use crate::message::state::State;
use crate::rule::prefilter::Clause;
use crate::store::Store;
use crate::worker::runs::first_mails::{Fate, FirstMail};
use crate::worker::runs::plan::{Plan, PlannedEffect, Rendering, plan_all};
use crate::worker::shared::Shared;

#[derive(Debug, Args)]
pub struct Options {
    /// The slot; now when absent.
    #[arg(long, value_name = "INSTANT", value_parser = super::instant)]
    pub at: Option<Instant>,
    /// Only this playbook.
    #[arg(long)]
    pub playbook: Option<String>,
    /// Print what every message and task of those who would enter would say.
    #[arg(long)]
    pub text: bool,
    /// Also write the plan to this file, for `keepwell apply`.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Also write every mail of those who would enter into this folder, for a mail program; it must be empty.
    #[arg(long, value_name = "DIR")]
    pub eml: Option<PathBuf>,
    /// Only this account.
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

impl Options {
    fn rendering(&self) -> Rendering<'_> {
        Rendering { texts: self.text, mails: self.eml.is_some(), account: self.account.as_deref() }
    }
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let (plans, slot) = answer(global, options).await?;
    match options.format {
        Format::Json => output::json(&to_json(&plans, slot)),
        _ => plans.iter().for_each(print::print),
    }
    if plans.iter().any(|plan| plan.fails) {
        return Ok(ExitCode::from(1));
    }
    let something = plans.iter().any(|plan| !plan.enter.is_empty() || !plan.leaves.is_empty() || plan.hold.is_some());
    Ok(if something { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

/// Plans as the options say, which also name the slot.
pub async fn answer(global: &Global, options: &Options) -> anyhow::Result<(Vec<Plan>, Instant)> {
    if let Some(folder) = &options.eml {
        mail_files::expect_empty(folder)?;
    }
    let database = Database::open_customers(global, 4).await?;
    let slot = options.at.unwrap_or_else(|| Clock::System.now());
    let made = make(global, &database, slot, options.playbook.as_deref(), options.rendering()).await;
    database.close().await;
    let Made { mut plans, revisions, .. } = made?;
    if let Some(file) = &options.out {
        let saved = SavedPlan::new(slot, options.playbook.clone(), options.text, revisions, all_as_json(&plans, slot));
        saved.write(file)?;
    }
    // The plan is of all, since they share limits and the budget; only what is shown is less.
    if let Some(account) = &options.account {
        plans.iter_mut().for_each(|plan| plan.keep_account(account));
    }
    if let Some(folder) = &options.eml {
        mail_files::write(folder, &plans)?;
    }
    Ok((plans, slot))
}

/// The whole answer, as JSON.
pub fn to_json(plans: &[Plan], slot: Instant) -> serde_json::Value {
    json!({ "plan": all_as_json(plans, slot) })
}

/// Plans, and what they were made with.
pub(super) struct Made {
    pub shared: Arc<Shared>,
    pub plans: Vec<Plan>,
    /// Of every playbook of the folder, by id.
    pub revisions: BTreeMap<String, String>,
    /// Files that the daemon would not take as they stand.
    pub refused: Vec<String>,
}

/// Plans the folder's playbooks, or one of them, at a slot.
pub(super) async fn make(
    global: &Global,
    database: &Database,
    slot: Instant,
    playbook: Option<&str>,
    rendering: Rendering<'_>,
) -> anyhow::Result<Made> {
    let mut checked = check_against(global, &[], database.store.schema().clone());
    if checked.has_errors() {
        return Err(checked.refuse("the playbooks have errors"));
    }
    // The daemon would not take it, and yet its author wants to see whom it would touch.
    checked.play_cases();
    if checked.has_errors() {
        checked.print_to_stderr();
    }
    let refused = checked.files_with_errors();
    let known = checked.known.clone();
    let shared =
        shared(database.store.clone(), checked.config, Channel::Captured, no_variables(), global.actor_name())?;
    let (mut wanted, mut revisions) = (Vec::new(), BTreeMap::new());
    for ready in checked.playbooks {
        let id = ready.playbook.id.clone();
        revisions.insert(id.clone(), ready.revision.clone());
        if playbook.is_some_and(|wanted| wanted != id) {
            continue;
        }
        // The catalogue was made for this command and nobody else holds it.
        let Some(ready) = Arc::into_inner(ready) else { anyhow::bail!("{id} is in use") };
        wanted.push(ready);
    }
    if let (Some(playbook), true) = (playbook, wanted.is_empty()) {
        anyhow::bail!("there is no playbook `{playbook}`");
    }
    let plans = plan_all(&shared, wanted, Some(&known), slot, rendering).await?;
    Ok(Made { shared, plans, revisions, refused })
}

/// Plans the playbook of one file, as it was read and checked, at a slot.
///
/// # Errors
/// Mistakes in that file, as well as those of the database.
pub(super) async fn plan_file(store: &Store, checked: Checked, file: &str, slot: Instant) -> anyhow::Result<Plan> {
    let is_sound = checked.is_sound(file);
    let found = checked.playbooks.into_iter().find(|ready| *ready.playbook.file == *file && is_sound);
    let Some(ready) = found.and_then(Arc::into_inner) else {
        anyhow::bail!("this playbook has mistakes: mend them first");
    };
    let shared = shared(store.clone(), checked.config, Channel::Captured, no_variables(), system_user())?;
    let rendering = Rendering { texts: false, mails: false, account: None };
    let plans = plan_all(&shared, vec![ready], Some(&checked.known), slot, rendering).await?;
    plans.into_iter().next().context("the playbook was not planned")
}

/// Each playbook's plan, as JSON.
pub(super) fn all_as_json(plans: &[Plan], slot: Instant) -> Vec<serde_json::Value> {
    plans.iter().map(|plan| as_json(plan, slot)).collect()
}

pub(super) fn as_json(plan: &Plan, slot: Instant) -> serde_json::Value {
    json!({
        "playbook": plan.playbook,
        "was": was_as_json(&plan.was),
        "slot": slot,
        "rolled_back": plan.is_rolled_back,
        "enter": plan.enter.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "new": plan.enter.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "continues": plan.continues.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "leaves": plan.leaves.iter().map(|leaver| leaver.subject.to_string()).collect::<Vec<_>>(),
        "leaves_because": plan.leaves.iter().map(|leaver| {
            json!({ "subject": leaver.subject.to_string(), "state": leaver.state.name(), "reason": leaver.reason })
        }).collect::<Vec<_>>(),
        "values": by_subject(&plan.values, |values| json!(values)),
        "effects": plan.effects.iter().map(effect_as_json).collect::<Vec<_>>(),
        "workload": plan.workload.iter().map(|load| {
            json!({ "csm": load.csm, "name": load.name, "before": load.before, "after": load.after })
        }).collect::<Vec<_>>(),
        "collisions": by_subject(&plan.collisions, |playbooks| json!(playbooks)),
        "names": plan.names,
        "ghosts": plan.ghosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "hold": plan.hold,
        "reason": plan.reason,
        "fails": plan.fails,
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

/// One name is a text, several are a list.
fn was_as_json(names: &[String]) -> serde_json::Value {
    match names {
        [] => serde_json::Value::Null,
        [name] => json!(name),
        names => json!(names),
    }
}

fn by_subject<T>(of: &BTreeMap<SubjectId, T>, as_json: impl Fn(&T) -> serde_json::Value) -> serde_json::Value {
    of.iter().map(|(subject, one)| (subject.to_string(), as_json(one))).collect::<serde_json::Map<_, _>>().into()
}

fn effect_as_json(effect: &PlannedEffect) -> serde_json::Value {
    let mut json = json!({
        "subject": effect.subject.to_string(),
        "after": effect.after.num_seconds(),
        "kind": effect.kind,
        "step": effect.step,
        "to": effect.to,
    });
    if let Some(variant) = &effect.variant {
        json["variant"] = json!(variant);
    }
    if let Some(text) = &effect.text {
        json["text"] = json!({ "subject": text.subject, "body": text.body });
    }
    json
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
