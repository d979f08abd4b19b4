use super::*;
use crate::kapi::command::{self, Dialect, Target};
use crate::kapi::{Address, Identity, Message};
use serde_json::json;

const CALL_ID: &str = "a@b";

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn send(switch: &mut Switch, at: u64, make: impl FnOnce(&Target<'_>) -> Message) {
    let identity = Identity::new("dcid@host", "replies");
    let control_queue = Address::queue("control");
    let target = Target {
        identity: &identity,
        control_queue: &control_queue,
        call_id: CALL_ID,
        dialect: Dialect::Master,
    };
    let message = make(&target);
    switch.command(ms(at), &message.body);
}

/// Lets time pass to the end and notes what is reported when, in milliseconds.
fn reports(switch: &mut Switch) -> Vec<(u64, String)> {
    let mut told = Vec::new();
    let mut now = Duration::ZERO;
    loop {
        for report in switch.take_reports() {
            let at = u64::try_from(now.as_millis()).unwrap();
            told.push((at, short(&report)));
        }
        let Some(next) = switch.next_at() else { return told };
        now = next;
        switch.advance(now);
    }
}

fn short(report: &Report) -> String {
    match report {
        Report::Complete { application, response, media } => {
            format!("{application} {}", media.as_deref().unwrap_or(response))
        }
        Report::Key(key) => format!("key {key}"),
        Report::Answered => "answered".to_owned(),
        Report::Destroyed { cause } => format!("destroyed {cause}"),
        Report::Failed { msg_id, error, .. } => format!("failed {error} {msg_id}"),
    }
}

#[track_caller]
fn expect(switch: &mut Switch, expected: &[(u64, &str)]) {
    let told = reports(switch);
    let told: Vec<_> = told.iter().map(|(at, text)| (*at, text.as_str())).collect();
    assert_eq!(told, expected);
}

#[test]
fn media_plays_before_its_noop_completes() {
    let mut switch = Switch::new(CALL_ID, Pace::BRISK, "");
    send(&mut switch, 0, |target| command::play(target, "silence_stream://100", "n1"));
    send(&mut switch, 0, |target| command::play(target, "prompt://x", "n2"));
    expect(
        &mut switch,
        &[
            (100, "play silence_stream://100"),
            (100, "noop n1"),
            (250, "play prompt://x"),
            (250, "noop n2"),
        ],
    );
}

#[test]
fn keys_are_pressed_from_the_prompt_on_and_end_it() {
    let mut switch = Switch::new(CALL_ID, Pace::BRISK, "1A#");
    send(&mut switch, 0, |target| command::play(target, "silence_stream://100", "n1"));
    send(&mut switch, 0, |target| command::play(target, "prompt://x", "n2"));
    expect(
        &mut switch,
        &[
            (100, "play silence_stream://100"),
            (100, "noop n1"),
            (220, "key 1"),
            (220, "play prompt://x"),
            (220, "noop n2"),
            (340, "key A"),
            (460, "key #"),
        ],
    );
    assert_eq!(switch.keys_left(), 0);
}

#[test]
fn keys_stay_unpressed_when_there_is_no_prompt() {
    let mut switch = Switch::new(CALL_ID, Pace::BRISK, "12");
    send(&mut switch, 0, |target| command::play(target, "prompt://x", "n1"));
    expect(&mut switch, &[(150, "play prompt://x"), (150, "noop n1")]);
    assert_eq!(switch.keys_left(), 2);
}

#[test]
fn a_key_that_is_no_terminator_ends_nothing() {
    let mut switch = Switch::new(CALL_ID, Pace::BRISK, "A");
    for noop in ["n1", "n2"] {
        send(&mut switch, 0, |target| command::play(target, "prompt://x", noop));
    }
    expect(
        &mut switch,
        &[
            (150, "play prompt://x"),
            (150, "noop n1"),
            (270, "key A"),
            (300, "play prompt://x"),
            (300, "noop n2"),
        ],
    );
}

#[test]
fn a_flush_ends_what_plays_and_drops_the_rest() {
    let mut switch = Switch::new(CALL_ID, Pace::BRISK, "");
    send(&mut switch, 0, |target| command::play(target, "prompt://x", "n1"));
    send(&mut switch, 0, |target| command::play(target, "prompt://y", "n2"));
    send(&mut switch, 0, |target| command::flush(target, "f"));
    expect(&mut switch, &[(0, "play prompt://x"), (0, "noop f")]);
}

#[test]
fn what_is_sent_for_now_overtakes_the_queue() {
    let mut switch = Switch::new(CALL_ID, Pace::BRISK, "");
    send(&mut switch, 0, |target| command::play(target, "prompt://x", "n1"));
    send(&mut switch, 0, |target| command::set(target, Object::new()));
    send(&mut switch, 0, command::answer_now);
    expect(
        &mut switch,
        &[(0, "answered"), (0, "answer NONE"), (150, "play prompt://x"), (150, "noop n1")],
    );
    assert!(switch.is_answered());
}

#[test]
fn a_restricted_call_is_answered_told_and_hung_up() {
    let mut switch = Switch::new(CALL_ID, Pace::BRISK, "");
    send(&mut switch, 0, command::answer);
    send(&mut switch, 0, |target| command::play(target, "prompt://x", "n1"));
    send(&mut switch, 0, |target| command::hangup(target, Some("CALL_REJECTED")));
    assert!(switch.is_alive());
    expect(
        &mut switch,
        &[
            (0, "answered"),
            (0, "answer NONE"),
            (150, "play prompt://x"),
            (150, "noop n1"),
            (150, "destroyed CALL_REJECTED"),
        ],
    );
    assert!(!switch.is_alive());
}

#[test]
fn what_waits_when_the_caller_hangs_up_fails() {
    let mut switch = Switch::new(CALL_ID, Pace::BRISK, "");
    send(&mut switch, 0, |target| command::noop(target, "n0").with_msg_id("n0"));
    send(&mut switch, 0, |target| command::play(target, "prompt://x", "n1"));
    switch.hang_up();
    send(&mut switch, 0, |target| command::noop(target, "late"));
    send(&mut switch, 0, |target| command::hangup(target, None));
    expect(
        &mut switch,
        &[
            (0, "noop n0"),
            (0, "destroyed ORIGINATOR_CANCEL"),
            (0, "failed DOWN n1"),
            (0, "failed DOWN late"),
        ],
    );
}

#[test]
fn a_command_for_another_call_fails() {
    let mut switch = Switch::new("other@call", Pace::BRISK, "");
    send(&mut switch, 0, |target| command::noop(target, "n1"));
    let reports = switch.take_reports();
    let [Report::Failed { msg_id, request, message, .. }] = reports.as_slice() else {
        panic!("{reports:?}")
    };
    assert_eq!(msg_id, "n1");
    assert_eq!(Value::Object(request.clone()), json!({"Application-Name": "noop"}));
    assert!(message.contains("different call id"), "{message}");
}

#[test]
fn in_an_instant_everything_is_done_at_once() {
    let mut switch = Switch::new(CALL_ID, Pace::INSTANT, "12");
    send(&mut switch, 0, |target| command::play(target, "silence_stream://100", "n1"));
    send(&mut switch, 0, |target| command::play(target, "prompt://x", "n2"));
    let told = reports(&mut switch);
    assert!(told.iter().all(|(at, _)| *at == 0), "{told:?}");
    assert_eq!(told.len(), 6);
}
