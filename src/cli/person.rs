//! `keepwell export` and `erase`: a customer's data out and away.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value as Json, json};

use super::database::Database;
use super::{Format, Global, output, somebody};
use crate::clock::Clock;
use crate::store::customers::data_subject::Person;
use crate::store::customers::erasure::Erasure;

#[derive(Debug, Args)]
pub struct ExportOptions {
    /// An account's id, or `account/contact`.
    #[arg(value_name = "ACCOUNT[/CONTACT]", value_parser = person)]
    subject: Person,
}

#[derive(Debug, Args)]
pub struct EraseOptions {
    /// An account's id, or `account/contact`.
    #[arg(value_name = "ACCOUNT[/CONTACT]", value_parser = person)]
    subject: Person,
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

fn person(text: &str) -> Result<Person, String> {
    Person::parse(text).ok_or_else(|| "write an account's id, or `account/contact`".to_owned())
}

/// Prints everything that is known of them, as one JSON document.
pub async fn export(global: &Global, options: &ExportOptions) -> anyhow::Result<ExitCode> {
    let database = Database::open_customers(global, 2).await?;
    let document = match database.store.knows(&options.subject).await? {
        true => Some(database.store.export(&options.subject).await?),
        false => None,
    };
    database.close().await;
    let Some(document) = document else { anyhow::bail!("nothing is known of {}", options.subject) };
    output::json(&json!({ "export": document }));
    Ok(ExitCode::SUCCESS)
}

/// Erases them from Keepwell's own state.
pub async fn erase(global: &Global, options: &EraseOptions) -> anyhow::Result<ExitCode> {
    let (subject, now) = (&options.subject, Clock::System.now());
    let database = Database::open_customers(global, 2).await?;
    if !database.store.knows(subject).await? {
        database.close().await;
        anyhow::bail!("nothing is known of {subject}");
    }
    let erasure = database.store.erase(subject, &options.also, options.dry_run, &somebody(), now).await?;
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
