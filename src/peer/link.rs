//! The broker as KAZOO's side uses it: one queue of ours for the executors and control processes
//! of all calls we play.
//!
//! A call is told from others by the process ids in its addresses, as in KAZOO. Nothing recovers
//! here: when the connection ends, so does every call on it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Connection, Consumer};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::ids::CallIds;
use super::received::{Received, text};
use super::wire::{Asked, call_id_of, private_queue, properties, received, short};
use crate::amqp::{self, Broker, EndReason, Opened, SessionConfig, Step, Tls, Topology};
use crate::kapi::{Exchange, Message, header, routing};

/// Why something could not be done over the broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// The connection is not there, or not any more.
    #[error(transparent)]
    Ended(#[from] EndReason),
    /// The broker could not keep a message.
    #[error("the broker refused a message (nack)")]
    Nacked,
    /// A name is longer than AMQP can carry.
    #[error("`{0}` is longer than the 255 bytes that AMQP can carry")]
    TooLong(String),
}

/// What became of a message that must not be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// A queue has it.
    Queued,
    /// No queue is bound for it; the broker's words.
    Returned(String),
}

/// What arrives for a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival {
    /// A message of the worker's.
    Message(Received),
    /// The broker gave a message of ours back; its words.
    Returned(String),
}

/// KAZOO's side, connected. Cheap to clone.
#[derive(Clone)]
pub struct Peer {
    inner: Arc<Inner>,
}

struct Inner {
    broker: Broker,
    /// For each answer of the broker.
    limit: Duration,
    /// What stands in front of the names of exchanges.
    prefix: String,
    opened: tokio::sync::Mutex<Option<Opened>>,
    close: Duration,
    queue: String,
    /// With confirmations, for what must not be lost; one publisher at a time hands over.
    confirmed: tokio::sync::Mutex<Channel>,
    /// Without, for events.
    unconfirmed: Channel,
    next_call: AtomicU32,
    calls: Mutex<HashMap<String, UnboundedSender<Arrival>>>,
    ended: OnceLock<EndReason>,
}

impl Peer {
    /// Connects, declares the exchanges a call needs with KAZOO's flags, and listens on a queue of
    /// its own.
    pub async fn connect(broker: &Broker, node: &str, tls: Tls) -> Result<Self, PeerError> {
        Self::connect_as(broker, node, "", tls).await
    }

    /// The same with something in front of the names of all exchanges.
    #[cfg(test)]
    pub(super) async fn connect_within(
        broker: &Broker,
        node: &str,
        prefix: &str,
    ) -> Result<Self, PeerError> {
        Self::connect_as(broker, node, prefix, Tls::default()).await
    }

    async fn connect_as(
        broker: &Broker,
        node: &str,
        prefix: &str,
        tls: Tls,
    ) -> Result<Self, PeerError> {
        let topology = Topology::execute(std::iter::empty::<String>());
        let config = SessionConfig::new(vec![broker.clone()], format!("{node} (call)"), topology);
        let config = SessionConfig { tls, ..config };
        let opened = amqp::open(&config, broker).await?;
        let limit = config.timing.request;
        let asked = Asked { broker, limit, prefix };
        match Self::set_up(&opened.connection, &asked).await {
            Ok((queue, confirmed, unconfirmed, consumer)) => {
                let peer = Self {
                    inner: Arc::new(Inner {
                        broker: broker.clone(),
                        limit,
                        prefix: prefix.to_owned(),
                        opened: tokio::sync::Mutex::new(Some(opened)),
                        close: config.timing.close,
                        queue,
                        confirmed: tokio::sync::Mutex::new(confirmed),
                        unconfirmed,
                        next_call: AtomicU32::new(0),
                        calls: Mutex::default(),
                        ended: OnceLock::new(),
                    }),
                };
                tokio::spawn(deliver(Arc::clone(&peer.inner), consumer));
                Ok(peer)
            }
            Err(reason) => {
                opened.close(true, config.timing.close).await;
                Err(reason)
            }
        }
    }

    async fn set_up(
        connection: &Connection,
        asked: &Asked<'_>,
    ) -> Result<(String, Channel, Channel, Consumer), PeerError> {
        let consuming = asked.channel(connection).await?;
        for exchange in [
            Exchange::Targeted,
            Exchange::Callctl,
            Exchange::Callevt,
            Exchange::Kapps,
            Exchange::Callmgr,
        ] {
            asked.declare(&consuming, exchange).await?;
        }
        let queue = private_queue(asked, &consuming).await?;
        for (exchange, key) in [
            (Exchange::Targeted, queue.as_str()),
            (Exchange::Callctl, queue.as_str()),
            // One word for any call's id: a binding for each call would cost a round trip.
            (Exchange::Callevt, "call.status_req.*"),
        ] {
            asked.bind(&consuming, &queue, exchange, key).await?;
        }
        let consumer = asked.consume(&consuming, &queue).await?;
        let confirmed = asked.channel(connection).await?;
        let select = confirmed.confirm_select(ConfirmSelectOptions::default());
        asked.answer(Step::Serve("publishing"), select).await?;
        let unconfirmed = asked.channel(connection).await?;
        Ok((queue, confirmed, unconfirmed, consumer))
    }

    /// Takes the part of callflow, too: calls that are handed back come here.
    pub async fn play_callflow(&self) -> Result<(), PeerError> {
        let queue = self.inner.queue.as_str();
        self.on_scratch_channel(|channel| async move {
            let asked = self.asked();
            asked.bind(&channel, queue, Exchange::Kapps, routing::RESUME_KEY).await
        })
        .await
    }

    /// A new call with names of its own.
    pub fn call(&self) -> CallLink {
        let number = self.inner.next_call.fetch_add(1, Ordering::Relaxed);
        self.call_of(CallIds::new(&self.inner.queue, number))
    }

    /// A new call of KAZOO 4.3.
    pub fn route_call(&self) -> CallLink {
        self.call_of(CallIds::of_route(&self.inner.queue))
    }

    fn call_of(&self, ids: CallIds) -> CallLink {
        let (sender, inbox) = unbounded_channel();
        let mut calls = self.inner.calls();
        // Once the connection has ended, the inbox ends with the last sender, which is this one.
        if self.inner.ended.get().is_none() {
            for key in keys(&ids) {
                calls.insert(key, sender.clone());
            }
        }
        drop(calls);
        CallLink { peer: self.clone(), ids, inbox }
    }

    /// Runs something that the broker may answer with the end of a channel, on one of its own.
    pub(super) async fn on_scratch_channel<T, F>(
        &self,
        work: impl FnOnce(Channel) -> F,
    ) -> Result<T, PeerError>
    where
        F: Future<Output = Result<T, PeerError>>,
    {
        let opened = self.inner.opened.lock().await;
        let Some(opened) = opened.as_ref() else { return Err(self.inner.reason().into()) };
        let channel = self.inner.asked().channel(&opened.connection).await?;
        let outcome = work(channel.clone()).await;
        // A channel the broker has closed is closed already.
        let _ = timeout(self.inner.limit, channel.close(200, "OK".into())).await;
        outcome
    }

    pub(super) fn asked(&self) -> Asked<'_> {
        self.inner.asked()
    }

    /// Closes the connection and waits for the library's thread to end.
    pub async fn close(&self) {
        if let Some(opened) = self.inner.opened.lock().await.take() {
            let alive = self.inner.ended.get().is_none();
            self.inner.end(EndReason::Stopped);
            opened.close(alive, self.inner.close).await;
        }
    }
}

impl Inner {
    fn asked(&self) -> Asked<'_> {
        Asked { broker: &self.broker, limit: self.limit, prefix: &self.prefix }
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, HashMap<String, UnboundedSender<Arrival>>> {
        // Nothing can panic while the map is held.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, reason: EndReason) {
        // The first reason is the cause, what follows are its effects.
        let _ = self.ended.set(reason);
        self.calls().clear();
    }

    fn reason(&self) -> EndReason {
        let unknown = || EndReason::ConnectionClosed { reason: "it is not open".to_owned() };
        self.ended.get().cloned().unwrap_or_else(unknown)
    }

    /// Hands a delivery to its call: by the process it is for, else by the call it tells.
    fn dispatch(&self, delivery: &Delivery) {
        let received = received(delivery, &self.prefix);
        let mut calls = self.calls();
        let pid = received.deliver_to_pid.as_ref();
        // An answer to a route request names no call, but the request.
        let call_id = received.body.as_ref().map_or("", |body| {
            let names = [header::CALL_ID, header::MSG_ID].map(|name| text(body, name));
            names.into_iter().find(|name| !name.is_empty()).unwrap_or_default()
        });
        let key = pid.filter(|pid| calls.contains_key(*pid)).map_or(call_id, String::as_str);
        let key = key.to_owned();
        let Some(inbox) = calls.get(&key) else {
            tracing::debug!(
                exchange = received.exchange,
                routing_key = received.routing_key,
                call_id,
                "a message for no call of ours"
            );
            return;
        };
        if inbox.send(Arrival::Message(received)).is_err() {
            calls.remove(&key);
        }
    }
}

/// One call over a [`Peer`].
pub struct CallLink {
    peer: Peer,
    ids: CallIds,
    inbox: UnboundedReceiver<Arrival>,
}

impl CallLink {
    /// The call's names.
    pub fn ids(&self) -> &CallIds {
        &self.ids
    }

    /// Publishes a message that must reach a queue, and waits for the broker's word.
    pub async fn hand_over(&self, message: &Message) -> Result<Taken, PeerError> {
        let inner = &self.peer.inner;
        let asked = inner.asked();
        let step = || Step::Serve("publishing");
        let channel = inner.confirmed.lock().await;
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let payload = message.payload();
        let publish = channel.basic_publish(
            short(&asked.name(message.exchange))?,
            short(&message.routing_key)?,
            options,
            &payload,
            properties(message),
        );
        let confirm = asked.answer(step(), publish).await?;
        drop(channel);
        let confirmation = asked.answer(step(), confirm).await?;
        if confirmation.is_nack() {
            return Err(PeerError::Nacked);
        }
        // The library hands what came back to whoever is answered next, so it may be another's.
        let Some(returned) = confirmation.take_message() else { return Ok(Taken::Queued) };
        let words = format!("{} {}", returned.reply_code, returned.reply_text);
        let call_id = call_id_of(&returned);
        if call_id == self.ids.call_id {
            return Ok(Taken::Returned(words));
        }
        if let Some(inbox) = inner.calls().get(&call_id) {
            // A call that is over does not mind.
            let _ = inbox.send(Arrival::Returned(words));
        }
        Ok(Taken::Queued)
    }

    /// Publishes a message whose loss would be noticed by its effects.
    pub async fn tell(&self, message: &Message) -> Result<(), PeerError> {
        let inner = &self.peer.inner;
        let asked = inner.asked();
        let payload = message.payload();
        let publish = inner.unconfirmed.basic_publish(
            short(&asked.name(message.exchange))?,
            short(&message.routing_key)?,
            BasicPublishOptions::default(),
            &payload,
            properties(message),
        );
        asked.answer(Step::Serve("publishing"), publish).await?;
        Ok(())
    }

    /// The next thing that arrives; an error when the connection has ended.
    pub async fn next(&mut self) -> Result<Arrival, PeerError> {
        match self.inbox.recv().await {
            Some(arrival) => Ok(arrival),
            None => Err(self.peer.inner.reason().into()),
        }
    }

    /// What has arrived already, if anything.
    pub fn arrived(&mut self) -> Option<Arrival> {
        self.inbox.try_recv().ok()
    }
}

impl Drop for CallLink {
    fn drop(&mut self) {
        let mut calls = self.peer.inner.calls();
        for key in keys(&self.ids) {
            calls.remove(&key);
        }
    }
}

/// What a call's messages are told by.
fn keys(ids: &CallIds) -> impl Iterator<Item = String> {
    let pids = [&ids.executor, &ids.control].map(|address| address.pid.clone());
    pids.into_iter().flatten().chain([ids.call_id.clone(), ids.fetch_id.clone()])
}

/// Hands deliveries to their calls until the broker ends the consumer.
async fn deliver(inner: Arc<Inner>, mut consumer: Consumer) {
    while let Some(next) = consumer.next().await {
        match next {
            Ok(delivery) => inner.dispatch(&delivery),
            // An error comes once and is followed by silence, not by the stream's end.
            Err(error) => {
                inner.end(Step::Serve("deliveries").reason(&inner.broker, &error));
                return;
            }
        }
        tokio::task::consume_budget().await;
    }
    inner.end(EndReason::ConsumerEnded { queue: inner.queue.clone() });
}
