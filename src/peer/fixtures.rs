//! The call of a recorded transcript, for the tests of this room.

use serde_json::{Value, json};

use super::ids::CallIds;
use super::scenario::{Account, Caller, CallerId, Callflow, Endpoint, Node, Scenario};
use crate::json::Object;
use crate::kapi::Identity;
use crate::kapi::command::{Dialect, Target};

/// The body of an `action.execute` that a living KAZOO published for a callflow.
pub(super) fn recorded_execute(flow: &str) -> Object {
    let path: std::path::PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "kapi", "recorded.json"].iter().collect();
    let recorded: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let messages = recorded.as_array().unwrap().iter().map(|message| &message["payload"]);
    let mut executes =
        messages.filter(|body| body["Call"]["Key-Value-Store"]["cf_flow_id"] == flow);
    executes.next().and_then(Value::as_object).cloned().unwrap()
}

/// The call of these ids, under a worker's control.
pub(super) fn target<'a>(identity: &'a Identity, ids: &'a CallIds) -> Target<'a> {
    Target {
        identity,
        control_queue: &ids.control,
        call_id: &ids.call_id,
        dialect: Dialect::Master,
    }
}

/// The scenario that the recorded execute of `cf_remote` came from.
pub(super) fn scenario() -> Scenario {
    Scenario {
        account: Account {
            id: "c1d00000000000000000000000000001".to_owned(),
            database: "account%2Fc1%2Fd0%2F0000000000000000000000000001".to_owned(),
            realm: "kzref.example.com".to_owned(),
            name: Some("kzref".to_owned()),
        },
        caller: Caller {
            caller_id: caller_id("Caller Name", "+14155559999"),
            user: "dev1".to_owned(),
            endpoint: Some(Endpoint {
                id: "dev1".to_owned(),
                kind: "device".to_owned(),
                name: Some("dev1".to_owned()),
                owner: None,
                denied_restrictions: Object::new(),
            }),
        },
        dialled: "*504158867900".to_owned(),
        request_user: "*504158867900".to_owned(),
        callflow: Callflow {
            id: "cf_remote".to_owned(),
            name: "cf_remote".to_owned(),
            found_by: "its pattern `^\\*50([0-9]+)$`".to_owned(),
            capture_group: Some("4158867900".to_owned()),
            capture_groups: Object::new(),
            no_match: false,
            exit_keys: vec!["_".to_owned()],
        },
        node: Node {
            document: "cf_remote".to_owned(),
            path: "/flow".to_owned(),
            node: object(json!({
                "module": "dynamic_cid",
                "remote_execution": true,
                "data": {
                    "action": "static",
                    "caller_id": {"name": "Static Name", "number": "+14155550100"},
                },
                "children": {"_": {"module": "resources", "data": {}, "children": {}}},
            })),
            previous: None,
            stacked: Vec::new(),
        },
        language: "en-us".to_owned(),
        host: "fs1.example.com".to_owned(),
    }
}

pub(super) fn caller_id(name: &str, number: &str) -> CallerId {
    CallerId { name: name.to_owned(), number: number.to_owned() }
}

pub(super) fn ids() -> CallIds {
    CallIds::new("peer-queue", 0)
}

pub(super) fn object(value: Value) -> Object {
    value.as_object().cloned().unwrap()
}
