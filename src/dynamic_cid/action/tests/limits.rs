//! The overall limit: how long an action may wait for the switch and the caller.

use super::*;

fn manual() -> Scene {
    Scene::new(json!({"action": "manual", "min_digits": 1}))
}

#[test]
fn without_a_limit_the_switch_may_take_for_ever() {
    assert_eq!(manual().end(&[]), "wait");
    assert_eq!(manual().end(&[(Millis::MAX, Event::Timer)]), "wait");
}

#[test]
fn the_limit_counts_from_the_actions_start() {
    let scene = manual().limited_to(1000);
    let (mut action, step) = scene.start(500);
    assert_eq!(words(&step), ["1: play silence_stream://100", "wait until 1500"]);
    assert_eq!(words(&action.on(1499, &Event::Timer)), ["wait until 1500"]);
    let refused = words(&action.on(1500, &Event::Timer));
    assert_eq!(refused.last().unwrap(), "continue: overall_limit");
    assert!(refused.contains(&"number 2001".to_owned()), "{refused:?}");
}

#[test]
fn a_limit_of_one_millisecond_is_one() {
    let scene = manual().limited_to(1);
    assert_eq!(scene.end(&[]), "wait until 1");
    assert_eq!(scene.end(&[(1, Event::Timer)]), "continue: overall_limit");
}

#[test]
fn what_was_typed_until_then_is_judged() {
    let scene = manual().limited_to(5000);
    let begun = [(100, completed(1)), (4000, key("7"))];
    assert_eq!(scene.end(&begun[..1]), "wait until 5000");
    assert_eq!(scene.end(&begun), "wait until 5000");
    let with = |events: &[(Millis, Event)], event| scene.end(&[events, &[(5000, event)]].concat());
    assert_eq!(with(&begun, Event::Other), "continue: digits_accepted");
    assert_eq!(with(&begun[..1], Event::Other), "continue: overall_limit");
    // Before the limit the digits have their own timer.
    let early = [(100, completed(1)), (200, key("7"))];
    assert_eq!(scene.end(&early), "wait until 2200");
    assert_eq!(scene.end(&[&early[..], &[(300, Event::Other)]].concat()), "wait until 2300");
}

#[test]
fn nobody_listens_to_an_announcement_for_longer() {
    let scene = Scene {
        list: list(&[("01", 2, "5149072508")]),
        ..Scene::new(json!({"action": "lists", "id": "l"})).dialled("015551234")
    };
    let scene = scene.limited_to(1000);
    let unserved = [(10, Event::Routed(Routed::NotFound))];
    let then = |at| scene.end(&[&unserved[..], &[(at, Event::Timer)]].concat());
    assert_eq!(scene.end(&unserved), "wait until 1000");
    assert_eq!(then(999), "wait until 1000");
    assert_eq!(then(1000), "stop: no_callflow");
}
