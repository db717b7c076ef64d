//! What documents beside playbooks say of one subject. Pure: facts in, a result
//! with its reasons out; the worker, the cases of a document and the explanations
//! ask the same functions.
//!
//! - `score`: the value of a score, its band and its factors;
//! - `lifecycle`: the stage of an account, `tiers` its tier, `standing` what both say;
//! - `plan`: how far the goals of a success plan are;
//! - `kpi`: a figure about all accounts together, or why there is none;
//! - `matching`: the accounts that a playbook for the portfolio lists.

pub mod kpi;
pub mod lifecycle;
pub mod matching;
pub mod plan;
pub mod score;
pub mod standing;
pub mod tiers;
