//! Requests that get no answer.

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("`{0}` is nothing that this server answers")]
    UnknownMethod(String),
    #[error("the request is not as the protocol has it: {0}")]
    Malformed(#[from] serde_json::Error),
    /// In words for people.
    #[error("{0}")]
    Impossible(String),
}
