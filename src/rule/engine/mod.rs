//! Running Rhai: the sandbox, what an expression can see, and what operators and
//! errors mean.

pub(crate) mod actions;
pub(crate) mod context;
pub(crate) mod date;
pub(crate) mod display;
pub(crate) mod error;
pub(crate) mod how_many;
pub(crate) mod library;
pub(crate) mod modules;
pub(crate) mod names;
pub(crate) mod natives;
pub(crate) mod operators;
pub(crate) mod reader;
pub(crate) mod sandbox;
pub(crate) mod script;
pub(crate) mod value;
