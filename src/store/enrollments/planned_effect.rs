//! An effect on its way from a transition into its table.

use crate::effect::Effect;
use crate::enrollment::Enrollment;

/// What a step wants to be written, with the enrollment it is for. The draft is
/// the part of the effect's body that its table takes.
pub(crate) struct PlannedEffect<'a, D> {
    pub enrollment: &'a Enrollment,
    pub effect: &'a Effect,
    pub draft: &'a D,
}
