//! Every integration test, in one binary so that it links once.
#![allow(clippy::unwrap_used)]

mod again;
mod check_form;
mod check_meaning;
mod cli;
mod clocks;
mod compose;
mod crash;
mod customers;
mod cut_off;
mod daemon;
mod delivery;
mod distribution;
mod doctor;
mod documents;
mod epoch;
mod faults;
mod functions;
mod histories;
mod import;
mod outcomes;
mod own_tables;
mod poison;
mod prefilter;
mod private_postgres;
mod racing;
mod rehearsal;
mod rules;
mod schedule;
mod schedule_mistakes;
mod secrets;
mod stories;
mod support;
mod tidy;
mod web;
