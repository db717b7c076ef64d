//! `percentile_of(…)` and its kin, where an expression reads them.
//!
//! What stands in their parentheses is about every member of the population and
//! is not evaluated here, so they are syntax of their own: the call is looked up
//! among the subject's facts by where it stands.

use rhai::{Dynamic, Engine, EvalAltResult, Expression, ImmutableString, LexError, ParseError, Position};

use super::context::look_up;
use crate::rule::population::Measure;

/// Marks a place where Rhai reads an expression.
const ARGUMENT: &str = "$expr$";

pub(crate) fn register(engine: &mut Engine) {
    for measure in Measure::ALL {
        let name = measure.name();
        engine.register_custom_syntax_with_state_raw(
            name,
            move |read, next, _| following(name, read, next).map(Some).or_else(|end| end.map_or(Ok(None), Err)),
            false,
            |_, arguments, _| look_up_call(arguments),
        );
    }
}

/// The token that must come after those that were read; `Err(None)` at the end.
fn following(name: &str, read: &[ImmutableString], next: &str) -> Result<ImmutableString, Option<ParseError>> {
    let token = match read.last().map(ImmutableString::as_str) {
        Some(first) if first == name => "(",
        Some("(") if next == ")" => ")",
        Some("(" | ",") => ARGUMENT,
        Some(ARGUMENT) if next == "," => ",",
        Some(ARGUMENT) => ")",
        _ => return Err(None),
    };
    if token == ARGUMENT || token == next {
        return Ok(token.into());
    }
    Err(Some(LexError::ImproperSymbol(String::new(), name.to_owned()).into_err(Position::NONE)))
}

fn look_up_call(arguments: &[Expression]) -> Result<Dynamic, Box<EvalAltResult>> {
    let at = arguments.first().map_or(Position::NONE, Expression::position);
    look_up(|current| match current.calls.get(&at) {
        Some(cell) => current.cell(cell),
        None => Err("what looks at all accounts cannot be asked in a script".to_owned()),
    })
}
