//! Manual entry.

use super::*;

const PROMPT: &str = "2: play prompt://system_media/dynamic-cid-enter_cid/en-us";
const REJECT: &str = "play prompt://system_media/dynamic-cid-invalid_using_default/en-us";
const ACCEPT: &str = "play tone_stream://%(250,50,440)";
const LEAD_OUT: &str = "play silence_stream://50";

fn manual(data: Value) -> Scene {
    let mut node = json!({"action": "manual"});
    node.as_object_mut().unwrap().extend(data.as_object().cloned().unwrap());
    Scene::new(node)
}

/// The lead-in is over after 100 ms; then these keys, a tenth of a second apart.
fn typed(keys: &str) -> Vec<(Millis, Event)> {
    let times = (1..).map(|count| 100 + 100 * count);
    let keys = times.zip(keys.chars().map(|it| key(&it.to_string())));
    std::iter::once((100, completed(1))).chain(keys).collect()
}

#[test]
fn the_prompt_follows_the_lead_in_and_ten_digits_are_a_number() {
    let mut events = typed("5149072508");
    let said = manual(json!({})).run(&events);
    assert_eq!(
        said[..5],
        ["1: play silence_stream://100", "wait", PROMPT, "wait until 86400100", "3: flush"]
    );
    // Only the first key stops the prompt.
    let waits = (2..=10).map(|count| format!("wait until {}", 100 * count + 2000));
    assert_eq!(said[5..14], waits.collect::<Vec<_>>());
    let number = "number 5149072508";
    let end =
        [&format!("4: {ACCEPT}"), &format!("5: {LEAD_OUT}"), number, "store"].map(str::to_owned);
    assert_eq!(said[14..], [&end[..], &["continue: digits_accepted".to_owned()]].concat());
    // The name stays the caller's, and the destination is set as in every mode.
    events = typed("5149072508");
    let said = manual(json!({})).dialled("5551234").run(&events);
    assert_eq!(said[16..18], [number, "to 5551234, looked up as 5551234"]);
}

#[test]
fn however_the_lead_in_ends_the_prompt_follows() {
    for event in [completed(1), Event::NoopFailed(None), Event::Hangup] {
        assert_eq!(manual(json!({})).run(&[(100, event)])[2], PROMPT);
    }
    for event in [completed(2), Event::NoopComplete(None), Event::Other, Event::Timer, key("5")] {
        assert_eq!(manual(json!({})).run(&[(100, event)])[2..], ["wait"]);
    }
}

#[test]
fn the_node_says_what_is_played_and_how_long_a_number_is() {
    let data = json!({"media_id": "tone", "max_digits": 3, "interdigit_timeout": 700});
    let scene = manual(data);
    let said = scene.run(&typed("12"));
    assert_eq!(said[2], "2: play tone");
    assert_eq!(said[5..], ["wait until 900", "wait until 1000"]);
    let refused = [format!("4: {REJECT}"), format!("5: {LEAD_OUT}"), "number 2001".to_owned()];
    assert_eq!(scene.run(&typed("123"))[7..10], refused);
}

#[test]
fn settings_stand_in_for_what_the_node_does_not_say() {
    let scene = manual(json!({})).configured(json!({
        "callflow.dynamic_cid": {"max_digits": 4, "min_digits": 3, "whitelist_regex": "^7"},
        "call_command": {"collect_timeout": 900, "interdigit_timeout": 600},
    }));
    let prompt_over = [(100, completed(1)), (200, completed(2))];
    assert_eq!(scene.end(&prompt_over), "wait until 1100");
    for (keys, end) in [
        ("7", "wait until 800"),
        ("7000", "continue: digits_accepted"),
        ("700#", "continue: digits_accepted"),
        ("70#", "continue: too_few_digits"),
        ("8000", "continue: not_whitelisted"),
        // The expression is asked before the length.
        ("8#", "continue: not_whitelisted"),
        ("#", "continue: no_digits"),
    ] {
        assert_eq!(scene.end(&typed(keys)), end, "{keys}");
    }
}

#[test]
fn the_nodes_own_limits_go_before_the_settings() {
    let config = json!({"callflow.dynamic_cid": {"min_digits": 9, "whitelist_regex": "^7"}});
    let scene = manual(json!({"min_digits": "2", "whitelist_regex": "^8"})).configured(config);
    assert_eq!(scene.end(&typed("81#")), "continue: digits_accepted");
    assert_eq!(scene.end(&typed("8#")), "continue: too_few_digits");
    assert_eq!(scene.end(&typed("71#")), "continue: not_whitelisted");
}

#[test]
fn a_caller_who_is_refused_keeps_the_own_number() {
    let said = manual(json!({})).run(&typed("#"));
    // The terminator stops the prompt like any first key.
    let refused = [format!("4: {REJECT}"), format!("5: {LEAD_OUT}")];
    assert_eq!(said[5..7], refused);
    assert_eq!(said[7..], ["number 2001", "store", "continue: no_digits"]);
}

#[test]
fn a_hang_up_or_a_fault_of_the_switch_ends_the_collection() {
    let after = |event| {
        let mut events = typed("51");
        events.push((600, event));
        manual(json!({})).end(&events)
    };
    assert_eq!(after(Event::Hangup), "stop: hung_up");
    assert_eq!(after(Event::NoopFailed(Some(NoopId(2)))), "continue: switch_error");
    assert_eq!(after(Event::NoopFailed(Some(NoopId(1)))), "wait until 2600");
}

#[test]
fn an_expression_that_is_none_kills_kazoos_action_once_digits_are_there() {
    let scene = manual(json!({"whitelist_regex": "("}));
    assert_eq!(scene.end(&typed("1#")), "died: invalid_regex");
    assert_eq!(scene.end(&typed("#")), "continue: no_digits");
    assert_eq!(scene.recommended().end(&typed("1#")), "continue: invalid_regex");
}

#[test]
fn a_setting_without_a_usable_value_kills_kazoos_action_when_it_is_read() {
    let keys = "5149072508";
    for (document, key, value, events) in [
        // Before anything is played.
        ("callflow.dynamic_cid", "max_digits", json!({}), vec![]),
        ("callflow.dynamic_cid", "min_digits", json!({}), vec![]),
        ("callflow.dynamic_cid", "whitelist_regex", json!([300]), vec![]),
        // When digits are to be collected.
        ("call_command", "interdigit_timeout", json!({}), typed("")),
        ("call_command", "collect_timeout", json!({}), typed("")),
    ] {
        let scene = manual(json!({})).configured(json!({document: {key: value}}));
        assert_eq!(scene.end(&events), "died: invalid_setting", "{key}");
        let plain = manual(json!({})).recommended();
        assert_eq!(scene.recommended().run(&typed(keys)), plain.run(&typed(keys)), "{key}");
    }
}
