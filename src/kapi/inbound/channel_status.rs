//! `channel_status_resp`: whether a channel is still there.

use super::headers::Headers;
use super::{RejectReason, Rejection};
use crate::kapi::header;

/// One node's answer to a channel status request.
///
/// Its category is `call_event`; KAZOO 5, which asks under `channel`, may answer under that.
///
/// Source: `kapi_call.erl` (`channel_status_resp_definition`), `ecallmgr_fs_channels.erl`
/// (`handle_channel_status`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelStatus {
    /// `Msg-ID` of the request.
    pub msg_id: String,
    /// The channel asked for.
    pub call_id: String,
    /// What the node knows of it.
    pub state: ChannelState,
    /// The node that answers.
    pub node: Option<String>,
    /// Why it is not active.
    pub error: Option<String>,
    /// Fetch id among the channel variables.
    pub fetch_id: Option<String>,
    /// The other leg.
    pub other_leg: Option<String>,
}

/// Header `Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelState {
    /// The channel is there.
    Active,
    /// Its media server is out of reach for now.
    Tmpdown,
    /// The answering node does not know the channel.
    Terminated,
}

impl ChannelState {
    /// The header's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Tmpdown => "tmpdown",
            Self::Terminated => "terminated",
        }
    }
}

impl ChannelStatus {
    pub(super) fn read(headers: Headers<'_>) -> Result<Self, Rejection> {
        headers.defaults()?;
        let call_id = headers.required_text(header::CALL_ID)?;
        let status = headers.required_text("Status")?;
        let state = [ChannelState::Active, ChannelState::Tmpdown, ChannelState::Terminated]
            .into_iter()
            .find(|state| state.as_str() == status)
            .ok_or_else(|| {
                Rejection::new(
                    RejectReason::BadValue,
                    format!(
                        "`Status` is `{}`, expected active, tmpdown or terminated",
                        super::shorten(&status)
                    ),
                )
            })?;
        headers
            .objects_or_absent(&[header::CUSTOM_APPLICATION_VARS, header::CUSTOM_CHANNEL_VARS])?;
        Ok(Self {
            msg_id: headers.required_text(header::MSG_ID)?,
            call_id,
            state,
            node: headers.text(header::NODE),
            error: headers.text("Error-Msg"),
            fetch_id: headers.channel_var(header::FETCH_ID),
            other_leg: headers.call_id("Other-Leg-Call-ID"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Inbound;
    use super::*;
    use crate::kapi::fixtures;
    use serde_json::{Value, json};

    fn status(changes: &Value) -> Result<ChannelStatus, Rejection> {
        let mut body = fixtures::object("channel_status_resp.json");
        for (key, value) in changes.as_object().unwrap() {
            body.insert(key.clone(), value.clone());
        }
        match fixtures::decode_body(&Value::Object(body))? {
            Inbound::ChannelStatus(status) => Ok(status),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_is_read_under_either_category() {
        for category in ["call_event", "channel"] {
            let read = status(&json!({"Event-Category": category})).unwrap();
            assert_eq!(read.state, ChannelState::Active);
            assert_eq!(read.msg_id, "31112222333344445555666677778888");
            assert_eq!(read.call_id, "7c1e9f02-1@10.0.0.5");
            assert_eq!(read.node.as_deref(), Some("ecallmgr@apps1.example.com"));
            assert_eq!(read.fetch_id.as_deref(), Some("5b0c7f5e-6a57-4d0f-9a3e-1f0d2c3b4a59"));
        }
    }

    #[test]
    fn the_three_states_are_read_and_no_other() {
        for (text, state) in
            [("tmpdown", ChannelState::Tmpdown), ("terminated", ChannelState::Terminated)]
        {
            assert_eq!(status(&json!({"Status": text})).unwrap().state, state);
        }
        for (value, reason) in [
            (json!("gone"), RejectReason::BadValue),
            (json!(null), RejectReason::MissingHeader),
            (json!([]), RejectReason::WrongType),
        ] {
            assert_eq!(status(&json!({"Status": value})).unwrap_err().reason, reason);
        }
    }
}
