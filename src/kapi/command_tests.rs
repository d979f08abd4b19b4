use super::*;
use crate::kapi::fixtures;

/// The command whose name and arguments are those of a payload.
fn again(target: &Target<'_>, payload: &Object) -> Message {
    let text = |key: &str| payload.get(key).and_then(Value::as_str);
    let msg_id = text("Msg-ID").unwrap_or_default();
    match (text("Application-Name").unwrap(), text("Insert-At")) {
        ("queue", None) => {
            let commands = &payload["Commands"];
            let media = commands[1]["Media-Name"].as_str().unwrap();
            play(target, media, commands[0]["Msg-ID"].as_str().unwrap())
        }
        ("noop", None) => noop(target, msg_id),
        ("noop", Some("flush")) => flush(target, msg_id),
        ("answer", None) => answer(target),
        ("answer", Some("now")) => answer_now(target),
        ("hangup", None) => hangup(target, text("Hangup-Cause")),
        ("hangup", Some("now")) => hangup_now(target),
        ("hangup", Some("tail")) => hangup_of_executor(target, text("Hangup-Cause")),
        ("set", Some("now")) => {
            set(target, payload["Custom-Channel-Vars"].as_object().cloned().unwrap())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn commands_are_those_a_living_kazoo_sends() {
    let identity = Identity::new("dcid@worker1.example.com", "dcid-worker-1-replies");
    let mut names = std::collections::BTreeSet::new();
    for recorded in fixtures::recorded("call", "command") {
        let control_queue =
            Address { queue: recorded.routing_key.clone(), pid: recorded.deliver_to_pid.clone() };
        let call_id = recorded.payload["Call-ID"].as_str().unwrap();
        let dialect = recorded.dialect;
        let target =
            Target { identity: &identity, control_queue: &control_queue, call_id, dialect };
        let message = again(&target, &recorded.payload);
        fixtures::assert_same_except_app(&message.body, &recorded.payload);
        assert_eq!(message.exchange.name(), recorded.exchange);
        assert_eq!(message.routing_key, recorded.routing_key);
        assert_eq!(message.deliver_to_pid, recorded.deliver_to_pid);
        let name = recorded.payload["Application-Name"].as_str().unwrap().to_owned();
        names.insert((dialect == Dialect::V43, name));
    }
    for of_43 in [false, true] {
        let names: Vec<_> = names.iter().filter(|each| each.0 == of_43).collect();
        let names: Vec<_> = names.into_iter().map(|each| each.1.as_str()).collect();
        assert_eq!(names, ["answer", "hangup", "noop", "queue", "set"]);
    }
}

#[test]
fn an_executors_hang_up_is_that_of_its_kazoo() {
    let identity = Identity::new("dcid@worker1", "replies");
    let control_queue = Address::queue("control");
    let target = |dialect| Target {
        identity: &identity,
        control_queue: &control_queue,
        call_id: "a@b",
        dialect,
    };
    let of_43 = hangup_of_executor(&target(Dialect::V43), Some("USER_BUSY")).body;
    assert_eq!(of_43["Insert-At"], "tail");
    assert_eq!(of_43["Hangup-Cause"], "USER_BUSY");
    assert!(!of_43.contains_key("Server-ID"));
    let of_master = hangup_of_executor(&target(Dialect::Master), None).body;
    assert!(!of_master.contains_key("Insert-At") && !of_master.contains_key("Hangup-Cause"));
    assert_eq!(of_master["Server-ID"], "replies");
}

#[test]
fn commands_are_those_of_the_examples() {
    let identity = Identity::new("dcid@worker1.example.com", "dcid-worker-1-replies");
    let control_queue = Address::parse("pid://<0.5432.0>/ecallmgr-control").unwrap();
    let target = Target {
        identity: &identity,
        control_queue: &control_queue,
        call_id: "7c1e9f02-1@10.0.0.5",
        dialect: Dialect::Master,
    };
    for example in [
        "command_answer.json",
        "command_answer_now.json",
        "command_flush.json",
        "command_flush_dtmf.json",
        "command_hangup_now.json",
        "command_hangup_queued.json",
        "command_noop.json",
        "command_queue_play.json",
        "command_set.json",
    ] {
        let payload = fixtures::object(example);
        let message = again(&target, &payload);
        fixtures::assert_same_except_app(&message.body, &payload);
        assert_eq!(message.deliver_to_pid.as_deref(), Some("<0.5432.0>"), "{example}");
    }
    let flushed = fixtures::object("command_flush_dtmf.json");
    let noop_id = flushed["Commands"][0]["Msg-ID"].as_str().unwrap();
    fixtures::assert_same_except_app(&flush_dtmf(&target, noop_id).body, &flushed);
}

#[test]
fn each_command_has_its_own_msg_id() {
    let identity = Identity::new("dcid@worker1", "replies");
    let control_queue = Address::queue("control");
    let target = Target {
        identity: &identity,
        control_queue: &control_queue,
        call_id: "a@b",
        dialect: Dialect::V43,
    };
    let play = play(&target, "prompt://x", "noop-id");
    assert_ne!(play.msg_id(), "noop-id");
    assert_ne!(play.msg_id(), answer(&target).msg_id());
    assert_eq!(noop(&target, "noop-id").msg_id(), "noop-id");
    assert_eq!(flush(&target, "noop-id").msg_id(), "noop-id");
}

#[test]
fn only_four_places_in_the_queue_exist() {
    let words = [InsertAt::Tail, InsertAt::Head, InsertAt::Now, InsertAt::Flush];
    assert_eq!(words.map(InsertAt::as_str), ["tail", "head", "now", "flush"]);
}
