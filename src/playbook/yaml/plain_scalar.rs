//! What a plain scalar is: a number, true or false, nothing, or text.

use super::{NodeValue, WrittenFloat};

/// Longer ones are never numbers.
const LONGEST: usize = 40;
/// Numbers with so many digits always fit.
const SURELY_FITTING: usize = 15;
/// The longest of the words that are no text: `false`.
const LONGEST_WORD: usize = 5;

/// The typed value of a plain scalar by the rules of YAML 1.2; `None` is text.
pub(super) fn resolve(text: &str) -> Option<NodeValue> {
    if text.is_empty() {
        return Some(NodeValue::Null);
    }
    // Only these start one of the others.
    let first = text.chars().next()?;
    if text.len() > LONGEST || !(first.is_ascii_digit() || "+-.~nNtTfF".contains(first)) || is_surely_text(text) {
        return None;
    }
    surely_whole(text).or_else(|| ask_library(text))
}

/// Whether the library need not be asked: most spans, dates and words are text.
///
/// Invariant: where this is true, the library says so too; a test compares the two.
fn is_surely_text(text: &str) -> bool {
    let number = text.strip_prefix(['+', '-']).unwrap_or(text);
    match number.as_bytes() {
        [b'1'..=b'9', rest @ ..] => {
            let may_be_in_number = |byte: &u8| byte.is_ascii_digit() || b"eE+-._".contains(byte);
            !rest.iter().all(may_be_in_number)
        }
        [b'a'..=b'z' | b'A'..=b'Z', ..] => text.len() > LONGEST_WORD,
        _ => false,
    }
}

/// A whole number without a plus or a zero before it.
fn surely_whole(text: &str) -> Option<NodeValue> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits.len() <= SURELY_FITTING
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(digits.as_bytes(), [b'1'..=b'9', ..]);
    is_plain.then(|| text.parse().ok().map(NodeValue::Int)).flatten()
}

fn ask_library(text: &str) -> Option<NodeValue> {
    match serde_yaml::from_str::<serde_yaml::Value>(text).ok()? {
        // `---` alone is a document marker to that parser, and text here.
        serde_yaml::Value::Null if !text.starts_with(['~', 'n', 'N']) => None,
        serde_yaml::Value::Null => Some(NodeValue::Null),
        serde_yaml::Value::Bool(value) => Some(NodeValue::Bool(value)),
        serde_yaml::Value::Number(number) => match number.as_i64() {
            Some(whole) => Some(NodeValue::Int(whole)),
            None => {
                let value = number.as_f64()?;
                Some(NodeValue::Float(WrittenFloat { value, text: text.into() }))
            }
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scalars of one line that do not begin or end with a space, as a parser finds them.
    fn scalars() -> impl Iterator<Item = String> {
        let written = "30d|-46d|+3d|2026-03-02|2026-03-02T09:00:00Z|12 over 30d|0|-0|007|7|-7|+7|1_000|1e5|\
            -1.5E-3|1.|1..2|0x1F|-0x1F|0o17|0b1|-.5|.5|.inf|-.inf|.nan|inf|nan|NaN|infinity|null|Null|\
            nULL|~|true|True|TRUE|tRUE|false|no|n|nothing|trueish|falsehood|notes: x|t: 1|-|--|---|\
            --- 5|-5 x|5 x|5:|5: 6|9:30|123456789012345|1234567890123456|9223372036854775807|\
            9223372036854775808|1e400|-1e5x|5%|5,5|1-2|1+1|+-5|1e|1e+|...|1...|é|5é|tâche";
        let mut state: u64 = 0x5eed;
        let mut below = move |most: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap_or_default() % most
        };
        const PARTS: &[u8] = b"0011223579eE+-._xobdTZ:nultrefas ~";
        let random = (0..20_000).map(move |_| {
            let length = 1 + below(9);
            (0..length).map(|_| char::from(PARTS[below(PARTS.len())])).collect::<String>()
        });
        let random = random.filter(|text| text.trim() == text && !text.is_empty());
        written.split('|').map(str::to_owned).chain(random)
    }

    #[test]
    fn what_is_sure_is_what_the_library_says() {
        let (mut texts, mut numbers) = (0, 0);
        for scalar in scalars() {
            let first = scalar.chars().next().unwrap_or_default();
            if is_surely_text(&scalar) && (first.is_ascii_digit() || "+-.~nNtTfF".contains(first)) {
                assert_eq!(format!("{:?}", ask_library(&scalar)), "None", "{scalar:?}");
                texts += 1;
            }
            if let Some(whole) = surely_whole(&scalar) {
                assert_eq!(format!("{:?}", ask_library(&scalar)), format!("{:?}", Some(whole)), "{scalar:?}");
                numbers += 1;
            }
        }
        assert!(texts > 1_000 && numbers > 100, "{texts} {numbers}");
    }
}
