//! What KAZOO's map functions emit, and ours, in Rust.
//!
//! Source: the design documents `lists`, `callflows` and `attributes` of `kazoo_apps`
//! (`priv/couchdb/account/*.json`), whose logic is the same from 4.1 to master, and our own
//! `kazoo_dynamic_cid` (`deploy/couchdb/design/`).

use serde_json::{Map, Value, json};

use super::super::{Row, ViewQuery};

/// A map function: the keys and values it emits for a document.
pub(super) type MapFunction = fn(&Value) -> Vec<(Value, Value)>;

/// The map function behind a view that is emulated.
pub(super) fn map(query: &ViewQuery<'_>) -> Option<MapFunction> {
    match (query.design, query.view) {
        ("lists", "entries") => Some(list_entries),
        ("callflows", "listing_by_number") => Some(|document| listing(document, "/numbers")),
        ("callflows", "listing_by_pattern") => Some(|document| listing(document, "/patterns")),
        ("kazoo_dynamic_cid", "numbers") => {
            Some(|document| listing(document, "/kazoo_dynamic_cid/numbers"))
        }
        ("kazoo_dynamic_cid", "patterns") => {
            Some(|document| listing(document, "/kazoo_dynamic_cid/patterns"))
        }
        ("attributes", "sip_username") => Some(sip_usernames),
        _ => None,
    }
}

/// The rows of one document.
pub(super) fn rows(map: MapFunction, id: &str, document: &Value) -> Vec<Row> {
    map(document)
        .into_iter()
        .map(|(key, value)| Row { id: id.to_owned(), key, value, doc: None })
        .collect()
}

/// One row per entry document, or one per entry inside a list document of the historic form.
fn list_entries(document: &Value) -> Vec<(Value, Value)> {
    if truthy(document.get("pvt_deleted")) {
        return Vec::new();
    }
    match document.get("pvt_type").and_then(Value::as_str) {
        Some("list_entry") => {
            let members = [
                ("capture_group_key", document.get("capture_group_key")),
                ("capture_group_length", document.get("capture_group_length")),
                ("name", document.get("name")),
                ("number", document.get("number")),
            ];
            let list = document.get("list_id").cloned().unwrap_or_default();
            vec![(list, row_value(members, document))]
        }
        Some("list") => historic_entries(document),
        _ => Vec::new(),
    }
}

fn historic_entries(list: &Value) -> Vec<(Value, Value)> {
    let mut entries = own_members(list.get("entries"));
    if entries.iter().any(|(_, entry)| entry.is_null()) {
        // The function raises on a null entry, and CouchDB keeps nothing of such a document.
        return Vec::new();
    }
    // CouchDB sorts rows with one key and document by value, and the key stands first in it.
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    let list_id = list.get("_id").cloned().unwrap_or_default();
    entries
        .into_iter()
        .map(|(key, entry)| {
            let either = |first: &str, second: &str| {
                entry.get(first).filter(|value| truthy(Some(value))).or_else(|| entry.get(second))
            };
            let key = Value::from(key);
            let members = [
                ("capture_group_key", Some(&key)),
                ("capture_group_length", list.get("length")),
                ("name", either("cid_name", "name")),
                ("number", either("cid_number", "number")),
            ];
            (list_id.clone(), row_value(members, entry))
        })
        .collect()
}

/// The four members the action reads, then those copied for other modules; what is undefined is
/// absent.
fn row_value(members: [(&str, Option<&Value>); 4], copied: &Value) -> Value {
    let copied = ["pattern", "prefix", "regexp", "type"].map(|name| (name, copied.get(name)));
    members
        .into_iter()
        .chain(copied)
        .filter_map(|(name, value)| Some((name.to_owned(), value?.clone())))
        .collect::<Map<_, _>>()
        .into()
}

/// One row per number or pattern of a callflow, which stand at a JSON pointer.
fn listing(document: &Value, place: &str) -> Vec<(Value, Value)> {
    let is_callflow = document.get("pvt_type").and_then(Value::as_str) == Some("callflow");
    if !is_callflow || truthy(document.get("pvt_deleted")) {
        return Vec::new();
    }
    let name = document.get("name").filter(|name| truthy(Some(name)));
    let value = json!({ "name": name.or_else(|| document.get("_id")) });
    own_members(document.pointer(place))
        .into_iter()
        .map(|(_, key)| (key.clone(), value.clone()))
        .collect()
}

/// The name with which a document's endpoint registers, with the ids of its users: those logged on
/// to it, else its owner.
fn sip_usernames(document: &Value) -> Vec<(Value, Value)> {
    let named = |key| document.get("sip").and_then(|sip| sip.get(key));
    let (username, method) = (named("username"), named("method"));
    if truthy(document.get("pvt_deleted"))
        || !truthy(username)
        || method.and_then(Value::as_str) != Some("password")
    {
        return Vec::new();
    }
    let users = own_members(document.get("hotdesk").and_then(|hotdesk| hotdesk.get("users")));
    let mut owners: Vec<Value> = users.into_iter().map(|(id, _)| id.into()).collect();
    if owners.is_empty() {
        owners.extend(document.get("owner_id").filter(|owner| truthy(Some(owner))).cloned());
    }
    username.map(|username| (username.clone(), owners.into())).into_iter().collect()
}

/// What JavaScript's `for (key in value)` walks over; texts, whose characters it would be, are
/// taken as nothing.
fn own_members(value: Option<&Value>) -> Vec<(String, &Value)> {
    match value {
        Some(Value::Object(members)) => {
            members.iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Some(Value::Array(items)) => {
            items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    }
}

/// JavaScript's idea of true.
fn truthy(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(_) | Value::Object(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_entries_emits_what_the_view_emits() {
        for (document, emitted) in [
            (json!({ "_id": "e", "list_id": "l" }), json!([])),
            (
                json!({ "_id": "e", "list_id": "l", "pvt_type": "list_entry", "name": "N",
                    "number": 1, "capture_group_key": "01", "capture_group_length": null,
                    "prefix": "9", "displayname": "not copied" }),
                json!([["l", { "capture_group_key": "01", "capture_group_length": null,
                    "name": "N", "number": 1, "prefix": "9" }]]),
            ),
            (json!({ "_id": "e", "pvt_type": "list_entry" }), json!([[null, {}]])),
            (json!({ "_id": "e", "pvt_type": "list_entry", "pvt_deleted": true }), json!([])),
            (json!({ "_id": "e", "pvt_type": "list_entry", "pvt_deleted": "false" }), json!([])),
            (
                json!({ "_id": "e", "pvt_type": "list_entry", "pvt_deleted": false }),
                json!([[null, {}]]),
            ),
            (json!({ "_id": "l", "pvt_type": "list" }), json!([])),
            (
                json!({ "_id": "l", "pvt_type": "list", "length": "2", "entries": {
                    "10": { "cid_name": "", "name": "A", "cid_number": "1", "number": "2" },
                    "01": { "number": "3" }, "00": 7 } }),
                json!([
                    ["l", { "capture_group_key": "00", "capture_group_length": "2" }],
                    ["l", { "capture_group_key": "01", "capture_group_length": "2", "number": "3" }],
                    ["l", { "capture_group_key": "10", "capture_group_length": "2", "name": "A",
                        "number": "1" }],
                ]),
            ),
            (
                json!({ "_id": "l", "pvt_type": "list", "entries": [{ "number": "3" }] }),
                json!([["l", { "capture_group_key": "0", "number": "3" }]]),
            ),
            (
                json!({ "_id": "l", "pvt_type": "list", "entries": { "00": {}, "01": null } }),
                json!([]),
            ),
        ] {
            assert_eq!(json!(list_entries(&document)), emitted, "{document}");
        }
    }

    #[test]
    fn a_callflow_is_listed_under_each_number() {
        for (document, emitted) in [
            (
                json!({ "_id": "c", "pvt_type": "callflow", "numbers": ["1", "1", 2] }),
                json!([["1", { "name": "c" }], ["1", { "name": "c" }], [2, { "name": "c" }]]),
            ),
            (
                json!({ "_id": "c", "pvt_type": "callflow", "name": "Main", "numbers": ["1"] }),
                json!([["1", { "name": "Main" }]]),
            ),
            (json!({ "_id": "c", "pvt_type": "callflow" }), json!([])),
            (json!({ "_id": "c", "pvt_type": "callflow", "numbers": null }), json!([])),
            (json!({ "_id": "c", "pvt_type": "menu", "numbers": ["1"] }), json!([])),
            (
                json!({ "_id": "c", "pvt_type": "callflow", "pvt_deleted": true,
                    "numbers": ["1"] }),
                json!([]),
            ),
        ] {
            assert_eq!(json!(listing(&document, "/numbers")), emitted, "{document}");
        }
    }

    #[test]
    fn what_stands_under_our_key_is_listed_alike() {
        let view = |view| {
            map(&ViewQuery { design: "kazoo_dynamic_cid", view, ..ViewQuery::default() }).unwrap()
        };
        let (numbers, patterns) = (view("numbers"), view("patterns"));
        for (document, of_numbers, of_patterns) in [
            (
                json!({ "_id": "c", "pvt_type": "callflow", "numbers": ["1"], "patterns": ["^1"],
                    "kazoo_dynamic_cid": { "numbers": ["2", 3], "patterns": ["^2"] } }),
                json!([["2", { "name": "c" }], [3, { "name": "c" }]]),
                json!([["^2", { "name": "c" }]]),
            ),
            (json!({ "_id": "c", "pvt_type": "callflow", "numbers": ["1"] }), json!([]), json!([])),
            (
                json!({ "_id": "c", "pvt_type": "callflow", "kazoo_dynamic_cid": ["2"] }),
                json!([]),
                json!([]),
            ),
            (
                json!({ "_id": "c", "pvt_type": "callflow", "kazoo_dynamic_cid": null }),
                json!([]),
                json!([]),
            ),
            (
                json!({ "_id": "c", "pvt_type": "callflow", "pvt_deleted": true,
                    "kazoo_dynamic_cid": { "numbers": ["2"], "patterns": ["^2"] } }),
                json!([]),
                json!([]),
            ),
        ] {
            assert_eq!(json!(numbers(&document)), of_numbers, "{document}");
            assert_eq!(json!(patterns(&document)), of_patterns, "{document}");
        }
    }

    #[test]
    fn an_endpoint_is_listed_under_its_sip_username() {
        let sip = || json!({ "username": "u", "method": "password" });
        for (document, emitted) in [
            (json!({ "sip": sip() }), json!([["u", []]])),
            (json!({ "sip": sip(), "owner_id": "o" }), json!([["u", ["o"]]])),
            (json!({ "sip": sip(), "owner_id": "" }), json!([["u", []]])),
            (
                json!({ "sip": sip(), "owner_id": "o", "hotdesk": { "users": { "b": {}, "a": {} } } }),
                json!([["u", ["b", "a"]]]),
            ),
            (
                json!({ "sip": sip(), "owner_id": "o", "hotdesk": { "users": {} } }),
                json!([["u", ["o"]]]),
            ),
            (json!({ "sip": { "username": "u" } }), json!([])),
            (json!({ "sip": { "username": "u", "method": "ip" } }), json!([])),
            (json!({ "sip": { "username": "", "method": "password" } }), json!([])),
            (json!({ "sip": sip(), "pvt_deleted": true }), json!([])),
            (json!({ "sip": "u" }), json!([])),
            (json!({}), json!([])),
        ] {
            assert_eq!(json!(sip_usernames(&document)), emitted, "{document}");
        }
    }
}
