//! `keepwell export` and `erase`: a customer's data out and away.

use std::fmt;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value as Json, json};

use super::database::Database;
use super::{Format, Global, output};
use crate::clock::Clock;
use crate::store::Store;
use crate::store::customers::data_subject::Person;
use crate::store::customers::erasure::Erasure;

/// Whom a command is about.
#[derive(Debug, Args)]
pub struct SubjectArguments {
    /// An account's id, or `account/contact`.
    #[arg(value_name = "ACCOUNT[/CONTACT]", value_parser = NonEmptyStringValueParser::new())]
    subject: String,
    /// The contact's id: what stands before is the account's id as a whole. For
    /// ids with a slash.
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    contact: Option<String>,
    /// What is named is an account's id as a whole. For ids with a slash.
    #[arg(long, conflicts_with = "contact")]
    whole: bool,
}

impl SubjectArguments {
    /// Of a command that can also be about something else.
    pub fn new(subject: String, contact: Option<String>, whole: bool) -> SubjectArguments {
        SubjectArguments { subject, contact, whole }
    }

    /// Everybody who may be meant; at least one.
    pub fn readings(&self) -> Vec<Person> {
        match &self.contact {
            Some(contact) => vec![Person::new(&self.subject, Some(contact))],
            None if self.whole => vec![Person::new(&self.subject, None)],
            None => Person::readings(&self.subject),
        }
    }

    /// The only one of those that there are; `None` when there is none. Several
    /// are an error that names them.
    pub fn only<T>(&self, there: Vec<T>, describe: impl Fn(&T) -> String) -> anyhow::Result<Option<T>> {
        let mut there = there.into_iter();
        let (first, others) = (there.next(), there.collect::<Vec<T>>());
        if let (Some(first), false) = (&first, others.is_empty()) {
            let all: Vec<String> = std::iter::once(first).chain(&others).map(describe).collect();
            anyhow::bail!("`{}` may be {}: say which with --whole or --contact", self.subject, all.join(", or "));
        }
        Ok(first)
    }
}

impl fmt::Display for SubjectArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.contact {
            Some(contact) => write!(f, "{}/{contact}", self.subject),
            None => f.write_str(&self.subject),
        }
    }
}

#[derive(Debug, Args)]
pub struct ExportOptions {
    #[command(flatten)]
    subject: SubjectArguments,
}

#[derive(Debug, Args)]
pub struct EraseOptions {
    #[command(flatten)]
    subject: SubjectArguments,
    /// A further name or address of theirs that texts may hold.
    #[arg(long, value_name = "TEXT")]
    also: Vec<String>,
    /// Only say what would be erased.
    #[arg(long)]
    dry_run: bool,
    /// Accepted and not needed: nothing is asked.
    #[arg(long, hide = true)]
    yes: bool,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// The one who is meant, of whom something is known.
async fn find_person(store: &Store, arguments: &SubjectArguments) -> anyhow::Result<Person> {
    let known = store.known_among(arguments.readings()).await?;
    arguments.only(known, Person::describe)?.with_context(|| format!("nothing is known of {arguments}"))
}

/// Prints everything that is known of them, as one JSON document.
pub async fn export(global: &Global, options: &ExportOptions) -> anyhow::Result<ExitCode> {
    let database = Database::open_customers(global, 2).await?;
    let person = find_person(&database.store, &options.subject).await;
    let document = match &person {
        Ok(person) => Some(database.store.export(person).await?),
        Err(_) => None,
    };
    database.close().await;
    person?;
    output::json(&json!({ "export": document }));
    Ok(ExitCode::SUCCESS)
}

/// Erases them from Keepwell's own state.
pub async fn erase(global: &Global, options: &EraseOptions) -> anyhow::Result<ExitCode> {
    let now = Clock::System.now();
    let database = Database::open_customers(global, 2).await?;
    let subject = match find_person(&database.store, &options.subject).await {
        Ok(subject) => subject,
        Err(error) => {
            database.close().await;
            return Err(error);
        }
    };
    let erasure = database
        .store
        .erase(&subject, &options.also, options.dry_run, crate::ids::Actor(&global.actor_name()), now)
        .await?;
    database.close().await;
    let Erasure::Done(erased) = erasure else {
        anyhow::bail!("a mail to {subject} is just being sent: nothing was erased, try again in a minute");
    };
    if options.format == Format::Json {
        let document: Json = json!({ "erased": {
            "account": subject.account, "contact": subject.contact, "dry_run": options.dry_run,
            "deleted": erased.deleted, "scrubbed": erased.scrubbed, "suppressed": erased.suppressed,
            "still_in_the_customer_store": erased.still_there,
        } });
        output::json(&document);
        return Ok(ExitCode::SUCCESS);
    }
    let would = if options.dry_run { "would be " } else { "" };
    for (rows, done) in [(&erased.deleted, "deleted"), (&erased.scrubbed, "kept without their words")] {
        for (table, count) in rows {
            say!("{count} {table}: {would}{done}");
        }
    }
    if erased.deleted.is_empty() && erased.scrubbed.is_empty() {
        say!("nothing of {subject} was left");
    }
    say!("{} addresses {would}suppressed, as keyed hashes", erased.suppressed);
    if erased.still_there {
        say!("the customer store still has {subject}: delete it there, else the next run meets it anew");
    }
    Ok(ExitCode::SUCCESS)
}
