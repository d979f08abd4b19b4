//! `call_event/*`: what happens on a channel.

use super::Rejection;
use super::headers::Headers;
use crate::kapi::header;

/// An event of a channel.
///
/// The order of two events of a call is not guaranteed; they are told apart by ids.
///
/// Source: `kapi_call.erl` (`event_definition`), `kz_call_event.erl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEvent {
    /// What happened.
    pub name: EventName,
    /// The channel it happened on.
    pub call_id: String,
    /// The id in the event's routing key. It differs from `call_id` only on legs that KAZOO
    /// originated itself.
    pub routed_call_id: String,
    /// Fetch id among the channel variables, by which an executor knows its own call.
    pub fetch_id: Option<String>,
    /// On `CHANNEL_EXECUTE_COMPLETE`: the command, by KAZOO's name for it.
    pub application_name: Option<String>,
    /// On `CHANNEL_EXECUTE_COMPLETE`: the noop's id, else free text.
    pub application_response: Option<String>,
    /// On `DTMF`: the key pressed; `""` when the event names none.
    pub dtmf_digit: String,
    /// On `CHANNEL_REPLACED`: the id the call goes on under.
    pub replaced_by: Option<String>,
    /// On `CHANNEL_DIRECT`: the id the call goes on under.
    pub connecting_leg_b: Option<String>,
    /// Another leg of the call.
    pub other_leg: Option<String>,
    /// On `CHANNEL_DESTROY`: the Q.850 cause by name.
    pub hangup_cause: Option<String>,
    /// On `CHANNEL_DESTROY`: `sip:` and the SIP response.
    pub hangup_code: Option<String>,
    /// When it happened, in seconds since year 0; a hint only.
    pub timestamp: Option<i64>,
}

/// Name of an event; those that matter to an action have their own variant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventName {
    /// A command is done.
    ChannelExecuteComplete,
    /// A key was pressed.
    Dtmf,
    /// The channel is gone.
    ChannelDestroy,
    /// The media server of the channel is out of reach.
    ChannelDisconnected,
    /// The channel was transferred by its peer; the executor leaves it.
    ChannelTransferee,
    /// The channel transferred its peer.
    ChannelTransferor,
    /// The call goes on under another id.
    ChannelReplaced,
    /// The call goes on under the id of its other leg.
    ChannelDirect,
    /// The executor drops what it runs and starts another flow.
    ChannelPivot,
    /// Anything else.
    Other(String),
}

impl EventName {
    /// The variant of a name.
    pub fn from_name(name: &str) -> Self {
        match name {
            "CHANNEL_EXECUTE_COMPLETE" => Self::ChannelExecuteComplete,
            "DTMF" => Self::Dtmf,
            "CHANNEL_DESTROY" => Self::ChannelDestroy,
            "CHANNEL_DISCONNECTED" => Self::ChannelDisconnected,
            "CHANNEL_TRANSFEREE" => Self::ChannelTransferee,
            "CHANNEL_TRANSFEROR" => Self::ChannelTransferor,
            "CHANNEL_REPLACED" => Self::ChannelReplaced,
            "CHANNEL_DIRECT" => Self::ChannelDirect,
            "CHANNEL_PIVOT" => Self::ChannelPivot,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The name as `Event-Name` has it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::ChannelExecuteComplete => "CHANNEL_EXECUTE_COMPLETE",
            Self::Dtmf => "DTMF",
            Self::ChannelDestroy => "CHANNEL_DESTROY",
            Self::ChannelDisconnected => "CHANNEL_DISCONNECTED",
            Self::ChannelTransferee => "CHANNEL_TRANSFEREE",
            Self::ChannelTransferor => "CHANNEL_TRANSFEROR",
            Self::ChannelReplaced => "CHANNEL_REPLACED",
            Self::ChannelDirect => "CHANNEL_DIRECT",
            Self::ChannelPivot => "CHANNEL_PIVOT",
            Self::Other(name) => name,
        }
    }
}

impl CallEvent {
    pub(super) fn read(headers: Headers<'_>, name: &str) -> Result<Self, Rejection> {
        headers.defaults()?;
        let call_id = headers.required_text(header::CALL_ID)?;
        headers.objects_or_absent(&[
            header::CUSTOM_APPLICATION_VARS,
            header::CUSTOM_CHANNEL_VARS,
            "Custom-SIP-Headers",
            "Fax-Info",
        ])?;
        Ok(Self {
            name: EventName::from_name(name),
            routed_call_id: routed_call_id(headers, &call_id),
            call_id,
            fetch_id: headers.channel_var(header::FETCH_ID),
            application_name: headers.text(header::APPLICATION_NAME),
            application_response: headers.text(header::APPLICATION_RESPONSE),
            dtmf_digit: headers.text("DTMF-Digit").unwrap_or_default(),
            replaced_by: headers.call_id("Replaced-By"),
            connecting_leg_b: headers.call_id("Connecting-Leg-B-UUID"),
            other_leg: headers.call_id("Other-Leg-Call-ID"),
            hangup_cause: headers.text("Hangup-Cause"),
            hangup_code: headers.text("Hangup-Code"),
            timestamp: headers.integer("Timestamp"),
        })
    }

    /// The id a `CHANNEL_REPLACED` or `CHANNEL_DIRECT` lets the call go on under.
    pub fn next_call_id(&self) -> Option<&str> {
        match self.name {
            EventName::ChannelReplaced => self.replaced_by.as_deref(),
            EventName::ChannelDirect => self.connecting_leg_b.as_deref(),
            _ => None,
        }
    }
}

/// Source: `kapi_call.erl` (`publish_event/2`): the key follows the id a leg was originated with,
/// except on loopback channels.
fn routed_call_id(headers: Headers<'_>, call_id: &str) -> String {
    if headers.is_true("Channel-Is-Loopback") {
        return call_id.to_owned();
    }
    headers.text("Origination-Call-ID").unwrap_or_else(|| call_id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{Inbound, RejectReason};
    use super::*;
    use crate::kapi::{fixtures, routing};
    use serde_json::{Value, json};

    const CALL_ID: &str = "7c1e9f02-1@10.0.0.5";
    const FETCH_ID: &str = "5b0c7f5e-6a57-4d0f-9a3e-1f0d2c3b4a59";

    fn event_of(body: &Value) -> Result<CallEvent, Rejection> {
        match fixtures::decode_body(body)? {
            Inbound::CallEvent(event) => Ok(event),
            other => panic!("{other:?}"),
        }
    }

    fn event(fixture: &str) -> CallEvent {
        event_of(&Value::Object(fixtures::object(fixture))).unwrap()
    }

    fn changed(changes: &Value) -> Result<CallEvent, Rejection> {
        let mut body = fixtures::object("call_event_DTMF.json");
        for (key, value) in changes.as_object().unwrap() {
            body.insert(key.clone(), value.clone());
        }
        event_of(&Value::Object(body))
    }

    #[test]
    fn each_event_is_read_with_what_it_is_relied_on_for() {
        let complete = event("call_event_CHANNEL_EXECUTE_COMPLETE_noop.json");
        assert_eq!(complete.name, EventName::ChannelExecuteComplete);
        assert_eq!(complete.application_name.as_deref(), Some("noop"));
        assert_eq!(
            complete.application_response.as_deref(),
            Some("0b6f2c0d4be14b0c8f6c9be1c0a1d2e3")
        );
        assert_eq!(complete.fetch_id.as_deref(), Some(FETCH_ID));
        assert_eq!(
            (complete.call_id.as_str(), complete.routed_call_id.as_str()),
            (CALL_ID, CALL_ID)
        );
        assert_eq!(complete.timestamp, Some(63_893_456_789));

        let dtmf = event("call_event_DTMF.json");
        assert_eq!((dtmf.name, dtmf.dtmf_digit.as_str()), (EventName::Dtmf, "5"));

        let destroy = event("call_event_CHANNEL_DESTROY.json");
        assert_eq!(destroy.name, EventName::ChannelDestroy);
        assert_eq!(destroy.hangup_cause.as_deref(), Some("NORMAL_CLEARING"));
        assert_eq!(destroy.hangup_code.as_deref(), Some("sip:200"));

        let replaced = event("call_event_CHANNEL_REPLACED.json");
        assert_eq!(replaced.next_call_id(), Some("2f9d-new@10.0.0.9"));
        let direct = event("call_event_CHANNEL_DIRECT.json");
        assert_eq!(direct.next_call_id(), Some("b-leg-77@10.0.0.5"));

        let transferee = event("call_event_CHANNEL_TRANSFEREE.json");
        assert_eq!(transferee.other_leg.as_deref(), Some("b-leg-77@10.0.0.5"));
        assert_eq!(transferee.next_call_id(), None);

        for (fixture, name) in [
            ("call_event_CHANNEL_DISCONNECTED.json", EventName::ChannelDisconnected),
            ("call_event_CHANNEL_TRANSFEROR.json", EventName::ChannelTransferor),
            ("call_event_CHANNEL_PIVOT.json", EventName::ChannelPivot),
            ("call_event_CHANNEL_BRIDGE.json", EventName::Other("CHANNEL_BRIDGE".to_owned())),
        ] {
            let event = event(fixture);
            assert_eq!(event.name, name);
            assert!(fixture.contains(event.name.as_str()));
        }
    }

    #[test]
    fn events_of_a_living_call_are_read() {
        for name in ["CHANNEL_EXECUTE_COMPLETE", "DTMF", "CHANNEL_DESTROY"] {
            for recorded in fixtures::recorded("call_event", name) {
                let event = event_of(&Value::Object(recorded.payload)).unwrap();
                assert_eq!(event.name.as_str(), name);
                assert_eq!(
                    recorded.routing_key,
                    routing::call_event_key(name, &event.routed_call_id)
                );
            }
        }
    }

    #[test]
    fn a_missing_digit_reads_as_empty_and_a_number_as_its_text() {
        for (digit, read) in
            [(json!(null), ""), (json!(""), ""), (json!(5), "5"), (json!("#"), "#")]
        {
            assert_eq!(changed(&json!({"DTMF-Digit": digit})).unwrap().dtmf_digit, read);
        }
    }

    #[test]
    fn the_routed_id_is_the_originations_except_on_loopbacks() {
        for (changes, routed) in [
            (json!({"Origination-Call-ID": "first"}), "first"),
            (json!({"Origination-Call-ID": "first", "Channel-Is-Loopback": true}), CALL_ID),
            (json!({"Origination-Call-ID": "first", "Channel-Is-Loopback": "true"}), CALL_ID),
            (json!({"Origination-Call-ID": ""}), CALL_ID),
        ] {
            assert_eq!(changed(&changes).unwrap().routed_call_id, routed, "{changes}");
        }
    }

    #[test]
    fn an_id_that_would_bind_every_call_is_not_followed() {
        for id in ["", "*", "#"] {
            let changes = json!({"Event-Name": "CHANNEL_REPLACED", "Replaced-By": id});
            assert_eq!(changed(&changes).unwrap().next_call_id(), None, "{id}");
        }
    }

    #[test]
    fn an_event_that_kazoo_would_refuse_is_rejected() {
        for (changes, reason) in [
            (json!({"Call-ID": null}), RejectReason::MissingHeader),
            (json!({"Call-ID": {}}), RejectReason::WrongType),
            (json!({"App-Name": null}), RejectReason::MissingHeader),
            (json!({"Custom-Channel-Vars": "text"}), RejectReason::WrongType),
            (json!({"Custom-Application-Vars": []}), RejectReason::WrongType),
        ] {
            assert_eq!(changed(&changes).unwrap_err().reason, reason, "{changes}");
        }
    }
}
