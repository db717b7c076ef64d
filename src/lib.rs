//! Keepwell: a rule-driven playbook engine for customer success.
//!
//! Customer-success operations write playbooks: YAML with Rhai expressions that
//! say when an account needs attention and what then happens. Keepwell checks
//! them, evaluates them on their schedules against a Postgres customer store,
//! and, once each, sends the mail, creates the task, tells the colleague.
//!
//! # The way of the data
//!
//! ```text
//! playbooks/*.yaml, scripts/*.rhai ─ load, check ─▶ ReadyPlaybooks ─ publish ─▶ revisions
//! slot is due ─ one query (cells, as_of) ─▶ Facts ─ Rhai decides ─▶ Verdict
//! verdict + history ─ admit (pure) ─▶ Enrollment | Skip(reason) ─ hold_above ─▶ committed | held
//! enrollment is due ─ advance (pure) ─▶ Transition { state, effects, reason } ─ one transaction ─▶ rows + outbox
//! message is due ─ gate (still true? reachable? suppressed?) ─ render ─ channel ─▶ Outcome ─▶ attempt row
//! ```
//!
//! The modules below stand in import order: none mentions one that comes later,
//! so the list is also a reading order. `tests/suite/tidy/` keeps it so.
//!
//! # What holds everywhere
//!
//! - Time is a parameter. The clock is read in `worker::supervise`, in web
//!   handlers and in `cli`; SQL binds it; only leases use the database's.
//! - Identities are derived ([`ids`]): a decision taken twice collides, and
//!   unique indexes decide what happened once. There is no leader.
//! - A run decides first and commits then; another daemon can finish it.
//! - One decision is one transaction about one account; none spans the network.
//! - A mail is sent at most once: between the server's "go ahead" and the body
//!   stands [`store::Store::mark`], and an outcome that nobody knows is
//!   `unknown` and never sent again by the machine.
//! - Verdicts are true, false or undecided; undecided never enrolls and never
//!   lets a mail leave.
//! - An author's mistake is a [`diagnostic::Diagnostic`], never a panic, and all
//!   of them are reported together.
//!
//! # What is deliberately absent
//!
//! No leader election, no message bus, no in-memory schedule, no per-row query,
//! no retry of an unknown outcome, no way for a playbook to reach the network,
//! the file system or the clock.

pub mod printable;

pub mod address;
pub mod clock;
pub mod diagnostic;
pub mod ids;
pub mod plan_link;
pub mod random;
pub mod side_by_side;
mod signature;
pub mod statistics;
pub mod telemetry;
pub mod timestamp;
pub mod user;
pub mod zone;

pub mod postgres;

pub mod import;

pub mod playbook;

pub mod config;

pub mod facts;

pub mod rule;

pub mod customer_words;

pub mod value_report;

pub mod message;

pub mod effect;

pub mod action;

pub mod catalog;
pub mod evaluation;

pub mod enrollment;

pub mod impact;

pub mod store;

pub mod delivery;

pub mod rehearsal;

pub mod editor;

pub mod worker;

pub mod web;

pub mod cli;
