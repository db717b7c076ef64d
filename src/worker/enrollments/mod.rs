//! Moving enrollments on: waiting ones at their time, goals that come true after
//! the end, requests by name, what a journey brings, and moves to another revision; [`turns`] keeps slow
//! playbooks from delaying others.

pub mod advancer;
pub mod enroll_requests;
pub mod journeys;
pub mod late_goals;
pub mod mover;
pub(crate) mod snapshot;
pub(crate) mod turns;
