//! Every integration test, in one binary so that it links once.

mod private_postgres;
mod rehearsal;
mod schedule;
mod schedule_mistakes;
mod support;
