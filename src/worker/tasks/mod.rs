//! Open tasks: close those whose problem is gone, hand them over when somebody
//! is away, escalate those that are overdue.

pub mod closer;
pub mod escalator;
pub mod explain;
pub mod handover;
