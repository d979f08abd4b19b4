//! What KAZOO 4.3 sends about a call before and after a worker has it.
//!
//! Source: `ecallmgr_fs_router_util.erl` (`route_req/4`), `ecallmgr_call_control.erl`
//! (`publish_route_win/1`), `cf_route_resume.erl`.

use serde_json::{Value, json};

use super::events::{ChannelState, Events};
use super::switch::Report;
use super::wire::unix_micros;
use crate::json::{self, Object};
use crate::kapi::{Exchange, Message, header, new_msg_id, routing};

impl Events<'_> {
    /// `dialplan/route_req`, to be published as mandatory: who takes the call?
    pub fn route_request(&self) -> Message {
        let (scenario, ids) = (self.scenario, self.ids);
        let realm = &scenario.account.realm;
        let address = |user: &str| Value::from(format!("{user}@{realm}"));
        let mut variables = scenario.channel_vars(ids);
        // Callflow finds it out.
        variables.shift_remove("CallFlow-ID");
        let members = members(json!({
            "Call-ID": ids.call_id,
            "Fetch-ID": ids.fetch_id,
            "From": address(&scenario.caller.user),
            "To": address(&scenario.dialled),
            "Request": address(&scenario.dialled),
            "Caller-ID-Name": scenario.caller.caller_id.name,
            "Caller-ID-Number": scenario.caller.caller_id.number,
            "Call-Direction": "inbound",
            "Resource-Type": "audio",
            "Context": "context_2",
            "Switch-Hostname": scenario.host,
            "Switch-Nodename": scenario.switch_node(),
            "Switch-URL": scenario.switch_url(),
            "Custom-Channel-Vars": variables,
        }));
        let key = routing::route_request_key("audio", &scenario.account.id);
        let kind = ("dialplan", "route_req");
        Message::new(kind, members, &self.control(), Exchange::Callmgr, key)
            .with_msg_id(&ids.fetch_id)
    }

    /// `dialplan/route_win` for who gave this answer; `None` where it names no queue.
    pub fn route_win(&self, response: &Object) -> Option<Message> {
        let queue = json::text(response, header::SERVER_ID)?;
        let ids = self.ids;
        let mut variables = self.scenario.channel_vars(ids);
        variables.extend(json::object(response, header::CUSTOM_CHANNEL_VARS).cloned()?);
        let members = members(json!({
            "Call-ID": ids.call_id,
            "Control-Queue": ids.control.to_string(),
            "Switch-Hostname": self.scenario.host,
            "Custom-Channel-Vars": variables,
        }));
        let kind = ("dialplan", "route_win");
        let win = Message::new(kind, members, &self.control(), Exchange::Targeted, queue);
        Some(win.with_msg_id(&ids.call_id))
    }

    /// The event by which a worker sees that callflow has the call again: the queue that it
    /// flushes first is empty.
    pub fn flushed(&self, state: ChannelState) -> Message {
        let report = Report::Complete {
            application: "noop".to_owned(),
            response: new_msg_id(),
            media: None,
        };
        self.message(&report, state, unix_micros())
    }
}

fn members(value: Value) -> Object {
    match value {
        Value::Object(members) => members,
        _ => Object::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kapi::inbound::{Delivered, Inbound};
    use crate::kapi::{self, Identity};
    use crate::peer::{CallIds, fixtures};
    use crate::schema::Schemas;

    fn read(message: &Message) -> Inbound {
        let payload = message.payload();
        let delivered = Delivered {
            exchange: message.exchange.name(),
            routing_key: &message.routing_key,
            content_type: Some("application/json"),
            payload: &payload,
        };
        kapi::decode(&delivered).unwrap()
    }

    #[test]
    fn a_request_and_its_win_are_what_a_worker_reads() {
        let (scenario, ids) = (fixtures::scenario(), CallIds::of_route("peer-queue"));
        let events = Events { scenario: &scenario, ids: &ids };
        let schemas = Schemas::embedded();
        let request = events.route_request();
        let Inbound::RouteReq(read_request) = read(&request) else { panic!() };
        assert_eq!(read_request.call_id, ids.call_id);
        assert_eq!(read_request.fetch_id.as_deref(), Some(ids.fetch_id.as_str()));
        assert_eq!(read_request.account_id.as_deref(), Some(scenario.account.id.as_str()));
        let body = Value::Object(request.body.clone());
        assert_eq!(schemas.validate("kapi.route.req", &body), []);

        let response = fixtures::object(json!({
            "Server-ID": "win-queue", "Custom-Channel-Vars": {"CallFlow-ID": "cf"},
        }));
        let win = events.route_win(&response).unwrap();
        assert_eq!((win.exchange, win.routing_key.as_str()), (Exchange::Targeted, "win-queue"));
        let Inbound::RouteWin(read_win) = read(&win) else { panic!() };
        assert_eq!(read_win.control_queue, ids.control);
        assert_eq!(read_win.fetch_id.as_deref(), Some(ids.fetch_id.as_str()));
        let body = Value::Object(win.body.clone());
        assert_eq!(schemas.validate("kapi.route.win", &body), []);
        assert_eq!(events.route_win(&Object::new()), None);
    }

    #[test]
    fn callflow_shows_that_it_has_the_call() {
        let (scenario, ids) = (fixtures::scenario(), CallIds::of_route("peer-queue"));
        let events = Events { scenario: &scenario, ids: &ids };
        let flushed = events.flushed(ChannelState { alive: true, answered: false });
        assert!(matches!(read(&flushed), Inbound::CallEvent(_)));
        assert_ne!(flushed.body["Application-Response"], Identity::new("n@h", "q").server_id);
    }
}
