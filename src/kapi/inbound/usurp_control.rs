//! `call_event/usurp_control`: somebody takes a call over.

use super::Rejection;
use super::headers::Headers;
use crate::kapi::header;

/// A call belongs to the holder of this fetch id from now on; who holds another leaves it alone.
///
/// Source: `kapi_call.erl` (`usurp_control_definition`), `cf_exe.erl` (`handle_usurp`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsurpControl {
    /// The channel.
    pub call_id: String,
    /// The fetch id of its new controller.
    pub fetch_id: String,
    /// Why, such as `Route-Win` or `redirect`.
    pub reason: Option<String>,
}

impl UsurpControl {
    pub(super) fn read(headers: Headers<'_>) -> Result<Self, Rejection> {
        headers.defaults()?;
        Ok(Self {
            call_id: headers.required_text(header::CALL_ID)?,
            fetch_id: headers.required_text(header::FETCH_ID)?,
            reason: headers.text("Reason"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Inbound, RejectReason};
    use super::*;
    use crate::kapi::{fixtures, routing};
    use serde_json::Value;

    #[test]
    fn a_usurp_names_call_and_fetch() {
        let body = fixtures::object("call_event_usurp_control.json");
        assert_eq!(
            fixtures::decode_body(&Value::Object(body)),
            Ok(Inbound::UsurpControl(UsurpControl {
                call_id: "7c1e9f02-1@10.0.0.5".to_owned(),
                fetch_id: "5b0c7f5e-6a57-4d0f-9a3e-1f0d2c3b4a59".to_owned(),
                reason: Some("Route-Win".to_owned()),
            }))
        );
    }

    #[test]
    fn a_usurp_among_a_calls_events_is_read() {
        for recorded in fixtures::recorded("call_event", "usurp_control") {
            let Ok(Inbound::UsurpControl(usurp)) =
                fixtures::decode_body(&Value::Object(recorded.payload))
            else {
                panic!()
            };
            assert_eq!(
                recorded.routing_key,
                routing::call_event_key("usurp_control", &usurp.call_id)
            );
        }
    }

    #[test]
    fn a_usurp_without_a_fetch_is_rejected() {
        let mut body = fixtures::object("call_event_usurp_control.json");
        body.remove("Fetch-ID");
        let rejection = fixtures::decode_body(&Value::Object(body)).unwrap_err();
        assert_eq!(rejection.reason, RejectReason::MissingHeader);
    }
}
