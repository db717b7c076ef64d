//! `keepwell apply`: publishes the playbooks of a saved plan and carries out its
//! runs, when they would still do just what the plan says.
//!
//! Invariant: before anything is published the plan is made again, at the same
//! slot; where it differs in anything that binds, nothing is done.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::Global;
use super::database::Database;
use super::plan::saved::SavedPlan;
use super::plan::{Made, all_as_json, make};
use crate::clock::Clock;
use crate::ids::{Actor, Word};
use crate::postgres::describe_error;
use crate::store::runs::releases::{ReleaseAnswer, ReleasePace};
use crate::store::runs::run_id;
use crate::store::views::cli::Filter;
use crate::worker::enrollments::advancer;
use crate::worker::runs::plan::Rendering;
use crate::worker::runs::run as runs;
use crate::worker::runs::{publisher, scheduler};
use crate::worker::shared::Shared;
use crate::worker::upkeep::clock_check;
use crate::worker::upkeep::database_epoch::EpochWatch;

#[derive(Debug, Args)]
pub struct Options {
    /// A file that `keepwell plan --out FILE` wrote.
    file: PathBuf,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let saved = SavedPlan::read(&options.file)?;
    let database = Database::open_customers(global, super::run::CONNECTIONS).await?;
    let applied = apply(global, &database, &saved).await;
    database.close().await;
    applied.map(|()| ExitCode::SUCCESS)
}

async fn apply(global: &Global, database: &Database, saved: &SavedPlan) -> anyhow::Result<()> {
    let now = Clock::System.now();
    anyhow::ensure!(saved.slot <= now, "the plan is for {}, which has not come yet: nothing was done", saved.slot);
    clock_check::check(&database.store, Clock::System).await?;
    let data = if global.demo { global.data.join("demo") } else { global.data.clone() };
    EpochWatch::new(&data).check(&database.store, now).await?;
    let rendering = Rendering { texts: saved.has_texts, ..Rendering::default() };
    let Made { shared, plans, revisions, refused } =
        make(global, database, saved.slot, saved.playbook.as_deref(), rendering).await?;
    anyhow::ensure!(refused.is_empty(), "the daemon would not take {}: nothing was done", refused.join(", "));
    let plan = all_as_json(&plans, saved.slot);
    let again = SavedPlan::new(saved.slot, saved.playbook.clone(), saved.has_texts, revisions, plan);
    refuse_what_moved(saved, &again)?;
    refuse_other_changes(&shared, saved).await?;
    publisher::publish_applied(&shared, &super::run::files(global), now).await?;
    let mut failed = Vec::new();
    for playbook in saved.running() {
        // One playbook's trouble is not another's.
        if let Err(error) = carry_out(&shared, saved, playbook).await {
            failed.push(describe_error(error.as_ref()));
        }
    }
    // Those on their way go on or leave, as the plan says of the slot.
    shared.store.look_no_later_than(&saved.running(), saved.slot).await?;
    while advancer::tick(&shared, saved.slot).await? > 0 {}
    say!("mail, and whatever else is due: the daemon or the next `keepwell run --once` sees to it");
    anyhow::ensure!(failed.is_empty(), "not all is as planned:\n{}", failed.join("\n"));
    Ok(())
}

/// An error where anything that binds is not as the plan says.
fn refuse_what_moved(saved: &SavedPlan, now: &SavedPlan) -> anyhow::Result<()> {
    let moved = saved.differences(now);
    anyhow::ensure!(
        moved.is_empty(),
        "what the plan was made of has moved, and nothing was done; plan again:\n{}",
        moved.join("\n")
    );
    Ok(())
}

/// An error where a publication would also change a playbook that the plan is
/// not about.
async fn refuse_other_changes(shared: &Shared, saved: &SavedPlan) -> anyhow::Result<()> {
    let Some(planned) = &saved.playbook else { return Ok(()) };
    let published = shared.store.published().await?;
    let is_in_force = |id: &str, revision: &str| {
        published.iter().any(|known| known.id == id && known.revision == revision && known.present)
    };
    let changed: Vec<&str> = saved
        .revisions
        .iter()
        .filter(|(id, revision)| *id != planned && !is_in_force(id, revision))
        .map(|(id, _)| id.as_str())
        .collect();
    anyhow::ensure!(
        changed.is_empty(),
        "the plan is of `{planned}` alone, and publishing would change {} too: plan without --playbook; nothing was done",
        changed.join(", ")
    );
    Ok(())
}

/// Carries out one playbook's run, with the approval that the plan names. It is
/// given for the subjects of the plan alone: a run that others wait in as well,
/// because a row has changed in this very moment, stays held.
async fn carry_out(shared: &Arc<Shared>, saved: &SavedPlan, playbook: &str) -> anyhow::Result<()> {
    let (store, slot) = (&shared.store, saved.slot);
    let run = run_id(playbook, slot);
    scheduler::manual_of(shared, slot, |id| id == playbook).await?;
    let mut is_approved = false;
    if saved.held().contains(playbook) {
        let waiting = store.held_enrollments(playbook, slot).await?;
        let others = saved.unplanned(playbook, waiting.iter().map(|one| one.subject().to_string()));
        anyhow::ensure!(
            others.is_empty(),
            "{run} stays held, since others wait in it than the plan names: {}",
            others.join(", ")
        );
        let now = Clock::System.now();
        let word = Word::new(Actor(&shared.operator), now);
        is_approved = store.approve_run(playbook, slot, ReleasePace::Ramp, word).await? == ReleaseAnswer::Taken;
        if is_approved {
            runs::release_as_of_slot(shared, playbook, slot, now).await?;
        }
    }
    let rows = store.list_runs(&Filter { playbook: Some(playbook.to_owned()), ..Filter::default() }).await?;
    let row = rows.iter().find(|row| row["id"] == run.as_str());
    let state = row.and_then(|row| row["state"].as_str()).unwrap_or("missing");
    let entered = row.and_then(|row| row["enrolled"].as_u64()).unwrap_or(0);
    let planned = saved.entering(playbook) as u64;
    if is_approved && state == "held" && entered < planned {
        say!("{run}: approved, {entered} entered; the others follow in the batches of `ramp`");
        return Ok(());
    }
    say!("{run}: {state}, {entered} entered");
    anyhow::ensure!(
        state == "done" && entered == planned,
        "{run}: the plan let {planned} enter; see `keepwell runs --playbook {playbook}`"
    );
    Ok(())
}
