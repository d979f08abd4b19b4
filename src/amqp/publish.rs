//! Publishing with confirms.
//!
//! The library hands a returned message to whichever open confirmation of the channel is answered
//! next, and numbers messages of concurrent publishers in another order than it sends them. So a
//! channel is lent to one publisher at a time, and given back when all of its messages are
//! confirmed: then every returned message is surely one of his, and its time says which.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_util::future::BoxFuture;
use lapin::{Channel, Confirmation, options::BasicPublishOptions};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout_at,
};

use super::{LinkError, Outgoing, link::Inner, outgoing::Prepared, reason::Step};

/// What became of a message the broker has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// At least one queue has it.
    Routed,
    /// No queue took it; only told of mandatory messages.
    Returned {
        /// The broker's own words.
        reason: String,
    },
}

/// The channels to publish on.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Arc<Mutex<Vec<Channel>>>,
    permits: Arc<Semaphore>,
}

/// A channel lent to one publisher.
struct Lease {
    channel: Option<Channel>,
    idle: Arc<Mutex<Vec<Channel>>>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(channels: Vec<Channel>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(channels.len())),
            idle: Arc::new(Mutex::new(channels)),
        }
    }

    async fn lend(&self) -> Option<Lease> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        let channel = lock(&self.idle).pop();
        Some(Lease { channel, idle: Arc::clone(&self.idle), _permit: permit })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.take() {
            lock(&self.idle).push(channel);
        }
    }
}

fn lock(idle: &Mutex<Vec<Channel>>) -> std::sync::MutexGuard<'_, Vec<Channel>> {
    // Nothing can panic while the list is held, and a list is never half changed.
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Messages on their way, in order, on one channel.
///
/// Each is handed to the network as it is [`add`](Self::add)ed; [`confirmed`](Self::confirmed)
/// waits for all of them. Dropped without waiting, the messages still go out; nobody learns how.
#[must_use = "what became of the messages is only known from `confirmed`"]
pub struct Pipeline {
    link: Arc<Inner>,
    lease: Option<Lease>,
    sent: Vec<Sent>,
}

struct Sent {
    timestamp: u64,
    confirmation: BoxFuture<'static, lapin::Result<Confirmation>>,
    outcome: Option<lapin::Result<Confirmation>>,
}

impl Pipeline {
    /// Waits until the broker takes messages and a channel is free.
    pub(super) async fn open(link: &Arc<Inner>) -> Result<Self, LinkError> {
        link.check()?;
        let deadline = link.deadline();
        if link.is_blocked() {
            let mut blocked = link.blocked.subscribe();
            let unblocked = blocked.wait_for(|blocked| !blocked);
            timeout_at(deadline, unblocked)
                .await
                .map_err(|_| LinkError::Blocked)?
                .map_err(|_| link.down())?;
            link.check()?;
        }
        let lease = match timeout_at(deadline, link.pool.lend()).await {
            Ok(Some(lease)) => lease,
            Ok(None) => return Err(link.down()),
            Err(_) if link.is_blocked() => return Err(LinkError::Blocked),
            Err(_) => return Err(LinkError::Overloaded { after: link.timeout }),
        };
        Ok(Self { link: Arc::clone(link), lease: Some(lease), sent: Vec::with_capacity(1) })
    }

    /// Sends one more message behind those before it.
    pub fn add(&mut self, message: Outgoing<'_>) -> Result<(), LinkError> {
        let prepared = Prepared::new(message, &self.link.clock)?;
        self.send(prepared)
    }

    pub(super) fn send(&mut self, message: Prepared) -> Result<(), LinkError> {
        self.link.check()?;
        let channel = self.lease.as_ref().and_then(|lease| lease.channel.clone());
        let Some(channel) = channel else { return Err(self.link.down()) };
        let timestamp = message.timestamp;
        let mut confirmation: BoxFuture<'static, _> = Box::pin(async move {
            let Prepared { exchange, routing_key, mandatory, body, properties, .. } = message;
            let options = BasicPublishOptions { mandatory, immediate: false };
            channel.basic_publish(exchange, routing_key, options, &body, properties).await?.await
        });
        // The first poll puts the message into the library's queue: the order is ours.
        let mut context = Context::from_waker(Waker::noop());
        let outcome = match confirmation.as_mut().poll(&mut context) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        };
        self.sent.push(Sent { timestamp, confirmation, outcome });
        Ok(())
    }

    /// What became of each message, in order. A message without answer in time ends the session,
    /// except while the broker blocks us; it may or may not arrive later.
    pub async fn confirmed(mut self) -> Result<Vec<Published>, LinkError> {
        let what = Step::Serve("publishing");
        if timeout_at(self.link.deadline(), self.settle()).await.is_err() {
            return Err(if self.link.is_blocked() {
                LinkError::Blocked
            } else {
                self.link.fail(what.unanswered(&self.link.broker, self.link.timeout))
            });
        }
        let mut published = Vec::with_capacity(self.sent.len());
        let mut returned = Vec::new();
        let mut nacked = false;
        for sent in std::mem::take(&mut self.sent) {
            match sent.outcome {
                Some(Ok(confirmation)) => {
                    nacked |= confirmation.is_nack();
                    returned.extend(confirmation.take_message());
                    published.push((sent.timestamp, Published::Routed));
                }
                Some(Err(error)) => {
                    return Err(self.link.fail(what.reason(&self.link.broker, &error)));
                }
                // `settle` leaves none behind.
                None => return Err(self.link.down()),
            }
        }
        if nacked {
            return Err(LinkError::Nacked);
        }
        for message in returned {
            let timestamp = message.delivery.properties.timestamp().unwrap_or_default();
            if let Some((_, outcome)) = published.iter_mut().find(|(sent, _)| *sent == timestamp) {
                *outcome = Published::Returned {
                    reason: format!("{} {}", message.reply_code, message.reply_text),
                };
            }
        }
        Ok(published.into_iter().map(|(_, outcome)| outcome).collect())
    }

    async fn settle(&mut self) {
        settle(&mut self.sent).await;
    }
}

/// Waits until every message has its answer; with the session's end, all have.
async fn settle(sent: &mut [Sent]) {
    for sent in sent {
        if sent.outcome.is_none() {
            sent.outcome = Some(poll_fn(|context| sent.confirmation.as_mut().poll(context)).await);
        }
    }
}

/// A publisher that went away leaves open confirmations behind: the channel is only lent again
/// when they are answered, or a message returned to him would look like the next one's.
impl Drop for Pipeline {
    fn drop(&mut self) {
        if self.sent.iter().all(|sent| sent.outcome.is_some()) {
            return;
        }
        let (lease, mut sent) = (self.lease.take(), std::mem::take(&mut self.sent));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                settle(&mut sent).await;
                drop(lease);
            });
        } else if let Some(mut lease) = lease {
            lease.channel = None;
        }
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("sent", &self.sent.len()).finish_non_exhaustive()
    }
}

/// Hands a request to the library without waiting for it to be written: the first poll puts it
/// into the library's queue.
pub(super) fn send_now(request: impl Future<Output = lapin::Result<()>>) -> lapin::Result<()> {
    let request = std::pin::pin!(request);
    let request: Pin<&mut _> = request;
    match request.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Ok(()),
    }
}
