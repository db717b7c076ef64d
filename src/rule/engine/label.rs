//! Labels while an expression is evaluated: texts that are numbers beside a number.
//!
//! A label is kept as text, whatever a step `set` gave it. One that says a
//! number is a value of its own kind, so that it is known again in a variable.

use rhai::{Dynamic, ImmutableString};

use super::number::{Number, number};

/// A label that says a number, as it was written.
#[derive(Clone, Debug)]
pub(crate) struct LabelNumber {
    text: ImmutableString,
    number: Number,
}

/// The value of a label.
pub(crate) fn of(text: &str) -> Dynamic {
    let text = ImmutableString::from(text);
    match Number::parse(&text) {
        Some(number) => Dynamic::from(LabelNumber { text, number }),
        None => text.into(),
    }
}

/// The text of a label that says a number; `None` of all other values.
pub(crate) fn label_text(value: &Dynamic) -> Option<ImmutableString> {
    value.read_lock::<LabelNumber>().map(|label| label.text.clone())
}

/// The number that a label says; `None` of all other values.
pub(crate) fn label_number(value: &Dynamic) -> Option<Number> {
    value.read_lock::<LabelNumber>().map(|label| label.number)
}

/// A value where nothing but a number can be meant: a label may be one.
pub(crate) fn read_number(value: &Dynamic) -> Option<Number> {
    number(value).or_else(|| label_number(value))
}
