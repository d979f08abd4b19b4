//! The calls that a running KAZOO 4.3 served, up to their first node.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::callflow::test_documents::{Map, account};
use crate::callflow::{OptionalGroups, lookup};
use crate::numbers::OnBadRule;

/// What the Call of a first node has and ours has not, or the other way round: the nodes, which a
/// resume sets; the queue of KAZOO's executor; what KAZOO reads and does not write.
const APART: [&str; 4] = ["Controller-Queue", "App-Name", "App-Version", "Context"];

struct Recorded(Value);

impl Recorded {
    fn read() -> Self {
        Self(serde_json::from_str(include_str!("fixtures/recorded-4.3.json")).unwrap())
    }

    fn documents(&self) -> Map {
        Map::of(self.0["account"].as_array().cloned().unwrap())
    }

    fn rules(&self) -> Rules {
        let rules = &self.0["number_manager"];
        Rules::from_config(Some(&rules["e164_converters"]), Some(&rules["classifiers"]))
    }

    fn calls(&self) -> impl Iterator<Item = &Value> {
        self.0["calls"].as_array().unwrap().iter()
    }

    /// A member of a call with what all calls share.
    fn whole(&self, call: &Value, key: &str) -> Value {
        let mut whole = self.0["shared"][key].clone();
        add(&mut whole, &call[key]);
        whole
    }

    /// The call as it is when its callflow is found, and what won its route.
    async fn found(&self, call: &Value, documents: &Map) -> (Call, Object) {
        let request = object(self.whole(call, "request"));
        let rules = self.rules();
        let normalise = |number: &str| {
            let own = AccountRules::default();
            rules.normalise_for_account(number, &own, OnBadRule::Raise).unwrap()
        };
        let mut entering = Call::from_route_req(&request, normalise).unwrap();
        transferred(documents, &account(), &mut entering).await.unwrap();
        let number = entering.request_user();
        let found =
            lookup(documents, &account(), &number, OptionalGroups::NoCapture).await.unwrap();
        let metaflow = metaflow(documents, &account(), &found).await;
        entered(&mut entering, &found, metaflow);
        let mut win = object(self.whole(call, "win"));
        win.insert("Custom-Channel-Vars".to_owned(), request["Custom-Channel-Vars"].clone());
        (entering, win)
    }
}

fn object(value: Value) -> Object {
    value.as_object().cloned().unwrap()
}

/// Adds members to an object, level by level.
fn add(into: &mut Value, more: &Value) {
    for (key, value) in more.as_object().unwrap() {
        if value.is_object() && into[key].is_object() {
            add(&mut into[key], value);
        } else {
            into[key] = value.clone();
        }
    }
}

/// A Call without what is apart.
fn comparable(mut call: Object) -> Value {
    for key in APART {
        call.shift_remove(key);
    }
    call["Key-Value-Store"].as_object_mut().unwrap().shift_remove("cf_flow");
    Value::Object(call)
}

#[tokio::test]
async fn every_recorded_call_begins_as_kazoo_began_it() {
    let recorded = Recorded::read();
    let (documents, rules) = (recorded.documents(), recorded.rules());
    let mut refused = Vec::new();
    let mut compared = 0;
    for case in recorded.calls() {
        let name = case["name"].as_str().unwrap();
        let (mut call, win) = recorded.found(case, &documents).await;
        call.apply_route_win(&win);
        let settings = BootstrapSettings::default();
        let own = AccountRules::default();
        match bootstrap(&documents, &account(), call, &settings, &rules, &own).await {
            Bootstrapped::Restricted(restriction) => {
                assert_eq!(case["set"], json!(null), "{name}: {}", restriction.reason);
                assert_eq!(restriction.language, "en-us", "{name}");
                refused.push(name);
            }
            Bootstrapped::Ready { call, channel_vars, remarks, .. } => {
                assert_eq!(remarks, [], "{name}");
                assert_eq!(json!(channel_vars), recorded.whole(case, "set"), "{name}");
                if case.get("call").is_some() {
                    let expected = comparable(object(recorded.whole(case, "call")));
                    assert_eq!(comparable(call.into_object()), expected, "{name}");
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(refused, ["native_restricted_cg"]);
    assert_eq!((recorded.calls().count(), compared), (85, 7));
}

#[tokio::test]
async fn every_recorded_answer_names_its_callflow_and_presence() {
    let recorded = Recorded::read();
    let documents = Arc::new(recorded.documents());
    for case in recorded.calls() {
        let (call, _) = recorded.found(case, &documents).await;
        let mut variables = call.channel_variables().cloned().unwrap();
        if let Some(presence) = presence_id(&*documents, &account(), &call).await {
            variables.insert("Presence-ID".to_owned(), presence.into());
        }
        let mut expected = recorded.whole(case, "request")["Custom-Channel-Vars"].clone();
        add(&mut expected, &case["answered"]);
        assert_eq!(Value::Object(variables), expected, "{}", case["name"]);
    }
}
