//! Reading, writing and merging inside documents as `kz_json` does, including where it dies.
//!
//! Only the parts that an endpoint's merge needs; everything lenient lies in [`crate::json`].
//!
//! Source: `kz_json.erl` (`get_value1`, `set_value1`, `merge_recursive`).

use serde_json::Value;

use crate::json::{self, Object};

/// `kz_json` raises: a path leads into something that has no members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoMembers {
    /// The members from the start of the path to the value in the way.
    pub(super) path: Vec<String>,
    /// That value as JSON text, shortened.
    pub(super) value: String,
}

impl NoMembers {
    pub(super) fn new(path: &[&str], value: &Value) -> Self {
        let value = value.to_string();
        let value = if value.chars().count() > 80 {
            value.chars().take(80).chain(['…']).collect()
        } else {
            value
        };
        Self { path: path.iter().map(|&key| key.to_owned()).collect(), value }
    }

    /// The same, seen from the object that holds the one looked into under `key`.
    pub(super) fn below(mut self, key: &str) -> Self {
        self.path.insert(0, key.to_owned());
        self
    }
}

/// `get_value`: arrays have no members under a text, so nothing is found there; a text, a number,
/// a boolean or `null` in the way raises.
pub(super) fn get<'a>(object: &'a Object, path: &[&str]) -> Result<Option<&'a Value>, NoMembers> {
    let mut members = object;
    for (position, key) in path.iter().enumerate() {
        let Some(value) = members.get(*key) else { return Ok(None) };
        if position + 1 == path.len() {
            return Ok(Some(value));
        }
        members = match value {
            Value::Object(inner) => inner,
            Value::Array(_) => return Ok(None),
            _ => return Err(NoMembers::new(&path[..=position], value)),
        };
    }
    Ok(None)
}

/// `get_ne_binary_value` under a path.
pub(super) fn text(object: &Object, path: &[&str]) -> Result<Option<String>, NoMembers> {
    Ok(get(object, path)?.and_then(json::non_empty_text))
}

/// `set_value`: objects on the way are made where they are missing and take the place of anything
/// else, except that an array with items raises.
pub(super) fn set(object: &mut Object, path: &[&str], value: Value) -> Result<(), NoMembers> {
    let Some((last, parents)) = path.split_last() else { return Ok(()) };
    let mut members = object;
    for (position, key) in parents.iter().enumerate() {
        let inner = members.entry((*key).to_owned()).or_insert(Value::Null);
        match inner {
            Value::Object(_) => {}
            Value::Array(items) if !items.is_empty() => {
                return Err(NoMembers::new(&path[..=position], inner));
            }
            _ => *inner = Value::Object(Object::new()),
        }
        let Value::Object(next) = inner else { return Ok(()) };
        members = next;
    }
    members.insert((*last).to_owned(), value);
    Ok(())
}

/// `merge_recursive` where only values that are not empty count: `from`'s go into `into`, member
/// by member, the new ones behind those that are there.
///
/// Where KAZOO raises, that value is passed over and the first such is returned.
pub(super) fn merge_non_empty(into: &mut Object, from: &Object) -> Result<(), NoMembers> {
    let mut first = Ok(());
    merge_level(into, from, &mut Vec::new(), &mut first);
    first
}

fn merge_level<'a>(
    into: &mut Object,
    from: &'a Object,
    path: &mut Vec<&'a str>,
    first: &mut Result<(), NoMembers>,
) {
    for (key, value) in from {
        path.push(key);
        if let Value::Object(inner) = value {
            merge_level(into, inner, path, first);
        } else {
            // KAZOO reads the old value even where it then keeps it.
            let merged = match get(into, path) {
                Ok(_) if json::is_empty(value) => Ok(()),
                Ok(_) => set(into, path, value.clone()),
                Err(raised) => Err(raised),
            };
            if first.is_ok() {
                *first = merged;
            }
        }
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(text: &str) -> Object {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_path_raises_where_kz_json_does() {
        for (stored, found) in [
            (json!({"a": {"b": {"c": "x"}}}), Ok(Some("x".to_owned()))),
            (json!({"a": {"b": {"c": ""}}}), Ok(None)),
            (json!({"a": {"b": {}}}), Ok(None)),
            (json!({}), Ok(None)),
            (json!({"a": []}), Ok(None)),
            (json!({"a": {"b": ["c"]}}), Ok(None)),
            (json!({"a": "x"}), Err((vec!["a"], "\"x\""))),
            (json!({"a": null}), Err((vec!["a"], "null"))),
            (json!({"a": {"b": false}}), Err((vec!["a", "b"], "false"))),
        ] {
            let found = found.map_err(|(path, value)| NoMembers {
                path: path.into_iter().map(str::to_owned).collect(),
                value: value.to_owned(),
            });
            assert_eq!(text(stored.as_object().unwrap(), &["a", "b", "c"]), found, "{stored}");
        }
    }

    #[test]
    fn a_value_is_set_through_everything_but_arrays() {
        for (before, after) in [
            ("{}", Some(r#"{"a":{"b":1}}"#)),
            (r#"{"a":"x","z":1}"#, Some(r#"{"a":{"b":1},"z":1}"#)),
            (r#"{"a":null}"#, Some(r#"{"a":{"b":1}}"#)),
            (r#"{"a":{"c":2,"b":[]}}"#, Some(r#"{"a":{"c":2,"b":1}}"#)),
            (r#"{"a":[]}"#, Some(r#"{"a":{"b":1}}"#)),
            (r#"{"a":[1]}"#, None),
        ] {
            let mut stored = object(before);
            let set = set(&mut stored, &["a", "b"], json!(1)).ok();
            assert_eq!(
                set.map(|()| Value::Object(stored).to_string()).as_deref(),
                after,
                "{before}"
            );
        }
    }

    #[test]
    fn only_values_that_are_not_empty_are_merged() {
        for (into, from, merged) in [
            (r#"{"a":{"p":"1"}}"#, r#"{"b":{},"a":{"s":"2"}}"#, Some(r#"{"a":{"p":"1","s":"2"}}"#)),
            (r#"{"a":{"p":"1"}}"#, r#"{"a":{"p":""}}"#, Some(r#"{"a":{"p":"1"}}"#)),
            (
                r#"{"a":{"p":"1"}}"#,
                r#"{"a":{"p":0,"q":false}}"#,
                Some(r#"{"a":{"p":"1","q":false}}"#),
            ),
            (r#"{"a":{"p":""}}"#, "{}", Some(r#"{"a":{"p":""}}"#)),
            (r#"{"a":{"p":"1"}}"#, r#"{"a":["x"]}"#, Some(r#"{"a":["x"]}"#)),
            (r#"{"a":"x"}"#, r#"{"a":{}}"#, Some(r#"{"a":"x"}"#)),
            (r#"{"a":"x"}"#, r#"{"a":{"p":""}}"#, None),
            (r#"{"a":["x"]}"#, r#"{"a":{"p":""}}"#, Some(r#"{"a":["x"]}"#)),
            (r#"{"a":["x"]}"#, r#"{"a":{"p":"1"}}"#, None),
        ] {
            let mut result = object(into);
            let done = merge_non_empty(&mut result, &object(from)).ok();
            let result = done.map(|()| Value::Object(result).to_string());
            assert_eq!(result.as_deref(), merged, "{into} {from}");
        }
    }
}
