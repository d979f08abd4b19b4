use super::*;
use serde_json::json;

fn call(value: &Value) -> Call {
    Call::new(value.as_object().cloned().unwrap())
}

#[test]
fn realms_fall_back_to_their_address() {
    for (fields, realm) in [
        (json!({}), "norealm"),
        (json!({"Request": "1@a.b"}), "a.b"),
        (json!({"Request": "1@a.b", "Request-Realm": "norealm"}), "a.b"),
        (json!({"Request": "1@a.b", "Request-Realm": "c.d"}), "c.d"),
        (json!({"Request": "nouser@norealm", "Request-Realm": "c.d"}), "c.d"),
        (json!({"Request": "rubbish"}), "norealm"),
    ] {
        assert_eq!(call(&fields).request_realm(), realm, "{fields}");
    }
}

#[test]
fn a_destination_changes_every_part_and_nothing_else() {
    let mut changed = call(&json!({
        "Request": "*2@a.b", "To": "*2@c.d", "To-Realm": "c.d", "Unknown": [1, {"x": null}],
        "Key-Value-Store": {"cf_flow_id": "f"},
    }));
    changed.set_caller_id_number("1555");
    changed.set_caller_id_name("Name");
    changed.set_destination(&Destination { number: "5551".into(), request_user: "+1514".into() });
    assert_eq!(
        Value::Object(changed.into_object()),
        json!({
            "Request": "5551@a.b", "Request-User": "+1514", "Request-Realm": "a.b",
            "To": "5551@c.d", "To-User": "5551", "To-Realm": "c.d", "Callee-ID-Number": "5551",
            "Caller-ID-Number": "1555", "Caller-ID-Name": "Name", "Unknown": [1, {"x": null}],
            "Key-Value-Store": {"cf_flow_id": "f", "dynamic_cid": "1555"},
        })
    );
}

#[test]
fn an_empty_capture_group_is_none() {
    for (store, group) in [
        (json!({"cf_capture_group": "01"}), Some("01")),
        (json!({"cf_capture_group": ""}), None),
        (json!({"cf_capture_group": 5}), None),
        (json!({}), None),
    ] {
        assert_eq!(call(&json!({ "Key-Value-Store": store })).capture_group(), group);
    }
}
