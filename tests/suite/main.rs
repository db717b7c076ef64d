//! Every integration test, in one binary so that it links once.

mod check_form;
mod customers;
mod functions;
mod private_postgres;
mod schedule;
mod schedule_mistakes;
mod support;
mod web;
