//! Values inside a text of a script: `${…}` and `+` print them as templates do.

use rhai::{Dynamic, Engine, EvalAltResult, NativeCallContext};

use super::context;
use super::unfit::UnfitAttribute;
use super::value::{describe, from_dynamic, text};
use crate::facts::{Cell, CellPath, Subject, Value};
use crate::rule::print::print_value;

/// Registers what back-ticks ask for.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_fn("to_string", |call: NativeCallContext, value: Dynamic| {
        display_text(&value).map_err(|why| {
            // Rhai would print the value its own way: what becomes of it must not be used.
            let line = if call.call_level() <= 1 { call.call_position().line().unwrap_or(0) } else { 0 };
            let _ = context::read(|current| {
                current.fail(why.clone(), line as u32);
                Ok(())
            });
            Box::<EvalAltResult>::from(why)
        })
    });
}

/// A value as it prints in a text: times as dates in the playbook's zone and
/// the account's language. What cannot be printed says why.
pub(crate) fn display_text(value: &Dynamic) -> Result<String, String> {
    let cannot = || format!("{} cannot be put into a text", describe(value));
    let value = match (text(value), UnfitAttribute::of(value)) {
        (Some(text), _) => Value::text(&text),
        // What it is compared with elsewhere does not matter to who reads it.
        (None, Some(unfit)) => unfit.value().clone(),
        (None, None) => from_dynamic(value).ok_or_else(cannot)?,
    };
    context::read(|current| {
        let context = &current.context;
        let locale = Cell { subject: Subject::Account, path: CellPath::Column("locale".to_owned()) };
        let locale = match context.facts.get(&locale) {
            Some(Value::Text(locale)) => locale,
            _ => "en",
        };
        print_value(&value, context.zone, locale).map_err(|_| cannot())
    })
}
