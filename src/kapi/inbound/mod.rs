//! Messages we read.
//!
//! [`decode`] turns a delivery into a typed message or says in one [`Rejection`] why it cannot. It
//! checks what KAZOO's own receivers check (`kz_api.erl`, `validate/4`: required headers, the type
//! of the message, the predicates of each API) and is lenient elsewhere. It never panics, whatever
//! the bytes.

mod body;
mod call_event;
mod channel_status;
mod dialplan_error;
mod document_change;
mod execute;
mod handover;
mod headers;
mod held;
mod limits;
mod node_advertisement;
#[cfg(test)]
mod properties;
mod rejection;
mod route_req;
mod route_win;
mod usurp_control;

pub use call_event::{CallEvent, EventName};
pub use channel_status::{ChannelState, ChannelStatus};
pub use dialplan_error::DialplanError;
pub use document_change::{Change, DocumentChange};
pub use execute::Execute;
pub use handover::{Unworkable, Why};
pub use limits::DecodeLimits;
pub use node_advertisement::NodeAdvertisement;
pub use rejection::{RejectReason, Rejection, Waiting, WaitingCaller, WaitingFlow};
pub use route_req::{NewerSender, ResourceType, RouteReq};
pub use route_win::RouteWin;
pub use usurp_control::UsurpControl;

use body::Body;
use headers::Headers;

use serde_json::Value;

use super::handover::{CATEGORY, Job, Kind, Offer};
use super::{header, message};
use crate::json::Object;

/// A delivery as the broker handed it over.
#[derive(Debug, Clone, Copy)]
pub struct Delivered<'a> {
    /// Exchange it was published to.
    pub exchange: &'a str,
    /// Routing key it was published with.
    pub routing_key: &'a str,
    /// The property of that name, if it is set.
    pub content_type: Option<&'a str>,
    /// The payload.
    pub payload: &'a [u8],
}

/// A message KAZOO sent, or another worker.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    /// `callflow/action.execute`: work.
    Execute(Execute),
    /// `kazoo_dynamic_cid/held_execute`: the same, kept on disk by a worker.
    HeldExecute(Box<Execute>),
    /// `dialplan/route_req`: a call looks for somebody to take it.
    RouteReq(RouteReq),
    /// `dialplan/route_win`: the call we offered to take is ours.
    RouteWin(RouteWin),
    /// `call_event/*`: something happened on a channel.
    CallEvent(CallEvent),
    /// `error/dialplan`: a call command failed.
    DialplanError(DialplanError),
    /// `call_event/usurp_control`: somebody takes the call over.
    UsurpControl(UsurpControl),
    /// `call_event/channel_status_resp` or `channel/channel_status_resp`.
    ChannelStatus(ChannelStatus),
    /// `configuration/doc_*` and `configuration/db_*`.
    DocumentChange(DocumentChange),
    /// `nodes/advertise`: a node is there.
    NodeAdvertisement(NodeAdvertisement),
    /// `kazoo_dynamic_cid/route_offer`: what a worker knows that offered to take a call.
    Offer(Box<Offer>),
    /// `kazoo_dynamic_cid/route_job`: a call that is ours.
    Job(Box<Job>),
    /// Either of these, where it cannot be followed.
    Unworkable(Box<Unworkable>),
    /// A well-formed message of a type we have no use for.
    Ignored {
        /// `Event-Category`.
        category: String,
        /// `Event-Name`.
        name: String,
    },
}

/// Decodes a delivery within the default [`DecodeLimits`].
pub fn decode(delivered: &Delivered<'_>) -> Result<Inbound, Rejection> {
    decode_within(delivered, DecodeLimits::default())
}

/// Decodes a delivery within these limits.
pub fn decode_within(
    delivered: &Delivered<'_>,
    limits: DecodeLimits,
) -> Result<Inbound, Rejection> {
    check_content_type(delivered)?;
    let beyond = |mut rejection: Rejection| {
        rejection.waiting = limits::waiting(delivered.payload).map(Box::new);
        rejection
    };
    let depth = limits.of_workers().check(delivered.payload).map_err(beyond)?;
    // What no reader of ours takes may still say who waits, as with a number beyond a double.
    let body = Body::read(delivered.payload).map_err(beyond)?;
    if body.members.get(header::EVENT_CATEGORY).is_none_or(|category| category != CATEGORY) {
        limits.check_size(delivered.payload).map_err(beyond)?;
        limits.check_depth(depth).map_err(beyond)?;
    }
    let headers = Headers::new(&body.members);
    let category = headers.exact_text(header::EVENT_CATEGORY)?.to_owned();
    let name = headers.exact_text(header::EVENT_NAME)?.to_owned();
    if (category.as_str(), name.as_str()) == ("callflow", "action.execute") {
        return Execute::read(body).map(Inbound::Execute);
    }
    let body = body.into_object();
    let headers = Headers::new(&body);
    match (category.as_str(), name.as_str()) {
        ("dialplan", "route_req") => RouteReq::read(body).map(Inbound::RouteReq),
        ("dialplan", "route_win") => RouteWin::read(body).map(Inbound::RouteWin),
        ("nodes", "advertise") => {
            NodeAdvertisement::read(headers, &body).map(Inbound::NodeAdvertisement)
        }
        ("call_event", "usurp_control") => UsurpControl::read(headers).map(Inbound::UsurpControl),
        ("call_event" | "channel", "channel_status_resp") => {
            ChannelStatus::read(headers).map(Inbound::ChannelStatus)
        }
        ("call_event", name) if is_request(name) => {
            Ok(Inbound::Ignored { category, name: name.to_owned() })
        }
        ("call_event", name) => CallEvent::read(headers, name).map(Inbound::CallEvent),
        ("error", "dialplan") => DialplanError::read(headers).map(Inbound::DialplanError),
        ("configuration", name) => match Change::from_event_name(name) {
            Some(change) => DocumentChange::read(headers, change).map(Inbound::DocumentChange),
            None => Ok(Inbound::Ignored { category, name: name.to_owned() }),
        },
        (CATEGORY, name) if name == Kind::Offer.as_str() => handover::read(Kind::Offer, body),
        (CATEGORY, super::held::NAME) => {
            held::read(body).map(|execute| Inbound::HeldExecute(Box::new(execute)))
        }
        (CATEGORY, name) if name == Kind::Job.as_str() => handover::read(Kind::Job, body),
        _ => Ok(Inbound::Ignored { category, name }),
    }
}

/// Types under `call_event` that are questions, answers to them, or for media servers only; the
/// binding of a call's events catches them, too.
///
/// Source: `kapi_call.erl` (`api_definitions/0`).
fn is_request(name: &str) -> bool {
    matches!(name, "channel_status_req" | "usurp_publisher") || name.starts_with("query_")
}

fn check_content_type(delivered: &Delivered<'_>) -> Result<(), Rejection> {
    let expected = message::CONTENT_TYPE;
    let detail = match delivered.content_type {
        Some(message::CONTENT_TYPE) => return Ok(()),
        Some(other) => {
            format!("content type is `{}`, expected `{expected}`", shorten(other))
        }
        None => format!("there is no content type, expected `{expected}`"),
    };
    Err(Rejection::new(RejectReason::WrongContentType, detail))
}

/// Takes an object out of the body; the remaining members keep their order.
fn take_object(body: &mut Object, name: &str) -> Object {
    match body.shift_remove(name) {
        Some(Value::Object(members)) => members,
        _ => Object::new(),
    }
}

/// The beginning of a text that comes from outside and goes into a log line.
fn shorten(text: &str) -> String {
    const MAX: usize = 80;
    let mut short: String = text.chars().take(MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kapi::fixtures;
    use serde_json::json;

    fn reason(content_type: Option<&str>, payload: &[u8]) -> (RejectReason, String) {
        let delivered = Delivered { exchange: "kapps", routing_key: "key", content_type, payload };
        let limits = DecodeLimits { max_bytes: 64, max_depth: 100 };
        let rejection = decode_within(&delivered, limits).unwrap_err();
        (rejection.reason, rejection.detail)
    }

    #[test]
    fn what_is_no_json_object_is_rejected_with_the_reason() {
        let (json, long) = (Some("application/json"), vec![b' '; 70_000]);
        for (content_type, payload, expected, detail) in [
            (None, &b"{}"[..], RejectReason::WrongContentType, "there is no content type"),
            (
                Some("application/erlang"),
                b"{}",
                RejectReason::WrongContentType,
                "`application/erlang`",
            ),
            (json, b"", RejectReason::NotJson, "EOF"),
            (json, b"{", RejectReason::NotJson, "EOF"),
            (json, b"\xff\xfe", RejectReason::NotJson, "expected value"),
            (json, b"{\"a\":\"\xff\"}", RejectReason::NotJson, "unicode"),
            (json, b"{} {}", RejectReason::NotJson, "trailing"),
            (json, b"[1]", RejectReason::NotAnObject, "an array"),
            (json, b"null", RejectReason::NotAnObject, "null"),
            (json, b"{}", RejectReason::MissingHeader, "Event-Category"),
            (json, b"{\"Event-Category\":1}", RejectReason::WrongType, "Event-Category"),
            (json, long.as_slice(), RejectReason::TooLarge, "70000 bytes, the limit is 65664"),
        ] {
            let (reason, text) = reason(content_type, payload);
            assert_eq!(reason, expected, "{text}");
            assert!(text.contains(detail), "{text}");
        }
    }

    #[test]
    fn a_long_text_from_outside_is_cut_and_says_so() {
        let (whole, long) = ("é".repeat(80), "é".repeat(81));
        assert_eq!(shorten(&whole), whole);
        assert_eq!(shorten(&long), format!("{whole}…"));
    }

    #[test]
    fn json_nested_too_deeply_is_rejected() {
        let payload = "[".repeat(105);
        let delivered = Delivered {
            exchange: "kapps",
            routing_key: "key",
            content_type: Some("application/json"),
            payload: payload.as_bytes(),
        };
        let rejection = decode(&delivered).unwrap_err();
        assert_eq!(rejection.reason, RejectReason::TooDeep);
        assert!(rejection.detail.contains("the limit of 104"), "{rejection}");
    }

    #[test]
    fn types_we_have_no_use_for_are_ignored() {
        for (category, name) in [
            ("callflow", "resume"),
            ("callflow", "action.accepted"),
            ("call_event", "channel_status_req"),
            ("call_event", "usurp_publisher"),
            ("call_event", "query_channels_req"),
            ("configuration", "doc_type_update"),
            ("error", "other"),
            ("dialplan", "route_resp"),
            ("nodes", "withdraw"),
            ("kazoo_dynamic_cid", "route_other"),
        ] {
            let body = json!({"Event-Category": category, "Event-Name": name});
            let ignored = Inbound::Ignored { category: category.to_owned(), name: name.to_owned() };
            assert_eq!(fixtures::decode_body(&body), Ok(ignored));
        }
    }
}
