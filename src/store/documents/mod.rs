//! Documents beside playbooks: their evaluations, and what these find.
//!
//! - [`attention`]: the touches, tasks and mails that accounts got;
//! - [`customer_plans`]: a success plan as its customer sees it;
//! - [`evaluations`]: one evaluation per document and slot, with its lease;
//! - [`plans`]: success plans, and how far their goals are;
//! - [`reports`]: value reports;
//! - [`scores`]: the scores that documents make;
//! - [`standings`]: the stages and tiers that documents find;
//! - [`kpis`]: the figures that documents make.

pub mod attention;
pub mod customer_plans;
pub mod evaluations;
pub mod kpis;
pub mod plans;
pub mod reports;
pub mod scores;
pub mod standings;
