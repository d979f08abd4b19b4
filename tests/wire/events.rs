//! What the switch reports, as ecallmgr publishes it.

use std::time::Duration;

use kazoo_dynamic_cid::json::Object;
use serde_json::{Value, json};

/// An event and when it happens: so long after the worker's command of this number, counted from 1
/// (0: after the execute). Texts in it may hold [`CALL`] and [`noop`]s.
#[derive(Debug, Clone)]
pub(crate) struct Cue {
    pub(crate) after: usize,
    pub(crate) delay: Duration,
    pub(crate) event: Value,
    /// To the worker's own queue instead of the events of the call.
    pub(crate) targeted: bool,
    /// The call goes on under the id the event names.
    pub(crate) moves_the_call: bool,
}

/// Stands for the call's present id.
pub(crate) const CALL: &str = "$CALL";

/// Stands for the id of the noop in a command.
pub(crate) fn noop(command: usize) -> String {
    format!("$NOOP{command}$")
}

impl Cue {
    pub(crate) fn at_once(after: usize, event: Value) -> Self {
        Self { after, delay: Duration::ZERO, event, targeted: false, moves_the_call: false }
    }

    pub(crate) fn later(after: usize, milliseconds: u64, event: Value) -> Self {
        Self { delay: Duration::from_millis(milliseconds), ..Self::at_once(after, event) }
    }

    /// The command was played to its end.
    pub(crate) fn done(command: usize) -> Self {
        Self::at_once(command, done(command))
    }

    /// Keys pressed 20 ms apart once the prompt plays, the first of them stopping it.
    pub(crate) fn keys(prompt: usize, keys: &str) -> Vec<Self> {
        let mut cues = vec![Self::done(prompt)];
        for (position, key) in keys.chars().enumerate() {
            let after = if position == 0 { prompt } else { prompt + 1 };
            cues.push(Self::later(after, 20 * position as u64, key_pressed(key)));
        }
        cues
    }
}

pub(crate) fn done(command: usize) -> Value {
    event(
        "CHANNEL_EXECUTE_COMPLETE",
        json!({"Application-Name": "noop", "Application-Response": noop(command)}),
    )
}

pub(crate) fn key_pressed(key: char) -> Value {
    event("DTMF", json!({"DTMF-Digit": key.to_string(), "DTMF-Duration": 800}))
}

pub(crate) fn hung_up() -> Value {
    event("CHANNEL_DESTROY", json!({"Hangup-Cause": "ORIGINATOR_CANCEL", "Hangup-Code": "sip:487"}))
}

/// An event of the call as the switch sends it.
pub(crate) fn event(name: &str, members: Value) -> Value {
    let mut event = json!({
        "Event-Category": "call_event", "Event-Name": name, "Call-ID": CALL,
        "Channel-Call-State": "ACTIVE", "Call-Direction": "inbound", "Timestamp": 63_962_621_733_u64,
        "App-Name": "freeswitch", "App-Version": "1.0", "Node": "freeswitch@fs1.example.com",
        "Msg-ID": "1795402533123456",
    });
    if let (Some(event), Value::Object(members)) = (event.as_object_mut(), members) {
        event.extend(members);
    }
    event
}

/// The routing key ecallmgr publishes an event with.
///
/// Source: `kapi_call.erl` (event routing), `kapi_dialplan.erl` (errors).
pub(crate) fn routing_key(event: &Value) -> String {
    let text = |key: &str| event[key].as_str().unwrap_or_default();
    format!("call.{}.{}", text("Event-Name"), encode(text("Call-ID")))
}

/// `kz_amqp_util:encode/1`.
pub(crate) fn encode(text: &str) -> String {
    if matches!(text, "" | "*" | "#") {
        return text.to_owned();
    }
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'~' | b'_' => {
                encoded.push(byte.into());
            }
            b' ' => encoded.push('+'),
            other => encoded.extend(format!("%{other:02X}").chars()),
        }
    }
    encoded
}

/// Puts what the placeholders stand for into every text of a value.
pub(crate) fn fill_in(value: &Value, replace: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(replace(text)),
        Value::Array(items) => items.iter().map(|item| fill_in(item, replace)).collect(),
        Value::Object(members) => {
            let filled = members.iter().map(|(key, value)| (key.clone(), fill_in(value, replace)));
            Value::Object(filled.collect::<Object>())
        }
        other => other.clone(),
    }
}
