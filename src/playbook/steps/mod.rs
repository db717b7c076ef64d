//! Reading `steps:`.
//!
//! `reader` reads what every step has: its kind, its id, its condition and its
//! place among the others. `wait`, `branch` and `end` read the kinds that say
//! which step comes next; the bodies of all other kinds are read in `action`.

mod branch;
mod end;
mod reader;
mod wait;

pub use branch::BRANCH;
pub use end::END;
pub use reader::{ID_KEY, STEP_KEYS, is_step_id};
pub(super) use reader::{KnownStep, StepReader, nearest_step};
pub use wait::WAIT;
