//! `error/dialplan`: a call command failed.

use super::Rejection;
use super::headers::Headers;
use crate::json;
use crate::kapi::header;

/// A command that call control could not carry out; the queue goes on with the next one.
///
/// It comes on `callevt`, and is taken from any exchange. KAZOO before 5 leaves out the states.
///
/// Source: `kapi_dialplan.erl` (`error_definition`), `ecallmgr_call_control.erl`
/// (`send_error_resp`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialplanError {
    /// `Msg-ID` of the command that failed.
    pub msg_id: String,
    /// The channel, where the error names it.
    pub call_id: Option<String>,
    /// What went wrong, for people.
    pub message: String,
    /// What went wrong in one word: `baduuid`, `nosession`, `DOWN`, ….
    pub dialplan_error: Option<String>,
    /// The channel's state; `DOWN` when the session or its node is gone.
    pub channel_state: Option<String>,
    /// Name of the command that failed.
    pub request_application_name: Option<String>,
    /// `Msg-ID` inside the command's copy, which most KAZOO versions strip.
    pub request_msg_id: Option<String>,
    /// The channel's fetch id.
    pub fetch_id: Option<String>,
    /// The cause, where the command failed because the channel had hung up; KAZOO 4.3 only.
    pub hangup_cause: Option<String>,
}

impl DialplanError {
    pub(super) fn read(headers: Headers<'_>) -> Result<Self, Rejection> {
        headers.defaults()?;
        let request = headers.object("Request");
        let of_request = |name| request.and_then(|request| json::text(request, name));
        Ok(Self {
            msg_id: headers.required_text(header::MSG_ID)?,
            call_id: headers.text(header::CALL_ID).or_else(|| of_request(header::CALL_ID)),
            message: headers.required_text("Error-Message")?,
            dialplan_error: headers.text("Dialplan-Error"),
            channel_state: headers.text("Channel-State"),
            request_application_name: of_request(header::APPLICATION_NAME),
            request_msg_id: of_request(header::MSG_ID),
            fetch_id: headers.channel_var(header::FETCH_ID),
            hangup_cause: headers.text("Hangup-Cause"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Inbound, RejectReason};
    use super::*;
    use crate::kapi::fixtures;
    use serde_json::Value;

    fn error_of(body: &Value) -> Result<DialplanError, Rejection> {
        match fixtures::decode_body(body)? {
            Inbound::DialplanError(error) => Ok(error),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_error_names_the_command_that_failed() {
        let error = error_of(&Value::Object(fixtures::object("error_dialplan.json"))).unwrap();
        assert_eq!(
            error,
            DialplanError {
                msg_id: "f1e2d3c4b5a697887766554433221100".to_owned(),
                call_id: Some("7c1e9f02-1@10.0.0.5".to_owned()),
                message: "Session 7c1e9f02-1@10.0.0.5 not found for play".to_owned(),
                dialplan_error: Some("baduuid".to_owned()),
                channel_state: Some("DOWN".to_owned()),
                request_application_name: Some("play".to_owned()),
                request_msg_id: None,
                fetch_id: None,
                hangup_cause: None,
            }
        );
    }

    #[test]
    fn an_error_of_an_older_kazoo_on_targeted_is_read() {
        let recorded = fixtures::recorded("error", "dialplan");
        assert_eq!(recorded[0].exchange, "targeted");
        let error = error_of(&Value::Object(recorded[0].payload.clone())).unwrap();
        assert_eq!(error.request_application_name.as_deref(), Some("noop"));
        assert_eq!(error.request_msg_id.as_deref(), Some(error.msg_id.as_str()));
        assert_eq!(error.dialplan_error, None);
    }

    #[test]
    fn an_error_without_a_message_is_rejected() {
        let mut body = fixtures::object("error_dialplan.json");
        body.remove("Error-Message");
        let rejection = error_of(&Value::Object(body)).unwrap_err();
        assert_eq!(rejection.reason, RejectReason::MissingHeader);
        assert!(rejection.detail.contains("Error-Message"));
    }
}
