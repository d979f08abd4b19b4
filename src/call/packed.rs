//! A call put away while nobody looks at it.
//!
//! As text a call takes a few kilobytes, as an object several times that: each member has two
//! strings, a hash and a place in an index.

use super::Call;
use crate::json::Object;

/// A call as text; what it was taken from is empty until it is restored.
#[derive(Debug)]
#[must_use = "the call is empty until it is restored"]
pub struct Packed(Box<[u8]>);

impl Packed {
    /// Packs a call.
    pub fn new(call: &mut Call) -> Self {
        // An object of JSON can always be written; were it not, nothing would be put away.
        match serde_json::to_vec(&call.0) {
            Ok(text) => {
                call.0 = Object::new();
                Self(text.into_boxed_slice())
            }
            Err(_) => Self(Box::default()),
        }
    }

    /// Puts the call back.
    pub fn restore(self, call: &mut Call) {
        if let Ok(object) = serde_json::from_slice(&self.0) {
            call.0 = object;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_comes_back_as_it_was() {
        let nested = (0..110).fold(json!(1), |inner, _| json!([inner]));
        let object = json!({"b": {"z": null, "a": [1, "\u{0}ü", -0.5]}, "a": nested});
        let mut call = Call::new(object.as_object().cloned().unwrap());
        let before = call.clone();
        let packed = Packed::new(&mut call);
        assert!(call.as_object().is_empty());
        packed.restore(&mut call);
        assert_eq!(call, before);
        let keys: Vec<_> = call.as_object().keys().collect();
        assert_eq!(keys, ["b", "a"]);
    }

    /// What the fuzz target `call` asks for: without care a reader of JSON is off by the last digit.
    #[test]
    fn numbers_with_a_fraction_come_back_exactly() {
        let texts = (-200..200).map(|exponent| format!("1.2345678901234567e{exponent}"));
        for text in texts {
            let number: f64 = text.parse().unwrap();
            let object = format!("{{\"n\":{text}}}");
            let mut call = Call::new(serde_json::from_str(&object).unwrap());
            Packed::new(&mut call).restore(&mut call);
            assert_eq!(call.as_object()["n"], json!(number), "{text}");
        }
    }
}
