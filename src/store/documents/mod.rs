//! Documents beside playbooks: their evaluations, and what these find.
//!
//! - [`evaluations`]: one evaluation per document and slot, with its lease;
//! - [`scores`]: the scores that documents make.

pub mod evaluations;
pub mod scores;
