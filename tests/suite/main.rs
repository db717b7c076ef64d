//! One binary for all tests that need more than one module.
#![allow(clippy::unwrap_used)]

mod support;

mod compose;
mod delivery;
