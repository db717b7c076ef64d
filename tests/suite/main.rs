//! Every integration test, in one binary so that it links once.

mod schedule;
mod schedule_mistakes;
