//! `error/dialplan`: a call command failed.

use super::Rejection;
use super::headers::Headers;
use crate::kapi::header;

/// A command that call control could not carry out; the queue goes on with the next one.
///
/// It comes on `callevt`, and is taken from any exchange, such as from our own queue. KAZOO 4.3
/// leaves out the states, and its copy of the command is whole.
///
/// Source: `kapi_dialplan.erl` (`error_definition`), `ecallmgr_call_control.erl`
/// (`send_error_resp`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialplanError {
    /// `Msg-ID` of the command that failed.
    pub msg_id: String,
    /// The channel, where the error or the command names it.
    pub call_id: Option<String>,
    /// The channel that the command's copy names; most KAZOO versions strip it.
    pub request_call_id: Option<String>,
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
        let request = headers.object("Request").map(Headers::new);
        let of_request = |name| request.and_then(|request| request.text(name));
        let request_call_id = of_request(header::CALL_ID);
        Ok(Self {
            msg_id: headers.required_text(header::MSG_ID)?,
            call_id: headers.text(header::CALL_ID).or_else(|| request_call_id.clone()),
            request_call_id,
            message: headers.required_text("Error-Message")?,
            dialplan_error: headers.text("Dialplan-Error"),
            channel_state: headers.text("Channel-State"),
            request_application_name: of_request(header::APPLICATION_NAME),
            request_msg_id: of_request(header::MSG_ID),
            fetch_id: headers.channel_var(header::FETCH_ID),
            hangup_cause: headers.text("Hangup-Cause"),
        })
    }

    /// The cause of the hang-up that this is of a channel, if it is: to an executor of KAZOO 4.3 a
    /// failed command of its own call with a cause is as good as the channel's end.
    ///
    /// Source: `cf_exe.erl` (`handle_error/4`, `check_for_channel_destroy/3`).
    pub fn hangup_of(&self, call_id: &str) -> Option<&str> {
        let own = self.request_call_id.as_deref() == Some(call_id);
        self.hangup_cause.as_deref().filter(|_| own)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Inbound, RejectReason};
    use super::*;
    use crate::kapi::fixtures;
    use serde_json::{Value, json};

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
                request_call_id: None,
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
    fn the_channel_may_be_named_by_the_command_alone() {
        let mut body = fixtures::recorded("error", "dialplan").swap_remove(0).payload;
        let call_id = body.remove("Call-ID").unwrap();
        let error = error_of(&Value::Object(body.clone())).unwrap();
        assert_eq!(error.call_id.as_deref(), call_id.as_str());
        body.remove("Request");
        assert_eq!(error_of(&Value::Object(body)).unwrap().call_id, None);
    }

    #[test]
    fn an_error_with_a_cause_is_the_hang_up_of_the_commands_call() {
        let call_id = "manual_error-039f79b7@drv";
        for (cause, request_call_id, hangup) in [
            (None, json!(call_id), None),
            (Some("NORMAL_CLEARING"), json!(call_id), Some("NORMAL_CLEARING")),
            (Some("NORMAL_CLEARING"), json!("other@drv"), None),
            (Some("NORMAL_CLEARING"), json!(null), None),
        ] {
            let mut body = fixtures::recorded("error", "dialplan").swap_remove(0).payload;
            body.insert("Call-ID".to_owned(), json!(call_id));
            body["Request"]["Call-ID"] = request_call_id.clone();
            body.extend(cause.map(|cause| ("Hangup-Cause".to_owned(), json!(cause))));
            let error = error_of(&Value::Object(body)).unwrap();
            assert_eq!(error.hangup_of(call_id), hangup, "{cause:?} {request_call_id}");
        }
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
