//! `keepwell mcp`: the Model Context Protocol on stdin and stdout, for the
//! assistant of somebody who writes playbooks.
//!
//! - `protocol`: what a line says, which versions are understood, and errors;
//! - `server`: what is answered;
//! - `tool`: what a tool is, with its parameters (`arguments`);
//! - `workplace`: which files and which database tools may use;
//! - `tools`: one file for each.
//!
//! Tools read, and one of them writes playbooks below the playbooks' folder.
//! None can publish, approve, send, stop or change state: the database refuses
//! every write, and a folder that a daemon reads is not written to.

use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::server::Server;
use self::workplace::Workplace;
use super::Global;

mod arguments;
mod protocol;
mod server;
mod tool;
mod tools;
mod workplace;

#[derive(Debug, Args)]
pub struct Options {
    /// A facts file instead of the default store's catalogue, for what is checked and played.
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
}

/// The longest line that is read.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    let global = Global { read_only: true, ..global.clone() };
    let server = Arc::new(Server::new(Workplace { global, facts: options.facts.clone() }));
    let mut lines = read_lines();
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => {
                    if let Some(call) = server.take(&line) {
                        let server = server.clone();
                        calls.spawn(async move { server.carry_out(call).await });
                    }
                }
                None => break,
            },
            Some(_) = calls.join_next(), if !calls.is_empty() => {}
        }
    }
    // Whoever writes all requests at once and closes the pipe gets all answers.
    while calls.join_next().await.is_some() {}
    Ok(ExitCode::SUCCESS)
}

/// The lines of stdin, read on a thread of its own. One that is too long is cut,
/// and so no message any more.
fn read_lines() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            match input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line.ends_with(b"\n") => {}
                // The rest of it is left out.
                Ok(_) => drop(input.skip_until(b'\n')),
            }
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
