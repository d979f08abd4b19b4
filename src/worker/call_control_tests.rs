use serde_json::{Value, json};

use super::*;
use crate::kapi::inbound::Delivered;
use crate::kapi::{self, Identity};

const OUR_FETCH: &str = "fetch-1";

fn control() -> CallControl {
    let call = json!({"Call-ID": "call-1", "Custom-Channel-Vars": {"Fetch-ID": OUR_FETCH}});
    let call = Call::new(call.as_object().cloned().unwrap());
    CallControl::new(&call, "call-1".into(), Address::queue("control"), Dialect::Master)
}

fn inbound(category: &str, name: &str, members: Value) -> Inbound {
    let mut body = json!({
        "Event-Category": category, "Event-Name": name, "App-Name": "ecallmgr",
        "App-Version": "4.0.0", "Msg-ID": "m", "Call-ID": "call-1", "Node": "e@h",
    });
    for (key, value) in members.as_object().unwrap() {
        body[key] = value.clone();
    }
    let payload = serde_json::to_vec(&body).unwrap();
    let delivered = Delivered {
        exchange: "callevt",
        routing_key: "call.X.call-1",
        content_type: Some("application/json"),
        payload: &payload,
    };
    kapi::decode(&delivered).unwrap()
}

fn event(name: &str, members: Value) -> Inbound {
    inbound("call_event", name, members)
}

#[test]
fn events_mean_what_they_mean_to_kazoos_executor() {
    let ours = json!({"Fetch-ID": OUR_FETCH});
    let foreign = json!({"Fetch-ID": "fetch-2"});
    for (inbound, heard) in [
        (event("DTMF", json!({"DTMF-Digit": "5"})), Heard::Event(Event::Dtmf("5".into()))),
        (event("DTMF", json!({})), Heard::Event(Event::Dtmf(String::new()))),
        (event("CHANNEL_ANSWER", json!({})), Heard::Event(Event::Other)),
        (event("CHANNEL_DESTROY", json!({})), Heard::Lost(Loss::Destroyed)),
        (event("CHANNEL_DISCONNECTED", json!({})), Heard::Lost(Loss::Disconnected)),
        (
            event("CHANNEL_TRANSFEREE", json!({"Custom-Channel-Vars": ours})),
            Heard::Lost(Loss::Transferred),
        ),
        (
            event("CHANNEL_TRANSFEREE", json!({"Custom-Channel-Vars": foreign})),
            Heard::Event(Event::Other),
        ),
        (
            event(
                "CHANNEL_REPLACED",
                json!({"Custom-Channel-Vars": ours, "Replaced-By": "call-2"}),
            ),
            Heard::Moved { from: "call-1".into(), to: "call-2".into() },
        ),
        (
            event("CHANNEL_REPLACED", json!({"Custom-Channel-Vars": foreign, "Replaced-By": "c"})),
            Heard::Event(Event::Other),
        ),
        (
            inbound("call_event", "usurp_control", json!({"Fetch-ID": "fetch-2"})),
            Heard::Lost(Loss::Usurped),
        ),
        (inbound("call_event", "usurp_control", json!({"Fetch-ID": OUR_FETCH})), Heard::Nothing),
        (
            inbound(
                "error",
                "dialplan",
                json!({
                    "Error-Message": "no", "Request": {"Application-Name": "play"},
                }),
            ),
            Heard::Event(Event::Other),
        ),
        (
            inbound(
                "error",
                "dialplan",
                json!({
                    "Error-Message": "no", "Request": {"Application-Name": "noop"},
                }),
            ),
            Heard::Event(Event::NoopFailed(None)),
        ),
        (
            inbound(
                "error",
                "dialplan",
                json!({
                    "Error-Message": "no", "Request": {"Application-Name": "noop", "Msg-ID": "other"},
                }),
            ),
            Heard::Event(Event::Other),
        ),
    ] {
        assert_eq!(control().hear(&inbound), heard, "{inbound:?}");
    }
}

#[test]
fn the_end_of_an_id_that_the_call_has_left_is_not_its_end() {
    let mut control = control();
    let members = json!({"Custom-Channel-Vars": {"Fetch-ID": OUR_FETCH}, "Replaced-By": "call-2"});
    let moved = control.hear(&event("CHANNEL_REPLACED", members));
    assert_eq!(moved, Heard::Moved { from: "call-1".into(), to: "call-2".into() });
    assert_eq!(control.hear(&event("CHANNEL_DESTROY", json!({}))), Heard::Nothing);
    let ended = control.hear(&event("CHANNEL_DESTROY", json!({"Call-ID": "call-2"})));
    assert_eq!(ended, Heard::Lost(Loss::Destroyed));
}

#[test]
fn a_noop_is_known_by_the_id_it_was_sent_with() {
    let (mut control, identity) = (control(), Identity::new("w@h", "replies"));
    let message =
        control.command(&identity, &Command::Play { media: "tone".into(), noop: NoopId(7) });
    let id = message.body["Commands"][0]["Msg-ID"].as_str().unwrap().to_owned();
    let complete = |response: &str| {
        event(
            "CHANNEL_EXECUTE_COMPLETE",
            json!({
                "Application-Name": "noop", "Application-Response": response,
            }),
        )
    };
    assert_eq!(control.hear(&complete(&id)), Heard::Event(Event::NoopComplete(Some(NoopId(7)))));
    assert_eq!(control.hear(&complete("other")), Heard::Event(Event::NoopComplete(None)));
}
