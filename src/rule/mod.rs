//! From an author's text to something that decides, and to something that
//! reads.
//!
//! `scope` says which names an expression may use, `compile` makes a [`Rule`] of
//! its text, and a [`Rule`] answers true, false or undecided for one subject's
//! facts. `check` finds what Rhai would let pass and collects the cells an
//! expression reads; `engine` runs it; `foreign_syntax` and `rhai_messages` say
//! what is wrong in words for people; `functions` holds one fact function per
//! file; `property_literal` reads the properties that some of them take; `prefilter` is what the database decides of a condition. `template`
//! puts the same expressions into the texts of mails and tasks. `reference` lists
//! what can be asked. No SQL runs
//! here and no clock is read.

pub mod check;
mod clause_rules;
mod compile;
mod compiled;
pub mod engine;
mod foreign_syntax;
pub mod functions;
mod holder;
mod named_steps;
mod parts;
mod place;
pub mod population;
pub mod prefilter;
pub(crate) mod print;
mod property_literal;
pub(crate) mod reader_language;
pub mod reference;
mod rhai_messages;
mod scope;
pub mod template;

pub(crate) use check::ago::{WITH_PAST, cell_without_past};
pub use check::script::compile_script;
pub use check::script_calls::{WrittenCall, WrittenField, labels, literals};
pub use clause_rules::ClauseRule;
pub use compile::{Wanted, compile};
pub use compiled::{Rule, Verdict};
pub(crate) use engine::actions::ACTIONS;
pub use engine::actions::Described;
pub use engine::context::Context;
pub use engine::error::EvalError;
pub use engine::modules::Modules;
pub use engine::sandbox::Sandbox;
pub use engine::value::{from_dynamic as value_of, texts};
pub use named_steps::{NamedStep, NamedSteps};
pub use prefilter::Prefilter;
pub use prefilter::predicate::Predicate;
pub use scope::{MATCHING_COUNT, Neighbours, Scope, View};
