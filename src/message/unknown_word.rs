//! A word of a message row that this version does not know.

use thiserror::Error;

/// A word of a message row that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not known to this version of Keepwell")]
pub struct UnknownWord(pub String);
