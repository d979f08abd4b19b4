//! A session under test and the other side of the broker.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    message::BasicGetMessage,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions,
        QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
    },
    types::FieldTable,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

use super::super::{
    Backoff, Broker, Delivery, EndReason, Handler, Link, Outgoing, SessionConfig, SessionState,
    Settling, Stop, Timing, Topology, supervise,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// The broker's URI, or nothing and a word about it.
pub(super) fn server() -> Option<String> {
    let uri = std::env::var("KAZOO_TEST_AMQP_URI").ok().filter(|uri| !uri.is_empty());
    if uri.is_none() {
        println!("skipped: KAZOO_TEST_AMQP_URI is not set");
    }
    uri
}

/// `host:port` of a URI.
pub(super) fn address_of(uri: &str) -> String {
    let uri: lapin::uri::AMQPUri = uri.parse().unwrap();
    format!("{}:{}", uri.authority.host, uri.authority.port)
}

/// The same URI with another address.
pub(super) fn at(uri: &str, address: std::net::SocketAddr) -> String {
    let mut uri: lapin::uri::AMQPUri = uri.parse().unwrap();
    uri.authority.host = address.ip().to_string();
    uri.authority.port = address.port();
    uri.to_string()
}

#[derive(Debug)]
pub(super) enum Event {
    Connected(Link),
    Work(Delivery),
    Reply(Delivery),
    Disconnected(EndReason),
    Blocked(bool),
}

struct Recorder(mpsc::UnboundedSender<Event>);

impl Handler for Recorder {
    fn connected(&self, link: Link) {
        self.0.send(Event::Connected(link)).ok();
    }
    fn work(&self, delivery: Delivery) {
        self.0.send(Event::Work(delivery)).ok();
    }
    fn reply(&self, delivery: Delivery) {
        self.0.send(Event::Reply(delivery)).ok();
    }
    fn disconnected(&self, reason: &EndReason) {
        self.0.send(Event::Disconnected(reason.clone())).ok();
    }
    fn blocked(&self, reason: Option<&str>) {
        self.0.send(Event::Blocked(reason.is_some())).ok();
    }
}

/// Fast enough for a test.
pub(super) fn quick() -> Timing {
    Timing {
        connect: Duration::from_secs(1),
        request: Duration::from_secs(2),
        close: Duration::from_millis(500),
        probe_every: Duration::from_millis(250),
        stalled_after: Duration::from_secs(1),
        backoff: Backoff { first: Duration::from_millis(50), longest: Duration::from_millis(200) },
        refused: Duration::from_millis(300),
        preferred: Duration::from_millis(200),
        ..Timing::default()
    }
}

/// A mandatory message in memory.
pub(super) fn to<'a>(exchange: &'a str, routing_key: &'a str, body: &str) -> Outgoing<'a> {
    Outgoing {
        exchange,
        routing_key,
        deliver_to_pid: None,
        body: body.as_bytes().to_vec(),
        mandatory: true,
        persistent: false,
    }
}

pub(super) fn config(uris: &[&str], topology: &Topology) -> SessionConfig {
    let brokers: Vec<Broker> = uris.iter().map(|uri| uri.parse().unwrap()).collect();
    SessionConfig {
        timing: quick(),
        ..SessionConfig::new(brokers, "kazoo_dynamic_cid@test", topology.clone())
    }
}

/// A topology nobody else on the broker uses.
pub(super) fn topology() -> Topology {
    let mut topology = Topology::execute(["doc_edited.#".to_owned()])
        .prefixed(&format!("test-{:08x}-", rand::random::<u32>()));
    topology.work.truncate(1);
    topology.work[0].settling = Settling::Acknowledge;
    topology
}

/// The same, its work settled by transaction.
pub(super) fn transactional() -> Topology {
    let mut topology = topology();
    topology.work[0].settling = Settling::Transaction;
    topology
}

pub(super) struct Session {
    pub(super) stop: Stop,
    pub(super) state: watch::Receiver<SessionState>,
    events: mpsc::UnboundedReceiver<Event>,
    task: JoinHandle<()>,
}

impl Session {
    pub(super) fn start(config: SessionConfig) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let (state, states) = watch::channel(SessionState::default());
        let stop = Stop::default();
        let task = tokio::spawn(supervise(config, Arc::new(Recorder(tell)), stop.clone(), state));
        Self { stop, state: states, events, task }
    }

    /// The next event; a test that waits for nothing fails.
    pub(super) async fn next(&mut self) -> Event {
        timeout(PATIENCE, self.events.recv()).await.expect("no event came").expect("it has ended")
    }

    pub(super) async fn connected(&mut self) -> Link {
        loop {
            if let Event::Connected(link) = self.next().await {
                let mut state = self.state.clone();
                timeout(PATIENCE, state.wait_for(SessionState::is_up)).await.unwrap().unwrap();
                return link;
            }
        }
    }

    pub(super) async fn work(&mut self) -> Delivery {
        match self.next().await {
            Event::Work(delivery) => delivery,
            other => panic!("not work: {other:?}"),
        }
    }

    pub(super) async fn reply(&mut self) -> Delivery {
        match self.next().await {
            Event::Reply(delivery) => delivery,
            other => panic!("not a reply: {other:?}"),
        }
    }

    pub(super) async fn disconnected(&mut self) -> EndReason {
        loop {
            if let Event::Disconnected(reason) = self.next().await {
                return reason;
            }
        }
    }

    pub(super) async fn until(&self, wanted: impl Fn(&SessionState) -> bool) -> SessionState {
        let mut state = self.state.clone();
        timeout(PATIENCE, state.wait_for(wanted)).await.expect("not reached").unwrap().clone()
    }

    pub(super) async fn end(self) {
        self.stop.session.cancel();
        timeout(PATIENCE, self.task).await.expect("the session does not end").unwrap();
        assert_eq!(*self.state.borrow(), SessionState::Stopped);
    }
}

/// KAZOO's side, straight on the client library.
pub(super) struct Peer {
    connection: Connection,
    pub(super) channel: Channel,
    topology: Topology,
}

impl Peer {
    pub(super) async fn new(uri: &str, topology: &Topology) -> Self {
        let connection = Connection::connect(uri, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self { connection, channel, topology: topology.clone() }
    }

    pub(super) async fn publish(&self, exchange: &str, key: &str, body: &[u8]) {
        self.publish_with(exchange, key, body, BasicProperties::default()).await;
    }

    pub(super) async fn publish_with(
        &self,
        exchange: &str,
        key: &str,
        body: &[u8],
        properties: BasicProperties,
    ) {
        let options = BasicPublishOptions::default();
        self.channel
            .basic_publish(exchange.into(), key.into(), options, body, properties)
            .await
            .unwrap();
    }

    pub(super) async fn execute(&self, body: &[u8]) {
        let binding = &self.topology.work[0].bindings[0];
        let properties = BasicProperties::default().with_content_type("application/json".into());
        self.publish_with(&binding.exchange, &binding.routing_key, body, properties).await;
    }

    /// A queue of the peer's own, bound by its name.
    pub(super) async fn queue(&self, name: &str, exchange: &str) {
        let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        self.channel.queue_declare(name.into(), options, FieldTable::default()).await.unwrap();
        self.channel
            .queue_bind(
                name.into(),
                exchange.into(),
                name.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .unwrap();
    }

    pub(super) async fn consume(&self, queue: &str) -> mpsc::UnboundedReceiver<Vec<u8>> {
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let mut consumer = self
            .channel
            .basic_consume(queue.into(), "".into(), options, FieldTable::default())
            .await
            .unwrap();
        let (tell, told) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(delivery)) = consumer.next().await {
                tell.send(delivery.data).ok();
            }
        });
        told
    }

    /// Takes one message; waits for it a little.
    pub(super) async fn get(&self, queue: &str) -> Option<BasicGetMessage> {
        for _ in 0..20 {
            let message =
                self.channel.basic_get(queue.into(), BasicGetOptions::default()).await.unwrap();
            if let Some(message) = message {
                message.ack(BasicAckOptions::default()).await.unwrap();
                return Some(message);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        None
    }

    /// Messages that wait in a queue.
    pub(super) async fn waiting(&self, queue: &str) -> u32 {
        self.look_at(queue).await.message_count()
    }

    /// Messages that wait in a queue once nobody consumes from it any more.
    pub(super) async fn left(&self, queue: &str) -> u32 {
        for _ in 0..400 {
            let found = self.look_at(queue).await;
            if found.consumer_count() == 0 {
                return found.message_count();
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("somebody still consumes from {queue}");
    }

    async fn look_at(&self, queue: &str) -> lapin::Queue {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        self.channel.queue_declare(queue.into(), options, FieldTable::default()).await.unwrap()
    }

    pub(super) async fn purge(&self, queue: &str) {
        self.channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await.unwrap();
    }

    pub(super) async fn delete(&self, queue: &str) {
        let options = QueueDeleteOptions::default();
        self.channel.queue_delete(queue.into(), options).await.unwrap();
    }

    /// Leaves nothing behind.
    pub(super) async fn clean(self) {
        let work = self.topology.work.iter().map(|work| &work.name);
        for queue in work.chain([&self.topology.rejected.as_ref().unwrap().name]) {
            self.delete(queue).await;
        }
        for exchange in &self.topology.exchanges {
            let options = lapin::options::ExchangeDeleteOptions::default();
            self.channel.exchange_delete(exchange.name.as_str().into(), options).await.unwrap();
        }
        self.connection.close(200, "OK".into()).await.unwrap();
    }
}
