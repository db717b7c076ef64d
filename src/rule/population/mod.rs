//! Questions about all accounts, or all contacts, together:
//! `percentile_of(account.mrr)`.
//!
//! The expression inside is compiled like a condition, with facts of its own, and
//! evaluated for each member of the population; what cannot be calculated there
//! is missing and left out. Nobody asks once for each subject: the members are
//! passed over once, and every subject reads the same figure.
//!
//! - `measure`: the functions;
//! - `figure`: what a pass over the members gives: exact, in any order of them;
//! - `question`: one call, compiled;
//! - `answer`: the values of a subject's calls, once the figures are there.

mod answer;
mod figure;
mod measure;
mod question;

pub use answer::PopulationCells;
pub use figure::{Figure, MemberValue, PopulationFigures, Sample};
pub use measure::Measure;
pub(crate) use question::{Members, Parts, call, cell_of_earlier_day};
pub use question::{PopulationQuestion, question_of};
