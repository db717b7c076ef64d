//! `keepwell move`: those who wait in earlier revisions of a playbook, taken to
//! the current one. Without `--yes` it only shows what would happen.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value as Json, json};

use super::database::{Database, configuration};
use super::run::{no_variables, shared};
use super::{Format, Global, output};
use crate::clock::Clock;
use crate::delivery::Channel;
use crate::enrollment::move_revision::{Place, Say};
use crate::facts::SubjectId;
use crate::worker::Shared;
use crate::worker::enrollments::mover::{self, Done, Group, Map, Shown};

#[derive(Debug, Args)]
pub struct Options {
    playbook: String,
    /// Where a step leads that the current revision does not have, or has in
    /// another place: OLD=NEW, or OLD=end to end those who wait there.
    #[arg(long = "map", value_name = "OLD=NEW", value_parser = place)]
    places: Vec<(String, Place)>,
    /// The revision that was shown; refused when it is not the current one.
    #[arg(long, value_name = "REVISION")]
    to: Option<String>,
    /// Why, for the record.
    #[arg(long)]
    because: Option<String>,
    /// Do it; without it, only say what would happen.
    #[arg(long, requires = "because")]
    yes: bool,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

fn place(text: &str) -> Result<(String, Place), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => {
            let place = if new == "end" { Place::End } else { Place::Step(new.to_owned()) };
            Ok((old.to_owned(), place))
        }
        _ => Err("write it as OLD=NEW, with the ids of steps, or OLD=end".to_owned()),
    }
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let config = configuration(global)?;
    let database = Database::open_customers(global, 4).await?;
    let shared = shared(database.store.clone(), config, Channel::Captured, no_variables(), global.actor_name())?;
    let answer = answer(global, &shared, options).await;
    database.close().await;
    answer
}

async fn answer(global: &Global, shared: &Arc<Shared>, options: &Options) -> anyhow::Result<ExitCode> {
    let map: Map = options.places.iter().cloned().collect();
    anyhow::ensure!(map.len() == options.places.len(), "a step is mapped twice");
    let (by, because) = (global.actor_name(), options.because.clone().unwrap_or_default());
    let word = Say { by: &by, because: &because, at: Clock::System.now() };
    let shown = mover::show(shared, &options.playbook, &map, word).await?;
    if let Some(to) = options.to.as_ref().filter(|to| **to != shown.revision) {
        anyhow::bail!("{} has changed since: the current revision is {}, not {to}", options.playbook, shown.revision);
    }
    let unmapped: Vec<&str> = shown.unmapped().into_iter().collect();
    let done = match options.yes && unmapped.is_empty() {
        true => Some(mover::carry_out(shared, &shown, word).await?),
        false => None,
    };
    match options.format {
        Format::Json => output::json(&json!({ "move": as_json(&shown, done.as_ref()) })),
        _ => print(global, &shown, done.as_ref(), options),
    }
    if !unmapped.is_empty() {
        anyhow::bail!("the current revision has no step `{}`: say where each leads with --map", unmapped.join("`, `"));
    }
    Ok(if done.is_none() && shown.goes() > 0 { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

fn as_json(shown: &Shown, done: Option<&Done>) -> Json {
    let name = |place: &Place| match place {
        Place::Step(id) => id.clone(),
        Place::End => "end".to_owned(),
    };
    let group = |((revision, step), group): (&(String, String), &Group)| {
        json!({ "revision": revision, "step": step, "to": group.to.as_ref().map(name), "count": group.count,
            "sample": names(&group.sample), "left": group.left })
    };
    let next = &shown.next;
    json!({
        "playbook": shown.playbook,
        "revision": shown.revision,
        "waiting": shown.groups.iter().map(group).collect::<Vec<_>>(),
        "next": { "deeds": next.deeds, "ends": next.ends, "waits": next.waits, "due": next.due,
            "undecided": next.undecided, "not_again": next.not_again },
        "halted": shown.halted,
        "moved": done.map(|done| done.moved),
        "ended": done.map(|done| done.ended),
        "gone_on": done.map(|done| names(&done.gone_on)),
    })
}

fn names(subjects: &[SubjectId]) -> Vec<String> {
    subjects.iter().map(ToString::to_string).collect()
}

fn print(global: &Global, shown: &Shown, done: Option<&Done>, options: &Options) {
    if shown.is_empty() {
        say!("{}: nobody waits in an earlier revision than {}", shown.playbook, shown.revision);
        return;
    }
    say!("{}: the current revision is {}", shown.playbook, shown.revision);
    let mut of = "";
    for ((revision, step), group) in &shown.groups {
        if of != revision {
            say!("  waiting in {revision}");
            of = revision;
        }
        group_told(step, group);
    }
    if !shown.unmapped().is_empty() {
        say!("  the steps there: {}", shown.steps.join(", "));
    }
    if let Some(done) = done {
        say!("moved {}, ended {}", done.moved, done.ended);
        if !done.gone_on.is_empty() {
            say!("left alone, they had gone on meanwhile: {}", names(&done.gone_on).join(", "));
        }
        return;
    }
    next_told(shown);
    if shown.unmapped().is_empty() && shown.goes() > 0 {
        let map: Vec<String> = options
            .places
            .iter()
            .map(|(old, place)| match place {
                Place::Step(new) => format!(" --map {old}={new}"),
                Place::End => format!(" --map {old}=end"),
            })
            .collect();
        say!(
            "to do it: {} move {}{} --to {} --because \"…\" --yes",
            global.command(),
            shown.playbook,
            map.concat(),
            shown.revision
        );
    }
}

fn group_told(step: &str, group: &Group) {
    let to = match &group.to {
        None => "no such step".to_owned(),
        Some(Place::End) => "ended".to_owned(),
        Some(Place::Step(id)) => id.clone(),
    };
    let more = group.count - group.sample.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    say!("    {} in {step} -> {to}: {}{more}", group.count, names(&group.sample).join(", "));
    for (why, count) in &group.left {
        say!("      {count} of them stay: {why}");
    }
}

/// What the next look would do with them.
fn next_told(shown: &Shown) {
    let next = &shown.next;
    if let Some(halted) = shown.halted {
        say!("  nothing of it happens for now: {halted}");
    }
    let counts = |of: Vec<(&str, usize)>| {
        of.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    let deeds = next.deeds.iter().map(|(kind, count)| (*kind, *count)).collect::<Vec<_>>();
    if !deeds.is_empty() {
        say!("  at once: {}", counts(deeds));
    }
    if !next.ends.is_empty() {
        say!("  ends at once: {}", counts(next.ends.iter().map(|(state, count)| (*state, *count)).collect()));
    }
    if next.waits > 0 {
        let due =
            next.due.map_or(String::new(), |due| format!(", the first until {}", due.format("%Y-%m-%d %H:%M UTC")));
        say!("  then on their way: {}{due}", next.waits);
    }
    if next.undecided > 0 {
        say!("  cannot be decided and wait: {}", next.undecided);
    }
    if !next.not_again.is_empty() {
        say!(
            "  was done before and is not done again: {}",
            counts(next.not_again.iter().map(|(step, count)| (step.as_str(), *count)).collect())
        );
    }
}
