//! Running Rhai: the sandbox, what an expression can see, and what operators and
//! errors mean.

pub(crate) mod context;
pub(crate) mod display;
pub(crate) mod error;
pub(crate) mod library;
pub(crate) mod modules;
pub(crate) mod operators;
pub(crate) mod sandbox;
pub(crate) mod script;
