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
