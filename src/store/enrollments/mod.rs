//! Enrollments: who is on the way through which playbook, and how far.
//!
//! - [`insert`]: new enrollments, of a run or of subjects that were named;
//! - [`history`]: what a run has to know of its subjects before it decides;
//! - [`lookup`]: those that are due, those of a held run, and by id;
//! - [`transitions`]: decisions about many, each with all its effects
//!   (`planned_effect` is one effect on its way into its table);
//! - [`progress`]: what enrollments have behind them: tasks, mail, answers;
//! - [`own_acts`]: what they did themselves at one instant;
//! - [`matched_since`]: since when conditions have been true;
//! - [`moved_contacts`]: who was under another account or id before;
//! - [`late_goals`]: ended enrollments whose goal still counts;
//! - [`holdout`]: how held-out accounts fare beside treated ones;
//! - [`enroll_requests`]: what the step `enroll` asked for;
//! - `labels`: what the step `set` has written down;
//! - `plans`: success plans that the step `plan` gives;
//! - [`manual_moves`]: what a person does with single enrollments;
//! - `stored_enrollment`: a row of the table.
//!
//! What is asked about many accounts is planned for the tables as they are at
//! that moment (`persistent(false)`) and has no choice but to probe the keys of
//! each account: right after a large run neither a plan that was kept nor the
//! statistics know how large the tables have become.

pub mod enroll_requests;
pub mod history;
pub mod holdout;
pub mod insert;
pub(crate) mod labels;
pub mod late_goals;
pub mod lookup;
pub mod manual_moves;
pub mod matched_since;
pub mod moved_contacts;
pub mod own_acts;
pub(crate) mod planned_effect;
pub(crate) mod plans;
pub mod progress;
pub(in crate::store) mod stored_enrollment;
pub mod transitions;
