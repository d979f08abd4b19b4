//! From the library's streams to the handler.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::{Consumer, Event, types::ShortString};
use tokio_util::sync::CancellationToken;

use super::{
    Delivery, EndReason, Handler, Link, QueueKind, SessionState, delivery::Source, reason::Step,
    watchdog::Pulse,
};

/// Where deliveries of one queue go.
pub(super) struct Forward {
    pub(super) source: Source,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) link: Link,
    /// Cancelled when we ourselves end the consumer.
    pub(super) ending: CancellationToken,
}

impl Forward {
    /// Hands on every delivery; returns when the broker ends the consumer.
    ///
    /// An error comes once and is followed by silence, not by the stream's end, where only the
    /// channel is closed: so the first one counts.
    pub(super) async fn run(self, mut consumer: Consumer) -> EndReason {
        let kind = self.source.kind;
        while let Some(next) = consumer.next().await {
            match next {
                Ok(received) => {
                    let properties = &received.properties;
                    let of = properties.kind().as_ref().map(ShortString::as_str);
                    let id = properties.message_id().as_ref().map(ShortString::as_str);
                    if kind == QueueKind::Reply && self.pulse.take(of, id) {
                        continue;
                    }
                    let delivery = Delivery::of(received, &self.source);
                    match kind {
                        QueueKind::Work => self.handler.work(delivery),
                        QueueKind::Reply => self.handler.reply(delivery),
                    }
                }
                Err(error) => {
                    let step = Step::Serve(self.source.settling.channel_for());
                    return step.reason(&self.link.inner.broker, &error);
                }
            }
            // The stream knows nothing of the runtime's fairness; under load it never waits.
            tokio::task::consume_budget().await;
        }
        if self.ending.is_cancelled() {
            std::future::pending::<()>().await;
        }
        EndReason::ConsumerEnded { queue: self.source.queue.to_string() }
    }
}

/// Follows what the broker says of the connection itself; returns when it is over.
pub(super) async fn events(
    mut events: impl futures_util::Stream<Item = Event> + Unpin,
    link: Link,
    handler: Arc<dyn Handler>,
    tell: impl Fn(SessionState),
) -> EndReason {
    while let Some(event) = events.next().await {
        match event {
            Event::ConnectionBlocked(reason) => {
                tracing::error!(
                    broker = %link.inner.broker, %reason,
                    "the broker takes no more messages from us: free memory or disk on it; calls \
                     wait until then"
                );
                link.inner.blocked.send_replace(true);
                tell(SessionState::Blocked { broker: link.broker(), reason: reason.clone() });
                handler.blocked(Some(&reason));
            }
            Event::ConnectionUnblocked => {
                tracing::info!(broker = %link.inner.broker, "the broker takes messages again");
                link.inner.blocked.send_replace(false);
                tell(SessionState::Up { broker: link.broker() });
                handler.blocked(None);
            }
            Event::Error(error) => {
                return Step::Serve("the session").reason(&link.inner.broker, &error);
            }
            _ => {}
        }
    }
    EndReason::ConnectionClosed { reason: "the library ended it".to_owned() }
}
