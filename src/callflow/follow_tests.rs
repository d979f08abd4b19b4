#![allow(clippy::needless_pass_by_value)] // `json!` values read better without `&`

use serde_json::json;

use super::super::flow;
use super::super::test_documents::{ACCOUNT, Map, Unreadable, account};
use super::*;

const MODULE: &str = "dynamic_cid";

/// A remote node with the data `{"action": "manual"}`.
fn remote(children: Value) -> Value {
    node_of(json!({"action": "manual"}), children)
}

fn node_of(data: Value, children: Value) -> Value {
    json!({"module": MODULE, "remote_execution": true, "data": data, "children": children})
}

fn play(id: &str) -> Value {
    json!({"_": {"module": "play", "data": {"id": id}, "children": {}}})
}

fn callflow(id: &str, flow: Value) -> Value {
    json!({"_id": id, "pvt_type": "callflow", "numbers": [], "patterns": [], "flow": flow})
}

fn branch(id: &str, children: Value) -> Value {
    json!({"module": "callflow", "data": {"id": id}, "children": children})
}

/// Anything but an object, such as `null` where there was no data, reads as `{}`.
fn object(value: Value) -> Object {
    value.as_object().cloned().unwrap_or_default()
}

async fn follow(documents: &Map, data: Value) -> Following<Unreadable> {
    following(documents, &account(), Some("root"), &object(data), MODULE).await
}

/// (document, path, child, single purpose, complete)
async fn found(documents: &Map, data: Value) -> (String, String, Value, bool, bool) {
    let following = follow(documents, data).await;
    let child = following.node().and_then(flow::wildcard_child).cloned();
    match following {
        Following::Found { place, single_purpose, complete, .. } => {
            let child = child.map_or(Value::Null, Value::Object);
            (place.document_id, place.path, child, single_purpose, complete)
        }
        other => panic!("{other:?}"),
    }
}

fn manual() -> Value {
    json!({"action": "manual"})
}

#[tokio::test]
async fn the_node_is_found_wherever_the_call_can_have_met_it() {
    let after = play("after")["_"].clone();
    let account_with_preflow = json!({"_id": ACCOUNT, "preflow": {"always": "pre"}});
    let no_match = |flow| {
        let mut document = callflow("any", flow);
        document["numbers"] = json!(["no_match"]);
        document
    };
    let list = json!({"module": MODULE, "data": {"action": "lists", "id": "l"}});
    for (documents, document, path) in [
        (vec![callflow("root", remote(play("after")))], "root", "/flow"),
        (
            vec![callflow(
                "root",
                json!({"module": "menu", "children": {
                "1": {"module": "play", "children": {"_": remote(play("after"))}}}}),
            )],
            "root",
            "/flow/children/1/children/_",
        ),
        (
            vec![callflow("root", branch("b", json!({}))), callflow("b", remote(play("after")))],
            "b",
            "/flow",
        ),
        (
            vec![
                callflow("root", play("x")["_"].clone()),
                account_with_preflow,
                callflow("pre", branch("b", json!({}))),
                callflow("b", remote(play("after"))),
            ],
            "b",
            "/flow",
        ),
        (vec![callflow("root", list), no_match(remote(play("after")))], "any", "/flow"),
    ] {
        let result = found(&Map::of(documents), manual()).await;
        assert_eq!(result, (document.into(), path.into(), after.clone(), false, true));
    }
}

#[tokio::test]
async fn a_node_that_was_branched_to_may_have_something_behind_it() {
    let here = Map::of([callflow("root", remote(play("after")))]);
    let elsewhere =
        Map::of([callflow("root", branch("b", json!({}))), callflow("b", remote(play("after")))]);
    let both = Map::of([
        callflow(
            "root",
            json!({"module": "menu", "children": {
            "1": remote(play("after")), "2": branch("b", json!({}))}}),
        ),
        callflow("b", remote(play("after"))),
    ]);
    for (documents, expected) in [(here, false), (elsewhere, true), (both, true)] {
        match follow(&documents, manual()).await {
            Following::Found { branched_to, .. } => assert_eq!(branched_to, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_only_node_is_the_one_although_it_was_edited_since() {
    let sent = json!({"action": "static"});
    for (flow, expected) in [
        (remote(play("after")), true),
        (json!({"module": "play", "children": {"_": remote(play("after"))}}), true),
        // Nobody can know which of them it was, or that it was this one.
        (
            json!({"module": "menu", "children": {
            "1": remote(play("after")), "2": remote(play("after"))}}),
            false,
        ),
        (json!({"module": MODULE, "data": {"action": "manual"}}), false),
    ] {
        let documents = Map::of([callflow("root", flow.clone())]);
        match follow(&documents, sent.clone()).await {
            Following::Edited { node, branched_to, place } => {
                assert!(expected, "{flow}");
                assert_eq!((&node["data"], branched_to), (&sent, false));
                assert_eq!(place.document_id, "root");
                assert_eq!(flow::wildcard_child(&node).unwrap()["data"]["id"], "after");
            }
            other => assert!(!expected, "{flow}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn data_is_compared_as_kazoo_sees_it() {
    for (stored, received, expected) in [
        (
            json!({"action": "manual", "max_digits": 10}),
            json!({"max_digits": 10.0, "action": "manual"}),
            true,
        ),
        (
            json!({"action": "manual", "max_digits": 10}),
            json!({"action": "manual", "max_digits": "10"}),
            false,
        ),
        (json!({"action": "manual", "note": ""}), json!({"action": "manual", "note": ""}), true),
        (json!({"action": "manual", "note": null}), json!({"action": "manual"}), false),
        (
            json!({"caller_id": {"name": "a", "number": "1"}}),
            json!({"caller_id": {"number": "1", "name": "a"}}),
            true,
        ),
        (json!({}), json!(null), true),
        (json!(null), json!({}), true),
        (json!("no object"), json!({}), true),
        (json!([]), json!({"action": "manual"}), false),
    ] {
        let documents = Map::of([callflow("root", node_of(stored.clone(), json!({})))]);
        let result = follow(&documents, received.clone()).await;
        assert_eq!(matches!(result, Following::Found { .. }), expected, "{stored} {received}");
    }
    let bare = json!({"module": MODULE, "remote_execution": "true"});
    let (.., child, _, _) = found(&Map::of([callflow("root", bare)]), json!({})).await;
    assert_eq!(child, Value::Null);
}

#[tokio::test]
async fn several_nodes_are_one_if_the_same_follows() {
    let two = |first, second| {
        Map::of([callflow(
            "root",
            json!({"module": "menu", "children": {
            "1": remote(first), "2": remote(second)}}),
        )])
    };
    let same = found(&two(play("a"), play("a")), manual()).await;
    assert_eq!((same.1.as_str(), same.3), ("/flow/children/1", false));
    // Other branches than `_` are never taken by this module.
    let mut other_branch = play("a");
    other_branch["match"] = json!({"module": "play"});
    assert_eq!(found(&two(play("a"), other_branch), manual()).await.1, "/flow/children/1");
    assert_eq!(found(&two(json!({"_": {}}), json!({})), manual()).await.2, Value::Null);

    for (first, second) in [(play("a"), play("b")), (play("a"), json!({}))] {
        let places = ["/flow/children/1", "/flow/children/2"];
        let candidates =
            places.map(|path| Place { document_id: "root".into(), path: path.into() }).to_vec();
        let result = follow(&two(first, second), manual()).await;
        assert_eq!(result, Following::Ambiguous { candidates });
    }
}

#[tokio::test]
async fn a_document_made_for_branching_is_single_purpose() {
    let entered = || callflow("root", branch("b", play("after")));
    for (documents, expected) in [
        (vec![entered(), callflow("b", remote(json!({})))], true),
        (vec![entered(), callflow("b", remote(json!({"_": {}})))], true),
        (vec![entered(), callflow("b", remote(play("x")))], false),
        (
            vec![
                entered(),
                callflow("b", json!({"module": "play", "children": {"_": remote(json!({}))}})),
            ],
            false,
        ),
        (
            vec![
                callflow("root", branch("b", json!({"_": remote(json!({}))}))),
                callflow("b", remote(json!({}))),
            ],
            false,
        ),
        (vec![callflow("root", remote(json!({})))], true),
    ] {
        assert_eq!(found(&Map::of(documents.clone()), manual()).await.3, expected, "{documents:?}");
    }
}

#[tokio::test]
async fn cycles_and_missing_callflows_end_the_search() {
    let documents = Map::of([
        callflow(
            "root",
            branch("b", json!({"_": branch("gone", json!({"_": branch("root", json!({}))}))})),
        ),
        callflow("b", branch("root", json!({"_": remote(play("after"))}))),
    ]);
    let result = found(&documents, manual()).await;
    assert_eq!((result.0.as_str(), result.1.as_str(), result.4), ("b", "/flow/children/_", true));
    assert_eq!(*documents.reads.lock().unwrap(), [ACCOUNT, "root", "b", "gone"]);
}

#[tokio::test]
async fn what_an_operator_needs_to_know_is_told() {
    let flow = json!({"module": "menu", "children": {
        "1": {"module": MODULE, "data": {"action": "manual"}},
        "2": node_of(json!({"action": "static"}), json!({})),
        "3": branch("b", json!({})),
    }});
    let documents = Map::of([callflow("root", flow), callflow("b", json!({}))]);
    let Following::NotFound(reason) = follow(&documents, manual()).await else { panic!() };
    assert_eq!(
        reason.to_string(),
        "no remote `dynamic_cid` node with this data in callflow(s) root, b; the one in callflow \
         `root` at /flow/children/1 has no `\"remote_execution\": true`; the one in callflow \
         `root` at /flow/children/2 has other data"
    );
    let gone = follow(&Map::of([]), manual()).await;
    assert_eq!(gone, Following::NotFound(NotFound::NoDocument { document_id: "root".into() }));
    for flow_id in [None, Some("")] {
        let nowhere = following(&Map::of([]), &account(), flow_id, &object(manual()), MODULE).await;
        assert_eq!(nowhere, Following::NotFound(NotFound::NoFlowId));
    }
}

#[tokio::test]
async fn what_cannot_be_read_matters_only_if_nothing_is_found() {
    let documents = || {
        vec![
            callflow("root", branch("b", json!({"_": branch("c", json!({}))}))),
            callflow("b", json!({})),
            callflow("c", remote(play("after"))),
        ]
    };
    for what in [ACCOUNT, "b"] {
        let result = found(&Map::of(documents()).unreadable(what), manual()).await;
        assert_eq!((result.0.as_str(), result.4), ("c", false));
    }
    for what in ["root", "c"] {
        let result = follow(&Map::of(documents()).unreadable(what), manual()).await;
        let error = Unreadable(what.into());
        assert_eq!(result, Following::Unreadable { document_id: what.into(), error });
    }
}

#[tokio::test]
async fn a_search_is_bounded() {
    let chain = (0..60).map(|index| {
        let id = if index == 0 { "root".into() } else { format!("cf{index}") };
        let mut flow = branch(&format!("cf{}", index + 1), json!({}));
        if index == 49 || index == 59 {
            flow["children"] = json!({"_": remote(json!({"_": {"module": index.to_string()}}))});
        }
        callflow(&id, flow)
    });
    let result = found(&Map::of(chain), manual()).await;
    assert_eq!((result.0.as_str(), result.4), ("cf49", false));

    let deep = (0..102)
        .fold(remote(json!({})), |below, _| json!({"module": "play", "children": {"_": below}}));
    let documents = Map::of([callflow("root", deep)]);
    let Following::NotFound(reason) = follow(&documents, manual()).await else { panic!() };
    assert!(reason.to_string().ends_with("(not all in reach were searched)"), "{reason}");
}

#[tokio::test]
async fn the_recorded_remote_nodes_are_found() {
    let documents = Map::recorded();
    for (flow_id, data) in [
        (
            "cf_remote",
            json!({"action": "static", "caller_id": {"name": "Static Name", "number": "+14155550100"}}),
        ),
        ("cf_remote_lists", json!({"action": "lists", "id": "list1"})),
        ("cf_remote_idx", json!({"action": "list", "id": "list1", "idx_name": "cid"})),
    ] {
        let sent = object(data.clone());
        let result = following(&documents, &account(), Some(flow_id), &sent, MODULE).await;
        let Following::Found { place, .. } = &result else { panic!("{flow_id}: {result:?}") };
        let node = result.node().unwrap();
        let child = flow::wildcard_child(node).unwrap();
        assert_eq!((child["module"].as_str(), &*place.document_id), (Some("probe"), flow_id));
        assert_eq!(node["data"], data);
    }
}
