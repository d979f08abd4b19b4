//! What KAZOO knows of a call when it reaches the node: the Call object and the message that hands
//! it over.
//!
//! Source: `kapps_call.erl` (`from_route_req`, `to_json`), `cf_route_req.erl` (`update_call`),
//! `cf_route_win.erl` (`include_denied_call_restrictions`), `cf_exe.erl` (`update_actions`),
//! `cf_remote_action.erl` (`handle`, `call_to_jobj`).

use serde_json::{Value, json};

use super::ids::CallIds;
use crate::json::{self, Object};
use crate::kapi::{Exchange, Identity, Message, header, routing};

/// The callflow module that is handed over.
pub const MODULE: &str = "dynamic_cid";

/// What all calls have in common that one caller places to one number.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Where the call is placed.
    pub account: Account,
    /// Who calls.
    pub caller: Caller,
    /// What the caller dials.
    pub dialled: String,
    /// The same as callflow looks it up: in E.164 where the account's rules know it.
    pub request_user: String,
    /// The callflow that the number leads to.
    pub callflow: Callflow,
    /// The node that is handed over.
    pub node: Node,
    /// Language of prompts.
    pub language: String,
    /// Host name in the names of the nodes we play.
    pub host: String,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Its database as messages name it: `account%2F12%2F34%2F56…`.
    pub database: String,
    /// Its SIP realm.
    pub realm: String,
    /// Its name.
    pub name: Option<String>,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// The caller ID that the call has before the action.
    pub caller_id: CallerId,
    /// User part of its SIP address.
    pub user: String,
    /// The device or user it is; `None` for somebody KAZOO does not know.
    pub endpoint: Option<Endpoint>,
}

/// A caller ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerId {
    /// The name.
    pub name: String,
    /// The number.
    pub number: String,
}

impl std::fmt::Display for CallerId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "\"{}\" <{}>", self.name, self.number)
    }
}

/// The device or user that calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// `device` or `user`.
    pub kind: String,
    /// Its name.
    pub name: Option<String>,
    /// The user it belongs to.
    pub owner: Option<String>,
    /// The call restrictions that deny something, by classifier.
    pub denied_restrictions: Object,
}

/// The callflow that the number leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Callflow {
    /// Id of the document.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it was found, in words: `its number 2001`, `` its pattern `^\*5` ``.
    pub found_by: String,
    /// What its pattern captured.
    pub capture_group: Option<String>,
    /// The named groups of its pattern.
    pub capture_groups: Object,
    /// Whether it takes all numbers that no other callflow takes.
    pub no_match: bool,
    /// Branches of its root, as KAZOO runs it.
    pub exit_keys: Vec<String>,
}

/// The node that is handed over.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The callflow document it stands in.
    pub document: String,
    /// Where in it: `/flow/children/_`.
    pub path: String,
    /// The node with its children, as stored.
    pub node: Object,
    /// The action that ran before it.
    pub previous: Option<String>,
    /// The flows on KAZOO's stack, the next to run last.
    pub stacked: Vec<Object>,
}

impl Node {
    /// The node's `data`.
    pub fn data(&self) -> Object {
        json::object(&self.node, "data").cloned().unwrap_or_default()
    }

    /// What follows the node on its branch `_`.
    pub fn child(&self) -> Option<&Object> {
        let children = json::object(&self.node, "children")?;
        json::object(children, "_").filter(|child| !child.is_empty())
    }
}

impl Scenario {
    /// `callflow/action.execute`, to be published as mandatory.
    pub fn execute(&self, ids: &CallIds) -> Message {
        let mut members = Object::new();
        members.insert("Call".to_owned(), Value::Object(self.call(ids)));
        members.insert("Data".to_owned(), Value::Object(self.node.data()));
        members.insert(header::CALL_ID.to_owned(), Value::from(ids.call_id.as_str()));
        let kind = ("callflow", "action.execute");
        let key = routing::action_key(MODULE);
        Message::new(kind, members, &self.executor(ids), Exchange::Kapps, key)
            .with_msg_id(&ids.action_id)
    }

    /// The call as the executor would hand it over.
    pub fn call(&self, ids: &CallIds) -> Object {
        let realm = &self.account.realm;
        let address = |user: &str| format!("{user}@{realm}");
        let endpoint = self.caller.endpoint.as_ref();
        defined(json!({
            "Key-Value-Store": self.key_value_store(),
            "Account-DB": self.account.database,
            "Account-ID": self.account.id,
            "Authorizing-ID": endpoint.map(|endpoint| &endpoint.id),
            "Authorizing-Type": endpoint.map(|endpoint| &endpoint.kind),
            "Call-Bridged": false,
            "Call-Direction": "inbound",
            "Call-ID": ids.call_id,
            "Callee-ID-Name": "",
            "Callee-ID-Number": self.dialled,
            "Caller-ID-Name": self.caller.caller_id.name,
            "Caller-ID-Number": self.caller.caller_id.number,
            "Control-Queue": ids.control.to_string(),
            "Controller-Queue": ids.executor.to_string(),
            "Custom-Application-Vars": {},
            "Custom-Channel-Vars": self.channel_vars(ids),
            "Custom-SIP-Headers": {},
            "Fetch-ID": ids.fetch_id,
            "From": address(&self.caller.user),
            "From-Realm": realm,
            "From-User": self.caller.user,
            "Is-Recording": false,
            "Is-Call-Forward": false,
            "Language": self.language,
            "Message-Left": false,
            "Owner-ID": endpoint.and_then(|endpoint| endpoint.owner.as_ref()),
            "Request": address(&self.dialled),
            "Request-Realm": realm,
            "Request-User": self.request_user,
            "Resource-Type": "audio",
            "Switch-Hostname": self.host,
            "Switch-Nodename": self.switch_node(),
            "Switch-URL": self.switch_url(),
            "To": address(&self.dialled),
            "To-Realm": realm,
            "To-User": self.dialled,
        }))
    }

    /// The channel variables, which every event of the call repeats.
    pub fn channel_vars(&self, ids: &CallIds) -> Object {
        let endpoint = self.caller.endpoint.as_ref();
        defined(json!({
            "Username": endpoint.map(|_| &self.caller.user),
            "Realm": self.account.realm,
            "Owner-ID": endpoint.and_then(|endpoint| endpoint.owner.as_ref()),
            "Fetch-ID": ids.fetch_id,
            "CallFlow-ID": self.callflow.id,
            "Authorizing-Type": endpoint.map(|endpoint| &endpoint.kind),
            "Authorizing-ID": endpoint.map(|endpoint| &endpoint.id),
            "Account-Realm": self.account.realm,
            "Account-Name": self.account.name,
            "Account-ID": self.account.id,
        }))
    }

    fn key_value_store(&self) -> Object {
        let endpoint = self.caller.endpoint.as_ref();
        defined(json!({
            "action-exit-keys": self.callflow.exit_keys,
            "cf_capture_group": self.callflow.capture_group,
            "cf_capture_groups": self.callflow.capture_groups,
            "cf_flow_id": self.callflow.id,
            "cf_flow_name": self.callflow.name,
            "cf_last_action": MODULE,
            "cf_no_match": self.callflow.no_match,
            "cf_old_action": self.node.previous,
            "denied_call_restrictions": endpoint.map(|endpoint| &endpoint.denied_restrictions),
            "owner_id": endpoint.and_then(|endpoint| endpoint.owner.as_ref()),
            "remote-action": MODULE,
        }))
    }

    /// Who the executor is in the headers of its messages.
    fn executor(&self, ids: &CallIds) -> Identity {
        Identity {
            app_name: "callflow".to_owned(),
            app_version: "4.0.0".to_owned(),
            node: format!("kazoo_dynamic_cid_call@{}", self.host),
            server_id: ids.executor.to_string(),
        }
    }

    /// The media server's name.
    pub(super) fn switch_node(&self) -> String {
        format!("freeswitch@{}", self.host)
    }

    /// The media server's SIP address.
    pub(super) fn switch_url(&self) -> String {
        format!("sip:mod_sofia@{}:11000", self.host)
    }
}

/// An object without the members that are undefined.
fn defined(value: Value) -> Object {
    let Value::Object(mut members) = value else { return Object::new() };
    members.retain(|_, value| !value.is_null());
    members
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::kapi::{Delivered, Inbound, decode};
    use crate::peer::fixtures;

    /// Each member's path and JSON type; what stands in a capture or a restriction is the
    /// callflow's and the endpoint's affair.
    fn shape(object: &Object) -> BTreeMap<String, &'static str> {
        let mut shape = BTreeMap::new();
        for (key, value) in object {
            let kind = match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
            };
            if matches!(key.as_str(), "Call" | "Key-Value-Store" | "Custom-Channel-Vars") {
                let inner = value.as_object().unwrap();
                shape.extend(
                    self::shape(inner)
                        .into_iter()
                        .map(|(path, kind)| (format!("{key}/{path}"), kind)),
                );
            }
            shape.insert(key.clone(), kind);
        }
        shape
    }

    #[test]
    fn the_execute_has_the_members_and_types_of_a_living_kazoos() {
        let recorded = fixtures::recorded_execute("cf_remote");
        let ours = fixtures::scenario().execute(&fixtures::ids());
        assert_eq!(shape(&ours.body), shape(&recorded));
        assert_eq!(ours.exchange, Exchange::Kapps);
        assert_eq!(ours.routing_key, "callflow.action.dynamic_cid");
        assert_eq!(ours.deliver_to_pid, None);
        for key in ["App-Name", "App-Version", "Event-Category", "Event-Name"] {
            assert_eq!(ours.body[key], recorded[key], "{key}");
        }
    }

    #[test]
    fn a_call_of_the_recorded_facts_is_the_recorded_call() {
        let recorded = fixtures::recorded_execute("cf_remote");
        let scenario = fixtures::scenario();
        let call = scenario.call(&fixtures::ids());
        for (key, value) in recorded["Call"].as_object().unwrap() {
            let ours = matches!(
                key.as_str(),
                "Call-ID" | "Fetch-ID" | "Custom-Channel-Vars" | "Switch-URL"
            ) || key.starts_with("Contro");
            if !ours {
                assert_eq!(call[key], *value, "{key}");
            }
        }
    }

    #[test]
    fn the_execute_is_one_the_worker_can_serve() {
        let ids = fixtures::ids();
        let payload = fixtures::scenario().execute(&ids).payload();
        let delivered = Delivered {
            exchange: "kapps",
            routing_key: "callflow.action.dynamic_cid",
            content_type: Some("application/json"),
            payload: &payload,
        };
        let Ok(Inbound::Execute(execute)) = decode(&delivered) else { panic!() };
        assert_eq!(execute.server_id, ids.executor);
        assert_eq!(execute.control_queue().unwrap().unwrap(), ids.control);
        assert_eq!(execute.fetch_id().as_deref(), Some(ids.fetch_id.as_str()));
        let schemas = crate::schema::Schemas::embedded();
        let body = serde_json::from_slice(&payload).unwrap();
        assert_eq!(schemas.validate("kapi.callflow.action.execute", &body), []);
    }

    #[test]
    fn a_caller_without_endpoint_authorises_nothing() {
        let mut scenario = fixtures::scenario();
        scenario.caller.endpoint = None;
        scenario.callflow.capture_group = None;
        let call = scenario.call(&fixtures::ids());
        for key in ["Authorizing-ID", "Authorizing-Type", "Owner-ID"] {
            assert!(!call.contains_key(key), "{key}");
        }
        let store = call["Key-Value-Store"].as_object().unwrap();
        for key in ["cf_capture_group", "owner_id", "denied_call_restrictions", "cf_old_action"] {
            assert!(!store.contains_key(key), "{key}");
        }
        assert_eq!(store["cf_capture_groups"], json!({}));
    }
}
