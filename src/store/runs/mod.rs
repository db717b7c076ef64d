//! Runs: one evaluation per playbook and slot, and what holds it back.
//!
//! - [`playbooks`]: published playbooks and their revisions;
//! - [`publications`]: which of them was in force when, and going back;
//! - [`renames`]: playbooks that got another name;
//! - `name_lock`: what keeps a name while something is written under it;
//! - [`run`]: a run from its opening to its end, with its lease;
//! - [`tally`]: what a run counts;
//! - [`breaker`]: what the breaker asks before a run acts;
//! - [`daily_quota`]: the room that `max_per_day` leaves;
//! - [`event_looks`]: what playbooks with `on:` have looked at;
//! - [`releases`]: a person's answer to a held run, and releasing it.

pub mod breaker;
pub mod daily_quota;
pub mod event_looks;
pub(in crate::store) mod name_lock;
pub mod playbooks;
pub mod publications;
pub mod releases;
pub mod renames;
pub mod run;
pub mod tally;

pub use run::{Run, RunKind, parse_run_id, run_id};
pub use tally::{Entered, Tally};
