//! Keepwell: a rule-driven playbook engine for customer success.

pub mod clock;
pub mod config;
pub mod diagnostic;
pub mod ids;
pub mod random;

pub mod facts;
pub mod playbook;
pub mod rule;
pub mod effect;
pub mod action;
pub mod catalog;
pub mod enrollment;
pub mod store;
pub mod web;
