//! Recorded payloads for the tests of this room.
//!
//! `tests/fixtures/kapi/examples` holds one payload of each message; `recorded.json` and
//! `recorded-4.3.json` hold messages of calls that a living KAZOO served.

use serde_json::Value;

use super::command::Dialect;
use super::inbound::{Delivered, Inbound, Rejection, decode};
use crate::json::Object;

/// A message as it was on the wire.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    /// Which KAZOO was recorded.
    pub(super) dialect: Dialect,
    pub(super) exchange: String,
    pub(super) routing_key: String,
    pub(super) deliver_to_pid: Option<String>,
    pub(super) payload: Object,
}

impl Recorded {
    pub(super) fn payload_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.payload).unwrap()
    }
}

fn folder() -> std::path::PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "kapi"].iter().collect()
}

fn read(path: &std::path::Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// One example payload.
pub(super) fn object(name: &str) -> Object {
    read(&folder().join("examples").join(name)).as_object().cloned().unwrap()
}

/// Every recorded message.
pub(super) fn all_recorded() -> Vec<Recorded> {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let is_43 = |message: &Value| message["recorded_in"].as_str().unwrap().starts_with("4.3/");
    ["recorded.json", "recorded-4.3.json"]
        .iter()
        .flat_map(|file| read(&folder().join(file)).as_array().cloned().unwrap())
        .map(|message| Recorded {
            dialect: if is_43(&message) { Dialect::V43 } else { Dialect::Master },
            exchange: text(&message["exchange"]).unwrap(),
            routing_key: text(&message["routing_key"]).unwrap(),
            deliver_to_pid: text(&message["headers"]["Deliver-To-PID"]),
            payload: message["payload"].as_object().cloned().unwrap(),
        })
        .collect()
}

/// The recorded messages of one type; there is at least one.
pub(super) fn recorded(category: &str, name: &str) -> Vec<Recorded> {
    let found: Vec<_> = all_recorded()
        .into_iter()
        .filter(|each| {
            each.payload["Event-Category"] == category && each.payload["Event-Name"] == name
        })
        .collect();
    assert!(!found.is_empty(), "no {category}/{name} was recorded");
    found
}

/// Decodes a body as if it had been delivered.
pub(super) fn decode_body(body: &Value) -> Result<Inbound, Rejection> {
    let payload = serde_json::to_vec(body).unwrap();
    decode(&Delivered {
        exchange: "callevt",
        routing_key: "key",
        content_type: Some("application/json"),
        payload: &payload,
    })
}

/// Results a living KAZOO understood: the readable term and its Base64.
pub(super) fn results() -> Vec<(Value, String)> {
    read(&folder().join("results.json"))
        .as_array()
        .unwrap()
        .iter()
        .map(|each| (each["term"].clone(), each["result"].as_str().unwrap().to_owned()))
        .collect()
}

/// Both have the same members, and equal ones except those that tell who sent it.
#[track_caller]
pub(super) fn assert_same_except_app(ours: &Object, theirs: &Object) {
    let neutral = |body: &Object| {
        let mut body = body.clone();
        for key in ["App-Name", "App-Version", "Node", "Server-ID", "Msg-ID"] {
            if let Some(value) = body.get_mut(key) {
                *value = Value::Null;
            }
        }
        body
    };
    assert_eq!(Value::Object(neutral(ours)), Value::Object(neutral(theirs)));
}
