//! Tasks of colleagues.
//!
//! - `insert`: tasks as steps make them;
//! - [`auto_close`]: open tasks that close once their problem is gone;
//! - [`manual_changes`]: what a person does with tasks;
//! - [`notes`]: ticks of checklists, and notes;
//! - [`undo`]: undoing that, and what comes of it when nobody does;
//! - [`escalations`]: overdue tasks of which a manager should hear;
//! - [`handovers`]: tasks of somebody who is away or has left;
//! - [`workload`]: colleagues, and how many tasks each has.

pub mod auto_close;
pub mod escalations;
pub mod handovers;
pub(in crate::store) mod insert;
pub mod manual_changes;
pub mod notes;
pub mod undo;
pub mod workload;
