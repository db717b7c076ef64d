//! `keepwell schema`: what an editor needs to complete, explain and check a
//! file while it is written.

use std::process::ExitCode;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::Value as Json;

use super::check::store_at_hand;
use super::database::configuration;
use super::{Global, output};
use crate::catalog::json_schema::{self, Deployment};
use crate::facts::Schema;
use crate::playbook::document::{self, PLAYBOOK_WORD};
use crate::playbook::reader::Form;
use crate::playbook::source::SourceSet;

#[derive(Debug, Args)]
pub struct Options {
    /// What file it is of.
    #[arg(long, value_parser = kinds().try_map(FileKind::read), default_value = PLAYBOOK_WORD)]
    of: FileKind,
    /// With the columns of the customer store in the database, and the names of
    /// events, scores and roles that were seen there.
    #[arg(long)]
    store: bool,
}

/// A kind of file that people write.
#[derive(Clone, Copy, Debug)]
pub enum FileKind {
    /// A file of the playbooks' folder: a playbook, or a document beside playbooks.
    Playbook,
    /// A document of one kind alone.
    Document(&'static Form),
    /// keepwell.yaml.
    Configuration,
}

/// The word for `keepwell.yaml`.
const CONFIGURATION: &str = "configuration";

fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(document::first_keys().chain([CONFIGURATION]))
}

impl FileKind {
    fn read(word: String) -> Result<FileKind, String> {
        match word.as_str() {
            PLAYBOOK_WORD => Ok(FileKind::Playbook),
            CONFIGURATION => Ok(FileKind::Configuration),
            word => {
                let form = document::documents().find(|(known, ..)| *known == word).map(|(.., form)| form);
                form.map(FileKind::Document).ok_or_else(|| format!("no file is a `{word}`"))
            }
        }
    }
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
        FileKind::Playbook => json_schema::of_file(&deployment),
        FileKind::Document(form) => json_schema::of_document(form, &deployment),
        FileKind::Configuration => json_schema::of_configuration(&deployment),
    })
}
