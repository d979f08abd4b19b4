//! CouchDB's order of view keys.
//!
//! Types come in the order null, false, true, numbers, texts, arrays, objects. Texts are compared
//! by ICU's root collation: punctuation before digits before letters, `a` before `A` before `b`.
//! It decides which of two callflow patterns is tried first, so it is followed exactly for ASCII;
//! other characters come after all of that, by code point.

use std::cmp::Ordering;

use serde_json::Value;

/// ASCII up to the digits in ICU's order.
const BEFORE_LETTERS: &str = "\t\n\u{b}\u{c}\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789";

/// Compares two keys.
pub(super) fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Value::String(left), Value::String(right)) => compare_texts(left, right),
        (Value::Array(left), Value::Array(right)) => {
            compare_each(left.iter(), right.iter(), compare)
        }
        (Value::Object(left), Value::Object(right)) => {
            compare_each(left.keys(), right.keys(), |left, right| compare_texts(left, right))
                .then_with(|| compare_each(left.values(), right.values(), compare))
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(false) => 1,
        Value::Bool(true) => 2,
        Value::Number(_) => 3,
        Value::String(_) => 4,
        Value::Array(_) => 5,
        Value::Object(_) => 6,
    }
}

/// Member by member; of two sequences that begin alike the shorter comes first.
fn compare_each<'a, T: 'a>(
    left: impl Iterator<Item = &'a T>,
    mut right: impl Iterator<Item = &'a T>,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Ordering {
    for left in left {
        let order = right.next().map_or(Ordering::Greater, |right| compare(left, right));
        if order.is_ne() {
            return order;
        }
    }
    if right.next().is_some() { Ordering::Less } else { Ordering::Equal }
}

/// First all letters whatever their case, then, where those are equal, small before capital.
fn compare_texts(left: &str, right: &str) -> Ordering {
    weights(left).cmp(weights(right)).then_with(|| capitals(left).cmp(capitals(right)))
}

fn weights(text: &str) -> impl Iterator<Item = u32> {
    text.chars().filter_map(weight)
}

fn capitals(text: &str) -> impl Iterator<Item = bool> {
    text.chars().filter(|character| weight(*character).is_some()).map(|c| c.is_ascii_uppercase())
}

/// A character's place; `None` for the control characters, which do not count.
fn weight(character: char) -> Option<u32> {
    if let Some(place) = BEFORE_LETTERS.find(character) {
        return u32::try_from(place).ok();
    }
    let lower = character.to_ascii_lowercase();
    (!lower.is_ascii_control()).then_some(u32::from(lower) + 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ascii_is_sorted_as_icu_sorts_it() {
        let mut characters: Vec<Value> =
            (' '..='~').map(|character| json!(character.to_string())).collect();
        characters.sort_by(compare);
        let sorted: String = characters.iter().filter_map(Value::as_str).collect();
        assert_eq!(
            sorted,
            " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789\
             aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ"
        );
    }

    #[test]
    fn keys_are_sorted_as_couchdb_sorts_them() {
        let sorted = [
            json!(null),
            json!(false),
            json!(true),
            json!(-1),
            json!(2),
            json!(10),
            json!(""),
            json!("*2"),
            json!("^\\*2"),
            json!("^1"),
            json!("10"),
            json!("9"),
            json!("a"),
            json!("A"),
            json!("ab"),
            json!("aB"),
            json!("Ab"),
            json!("AB"),
            json!("b"),
            json!("é"),
            json!([]),
            json!([1]),
            json!([1, null]),
            json!([2]),
            json!({}),
            json!({ "a": 1 }),
            json!({ "a": 2 }),
            json!({ "b": 1 }),
        ];
        for (left, one) in sorted.iter().enumerate() {
            for (right, other) in sorted.iter().enumerate() {
                assert_eq!(compare(one, other), left.cmp(&right), "{one} {other}");
            }
        }
    }
}
