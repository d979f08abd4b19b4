//! `dialplan/route_win`: the call is ours.

use super::Rejection;
use super::headers::Headers;
use super::rejection::{Waiting, WaitingCaller};
use crate::json::Object;
use crate::kapi::{Address, header};

/// Our answer to a route request was taken; from now on we control the call.
///
/// Its `Msg-ID` is the call's id, not the request's.
///
/// Source: `kapi_route.erl` (`win_v/1`), `ecallmgr_call_control.erl` (`publish_route_win/1`).
#[derive(Debug, Clone, PartialEq)]
pub struct RouteWin {
    /// The channel.
    pub call_id: String,
    /// Where commands for the call go.
    pub control_queue: Address,
    /// The fetch that asked, a channel variable.
    pub fetch_id: Option<String>,
    /// The message as it came.
    pub body: Object,
}

impl RouteWin {
    pub(super) fn read(body: Object) -> Result<Self, Rejection> {
        let headers = Headers::new(&body);
        Self::check(headers).map_err(|mut rejection| {
            rejection.waiting = waiting(headers).map(Box::new);
            rejection
        })?;
        let call_id = headers.bindable_call_id(header::CALL_ID)?.to_owned();
        let control_queue = headers.address(header::CONTROL_QUEUE)?;
        let fetch_id = headers.channel_var(header::FETCH_ID);
        Ok(Self { call_id, control_queue, fetch_id, body })
    }

    fn check(headers: Headers<'_>) -> Result<(), Rejection> {
        headers.defaults()?;
        headers.objects_or_absent(&[header::CUSTOM_CHANNEL_VARS])
    }
}

/// The caller, where a win says whose it is although it is refused for something else.
fn waiting(headers: Headers<'_>) -> Option<Waiting> {
    Some(Waiting::Caller(WaitingCaller {
        call_id: headers.bindable_call_id(header::CALL_ID).ok()?.to_owned(),
        control_queue: headers.address(header::CONTROL_QUEUE).ok()?,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::{Inbound, RejectReason};
    use super::*;
    use crate::kapi::fixtures;
    use serde_json::{Value, json};

    fn read(body: Object) -> Result<RouteWin, Rejection> {
        match fixtures::decode_body(&Value::Object(body))? {
            Inbound::RouteWin(win) => Ok(win),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_win_of_a_living_kazoo_is_read_whole() {
        for recorded in fixtures::recorded("dialplan", "route_win") {
            let win = read(recorded.payload.clone()).unwrap();
            assert_eq!(win.body, recorded.payload);
            assert_eq!(win.call_id, recorded.payload["Msg-ID"]);
            let control_queue = recorded.payload["Control-Queue"].as_str().unwrap();
            assert_eq!(win.control_queue, Address::queue(control_queue));
            assert_eq!(win.fetch_id.unwrap(), recorded.payload["Custom-Channel-Vars"]["Fetch-ID"]);
        }
    }

    #[test]
    fn a_win_of_a_newer_kazoo_names_the_control_process() {
        let win = read(fixtures::object("route_win.json")).unwrap();
        assert_eq!(win.control_queue.pid.as_deref(), Some("<0.5432.0>"));
        assert_eq!(win.fetch_id.as_deref(), Some("5b0c7f5e-6a57-4d0f-9a3e-1f0d2c3b4a59"));
    }

    #[test]
    fn a_win_that_cannot_be_served_is_rejected() {
        for (header, value, reason, caller_is_known) in [
            ("App-Name", None, RejectReason::MissingHeader, true),
            ("Call-ID", None, RejectReason::MissingHeader, false),
            ("Call-ID", Some(json!(1)), RejectReason::WrongType, false),
            ("Call-ID", Some(json!("*")), RejectReason::BadValue, false),
            ("Control-Queue", None, RejectReason::MissingHeader, false),
            ("Control-Queue", Some(json!(["q"])), RejectReason::WrongType, false),
            ("Control-Queue", Some(json!("")), RejectReason::BadAddress, false),
            ("Control-Queue", Some(json!("pid://x/q")), RejectReason::BadAddress, false),
            ("Custom-Channel-Vars", Some(json!("x")), RejectReason::WrongType, true),
        ] {
            let mut body = fixtures::object("route_win.json");
            body.remove(header);
            if let Some(value) = value {
                body.insert(header.to_owned(), value);
            }
            let rejection = read(body).unwrap_err();
            assert_eq!(rejection.reason, reason, "{header}");
            assert!(rejection.detail.contains(header), "{rejection}");
            assert_eq!(rejection.waiting.is_some(), caller_is_known, "{header}");
        }
    }

    #[test]
    fn a_win_may_leave_out_the_channel_variables() {
        let mut body = fixtures::object("route_win.json");
        body.remove("Custom-Channel-Vars");
        assert_eq!(read(body).unwrap().fetch_id, None);
    }
}
