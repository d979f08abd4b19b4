use proptest::prelude::*;
use serde_json::json;

use super::*;

fn lazy(text: &str) -> serde_json::Result<LazyObject> {
    serde_json::from_str(text)
}

/// Texts of objects, most of them good; bad ones by a character out of place.
fn any_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| json!(value).to_string()),
        ".*".prop_map(|value| json!(value).to_string()),
        prop::sample::select(vec![
            "1e400",
            "-0",
            "1E2",
            "01",
            "\"\\ud800\"",
            "\"\\u00e9\\n\"",
            "\"\u{7}\"",
            "tru",
            "",
            "18446744073709551616",
            "\"\\x\"",
            "\"é\"",
        ])
        .prop_map(str::to_owned),
    ];
    let name = prop_oneof!["[a-c]?", ".*", Just("\\\"".to_owned())];
    let object = |members: Vec<(String, String)>| {
        let members = members.iter().map(|(name, value)| format!("{} : {value}", json!(name)));
        format!("{{{}}}", members.collect::<Vec<_>>().join(" , "))
    };
    let value = leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((".?", inner), 0..4).prop_map(object),
        ]
    });
    prop::collection::vec((name, value), 0..6).prop_map(object)
}

proptest! {
    #[test]
    fn it_reads_what_an_object_reads_and_nothing_else(text in any_text()) {
        let object: serde_json::Result<Object> = serde_json::from_str(&text);
        match (lazy(&text), object) {
            (Ok(lazy), Ok(object)) => {
                // Opened before it is read, and read afterwards.
                for _ in 0..2 {
                    for (name, value) in &object {
                        let (inner, value) = (lazy.inner(name), value.as_object());
                        prop_assert_eq!(inner.is_some(), value.is_some());
                        for (inner, value) in inner.into_iter().zip(value) {
                            for (name, value) in value {
                                prop_assert_eq!(inner.get(name), Some(value));
                            }
                            prop_assert_eq!(inner.get("no such name"), None);
                        }
                        if value.is_none() {
                            prop_assert_eq!(lazy.member(name), object.get(name));
                        }
                    }
                    object.keys().for_each(|name| _ = lazy.member(name));
                }
                for name in object.keys() {
                    prop_assert_eq!(lazy.member(name), object.get(name));
                }
                prop_assert_eq!(lazy.member("no such name"), None);
                let reread: Object = serde_json::from_str(&lazy.to_text()).unwrap();
                prop_assert_eq!(&reread, &object);
                let order = |object: &Object| object.keys().cloned().collect::<Vec<_>>();
                prop_assert_eq!(order(&lazy.to_object()), order(&object));
                prop_assert_eq!(lazy.into_object(), object);
            }
            (Err(_), Err(_)) => {}
            (lazy, object) => prop_assert!(false, "{:?} but {:?}", lazy, object),
        }
    }
}

#[test]
fn only_an_object_is_one() {
    for text in ["[]", "null", "\"{}\"", "1", "", "{", "{}}"] {
        assert!(lazy(text).is_err(), "{text}");
    }
    for text in ["[1, {\"a\": []}]", "null", "\"{}\"", "1", "-1", "0.5", "true"] {
        let value: LazyValue = serde_json::from_str(text).unwrap();
        assert_eq!(value, LazyValue::Other(serde_json::from_str(text).unwrap()));
    }
    let value: LazyValue = serde_json::from_str("{\"a\": 1}").unwrap();
    assert_eq!(value, LazyValue::Object(lazy("{\"a\": 1}").unwrap()));
    assert_eq!(lazy("{}").unwrap(), LazyObject::default());
}

#[test]
fn a_changed_one_is_what_it_was_changed_to() {
    let mut object = lazy(r#"{"a": 1, "b": {"c": [2]}, "a": 3}"#).unwrap();
    assert_eq!(object.member("a"), Some(&json!(3)));
    assert_eq!(object.inner("b").unwrap().get("c"), Some(&json!([2])));
    object.as_object_mut().insert("d".to_owned(), json!(4));
    assert_eq!(object.inner("b").unwrap().get("c"), Some(&json!([2])));
    assert!(object.inner("a").is_none() && object.inner("e").is_none());
    object.as_object_mut().shift_remove("b");
    assert_eq!(object.member("a"), Some(&json!(3)));
    assert_eq!(object.member("b"), None);
    assert_eq!(object.to_text(), r#"{"a":3,"d":4}"#);
    assert_eq!(object.clone().into_object(), *object.to_object());
}
