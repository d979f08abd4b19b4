//! `dialplan/route_req`: who takes this call?

use std::fmt;

use serde_json::Value;

use super::headers::Headers;
use super::{RejectReason, Rejection, shorten};
use crate::json::{self, Object};
use crate::kapi::{Address, header};

/// A call that asks for somebody to route it. Whoever answers first gets it.
///
/// Source: `kapi_route.erl` (`req_v/1`), `kapps_call.erl` (`from_route_req/2`).
#[derive(Debug, Clone, PartialEq)]
pub struct RouteReq {
    /// The channel.
    pub call_id: String,
    /// What an answer is recognised by; KAZOO takes the fetch id.
    pub msg_id: String,
    /// Where answers go.
    pub server_id: Address,
    /// What kind of call it is, where it says so.
    pub resource_type: Option<ResourceType>,
    /// The account the call would belong to: the channel variable. A top-level `Account-ID`
    /// decides the routing key only.
    pub account_id: Option<String>,
    /// The fetch that asks, a channel variable.
    pub fetch_id: Option<String>,
    /// The message as it came.
    pub body: Object,
}

/// Header `Resource-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceType {
    /// A call.
    Audio,
    /// A video call.
    Video,
    /// A chat message.
    Chat,
    /// Something that a caller started by key presses.
    Metaflow,
    /// A multimedia message.
    Mms,
    /// A text message.
    Sms,
}

/// What shows that a route request comes from a KAZOO newer than 4.3, where a call that was taken
/// cannot be handed back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewerSender {
    /// Answers go to an Erlang process behind a queue; 4.3 gives a queue of its own.
    ProcessAddress(Address),
    /// The media server itself asks; on 4.3 ecallmgr does.
    MediaServer {
        /// The `App-Name`.
        app_name: String,
    },
}

/// `App-Name` of what KAZOO's module of the media server publishes.
const MEDIA_SERVER: &str = "freeswitch";

impl ResourceType {
    /// Every type.
    pub const ALL: [Self; 6] =
        [Self::Audio, Self::Video, Self::Chat, Self::Metaflow, Self::Mms, Self::Sms];

    /// The header's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Chat => "chat",
            Self::Metaflow => "metaflow",
            Self::Mms => "mms",
            Self::Sms => "sms",
        }
    }
}

impl RouteReq {
    pub(super) fn read(body: Object) -> Result<Self, Rejection> {
        let headers = Headers::new(&body);
        check(headers)?;
        let resource_type = headers.text(RESOURCE_TYPE);
        Ok(Self {
            call_id: headers.bindable_call_id(header::CALL_ID)?.to_owned(),
            msg_id: headers.exact_text(header::MSG_ID)?.to_owned(),
            server_id: headers.address(header::SERVER_ID)?,
            resource_type: ResourceType::ALL
                .into_iter()
                .find(|each| resource_type.as_deref() == Some(each.as_str())),
            account_id: account_id(&body),
            fetch_id: headers.channel_var(header::FETCH_ID),
            body,
        })
    }

    /// What shows that the sender is newer than KAZOO 4.3; `None` where nothing does.
    pub fn newer_sender(&self) -> Option<NewerSender> {
        if self.server_id.pid.is_some() {
            return Some(NewerSender::ProcessAddress(self.server_id.clone()));
        }
        json::text(&self.body, header::APP_NAME)
            .filter(|app_name| app_name == MEDIA_SERVER)
            .map(|app_name| NewerSender::MediaServer { app_name })
    }
}

const RESOURCE_TYPE: &str = "Resource-Type";

/// What callflow asserts of a request, and what its reading of one needs: three parties in the
/// form `user@realm`, unless empty.
fn check(headers: Headers<'_>) -> Result<(), Rejection> {
    const PARTIES: [&str; 3] = ["From", "Request", "To"];
    headers.defaults()?;
    for party in PARTIES {
        let text = headers.exact_text(party)?;
        if !text.is_empty() && !text.contains('@') {
            let detail = format!("`{party}` is `{}`, expected user@realm", shorten(text));
            return Err(Rejection::new(RejectReason::BadValue, detail));
        }
    }
    headers.texts_or_absent(&["Caller-ID-Name", "Caller-ID-Number", "Event-Queue"])?;
    headers.objects_or_absent(&[
        header::CUSTOM_APPLICATION_VARS,
        header::CUSTOM_CHANNEL_VARS,
        "Custom-SIP-Headers",
    ])?;
    headers.word_or_absent(RESOURCE_TYPE, &ResourceType::ALL.map(ResourceType::as_str))?;
    headers.word_or_absent("Media", &["process", "proxy", "bypass"])?;
    cost_parameters(headers)
}

/// An object of these four keys, or nothing.
fn cost_parameters(headers: Headers<'_>) -> Result<(), Rejection> {
    const NAME: &str = "Cost-Parameters";
    const KEYS: [&str; 4] =
        ["Max-Incremental-Cost", "Max-Setup-Cost", "Min-Increment-Cost", "Min-Setup-Cost"];
    headers.objects_or_absent(&[NAME])?;
    let members = headers.object(NAME).into_iter().flatten();
    match members.map(|(key, _)| key).find(|key| !KEYS.contains(&key.as_str())) {
        Some(key) => {
            let detail = format!("`{NAME}` has the unknown key `{}`", shorten(key));
            Err(Rejection::new(RejectReason::BadValue, detail))
        }
        None => Ok(()),
    }
}

/// Callflow handles a call whose account is a text, and looks nowhere else for it.
///
/// Source: `kapps_call.erl` (`find_account_info/3`), `cf_route_req.erl` (`handle_req/2`).
fn account_id(body: &Object) -> Option<String> {
    json::object(body, header::CUSTOM_CHANNEL_VARS)?
        .get(header::ACCOUNT_ID)
        .and_then(Value::as_str)
        .filter(|account_id| !account_id.is_empty())
        .map(str::to_owned)
}

impl fmt::Display for NewerSender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProcessAddress(address) => {
                write!(formatter, "it wants its answer at `{address}`, a process behind a queue")
            }
            Self::MediaServer { app_name } => {
                write!(formatter, "its App-Name is `{app_name}`: the media server asked itself")
            }
        }
    }
}

#[cfg(test)]
#[path = "route_req_tests.rs"]
mod tests;
