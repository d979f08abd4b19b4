use std::time::Duration;

use super::*;
use crate::kapi::command;
use crate::kapi::result::Executor;
use crate::kapi::{ActionResult, Identity, Message, channel_status, result};
use crate::peer::events::{ChannelState, Events};
use crate::peer::fixtures;
use crate::peer::switch::Report;
use serde_json::json;

fn exchanged(from: Party, message: &Message) -> Exchanged {
    Exchanged {
        at: Duration::ZERO,
        from,
        to: Party::Worker,
        exchange: message.exchange.name().to_owned(),
        routing_key: message.routing_key.clone(),
        deliver_to_pid: message.deliver_to_pid.clone(),
        body: message.body.clone(),
        faults: Vec::new(),
    }
}

#[test]
fn every_message_of_a_call_is_told_in_a_sentence() {
    let (scenario, ids, rules) = (fixtures::scenario(), fixtures::ids(), Rules::default());
    let worker = Identity::new("dcid@worker1", "replies");
    let target = fixtures::target(&worker, &ids);
    let executor =
        Executor { server_id: &ids.executor, msg_id: &ids.action_id, call_id: &ids.call_id };
    let events = Events { scenario: &scenario, ids: &ids };
    let state = ChannelState { alive: true, answered: false };
    let event = |report: Report| events.message(&report, state, 0);
    let complete = |application: &str, response: &str, media: Option<&str>| {
        event(Report::Complete {
            application: application.to_owned(),
            response: response.to_owned(),
            media: media.map(str::to_owned),
        })
    };
    let enter = "prompt://system_media/dynamic-cid-enter_cid/en-us";
    let vars = fixtures::object(json!({"Caller-ID-Number": "1", "Privacy-Hide-Number": false}));
    let flow = fixtures::object(json!({"module": "dynamic_cid",
        "data": {"action": "static", "caller_id": {"name": "N", "number": "1"}}}));
    let status = &channel_status::requests(&worker, &ids.call_id, true, "m")[0];
    let mut narrator = Narrator::new(&scenario, &rules);
    for (message, name, sentence) in [
        (
            scenario.execute(&ids),
            "action.execute",
            "KAZOO has reached the dynamic_cid node (action static) and asks who does it",
        ),
        (
            result::accepted(&worker, executor),
            "action.accepted",
            "a worker has taken the call; KAZOO waits for its answer",
        ),
        (
            command::play(&target, "silence_stream://100", "n1"),
            "queue (play, noop)",
            "play 100 ms of silence",
        ),
        (
            complete("play", "FILE PLAYED", Some("silence_stream://100")),
            "CHANNEL_EXECUTE_COMPLETE",
            "100 ms of silence has ended",
        ),
        (complete("noop", "n1", None), "CHANNEL_EXECUTE_COMPLETE", "done with 100 ms of silence"),
        (
            command::play(&target, enter, "n2"),
            "queue (play, noop)",
            "play prompt://system_media/dynamic-cid-enter_cid/en-us (asking for the number to \
             show)",
        ),
        (
            complete("noop", "n2", None),
            "CHANNEL_EXECUTE_COMPLETE",
            "done with the prompt dynamic-cid-enter_cid",
        ),
        (event(Report::Key('5')), "DTMF", "the caller presses 5"),
        (
            command::flush(&target, "f"),
            "noop, flush",
            "stop the prompt: the caller has begun to type",
        ),
        (complete("noop", "f", None), "CHANNEL_EXECUTE_COMPLETE", "done with the prompt"),
        (complete("noop", "else", None), "CHANNEL_EXECUTE_COMPLETE", "a noop is done"),
        (command::noop(&target, "n3"), "noop", "tell when everything before this is done"),
        (command::answer(&target), "answer", "answer the call"),
        (complete("answer", "NONE", None), "CHANNEL_EXECUTE_COMPLETE", "`answer` is done"),
        (event(Report::Answered), "CHANNEL_ANSWER", "the call is answered"),
        (command::hangup(&target, Some("USER_BUSY")), "hangup", "hang up with USER_BUSY"),
        (
            event(Report::Destroyed { cause: "USER_BUSY".to_owned() }),
            "CHANNEL_DESTROY",
            "the call is hung up (USER_BUSY)",
        ),
        (
            command::set(&target, vars),
            "set",
            "set on the channel: Caller-ID-Number = 1, Privacy-Hide-Number = false",
        ),
        (status.clone(), "channel_status_req", "is the caller still there?"),
        (
            events.status(&status.body, state).unwrap(),
            "channel_status_resp",
            "the channel is active",
        ),
        (
            result::result(&worker, executor, ActionResult::ContinueWithFlow(flow)),
            "action.result",
            "the answer: go on with caller ID \"N\" <1>",
        ),
        (
            result::result(&worker, executor, ActionResult::Stop),
            "action.result",
            "the answer: stop: the call ends here",
        ),
    ] {
        let told = narrator.tell(&exchanged(Party::Worker, &message));
        assert_eq!((told.name.as_str(), told.sentence.as_str()), (name, sentence));
    }
}

#[test]
fn a_stranger_among_messages_is_told_as_such() {
    let (scenario, rules) = (fixtures::scenario(), Rules::default());
    let mut narrator = Narrator::new(&scenario, &rules);
    let identity = Identity::new("a@b", "q");
    for (kind, name) in [(("directory", "reg_query"), "directory/reg_query"), (("", ""), "?")] {
        let message =
            Message::new(kind, Object::new(), &identity, crate::kapi::Exchange::Targeted, "q");
        assert_eq!(narrator.tell(&exchanged(Party::Worker, &message)).name, name);
    }
}

#[test]
fn a_call_of_kazoo_4_3_is_told_from_its_request_to_its_resume() {
    let (scenario, rules) = (fixtures::scenario(), Rules::default());
    let mut narrator = Narrator::new(&scenario, &rules);
    let identity = Identity::new("a@b", "q");
    let back = fixtures::object(json!({
        "Call": {"Caller-ID-Name": "Sales", "Caller-ID-Number": "15145550100",
            "Key-Value-Store": {"dynamic_cid": "15145550100"}},
        "Flow": {"module": "resources"},
    }));
    for (kind, body, sentence) in [
        (("dialplan", "route_req"), Object::new(), "KAZOO asks who takes this call"),
        (("dialplan", "route_resp"), Object::new(), "a worker takes it, as callflow would"),
        (("dialplan", "route_win"), Object::new(), "the worker has won the call"),
        (
            ("callflow", "resume"),
            back,
            "the call goes back to callflow, caller ID \"Sales\" <15145550100>",
        ),
    ] {
        let message = Message::new(kind, body, &identity, crate::kapi::Exchange::Targeted, "q");
        let told = narrator.tell(&exchanged(Party::Worker, &message));
        assert_eq!((told.name.as_str(), told.sentence.as_str()), (kind.1, sentence));
    }
}
