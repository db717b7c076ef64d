//! From a condition's text to something that can be asked.

pub mod functions;
