use serde_json::{Value, json};

use super::*;
use crate::dynamic_cid::{Reason, RouteTarget};

fn object(value: Value) -> Object {
    value.as_object().cloned().unwrap()
}

fn node(child: Option<Value>) -> Object {
    let children = child.map_or_else(|| json!({}), |child| json!({ "_": child }));
    object(json!({
        "module": "dynamic_cid", "remote_execution": true, "data": {"action": "lists", "id": "l"},
        "children": children,
    }))
}

fn branch() -> Outcome {
    let target = RouteTarget { callflow_id: "found".into(), no_match: true };
    Outcome::Branch { reason: Reason::Entry, target }
}

fn changes() -> Changes {
    Changes {
        number: Some("1555".into()),
        name: Some("Sales".into()),
        destination: Some(Destination { number: "+1514".into(), request_user: "+1514".into() }),
        stored: true,
    }
}

/// A list's destination behind a key, served by a flow that dials out, decided as KAZOO would.
fn decided<'a>(
    outcome: &'a Outcome,
    changes: &'a Changes,
    flow: &'a Object,
    did: &'a Did,
) -> Decided<'a> {
    Decided {
        mode: Mode::Lists,
        outcome,
        changes,
        whole_group: false,
        native_agrees: &|| true,
        found_flow: Some(flow),
        did: Some(did),
        list_answer: ListAnswer::Inline,
    }
}

fn kind(decided: &Decided<'_>, node: &Object) -> (&'static str, Before) {
    let child = node["children"].get("_").and_then(Value::as_object);
    let answer = choose(decided, Some(Node { node, child, branched_to: false }));
    (answer.kind, answer.before)
}

#[test]
fn a_list_is_answered_with_what_is_exact() {
    let (outcome, changes, did) = (branch(), changes(), Did::from("+1514"));
    let dials = object(json!({"module": "resources", "data": {}, "children": {}}));
    let branches = object(json!({"module": "callflow", "data": {"id": "x"}, "children": {}}));
    let (alone, with_child) = (node(None), node(Some(json!({"module": "voicemail"}))));
    let base = decided(&outcome, &changes, &dials, &did);
    for (what, decided, node, expected) in [
        ("no child", base, &alone, ("static_inline", Before::Commands)),
        ("a child", base, &with_child, ("native", Before::Nothing)),
        (
            "named groups",
            Decided { whole_group: true, ..base },
            &with_child,
            ("static_callflow", Before::Commands),
        ),
        (
            "a flow that branches",
            Decided { found_flow: Some(&branches), ..base },
            &alone,
            ("native", Before::Nothing),
        ),
        (
            "native wanted",
            Decided { list_answer: ListAnswer::Native, ..base },
            &alone,
            ("native", Before::Nothing),
        ),
        (
            "native wanted, but it would decide otherwise",
            Decided { list_answer: ListAnswer::Native, native_agrees: &|| false, ..base },
            &alone,
            ("static_inline", Before::Commands),
        ),
        (
            "a child, and native would decide otherwise",
            Decided { native_agrees: &|| false, ..base },
            &with_child,
            ("static_inline", Before::Commands),
        ),
        (
            "a dial plan that cannot be applied, and native would decide otherwise",
            Decided { native_agrees: &|| false, did: None, ..base },
            &alone,
            ("static_callflow_inexact", Before::Commands),
        ),
    ] {
        assert_eq!(kind(&decided, node), expected, "{what}");
    }
}

/// A living KAZOO dialled the key with the number, from the flow that had branched here.
#[test]
fn a_part_of_the_group_is_left_to_kazoo_where_something_may_come_after() {
    let (outcome, changes, did) = (branch(), changes(), Did::from("+1514"));
    let dials = object(json!({"module": "resources", "data": {}, "children": {}}));
    let base = decided(&outcome, &changes, &dials, &did);
    let node = node(None);
    let branched_to = Node { node: &node, child: None, branched_to: true };
    for (decided, expected) in [
        (base, "native"),
        (Decided { whole_group: true, ..base }, "static_callflow"),
        (Decided { native_agrees: &|| false, ..base }, "static_inline"),
    ] {
        assert_eq!(choose(&decided, Some(branched_to)).kind, expected);
    }
}

#[test]
fn a_key_without_destination_is_not_given_to_a_static_node() {
    let outcome = Outcome::Continue(Reason::Entry);
    let changes = Changes { destination: None, ..changes() };
    let (flow, did) = (Object::new(), Did::from(""));
    let base = decided(&outcome, &changes, &flow, &did);
    assert_eq!(kind(&base, &node(None)), ("native", Before::Nothing));
    let departs = Decided { native_agrees: &|| false, ..base };
    assert_eq!(kind(&departs, &node(None)), ("set_cid", Before::Everything));
}

#[test]
fn static_and_manual_carry_number_and_name_to_the_child() {
    let (flow, did) = (Object::new(), Did::from(""));
    let outcome = Outcome::Continue(Reason::DigitsAccepted);
    let changes = Changes { name: None, ..changes() };
    let manual = Decided { mode: Mode::Manual, ..decided(&outcome, &changes, &flow, &did) };
    let child = json!({"module": "resources", "data": {}, "children": {}});
    let node = node(Some(child.clone()));
    let answer =
        choose(&manual, Some(Node { node: &node, child: child.as_object(), branched_to: false }));
    let expected = object(json!({
        "module": "dynamic_cid",
        "data": {"action": "static", "caller_id": {"number": "1555"}},
        "children": {"_": child},
    }));
    assert_eq!(answer.result, Some(ActionResult::ContinueWithFlow(expected)));
    assert_eq!(answer.before, Before::Commands);
}

#[test]
fn what_ends_the_call_tells_the_switch_itself() {
    let (changes, flow, did) = (changes(), Object::new(), Did::from(""));
    let unchanged = Changes::default();
    for (outcome, changes, result, kind, before) in [
        (
            Outcome::Stop(Reason::NoCallflow),
            &changes,
            Some(ActionResult::Stop),
            "stop",
            Before::Everything,
        ),
        (Outcome::Refused, &changes, None, "refused", Before::Everything),
        (
            Outcome::Died(Reason::NotInList),
            &unchanged,
            Some(ActionResult::Continue),
            "continue",
            Before::Commands,
        ),
        (
            Outcome::Continue(Reason::Static),
            &changes,
            Some(ActionResult::Continue),
            "continue_unlocated",
            Before::Commands,
        ),
    ] {
        let answer = choose(&decided(&outcome, changes, &flow, &did), None);
        assert_eq!(answer, Answer { result, before, kind }, "{outcome:?}");
    }
}

/// What waits on KAZOO's stack goes on with the caller ID that was chosen.
#[test]
fn a_stop_in_a_callflow_that_was_branched_to_keeps_the_caller_id() {
    let (changes, unchanged, flow, did) =
        (changes(), Changes::default(), Object::new(), Did::from(""));
    let outcome = Outcome::Stop(Reason::NoCallflow);
    let own = Object::new();
    for (changes, branched_to, whole_group, kind) in [
        (&changes, true, true, "static"),
        (&changes, true, false, "set_cid"),
        (&changes, false, true, "stop"),
        (&unchanged, true, true, "stop"),
    ] {
        let decided = Decided { whole_group, ..decided(&outcome, changes, &flow, &did) };
        let node = Node { node: &own, child: None, branched_to };
        let answer = choose(&decided, Some(node));
        assert_eq!(answer.kind, kind, "{branched_to} {whole_group}");
        if let Some(ActionResult::ContinueWithFlow(flow)) = answer.result {
            assert!(!json!(flow).to_string().contains("\"_\""), "something follows: {flow:?}");
        }
    }
}

#[test]
fn the_flow_is_looked_up_only_where_the_answer_needs_it() {
    let (changes, unchanged) = (changes(), Changes::default());
    for (outcome, changes, needed) in [
        (Outcome::Continue(Reason::Static), &changes, true),
        (branch(), &changes, true),
        (Outcome::Stop(Reason::NoCallflow), &changes, true),
        (Outcome::Stop(Reason::TooShort), &unchanged, false),
        (Outcome::Refused, &changes, false),
        (Outcome::Died(Reason::NotInList), &unchanged, false),
        (Outcome::Died(Reason::OptionalGroups), &changes, true),
    ] {
        assert_eq!(needs_following(&outcome, changes), needed, "{outcome:?}");
    }
}
