#![allow(clippy::needless_pass_by_value)] // `json!` values read better without `&`

use serde_json::json;

use super::*;

const DID: &str = "+15149072508";

fn object(value: Value) -> Object {
    value.as_object().cloned().unwrap()
}

fn inline(flow: Value) -> Inlined {
    inline_with_did(&object(flow), &Did::from(DID), InlineLimits::default()).unwrap()
}

#[test]
fn every_off_net_node_gets_the_destination() {
    for (before, after, placed) in [
        (
            r#"{"module":"resources","data":{"use_local_resources":false,"bypass_e911":true},"children":{}}"#,
            r#"{"module":"resources","data":{"use_local_resources":false,"bypass_e911":true,"to_did":"+15149072508"},"children":{}}"#,
            1,
        ),
        (
            r#"{"data":{},"children":{"_":{"module":"play"}},"module":"offnet","x":1.0}"#,
            r#"{"data":{"to_did":"+15149072508"},"children":{"_":{"module":"play"}},"module":"offnet","x":1.0}"#,
            1,
        ),
        (r#"{"module":"offnet"}"#, r#"{"module":"offnet","data":{"to_did":"+15149072508"}}"#, 1),
        (
            r#"{"module":"offnet","data":[],"children":null}"#,
            r#"{"module":"offnet","data":{"to_did":"+15149072508"},"children":null}"#,
            1,
        ),
        // An operator's own number stays; an empty text is none to KAZOO.
        (
            r#"{"module":"resources","data":{"to_did":"911"}}"#,
            r#"{"module":"resources","data":{"to_did":"911"}}"#,
            0,
        ),
        (
            r#"{"module":"resources","data":{"to_did":5149072508}}"#,
            r#"{"module":"resources","data":{"to_did":5149072508}}"#,
            0,
        ),
        (
            r#"{"module":"resources","data":{"to_did":"","x":1}}"#,
            r#"{"module":"resources","data":{"to_did":"+15149072508","x":1}}"#,
            1,
        ),
        // On every branch, at every depth, below off-net nodes too.
        (
            r#"{"module":"play","children":{"_":{"module":"resources","children":{"BUSY":{"module":"offnet"},"x":"y"}}}}"#,
            r#"{"module":"play","children":{"_":{"module":"resources","children":{"BUSY":{"module":"offnet","data":{"to_did":"+15149072508"}},"x":"y"},"data":{"to_did":"+15149072508"}}}}"#,
            2,
        ),
        (
            r#"{"module":"user","data":{"module":"resources"},"children":{}}"#,
            r#"{"module":"user","data":{"module":"resources"},"children":{}}"#,
            0,
        ),
    ] {
        let inlined = inline(serde_json::from_str(before).unwrap());
        assert_eq!(Value::Object(inlined.flow).to_string(), after);
        assert_eq!(inlined.placed, placed, "{before}");
    }
}

#[test]
fn callflows_beyond_the_flow_are_named() {
    let inlined = inline(json!({"module": "callflow", "data": {"id": "a"}, "children": {
        "_": {"module": "callflow", "data": {"id": "b", "skip_module": true}},
        "x": {"module": "callflow", "data": {"id": "c"}}}}));
    assert_eq!((inlined.placed, inlined.branches_to), (0, vec!["a".into(), "c".into()]));
}

#[test]
fn a_nodes_own_flags_choose_the_form_of_the_number() {
    let did = Did { verbatim: "v".into(), bypassing: "b".into(), usual: "u".into() };
    for (data, number) in [
        (json!({}), "u"),
        (json!({"bypass_e164": true}), "b"),
        (json!({"do_not_normalize": "true"}), "v"),
        (json!({"do_not_normalize": true, "bypass_e164": true}), "v"),
        (json!({"do_not_normalize": 1}), "u"),
    ] {
        let flow = object(json!({"module": "resources", "data": data}));
        let inlined = inline_with_did(&flow, &did, InlineLimits::default()).unwrap();
        assert_eq!(inlined.flow["data"]["to_did"], number, "{flow:?}");
    }
}

#[test]
fn a_flow_too_large_to_send_is_refused() {
    let flow = |levels| {
        let leaf = json!({"module": "resources"});
        object((1..levels).fold(leaf, |below, _| json!({"children": {"_": below}})))
    };
    let inline = |levels| {
        let limits = InlineLimits { depth: 3, nodes: 5 };
        inline_with_did(&flow(levels), &Did::from(DID), limits).map(|inlined| inlined.placed)
    };
    assert_eq!(inline(4), Ok(1));
    assert_eq!(inline(5), Err(InlineError::TooDeep(3)));
    let wide = |nodes: usize| {
        let children: Object = (1..nodes).map(|node| (node.to_string(), json!({}))).collect();
        let limits = InlineLimits { depth: 3, nodes: 5 };
        inline_with_did(&object(json!({ "children": children })), &Did::from(DID), limits)
    };
    assert!(wide(5).is_ok());
    let error = wide(6).unwrap_err().to_string();
    assert_eq!(error, "the flow has more than 5 nodes");
}

#[test]
fn an_operators_nodes_keep_every_byte_but_ours() {
    let documents: Vec<Value> = serde_json::from_str(include_str!(
        "../../tests/fixtures/transcripts/documents.account.json"
    ))
    .unwrap();
    for document in documents {
        let Some(flow) = document["flow"].as_object() else { continue };
        let inlined = inline_with_did(flow, &Did::from(DID), InlineLimits::default()).unwrap();
        let text = Value::Object(inlined.flow).to_string();
        let without = text.replace(&format!(r#","to_did":"{DID}""#), "");
        assert_eq!(without, Value::Object(flow.clone()).to_string());
        assert_eq!(text.matches("to_did").count(), inlined.placed);
    }
}
