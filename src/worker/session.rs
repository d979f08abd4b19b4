//! What lives as long as one AMQP session: its link, and the jobs that run over it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::mpsc;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::amqp::{Link, LinkError, Outgoing, Published, Receipt};
use crate::kapi::{Exchange, Identity, Inbound, Message};

/// Events a job may leave unheard; a caller cannot press keys faster than they are handled.
const MAILBOX: usize = 256;

/// Calls that may be opened with the broker at once: that takes more room than waiting for a caller,
/// and more at once are not through any sooner.
const OPENINGS: usize = 256;

/// Where the broker keeps a message that nobody has taken yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// In memory, as KAZOO has all of its messages kept.
    InMemory,
    /// On disk, as well: it survives a restart of the broker.
    OnDisk,
}

/// A session with the broker.
pub(super) struct Session {
    /// The connection.
    pub(super) link: Link,
    /// Who we are on it.
    pub(super) identity: Identity,
    /// Cancelled when the session ends: the broker then redelivers what was not acknowledged.
    pub(super) ended: CancellationToken,
    jobs: Mutex<Jobs>,
    openings: Semaphore,
}

#[derive(Default)]
struct Jobs {
    /// Who hears the events of a call.
    listeners: HashMap<String, Vec<mpsc::Sender<Arc<Inbound>>>>,
    /// The `Msg-ID`s of the executes that are being served.
    running: HashSet<String>,
}

impl Session {
    /// A session over a link.
    pub(super) fn new(link: Link, node: &str) -> Self {
        let identity = Identity::new(node, link.reply_queue());
        let (ended, jobs) = Default::default();
        Self { link, identity, ended, jobs, openings: Semaphore::new(OPENINGS) }
    }

    /// The error of whatever is asked of a session that has ended.
    pub(super) fn over(&self) -> LinkError {
        self.link.over()
    }

    /// A call's turn to be opened: to have its events bound, and to be told what comes first. Whoever
    /// has one waits for the broker alone, and no longer than that may take.
    pub(super) async fn opening(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.openings.acquire().await.ok()
    }

    /// Publishes a message and waits until the broker has it.
    pub(super) async fn publish(
        &self,
        message: &Message,
        mandatory: bool,
    ) -> Result<Published, LinkError> {
        self.link.publish(outgoing(message, mandatory)).await
    }

    /// Publishes commands in their order, all in flight at once; the first that no queue took
    /// stands for all.
    pub(super) async fn publish_commands(
        &self,
        commands: &[Message],
    ) -> Result<Published, LinkError> {
        let commands = commands.iter().map(|command| outgoing(command, true));
        let published = self.link.publish_in_order(commands).await?;
        let returned = published.into_iter().find(|one| *one != Published::Routed);
        Ok(returned.unwrap_or(Published::Routed))
    }

    /// Publishes messages in their order and acknowledges what they come from: all of it takes
    /// effect together, or nothing does and the broker hands out again what it came from.
    pub(super) async fn settle(
        &self,
        receipts: impl IntoIterator<Item = Receipt>,
        messages: impl IntoIterator<Item = &Message>,
        kept: Kept,
    ) -> Result<Vec<Published>, LinkError> {
        let messages = messages.into_iter().map(|message| Outgoing {
            persistent: kept == Kept::OnDisk,
            ..outgoing(message, true)
        });
        self.link.settle(receipts.into_iter().collect(), messages).await
    }

    /// Puts a message on a queue on disk and acknowledges what it comes from, both or neither.
    pub(super) async fn put_on_disk(
        &self,
        receipt: Option<Receipt>,
        queue: &str,
        body: Vec<u8>,
    ) -> Result<Published, LinkError> {
        let message = Outgoing {
            exchange: Exchange::Targeted.name(),
            routing_key: queue,
            deliver_to_pid: None,
            body,
            mandatory: true,
            persistent: true,
        };
        let published = self.link.settle(receipt.into_iter().collect(), [message]).await?;
        Ok(published.into_iter().next().unwrap_or(Published::Routed))
    }

    /// Takes note of an execute; `false` where the same one is being served already.
    pub(super) fn begin(&self, msg_id: &str) -> bool {
        self.lock().running.insert(msg_id.to_owned())
    }

    /// An execute is done.
    pub(super) fn finish(&self, msg_id: &str) {
        self.lock().running.remove(msg_id);
    }

    /// Opens a mailbox for the events of calls.
    pub(super) fn mailbox() -> (mpsc::Sender<Arc<Inbound>>, mpsc::Receiver<Arc<Inbound>>) {
        mpsc::channel(MAILBOX)
    }

    /// Lets a mailbox hear a call.
    pub(super) fn listen(&self, call_id: &str, mailbox: mpsc::Sender<Arc<Inbound>>) {
        let mut jobs = self.lock();
        // Hardly ever does a call have two.
        let listeners = jobs.listeners.entry(call_id.to_owned());
        listeners.or_insert_with(|| Vec::with_capacity(1)).push(mailbox);
    }

    /// Ends what [`listen`](Self::listen) began; whether nobody listens to the call any more.
    pub(super) fn leave(&self, call_id: &str, mailbox: &mpsc::Sender<Arc<Inbound>>) -> bool {
        let mut jobs = self.lock();
        let Some(listeners) = jobs.listeners.get_mut(call_id) else {
            return true;
        };
        listeners.retain(|listener| !listener.same_receiver(mailbox));
        let last = listeners.is_empty();
        if last {
            jobs.listeners.remove(call_id);
        }
        last
    }

    /// Hands an event to whoever hears its call; `false` where nobody does.
    pub(super) fn dispatch(&self, call_id: &str, inbound: &Arc<Inbound>) -> bool {
        let mut jobs = self.lock();
        let Some(listeners) = jobs.listeners.get_mut(call_id) else {
            return false;
        };
        for listener in listeners {
            if listener.try_send(Arc::clone(inbound)).is_err() {
                tracing::warn!(
                    call_id,
                    "an event of the call was dropped: its job does not keep up"
                );
            }
        }
        true
    }

    /// Nothing is done under the lock that could panic; a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn outgoing(message: &Message, mandatory: bool) -> Outgoing<'_> {
    Outgoing { mandatory, ..message.into() }
}
