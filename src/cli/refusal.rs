//! Why a command does not go on where files have errors.

use std::sync::Arc;

use super::output;
use crate::diagnostic::{Diagnostic, render_human};

/// Errors in files. They are on stderr already; whoever does not read it takes
/// them from here.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct InputRefusal {
    message: String,
    /// For people, each with its place.
    pub findings: String,
}

/// Prints the findings on stderr; gives the error that ends the command.
pub fn refuse(message: &str, diagnostics: &[Diagnostic], text_of: &dyn Fn(&str) -> Option<Arc<str>>) -> anyhow::Error {
    let findings = render_human(diagnostics, text_of, false);
    output::error_text(&findings);
    InputRefusal { message: message.to_owned(), findings }.into()
}
