//! From a condition to what the database can decide of it.
//!
//! `holds` runs through the translation: `truth(e, true)` is true on every
//! account on which `e` is true, and `truth(e, false)` on every one on which it
//! is false. No negation is ever written down, so each leaf stands alone and
//! what is not understood may be always true. Accounts on which `e` cannot be
//! decided need not be kept: a condition whose other clause rules an account
//! out is false, whatever the clause beside it would have raised.
//!
//! `truth` translates conditions, `operand` reads the values that they compare,
//! `comparison` compares them; `translation` is what these three share. The
//! result is a `clause`s' `predicate`.

pub(crate) mod clause;
mod comparison;
mod operand;
pub mod predicate;
mod translation;
mod truth;

pub use clause::{Clause, Prefilter};
pub(crate) use truth::translate;
