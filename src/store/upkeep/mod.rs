//! What keeps an installation sound: stops, clocks, the database's identity, the
//! audit log and retention.

pub mod audit;
pub mod clocks;
pub mod epoch;
pub mod last_marker;
pub mod retention;
pub mod stopped;
pub mod stops;
