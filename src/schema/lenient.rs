//! KAZOO's forgiving validation.
//!
//! Unless `crossbar.schema_strict_validation` is on, KAZOO's API converts values of a wrong type
//! where it can (`"7"` for an integer, `"true"` for a boolean) and validates again.
//!
//! Source: `kz_json_schema.erl` (`fix_js_types/2`), `kz_term.erl` (`to_integer/1`, `to_number/1`,
//! `to_boolean/1`).

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use crate::json;

/// A copy of the value with every convertible type error repaired; `None` where none is.
pub(super) fn repaired<'a>(
    value: &Value,
    errors: impl Iterator<Item = ValidationError<'a>>,
) -> Option<Value> {
    let mut copy = None;
    for error in errors {
        let ValidationErrorKind::Type { kind: TypeKind::Single(wanted) } = error.kind() else {
            continue;
        };
        let Some(converted) = converted(error.instance(), *wanted) else {
            continue;
        };
        let copy = copy.get_or_insert_with(|| value.clone());
        if let Some(place) = copy.pointer_mut(error.instance_path().as_str()) {
            *place = converted;
        }
    }
    copy
}

fn converted(value: &Value, wanted: JsonType) -> Option<Value> {
    match wanted {
        JsonType::Integer => json::to_integer(value).map(Value::from),
        JsonType::Number => number(value.as_str()?),
        JsonType::Boolean => match value.as_str()? {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    }
}

/// Erlang reads an integer or, with a fraction, a float.
fn number(text: &str) -> Option<Value> {
    text.parse::<i64>().map(Value::from).ok().or_else(|| {
        let is_float = text.split_once('.').is_some_and(|(whole, fraction)| {
            whole.ends_with(|last: char| last.is_ascii_digit())
                && fraction.starts_with(|first: char| first.is_ascii_digit())
        });
        is_float.then(|| text.parse::<f64>().ok().map(Value::from)).flatten()
    })
}
