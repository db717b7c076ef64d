//! The daemon's work: each worker looks at the database, does what is due and
//! returns how much it did. None of them takes a message about what changed.
//!
//! [`lanes::WORKERS`] lists them with their purpose; a folder holds those that
//! serve the same rows, and what they share. [`supervise`] turns the list into
//! a daemon, [`lanes::pass`] makes one round of it.
//!
//! A worker's error leaves what was being done due. The clock is read in
//! `supervise` only; a worker is given `now`.

pub mod documents;
pub mod enrollments;
pub mod health;
pub mod lanes;
pub mod messages;
pub(crate) mod owner_notice;
pub(crate) mod portfolio;
pub mod revision_cache;
pub(crate) mod round;
pub mod runs;
pub mod shared;
pub mod store_lints;
pub mod supervise;
pub mod tasks;
pub mod upkeep;

pub use lanes::{pass, pass_until};
pub use messages::batch_size::Pace;
pub use messages::domain_limits::Domains;
pub use messages::under_way::UnderWay;
pub use revision_cache::Compiled;
pub use runs::run_capacity::RunCapacity;
pub use shared::{Shared, Variables};
