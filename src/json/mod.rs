//! Reading JSON the way KAZOO does.
//!
//! KAZOO's documents are written by people, user interfaces of several generations and scripts, so
//! its readers convert instead of refusing: `"10"` is an integer, `15145551234` is a number's text.
//! The functions here give the same answer as the getters of `kz_json` and the casts of `kz_term`
//! for every JSON value. [`config`] holds the stricter casts of `kapps_config`, which raise.
//!
//! Source: `kz_json.erl` (`get_*_value`, `is_true`, `merge`), `kz_term.erl` (`to_*`, `is_empty`).

mod lazy;

use serde_json::{Map, Value};

pub use lazy::{Inner, LazyObject, LazyValue};

/// A JSON object in document order.
pub type Object = Map<String, Value>;

/// What has members with names.
pub trait Members {
    /// The value of the member with this name.
    fn member(&self, name: &str) -> Option<&Value>;
}

impl Members for Object {
    fn member(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }
}

impl<M: Members> Members for &M {
    fn member(&self, name: &str) -> Option<&Value> {
        (**self).member(name)
    }
}

/// The text KAZOO makes of a value (`kz_term:to_binary`), or `None` where it raises.
///
/// Strings stay, numbers become decimal text, `true`, `false` and `null` their names, objects
/// their JSON text, and arrays of texts and byte values are joined.
pub fn to_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number_text(number)),
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let mut bytes = Vec::new();
            flatten(items, &mut bytes)?;
            String::from_utf8(bytes).ok()
        }
        Value::Object(_) => serde_json::to_string(value).ok(),
    }
}

/// Joins an Erlang "iolist": nested arrays of byte values and texts; anything else is `None`.
fn flatten(items: &[Value], into: &mut Vec<u8>) -> Option<()> {
    for item in items {
        match item {
            Value::String(text) => into.extend_from_slice(text.as_bytes()),
            Value::Number(number) => into.push(u8::try_from(number.as_u64()?).ok()?),
            Value::Array(inner) => flatten(inner, into)?,
            _ => return None,
        }
    }
    Some(())
}

/// Shortest decimal text of a number; a float keeps its fraction as Erlang prints it (`0.0`).
fn number_text(number: &serde_json::Number) -> String {
    number.to_string()
}

/// `get_ne_binary_value`: the value's text, `None` where it is absent, empty or has no text.
pub fn text(object: &impl Members, key: &str) -> Option<String> {
    object.member(key).and_then(non_empty_text)
}

/// [`text`] of a value already at hand.
pub fn non_empty_text(value: &Value) -> Option<String> {
    to_text(value).filter(|text| !text.is_empty())
}

/// The integer KAZOO makes of a value (`kz_term:to_integer`), or `None` where it raises.
///
/// Floats and their texts are rounded half away from zero; a list of byte values is read as the
/// text it spells.
pub fn to_integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number
            .as_i64()
            .or_else(|| number.as_u64().map(|_| i64::MAX))
            .or_else(|| number.as_f64().and_then(round)),
        Value::String(text) => integer_of_text(text),
        Value::Array(items) if !items.is_empty() => {
            let bytes: Option<Vec<u8>> = items
                .iter()
                .map(|item| item.as_u64().and_then(|byte| u8::try_from(byte).ok()))
                .collect();
            integer_of_text(&String::from_utf8(bytes?).ok()?)
        }
        _ => None,
    }
}

/// Erlang reads `7`, `+7`, `-7` as integers and, failing that, `7.5` or `7.5e3` as a float; it
/// knows no blanks, no `7.` and no `7e3`. Integers beyond 64 bits stand at the limits.
fn integer_of_text(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let limit = if text.starts_with('-') { i64::MIN } else { i64::MAX };
        return Some(text.parse().unwrap_or(limit));
    }
    let (whole, fraction) = digits.split_once('.')?;
    let mantissa = fraction.split(['e', 'E']).next()?;
    let numeric = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric(whole) || !numeric(mantissa) {
        return None;
    }
    text.parse::<f64>().ok().and_then(round)
}

/// Rounds half away from zero, as Erlang's `round/1`; not a number and infinite are no integers.
#[allow(clippy::cast_possible_truncation)] // a saturating cast is what is wanted at the limits
fn round(number: f64) -> Option<i64> {
    number.is_finite().then(|| number.round() as i64)
}

/// `get_integer_value`: the integer, or `None` where it is absent or not convertible.
pub fn integer(object: &Object, key: &str) -> Option<i64> {
    object.get(key).and_then(to_integer)
}

/// `kz_json:is_true`: only `true` and `"true"` are true, every other present value is false.
pub fn is_true(object: &Object, key: &str, default: bool) -> bool {
    object.get(key).map_or(default, value_is_true)
}

/// `kz_term:is_true` of a value already at hand.
pub fn value_is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true)) || value.as_str() == Some("true")
}

/// `get_json_value`: the object at a key, `None` where it is absent or something else.
pub fn object<'a>(object: &'a impl Members, key: &str) -> Option<&'a Object> {
    object.member(key).and_then(Value::as_object)
}

/// `kz_term:is_empty`: the texts `0`, `NULL` and `undefined` count as empty, too.
pub fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text_is_empty(text),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// [`is_empty`] of a text.
pub fn text_is_empty(text: &str) -> bool {
    matches!(text, "" | "0" | "NULL" | "undefined")
}

/// The value under a path of keys, through objects only.
pub fn at<'a>(object: &'a Object, path: &[&str]) -> Option<&'a Value> {
    let (last, parents) = path.split_last()?;
    let mut inner = object;
    for key in parents {
        inner = inner.get(*key)?.as_object()?;
    }
    inner.get(*last)
}

/// `kz_json:merge`: the right object's members go before the left one's, objects member by member,
/// and an empty object replaces what it meets. `null`s are left out, also the left one's that a
/// `null` meets, and members come in descending order, at every level outside of arrays.
pub fn merge(left: &Object, right: &Object) -> Object {
    let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
    keys.sort_unstable_by(|one, other| other.cmp(one));
    keys.dedup();
    let cleaned = |object| Some(Value::Object(merge(&Object::new(), object)));
    let merged = |key: &String| match (left.get(key), right.get(key)) {
        (_, Some(Value::Null)) | (Some(Value::Null) | None, None) => None,
        (Some(Value::Object(left)), Some(Value::Object(right))) if !right.is_empty() => {
            Some(Value::Object(merge(left, right)))
        }
        (Some(_), Some(right)) => Some(right.clone()),
        (Some(Value::Object(only)), None) | (None, Some(Value::Object(only))) => cleaned(only),
        (Some(only), None) | (None, Some(only)) => Some(only.clone()),
    };
    keys.into_iter().filter_map(|key| Some((key.clone(), merged(key)?))).collect()
}

/// The casts of `kapps_config`, which differ from the getters above: emptiness is
/// [`is_empty`] and what cannot be converted raises.
///
/// Source: `kapps_config.erl` (`get_ne_binary`, `get_binary`, `get_integer`, `is_true`).
pub mod config {
    use serde_json::Value;

    /// A stored value that KAZOO's cast cannot convert: KAZOO's caller dies of it.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    #[error("{value} is not {wanted}")]
    pub struct CastError {
        /// The value as JSON text, shortened.
        pub value: String,
        /// What was wanted, with its article: `an integer`.
        pub wanted: &'static str,
    }

    impl CastError {
        fn new(value: &Value, wanted: &'static str) -> Self {
            let mut text = value.to_string();
            if text.chars().count() > 80 {
                text = text.chars().take(80).chain(['…']).collect();
            }
            Self { value: text, wanted }
        }
    }

    /// `get_ne_binary`: empty values read as absent.
    pub fn text(value: &Value) -> Option<String> {
        if super::is_empty(value) {
            return None;
        }
        super::to_text(value).filter(|text| !super::text_is_empty(text))
    }

    /// `get_binary`: every text counts, the empty one too.
    pub fn any_text(value: &Value) -> Result<String, CastError> {
        super::to_text(value).ok_or_else(|| CastError::new(value, "a text"))
    }

    /// `get_integer`.
    pub fn integer(value: &Value) -> Result<i64, CastError> {
        super::to_integer(value).ok_or_else(|| CastError::new(value, "an integer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object_of(value: &Value) -> Object {
        json!({ "key": value }).as_object().cloned().unwrap()
    }

    #[test]
    fn text_converts_as_get_ne_binary_value() {
        for (stored, read) in [
            (json!("abc"), Some("abc")),
            (json!(""), None),
            (json!("0"), Some("0")),
            (json!(5_555_555_555_u64), Some("5555555555")),
            (json!(10.5), Some("10.5")),
            (json!(true), Some("true")),
            (json!(null), Some("null")),
            (json!(["a", "b"]), Some("ab")),
            (json!([53]), Some("5")),
            (json!([]), None),
            (json!([true]), None),
            (json!({"a": 1}), Some("{\"a\":1}")),
        ] {
            assert_eq!(text(&object_of(&stored), "key").as_deref(), read, "{stored}");
        }
        assert_eq!(text(&Object::new(), "key"), None);
    }

    #[test]
    fn integer_converts_as_get_integer_value() {
        for (stored, read) in [
            (json!(3), Some(3)),
            (json!("3"), Some(3)),
            (json!("+3"), Some(3)),
            (json!("-1"), Some(-1)),
            (json!("3.0"), Some(3)),
            (json!(2.5), Some(3)),
            (json!(-2.5), Some(-3)),
            (json!("10.6"), Some(11)),
            (json!([53]), Some(5)),
            (json!("abc"), None),
            (json!(""), None),
            (json!(" 3"), None),
            (json!("3."), None),
            (json!("3e2"), None),
            (json!(true), None),
            (json!(null), None),
            (json!({}), None),
            (json!([]), None),
        ] {
            assert_eq!(integer(&object_of(&stored), "key"), read, "{stored}");
        }
    }

    #[test]
    fn only_true_and_its_name_are_true() {
        for (stored, read) in [
            (json!(true), true),
            (json!("true"), true),
            (json!("TRUE"), false),
            (json!(1), false),
            (json!("yes"), false),
            (json!(null), false),
        ] {
            assert_eq!(is_true(&object_of(&stored), "key", true), read, "{stored}");
        }
        assert!(is_true(&Object::new(), "key", true));
    }

    #[test]
    fn the_right_object_goes_before_the_left_one() {
        for (left, right, merged) in [
            (r#"{"a":1,"b":2}"#, r#"{"b":3,"c":4}"#, r#"{"c":4,"b":3,"a":1}"#),
            (r#"{"a":1,"b":null}"#, r#"{"a":null,"c":""}"#, r#"{"c":""}"#),
            (r#"{"a":{"x":1,"y":null}}"#, r#"{"a":{"y":2}}"#, r#"{"a":{"y":2,"x":1}}"#),
            (r#"{"a":{"x":1}}"#, r#"{"a":{}}"#, r#"{"a":{}}"#),
            (r#"{"a":{"x":1}}"#, r#"{"a":[{"x":null}]}"#, r#"{"a":[{"x":null}]}"#),
            (r#"{"a":5,"b":null}"#, r#"{"a":{"x":null},"b":6}"#, r#"{"b":6,"a":{"x":null}}"#),
            (
                r#"{"b":{"x":null,"p":1,"s":""},"a":null,"c":[{"b":null,"a":1}],"B":{}}"#,
                "{}",
                r#"{"c":[{"b":null,"a":1}],"b":{"s":"","p":1},"B":{}}"#,
            ),
        ] {
            let object = |text| serde_json::from_str::<Object>(text).unwrap();
            let result = merge(&object(left), &object(right));
            assert_eq!(Value::Object(result).to_string(), merged, "{left} {right}");
        }
    }

    #[test]
    fn config_casts_raise_where_the_getters_do_not() {
        assert_eq!(config::text(&json!("0")), None);
        assert_eq!(config::text(&json!(null)), None);
        assert_eq!(config::text(&json!(10)), Some("10".to_owned()));
        assert_eq!(config::any_text(&json!(null)).unwrap(), "null");
        assert_eq!(config::any_text(&json!("")).unwrap(), "");
        assert_eq!(config::integer(&json!("7")).unwrap(), 7);
        assert_eq!(
            config::integer(&json!("abc")).unwrap_err().to_string(),
            "\"abc\" is not an integer"
        );
    }
}
