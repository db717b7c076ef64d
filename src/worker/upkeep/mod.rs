//! What keeps a daemon safe: expired claims, the database's identity, clocks,
//! and what the customer store was seen to hold.

pub mod clock_check;
pub mod database_epoch;
pub mod inventory_recorder;
pub mod janitor;
