//! `keepwell schema`: what an editor needs to complete, explain and check a
//! file while it is written.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::Value as Json;

use super::check::store_at_hand;
use super::database::configuration;
use super::{Global, output};
use crate::catalog::json_schema::{self, Deployment};
use crate::facts::Schema;
use crate::playbook::source::SourceSet;

#[derive(Debug, Args)]
pub struct Options {
    /// What file it is of.
    #[arg(long, value_enum, default_value_t = FileKind::Playbook)]
    of: FileKind,
    /// With the columns of the customer store in the database, and the names of
    /// events, scores and roles that were seen there.
    #[arg(long)]
    store: bool,
}

/// A kind of file that people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FileKind {
    /// A playbook.
    Playbook,
    /// keepwell.yaml.
    Configuration,
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    output::json(&answer(global, options.of, options.store).await?);
    Ok(ExitCode::SUCCESS)
}

/// The JSON Schema of a kind of file, with what the store in the database holds
/// where `of_store`.
pub async fn answer(global: &Global, kind: FileKind, of_store: bool) -> anyhow::Result<Json> {
    let config = configuration(global)?;
    let schema = if of_store {
        let (database, schema) = store_at_hand::open(global).await?;
        database.close().await;
        schema
    } else {
        Schema::of_configuration(&config.store)
    };
    // A file with mistakes has names, too; its mistakes are what `check` is for.
    let sources = SourceSet::read(std::slice::from_ref(&global.playbooks), &global.scripts);
    let deployment = Deployment::new(&sources, &config, schema);
    Ok(match kind {
        FileKind::Playbook => json_schema::of_playbook(&deployment),
        FileKind::Configuration => json_schema::of_configuration(&deployment),
    })
}
