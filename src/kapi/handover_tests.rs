use serde_json::json;

use super::super::inbound::{Inbound, RejectReason, Rejection, Unworkable, Why};
use super::*;
use crate::kapi::fixtures;

fn object(value: &Value) -> Object {
    value.as_object().cloned().unwrap()
}

fn offer() -> Offer {
    Offer {
        call_id: "7c1e-1@10.0.0.5".to_owned(),
        fetch_id: Some("5b0c7f5e".to_owned()),
        call: object(&json!({"Call-ID": "7c1e-1@10.0.0.5", "Callee-ID-Name": ""})),
        data: object(&json!({"action": "lists", "id": "l1"})),
        child: Some(object(&json!({"module": "resources", "data": {}, "children": {}}))),
        flow_id: "cf1".to_owned(),
        way: Way::Shared,
        offered_at: 1_726_237_589_123_456,
        other: Object::new(),
    }
}

fn job() -> Job {
    offer().won(Address::queue("control"), 1_726_237_589_200_000)
}

fn sent(message: &Message) -> Result<Inbound, Rejection> {
    fixtures::decode_body(&Value::Object(message.body.clone()))
}

fn identity() -> Identity {
    Identity::new("dcid@worker1", "replies")
}

/// What becomes of a job's message with a member set, or taken away.
fn changed(name: &str, value: Option<Value>) -> Result<Inbound, Rejection> {
    let mut message = job().message(&identity(), "work");
    message.body.remove(name);
    message.body.extend(value.map(|value| (name.to_owned(), value)));
    sent(&message)
}

fn unworkable(inbound: Result<Inbound, Rejection>) -> Unworkable {
    match inbound {
        Ok(Inbound::Unworkable(unworkable)) => *unworkable,
        other => panic!("{other:?}"),
    }
}

#[test]
fn offers_and_jobs_are_read_as_they_were_written() {
    let bare = Offer { fetch_id: None, child: None, way: Way::Exclusive, ..offer() };
    for offer in [offer(), bare] {
        let message = offer.message(&identity(), "kazoo_dynamic_cid.win.1");
        assert_eq!(message.exchange, Exchange::Targeted);
        assert_eq!(message.routing_key, "kazoo_dynamic_cid.win.1");
        assert_eq!(sent(&message), Ok(Inbound::Offer(Box::new(offer))));
    }
    let pid = Address::parse("pid://<0.5432.0>/ecallmgr").unwrap();
    for job in [job(), offer().won(pid, 0)] {
        let message = job.message(&identity(), "work");
        assert_eq!(message.routing_key, "work");
        assert_eq!(sent(&message), Ok(Inbound::Job(Box::new(job))));
    }
}

#[test]
fn a_message_has_kazoos_headers_and_a_version() {
    let message = job().message(&identity(), "work");
    for (name, value) in [
        ("Event-Category", json!("kazoo_dynamic_cid")),
        ("Event-Name", json!("route_job")),
        ("App-Name", json!("kazoo_dynamic_cid")),
        ("Node", json!("dcid@worker1")),
        ("System-Log-ID", json!("7c1e-1@10.0.0.5")),
        ("Version", json!(1)),
        ("Won-At", json!(job().won_at)),
        ("Control-Queue", json!("control")),
    ] {
        assert_eq!(message.body[name], value, "{name}");
    }
    assert_eq!(offer().message(&identity(), "q").body["Event-Name"], "route_offer");
    let bare = Offer { fetch_id: None, child: None, ..offer() }.message(&identity(), "q");
    assert!(!bare.body.contains_key("Fetch-ID") && !bare.body.contains_key("Child"));
}

#[test]
fn members_of_another_version_go_through_unchanged() {
    let extra = json!({"Colour": "blue", "Deeper": {"b": 1, "a": [null]}, "Empty": ""});
    let mut message = job().message(&identity(), "work");
    message.body.extend(object(&extra));
    let Ok(Inbound::Job(read)) = sent(&message) else { panic!() };
    assert_eq!(Value::Object(read.offer.other.clone()), extra);
    let again = read.message(&identity(), "work");
    for (name, value) in object(&extra) {
        assert_eq!(again.body[&name], value, "{name}");
    }
    assert_ne!(again.msg_id(), message.msg_id());

    // They never stand in the place of ours.
    let offer = Offer { other: object(&json!({"Won-At": 7, "Way": "x"})), ..offer() };
    let body = offer.won(Address::queue("q"), 1).message(&identity(), "work").body;
    assert_eq!((&body["Won-At"], &body["Way"]), (&json!(1), &json!("shared")));
}

#[test]
fn a_newer_version_still_says_whose_call_it_is() {
    let read = unworkable(changed("Version", Some(json!(2))));
    assert_eq!((read.kind, read.version, &read.why), (Kind::Job, 2, &Why::Newer));
    assert_eq!(read.call_id, "7c1e-1@10.0.0.5");
    assert_eq!(read.control_queue, Some(Address::queue("control")));
    assert_eq!(read.body["Data"], json!({"action": "lists", "id": "l1"}));

    // However little else it has.
    let bare = json!({"Event-Category": "kazoo_dynamic_cid", "Event-Name": "route_offer",
        "Version": 99, "Call-ID": "a@b"});
    let read = unworkable(fixtures::decode_body(&bare));
    assert_eq!((read.kind, read.version, read.control_queue), (Kind::Offer, 99, None));
}

#[test]
fn a_damaged_message_says_whose_call_it_is_and_what_is_wrong() {
    for (name, value, reason) in [
        ("App-Name", None, RejectReason::MissingHeader),
        ("Call", None, RejectReason::MissingHeader),
        ("Call", Some(json!("text")), RejectReason::WrongType),
        ("Data", None, RejectReason::MissingHeader),
        ("Data", Some(json!([])), RejectReason::WrongType),
        ("Child", Some(json!([])), RejectReason::WrongType),
        ("Flow-ID", None, RejectReason::MissingHeader),
        ("Way", Some(json!("both")), RejectReason::BadValue),
        ("Way", Some(json!(1)), RejectReason::WrongType),
        ("Offered-At", Some(json!(-1)), RejectReason::BadValue),
        ("Won-At", Some(json!("soon")), RejectReason::BadValue),
        ("Won-At", None, RejectReason::MissingHeader),
    ] {
        let read = unworkable(changed(name, value.clone()));
        let Why::Damaged(rejection) = read.why else { panic!("{name}") };
        assert_eq!(rejection.reason, reason, "{name}");
        assert!(rejection.detail.contains(name), "{rejection}");
        assert_eq!(read.control_queue, Some(Address::queue("control")));
        assert_eq!(read.body.get(name), value.as_ref(), "the body is whole");
    }
}

#[test]
fn a_message_that_says_not_even_that_is_rejected() {
    for (name, value, reason) in [
        ("Version", None, RejectReason::MissingHeader),
        ("Version", Some(json!("one")), RejectReason::BadValue),
        ("Version", Some(json!(0)), RejectReason::BadValue),
        ("Call-ID", None, RejectReason::MissingHeader),
        ("Call-ID", Some(json!("#")), RejectReason::BadValue),
        ("Control-Queue", None, RejectReason::MissingHeader),
        ("Control-Queue", Some(json!("")), RejectReason::BadAddress),
    ] {
        let rejection = changed(name, value).unwrap_err();
        assert_eq!(rejection.reason, reason, "{name}");
        assert!(rejection.detail.contains(name), "{rejection}");
    }
}
