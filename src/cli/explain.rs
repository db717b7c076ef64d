//! `keepwell explain`: why an account enters a playbook, or why not; why a
//! message or a task is as it is.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::check::check_against;
use super::database::{Database, configuration, demo_configuration};
use super::person::SubjectArguments;
use super::run::{no_variables, shared};
use super::{Format, Global, output};
use crate::clock::{Clock, Instant};
use crate::delivery::Channel;
use crate::enrollment::Guard;
use crate::facts::{Subject, SubjectId};
use crate::rehearsal::explanation::{Explanation, RevisionInForce};
use crate::store::customers::data_subject::Person;
use crate::worker::messages::explain::explain_message;
use crate::worker::revision_cache::Loaded;
use crate::worker::runs::explain::{InForce, explain_subject, in_force};
use crate::worker::shared::Shared;
use crate::worker::tasks::explain::explain_task;

#[derive(Debug, Args)]
pub struct Options {
    #[arg(required_unless_present_any = ["message", "task"])]
    pub playbook: Option<String>,
    /// An account's id, or `account/contact`.
    #[arg(
        value_name = "ACCOUNT[/CONTACT]", value_parser = NonEmptyStringValueParser::new(),
        required_unless_present_any = ["message", "task"]
    )]
    pub subject: Option<String>,
    /// The contact's id: what stands before is the account's id as a whole. For
    /// ids with a slash.
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub contact: Option<String>,
    /// What is named is an account's id as a whole. For ids with a slash.
    #[arg(long, conflicts_with = "contact")]
    pub whole: bool,
    /// The instant, as if a run were due then; now when absent.
    #[arg(long, value_name = "INSTANT", value_parser = super::instant)]
    pub at: Option<Instant>,
    /// Why this message exists, why it waits or why it did not leave.
    #[arg(long, value_name = "ID", value_parser = super::id, conflicts_with_all = ["playbook", "subject", "at", "task"])]
    pub message: Option<Uuid>,
    /// Why this task exists, what closes it or why it ended.
    #[arg(long, value_name = "ID", value_parser = super::id, conflicts_with_all = ["playbook", "subject", "at"])]
    pub task: Option<Uuid>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let answer = answer(global, options).await?;
    match options.format {
        Format::Json => output::json(&answer.to_json()),
        _ => output::text(&answer.text),
    }
    Ok(ExitCode::SUCCESS)
}

/// Explains what the options name.
pub async fn answer(global: &Global, options: &Options) -> anyhow::Result<Answer> {
    // One question after the other: another connection would only be waited for.
    let database = Database::open_customers(global, 1).await?;
    let explained = explain(global, &database, options).await;
    database.close().await;
    explained
}

/// What is printed.
pub struct Answer {
    json: Json,
    text: String,
}

impl Answer {
    /// The whole answer, as JSON.
    pub fn to_json(&self) -> Json {
        json!({ "explain": self.json })
    }
}

async fn explain(global: &Global, database: &Database, options: &Options) -> anyhow::Result<Answer> {
    let shared = shared_here(global, database)?;
    let now = Clock::System.now();
    if let Some(id) = options.message {
        let found = explain_message(&shared, id, now).await?;
        let found = found.with_context(|| format!("there is no message {id}"))?;
        return Ok(Answer { json: found.to_json(), text: found.to_text() });
    }
    if let Some(id) = options.task {
        let found = explain_task(&shared, id, now).await?.with_context(|| format!("there is no task {id}"))?;
        return Ok(Answer { json: found.to_json(), text: found.to_text() });
    }
    let (Some(playbook), Some(subject)) = (&options.playbook, &options.subject) else {
        anyhow::bail!("name a playbook and an account");
    };
    let subject = SubjectArguments::new(subject.clone(), options.contact.clone(), options.whole);
    let found = explain_named(global, &shared, playbook, &subject, options.at.unwrap_or(now), now).await?;
    Ok(Answer { json: found.to_json(), text: found.to_text() })
}

/// What explanations are made with: nothing leaves.
pub fn shared_here(global: &Global, database: &Database) -> anyhow::Result<Arc<Shared>> {
    let config = if global.demo { demo_configuration() } else { configuration(global)? };
    shared(database.store.clone(), config, Channel::Captured, no_variables(), global.actor_name())
}

/// Explains the one subject that is meant.
async fn explain_named(
    global: &Global,
    shared: &Shared,
    playbook: &str,
    subject: &SubjectArguments,
    at: Instant,
    now: Instant,
) -> anyhow::Result<Explanation> {
    let decides = match in_force(shared, playbook, at).await? {
        Some(Ok(decides)) => decides,
        Some(Err(why)) => anyhow::bail!("{playbook} as it was in force then cannot be used: {why}"),
        None => from_file(global, shared, playbook)?,
    };
    let kind = Subject::from(decides.loaded.ready.playbook.subject);
    let readings = subject.readings();
    if let Some(portfolio) = &decides.loaded.ready.portfolio {
        let meant = readings.iter().map(|person| portfolio_subject(person, portfolio.per_csm)).next();
        return explain_subject(shared, &decides, &meant.unwrap_or_default(), at, now).await;
    }
    let fits = |person: &&Person| person.contact.is_some() == (kind == Subject::Contact);
    let mut explained = Vec::new();
    for person in readings.iter().filter(fits) {
        let one = SubjectId { account: person.account.clone(), contact: person.contact.clone().unwrap_or_default() };
        explained.push(explain_subject(shared, &decides, &one, at, now).await?);
    }
    let is_there = |one: &Explanation| one.decided_by != Guard::NoSuchSubject;
    if explained.iter().any(is_there) {
        explained.retain(is_there);
    } else {
        explained.truncate(1);
    }
    let only = subject.only(explained, |one| format!("`{}`", one.subject))?;
    only.with_context(|| match kind {
        Subject::Account => format!("{playbook} is about accounts: name an account alone"),
        Subject::Contact => format!("{playbook} is about contacts: name one as ACCOUNT/CONTACT"),
    })
}

/// What a name means in a playbook for the portfolio: the whole, or a CSM by the id
/// alone or as `portfolio/ID`.
fn portfolio_subject(named: &Person, per_csm: bool) -> SubjectId {
    let is_whole = named.account == SubjectId::PORTFOLIO;
    let contact = match (&named.contact, per_csm) {
        (Some(csm), _) if is_whole => csm.clone(),
        (None, true) if !is_whole => named.account.clone(),
        _ => String::new(),
    };
    let account = if is_whole || per_csm { String::new() } else { named.account.clone() };
    SubjectId { account, contact }
}

/// A playbook that was never published, as its file stands.
fn from_file(global: &Global, shared: &Shared, playbook: &str) -> anyhow::Result<InForce> {
    let checked = check_against(global, &[], shared.store.schema().clone());
    let found = checked.playbooks.iter().position(|ready| ready.playbook.id == playbook);
    let Some(place) = found else {
        if checked.known.iter().any(|known| known == playbook) {
            return Err(checked.refuse(&format!("the playbook `{playbook}` has errors")));
        }
        anyhow::bail!("there is no playbook `{playbook}`");
    };
    let Some(ready) = checked.playbooks.into_iter().nth(place).and_then(Arc::into_inner) else {
        anyhow::bail!("{playbook} is in use");
    };
    let revision = RevisionInForce {
        revision: ready.revision.clone(),
        file: ready.playbook.file.to_string(),
        published_at: None,
        note: Some("it was never published: this is what its file says".to_owned()),
    };
    Ok(InForce { loaded: Arc::new(Loaded::new(ready, shared.store.relations())?), revision, present: true })
}
