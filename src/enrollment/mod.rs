//! The heart: who enters, and what happens next. Pure functions of facts.
//!
//! - [`admit()`] answers a candidate with an enrollment or a named skip;
//! - [`hold`] says whether a run's enrollments go ahead or wait for a person;
//! - [`advance()`] takes an enrollment to its next state, with the effects on the way;
//! - [`outlook`] is the way ahead as things stand, for those who ask beforehand;
//! - [`Guard`] names what decided who enters;
//! - [`stops`] is what ends an enrollment early: both of these ask it, and once
//!   more the gate of a mail;
//! - [`holdout`] draws who gets nothing, so that the rest can be compared;
//! - `late_goal` is a goal that comes true after the end;
//! - `own_acts` is what a step does that the steps behind it see at once;
//! - [`move_revision`] is where an enrollment stands in another revision;
//! - `matched_since` is since when a condition has been true;
//! - `turn` spreads the first questions of a survey over its period.
//!
//! Nothing here does IO, knows SQL or reads the clock: `now` is the instant of
//! the facts.

mod admit;
mod advance;
mod end_conditions;
mod guard;
pub mod hold;
pub mod holdout;
mod late_goal;
mod matched_since;
pub mod move_revision;
pub mod outlook;
mod own_acts;
mod passage;
mod state;
mod turn;

pub use admit::{Admission, Decision, History, Skip, admit, admit_named, at_entry};
pub use advance::{Look, MessageEnd, Transition, advance, next_quarter};
pub use end_conditions::{EndReason, UndecidedGuard, is_mail_wanted, stops};
pub use guard::Guard;
pub use late_goal::reach_late_goal;
pub use matched_since::{MatchChange, MatchedSince};
pub use own_acts::{OpenTasks, own_acts};
pub use passage::{Passage, Way};
pub use state::{Enrollment, Move, MoveHistory, Phase, State};
