//! `callflow/action.execute`: KAZOO hands us a call.

use serde_json::Value;

use super::body::{Body, CALL};
use super::headers::Headers;
use super::rejection::{Waiting, WaitingFlow};
use super::{Rejection, take_object};
use crate::json::{self, LazyObject, Object};
use crate::kapi::{Address, AddressError, header};

/// Work: run the action for one call and answer with exactly one `action.result`.
///
/// Source: `kapi_callflow.erl` (`action_execute_definition`), `cf_remote_action.erl` (`handle/3`).
#[derive(Debug, Clone, PartialEq)]
pub struct Execute {
    /// The executor's call id when it asked; it can change, see [`EventName::ChannelReplaced`].
    ///
    /// [`EventName::ChannelReplaced`]: super::EventName::ChannelReplaced
    pub call_id: String,
    /// Id of the action; the result must carry it.
    pub msg_id: String,
    /// The executor, which waits for the result.
    pub server_id: Address,
    /// KAZOO node that asked.
    pub node: Option<String>,
    /// The whole call, untouched.
    pub call: LazyObject,
    /// The callflow node's `data`; empty when it was absent.
    pub data: Object,
    /// Every other member of the message.
    pub headers: Object,
}

const DATA: &str = "Data";

impl Execute {
    pub(super) fn read(body: Body) -> Result<Self, Rejection> {
        let Body { members: mut headers, call } = body;
        let checked = check(&headers).and_then(|checked| Ok((checked, required(call, &headers)?)));
        let ((call_id, msg_id, server_id), call) = checked.map_err(|mut rejection| {
            rejection.waiting = waiting(&headers).map(Box::new);
            rejection
        })?;
        let node = Headers::new(&headers).text(header::NODE);
        let data = take_object(&mut headers, DATA);
        Ok(Self { call_id, msg_id, server_id, node, call, data, headers })
    }

    /// Who waits for the answer.
    pub fn flow(&self) -> WaitingFlow {
        WaitingFlow {
            server_id: self.server_id.clone(),
            msg_id: self.msg_id.clone(),
            call_id: self.call_id.clone(),
        }
    }

    /// Where commands for this call go; `None` when the call names no control queue.
    pub fn control_queue(&self) -> Result<Option<Address>, AddressError> {
        json::text(&self.call, "Control-Queue").map(|text| Address::parse(&text)).transpose()
    }

    /// The call's fetch id: the channel variable, which is what the executor compares, else the
    /// member of the call.
    pub fn fetch_id(&self) -> Option<String> {
        json::object(&self.call, header::CUSTOM_CHANNEL_VARS)
            .and_then(|vars| json::text(vars, header::FETCH_ID))
            .or_else(|| json::text(&self.call, header::FETCH_ID))
    }

    /// The account whose call it is: the call's own member, which is what callflow reads, else the
    /// channel variable.
    pub fn account_id(&self) -> Option<String> {
        json::text(&self.call, "Account-ID").or_else(|| {
            let vars = json::object(&self.call, header::CUSTOM_CHANNEL_VARS)?;
            json::text(vars, "Account-ID")
        })
    }

    /// The message as it came, except for the order of its members and an empty `Data` where it
    /// had none.
    pub fn body(&self) -> Object {
        let mut body = self.headers.clone();
        body.insert(CALL.to_owned(), Value::Object(self.call.to_object().into_owned()));
        body.insert(DATA.to_owned(), Value::Object(self.data.clone()));
        body
    }
}

fn check(body: &Object) -> Result<(String, String, Address), Rejection> {
    let headers = Headers::new(body);
    headers.defaults()?;
    let msg_id = headers.exact_text(header::MSG_ID)?;
    let call_id = headers.bindable_call_id(header::CALL_ID)?;
    let server_id = headers.address(header::SERVER_ID)?;
    headers.objects_or_absent(&[DATA])?;
    Ok((call_id.to_owned(), msg_id.to_owned(), server_id))
}

/// The call, or what is in its place.
fn required(call: Option<LazyObject>, body: &Object) -> Result<LazyObject, Rejection> {
    match call {
        Some(call) => Ok(call),
        None => Headers::new(body).required_object(CALL).cloned().map(LazyObject::from),
    }
}

/// Whom to answer, where the message says it although it is refused for something else.
fn waiting(body: &Object) -> Option<Waiting> {
    let headers = Headers::new(body);
    Some(Waiting::Flow(WaitingFlow {
        server_id: Address::parse(headers.exact_text(header::SERVER_ID).ok()?).ok()?,
        msg_id: headers.exact_text(header::MSG_ID).ok()?.to_owned(),
        call_id: headers.exact_text(header::CALL_ID).ok()?.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::{Delivered, Inbound, RejectReason, decode};
    use super::*;
    use crate::kapi::fixtures;
    use serde_json::json;

    fn execute(change: impl FnOnce(&mut Object)) -> Result<Execute, Rejection> {
        let mut body = fixtures::object("callflow_action_execute.json");
        change(&mut body);
        match fixtures::decode_body(&Value::Object(body))? {
            Inbound::Execute(execute) => Ok(execute),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_execute_is_read_whole() {
        let read = execute(|_| ()).unwrap();
        let body = fixtures::object("callflow_action_execute.json");
        assert_eq!(read.call_id, "7c1e9f02-1@10.0.0.5");
        assert_eq!(read.msg_id, "4f1d2c3b5a69788796a5b4c3d2e1f001");
        assert_eq!(
            read.server_id,
            Address {
                queue: "callflow_route_0f3c5b7d9e1a2c4b6d8f0a1b2c3d4e5f".to_owned(),
                pid: Some("<0.9876.0>".to_owned()),
            }
        );
        assert_eq!(read.node.as_deref(), Some("kazoo_apps@apps1.example.com"));
        assert_eq!(Value::Object(read.call.clone().into_object()), body["Call"]);
        assert_eq!(Value::Object(read.data.clone()), body["Data"]);
        assert_eq!(read.body(), body);
        assert_eq!(read.fetch_id().as_deref(), Some("5b0c7f5e-6a57-4d0f-9a3e-1f0d2c3b4a59"));
        assert_eq!(read.control_queue().unwrap().unwrap().pid.as_deref(), Some("<0.5432.0>"));
    }

    #[test]
    fn an_execute_of_a_living_kazoo_is_read() {
        for recorded in fixtures::recorded("callflow", "action.execute") {
            let payload = recorded.payload_bytes();
            let delivered = Delivered {
                exchange: &recorded.exchange,
                routing_key: &recorded.routing_key,
                content_type: Some("application/json"),
                payload: &payload,
            };
            let Ok(Inbound::Execute(execute)) = decode(&delivered) else { panic!() };
            assert_eq!(execute.body(), recorded.payload);
        }
    }

    #[test]
    fn absent_data_reads_as_an_empty_object() {
        for change in [None, Some(json!({})), Some(Value::Null)] {
            let read = execute(|body| match change {
                Some(value) => drop(body.insert("Data".to_owned(), value)),
                None => drop(body.remove("Data")),
            });
            assert_eq!(read.unwrap().data, Object::new());
        }
    }

    /// As for the documents that are read for it, and for the limit of its account.
    #[test]
    fn a_call_is_of_the_account_that_it_names_before_its_channel_does() {
        for (own, variable, account) in [
            (json!("own"), json!("variable"), Some("own")),
            (json!(""), json!("variable"), Some("variable")),
            (json!("own"), json!(null), Some("own")),
            (json!(""), json!(""), None),
        ] {
            let read = execute(|body| {
                body["Call"]["Account-ID"] = own.clone();
                body["Call"]["Custom-Channel-Vars"]["Account-ID"] = variable;
            });
            assert_eq!(read.unwrap().account_id().as_deref(), account);
        }
    }

    #[test]
    fn an_execute_that_cannot_be_served_is_rejected_by_header() {
        for (header, value, reason, can_be_answered) in [
            ("App-Name", None, RejectReason::MissingHeader, true),
            ("App-Version", None, RejectReason::MissingHeader, true),
            ("Msg-ID", None, RejectReason::MissingHeader, false),
            ("Msg-ID", Some(json!(7)), RejectReason::WrongType, false),
            ("Call-ID", None, RejectReason::MissingHeader, false),
            ("Call-ID", Some(json!("#")), RejectReason::BadValue, true),
            ("Call-ID", Some(json!("")), RejectReason::BadValue, true),
            ("Server-ID", None, RejectReason::MissingHeader, false),
            ("Server-ID", Some(json!("")), RejectReason::BadAddress, false),
            ("Server-ID", Some(json!("pid://0.1/q")), RejectReason::BadAddress, false),
            ("Call", None, RejectReason::MissingHeader, true),
            ("Call", Some(json!("text")), RejectReason::WrongType, true),
            ("Data", Some(json!([])), RejectReason::WrongType, true),
        ] {
            let rejection = execute(|body| {
                body.remove(header);
                if let Some(value) = value {
                    body.insert(header.to_owned(), value);
                }
            })
            .unwrap_err();
            assert_eq!(rejection.reason, reason, "{header}");
            assert!(rejection.detail.contains(header), "{rejection}");
            assert_eq!(rejection.waiting.is_some(), can_be_answered, "{header}");
        }
    }

    #[test]
    fn a_control_queue_that_would_crash_a_listener_is_an_error_when_asked_for() {
        let read = execute(|body| {
            body["Call"]["Control-Queue"] = json!("pid://nonsense/queue");
        });
        assert!(matches!(read.unwrap().control_queue(), Err(AddressError::BadPid { .. })));
        let read =
            execute(|body| drop(body["Call"].as_object_mut().unwrap().remove("Control-Queue")));
        assert_eq!(read.unwrap().control_queue(), Ok(None));
    }
}
