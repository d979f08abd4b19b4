use std::time::Instant;

use super::*;
use crate::kapi::command;
use crate::kapi::result::Executor;
use crate::kapi::{Identity, Message, channel_status, result};
use crate::peer::fixtures;
use serde_json::json;

fn received(message: &Message) -> Received {
    Received {
        at: Instant::now(),
        exchange: message.exchange.name().to_owned(),
        routing_key: message.routing_key.clone(),
        content_type: Some("application/json".to_owned()),
        content_encoding: None,
        deliver_to_pid: message.deliver_to_pid.clone(),
        body: Ok(message.body.clone()),
    }
}

fn worker() -> Identity {
    Identity::new("dcid@worker1", "replies")
}

fn commands(ids: &CallIds) -> Vec<Message> {
    let identity = worker();
    let target = fixtures::target(&identity, ids);
    vec![
        command::play(&target, "prompt://x", "n"),
        command::flush(&target, "f"),
        command::answer(&target),
        command::hangup(&target, Some("CALL_REJECTED")),
        command::set(&target, Object::new()),
    ]
}

fn answer(ids: &CallIds, answer: ActionResult) -> Message {
    let executor =
        Executor { server_id: &ids.executor, msg_id: &ids.action_id, call_id: &ids.call_id };
    result::result(&worker(), executor, answer)
}

#[test]
fn what_our_worker_sends_has_no_faults() {
    let (checker, ids) = (Checker::default(), fixtures::ids());
    let executor =
        Executor { server_id: &ids.executor, msg_id: &ids.action_id, call_id: &ids.call_id };
    let mut messages = commands(&ids);
    messages.push(result::accepted(&worker(), executor));
    messages.push(answer(&ids, ActionResult::Continue));
    messages.extend(channel_status::requests(&worker(), &ids.call_id, true, "m"));
    for message in messages {
        assert_eq!(checker.check(&received(&message), &ids), [""; 0], "{:?}", message.body);
    }
}

/// Spoils a good message.
type Fault = Box<dyn Fn(&mut Received)>;

#[test]
fn each_fault_of_a_command_is_told() {
    let (checker, ids) = (Checker::default(), fixtures::ids());
    let play = received(&commands(&ids)[0]);
    let body = |received: &mut Received, key: &str, value: Value| {
        received.body.as_mut().unwrap().insert(key.to_owned(), value);
    };
    let cases: Vec<(Fault, &str)> = vec![
        (Box::new(|it| it.content_type = None), "no content type"),
        (Box::new(|it| it.content_type = Some("text/plain".into())), "`text/plain`"),
        (Box::new(|it| it.content_encoding = Some("gzip".into())), "`gzip`"),
        (Box::new(|it| it.deliver_to_pid = None), "`Deliver-To-PID` is missing"),
        (Box::new(|it| it.deliver_to_pid = Some("<0.9.0>".into())), "another process"),
        (Box::new(|it| it.exchange = "targeted".into()), "instead of `callctl`"),
        (Box::new(|it| it.body = Err("the payload is not JSON".into())), "not JSON"),
        (Box::new(move |it| body(it, "Insert-At", json!("last"))), "`Insert-At` is \"last\""),
        (Box::new(move |it| body(it, "Call-ID", json!("other"))), "not this call's"),
        (Box::new(move |it| body(it, "Node", json!("nobody"))), "name@host"),
        (Box::new(move |it| body(it, "App-Name", json!(1))), "`App-Name` is 1"),
        (Box::new(move |it| body(it, "Application-Name", json!("tones"))), "`tones`"),
        (Box::new(move |it| body(it, "Commands", json!([1]))), "no object"),
        (
            Box::new(move |it| {
                body(it, "Commands", json!([{"Application-Name": "play", "Media-Name": 1}]));
            }),
            "kapi.dialplan.play",
        ),
        (Box::new(move |it| body(it, "Event-Name", json!("order"))), "no message of a worker's"),
    ];
    for (change, expected) in cases {
        let mut changed = play.clone();
        change(&mut changed);
        let faults = checker.check(&changed, &ids);
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected}: {faults:?}");
    }
}

#[test]
fn a_result_must_answer_this_execute_with_the_term_it_tells() {
    let (checker, ids) = (Checker::default(), fixtures::ids());
    let result = received(&answer(&ids, ActionResult::Stop));
    for (key, value, expected) in [
        ("Msg-ID", json!("other"), "goes on waiting"),
        ("Result", json!("g2QACGNvbnRpbnVl"), "is not the term"),
        ("Result-Term", json!({"jump": 1}), "which is no result"),
        ("Result", json!(1), "kapi.callflow.action.result"),
    ] {
        let mut changed = result.clone();
        changed.body.as_mut().unwrap().insert(key.to_owned(), value);
        let faults = checker.check(&changed, &ids);
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected}: {faults:?}");
    }
}
