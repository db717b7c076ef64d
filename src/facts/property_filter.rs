//! Which events of a name are meant: `#{plan: "pro", seats: 5}`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Number, Value as Json};

use super::inventory::ShapeKind;

/// Values that properties of an event must all be equal to.
///
/// Equality is that of JSON: a number equals a number (1 and 1.0 are the same),
/// a text a text. A property of another type, or one that is not there, is not
/// equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PropertyFilter(BTreeMap<String, PropertyValue>);

/// What a property must be equal to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PropertyValue {
    Text(String),
    /// A finite number as JSON writes it, without `.0`.
    Number(String),
    Bool(bool),
}

impl PropertyValue {
    pub fn int(number: i64) -> PropertyValue {
        PropertyValue::Number(number.to_string())
    }

    /// `None` for infinity and for what is no number.
    pub fn float(number: f64) -> Option<PropertyValue> {
        let is_whole = number.fract() == 0.0 && number.abs() < 1e18;
        let text = if is_whole { (number as i64).to_string() } else { Number::from_f64(number)?.to_string() };
        Some(PropertyValue::Number(text))
    }

    /// Whether values of that shape can be equal to it.
    pub fn is_like(&self, shape: ShapeKind) -> bool {
        match self {
            PropertyValue::Bool(_) => shape == ShapeKind::Boolean,
            PropertyValue::Number(_) => shape == ShapeKind::Number,
            PropertyValue::Text(_) => {
                !matches!(shape, ShapeKind::Boolean | ShapeKind::Number | ShapeKind::List | ShapeKind::Object)
            }
        }
    }

    fn to_json(&self) -> Json {
        match self {
            PropertyValue::Text(text) => Json::from(text.as_str()),
            PropertyValue::Number(text) => text.parse::<Number>().map_or(Json::Null, Json::from),
            PropertyValue::Bool(value) => Json::from(*value),
        }
    }

    fn equals(&self, property: &Json) -> bool {
        match (self, property) {
            (PropertyValue::Text(text), Json::String(property)) => text == property,
            (PropertyValue::Bool(value), Json::Bool(property)) => value == property,
            (PropertyValue::Number(text), Json::Number(property)) => {
                let Ok(number) = text.parse::<Number>() else { return false };
                match (number.as_i128(), property.as_i128()) {
                    (Some(number), Some(property)) => number == property,
                    (Some(number), None) => property.as_f64().is_some_and(|float| is_whole_number(float, number)),
                    (None, Some(property)) => number.as_f64().is_some_and(|float| is_whole_number(float, property)),
                    (None, None) => number.as_f64() == property.as_f64(),
                }
            }
            _ => false,
        }
    }
}

/// Whether a float is exactly that whole number.
fn is_whole_number(float: f64, number: i128) -> bool {
    float.fract() == 0.0 && float as i128 == number
}

impl PropertyFilter {
    /// `None` without any property.
    pub fn new(properties: BTreeMap<String, PropertyValue>) -> Option<PropertyFilter> {
        (!properties.is_empty()).then_some(PropertyFilter(properties))
    }

    /// The properties with what they must be equal to, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PropertyValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether an event with these properties is meant.
    pub fn matches(&self, properties: &Map<String, Json>) -> bool {
        self.0.iter().all(|(name, value)| properties.get(name).is_some_and(|property| value.equals(property)))
    }

    /// The object that the properties of such an event contain.
    pub fn to_json(&self) -> Json {
        self.0.iter().map(|(name, value)| (name.clone(), value.to_json())).collect::<Map<_, _>>().into()
    }
}

impl fmt::Display for PropertyFilter {
    /// As an author would write it, by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("#{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(is_word);
            match is_plain {
                true => write!(f, "{name}: {value}")?,
                false => write!(f, "{name:?}: {value}")?,
            }
        }
        f.write_str("}")
    }
}

impl fmt::Display for PropertyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PropertyValue::Text(text) => write!(f, "{text:?}"),
            PropertyValue::Number(text) => f.write_str(text),
            PropertyValue::Bool(value) => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filter(properties: &[(&str, PropertyValue)]) -> PropertyFilter {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        PropertyFilter::new(properties).expect("there are some")
    }

    #[test]
    fn all_properties_must_be_equal_and_of_one_type() {
        let pro = filter(&[("plan", PropertyValue::Text("pro".to_owned())), ("seats", PropertyValue::int(5))]);
        let meant = |properties: Json| pro.matches(properties.as_object().expect("an object"));
        assert!(meant(json!({ "plan": "pro", "seats": 5, "more": null })));
        assert!(meant(json!({ "plan": "pro", "seats": 5.0 })));
        for other in [
            json!({ "plan": "pro" }),
            json!({ "plan": "pro", "seats": "5" }),
            json!({ "plan": "pro", "seats": 5.5 }),
            json!({ "plan": "Pro", "seats": 5 }),
            json!({ "plan": ["pro"], "seats": 5 }),
            json!({ "plan": null, "seats": 5 }),
        ] {
            assert!(!meant(other.clone()), "{other}");
        }
        assert_eq!(pro.to_string(), r##"#{plan: "pro", seats: 5}"##);
        assert_eq!(pro.to_json(), json!({ "plan": "pro", "seats": 5 }));
        let odd = filter(&[("is new", PropertyValue::Bool(true)), ("1st", PropertyValue::Text("a\"b".to_owned()))]);
        assert_eq!(odd.to_string(), r##"#{"1st": "a\"b", "is new": true}"##);
    }

    #[test]
    fn numbers_are_compared_by_their_value() {
        let of = |float: f64| filter(&[("n", PropertyValue::float(float).expect("it is finite"))]);
        let meant = |float: f64, property: Json| of(float).matches(json!({ "n": property }).as_object().expect("one"));
        assert!(meant(2.0, json!(2)) && meant(2.0, json!(2.0)) && meant(0.5, json!(0.5)) && meant(-0.0, json!(0)));
        assert!(meant(1e300, json!(1e300)) && meant(1e18, json!(1_000_000_000_000_000_000_i64)));
        assert!(!meant(2.0, json!(2.5)) && !meant(0.5, json!(1)) && !meant(1e300, json!(1)));
        assert_eq!(PropertyValue::float(f64::NAN), None);
        assert_eq!(PropertyValue::float(2.0), Some(PropertyValue::int(2)));
    }
}
