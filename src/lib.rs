//! Keepwell: a rule-driven playbook engine for customer success.

pub mod clock;
pub mod diagnostic;
pub mod ids;
pub mod random;

pub mod facts;
pub mod playbook;
pub mod delivery;
