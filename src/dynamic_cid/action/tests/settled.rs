//! A caller ID that stands in the node, and what every mode does with one.

use super::*;

const REJECT: &str = "play prompt://acc/dynamic-cid-invalid_using_default/de-de";

fn node(caller_id: Value) -> Scene {
    Scene::new(json!({"action": "static", "caller_id": caller_id}))
}

#[test]
fn a_static_node_sets_number_and_name_and_goes_on() {
    let scene = node(json!({"number": "5149072508", "name": "Office"}));
    assert_eq!(scene.run(&[]), ["number 5149072508", "name Office", "store", "continue: static"]);
}

#[test]
fn what_the_node_lacks_is_the_callers_own_and_a_missing_number_is_announced() {
    for (caller_id, announced, number, name, reason) in [
        (json!({"number": "1"}), false, "1", "Caller", "static"),
        (json!({"name": "Office"}), true, "2001", "Office", "static_incomplete"),
        (json!({"number": "", "name": ""}), true, "2001", "Caller", "static_incomplete"),
        (json!(null), true, "2001", "Caller", "static_incomplete"),
    ] {
        let mut expected: Vec<String> =
            announced.then(|| format!("1: {REJECT}")).into_iter().collect();
        expected.extend([format!("number {number}"), format!("name {name}"), "store".to_owned()]);
        expected.push(format!("continue: {reason}"));
        assert_eq!(node(caller_id.clone()).run(&[]), expected, "{caller_id}");
    }
}

#[test]
fn what_was_dialled_is_normalised_and_looked_up_by_the_accounts_rules() {
    let account = json!({"dial_plan": {r"^(\d{7})$": {"prefix": "514"}}});
    for (dialled, destination) in [
        ("5149072508", "to +15149072508, looked up as +15149072508"),
        ("5551234", "to 5551234, looked up as +15145551234"),
        // A feature code is nobody's number, and what follows an `@` is a realm.
        ("*5551234", "to *5551234, looked up as *5551234"),
        ("5551234@realm", "to 5551234@realm, looked up as +15145551234"),
    ] {
        let scene = Scene { account: account.clone(), ..node(json!({"number": "1"})) };
        let said = scene.dialled(dialled).run(&[]);
        assert_eq!(said, ["number 1", "name Caller", destination, "store", "continue: static"]);
    }
}

#[test]
fn a_destination_that_a_rule_makes_empty_is_none() {
    let rules = json!({"number_manager": {"e164_converters": {r"^9(\d*)": {}}}});
    let scene = node(json!({"number": "1"})).configured(rules).dialled("9");
    assert_eq!(scene.run(&[]), ["number 1", "name Caller", "store", "continue: static"]);
}

#[test]
fn a_number_rule_that_cannot_be_used_kills_kazoos_action() {
    let rules = json!({"number_manager": {"e164_converters": {"(": {"prefix": "+"}}}});
    let scene = node(json!({"number": "1"})).configured(rules).dialled("5551234");
    assert_eq!(scene.run(&[]), ["died: invalid_number_rule"]);
    let said = scene.recommended().run(&[]);
    assert_eq!(said[2..4], ["to 5551234, looked up as 5551234", "store"]);
}

#[test]
fn nothing_happens_after_the_outcome() {
    let (mut action, step) = node(json!({"number": "1"})).start(0);
    let expected = Outcome::Continue(Reason::Static);
    assert_eq!(step.next, Next::Done(expected.clone()));
    assert_eq!(action.outcome(), Some(&expected));
    assert_eq!(words(&action.on(1, &Event::Hangup)), ["continue: static"]);
    assert_eq!(action.outcome(), Some(&expected));
}

/// Who hands an outcome on follows the decisions it was made by.
#[test]
fn an_action_tells_the_decisions_it_followed() {
    for scene in [node(json!({})), node(json!({})).recommended()] {
        let (action, _) = scene.start(0);
        assert_eq!(action.context().departures, scene.departures);
    }
}
