//! What this process is before it does anything: where its data lies, whose it
//! is, and what it hears of the environment.

use crate::postgres;

use super::{Command, Global};

/// Makes the process fit for the command; to be called while it has one thread.
/// Returns the user it acts as, when root has called and that is somebody else.
pub fn prepare(global: &Global, command: &Command) -> anyhow::Result<Option<String>> {
    if global.data.to_str().is_none() {
        anyhow::bail!("--data {:?} is not UTF-8 text: name another folder", global.data);
    }
    let demo = global.demo || matches!(command, Command::Demo(_));
    let named = std::env::var_os("DATABASE_URL").is_some_and(|url| !url.is_empty());
    if !command.uses_database() || (named && !demo) {
        return Ok(None);
    }
    for name in postgres::VARIABLES {
        // SAFETY: the environment is changed while no other thread could read it.
        unsafe { std::env::remove_var(name) };
    }
    let data = global.data.as_path();
    Ok(postgres::act_as_operator(&[&data.join(if demo { "demo" } else { "" }), data])?)
}

impl Command {
    /// Whether it opens the database, and would start a private one.
    fn uses_database(&self) -> bool {
        !matches!(self, Command::Check(_) | Command::Test(_) | Command::Slots(_) | Command::Later(_))
    }
}
