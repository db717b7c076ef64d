//! Where an enrollment has passed through, for those who ask what cases try.

/// A step that was passed, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passage {
    /// The step's id.
    pub step: String,
    pub way: Way,
}

/// How a step was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// It was begun.
    Begun,
    /// Its `if` did not hold.
    LeftOut,
    /// This way of a branch was taken, from 0.
    Arm(usize),
    /// No `if` of a branch held.
    Otherwise,
    /// What a wait waited for came true.
    Met,
    /// It did not come true in time.
    TimedOut,
}
