//! Callflow nodes that this worker answers with.
//!
//! Source: `cf_dynamic_cid.erl` (`handle_static`), `cf_callflow.erl`, `cf_set_cid.erl`.

use serde_json::{Value, json};

use super::flow::WILDCARD;
use crate::json::Object;

/// A `dynamic_cid` node that KAZOO's own module runs in mode `static`: it sets the caller ID and
/// goes on to `child`.
///
/// Without a name KAZOO keeps the call's. An empty number would make it play its reject prompt, so
/// callers must have one.
pub fn static_node(number: &str, name: Option<&str>, child: Option<Object>) -> Object {
    let mut caller_id = Object::new();
    if let Some(name) = name {
        caller_id.insert("name".to_owned(), name.into());
    }
    caller_id.insert("number".to_owned(), number.into());
    let data = [("action", "static".into()), ("caller_id", Value::Object(caller_id))];
    node("dynamic_cid", object(data).into(), child)
}

/// A `callflow` node: KAZOO runs that callflow and then `child`.
pub fn callflow_node(id: &str, child: Option<Object>) -> Object {
    node("callflow", json!({ "id": id }), child)
}

/// A `set_cid` node: the caller ID of endpoints and resources is overridden from here on.
///
/// Without a name KAZOO drops an earlier override of the name.
pub fn set_cid_node(number: &str, name: Option<&str>, child: Option<Object>) -> Object {
    let mut data = Object::new();
    data.insert("caller_id_number".to_owned(), number.into());
    if let Some(name) = name {
        data.insert("caller_id_name".to_owned(), name.into());
    }
    node("set_cid", Value::Object(data), child)
}

/// The native answer: the same node with its children, for KAZOO's own module to run.
pub fn without_remote_execution(node: &Object) -> Object {
    node.iter()
        .filter(|(key, _)| *key != "remote_execution")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn node(module: &str, data: Value, child: Option<Object>) -> Object {
    let children = object(child.map(|child| (WILDCARD, Value::Object(child))));
    object([("module", module.into()), ("data", data), ("children", children.into())])
}

/// `json!` would serialize what can be moved.
fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Object {
    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_kazoos() {
        let child = || json!({"module": "play"}).as_object().cloned();
        for (node, expected) in [
            (
                static_node("+15550100", Some("Sales"), None),
                r#"{"module":"dynamic_cid","data":{"action":"static","caller_id":{"name":"Sales","number":"+15550100"}},"children":{}}"#,
            ),
            (
                static_node("1", None, child()),
                r#"{"module":"dynamic_cid","data":{"action":"static","caller_id":{"number":"1"}},"children":{"_":{"module":"play"}}}"#,
            ),
            (
                callflow_node("cf", child()),
                r#"{"module":"callflow","data":{"id":"cf"},"children":{"_":{"module":"play"}}}"#,
            ),
            (
                set_cid_node("1", Some("Sales"), None),
                r#"{"module":"set_cid","data":{"caller_id_number":"1","caller_id_name":"Sales"},"children":{}}"#,
            ),
            (
                set_cid_node("1", None, None),
                r#"{"module":"set_cid","data":{"caller_id_number":"1"},"children":{}}"#,
            ),
        ] {
            assert_eq!(Value::Object(node).to_string(), expected);
        }
    }

    #[test]
    fn the_native_answer_keeps_everything_else_in_its_order() {
        let node = json!({"remote_execution": true, "children": {"x": {"remote_execution": true}},
            "note": 1, "module": "dynamic_cid", "data": {"remote_execution": true}});
        let native = without_remote_execution(node.as_object().unwrap());
        assert_eq!(
            Value::Object(native).to_string(),
            r#"{"children":{"x":{"remote_execution":true}},"note":1,"module":"dynamic_cid","data":{"remote_execution":true}}"#
        );
    }
}
