//! Lists for people: the rows that pages and commands show.

pub mod cli;
pub mod web;
