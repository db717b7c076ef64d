//! Properties that are written out in an expression: `#{plan: "pro"}`.

use std::collections::BTreeMap;

use rhai::{Dynamic, Expr, Map};

use crate::facts::{PropertyFilter, PropertyValue};

/// The properties of a map; `None` where it is empty, or where a value is
/// neither a text nor a finite number nor true or false.
pub(crate) fn of_map(map: &Map) -> Option<PropertyFilter> {
    let properties = map.iter().map(|(name, value)| Some((name.to_string(), of_dynamic(value)?)));
    PropertyFilter::new(properties.collect::<Option<BTreeMap<_, _>>>()?)
}

/// Likewise those of an expression that is a map of literals.
pub(crate) fn of_expr(expr: &Expr) -> Option<PropertyFilter> {
    match expr {
        Expr::Map(map, _) => {
            let properties = map.0.iter().map(|(name, value)| Some((name.name.to_string(), of_literal(value)?)));
            PropertyFilter::new(properties.collect::<Option<BTreeMap<_, _>>>()?)
        }
        Expr::DynamicConstant(value, _) => of_map(&value.clone().try_cast::<Map>()?),
        _ => None,
    }
}

/// Whether an expression is a map, whatever its values are.
pub(crate) fn is_map(expr: &Expr) -> bool {
    match expr {
        Expr::Map(..) => true,
        Expr::DynamicConstant(value, _) => value.is_map(),
        _ => false,
    }
}

fn of_literal(expr: &Expr) -> Option<PropertyValue> {
    match expr {
        Expr::StringConstant(text, _) => Some(PropertyValue::Text(text.to_string())),
        Expr::IntegerConstant(number, _) => Some(PropertyValue::int(*number)),
        Expr::FloatConstant(number, _) => PropertyValue::float(**number),
        Expr::BoolConstant(value, _) => Some(PropertyValue::Bool(*value)),
        Expr::DynamicConstant(value, _) => of_dynamic(value),
        _ => None,
    }
}

fn of_dynamic(value: &Dynamic) -> Option<PropertyValue> {
    if let Ok(value) = value.as_bool() {
        return Some(PropertyValue::Bool(value));
    }
    if let Ok(number) = value.as_int() {
        return Some(PropertyValue::int(number));
    }
    if let Ok(number) = value.as_float() {
        return PropertyValue::float(number);
    }
    super::engine::value::text(value).map(|text| PropertyValue::Text(text.to_string()))
}
