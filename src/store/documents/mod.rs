//! Documents beside playbooks: their evaluations, and what these find.
//!
//! - [`evaluations`]: one evaluation per document and slot, with its lease;
//! - [`scores`]: the scores that documents make;
//! - [`standings`]: the stages and tiers that documents find;
//! - [`kpis`]: the figures that documents make.

pub mod evaluations;
pub mod kpis;
pub mod scores;
pub mod standings;
