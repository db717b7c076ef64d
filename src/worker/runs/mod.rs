//! From a due slot to enrollments: publish playbooks, open runs, decide about
//! candidates, hold what needs a person, release what was approved.

pub mod approval_outlook;
pub(crate) mod audience_diff;
pub mod backtest;
pub mod breaker;
pub mod candidates;
mod case_verdicts;
pub(crate) mod decide;
mod deciding;
pub mod diff;
pub(crate) mod evaluation_budget;
pub(crate) mod event_watch;
pub mod explain;
pub mod first_mails;
mod keep_runs;
pub mod names;
pub mod plan;
pub mod publisher;
pub(crate) mod releaser;
pub mod run;
pub mod run_capacity;
mod scan_share;
pub mod scheduler;
mod shared_scan;
