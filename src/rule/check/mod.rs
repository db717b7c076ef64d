//! The type check of expressions and scripts: what can be said about a text
//! before it ever runs.
//!
//! `checker` is the check under way and `kind` what it says of a part;
//! `expressions` walks over an expression, with `operators`, `calls`, `methods`,
//! `properties`, `ago`, `kpi`, `choices`, `plan_link` and `how_many` for its parts and `guards` for what a
//! clause proves. `constant_clauses` warns of what is always the same, `open_windows`
//! of what is true for ever after, `missing_relations` of what the customer store lacks. `script` does it for
//! the scripts of `run` steps, with `script_calls` and `script_lints`.

pub(crate) mod ago;
pub(crate) mod calls;
pub(crate) mod canonical;
pub(crate) mod checker;
pub(crate) mod choices;
pub(crate) mod constant_clauses;
pub(crate) mod expressions;
pub(crate) mod guards;
pub(crate) mod how_many;
pub(crate) mod kind;
mod kpi;
pub(crate) mod methods;
pub(crate) mod missing_relations;
pub(crate) mod open_windows;
pub(crate) mod operators;
mod plan_link;
mod population;
pub(crate) mod properties;
pub mod script;
pub mod script_calls;
pub(crate) mod script_lints;
pub mod signature;
