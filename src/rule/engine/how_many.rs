//! `how_many([conditions])`: how many of them hold.
//!
//! A condition that cannot be decided counts as false and harms no other, so
//! the conditions are not values of a list: this is syntax of its own, and
//! each of them is evaluated by itself.

use rhai::{Dynamic, Engine, EvalAltResult, EvalContext, Expression, ImmutableString, LexError, ParseError, Position};

use super::error::root;

/// The word that begins it.
pub(crate) const NAME: &str = "how_many";

/// Marks a place where Rhai reads an expression.
const CONDITION: &str = "$expr$";

/// What to write, for authors.
pub(crate) const HELP: &str = "write `how_many([account.mrr > 500, account.tier == \"A\"]) >= 2`";

pub(crate) fn register(engine: &mut Engine) {
    engine.register_custom_syntax_with_state_raw(
        NAME,
        |read, next, _| following(read, next).map(Some).or_else(|end| end.map_or(Ok(None), Err)),
        false,
        |context, conditions, _| count(context, conditions),
    );
}

/// The token that must come after those that were read; `Err(None)` at the end.
fn following(read: &[ImmutableString], next: &str) -> Result<ImmutableString, Option<ParseError>> {
    let token = match read.last().map(ImmutableString::as_str) {
        Some(NAME) => "(",
        Some("(") => "[",
        Some("[" | ",") if next == "]" => "]",
        Some("[" | ",") => CONDITION,
        Some(CONDITION) if next == "," => ",",
        Some(CONDITION) => "]",
        Some("]") => ")",
        _ => return Err(None),
    };
    if token == CONDITION || token == next {
        return Ok(token.into());
    }
    Err(Some(LexError::ImproperSymbol(String::new(), NAME.to_owned()).into_err(Position::NONE)))
}

fn count(context: &mut EvalContext, conditions: &[Expression]) -> Result<Dynamic, Box<EvalAltResult>> {
    let mut count = 0_i64;
    for condition in conditions {
        match context.eval_expression_tree(condition) {
            Ok(value) => count += i64::from(value.as_bool() == Ok(true)),
            // There is no more work or time for the rest of the whole expression either.
            Err(error) if matches!(root(&error), EvalAltResult::ErrorTerminated(..)) => return Err(error),
            Err(_) => {}
        }
    }
    Ok(Dynamic::from(count))
}
