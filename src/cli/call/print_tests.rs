use std::time::Duration;

use super::*;
use crate::peer::{Account, Caller, CallerId, Callflow, Node, Pace, Party};

fn object(value: Value) -> Object {
    value.as_object().cloned().unwrap()
}

fn scenario() -> Scenario {
    Scenario {
        account: Account {
            id: "c1d0".to_owned(),
            database: "account%2Fc1%2Fd0".to_owned(),
            realm: "a.example.com".to_owned(),
            name: Some("Example".to_owned()),
        },
        caller: Caller {
            caller_id: CallerId { name: "Ann".to_owned(), number: "1001".to_owned() },
            user: "ann".to_owned(),
            endpoint: None,
        },
        dialled: "5145550100".to_owned(),
        request_user: "+15145550100".to_owned(),
        callflow: Callflow {
            id: "cf".to_owned(),
            name: "Out".to_owned(),
            found_by: "its number +15145550100".to_owned(),
            capture_group: Some("0100".to_owned()),
            capture_groups: object(json!({"cid": "01"})),
            no_match: false,
            exit_keys: Vec::new(),
        },
        node: Node {
            document: "cf".to_owned(),
            path: "/flow".to_owned(),
            node: object(json!({"module": "dynamic_cid", "data": {"action": "static"}})),
            previous: None,
            stacked: Vec::new(),
        },
        language: "en-us".to_owned(),
        host: "host".to_owned(),
    }
}

fn line(number: usize, faults: &[&str]) -> Line {
    Line {
        number,
        message: Exchanged {
            at: Duration::from_micros(2_345),
            from: Party::Worker,
            to: Party::Callflow,
            exchange: "targeted".to_owned(),
            routing_key: "q".to_owned(),
            deliver_to_pid: Some("<0.1.0>".to_owned()),
            body: object(json!({"Call-ID": "a@b"})),
            faults: faults.iter().map(ToString::to_string).collect(),
        },
        told: Told { name: "action.result".to_owned(), sentence: "the answer".to_owned() },
    }
}

const PLAY: Play<'_> = Play {
    seam: peer::Seam::Execute,
    pace: Pace::BRISK,
    keys: "123",
    patience: Duration::from_secs(30),
    linger: Duration::ZERO,
    checker: None,
};

fn driven(end: End) -> Driven {
    Driven { end, accepted_at: None, keys_left: 0 }
}

fn answered(result: Value) -> Driven {
    let result = object(json!({ "Result-Term": result }));
    driven(End::Answered { at: Duration::from_micros(2_345), result })
}

fn transcript<'a>(scenario: &'a Scenario, lines: &'a [Line], driven: &'a Driven) -> Transcript<'a> {
    Transcript::new(scenario, &Rules::default(), "a@b", lines, driven, PLAY)
}

#[test]
fn a_message_is_a_line_and_each_fault_one_more() {
    assert_eq!(
        line(7, &["`Call-ID` is missing"]).to_string(),
        "  7       2 ms  worker → callflow   action.result             the answer\n                \
         ! `Call-ID` is missing\n"
    );
}

#[test]
fn the_introduction_says_what_kazoo_found() {
    assert_eq!(
        introduction(&scenario()),
        "Account      Example (c1d0), realm a.example.com\n\
         Caller       nobody KAZOO knows, caller ID \"Ann\" <1001>\n\
         Dials        5145550100, looked up as +15145550100\n\
         Callflow     Out (cf), found by its number +15145550100\n\
         Captured     0100, named cid = 01\n\
         Node         /flow of callflow cf, data {\"action\":\"static\"}\n"
    );
}

#[test]
fn the_conclusion_says_how_the_call_goes_on() {
    let flow = json!({"continue_with_flow": {"module": "dynamic_cid", "data": {"action": "static",
        "caller_id": {"number": "1"}}, "children": {"_": {"module": "resources"}}}});
    let (scenario, driven) = (scenario(), answered(flow));
    assert_eq!(
        transcript(&scenario, &[], &driven).conclusion(),
        "\nAnswer       continue_with_flow: KAZOO runs a flow of the worker's in the node's \
         place\n\
         Caller ID    \"Ann\" <1>\n\
         Destination  0100\n\
         Next         KAZOO sets the caller ID to \"Ann\" <1> and the destination to 0100, then \
         dials 0100 off-net (`resources`).\n"
    );
}

#[test]
fn only_an_answer_without_faults_is_a_success() {
    let scenario = scenario();
    let hung_up = End::HungUp { at: Duration::ZERO, cause: "NORMAL_CLEARING".to_owned() };
    let accepted =
        Driven { accepted_at: Some(Duration::from_millis(3)), ..driven(End::Unanswered) };
    for (driven, faults, problem) in [
        (answered(json!("continue")), &[][..], None),
        (driven(hung_up), &[], None),
        (answered(json!("continue")), &["wrong"], Some("not have understood 1 of the worker's")),
        (driven(End::Returned("312 NO_ROUTE".to_owned())), &[], Some("(312 NO_ROUTE). Start one")),
        (driven(End::Unanswered), &[], Some("Look for a@b in the worker's log")),
        (accepted, &[], Some("took the call after 3 ms, but no answer came within 30 s")),
    ] {
        let lines = [line(1, faults)];
        let transcript = transcript(&scenario, &lines, &driven);
        match (&transcript.problem, problem) {
            (None, None) => assert!(!transcript.conclusion().contains("failed")),
            (Some(told), Some(words)) => {
                assert!(told.contains(words), "{told}");
                assert!(transcript.conclusion().contains(&format!("This call failed: {told}.")));
            }
            (told, _) => panic!("{told:?} instead of {problem:?}"),
        }
    }
}

#[test]
fn what_may_be_overlooked_is_noted() {
    let mut scenario = scenario();
    scenario.callflow.no_match = true;
    let driven = Driven { keys_left: 2, ..answered(json!("continue")) };
    let conclusion = transcript(&scenario, &[], &driven).conclusion();
    for words in ["add --from to call as one", "1 of the 3 keys of --dtmf were pressed"] {
        assert!(conclusion.contains(words), "{conclusion}");
    }
}

#[test]
fn programs_get_everything_in_one_object() {
    let (scenario, driven) = (scenario(), answered(json!("continue")));
    let lines = [line(1, &["wrong"])];
    let told = transcript(&scenario, &lines, &driven).json();
    for (path, value) in [
        ("/ok", json!(false)),
        ("/end", json!("answered")),
        ("/ended_at_ms", json!(2.345)),
        ("/result", json!("continue")),
        ("/caller_id", json!({"name": "Ann", "number": "1001"})),
        ("/sets_caller_id", json!(false)),
        ("/destination", json!("+15145550100")),
        ("/faults", json!(1)),
        ("/call/call_id", json!("a@b")),
        ("/call/looked_up", json!("+15145550100")),
        ("/call/node/data", json!({"action": "static"})),
        ("/messages/0/at_ms", json!(2.345)),
        ("/messages/0/from", json!("worker")),
        ("/messages/0/to", json!("callflow")),
        ("/messages/0/deliver_to_pid", json!("<0.1.0>")),
        ("/messages/0/body/Call-ID", json!("a@b")),
        ("/messages/0/faults", json!(["wrong"])),
    ] {
        assert_eq!(told.pointer(path), Some(&value), "{path}");
    }
    assert!(told["next"].as_str().is_some_and(|next| next.starts_with("KAZOO")));
}
