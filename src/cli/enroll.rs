//! `keepwell enroll` and `cancel`: a person's word on one subject.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::database::{Database, configuration};
use super::person::SubjectArguments;
use super::run::{files, no_variables, shared};
use super::{Format, Global, output};
use crate::clock::{Clock, Instant};
use crate::delivery::Channel;
use crate::enrollment::Enrollment;
use crate::facts::SubjectId;
use crate::ids::{Actor, Word};
use crate::store::customers::data_subject::Person;
use crate::store::enrollments::manual_moves::Cancelled;
use crate::store::runs::playbooks::Missing;
use crate::store::views::cli::Filter;
use crate::worker::enrollments::enroll_requests;
use crate::worker::runs::publisher;

#[derive(Debug, Args)]
pub struct Options {
    playbook: String,
    #[command(flatten)]
    subject: SubjectArguments,
    /// The instant it starts at; now when absent.
    #[arg(long, value_name = "INSTANT", value_parser = super::instant)]
    at: Option<Instant>,
    /// Why, for the record.
    #[arg(long)]
    because: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Enrolls one subject through the same admission as a run, but for the
/// condition, which need not hold.
pub async fn enroll(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let config = configuration(global)?;
    let now = options.at.unwrap_or_else(|| Clock::System.now());
    let database = Database::open_customers(global, 4).await?;
    let shared = shared(database.store.clone(), config, Channel::Captured, no_variables(), global.actor_name())?;
    let store = &shared.store;
    let playbook = &store.name_of_now(&options.playbook).await?;
    // What is published is in force; the files count only where nothing is.
    if store.published().await?.is_empty() {
        publisher::publish(&shared, &files(global), Missing::Doubted, now).await?;
    }
    if !store.published().await?.iter().any(|known| known.id == *playbook) {
        database.close().await;
        anyhow::bail!("there is no published playbook `{playbook}`; `keepwell run` publishes the files");
    }
    let as_subject = |one: Person| SubjectId { account: one.account, contact: one.contact.unwrap_or_default() };
    let readings: Vec<SubjectId> = options.subject.readings().into_iter().map(as_subject).collect();
    let decided = enroll_requests::decide(&shared, playbook, now, &readings).await?;
    let mut all: Vec<_> = readings.into_iter().zip(decided).collect();
    let is_there = |(_, decided): &(SubjectId, Result<Enrollment, String>)| {
        !decided.as_ref().is_err_and(|reason| enroll_requests::names_nobody(reason))
    };
    if all.iter().any(is_there) {
        all.retain(is_there);
    } else {
        // Of several that nobody knows the usual one: one slash, before the contact.
        let usual = all.iter().position(|(subject, _)| !subject.contact.is_empty()).unwrap_or_default();
        all = all.into_iter().skip(usual).take(1).collect();
    }
    let describe = |(subject, _): &(SubjectId, _)| {
        Person::new(&subject.account, Some(subject.contact.as_str()).filter(|contact| !contact.is_empty())).describe()
    };
    let only = match options.subject.only(all, describe) {
        Ok(only) => only,
        Err(error) => {
            database.close().await;
            return Err(error);
        }
    };
    let (subject, decided) = only.context("nothing was decided")?;
    let mut skipped = None;
    let mut rows = Vec::new();
    match decided {
        Err(reason) => skipped = Some(reason),
        Ok(mut enrollment) => {
            enroll_requests::named_by(&mut enrollment, &global.actor_name());
            let by = global.actor_name();
            let word = Word::new(Actor(&by), now).because(options.because.as_deref());
            if store.enroll_named(&enrollment, word).await? {
                rows = store.list_enrollments(&Filter { id: Some(enrollment.id), ..Filter::default() }).await?;
            } else {
                skipped = Some("active".to_owned());
            }
        }
    }
    database.close().await;
    if let Some(reason) = &skipped {
        rows.push(
            json!({ "id": null, "playbook": playbook, "account": subject.account, "state": "skipped", "reason": reason,
            "contact": Some(&subject.contact).filter(|contact| !contact.is_empty()) }),
        );
    }
    match options.format {
        Format::Json => output::json(&json!({ "enrollments": rows })),
        _ if skipped.is_none() => output::table(&rows, &["id", "playbook", "account", "state", "step", "due_at"]),
        _ => {}
    }
    match skipped {
        None => Ok(ExitCode::SUCCESS),
        Some(reason) => anyhow::bail!("{} was not enrolled in {playbook}: {reason}", options.subject),
    }
}

#[derive(Debug, Args)]
pub struct CancelOptions {
    /// Its id, as `keepwell enrollments` shows it.
    #[arg(value_parser = super::id)]
    enrollment: Uuid,
    /// Why, for the record.
    #[arg(long)]
    because: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Ends one enrollment: its open tasks close, and mail that has not left is
/// cancelled.
pub async fn cancel(global: &Global, options: &CancelOptions) -> anyhow::Result<ExitCode> {
    let id = options.enrollment;
    let database = Database::open(global, 2).await?;
    let by = global.actor_name();
    let word = Word::new(Actor(&by), Clock::System.now()).because(options.because.as_deref());
    let cancelled = database.store.cancel_enrollment(id, word).await?;
    let rows = database.store.list_enrollments(&Filter { id: Some(id), ..Filter::default() }).await?;
    database.close().await;
    match cancelled {
        Cancelled::Done => {}
        Cancelled::Unknown => anyhow::bail!("there is no enrollment {id}"),
        Cancelled::NotActive(state) if state == "held" => {
            anyhow::bail!("enrollment {id} waits for approval with its run: `keepwell discard RUN` drops that")
        }
        Cancelled::NotActive(state) => anyhow::bail!("enrollment {id} has ended already: {state}"),
    }
    match options.format {
        Format::Json => output::json(&json!({ "enrollments": rows })),
        _ => say!("enrollment {id}: cancelled"),
    }
    Ok(ExitCode::SUCCESS)
}
