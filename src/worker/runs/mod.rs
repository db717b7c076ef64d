//! From a due slot to enrollments: publish playbooks, open runs, decide about
//! candidates, hold what needs a person, release what was approved.

pub(crate) mod audience_diff;
pub mod breaker;
pub mod candidates;
pub(crate) mod decide;
pub mod first_mails;
pub mod plan;
pub mod publisher;
pub(crate) mod releaser;
pub mod run;
mod scan_share;
pub mod scheduler;
pub mod shared_scan;
