//! What arrives from the worker.

use std::time::Instant;

use serde_json::Value;

use crate::json::Object;
use crate::kapi::header;

/// A delivery on our queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// When it arrived.
    pub at: Instant,
    /// The exchange it was published to.
    pub exchange: String,
    /// The routing key it was published with.
    pub routing_key: String,
    /// The property of that name.
    pub content_type: Option<String>,
    /// The property of that name.
    pub content_encoding: Option<String>,
    /// The header of that name.
    pub deliver_to_pid: Option<String>,
    /// The payload; an error where it is no JSON object.
    pub body: Result<Object, String>,
}

/// What a message is, as far as it is one that a worker sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `callflow/action.accepted`.
    Accepted,
    /// `callflow/action.result`.
    Result,
    /// `call/command`.
    Command,
    /// `dialplan/route_resp`.
    RouteResponse,
    /// `callflow/resume`.
    Resume,
    /// `channel_status_req`, under either category.
    StatusRequest,
    /// Anything else.
    Other,
}

impl Received {
    /// Reads a payload.
    pub fn parse(payload: &[u8]) -> Result<Object, String> {
        match serde_json::from_slice(payload) {
            Ok(Value::Object(body)) => Ok(body),
            Ok(_) => Err("the payload is JSON, but no object".to_owned()),
            Err(error) => Err(format!("the payload is not JSON: {error}")),
        }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.body.as_ref().map_or(Kind::Other, kind)
    }

    /// The members; none where the payload is no object.
    pub fn members(&self) -> Object {
        self.body.clone().unwrap_or_default()
    }
}

fn kind(body: &Object) -> Kind {
    match (text(body, header::EVENT_CATEGORY), text(body, header::EVENT_NAME)) {
        ("callflow", "action.accepted") => Kind::Accepted,
        ("callflow", "action.result") => Kind::Result,
        ("call", "command") => Kind::Command,
        ("dialplan", "route_resp") => Kind::RouteResponse,
        ("callflow", "resume") => Kind::Resume,
        ("call_event" | "channel", "channel_status_req") => Kind::StatusRequest,
        _ => Kind::Other,
    }
}

/// A member that is a text.
pub(super) fn text<'a>(object: &'a Object, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}
