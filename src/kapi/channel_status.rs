//! Asking whether a channel is still there.

use serde_json::Value;

use super::{Exchange, Identity, Message, header, routing};
use crate::json::Object;

/// The category a status request is sent under, by which KAZOO versions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestCategory {
    /// `call_event`: KAZOO 4.3 and master.
    CallEvent,
    /// `channel`: KAZOO 5.
    Channel,
}

impl RequestCategory {
    /// The `Event-Category`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallEvent => "call_event",
            Self::Channel => "channel",
        }
    }
}

/// A request that every media control node answers to our reply queue with the same `Msg-ID`.
///
/// With `active_only`, nodes that do not know the channel are silent: no answer within about two
/// seconds means it is gone. Without, each of them answers `terminated`.
///
/// Source: `kapi_call.erl` (`channel_status_req_definition`), `ecallmgr_fs_channels.erl`
/// (`handle_channel_status`).
pub fn request(
    identity: &Identity,
    call_id: &str,
    category: RequestCategory,
    active_only: bool,
) -> Message {
    let mut members = Object::new();
    members.insert(header::CALL_ID.to_owned(), Value::from(call_id));
    members.insert("Active-Only".to_owned(), Value::Bool(active_only));
    members.insert(header::SYSTEM_LOG_ID.to_owned(), Value::from(call_id));
    Message::new(
        (category.as_str(), "channel_status_req"),
        members,
        identity,
        Exchange::Callevt,
        routing::status_request_key(call_id),
    )
}

/// One request per category, under one `Msg-ID`, so that any KAZOO answers.
pub fn requests(
    identity: &Identity,
    call_id: &str,
    active_only: bool,
    msg_id: &str,
) -> [Message; 2] {
    [RequestCategory::CallEvent, RequestCategory::Channel]
        .map(|category| request(identity, call_id, category, active_only).with_msg_id(msg_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kapi::fixtures;
    use serde_json::json;

    #[test]
    fn both_categories_are_asked_under_one_msg_id() {
        let identity = Identity::new("dcid@worker1.example.com", "dcid-worker-1-replies");
        let example = fixtures::object("channel_status_req.json");
        let msg_id = "31112222333344445555666677778888";
        let messages = requests(&identity, "7c1e9f02-1@10.0.0.5", true, msg_id);
        for (message, category) in messages.into_iter().zip(["call_event", "channel"]) {
            assert_eq!(message.exchange, Exchange::Callevt);
            assert_eq!(message.routing_key, "call.status_req.7c1e9f02-1%4010%2E0%2E0%2E5");
            assert_eq!(message.msg_id(), msg_id);
            let mut body = message.body;
            assert_eq!(
                body.insert("Event-Category".to_owned(), json!("call_event")),
                Some(json!(category))
            );
            assert_eq!(body.remove("System-Log-ID"), Some(json!("7c1e9f02-1@10.0.0.5")));
            fixtures::assert_same_except_app(&body, &example);
        }
    }

    #[test]
    fn every_node_may_be_asked_to_answer() {
        let identity = Identity::new("dcid@worker1", "replies");
        let message = request(&identity, "a@b", RequestCategory::CallEvent, false);
        assert_eq!(message.body["Active-Only"], json!(false));
    }
}
