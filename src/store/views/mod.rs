//! Lists for people: the rows that pages and commands show.
//!
//! - [`cli`]: enrollments, tasks, messages and runs as JSON, for commands;
//! - [`gauges`]: how much there is to do, for whoever watches;
//! - [`impact`]: whether each playbook helps, and what it costs;
//! - [`past`]: one subject of a playbook at an instant, for `explain`;
//! - `recorded`: columns of accounts as their history has them;
//! - [`web`]: typed rows for the pages.

pub mod cli;
pub mod gauges;
pub mod impact;
pub mod past;
mod recorded;
pub mod web;
