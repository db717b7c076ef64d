//! Lists for people: the rows that pages and commands show.
//!
//! - [`cli`]: enrollments, tasks, messages and runs as JSON, for commands;
//! - [`web`]: typed rows for the pages.

pub mod cli;
pub mod web;
