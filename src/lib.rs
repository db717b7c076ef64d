//! Keepwell: a rule-driven playbook engine for customer success.

pub mod clock;
pub mod diagnostic;
pub mod ids;
pub mod random;

pub mod playbook;

pub mod config;

pub mod facts;

pub mod rule;

pub mod effect;

pub mod action;

pub mod catalog;

pub mod enrollment;

pub mod store;

pub mod delivery;

pub mod worker;

pub mod rehearsal;

pub mod web;

pub mod telemetry;

pub mod cli;
