//! What decides about messages. Pure functions of what was seen.

pub mod auto_stop;
pub mod budget;
