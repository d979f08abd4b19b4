//! Lists, their entries, profiles and KAZOO 5's contacts.

use serde_json::json;

use super::{Case, invalid, text, valid};

pub(crate) fn lists() -> Vec<Case> {
    vec![
        valid("a name is enough", json!({"name": "Agencies"})),
        valid("all fields", json!({"name": "Agencies", "description": "CIDs", "org": "Acme"})),
        valid("one character", json!({"name": "a", "description": "b"})),
        valid("128 characters", json!({"name": text(128), "description": text(128)})),
        valid("an empty org", json!({"name": "a", "org": ""})),
        valid(
            "private fields",
            json!({"_id": "f1", "_rev": "1-a", "name": "a", "pvt_type": "list"}),
        ),
        valid(
            "the historic form",
            json!({"name": "a", "length": 2, "entries": {"01": {"number": "1", "name": "b"}}}),
        ),
        valid("historic fields of any type", json!({"name": "a", "length": "x", "entries": []})),
        valid("unknown fields", json!({"name": "a", "list_type": 5, "worker": {"preset": 5}})),
        invalid("no object", json!(["name"])),
        invalid("null", json!(null)),
        invalid("no name", json!({"description": "a"})),
        invalid("a name that is null", json!({"name": null})),
        invalid("a name that is a number", json!({"name": 5})),
        invalid("an empty name", json!({"name": ""})),
        invalid("a name of 129 characters", json!({"name": text(129)})),
        invalid("an empty description", json!({"name": "a", "description": ""})),
        invalid("129 characters of description", json!({"name": "a", "description": text(129)})),
        invalid("a description that is an object", json!({"name": "a", "description": {}})),
        invalid("an org that is an array", json!({"name": "a", "org": []})),
    ]
}

pub(crate) fn list_entries() -> Vec<Case> {
    let mut cases = vec![
        valid("a list id is enough", json!({"list_id": "f1"})),
        valid("an empty list id", json!({"list_id": ""})),
        valid(
            "a caller id",
            json!({
                "_id": "a0", "list_id": "f1", "capture_group_key": "01", "capture_group_length": 2,
                "number": "19058888888", "name": "Awesome Inc.", "profile": {},
                "pvt_type": "list_entry"
            }),
        ),
        valid("any length", json!({"list_id": "f1", "capture_group_length": -3})),
        valid("empty texts", json!({"list_id": "f", "number": "", "capture_group_key": ""})),
        valid(
            "a name of any type",
            json!({"list_id": "f1", "name": 5, "prefix": [], "regexp": {}}),
        ),
        valid("a profile", json!({"list_id": "f1", "profile": {"role": "boss"}})),
        valid("a pattern that is no regex", json!({"list_id": "f1", "pattern": "("})),
        invalid("no object", json!("f1")),
        invalid("no list id", json!({"number": "1"})),
        invalid("a list id that is a number", json!({"list_id": 5})),
        invalid("a list id that is null", json!({"list_id": null})),
        // 4.3 does not know these two.
        invalid("a key that is a number", json!({"list_id": "f1", "capture_group_key": 1}))
            .but_not_in(&["4.3"]),
        invalid("a length that is text", json!({"list_id": "f1", "capture_group_length": "2"}))
            .but_not_in(&["4.3"]),
        invalid("a length with a fraction", json!({"list_id": "f1", "capture_group_length": 2.5}))
            .but_not_in(&["4.3"]),
        invalid("a whole float as length", json!({"list_id": "f1", "capture_group_length": 2.0}))
            .but_not_in(&["4.3"]),
        invalid(
            "a number that is a number",
            json!({"list_id": "f1", "number": 15_145_551_234_u64}),
        ),
        invalid("a pattern that is an array", json!({"list_id": "f1", "pattern": ["a"]})),
        invalid("a profile that is text", json!({"list_id": "f1", "profile": "boss"})),
        invalid("a fault in the profile", json!({"list_id": "f1", "profile": {"role": 5}})),
        invalid("null for a profile", json!({"list_id": "f1", "profile": null})),
    ];
    for field in ["displayname", "firstname", "lastname", "type"] {
        cases.extend([
            valid("one character", json!({"list_id": "f1", field: "a"})),
            valid("128 characters", json!({"list_id": "f1", field: text(128)})),
            invalid("an empty text", json!({"list_id": "f1", field: ""})),
            invalid("129 characters", json!({"list_id": "f1", field: text(129)})),
            invalid("a boolean", json!({"list_id": "f1", field: true})),
        ]);
    }
    cases
}

pub(crate) fn profile() -> Vec<Case> {
    let mut cases = vec![
        valid("nothing", json!({})),
        valid("unknown fields", json!({"height": 180})),
        valid(
            "everything",
            json!({
                "addresses": [{"address": "1 Road", "types": ["work", "pref"]}],
                "assistant": "A", "birthday": "1990-01-01", "nicknames": ["B", ""], "note": "C",
                "role": "D", "sort-string": "E", "title": "F"
            }),
        ),
        valid("an empty address", json!({"addresses": [{}]})),
        valid("no addresses", json!({"addresses": []})),
        valid(
            "each kind of address",
            json!({"addresses": [
                {"types": ["dom", "postal", "intl", "parcel", "home", "work", "pref"]}
            ]}),
        ),
        valid("a kind twice", json!({"addresses": [{"types": ["work", "work"]}]})),
        invalid("no object", json!([])),
        invalid("addresses that are an object", json!({"addresses": {"address": "a"}})),
        invalid("an address that is text", json!({"addresses": ["1 Road"]})),
        invalid("an address's text that is a number", json!({"addresses": [{"address": 1}]})),
        invalid("kinds that are text", json!({"addresses": [{"types": "work"}]})),
        invalid("an unknown kind", json!({"addresses": [{"types": ["office"]}]})),
        invalid("a kind that is null", json!({"addresses": [{"types": [null]}]})),
        invalid("nicknames that are text", json!({"nicknames": "B"})),
        invalid("a nickname that is a number", json!({"nicknames": ["B", 5]})),
    ];
    for field in ["assistant", "birthday", "note", "role", "sort-string", "title"] {
        cases.push(invalid("a number instead of text", json!({field: 5})));
        cases.push(valid("an empty text", json!({field: ""})));
    }
    cases
}

pub(crate) fn contacts() -> Vec<Case> {
    let with = |field: &str, value: serde_json::Value| json!({"first_name": "A", "contacts": [], field: value});
    let contact = |field: &str, value: serde_json::Value| {
        let mut contact = json!({"type": "voice", "contact": "1", "primary": true});
        contact[field] = value;
        json!({"first_name": "A", "contacts": [contact]})
    };
    let mut cases = vec![
        valid("a name and no contacts", json!({"first_name": "A", "contacts": []})),
        valid("an empty name", json!({"first_name": "", "contacts": []})),
        valid(
            "a caller id",
            json!({
                "first_name": "Awesome Inc.", "last_name": "B", "capture_group": {"key": "01", "length": 2},
                "contacts": [
                    {"type": "voice", "contact": "19058888888", "primary": true, "device_type": "work", "ext": "1"},
                    {"type": "email", "contact": "a@example.com", "primary": true, "email_type": "home"}
                ],
                "favorite": true, "organization": {"name": "C"}, "pattern": "^1", "tags": ["a"],
                "history": [{"contact": {"any": 5}, "notes": "d", "timestamp": 123}]
            }),
        ),
        valid(
            "two primary contacts",
            json!({"first_name": "A", "contacts": [
                {"type": "voice", "contact": "1", "primary": true},
                {"type": "voice", "contact": "2", "primary": true}
            ]}),
        ),
        valid("an empty capture group", with("capture_group", json!({}))),
        valid("unknown fields", with("number", json!(5))),
        invalid("no object", json!("A")),
        invalid("no first name", json!({"contacts": []})),
        invalid("no contacts", json!({"first_name": "A"})),
        invalid("a first name that is a number", json!({"first_name": 5, "contacts": []})),
        invalid("contacts that are an object", json!({"first_name": "A", "contacts": {}})),
        invalid("a contact that is text", json!({"first_name": "A", "contacts": ["1"]})),
        invalid("primary as text", contact("primary", json!("true"))),
        invalid("a contact that is a number", contact("contact", json!(19_058_888_888_u64))),
        invalid("an unknown type", contact("type", json!("fax"))),
        invalid("an unknown device", contact("device_type", json!("pager"))),
        invalid("an unknown kind of e-mail", contact("email_type", json!("mobile"))),
        invalid("an extension that is a number", contact("ext", json!(356))),
        invalid("a key that is a number", with("capture_group", json!({"key": 1}))),
        invalid("a length that is text", with("capture_group", json!({"length": "2"}))),
        invalid("a capture group that is text", with("capture_group", json!("01"))),
        invalid("favorite as text", with("favorite", json!("true"))),
        invalid("a last name that is null", with("last_name", json!(null))),
        invalid("an organisation that is text", with("organization", json!("C"))),
        invalid(
            "an organisation's name that is a number",
            with("organization", json!({"name": 5})),
        ),
        invalid("a pattern that is an array", with("pattern", json!([]))),
        invalid("a tag that is a number", with("tags", json!(["a", 5]))),
        invalid("history without a contact", with("history", json!([{"notes": "d"}]))),
        invalid(
            "a timestamp that is text",
            with("history", json!([{"contact": {}, "timestamp": "1"}])),
        ),
    ];
    for missing in ["type", "contact", "primary"] {
        let mut document = contact("ext", json!("1"));
        document["contacts"][0].as_object_mut().unwrap().remove(missing);
        cases.push(invalid("a contact without one of its fields", document));
    }
    cases
}
