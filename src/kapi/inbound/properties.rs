//! Whatever arrives, decoding ends with a message or a rejection.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{DecodeLimits, Delivered, Inbound, decode, decode_within};
use crate::kapi::fixtures;

fn delivered(payload: &[u8]) -> Delivered<'_> {
    Delivered {
        exchange: "callevt",
        routing_key: "call.DTMF.x",
        content_type: Some("application/json"),
        payload,
    }
}

/// Any JSON, a few levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(".*", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Names that decoding looks at, so that anything can stand under them.
fn known_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "Event-Category",
        "Event-Name",
        "App-Name",
        "App-Version",
        "Msg-ID",
        "Server-ID",
        "Node",
        "Call-ID",
        "Call",
        "Data",
        "Status",
        "Fetch-ID",
        "Custom-Channel-Vars",
        "Error-Message",
        "Request",
        "DTMF-Digit",
        "Replaced-By",
        "Connecting-Leg-B-UUID",
        "Origination-Call-ID",
        "Channel-Is-Loopback",
        "Timestamp",
        "Application-Name",
        "Application-Response",
        "ID",
        "Database",
        "Type",
        "Rev",
        "Is-Soft-Deleted",
        "From",
        "Request",
        "To",
        "Resource-Type",
        "Cost-Parameters",
        "Control-Queue",
        "WhApps",
        "Version",
        "Child",
        "Flow-ID",
        "Way",
        "Offered-At",
        "Won-At",
        "Attempt",
        "Expires",
    ])
    .prop_map(ToOwned::to_owned)
}

fn message_type() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("callflow", "action.execute"),
        ("dialplan", "route_req"),
        ("dialplan", "route_win"),
        ("nodes", "advertise"),
        ("kazoo_dynamic_cid", "route_offer"),
        ("kazoo_dynamic_cid", "route_job"),
        ("call_event", "DTMF"),
        ("call_event", "CHANNEL_REPLACED"),
        ("call_event", "usurp_control"),
        ("call_event", "channel_status_resp"),
        ("channel", "channel_status_resp"),
        ("error", "dialplan"),
        ("configuration", "doc_edited"),
    ])
}

proptest! {
    #[test]
    fn any_bytes_are_answered(payload in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = decode(&delivered(&payload));
    }

    #[test]
    fn any_json_is_answered(body in any_json()) {
        let _ = fixtures::decode_body(&body);
    }

    #[test]
    fn any_value_under_any_known_name_is_answered(
        (category, name) in message_type(),
        members in prop::collection::vec((known_name(), any_json()), 0..8),
    ) {
        let mut body: Map<String, Value> = json!({
            "App-Name": "a", "App-Version": "1", "Msg-ID": "m", "Server-ID": "q", "Node": "n@h",
            "Call-ID": "c@d", "Call": {}, "Status": "active", "Fetch-ID": "f",
            "Error-Message": "e", "ID": "i", "Database": "d", "From": "a@b", "Request": "c@b",
            "To": "d@b", "Control-Queue": "q", "Expires": 1,
            "Version": 1, "Data": {}, "Flow-ID": "f", "Way": "shared", "Offered-At": 1,
            "Won-At": 2, "Attempt": 0,
        }).as_object().cloned().unwrap_or_default();
        body.extend(members);
        body.insert("Event-Category".to_owned(), json!(category));
        body.insert("Event-Name".to_owned(), json!(name));
        let body = Value::Object(body);
        match fixtures::decode_body(&body) {
            Ok(Inbound::Execute(execute)) => {
                let _ = (execute.control_queue(), execute.fetch_id());
                // What the parser makes of a float's text is not our affair.
                let sent: Value = serde_json::from_str(&body.to_string()).unwrap();
                let call = Value::Object(execute.call.into_object());
                prop_assert_eq!(&sent["Call"], &call);
            }
            Ok(Inbound::RouteReq(request)) => {
                let _ = request.newer_sender();
                let sent: Value = serde_json::from_str(&body.to_string()).unwrap();
                prop_assert_eq!(sent, Value::Object(request.body));
            }
            Ok(_) => {}
            Err(rejection) => prop_assert!(!rejection.detail.is_empty()),
        }
    }

    #[test]
    fn a_payload_over_the_limit_is_never_read(limit in 0_usize..64, extra in 1_usize..64) {
        let limits = DecodeLimits { max_bytes: limit, max_depth: 100 };
        let payload = vec![b'{'; limits.of_workers().max_bytes + extra];
        let rejection = decode_within(&delivered(&payload), limits).unwrap_err();
        prop_assert_eq!(rejection.reason, super::RejectReason::TooLarge);
    }
}
