//! Giving a call back to callflow.

use serde_json::Value;

use super::{Exchange, Identity, Message, header, routing};
use crate::json::{self, Object};

/// `callflow/resume`: callflow takes the call over and runs a flow, which is a node with its
/// children, not a document. KAZOO 4.3 only; newer ones drop it without a word.
///
/// Nobody answers it. It is to be published once, as mandatory and with a confirm: two resumes are
/// two executors, and without any callflow the broker gives it back. Everything is sent as it is,
/// empty texts included.
///
/// Source: `kapi_callflow.erl` (`publish_resume/1`), `cf_route_resume.erl` (`handle_req/2`).
pub fn resume(identity: &Identity, call: Object, flow: Object) -> Message {
    let call_id = json::text(&call, header::CALL_ID);
    let mut members = Object::new();
    if let Some(call_id) = call_id {
        members.insert(header::CALL_ID.to_owned(), Value::from(call_id.as_str()));
        members.insert(header::SYSTEM_LOG_ID.to_owned(), Value::from(call_id));
    }
    members.insert("Call".to_owned(), Value::Object(call));
    members.insert("Flow".to_owned(), Value::Object(flow));
    let kind = ("callflow", "resume");
    Message::new(kind, members, identity, Exchange::Kapps, routing::RESUME_KEY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kapi::fixtures;

    #[test]
    fn a_resume_is_one_that_a_living_callflow_understood() {
        let identity = Identity::new("dcid@worker1.example.com", "dcid-worker-1-replies");
        for recorded in fixtures::recorded("callflow", "resume") {
            let part = |name: &str| recorded.payload[name].as_object().cloned().unwrap();
            let message = resume(&identity, part("Call"), part("Flow"));
            assert_eq!(message.exchange.name(), recorded.exchange);
            assert_eq!(message.routing_key, recorded.routing_key);
            let mut body = message.body;
            let call_id = recorded.payload["Call"]["Call-ID"].clone();
            for name in ["Call-ID", "System-Log-ID"] {
                assert_eq!(body.remove(name), Some(call_id.clone()), "{name}");
            }
            assert!(body.remove("Server-ID").is_some());
            fixtures::assert_same_except_app(&body, &recorded.payload);
        }
    }

    #[test]
    fn a_resume_is_that_of_the_example() {
        let example = fixtures::object("callflow_resume.json");
        let identity = Identity::new("dcid@worker1.example.com", "dcid-worker-1-replies");
        let part = |name: &str| example[name].as_object().cloned().unwrap();
        let mut body = resume(&identity, part("Call"), part("Flow")).body;
        assert!(body.remove("System-Log-ID").is_some());
        assert_eq!(body["Call"]["Callee-ID-Name"], "");
        fixtures::assert_same_except_app(&body, &example);
    }
}
