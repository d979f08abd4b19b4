//! Messages and settled deliveries that take effect together, for many callers at once.
//!
//! One task per session takes what is waiting, sends it, and commits it in one transaction;
//! meanwhile the next group gathers. What is committed for one caller is committed for all of its
//! group or for none.
//!
//! Nobody waits for a delivery that is settled alone, so those gather for [`LINGER`] at most, or until
//! somebody waits: a commit costs the broker and us more than anything else about an answered call.
//!
//! * RabbitMQ carries out a commit in one go, in a process that finishes it even when the
//!   connection is lost meanwhile: messages first, then acknowledgements
//!   (`rabbit_channel:handle_method`). Only an end of the broker itself can come between.
//! * From `tx.commit` to its answer RabbitMQ takes nothing else on the channel: anything, be it
//!   `basic.cancel`, ends the connection. So all that is sent there waits for its turn.
//! * The library writes messages behind everything else, whatever the channel: a `tx.commit`
//!   handed over together with them would be written first. So it is handed over when the last
//!   message is written.
//! * Messages that no queue takes are returned before the answer to the commit. Without confirms
//!   the library keeps them until asked, so those there at the answer are those of the group; the
//!   owners are known by their timestamps.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::future::BoxFuture;
use lapin::{
    Channel, ErrorKind,
    options::{BasicAckOptions, BasicNackOptions, BasicPublishOptions},
};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, timeout, timeout_at},
};

use super::{
    EndReason, LinkError, Published, Receipt, Settling, link::Inner, outgoing::Prepared,
    reason::Step,
};

/// Requests that wait at most, those without messages aside: of these there are never more than
/// deliveries in hand.
const MAX_WAITING: usize = 65_536;
/// How long the cause of a closed channel may take to be heard.
const MAX_CAUSE: Duration = Duration::from_millis(500);

/// How long deliveries may wait to be settled while nobody waits for it: a call whose answer is
/// confirmed is handed out again, and answered again, should this worker die within.
const LINGER: Duration = Duration::from_millis(5);

/// Requests that are carried out together at most. The library keeps everything of a transaction until
/// it is written, and never gives back the room for it.
const MAX_GROUP: usize = 256;

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is done with.
    Done,
    /// It goes back to its queue.
    Back,
}

/// What is wanted together.
pub(super) struct Request {
    pub(super) deliveries: Vec<(Receipt, Fate)>,
    pub(super) messages: Vec<Prepared>,
    /// Who wants to know; dropped when the session ends before.
    pub(super) tell: Option<oneshot::Sender<Vec<Published>>>,
}

/// The transactions of one session.
pub(super) struct Transactions {
    channel: Channel,
    /// Held while something is sent on the channel and its answer is awaited.
    turn: tokio::sync::Mutex<()>,
    waiting: Mutex<Waiting>,
    more: Notify,
}

#[derive(Default)]
struct Waiting {
    requests: Vec<(u64, Request)>,
    /// Whether somebody waits for one of them.
    urgent: bool,
    last_id: u64,
    closed: bool,
}

impl Request {
    /// Whether somebody waits for it.
    fn is_urgent(&self) -> bool {
        self.tell.is_some() || !self.messages.is_empty()
    }
}

impl Waiting {
    fn is_urgent(&self) -> bool {
        self.closed || self.urgent
    }

    /// The next group, the oldest requests first.
    fn take(&mut self) -> Vec<Request> {
        let most = self.requests.len().min(MAX_GROUP);
        let rest = self.requests.split_off(most);
        self.urgent = rest.iter().any(|(_, request)| request.is_urgent());
        let group = std::mem::replace(&mut self.requests, rest);
        group.into_iter().map(|(_, request)| request).collect()
    }
}

impl Transactions {
    /// Over a channel on which transactions have been selected.
    pub(super) fn new(channel: Channel) -> Self {
        let (turn, waiting, more) = Default::default();
        Self { channel, turn, waiting, more }
    }

    /// The channel. Whatever is asked on it must wait for its turn: [`alone`](Self::alone).
    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Makes a request of the channel between two transactions.
    pub(super) async fn alone<T>(&self, request: impl Future<Output = T>) -> T {
        let _turn = self.turn.lock().await;
        request.await
    }

    /// Lets a request wait for the next transaction, behind those before it. It is then carried
    /// out whether or not anybody waits for that. `None` when the session has ended.
    pub(super) fn add(&self, request: Request) -> Option<u64> {
        let mut waiting = self.lock();
        if waiting.closed {
            return None;
        }
        waiting.last_id += 1;
        let id = waiting.last_id;
        let news = waiting.requests.is_empty() || (request.is_urgent() && !waiting.urgent);
        waiting.urgent |= request.is_urgent();
        waiting.requests.push((id, request));
        drop(waiting);
        if news {
            self.more.notify_one();
        }
        Some(id)
    }

    /// How many requests wait, when that is too many for one more with messages.
    pub(super) fn overloaded(&self) -> Option<usize> {
        Some(self.lock().requests.len()).filter(|open| *open >= MAX_WAITING)
    }

    /// Takes a request back that still waits: nothing is published, its deliveries go back.
    pub(super) fn withdraw(&self, id: u64) {
        let mut waiting = self.lock();
        if let Some((_, request)) = waiting.requests.iter_mut().find(|(of, _)| *of == id) {
            request.messages.clear();
            request.deliveries.iter_mut().for_each(|(_, fate)| *fate = Fate::Back);
        }
    }

    /// Takes no more requests; those that wait can still be carried out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.more.notify_one();
    }

    /// Drops what waits, so that whoever waits for it learns that the session has ended.
    pub(super) fn abandon(&self) {
        let requests = std::mem::take(&mut self.lock().requests);
        drop(requests);
    }

    /// Returns when something is to be carried out; `false` when nothing is and nothing will be.
    async fn something(&self) -> bool {
        let mut until = None;
        loop {
            {
                let waiting = self.lock();
                let any = !waiting.requests.is_empty();
                if waiting.is_urgent() {
                    return any;
                }
                if any {
                    until.get_or_insert_with(|| Instant::now() + LINGER);
                }
            }
            match until {
                None => self.more.notified().await,
                Some(until) => {
                    if timeout_at(until, self.more.notified()).await.is_err() {
                        return true;
                    }
                }
            }
        }
    }

    fn take(&self) -> Vec<Request> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing of ours panics while holding it, and a request is pushed or taken whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends everything of a group and its commit, and waits for the broker's answer. Tells why
    /// messages were returned, by owner.
    async fn carry_out(&self, group: &mut [Request]) -> lapin::Result<HashMap<u64, String>> {
        let mut last = None;
        for message in group.iter_mut().flat_map(|request| request.messages.drain(..)) {
            let mut writing = self.publish(message);
            match writing.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(written) => written?,
                Poll::Pending => last = Some(writing),
            }
        }
        for (receipt, fate) in group.iter().flat_map(|request| &request.deliveries) {
            if receipt.settling == Settling::Transaction {
                fate.send(&self.channel, receipt.tag)?;
            }
        }
        if let Some(last) = last {
            last.await?;
        }
        self.channel.tx_commit().await?;
        // Nothing is confirmed on this channel, so this does not wait.
        let returned = self.channel.wait_for_confirms().await?;
        Ok(returned
            .into_iter()
            .map(|message| {
                let owner = message.delivery.properties.timestamp().unwrap_or_default();
                (owner, format!("{} {}", message.reply_code, message.reply_text))
            })
            .collect())
    }

    /// Publishes a message; done when it is written. The first poll puts it into the library's
    /// queue.
    fn publish(&self, message: Prepared) -> BoxFuture<'_, lapin::Result<()>> {
        Box::pin(async move {
            let Prepared { exchange, routing_key, mandatory, body, properties, .. } = message;
            let options = BasicPublishOptions { mandatory, immediate: false };
            let channel = &self.channel;
            channel.basic_publish(exchange, routing_key, options, &body, properties).await.map(drop)
        })
    }
}

/// Carries out transactions until the session has ended and nothing waits any more.
pub(super) async fn run(inner: &Inner) -> EndReason {
    let transactions = &inner.transactions;
    while transactions.something().await {
        inner.unblocked().await;
        let _turn = transactions.turn.lock().await;
        if commit(inner, transactions.take()).await.is_err() {
            break;
        }
    }
    inner.failed().await
}

/// Carries out one transaction and tells everybody. An unanswered one ends the session, except
/// while the broker takes nothing from us.
async fn commit(inner: &Inner, mut group: Vec<Request>) -> Result<(), LinkError> {
    let owners: Vec<Vec<u64>> = group
        .iter()
        .map(|request| request.messages.iter().map(|message| message.timestamp).collect())
        .collect();
    let step = Step::Serve(Settling::Transaction.channel_for());
    let outcome = {
        let mut outcome = pin!(inner.transactions.carry_out(&mut group));
        loop {
            match timeout(inner.timeout, &mut outcome).await {
                Ok(outcome) => break outcome,
                Err(_) if inner.is_blocked() => tokio::select! {
                    outcome = &mut outcome => break outcome,
                    () = inner.unblocked() => {}
                },
                Err(_) => return Err(inner.fail(step.unanswered(&inner.broker, inner.timeout))),
            }
        }
    };
    let mut reasons = match outcome {
        Ok(reasons) => reasons,
        Err(error) => {
            if let ErrorKind::InvalidChannelState(..) = error.kind() {
                // The broker is just closing the channel; why, the session hears another way.
                timeout(MAX_CAUSE, inner.failed()).await.ok();
            }
            return Err(inner.fail(step.reason(&inner.broker, &error)));
        }
    };
    for (request, owners) in group.into_iter().zip(owners) {
        for (receipt, fate) in request.deliveries {
            if receipt.settling == Settling::Acknowledge {
                inner.settle_alone(receipt.tag, fate)?;
            }
        }
        let published = owners.iter().map(|owner| match reasons.remove(owner) {
            Some(reason) => Published::Returned { reason },
            None => Published::Routed,
        });
        if let Some(tell) = request.tell {
            // Who has gone does not want to know.
            tell.send(published.collect()).ok();
        }
    }
    Ok(())
}

impl Fate {
    /// Hands it to the library without waiting for it to be written.
    pub(super) fn send(self, channel: &Channel, tag: u64) -> lapin::Result<()> {
        match self {
            Self::Done => send_now(channel.basic_ack(tag, BasicAckOptions { multiple: false })),
            Self::Back => {
                let options = BasicNackOptions { multiple: false, requeue: true };
                send_now(channel.basic_nack(tag, options))
            }
        }
    }
}

/// Hands a request to the library without waiting for it to be written: the first poll puts it
/// into the library's queue.
pub(super) fn send_now(request: impl Future<Output = lapin::Result<()>>) -> lapin::Result<()> {
    match pin!(request).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Ok(()),
    }
}

impl std::fmt::Debug for Transactions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transactions").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request to settle one delivery; somebody waits for it where `tell` is given.
    fn request(tag: u64, tell: Option<oneshot::Sender<Vec<Published>>>) -> (u64, Request) {
        let deliveries = vec![(Receipt::mock(tag), Fate::Done)];
        (tag, Request { deliveries, messages: Vec::new(), tell })
    }

    fn tags(group: &[Request]) -> Vec<u64> {
        let deliveries = group.iter().flat_map(|request| &request.deliveries);
        deliveries.map(|(receipt, _)| receipt.tag).collect()
    }

    #[test]
    fn a_crowd_is_carried_out_in_groups_in_its_order() {
        let (tell, _told) = oneshot::channel();
        let (crowd, last) = (MAX_GROUP as u64 + 2, MAX_GROUP as u64);
        let mut waiting = Waiting {
            requests: (0..last).map(|tag| request(tag, None)).collect(),
            urgent: true,
            ..Waiting::default()
        };
        waiting.requests.push(request(last, Some(tell)));
        waiting.requests.push(request(last + 1, None));
        assert_eq!(tags(&waiting.take()), (0..last).collect::<Vec<_>>());
        assert!(waiting.is_urgent(), "somebody still waits");
        assert_eq!(tags(&waiting.take()), (last..crowd).collect::<Vec<_>>());
        assert!(!waiting.is_urgent() && waiting.requests.is_empty());
        assert_eq!(tags(&waiting.take()), Vec::<u64>::new());
    }
}
