//! The `dynamic_cid` nodes of a callflow document.

use serde_json::Value;

use super::violation::step;

/// Calls `visit` with the path and data of each node whose module is `dynamic_cid`, in document
/// order, until it returns `false`. Data that is no object is left to the schema of nodes.
///
/// The document's depth is bounded by the caller, and with it the work done here.
pub(super) fn dynamic_cid_nodes(callflow: &Value, mut visit: impl FnMut(&str, &Value) -> bool) {
    let mut open: Vec<(String, &Value)> =
        callflow.get("flow").map(|root| ("/flow".to_owned(), root)).into_iter().collect();
    while let Some((path, node)) = open.pop() {
        let is_ours = node.get("module").and_then(Value::as_str) == Some("dynamic_cid");
        if let Some(data) = node.get("data").filter(|data| is_ours && data.is_object())
            && !visit(&format!("{path}/data"), data)
        {
            return;
        }
        let children = node.get("children").and_then(Value::as_object).into_iter().flatten();
        let first = open.len();
        open.extend(
            children.map(|(branch, child)| (format!("{path}/children{}", step(branch)), child)),
        );
        // The first branch is to be looked at next.
        open[first..].reverse();
    }
}
