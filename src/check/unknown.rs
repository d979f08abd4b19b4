//! Keys that nobody reads.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Code;
use super::finding::Findings;
use crate::json::Object;
use crate::schema;

/// The action's settings, the worker's among them.
pub(super) const SETTINGS: &str = "system_config.callflow.dynamic_cid";
/// What a node's data may hold.
pub(super) const DATA: &str = "callflows.dynamic_cid";
/// What an object `worker` may hold.
const WORKER: &str = "dynamic_cid.worker";

/// Adds the keys of an object, and of its `worker`, that our schema does not know.
pub(super) fn check(
    schema: &str,
    object: &Object,
    document: &str,
    path: &str,
    findings: &mut Findings,
) {
    add(schema, object, document, path, findings);
    if let Some(worker) = object.get("worker").and_then(Value::as_object) {
        add(WORKER, worker, document, &format!("{path}/worker"), findings);
    }
}

fn add(schema: &str, object: &Object, document: &str, path: &str, findings: &mut Findings) {
    let known = known(schema);
    for key in object.keys().filter(|key| !known.contains(*key)) {
        let near = known.iter().find(|known| is_near(known, key));
        let hint = near.map_or_else(String::new, |near| format!("; is `{near}` meant?"));
        let problem = format!("`{key}` is not a key that is read{hint}");
        findings.add(Code::UnknownSetting, document, format!("{path}/{}", step(key)), problem);
    }
}

/// The members our own schema of this name describes.
fn known(schema: &str) -> BTreeSet<String> {
    let text = schema::documents().find(|(name, _)| *name == schema).map(|(_, text)| text);
    let parsed: Option<Value> = text.and_then(|text| serde_json::from_str(text).ok());
    let properties = parsed.as_ref().and_then(|parsed| parsed.get("properties")?.as_object());
    properties.into_iter().flat_map(|them| them.keys().cloned()).collect()
}

/// A key as a step of a JSON pointer.
pub(super) fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Whether one is the other but for case, separators, or a missing end.
fn is_near(known: &str, key: &str) -> bool {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_lowercase()).collect()
    };
    let (known, key) = (plain(known), plain(key));
    known == key || (key.len() > 3 && (known.starts_with(&key) || key.starts_with(&known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_key_is_named() {
        for (known, key, near) in [
            ("max_digits", "maxDigits", true),
            ("interdigit_timeout", "interdigit", true),
            ("max_digits", "max-digit", true),
            ("id", "x", false),
            ("max_digits", "min_digits", false),
        ] {
            assert_eq!(is_near(known, key), near, "{known} {key}");
        }
    }
}
