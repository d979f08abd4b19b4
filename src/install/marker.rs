//! What we remember in a document of what we put there.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::json::Object;

/// The member that holds it. KAZOO keeps members of this prefix and shows them to nobody.
pub const MARKER: &str = "pvt_kazoo_dynamic_cid";

/// What was put into one document.
///
/// As JSON: `{"put": {"/default/max_digits": "DIGEST"}, "made": ["/default"]}`. The place `""` is
/// the whole document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marker {
    /// Values by place (a JSON pointer), each with the digest of what was put.
    pub put: BTreeMap<String, String>,
    /// Objects that were made to hold them; removed again where they become empty.
    pub made: Vec<String>,
}

impl Marker {
    /// Reads a document's; empty where it has none.
    pub fn of(document: &Value) -> Self {
        let marker = document.get(MARKER);
        let put = marker.and_then(|marker| marker.get("put")?.as_object());
        let made = marker.and_then(|marker| marker.get("made")?.as_array());
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            put: put
                .into_iter()
                .flatten()
                .filter_map(|(place, digest)| Some((place.clone(), text(digest)?)))
                .collect(),
            made: made.into_iter().flatten().filter_map(text).collect(),
        }
    }

    /// As a document's member.
    pub fn to_value(&self) -> Value {
        json!({ "put": self.put, "made": self.made })
    }

    /// Remembers a value.
    pub fn remember(&mut self, place: &str, value: &Value) {
        self.put.insert(place.to_owned(), digest(value));
    }

    /// Whether this value is the one that was put there.
    pub fn is_ours(&self, place: &str, value: &Value) -> bool {
        self.put.get(place).is_some_and(|put| *put == digest(value))
    }
}

/// SHA-256 of a value in hexadecimal; the order of keys does not count.
fn digest(value: &Value) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(sorted(value).to_string()) {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// CouchDB and KAZOO may store keys in another order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members.iter().collect();
            let sorted = members.into_iter().map(|(key, value)| (key.clone(), self::sorted(value)));
            sorted.collect::<Object>().into()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_ours_whatever_the_order_of_its_keys() {
        let mut marker = Marker::default();
        marker.remember("/a", &json!({"x": 1, "y": [{"p": 1, "q": 2}]}));
        assert!(marker.is_ours("/a", &json!({"y": [{"q": 2, "p": 1}], "x": 1})));
        assert!(!marker.is_ours("/a", &json!({"y": [{"q": 2, "p": 1}], "x": 2})));
        assert!(!marker.is_ours("/b", &json!({"x": 1, "y": [{"p": 1, "q": 2}]})));
    }

    #[test]
    fn what_is_remembered_is_read_again() {
        let mut marker = Marker { made: vec!["/default".to_owned()], ..Marker::default() };
        marker.remember("/default/max_digits", &json!(10));
        let document = json!({ MARKER: marker.to_value() });
        assert_eq!(Marker::of(&document), marker);
    }

    #[test]
    fn a_marker_of_another_shape_remembers_nothing() {
        for marker in [json!(null), json!([]), json!({"put": [1], "made": {}}), json!("x")] {
            assert_eq!(Marker::of(&json!({ MARKER: marker })), Marker::default());
        }
    }
}
