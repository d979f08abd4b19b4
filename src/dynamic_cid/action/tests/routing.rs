//! Where a list's destination goes, and whether the caller may call it.

use super::*;

const INVALID: &str = "1: play prompt://acc/disa-invalid_extension/de-de";

/// A node whose destination is 5551234, with these members beside.
fn scene(data: Value) -> Scene {
    let mut node = json!({"action": "lists", "id": "l"});
    node.as_object_mut().unwrap().extend(data.as_object().cloned().unwrap());
    let config = json!({"number_manager": {"classifiers": {"local": {"regex": "^5"}}}});
    Scene {
        list: list(&[("01", 2, "5149072508")]),
        ..Scene::new(node).configured(config).dialled("015551234")
    }
}

/// What the action says to an answer.
fn answered(scene: &Scene, answer: Event) -> Vec<String> {
    let before = scene.run(&[]).len();
    scene.run(&[(10, answer)]).split_off(before)
}

fn denied() -> Value {
    json!({"call_restriction": {"local": {"action": "deny"}}})
}

#[test]
fn the_callflow_of_no_match_is_branched_to_others_only_where_permitted() {
    let branch = ["branch to f: entry"];
    let unserved = [INVALID, "wait"];
    let permitting = scene(json!({"permit_custom_callflow": true}));
    for (scene, no_match, expected) in [
        (scene(json!({})), true, &branch[..]),
        (scene(json!({})), false, &unserved),
        (permitting, false, &branch),
    ] {
        assert_eq!(answered(&scene, found("f", no_match, Endpoint::None)), expected);
    }
}

#[test]
fn a_destination_without_a_callflow_is_announced() {
    let scene = scene(json!({}));
    let unserved = (10, Event::Routed(Routed::NotFound));
    assert_eq!(answered(&scene, unserved.1.clone()), [INVALID, "wait"]);
    for event in [completed(1), Event::NoopFailed(None), Event::Hangup] {
        assert_eq!(scene.end(&[unserved.clone(), (20, event)]), "stop: no_callflow");
    }
    for event in [completed(2), Event::NoopComplete(None), Event::Other, key("1")] {
        assert_eq!(scene.end(&[unserved.clone(), (20, event)]), "wait");
    }
}

#[test]
fn the_question_stays_until_it_is_answered() {
    let asked = ["who serves 5551234, and may it be called?"];
    for event in [Event::Hangup, Event::Other, key("1"), Event::Timer] {
        assert_eq!(answered(&scene(json!({})), event), asked);
    }
    let scene = scene(json!({"enforce_call_restriction": false}));
    assert_eq!(answered(&scene, Event::Other), ["who serves 5551234?"]);
}

#[test]
fn a_denied_class_is_refused_unless_restrictions_are_not_enforced() {
    let answer = || found("f", true, Endpoint::Merged(denied().into()));
    assert_eq!(
        answered(&scene(json!({})), answer()),
        [
            "answer",
            "1: play prompt://acc/cf-unauthorized_call/de-de",
            "hang up",
            "refused: restricted"
        ]
    );
    let branch = ["branch to f: entry"];
    assert_eq!(answered(&scene(json!({"enforce_call_restriction": false})), answer()), branch);
    let allowed = json!({"call_restriction": {"local": {"action": "allow"}}});
    let allowed = Endpoint::Merged(allowed.into());
    assert_eq!(answered(&scene(json!({})), found("f", true, allowed)), branch);
}

#[test]
fn restrictions_that_cannot_be_read_kill_kazoos_action() {
    let shapeless = Endpoint::Merged(json!({"call_restriction": "deny"}).into());
    for (endpoint, otherwise) in [
        (shapeless, "branch to f: entry"),
        (Endpoint::Broken(json!({}).into()), "branch to f: entry"),
        (Endpoint::Broken(denied().into()), "refused: restricted"),
    ] {
        let answer = found("f", true, endpoint);
        let scene = scene(json!({}));
        assert_eq!(answered(&scene, answer.clone()), ["died: invalid_restriction"]);
        let said = answered(&scene.recommended(), answer);
        assert_eq!(said.last().unwrap(), otherwise);
    }
}

#[test]
fn a_classifier_that_cannot_be_used_kills_kazoos_action() {
    let scene = scene(json!({}));
    let config = json!({"number_manager": {"classifiers": {"bad": "(", "local": "^5"}}});
    let scene = Scene { config, ..scene };
    let answer = || found("f", true, Endpoint::Merged(denied().into()));
    assert_eq!(answered(&scene, answer()), ["died: invalid_number_rule"]);
    assert_eq!(answered(&scene.recommended(), answer()).last().unwrap(), "refused: restricted");
}

#[test]
fn a_lookup_that_dies_kills_kazoos_action() {
    let crashed = || Event::Routed(Routed::Crashed);
    assert_eq!(answered(&scene(json!({})), crashed()), ["died: optional_groups"]);
    let said = answered(&scene(json!({})).recommended(), crashed());
    assert_eq!(said, [INVALID, "wait until 300000"]);
}
