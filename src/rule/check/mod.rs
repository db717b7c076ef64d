//! The type check of conditions and scripts: what can be said about an
//! expression before it ever runs.

pub mod ago;
pub(crate) mod calls;
pub(crate) mod constant_clauses;
pub(crate) mod guards;
pub(crate) mod how_many;
pub(crate) mod kind;
pub(crate) mod methods;
pub(crate) mod missing_relations;
pub(crate) mod properties;
pub(crate) mod script_calls;
pub(crate) mod script_lints;
pub mod signature;
pub(crate) mod typecheck;
