//! Commands whose names are settled and which this version does not have. They
//! are refused in words, never ignored.

use std::process::ExitCode;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum UnsupportedCommand {
    #[command(hide = true)]
    Token(Anything),
}

#[derive(Debug, Args)]
pub struct Anything {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _words: Vec<String>,
}

pub fn refuse(command: &UnsupportedCommand) -> anyhow::Result<ExitCode> {
    let name = format!("{command:?}").split('(').next().unwrap_or_default().to_lowercase();
    anyhow::bail!("`keepwell {name}` is not yet supported")
}
