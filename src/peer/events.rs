//! Messages of the switch: call events, failed commands, and whether a channel is there.
//!
//! Source: `ecallmgr_call_event_publisher.erl`, `kapi_call.erl` (`event_definition`),
//! `ecallmgr_call_control.erl` (`send_error_resp`), `ecallmgr_fs_channels.erl`
//! (`handle_channel_status`).

use serde_json::{Value, json};

use super::ids::CallIds;
use super::scenario::Scenario;
use super::switch::Report;
use crate::json::{self, Object};
use crate::kapi::message::GREGORIAN_EPOCH;
use crate::kapi::{Address, Exchange, Identity, Message, header, routing};

/// State of the channel, which every event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelState {
    /// Whether the channel is there.
    pub alive: bool,
    /// Whether the call was answered.
    pub answered: bool,
}

/// The switch of one call, as a publisher.
#[derive(Debug, Clone, Copy)]
pub struct Events<'a> {
    /// The call's facts.
    pub scenario: &'a Scenario,
    /// The call's names.
    pub ids: &'a CallIds,
}

impl Events<'_> {
    /// The message that tells a report. `unix_micros` is the time.
    pub fn message(&self, report: &Report, state: ChannelState, unix_micros: u64) -> Message {
        match report {
            Report::Complete { application, response, media } => {
                let mut members = Object::new();
                let mut insert = |key: &str, value: &str| {
                    members.insert(key.to_owned(), Value::from(value));
                };
                insert(header::APPLICATION_NAME, application);
                insert(header::APPLICATION_RESPONSE, response);
                if let Some(media) = media {
                    insert("Raw-Application-Name", "playback");
                    insert("Raw-Application-Data", media);
                }
                self.event("CHANNEL_EXECUTE_COMPLETE", members, state, unix_micros)
            }
            Report::Key(key) => {
                let members = object(json!({"DTMF-Digit": key.to_string(), "DTMF-Duration": 800}));
                self.event("DTMF", members, state, unix_micros)
            }
            Report::Answered => self.event("CHANNEL_ANSWER", Object::new(), state, unix_micros),
            Report::Destroyed { cause } => {
                let members = self.ended(cause);
                self.event("CHANNEL_DESTROY", members, state, unix_micros)
            }
            Report::Failed { msg_id, request, error, message } => {
                self.failed(msg_id, request, error, message)
            }
        }
    }

    /// The answer to a `channel_status_req`; `None` where a control node would be silent or nobody
    /// can be answered.
    pub fn status(&self, request: &Object, state: ChannelState) -> Option<Message> {
        let address = Address::parse(&json::text(request, header::SERVER_ID)?).ok()?;
        let status = match (state.alive, json::is_true(request, "Active-Only", false)) {
            (true, _) => "active",
            (false, false) => "terminated",
            (false, true) => return None,
        };
        let category = json::text(request, header::EVENT_CATEGORY)?;
        let mut members = object(json!({
            "Call-ID": self.ids.call_id,
            "Status": status,
            "Switch-Hostname": self.scenario.host,
            "Switch-Nodename": self.scenario.switch_node(),
            "Switch-URL": self.scenario.switch_url(),
        }));
        if state.alive {
            members.insert(header::CUSTOM_CHANNEL_VARS.to_owned(), self.channel_vars());
        } else {
            members.insert("Error-Msg".to_owned(), Value::from("no node found with channel"));
        }
        let kind = (category.as_str(), "channel_status_resp");
        let identity = self.control();
        let message = Message::to(kind, members, &identity, Exchange::Targeted, &address);
        Some(message.with_msg_id(json::text(request, header::MSG_ID)?))
    }

    fn event(&self, name: &str, members: Object, state: ChannelState, unix_micros: u64) -> Message {
        let Scenario { caller, host, .. } = self.scenario;
        let (channel, call, answer) = match (state.alive, state.answered) {
            (true, true) => ("EXECUTE", "ACTIVE", "answered"),
            (true, false) => ("EXECUTE", "EARLY", "early"),
            (false, _) => ("REPORTING", "HANGUP", "hangup"),
        };
        let mut body = object(json!({
            "Call-ID": self.ids.call_id,
            "Call-Direction": "inbound",
            "Caller-ID-Name": caller.caller_id.name,
            "Caller-ID-Number": caller.caller_id.number,
            "Channel-State": channel,
            "Channel-Call-State": call,
            "Channel-Answer-State": answer,
            "Channel-Name": format!("sofia/sipinterface_1/{}@{}", caller.user, self.scenario.account.realm),
            "Custom-Application-Vars": {},
            "Custom-Channel-Vars": self.channel_vars(),
            "Media-Server": host,
            "Switch-Hostname": host,
            "Switch-Nodename": self.scenario.switch_node(),
            "Switch-URL": self.scenario.switch_url(),
            "Timestamp": (unix_micros + GREGORIAN_EPOCH) / 1_000_000,
        }));
        body.extend(members);
        let media_server = Identity {
            app_name: "freeswitch".to_owned(),
            app_version: "1.0".to_owned(),
            node: self.scenario.switch_node(),
            server_id: String::new(),
        };
        let key = routing::call_event_key(name, &self.ids.call_id);
        let kind = ("call_event", name);
        let mut message = Message::new(kind, body, &media_server, Exchange::Callevt, key);
        // Nobody can answer an event.
        message.body.shift_remove(header::SERVER_ID);
        message.with_msg_id(unix_micros.to_string())
    }

    fn ended(&self, cause: &str) -> Object {
        let code = if cause == "NORMAL_CLEARING" { "sip:200" } else { "sip:487" };
        let Scenario { caller, account, dialled, .. } = self.scenario;
        object(json!({
            "Hangup-Cause": cause,
            "Hangup-Code": code,
            "Disposition": "ANSWER",
            "Duration-Seconds": 0,
            "Billing-Seconds": 0,
            "Ringing-Seconds": 0,
            "To": format!("{dialled}@{}", account.realm),
            "From": format!("{}@{}", caller.user, account.realm),
            "Request": format!("{dialled}@{}", account.realm),
        }))
    }

    fn failed(&self, msg_id: &str, request: &Object, error: &str, text: &str) -> Message {
        let members = object(json!({
            "Call-ID": self.ids.call_id,
            "Error-Message": text,
            "Dialplan-Error": error,
            "Channel-State": "DOWN",
            "Channel-Call-State": "DOWN",
            "Request": request,
            "Custom-Channel-Vars": self.channel_vars(),
        }));
        let key = routing::call_event_key("dialplan", &self.ids.call_id);
        let identity = self.control();
        let kind = ("error", "dialplan");
        Message::new(kind, members, &identity, Exchange::Callevt, key).with_msg_id(msg_id)
    }

    fn channel_vars(&self) -> Value {
        let mut vars = self.scenario.channel_vars(self.ids);
        vars.insert("Ecallmgr-Node".to_owned(), Value::from(self.control_node()));
        Value::Object(vars)
    }

    /// Who the control process is in the headers of its messages.
    pub(super) fn control(&self) -> Identity {
        Identity {
            app_name: "ecallmgr".to_owned(),
            app_version: "4.0.0".to_owned(),
            node: self.control_node(),
            server_id: self.ids.control.queue.clone(),
        }
    }

    fn control_node(&self) -> String {
        format!("ecallmgr@{}", self.scenario.host)
    }
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(members) => members,
        _ => Object::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kapi::{Delivered, Inbound, decode};
    use crate::peer::fixtures;
    use crate::schema::Schemas;

    const ALIVE: ChannelState = ChannelState { alive: true, answered: false };
    const NOW: u64 = 1_726_237_589_123_456;

    fn read(message: &Message) -> Inbound {
        let payload = message.payload();
        decode(&Delivered {
            exchange: message.exchange.name(),
            routing_key: &message.routing_key,
            content_type: Some("application/json"),
            payload: &payload,
        })
        .unwrap()
    }

    fn reports() -> Vec<Report> {
        let complete = |application: &str, media: Option<&str>| Report::Complete {
            application: application.to_owned(),
            response: "response".to_owned(),
            media: media.map(str::to_owned),
        };
        vec![
            complete("noop", None),
            complete("play", Some("prompt://x")),
            Report::Key('#'),
            Report::Answered,
            Report::Destroyed { cause: "NORMAL_CLEARING".to_owned() },
            Report::Failed {
                msg_id: "m".to_owned(),
                request: Object::new(),
                error: "DOWN",
                message: "gone".to_owned(),
            },
        ]
    }

    #[test]
    fn every_report_becomes_a_message_that_our_schemas_accept() {
        let (scenario, ids) = (fixtures::scenario(), fixtures::ids());
        let events = Events { scenario: &scenario, ids: &ids };
        let schemas = Schemas::embedded();
        for report in reports() {
            let message = events.message(&report, ALIVE, NOW);
            let schema = match report {
                Report::Failed { .. } => "kapi.dialplan.error",
                _ => "kapi.call.event",
            };
            let body = Value::Object(message.body.clone());
            assert_eq!(schemas.validate(schema, &body), [], "{body}");
            assert_eq!(message.exchange, Exchange::Callevt);
            match read(&message) {
                Inbound::CallEvent(event) => {
                    assert_eq!(event.fetch_id.as_ref(), Some(&ids.fetch_id));
                    assert_eq!(
                        message.routing_key,
                        routing::call_event_key(event.name.as_str(), &event.routed_call_id)
                    );
                    assert_eq!(event.timestamp, Some(63_893_456_789));
                }
                Inbound::DialplanError(_) => {
                    assert!(message.routing_key.starts_with("call.dialplan."));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_event_has_the_common_members_of_a_living_kazoos() {
        let (scenario, ids) = (fixtures::scenario(), fixtures::ids());
        let events = Events { scenario: &scenario, ids: &ids };
        let path: std::path::PathBuf = [
            env!("CARGO_MANIFEST_DIR"),
            "tests/fixtures/kapi/examples",
            "call_event_CHANNEL_EXECUTE_COMPLETE_play.json",
        ]
        .iter()
        .collect();
        let example: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let message = events.message(&reports()[1], ALIVE, NOW);
        for key in example.as_object().unwrap().keys() {
            // An originating SIP dialog and a second address are not ours to have.
            if !matches!(key.as_str(), "From-Tag" | "Switch-URI") {
                assert!(message.body.contains_key(key), "{key}");
            }
        }
        assert_eq!(message.body["App-Name"], example["App-Name"]);
        assert_eq!(message.body["App-Version"], example["App-Version"]);
    }

    #[test]
    fn a_status_request_is_answered_as_control_answers() {
        let (scenario, ids) = (fixtures::scenario(), fixtures::ids());
        let events = Events { scenario: &scenario, ids: &ids };
        let schemas = Schemas::embedded();
        for (alive, active_only, expected) in [
            (true, true, Some("active")),
            (true, false, Some("active")),
            (false, false, Some("terminated")),
            (false, true, None),
        ] {
            let request = fixtures::object(json!({
                "Event-Category": "call_event", "Event-Name": "channel_status_req",
                "Msg-ID": "m", "Server-ID": "replies", "Active-Only": active_only,
            }));
            let state = ChannelState { alive, answered: false };
            let answer = events.status(&request, state);
            let status = answer.as_ref().map(|message| message.body["Status"].as_str().unwrap());
            assert_eq!(status, expected);
            let Some(message) = answer else { continue };
            let body = Value::Object(message.body.clone());
            assert_eq!(schemas.validate("kapi.call.channel_status_resp", &body), []);
            assert_eq!((message.msg_id(), message.routing_key.as_str()), ("m", "replies"));
            assert_eq!(message.exchange, Exchange::Targeted);
        }
        assert_eq!(events.status(&Object::new(), ALIVE), None);
    }
}
