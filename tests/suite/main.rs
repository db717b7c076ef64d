//! Every integration test, in one binary so that it links once.
#![allow(clippy::unwrap_used)]

mod check_form;
mod check_meaning;
mod compose;
mod customers;
mod delivery;
mod documents;
mod functions;
mod prefilter;
mod private_postgres;
mod rehearsal;
mod rules;
mod schedule;
mod schedule_mistakes;
mod support;
mod tidy;
mod web;
