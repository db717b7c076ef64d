//! Open tasks: close those whose problem is gone, hand them over when somebody
//! is away, escalate those that are overdue, and say what comes of a person's word.

pub mod choices;
pub mod closer;
pub mod escalator;
pub mod explain;
pub mod handover;
