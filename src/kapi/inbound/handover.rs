//! What other workers say about calls.

use serde_json::Value;

use super::headers::Headers;
use super::{Inbound, RejectReason, Rejection, shorten, take_object};
use crate::json::Object;
use crate::kapi::handover::{Job, Kind, Offer, VERSION, Way, member};
use crate::kapi::{Address, header};

/// A message of another worker that cannot be followed, but says whose call it is about: the
/// caller can still be spoken to.
#[derive(Debug, Clone, PartialEq)]
pub struct Unworkable {
    /// Which message it is.
    pub kind: Kind,
    /// The channel.
    pub call_id: String,
    /// Where commands for the call go; an offer does not say.
    pub control_queue: Option<Address>,
    /// How it is to be read.
    pub version: u64,
    /// Why it cannot be.
    pub why: Why,
    /// The message as it came.
    pub body: Object,
}

/// Why a message of another worker cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A newer worker wrote it, and another of those can read it.
    Newer,
    /// It lacks something that its version has.
    Damaged(Rejection),
}

/// Reads either message. What cannot even say whose call it is about is refused.
pub(super) fn read(kind: Kind, mut body: Object) -> Result<Inbound, Rejection> {
    let headers = Headers::new(&body);
    let version = version(headers)?;
    let call_id = headers.bindable_call_id(header::CALL_ID)?.to_owned();
    let control_queue = match kind {
        Kind::Offer => None,
        Kind::Job => Some(headers.address(header::CONTROL_QUEUE)?),
    };
    let unworkable = |why, control_queue, call_id, body| {
        let unworkable = Unworkable { kind, call_id, control_queue, version, why, body };
        Ok(Inbound::Unworkable(Box::new(unworkable)))
    };
    if version > VERSION {
        return unworkable(Why::Newer, control_queue, call_id, body);
    }
    let read = offer(headers).and_then(|offer| Ok((offer, job(kind, headers)?)));
    let (plain, job) = match read {
        Ok(read) => read,
        Err(rejection) => {
            return unworkable(Why::Damaged(rejection), control_queue, call_id, body);
        }
    };
    let offer = plain.filled(call_id, &mut body, kind);
    Ok(match (job, control_queue) {
        (Some(won_at), Some(control_queue)) => {
            Inbound::Job(Box::new(Job { offer, control_queue, won_at }))
        }
        _ => Inbound::Offer(Box::new(offer)),
    })
}

pub(super) fn version(headers: Headers<'_>) -> Result<u64, Rejection> {
    match headers.unsigned(member::VERSION)? {
        0 => Err(Rejection::new(RejectReason::BadValue, "`Version` is 0, expected 1 or more")),
        version => Ok(version),
    }
}

/// What an offer says beside its objects.
struct Plain {
    fetch_id: Option<String>,
    flow_id: String,
    way: Way,
    offered_at: u64,
}

fn offer(headers: Headers<'_>) -> Result<Plain, Rejection> {
    headers.defaults()?;
    headers.required_object(member::CALL)?;
    headers.required_object(member::DATA)?;
    headers.objects_or_absent(&[member::CHILD])?;
    let way = headers.exact_text(member::WAY)?;
    let way = Way::ALL.into_iter().find(|each| each.as_str() == way).ok_or_else(|| {
        let detail = format!("`Way` is `{}`, expected shared or exclusive", shorten(way));
        Rejection::new(RejectReason::BadValue, detail)
    })?;
    Ok(Plain {
        fetch_id: headers.text(header::FETCH_ID),
        flow_id: headers.required_text(member::FLOW_ID)?,
        way,
        offered_at: headers.unsigned(member::OFFERED_AT)?,
    })
}

/// What a job says beside its offer: when it was won.
fn job(kind: Kind, headers: Headers<'_>) -> Result<Option<u64>, Rejection> {
    match kind {
        Kind::Offer => Ok(None),
        Kind::Job => headers.unsigned(member::WON_AT).map(Some),
    }
}

impl Plain {
    /// With the objects of a body, which are taken out of it, and what is left in it.
    fn filled(self, call_id: String, body: &mut Object, kind: Kind) -> Offer {
        let child = match body.shift_remove(member::CHILD) {
            Some(Value::Object(child)) => Some(child),
            _ => None,
        };
        let call = take_object(body, member::CALL);
        let data = take_object(body, member::DATA);
        let mut other = std::mem::take(body);
        other.retain(|name, _| !is_known(name, kind));
        let Self { fetch_id, flow_id, way, offered_at } = self;
        Offer { call_id, fetch_id, call, data, child, flow_id, way, offered_at, other }
    }
}

/// Whether a member is one that this version writes itself.
fn is_known(name: &str, kind: Kind) -> bool {
    let of_job = [header::CONTROL_QUEUE, member::WON_AT];
    header::DEFAULT_HEADERS.contains(&name)
        || matches!(
            name,
            header::NODE
                | header::SERVER_ID
                | header::SYSTEM_LOG_ID
                | header::CALL_ID
                | header::FETCH_ID
                | member::VERSION
                | member::FLOW_ID
                | member::WAY
                | member::OFFERED_AT
        )
        || (kind == Kind::Job && of_job.contains(&name))
}
