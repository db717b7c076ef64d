//! Moving enrollments on: waiting ones at their time, goals that come true after
//! the end, requests by name, and moves to another revision.

pub mod advancer;
pub mod enroll_requests;
pub mod late_goals;
pub mod mover;
pub(crate) mod snapshot;
