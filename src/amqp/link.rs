//! One live connection, as the rest of the program sees it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lapin::{
    BasicProperties, Channel,
    options::{BasicPublishOptions, QueueBindOptions},
    types::FieldTable,
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    Broker, EndReason, Outgoing, Pipeline, Published, RejectedQueue,
    confirms::Confirms,
    outgoing::{Clock, Prepared, short},
    reason::Step,
    transactions::{Transactions, send_now},
};

/// Why a link did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The session has ended. What was not confirmed may or may not have arrived.
    #[error("the session has ended: {0}")]
    Down(Box<EndReason>),
    /// The broker takes no messages from us because it is short of memory or disk.
    #[error("the broker takes no messages for lack of memory or disk")]
    Blocked,
    /// Too many messages are waiting for their confirmation.
    #[error("{open} messages wait for their confirmation already")]
    Overloaded {
        /// How many.
        open: usize,
    },
    /// The broker could not keep the message.
    #[error("the broker refused the message (nack)")]
    Nacked,
    /// A name is longer than AMQP can carry.
    #[error("the {what} has {bytes} bytes, AMQP allows 255")]
    TooLong {
        /// Which name.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// The delivery belongs to an earlier session; its message has been handed out again.
    #[error("the delivery belongs to an earlier session")]
    OtherSession,
}

/// One live connection; cheap to clone. After the end of its session every call fails at once.
#[derive(Debug, Clone)]
pub struct Link {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) session: u64,
    pub(super) broker: Broker,
    pub(super) timeout: Duration,
    pub(super) confirms: Arc<Confirms>,
    pub(super) transactions: Transactions,
    pub(super) clock: Clock,
    pub(super) blocked: watch::Sender<bool>,
    pub(super) deliveries: Channel,
    requests: Channel,
    bindings: Vec<Channel>,
    reply_queue: String,
    process_queue: Option<String>,
    call_events: String,
    pub(super) rejected: Option<RejectedQueue>,
    ended: OnceLock<EndReason>,
    failed: CancellationToken,
}

/// The channels of a session, each for its own purpose: an error closes a channel for all uses.
pub(super) struct Channels {
    pub(super) deliveries: Channel,
    /// With transactions: deliveries and what is settled together with them.
    pub(super) transactions: Channel,
    /// For whatever fits no other.
    pub(super) requests: Channel,
    pub(super) bindings: Vec<Channel>,
    pub(super) publishing: Channel,
}

impl Link {
    pub(super) fn new(
        broker: &Broker,
        topology: &super::Topology,
        reply_queue: &str,
        channels: Channels,
        timeout: Duration,
    ) -> Self {
        static SESSIONS: AtomicU64 = AtomicU64::new(1);
        Self {
            inner: Arc::new(Inner {
                session: SESSIONS.fetch_add(1, Ordering::Relaxed),
                broker: broker.clone(),
                timeout,
                confirms: Confirms::new(channels.publishing),
                transactions: Transactions::new(channels.transactions),
                clock: Clock::default(),
                blocked: watch::Sender::new(false),
                deliveries: channels.deliveries,
                requests: channels.requests,
                bindings: channels.bindings,
                reply_queue: reply_queue.to_owned(),
                process_queue: topology.process_queue.clone(),
                call_events: topology.reply.call_events.clone(),
                rejected: topology.rejected.clone(),
                ended: OnceLock::new(),
                failed: CancellationToken::new(),
            }),
        }
    }

    /// Returns when the broker takes messages, or the session has ended.
    pub async fn unblocked(&self) {
        tokio::select! {
            () = self.inner.unblocked() => {}
            () = self.inner.failed.cancelled() => {}
        }
    }

    /// Name of the private queue: our `Server-ID`.
    pub fn reply_queue(&self) -> &str {
        &self.inner.reply_queue
    }

    /// Name of the queue of work that this process has for itself, where the topology has one. It
    /// is the same on every link of the process, and outlives it.
    pub fn process_queue(&self) -> Option<&str> {
        self.inner.process_queue.as_deref()
    }

    /// The broker, without password.
    pub fn broker(&self) -> String {
        self.inner.broker.to_string()
    }

    /// Whether the session has ended.
    pub fn is_down(&self) -> bool {
        self.inner.ended.get().is_some()
    }

    /// The error of whatever is asked of this link when its session has ended.
    pub fn over(&self) -> LinkError {
        self.inner.down()
    }

    /// Whether the broker takes no messages for lack of memory or disk.
    pub fn is_blocked(&self) -> bool {
        self.inner.is_blocked()
    }

    /// Publishes one message and waits until the broker has it.
    pub async fn publish(&self, message: Outgoing<'_>) -> Result<Published, LinkError> {
        let prepared = Prepared::new(message, &self.inner.clock)?;
        self.publish_prepared(prepared).await
    }

    /// Opens a pipeline for messages that must keep their order without waiting for each other.
    pub async fn pipeline(&self) -> Result<Pipeline, LinkError> {
        Pipeline::open(&self.inner).await
    }

    /// Publishes messages in order, all in flight at once, and waits until the broker has them.
    pub async fn publish_in_order(
        &self,
        messages: impl IntoIterator<Item = Outgoing<'_>>,
    ) -> Result<Vec<Published>, LinkError> {
        let mut pipeline = self.pipeline().await?;
        for message in messages {
            pipeline.add(message)?;
        }
        pipeline.confirmed().await
    }

    pub(super) async fn publish_prepared(&self, message: Prepared) -> Result<Published, LinkError> {
        let mut pipeline = self.pipeline().await?;
        pipeline.send(message)?;
        Ok(pipeline.confirmed().await?.pop().unwrap_or(Published::Routed))
    }

    /// Lets the events with this routing key come to the private queue; returns when they do.
    pub async fn bind_call(&self, routing_key: &str) -> Result<(), LinkError> {
        let inner = &self.inner;
        let key = short("routing key", routing_key)?;
        let (queue, exchange) =
            (short("queue name", &inner.reply_queue)?, short("exchange", &inner.call_events)?);
        let options = QueueBindOptions::default();
        let bind = inner.channel_for(routing_key).queue_bind(
            queue,
            exchange,
            key,
            options,
            FieldTable::default(),
        );
        inner.answered(Step::Serve("call events"), bind).await
    }

    /// The opposite of [`bind_call`](Self::bind_call); events already on their way still come.
    pub async fn unbind_call(&self, routing_key: &str) -> Result<(), LinkError> {
        let inner = &self.inner;
        let key = short("routing key", routing_key)?;
        let (queue, exchange) =
            (short("queue name", &inner.reply_queue)?, short("exchange", &inner.call_events)?);
        let unbind = inner.channel_for(routing_key).queue_unbind(
            queue,
            exchange,
            key,
            FieldTable::default(),
        );
        inner.answered(Step::Serve("call events"), unbind).await
    }
}

impl Inner {
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    pub(super) fn is_blocked(&self) -> bool {
        *self.blocked.borrow()
    }

    /// Returns when the broker takes messages.
    pub(super) async fn unblocked(&self) {
        // The sender is ours, so that the wait cannot fail.
        self.blocked.subscribe().wait_for(|blocked| !blocked).await.ok();
    }

    /// Returns when the broker takes no messages.
    pub(super) async fn until_blocked(&self) {
        self.blocked.subscribe().wait_for(|blocked| *blocked).await.ok();
    }

    pub(super) fn check(&self) -> Result<(), LinkError> {
        self.ended.get().map_or(Ok(()), |reason| Err(LinkError::Down(Box::new(reason.clone()))))
    }

    /// The error of a link whose session has ended, or is just ending.
    pub(super) fn down(&self) -> LinkError {
        let reason = self.ended.get().cloned().unwrap_or_else(|| EndReason::ConnectionClosed {
            reason: "the session is ending".to_owned(),
        });
        LinkError::Down(Box::new(reason))
    }

    /// Ends the session for this reason, unless it is ending already.
    pub(super) fn fail(&self, reason: EndReason) -> LinkError {
        self.end(reason);
        self.down()
    }

    /// Marks the session as ended: from here on nothing is asked of the broker.
    pub(super) fn end(&self, reason: EndReason) {
        self.ended.get_or_init(|| reason);
        self.failed.cancel();
    }

    /// Returns when the session has to end.
    pub(super) async fn failed(&self) -> EndReason {
        self.failed.cancelled().await;
        self.ended.get().cloned().unwrap_or(EndReason::Stopped)
    }

    /// A message through the broker to ourselves, without waiting.
    pub(super) fn probe(&self, answers: &str, kind: &str, id: &str) -> Result<(), LinkError> {
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_type(short("message type", kind)?)
            .with_message_id(short("message id", id)?)
            .with_timestamp(self.clock.next());
        let publish = self.requests.basic_publish(
            short("exchange", answers)?,
            short("queue name", &self.reply_queue)?,
            BasicPublishOptions::default(),
            b"{}",
            properties,
        );
        send_now(async { publish.await.map(drop) }).map_err(|error| {
            self.fail(Step::Serve("acknowledgements").reason(&self.broker, &error))
        })
    }

    /// The channel for a call's bindings: always the same one, so that binding and unbinding keep
    /// their order.
    fn channel_for(&self, routing_key: &str) -> &Channel {
        let mut hasher = DefaultHasher::new();
        routing_key.hash(&mut hasher);
        let channels = self.bindings.len().max(1);
        let turn = usize::try_from(hasher.finish() % channels as u64).unwrap_or_default();
        self.bindings.get(turn).unwrap_or(&self.requests)
    }

    async fn answered(
        &self,
        step: Step,
        request: impl Future<Output = lapin::Result<()>>,
    ) -> Result<(), LinkError> {
        self.check()?;
        match timeout_at(self.deadline(), request).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.fail(step.reason(&self.broker, &error))),
            Err(_) if self.is_blocked() => Err(LinkError::Blocked),
            Err(_) => Err(self.fail(step.unanswered(&self.broker, self.timeout))),
        }
    }
}
