//! Against a real broker, named by `KAZOO_TEST_AMQP_URI`; without it these tests say so and pass.
//!
//! The worker is a script. Exchanges of its own keep each test from the others on the broker.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicPublishOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Consumer};
use serde_json::{Value, json};

use super::received::{Received, text};
use super::wire::{Asked, private_queue, properties, received};
use super::{
    Checker, Company, Driven, End, Exchanged, LISTENING, Narrator, Pace, Peer, PeerError, Play,
    Seam, Workers, drive, fixtures,
};
use crate::amqp::{self, Broker, EndReason, Opened, SessionConfig, Tls, Topology};
use crate::kapi::command::{self, Dialect, Target};
use crate::kapi::result::{self, Executor};
use crate::kapi::{ActionResult, Address, Exchange, Identity, Message, channel_status, new_msg_id};
use crate::numbers::Rules;

const LIMIT: Duration = Duration::from_secs(5);

fn broker() -> Option<Broker> {
    let uri = std::env::var("KAZOO_TEST_AMQP_URI").ok().filter(|uri| !uri.is_empty());
    if uri.is_none() {
        println!("skipped: KAZOO_TEST_AMQP_URI is not set");
    }
    uri.map(|uri| uri.parse().unwrap())
}

/// The other side of a test: a worker, or a node that advertises itself.
struct Other {
    broker: Broker,
    prefix: String,
    opened: Opened,
    channel: Channel,
    queue: String,
    consumer: Consumer,
}

impl Other {
    async fn new(broker: &Broker, prefix: &str) -> Self {
        let topology = Topology::execute(std::iter::empty::<String>());
        let config = SessionConfig::new(vec![broker.clone()], "peer-test@host", topology);
        let opened = amqp::open(&config, broker).await.unwrap();
        let channel = opened.connection.create_channel().await.unwrap();
        let asked = Asked { broker, limit: LIMIT, prefix };
        for exchange in [
            Exchange::Targeted,
            Exchange::Callctl,
            Exchange::Callevt,
            Exchange::Kapps,
            Exchange::Callmgr,
        ] {
            asked.declare(&channel, exchange).await.unwrap();
        }
        let queue = private_queue(&asked, &channel).await.unwrap();
        asked.bind(&channel, &queue, Exchange::Targeted, &queue).await.unwrap();
        let consumer = asked.consume(&channel, &queue).await.unwrap();
        let (broker, prefix) = (broker.clone(), prefix.to_owned());
        Self { broker, prefix, opened, channel, queue, consumer }
    }

    fn asked(&self) -> Asked<'_> {
        Asked { broker: &self.broker, limit: LIMIT, prefix: &self.prefix }
    }

    async fn bind(&self, exchange: Exchange, key: &str) {
        self.asked().bind(&self.channel, &self.queue, exchange, key).await.unwrap();
    }

    async fn publish(&self, message: &Message, properties: BasicProperties) {
        let exchange = self.asked().name(message.exchange);
        let options = BasicPublishOptions::default();
        let payload = message.payload();
        let key = message.routing_key.as_str().into();
        self.channel
            .basic_publish(exchange.as_str().into(), key, options, &payload, properties)
            .await
            .unwrap();
    }

    async fn send(&self, message: &Message) {
        self.publish(message, properties(message)).await;
    }

    /// The next message whose event and application are these.
    async fn until(&mut self, event: &str, application: &str) -> Received {
        let next = async {
            loop {
                let delivery = self.consumer.next().await.unwrap().unwrap();
                let received = received(&delivery, &self.prefix);
                let body = received.members();
                let told = text(&body, "Application-Name");
                if text(&body, "Event-Name") == event && told == application {
                    return received;
                }
            }
        };
        tokio::time::timeout(LIMIT, next).await.unwrap()
    }

    /// Takes the exchanges off the broker.
    async fn clean_up(self) {
        for exchange in Exchange::ALL {
            let name = self.asked().name(exchange);
            let options = ExchangeDeleteOptions::default();
            self.channel.exchange_delete(name.as_str().into(), options).await.unwrap();
        }
        self.opened.close(true, LIMIT).await;
    }
}

fn prefix() -> String {
    format!("peer-test-{}-", &new_msg_id()[..8])
}

fn play<'a>(keys: &'a str, checker: &'a Checker) -> Play<'a> {
    Play {
        seam: Seam::Execute,
        pace: Pace::BRISK,
        keys,
        patience: Duration::from_secs(5),
        linger: Duration::from_millis(200),
        checker: Some(checker),
    }
}

/// Places a call and returns how it ended, its messages and their names.
async fn place(peer: &Peer, play: Play<'_>) -> (Driven, Vec<Exchanged>, Vec<String>) {
    let (scenario, rules) = (fixtures::scenario(), Rules::default());
    let mut link = match play.seam {
        Seam::Execute => peer.call(),
        Seam::Route => peer.route_call(),
    };
    let mut messages = Vec::new();
    let driven = drive(&mut link, &scenario, play, |message| messages.push(message)).await.unwrap();
    let mut narrator = Narrator::new(&scenario, &rules);
    let names = messages.iter().map(|message| narrator.tell(message).name).collect();
    (driven, messages, names)
}

/// A worker that asks whether the caller is there, asks for two digits, and answers.
async fn ask_for_two_digits(mut worker: Other) -> Other {
    worker.bind(Exchange::Kapps, "callflow.action.dynamic_cid").await;
    let execute = worker.until("action.execute", "").await.members();
    let call_id = text(&execute, "Call-ID").to_owned();
    worker.bind(Exchange::Callevt, &crate::kapi::routing::call_events_key(&call_id)).await;
    let identity = Identity::new("dcid@host", &worker.queue);
    let server_id = Address::parse(text(&execute, "Server-ID")).unwrap();
    let control = execute["Call"]["Control-Queue"].as_str().unwrap();
    let control = Address::parse(control).unwrap();
    let executor =
        Executor { server_id: &server_id, msg_id: text(&execute, "Msg-ID"), call_id: &call_id };
    let target = Target {
        identity: &identity,
        control_queue: &control,
        call_id: &call_id,
        dialect: Dialect::Master,
    };
    worker.send(&result::accepted(&identity, executor)).await;
    let [request, _] = channel_status::requests(&identity, &call_id, true, "status");
    worker.send(&request).await;
    let status = worker.until("channel_status_resp", "").await.members();
    assert_eq!((&status["Status"], &status["Msg-ID"]), (&json!("active"), &json!("status")));
    worker.send(&command::play(&target, "silence_stream://20", "n1")).await;
    let done = worker.until("CHANNEL_EXECUTE_COMPLETE", "noop").await.members();
    assert_eq!(done["Application-Response"], json!("n1"));
    worker.send(&command::play(&target, "prompt://a/b/c", "n2")).await;
    let mut number = String::new();
    for _ in 0..2 {
        let pressed = worker.until("DTMF", "").await.members();
        if number.is_empty() {
            worker.send(&command::flush(&target, "f")).await;
        }
        number.push_str(text(&pressed, "DTMF-Digit"));
    }
    let flow = fixtures::object(json!({"module": "dynamic_cid",
        "data": {"action": "static", "caller_id": {"number": number}}}));
    let answer = ActionResult::ContinueWithFlow(flow);
    worker.send(&result::result(&identity, executor, answer)).await;
    worker
}

#[tokio::test]
async fn a_call_is_played_to_its_answer() {
    let Some(broker) = broker() else { return };
    let prefix = prefix();
    let worker = Other::new(&broker, &prefix).await;
    worker.bind(Exchange::Kapps, "callflow.action.dynamic_cid").await;
    let worker = tokio::spawn(ask_for_two_digits(worker));
    let peer = Peer::connect_within(&broker, "peer-test@host", &prefix).await.unwrap();
    let checker = Checker::default();
    let (driven, messages, names) = place(&peer, play("42", &checker)).await;
    worker.await.unwrap().clean_up().await;
    peer.close().await;

    let End::Answered { result, .. } = &driven.end else { panic!("{driven:?}") };
    assert_eq!(
        result["Result-Term"]["continue_with_flow"]["data"]["caller_id"],
        json!({"number": "42"})
    );
    assert!(driven.accepted_at.is_some());
    assert_eq!(driven.keys_left, 0);
    for message in &messages {
        assert_eq!(message.faults, [""; 0], "{}", Value::Object(message.body.clone()));
    }
    let complete = "CHANNEL_EXECUTE_COMPLETE";
    assert_eq!(
        names,
        [
            "action.execute",
            "action.accepted",
            "channel_status_req",
            "channel_status_resp",
            "queue (play, noop)",
            complete,
            complete,
            "queue (play, noop)",
            "DTMF",
            complete,
            complete,
            "noop, flush",
            complete,
            "DTMF",
            "action.result",
        ]
    );
    // Calls that come too late learn why.
    assert_eq!(peer.call().next().await, Err(PeerError::Ended(EndReason::Stopped)));
}

#[tokio::test]
async fn without_a_worker_the_call_comes_back() {
    let Some(broker) = broker() else { return };
    let prefix = prefix();
    let other = Other::new(&broker, &prefix).await;
    let peer = Peer::connect_within(&broker, "peer-test@host", &prefix).await.unwrap();
    let checker = Checker::default();
    let (driven, _, names) = place(&peer, play("", &checker)).await;
    assert!(
        matches!(&driven.end, End::Returned(words) if words.contains("NO_ROUTE")),
        "{driven:?}"
    );
    assert_eq!(names, ["action.execute"]);
    let queue = format!("{prefix}work");
    assert_eq!(peer.workers(&queue).await, Ok(Workers::NoQueue));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let arguments = FieldTable::default();
    other.channel.queue_declare(queue.as_str().into(), durable, arguments).await.unwrap();
    let nobody = Workers::Queue { workers: 0, waiting: 0 };
    assert_eq!(peer.workers(&queue).await, Ok(nobody));
    let options = QueueDeleteOptions::default();
    other.channel.queue_delete(queue.as_str().into(), options).await.unwrap();
    peer.close().await;
    other.clean_up().await;
}

#[tokio::test]
async fn a_caller_who_gets_no_answer_hangs_up() {
    let Some(broker) = broker() else { return };
    let prefix = prefix();
    let mute = Other::new(&broker, &prefix).await;
    mute.bind(Exchange::Kapps, "callflow.action.dynamic_cid").await;
    let peer = Peer::connect_within(&broker, "peer-test@host", &prefix).await.unwrap();
    let checker = Checker::default();
    let patience = Duration::from_millis(100);
    let (driven, _, names) = place(&peer, Play { patience, ..play("12", &checker) }).await;
    assert_eq!((&driven.end, driven.keys_left), (&End::Unanswered, 2));
    assert_eq!(names, ["action.execute", "CHANNEL_DESTROY"]);
    peer.close().await;
    mute.clean_up().await;
}

#[tokio::test]
async fn who_answers_a_route_request_too_late_does_not_win_it() {
    let Some(broker) = broker() else { return };
    let prefix = prefix();
    let mut worker = Other::new(&broker, &prefix).await;
    worker.bind(Exchange::Callmgr, "route.req.#").await;
    let worker = tokio::spawn(async move {
        let request = worker.until("route_req", "").await.members();
        // The caller of this test waits for 100 ms and listens for 200 ms more.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let identity = Identity::new("dcid@host", &worker.queue);
        let kind = ("dialplan", "route_resp");
        let key = text(&request, "Server-ID");
        let body = fixtures::object(json!({"Custom-Channel-Vars": {}}));
        let late = Message::new(kind, body, &identity, Exchange::Targeted, key);
        worker.send(&late.with_msg_id(text(&request, "Msg-ID"))).await;
        worker
    });
    let peer = Peer::connect_within(&broker, "peer-test@host", &prefix).await.unwrap();
    let checker = Checker::default();
    let patience = Duration::from_millis(100);
    let play = Play { seam: Seam::Route, patience, ..play("", &checker) };
    let (driven, _, names) = place(&peer, play).await;
    worker.await.unwrap().clean_up().await;
    peer.close().await;
    assert_eq!((driven.end, driven.accepted_at), (End::LeftToCallflow, None));
    assert_eq!(names, ["route_req", "route_resp"]);
}

#[tokio::test]
async fn what_kazoo_would_not_understand_is_marked() {
    let Some(broker) = broker() else { return };
    let prefix = prefix();
    let mut worker = Other::new(&broker, &prefix).await;
    worker.bind(Exchange::Kapps, "callflow.action.dynamic_cid").await;
    let worker = tokio::spawn(async move {
        let execute = worker.until("action.execute", "").await.members();
        let server_id = Address::parse(text(&execute, "Server-ID")).unwrap();
        let identity = Identity::new("dcid@host", &worker.queue);
        let (msg_id, call_id) = (text(&execute, "Msg-ID"), text(&execute, "Call-ID"));
        let executor = Executor { server_id: &server_id, msg_id, call_id };
        let accepted = result::accepted(&identity, executor);
        // Neither a content type nor the process it is for.
        worker.publish(&accepted, BasicProperties::default()).await;
        let answer = result::result(&identity, executor, ActionResult::Continue);
        worker.send(&answer).await;
        worker.send(&answer).await;
        worker
    });
    let peer = Peer::connect_within(&broker, "peer-test@host", &prefix).await.unwrap();
    let checker = Checker::default();
    let (driven, messages, names) = place(&peer, play("", &checker)).await;
    worker.await.unwrap().clean_up().await;
    peer.close().await;
    assert!(matches!(driven.end, End::Answered { .. }));
    assert_eq!(names, ["action.execute", "action.accepted", "action.result", "action.result"]);
    for (message, faults) in messages.iter().zip([
        &[][..],
        &["no content type", "`Deliver-To-PID` is missing"],
        &[],
        &["a second result"],
    ]) {
        assert_eq!(message.faults.len(), faults.len(), "{:?}", message.faults);
        for (fault, words) in message.faults.iter().zip(faults) {
            assert!(fault.contains(words), "{fault}");
        }
    }
}

#[tokio::test]
async fn another_node_is_heard_by_its_advertisement() {
    let Some(broker) = broker() else { return };
    let prefix = prefix();
    let node = Other::new(&broker, &prefix).await;
    let peer = Peer::connect_within(&broker, "peer-test@host", &prefix).await.unwrap();
    let never = || panic!("there is nothing to listen to");
    assert_eq!(peer.company("own@host", LISTENING, never).await, Ok(Company::Never));

    node.asked().declare(&node.channel, Exchange::Nodes).await.unwrap();
    let advertise = |name: &str| {
        let members = fixtures::object(json!({"WhApps": {"callflow": {}}, "Zone": "east"}));
        let identity = Identity::new(name, "");
        Message::new(("nodes", "advertise"), members, &identity, Exchange::Nodes, "")
    };
    let brief = Duration::from_millis(200);
    assert_eq!(peer.company("own@host", brief, || ()).await, Ok(Company::Silent));

    let (listening, told) = tokio::sync::oneshot::channel();
    let heard = peer.company("own@host", LISTENING, || listening.send(()).unwrap());
    let advertised = async {
        told.await.unwrap();
        for name in ["own@host", "kazoo_apps@apps1"] {
            node.send(&advertise(name)).await;
        }
    };
    let (heard, ()) = tokio::join!(heard, advertised);
    let Ok(Company::Node(found)) = heard else { panic!("{heard:?}") };
    assert_eq!(found.node, "kazoo_apps@apps1");
    assert_eq!((found.zone.as_deref(), found.apps), (Some("east"), vec!["callflow".into()]));
    peer.close().await;
    node.clean_up().await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_told_without_password() {
    let broker: Broker = "amqp://kz:s3cret@127.0.0.1:1".parse().unwrap();
    let error =
        Peer::connect(&broker, "peer-test@host", Tls::default()).await.err().unwrap().to_string();
    assert!(error.starts_with("cannot connect to amqp://kz@127.0.0.1:1"), "{error}");
    assert!(!error.contains("s3cret"));
}
