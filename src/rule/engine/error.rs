//! What goes wrong while an expression, script or template runs.

use rhai::EvalAltResult;

use super::value::MISSING;

use crate::playbook::{Layout, Origin};

/// What went wrong while an expression or script ran.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    pub message: String,
    /// Line inside the text, 1-based; 0 when it is not known.
    line: u32,
}

impl EvalError {
    pub fn new(message: impl Into<String>) -> EvalError {
        EvalError { message: message.into(), line: 0 }
    }

    /// At a line of the text, 1-based; 0 when it is not known.
    pub(crate) fn at(message: String, line: u32) -> EvalError {
        EvalError { message, line }
    }

    /// Whether something was missing that a value was needed of.
    pub(crate) fn is_about_missing(&self) -> bool {
        self.message.contains(MISSING)
    }

    /// The same with the line of the playbook's file, where a text of several
    /// lines failed.
    pub(crate) fn of(self, origin: &Origin) -> EvalError {
        match origin.layout {
            Layout::Block { .. } if self.line > 0 => {
                EvalError::new(format!("{} (line {})", self.message, origin.at(self.line, 1).line))
            }
            _ => self,
        }
    }
}

/// A failure of a function that expressions call.
pub(crate) fn fail<T>(message: impl Into<String>) -> Result<T, Box<EvalAltResult>> {
    Err(message.into().into())
}

/// What Rhai says of a failure, in words for people.
pub(crate) fn explain(error: &EvalAltResult) -> EvalError {
    // Of a failure inside a function of `scripts/`, where that is called.
    let line = error.position().line().unwrap_or(0) as u32;
    let message = match root(error) {
        EvalAltResult::ErrorStackOverflow(_) => "functions call each other too deeply".to_owned(),
        EvalAltResult::ErrorTerminated(value, _) | EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorMismatchDataType(wanted, found, _) if wanted == "bool" => {
            format!("true or false is needed here, not {}", if found == "()" { MISSING } else { found })
        }
        EvalAltResult::ErrorDataTooLarge(..) => "a text or a list in it is too long".to_owned(),
        other => {
            let text = other.to_string();
            text.split(" (line ").next().unwrap_or(&text).to_owned()
        }
    };
    EvalError { message, line }
}

/// The failure inside of the calls that it came through.
pub(crate) fn root(error: &EvalAltResult) -> &EvalAltResult {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) => root(inner),
        other => other,
    }
}
