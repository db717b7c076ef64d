//! What keeps an installation sound.
//!
//! - [`stopped`]: what is stopped, as values that are read before every claim;
//! - [`stops`]: stopping and resuming;
//! - [`audit`]: what people did;
//! - [`clocks`]: a daemon's clock against the database's, and daemons that rest;
//! - [`epoch`]: which database this is, and what it may have forgotten;
//! - [`last_marker`]: how far sending has come;
//! - [`retention`]: what is forgotten after its time.

pub mod audit;
pub mod clocks;
pub mod epoch;
pub mod last_marker;
pub mod retention;
pub mod stopped;
pub mod stops;
