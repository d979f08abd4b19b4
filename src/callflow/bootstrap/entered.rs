//! What a call learns of the callflow that was found for it.
//!
//! Source: `cf_route_req.erl` (`update_call`, `DEFAULT_METAFLOWS`).

use serde_json::Value;

use crate::call::Call;
use crate::callflow::{AccountId, Documents, Found};
use crate::json;

/// The callflow's `metaflows`, else `default_metaflow` of the account's configuration of
/// `metaflows`, else `false`.
pub async fn metaflow<D: Documents>(documents: &D, account: &AccountId, found: &Found) -> Value {
    if let Some(own) = found.document.get("metaflows") {
        return own.clone();
    }
    let config = documents.document(account, "configs_metaflows").await.ok().flatten();
    let default = config.and_then(|config| config.get("default_metaflow").cloned());
    default.unwrap_or(Value::Bool(false))
}

/// Tells the call its callflow: identity, name, what the pattern captured and [`metaflow`].
///
/// `cf_flow`, the nodes, is left out: a resume sets it.
pub fn entered(call: &mut Call, found: &Found, metaflow: Value) {
    let document = found.document.as_object();
    let name = document.and_then(|document| json::text(document, "name"));
    let group = found.capture_group().filter(|group| !json::text_is_empty(group));
    let name = name.unwrap_or_else(|| call.request_user());
    call.set_kvs("cf_flow_id", Value::from(found.id.as_str()));
    call.set_kvs("cf_flow_name", Value::from(name));
    call.store_kvs("cf_capture_group", group.map(Value::from));
    call.set_kvs("cf_capture_groups", Value::Object(found.capture_groups()));
    call.set_kvs("cf_no_match", Value::from(found.no_match));
    call.set_kvs("cf_metaflow", metaflow);
    call.insert_channel_variable("CallFlow-ID", Value::from(found.id.as_str()));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{call, document};
    use super::*;
    use crate::callflow::test_documents::{Map, account};
    use crate::callflow::{OptionalGroups, lookup};

    /// A call to `number`, entered into the callflow with these members.
    async fn enter(members: Value, config: Option<Value>, number: &str) -> Call {
        let callflow = document("f", "callflow", members);
        let config = config.map(|it| json!({"_id": "configs_metaflows", "default_metaflow": it}));
        let documents = Map::of(config.into_iter().chain([callflow]));
        let groups = OptionalGroups::NoCapture;
        let found = lookup(&documents, &account(), number, groups).await.unwrap();
        let metaflow = metaflow(&documents, &account(), &found).await;
        let stale = json!({"Key-Value-Store": {"cf_capture_group": "stale"}});
        let mut call = call(stale);
        entered(&mut call, &found, metaflow);
        call
    }

    #[tokio::test]
    async fn a_call_knows_its_callflow() {
        let pattern = "^\\*2(?<dest>\\d*)$";
        for (members, number, stored) in [
            (
                json!({"numbers": ["2001"]}),
                "2001",
                json!({"cf_flow_name": "2001", "cf_capture_groups": {}, "cf_no_match": false}),
            ),
            (
                json!({"name": "Main", "numbers": ["no_match"]}),
                "5551234",
                json!({"cf_flow_name": "Main", "cf_capture_groups": {}, "cf_no_match": true}),
            ),
            (
                json!({"name": "", "patterns": [pattern]}),
                "*215",
                json!({"cf_flow_name": "2001", "cf_capture_group": "15",
                    "cf_capture_groups": {"dest": "15"}, "cf_no_match": false}),
            ),
            (
                json!({"patterns": [pattern]}),
                "*20",
                json!({"cf_flow_name": "2001", "cf_capture_groups": {}, "cf_no_match": false}),
            ),
        ] {
            let call = enter(members.clone(), None, number).await;
            let mut store = call.to_object()["Key-Value-Store"].clone();
            assert_eq!(store["cf_flow_id"], "f");
            assert_eq!(store["cf_metaflow"], false);
            let store = store.as_object_mut().unwrap();
            store.retain(|key, _| !matches!(key.as_str(), "cf_flow_id" | "cf_metaflow"));
            assert_eq!(json!(store), stored, "{members} {number}");
            assert_eq!(call.channel_variables().unwrap()["CallFlow-ID"], "f");
        }
    }

    #[tokio::test]
    async fn metaflows_are_the_callflows_or_the_accounts() {
        let own = json!({"numbers": ["2001"], "metaflows": {"binding_digit": "*"}});
        let none = json!({"numbers": ["2001"]});
        for (members, config, metaflow) in [
            (own.clone(), Some(json!(true)), own["metaflows"].clone()),
            (none.clone(), Some(json!({"numbers": {}})), json!({"numbers": {}})),
            (none, None, json!(false)),
        ] {
            let call = enter(members.clone(), config, "2001").await;
            assert_eq!(call.kvs("cf_metaflow"), Some(&metaflow), "{members}");
        }
    }
}
