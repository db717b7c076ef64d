//! Reading the keys of a mapping by type, with every problem reported.
//!
//! A [`Form`] lists the keys of a mapping; [`Fields::finish`] reports all others.
//! A method returns `None` both for a key that is not there and for one that
//! is wrong: after `finish` the two are told apart.
//!
//! - `form` is the list of keys, with what an editor says of each.
//! - `fields` knows which keys are there, allowed and missing.
//! - `typed` reads the values of keys by type.
//! - `value` reads single values, and has the words about wrong ones.

mod fields;
pub mod form;
mod typed;
mod value;

pub use fields::Fields;
pub use form::{Form, Key, KeyNames, KeyRule, NameOf, Shape};
pub use value::{
    Written, advice, duration, expression, inline, is_off, is_variable, listed, no_duration, share, short,
};
