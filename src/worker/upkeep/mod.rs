//! What keeps a daemon safe: expired claims, the database's identity, clocks.

pub mod clock_check;
pub mod database_epoch;
pub mod janitor;
