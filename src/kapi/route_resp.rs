//! The answer to a route request: we take the call.

use serde_json::{Value, json};

use super::inbound::RouteReq;
use super::{Exchange, Identity, Message, header};
use crate::json::Object;

/// What is done with a channel before it is parked for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrePark {
    /// Nothing: the caller hears what we play.
    None,
    /// The caller is told that it rings.
    RingReady,
}

impl PrePark {
    /// What callflow asks for: ringing, where the configuration `ring_ready_offnet` allows it and
    /// the call entered from outside without anybody to vouch for it.
    ///
    /// Source: `cf_route_req.erl` (`pre_park_action/1`).
    pub const fn of(
        ring_ready_offnet: bool,
        inception: Option<&str>,
        authorizing_type: Option<&str>,
    ) -> Self {
        if ring_ready_offnet && inception.is_some() && authorizing_type.is_none() {
            Self::RingReady
        } else {
            Self::None
        }
    }

    /// The header's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::RingReady => "ring_ready",
        }
    }
}

/// What KAZOO 4.3's callflow says of a call it takes.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'a> {
    /// The queue that the win comes to and that controls the call from then on: a plain name.
    pub win_queue: &'a str,
    /// Id of the callflow that was found.
    pub callflow_id: &'a str,
    /// The channel variables of the Call, which are the request's but for what a transfer took
    /// away.
    pub channel_vars: &'a Object,
    /// The application variables of the Call.
    pub application_vars: &'a Object,
    /// The presence id of the device that calls; none where no device does.
    pub presence_id: Option<&'a str>,
    /// The account's realm.
    pub account_realm: Option<&'a str>,
    /// What the caller hears until we play something.
    pub pre_park: PrePark,
    /// Media during a transfer: the callflow's, else the request's.
    pub transfer_media: Option<&'a str>,
    /// Media instead of ringing: the callflow's, else the request's.
    pub ringback_media: Option<&'a str>,
}

/// An answer that takes the call.
///
/// On 4.3 the switch keeps our `App-Name` and `Node` as the channel variables `Application-Name`
/// and `Application-Node`, and they come back with the win. The log id is the request's `Msg-ID`,
/// because the answer names no call.
///
/// Source: `cf_route_req.erl` (`send_route_response/3`, `response_ccvs/1`), `kz_amqp_worker.erl`
/// (`send_request/4`), `kz_api.erl` (`remove_empty_values/2`), `ecallmgr_fs_router_call.erl`
/// (`start_call_handling/4`).
pub fn take(identity: &Identity, request: &RouteReq, taken: &Taken<'_>) -> Message {
    let mut channel_vars = without_empty(taken.channel_vars);
    channel_vars.insert("CallFlow-ID".to_owned(), taken.callflow_id.into());
    if let Some(presence_id) = taken.presence_id {
        channel_vars.insert("Presence-ID".to_owned(), presence_id.into());
    }
    let application_vars = without_empty(taken.application_vars);
    let mut members = Object::new();
    members.insert("Routes".to_owned(), json!([]));
    members.insert("Method".to_owned(), "park".into());
    members.insert("Pre-Park".to_owned(), taken.pre_park.as_str().into());
    members.insert(header::CUSTOM_CHANNEL_VARS.to_owned(), channel_vars.into());
    members.insert(header::CUSTOM_APPLICATION_VARS.to_owned(), application_vars.into());
    for (name, text) in [
        ("From-Realm", taken.account_realm),
        ("Transfer-Media", taken.transfer_media),
        ("Ringback-Media", taken.ringback_media),
        (header::MSG_ID, Some(request.msg_id.as_str())),
        (header::SYSTEM_LOG_ID, Some(request.msg_id.as_str())),
    ] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            members.insert(name.to_owned(), text.into());
        }
    }
    let kind = ("dialplan", "route_resp");
    let mut message = Message::to(kind, members, identity, Exchange::Targeted, &request.server_id);
    message.body.insert(header::SERVER_ID.to_owned(), taken.win_queue.into());
    message
}

/// Members without a text are left out of what KAZOO publishes, at every depth of objects.
fn without_empty(members: &Object) -> Object {
    members
        .iter()
        .filter(|(_, value)| value.as_str() != Some(""))
        .map(|(name, value)| {
            let value = match value {
                Value::Object(inner) => without_empty(inner).into(),
                other => other.clone(),
            };
            (name.clone(), value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::inbound::Inbound;
    use super::*;
    use crate::json;
    use crate::kapi::{Address, fixtures};

    fn request(body: &Object) -> RouteReq {
        match fixtures::decode_body(&Value::Object(body.clone())) {
            Ok(Inbound::RouteReq(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn taken<'a>(request: &'a RouteReq, none: &'a Object) -> Taken<'a> {
        Taken {
            win_queue: "win",
            callflow_id: "cf",
            channel_vars: json::object(&request.body, "Custom-Channel-Vars").unwrap(),
            application_vars: none,
            presence_id: None,
            account_realm: None,
            pre_park: PrePark::None,
            transfer_media: None,
            ringback_media: None,
        }
    }

    #[test]
    fn an_answer_is_that_of_a_living_callflow() {
        let identity = Identity::new("dcid@worker1.example.com", "dcid-worker-1-replies");
        let requests = fixtures::recorded("dialplan", "route_req");
        let answers = fixtures::recorded("dialplan", "route_resp");
        let none = Object::new();
        let mut by_device = std::collections::BTreeSet::new();
        for answer in answers {
            let asked =
                requests.iter().find(|asked| asked.payload["Msg-ID"] == answer.payload["Msg-ID"]);
            let request = request(&asked.unwrap().payload);
            let vars = answer.payload["Custom-Channel-Vars"].as_object().unwrap();
            let message = take(
                &identity,
                &request,
                &Taken {
                    win_queue: answer.payload["Server-ID"].as_str().unwrap(),
                    callflow_id: vars["CallFlow-ID"].as_str().unwrap(),
                    presence_id: vars.get("Presence-ID").and_then(Value::as_str),
                    account_realm: Some("kzref.example.com"),
                    ..taken(&request, &none)
                },
            );
            fixtures::assert_same_except_app(&message.body, &answer.payload);
            for header in ["Server-ID", "Msg-ID", "System-Log-ID"] {
                assert_eq!(message.body[header], answer.payload[header], "{header}");
            }
            assert_eq!(message.exchange.name(), answer.exchange);
            assert_eq!(message.routing_key, answer.routing_key);
            assert_eq!(message.deliver_to_pid, None);
            by_device.insert(vars.contains_key("Presence-ID"));
        }
        assert_eq!(by_device.len(), 2, "one answer for a device, one for a carrier");
    }

    #[test]
    fn an_answer_names_neither_call_nor_account_at_its_top() {
        let identity = Identity::new("dcid@worker1", "replies");
        let request = request(&fixtures::object("route_req.json"));
        let message = take(&identity, &request, &taken(&request, &Object::new()));
        for header in ["Call-ID", "Account-ID", "Context", "From-Realm", "Transfer-Media"] {
            assert!(!message.body.contains_key(header), "{header}");
        }
        // To a process of a newer KAZOO it goes as everything else does.
        assert_eq!(message.deliver_to_pid.as_deref(), Some("<0.4111.0>"));
        let Address { queue, .. } = &request.server_id;
        assert_eq!(&message.routing_key, queue);
    }

    #[test]
    fn media_are_named_and_empty_values_left_out() {
        let identity = Identity::new("dcid@worker1", "replies");
        let request = request(&fixtures::object("route_req.json"));
        let vars =
            json!({"Empty": "", "Zero": 0, "Inner": {"Empty": "", "Full": "x"}, "List": [""]});
        let vars = vars.as_object().unwrap();
        let taken = Taken {
            channel_vars: vars,
            application_vars: vars,
            transfer_media: Some("m1"),
            ringback_media: Some(""),
            pre_park: PrePark::RingReady,
            ..taken(&request, vars)
        };
        let body = take(&identity, &request, &taken).body;
        let kept = json!({"Zero": 0, "Inner": {"Full": "x"}, "List": [""]});
        assert_eq!(body["Custom-Application-Vars"], kept);
        assert_eq!(body["Custom-Channel-Vars"]["Inner"], kept["Inner"]);
        assert_eq!(body["Custom-Channel-Vars"]["CallFlow-ID"], "cf");
        assert_eq!(body["Transfer-Media"], "m1");
        assert!(!body.contains_key("Ringback-Media"));
        assert_eq!(body["Pre-Park"], "ring_ready");
    }

    #[test]
    fn it_rings_only_for_a_stranger_from_outside() {
        let (outside, device) = (Some("+14155550000@1.2.3.4"), Some("device"));
        for (allowed, inception, authorizing_type, pre_park) in [
            (true, outside, None, PrePark::RingReady),
            (false, outside, None, PrePark::None),
            (true, None, None, PrePark::None),
            (true, outside, device, PrePark::None),
            (true, outside, Some("resource"), PrePark::None),
        ] {
            assert_eq!(PrePark::of(allowed, inception, authorizing_type), pre_park);
        }
    }
}
