//! `event_sum(name, property, days)`

use super::function::{Example, FactSource, Function, Gives, Param, ParamKind};
use super::pass::{Pass, PassFold};
use super::window::Window;
use crate::facts::{Arg, History, NameKind, Type, Value};

pub struct Fact;

impl Function for Fact {
    fn name(&self) -> &'static str {
        "event_sum"
    }

    fn summary(&self) -> &'static str {
        "The sum of a numeric property over the events of the last days; 0 without events."
    }

    fn of_contact(&self) -> Option<&'static str> {
        Some("The sum of a numeric property over the contact's events of the last days; 0 without events.")
    }

    fn params(&self) -> &'static [Param] {
        const {
            &[
                Param::required("name", ParamKind::Text).names(NameKind::Event),
                Param::required("property", ParamKind::Text),
                Param::required("days", ParamKind::Days),
                Param::optional("properties", ParamKind::Properties),
            ]
        }
    }

    fn gives(&self, _args: &[Arg]) -> Gives {
        Gives::always(Type::Float)
    }

    fn source(&self) -> FactSource {
        FactSource::Customers
    }

    fn sql(&self, _args: &[Arg]) -> &'static str {
        "(select coalesce(sum(round(p.value, 6)) filter (where p.value between -1e15 and 1e15), 0) \
          from (select case when jsonb_typeof(e.properties -> {property}) = 'number' \
          then (e.properties ->> {property})::numeric end as value \
          from {events} e \
          where {whose e} and {named e} \
          and e.at >= {since} and e.at < {as_of}) p)"
    }

    fn pass(&self, _args: &[Arg]) -> Option<Pass> {
        Some(Pass {
            relation: "{events} e",
            alias: "e",
            rows: "{named e} and e.at >= {since} and e.at < {as_of}",
            fold: PassFold::Hashed,
            value: "coalesce(sum(case when jsonb_typeof(e.properties -> {property}) = 'number' then \
                case when (e.properties ->> {property})::numeric between -1e15 and 1e15 \
                then round((e.properties ->> {property})::numeric, 6) end end) filter (where {rows}), 0)",
        })
    }

    fn is_steady(&self) -> bool {
        true
    }

    fn fold(&self, history: &History, call: &Window<'_>) -> Value {
        let property = call.text("property").unwrap_or_default();
        let millionths: i128 = call
            .events(history)
            .filter_map(|event| match event.properties.get(property) {
                Some(serde_json::Value::Number(number)) => millionths(number),
                _ => None,
            })
            .sum();
        Value::Float(quotient(millionths))
    }

    fn examples(&self) -> &'static [Example] {
        &[Example {
            expression: r#"account.event_sum("import", "rows", 7) > 10000"#,
            meaning: "More than 10,000 rows imported in a week.",
        }]
    }
}

/// A number in millionths, rounded half away from zero; `None` beyond the
/// range that is summed. Decimal, as the store calculates: 0.1 and 0.2 make 0.3.
fn millionths(number: &serde_json::Number) -> Option<i128> {
    const LIMIT: i128 = 1_000_000_000_000_000;
    let text = match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => whole.to_string(),
        // Plain decimal digits: the shortest that mean this number.
        (None, Some(float)) => float.to_string(),
        (None, None) => return None,
    };
    let digits = text.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: i128 = whole.parse().ok()?;
    if whole > LIMIT || (whole == LIMIT && fraction.bytes().any(|digit| digit != b'0')) {
        return None;
    }
    let place = |index: usize| {
        let digit = fraction.as_bytes().get(index).unwrap_or(&b'0');
        i128::from(digit - b'0')
    };
    let kept = (0..6).fold(whole, |sum, index| sum * 10 + place(index));
    let rounded = kept + i128::from(place(6) >= 5);
    Some(if text.starts_with('-') {
        -rounded
    } else {
        rounded
    })
}

/// Millionths as the nearest float to the decimal number.
fn quotient(millionths: i128) -> f64 {
    let sign = if millionths < 0 { "-" } else { "" };
    let (whole, fraction) = (
        millionths.unsigned_abs() / 1_000_000,
        millionths.unsigned_abs() % 1_000_000,
    );
    format!("{sign}{whole}.{fraction:06}")
        .parse()
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_decimal() {
        let read = |text: &str| millionths(&serde_json::from_str(text).expect("a number"));
        assert_eq!(read("0.1"), Some(100_000));
        assert_eq!(read("-2.5e-7"), Some(0));
        assert_eq!(read("-5e-7"), Some(-1));
        assert_eq!(read("1e15"), Some(1_000_000_000_000_000_000_000));
        assert_eq!(read("1000000000000001"), None);
        assert_eq!(read("1e300"), None);
        assert_eq!(quotient(300_000), 0.3);
        assert_eq!(quotient(-1), -0.000_001);
    }
}
