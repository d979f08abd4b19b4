use super::super::{Delivered, Inbound, decode};
use super::*;
use crate::kapi::{fixtures, routing};
use serde_json::json;

fn read(body: Object) -> Result<RouteReq, Rejection> {
    match fixtures::decode_body(&Value::Object(body))? {
        Inbound::RouteReq(request) => Ok(request),
        other => panic!("{other:?}"),
    }
}

/// A request of 4.3 with a member set, or taken away.
fn with(name: &str, value: Option<Value>) -> Object {
    let mut body = fixtures::recorded("dialplan", "route_req").swap_remove(0).payload;
    body.remove(name);
    if let Some(value) = value {
        body.insert(name.to_owned(), value);
    }
    body
}

#[test]
fn requests_of_a_living_kazoo_are_read_whole() {
    for recorded in fixtures::recorded("dialplan", "route_req") {
        let payload = recorded.payload_bytes();
        let delivered = Delivered {
            exchange: &recorded.exchange,
            routing_key: &recorded.routing_key,
            content_type: Some("application/json"),
            payload: &payload,
        };
        let Ok(Inbound::RouteReq(request)) = decode(&delivered) else { panic!() };
        assert_eq!(request.body, recorded.payload);
        assert_eq!(request.call_id, recorded.payload["Call-ID"]);
        assert_eq!(request.msg_id, recorded.payload["Msg-ID"]);
        assert_eq!(request.server_id.to_string(), recorded.payload["Server-ID"].as_str().unwrap());
        assert_eq!(request.fetch_id.as_deref(), Some(request.msg_id.as_str()));
        assert_eq!(request.resource_type, Some(ResourceType::Audio));
        let account_id = request.account_id.as_deref().unwrap();
        assert_eq!(recorded.routing_key, routing::route_request_key("audio", account_id));
        assert_eq!(request.newer_sender(), None);
    }
}

#[test]
fn the_account_is_the_channel_variable_alone() {
    for (ccvs, account_id) in [
        (json!({"Account-ID": "a1"}), Some("a1")),
        (json!({"Account-ID": ""}), None),
        (json!({"Account-ID": 5}), None),
        (json!({"Account-ID": null}), None),
        (json!({}), None),
    ] {
        let mut body = with("Account-ID", Some(json!("top")));
        body.insert("Custom-Channel-Vars".to_owned(), ccvs.clone());
        assert_eq!(read(body).unwrap().account_id.as_deref(), account_id, "{ccvs}");
    }
    let body = with("Custom-Channel-Vars", None);
    assert_eq!(read(body).unwrap().account_id, None);
}

#[test]
fn a_newer_kazoo_is_told_by_its_address_and_its_name() {
    let newer = fixtures::object("route_req.json");
    let said = read(newer.clone()).unwrap().newer_sender().unwrap().to_string();
    assert!(said.contains("`pid://<0.4111.0>/ecallmgr@apps1"), "{said}");
    let mut named = newer;
    named.insert("Server-ID".to_owned(), json!("queue"));
    let request = read(named.clone()).unwrap();
    let app_name = "freeswitch".to_owned();
    assert_eq!(request.newer_sender(), Some(NewerSender::MediaServer { app_name }));
    assert!(request.newer_sender().unwrap().to_string().contains("`freeswitch`"));
    named.insert("App-Name".to_owned(), json!("ecallmgr"));
    assert_eq!(read(named).unwrap().newer_sender(), None);
}

#[test]
fn a_request_without_a_resource_type_has_none() {
    assert_eq!(read(with("Resource-Type", None)).unwrap().resource_type, None);
    for each in ResourceType::ALL {
        let body = with("Resource-Type", Some(json!(each.as_str())));
        assert_eq!(read(body).unwrap().resource_type, Some(each));
    }
}

#[test]
fn a_request_that_kazoo_would_refuse_or_die_of_is_rejected() {
    for (header, value, reason) in [
        ("App-Name", None, RejectReason::MissingHeader),
        ("Msg-ID", None, RejectReason::MissingHeader),
        ("Msg-ID", Some(json!(7)), RejectReason::WrongType),
        ("Call-ID", None, RejectReason::MissingHeader),
        ("Call-ID", Some(json!("#")), RejectReason::BadValue),
        ("From", None, RejectReason::MissingHeader),
        ("From", Some(json!({})), RejectReason::WrongType),
        ("From", Some(json!("1001")), RejectReason::BadValue),
        ("Request", None, RejectReason::MissingHeader),
        ("Request", Some(json!("2001")), RejectReason::BadValue),
        ("To", None, RejectReason::MissingHeader),
        ("To", Some(json!(2001)), RejectReason::WrongType),
        ("Caller-ID-Name", Some(json!(1)), RejectReason::WrongType),
        ("Caller-ID-Number", Some(json!(1001)), RejectReason::WrongType),
        ("Custom-Channel-Vars", Some(json!([])), RejectReason::WrongType),
        ("Custom-Application-Vars", Some(json!("x")), RejectReason::WrongType),
        ("Custom-SIP-Headers", Some(json!("x")), RejectReason::WrongType),
        ("Cost-Parameters", Some(json!("x")), RejectReason::WrongType),
        ("Cost-Parameters", Some(json!({"Cost": 1})), RejectReason::BadValue),
        ("Resource-Type", Some(json!("fax")), RejectReason::BadValue),
        ("Resource-Type", Some(json!(["audio"])), RejectReason::BadValue),
        ("Media", Some(json!("auto")), RejectReason::BadValue),
        ("Server-ID", None, RejectReason::MissingHeader),
        ("Server-ID", Some(json!("")), RejectReason::BadAddress),
        ("Server-ID", Some(json!("pid://nonsense/queue")), RejectReason::BadAddress),
    ] {
        let rejection = read(with(header, value.clone())).unwrap_err();
        assert_eq!(rejection.reason, reason, "{header} {value:?}");
        assert!(rejection.detail.contains(header), "{rejection}");
        assert_eq!(rejection.waiting, None);
    }
}

#[test]
fn what_kazoo_accepts_is_accepted() {
    for (header, value) in [
        // An empty party reads as nobody.
        ("From", json!("")),
        ("To", json!("a@b@c")),
        ("Request", json!("@")),
        ("Media", json!("proxy")),
        ("Cost-Parameters", json!({"Max-Setup-Cost": 1})),
        ("Caller-ID-Number", json!("")),
        ("Something-New", json!(5)),
    ] {
        assert!(read(with(header, Some(value.clone()))).is_ok(), "{header} {value}");
    }
}
