use std::time::Duration;

use super::*;
use crate::peer::fixtures;
use serde_json::{Value, json};

/// What a result means; `stacked` waits on KAZOO's stack.
fn meaning(result: Value, stacked: Option<Value>) -> Meaning {
    let mut scenario = fixtures::scenario();
    scenario.node.stacked = stacked.into_iter().map(fixtures::object).collect();
    let result = fixtures::object(json!({ "Result-Term": result }));
    let end = End::Answered { at: Duration::ZERO, result };
    Meaning::of(&scenario, &end, &Rules::default())
}

#[test]
fn each_result_is_told_with_what_follows() {
    let static_node = |caller_id: Value, child: Value| {
        json!({"continue_with_flow": {"module": "dynamic_cid",
            "data": {"action": "static", "caller_id": caller_id}, "children": {"_": child}}})
    };
    let stay = Some("\"Caller Name\" <+14155559999>");
    for (result, caller_id, destination, next) in [
        (
            json!("continue"),
            stay,
            Some("*504158867900"),
            "KAZOO dials *504158867900 off-net (`resources`).",
        ),
        (
            json!({"continue": "1"}),
            stay,
            Some("*504158867900"),
            "KAZOO dials *504158867900 off-net (`resources`).",
        ),
        (
            static_node(json!({"name": "N", "number": "1"}), json!({"module": "resources"})),
            Some("\"N\" <1>"),
            Some("+14158867900"),
            "KAZOO sets the caller ID to \"N\" <1> and the destination to +14158867900, then \
             dials +14158867900 off-net (`resources`).",
        ),
        (
            static_node(
                json!({"number": "1"}),
                json!({"module": "resources", "data": {"to_did": "+1222"}}),
            ),
            Some("\"Caller Name\" <1>"),
            Some("+1222"),
            "KAZOO sets the caller ID to \"Caller Name\" <1> and the destination to \
             +14158867900, then dials +1222 off-net (`resources`).",
        ),
        (
            static_node(json!({"number": "1"}), json!({"module": "callflow", "data": {"id": "x"}})),
            Some("\"Caller Name\" <1>"),
            Some("+14158867900"),
            "KAZOO sets the caller ID to \"Caller Name\" <1> and the destination to \
             +14158867900, then runs callflow `x`.",
        ),
        (
            json!({"continue_with_flow": {"module": "dynamic_cid", "data": {"action": "lists"}}}),
            None,
            None,
            "KAZOO runs its own `dynamic_cid` (lists), which chooses the caller ID.",
        ),
        (
            json!({"continue_with_flow": {"module": "set_cid",
                "data": {"caller_id_number": "7"}, "children": {"_": {"module": "user",
                "data": {"id": "u"}}}}}),
            Some("\"Caller Name\" <7>"),
            Some("*504158867900"),
            "KAZOO overrides the caller ID with \"Caller Name\" <7>, then runs `user` with `u`.",
        ),
        (json!({"continue_with_flow": {}}), stay, Some("*504158867900"), "KAZOO hangs up."),
        (json!("stop"), None, None, "KAZOO hangs up, after what it still has to play."),
        (json!({"stop": "USER_BUSY"}), None, None, "KAZOO hangs up with USER_BUSY."),
        (json!("transfer"), None, None, "KAZOO's executor ends and leaves the call alone."),
        (
            json!({"jump": 1}),
            None,
            None,
            "KAZOO logs a warning and goes on with the node's branch `_`.",
        ),
    ] {
        let told = meaning(result.clone(), None);
        let told_id = told.caller_id.as_ref().map(ToString::to_string);
        assert_eq!(told_id.as_deref(), caller_id, "{result}");
        assert_eq!(told.destination.as_deref(), destination, "{result}");
        assert_eq!(told.next, next, "{result}");
        assert!(!told.answer.is_empty());
    }
}

#[test]
fn a_flow_on_the_stack_goes_on_where_another_stops() {
    for (result, next) in [
        (json!("stop"), "KAZOO goes on with `voicemail`, which waited on its stack."),
        (
            json!({"stop": "USER_BUSY"}),
            "KAZOO goes on with `voicemail`, which waited on its stack.",
        ),
        (
            json!("continue"),
            "KAZOO dials *504158867900 off-net (`resources`), then goes on with `voicemail`, \
             which waited on its stack.",
        ),
    ] {
        let told = meaning(result, Some(json!({"module": "voicemail"})));
        assert_eq!(told.next, next);
    }
}

#[test]
fn a_call_without_answer_has_no_caller_id() {
    let scenario = fixtures::scenario();
    for (end, answer) in [
        (End::Unanswered, "none"),
        (End::Returned("312 NO_ROUTE".to_owned()), "none"),
        (
            End::HungUp { at: Duration::ZERO, cause: "CALL_REJECTED".to_owned() },
            "none: the worker had the call hung up (CALL_REJECTED)",
        ),
        (
            End::Answered { at: Duration::ZERO, result: Object::new() },
            "a result told as an Erlang term only, which is not read here",
        ),
    ] {
        let told = Meaning::of(&scenario, &end, &Rules::default());
        assert_eq!(told.answer, answer);
        assert_eq!((told.caller_id, told.destination), (None, None));
    }
}
