//! Running Rhai.
//!
//! `sandbox` holds the engines that authors' texts run in, and `modules` the
//! files of `scripts/`. An evaluation sees its `context`, through the `names`
//! that its text begins with; `natives`, `operators` and `how_many` are what it
//! can call, `actions` what a script describes. `value`, `number`, `date`, `label` and `unfit` are what
//! values are in Rhai, `lookup` what names stand for, `reader` the people whom a text names, `error` and
//! `display` what is said in words.

pub(crate) mod actions;
pub(crate) mod context;
pub(crate) mod date;
pub(crate) mod display;
pub(crate) mod error;
pub(crate) mod how_many;
pub(crate) mod label;
pub(crate) mod library;
pub(crate) mod lookup;
pub(crate) mod modules;
pub(crate) mod names;
pub(crate) mod natives;
pub(crate) mod number;
pub(crate) mod operators;
mod population;
pub(crate) mod reader;
pub(crate) mod sandbox;
pub(crate) mod unfit;
pub(crate) mod value;
