//! One connection of KAZOO's side for thousands of calls at once: what arrives is told by the
//! call's id and handed to the lane that plays the call.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::names::Names;
use crate::amqp::{
    Binding, Broker, Delivery, EndReason, Handler, Link, LinkError, Outgoing, Pipeline,
    SessionConfig, SessionState, Stop, Topology, supervise,
};
use crate::json::Object;
use crate::kapi::{Message, routing};

/// How long the broker may take to let us in.
const CONNECTING: Duration = Duration::from_secs(15);
/// How long the connection may take to close.
const CLOSING: Duration = Duration::from_secs(5);

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// No session came up.
    #[error("no session with RabbitMQ: {0}")]
    NoSession(String),
    /// The session ended.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// What arrived for a call.
#[derive(Debug)]
pub(super) struct Arrived {
    /// The call's number.
    pub call: u64,
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// A message for a call.
#[derive(Debug)]
pub(super) enum What {
    /// `action.result`, its readable term.
    Result(Value),
    /// `callflow/resume`.
    Resume(Object),
    /// A command to the switch.
    Command(Object),
    /// Whether the channel is there.
    StatusRequest(Object),
    /// Somebody takes the call.
    RouteResponse(Object),
}

/// A live connection.
pub(super) struct Line {
    link: Link,
    inbox: Arc<Inbox>,
    prefix: String,
    stop: Stop,
    session: JoinHandle<()>,
}

impl Line {
    /// Connects. `prefix` stands in front of the names of all exchanges; with `resumes`, calls
    /// that are handed back to callflow come here.
    pub(super) async fn connect(
        brokers: Vec<Broker>,
        node: &str,
        prefix: &str,
        resumes: bool,
    ) -> Result<Self, LineError> {
        let on = |exchange: &str, key: &str| Binding {
            exchange: exchange.to_owned(),
            routing_key: key.to_owned(),
        };
        let mut topology = Topology::new(std::iter::empty::<String>());
        // One word for any call's id: a binding for each call would cost a round trip.
        topology.reply.bindings.push(on("callevt", "call.status_req.*"));
        if resumes {
            topology.reply.bindings.push(on("kapps", routing::RESUME_KEY));
        }
        // A control process hears no events of calls, but commands.
        "callctl".clone_into(&mut topology.reply.call_events);
        let config = SessionConfig::new(brokers, node, topology.prefixed(prefix));
        let inbox = Arc::new(Inbox {
            names: Names::new(rand::random()),
            lanes: Mutex::default(),
            nodes: Mutex::default(),
            link: watch::Sender::new(None),
        });
        let stop = Stop::default();
        let (state, states) = watch::channel(SessionState::default());
        let mut links = inbox.link.subscribe();
        let session = tokio::spawn(supervise(config, Arc::clone(&inbox) as _, stop.clone(), state));
        let connected = tokio::time::timeout(CONNECTING, links.wait_for(Option::is_some)).await;
        let link = connected.ok().and_then(Result::ok).and_then(|link| link.clone());
        let Some(link) = link else {
            stop.session.cancel();
            return Err(LineError::NoSession(states.borrow().to_string()));
        };
        link.bind_call(link.reply_queue()).await?;
        Ok(Self { link, inbox, prefix: prefix.to_owned(), stop, session })
    }

    /// The queue that everything for our calls comes to.
    pub(super) fn queue(&self) -> &str {
        self.link.reply_queue()
    }

    /// The names of its calls.
    pub(super) fn names(&self) -> &Names {
        &self.inbox.names
    }

    /// An error where the session has ended, and with it every call.
    pub(super) fn check(&self) -> Result<(), LineError> {
        if self.link.is_down() {
            let reason = EndReason::ConnectionClosed { reason: "the session ended".to_owned() };
            return Err(LinkError::Down(Box::new(reason)).into());
        }
        Ok(())
    }

    /// Lets what arrives for a call come to a lane.
    pub(super) fn listen(&self, call: u64, lane: &UnboundedSender<Arrived>) {
        self.inbox.lanes().insert(call, lane.clone());
    }

    /// The opposite of [`listen`](Self::listen).
    pub(super) fn forget(&self, call: u64) {
        self.inbox.lanes().remove(&call);
    }

    /// Sends a message that must reach a queue; what became of it, the pipeline tells.
    pub(super) async fn hand_over(
        &self,
        exchange: &str,
        routing_key: &str,
        body: Vec<u8>,
    ) -> Result<Pipeline, LinkError> {
        let mut pipeline = self.link.pipeline().await?;
        let exchange = format!("{}{exchange}", self.prefix);
        pipeline.add(Outgoing {
            exchange: &exchange,
            routing_key,
            deliver_to_pid: None,
            body,
            mandatory: true,
            persistent: false,
        })?;
        Ok(pipeline)
    }

    /// Sends a message whose loss would be noticed by its effects.
    pub(super) async fn tell(&self, message: &Message) -> Result<(), LinkError> {
        let exchange = format!("{}{}", self.prefix, message.exchange.name());
        let mut pipeline = self.link.pipeline().await?;
        pipeline.add(Outgoing { exchange: &exchange, ..Outgoing::from(message) })
    }

    /// How many calls each node has answered since this was last asked.
    pub(super) fn take_nodes(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.inbox.nodes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Closes the connection.
    pub(super) async fn close(self) {
        self.stop.session.cancel();
        if tokio::time::timeout(CLOSING, self.session).await.is_err() {
            tracing::warn!("a connection to the broker does not close; leaving it");
        }
    }
}

struct Inbox {
    names: Names,
    lanes: Mutex<HashMap<u64, UnboundedSender<Arrived>>>,
    nodes: Mutex<BTreeMap<String, u64>>,
    link: watch::Sender<Option<Link>>,
}

/// A message, as far as every one is read.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "Event-Name", borrow, default)]
    name: Cow<'a, str>,
    #[serde(rename = "Call-ID", borrow, default)]
    call_id: Cow<'a, str>,
    #[serde(rename = "Msg-ID", borrow, default)]
    msg_id: Cow<'a, str>,
    #[serde(rename = "Node", borrow, default)]
    node: Cow<'a, str>,
    #[serde(rename = "Result-Term", default)]
    result: Value,
}

impl Inbox {
    fn lanes(&self) -> MutexGuard<'_, HashMap<u64, UnboundedSender<Arrived>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, node: &str) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        match nodes.get_mut(node) {
            Some(count) => *count += 1,
            None => {
                nodes.insert(node.to_owned(), 1);
            }
        }
    }
}

impl Handler for Inbox {
    fn connected(&self, link: Link) {
        // A second session has another queue; the calls of the first are lost, and counted so.
        self.link.send_if_modified(|first| {
            let none = first.is_none();
            first.get_or_insert(link);
            none
        });
    }

    fn work(&self, _delivery: Delivery) {}

    fn reply(&self, delivery: Delivery) {
        let at = Instant::now();
        let payload = &delivery.payload;
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(payload) else { return };
        let ids = [&envelope.call_id, &envelope.msg_id];
        let Some(call) = ids.into_iter().find_map(|id| self.names.number(id)) else { return };
        let whole = || serde_json::from_slice(payload).ok();
        let what = match &*envelope.name {
            "action.result" => Some(What::Result(envelope.result)),
            "resume" => whole().map(What::Resume),
            "command" => whole().map(What::Command),
            "channel_status_req" => whole().map(What::StatusRequest),
            "route_resp" => whole().map(What::RouteResponse),
            _ => None,
        };
        let Some(what) = what else { return };
        if matches!(what, What::Result(_) | What::Resume(_)) {
            self.count(&envelope.node);
        }
        if let Some(lane) = self.lanes().get(&call) {
            // A lane that is over does not mind.
            let _ = lane.send(Arrived { call, at, what });
        }
    }

    fn disconnected(&self, reason: &EndReason) {
        tracing::debug!(%reason, "a line ended");
    }
}
