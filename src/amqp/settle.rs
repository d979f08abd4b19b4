//! Settling deliveries: alone, or together with what is published because of them.

use tokio::{sync::oneshot, time::sleep_until};

use super::{
    Delivery, EndReason, Link, LinkError, Outgoing, Published, Receipt, Settling,
    link::Inner,
    outgoing::{Clock, Prepared},
    reason::Step,
    transactions::{Fate, Request},
};

impl Link {
    /// Publishes the messages, in order, and acknowledges the deliveries: all of it takes effect
    /// together, or nothing does and the deliveries are handed out again. Returns when it has
    /// taken effect, with what became of each message; one that is returned does not keep the rest
    /// from taking effect.
    ///
    /// Callers share transactions, in the order of their first polls; there is no order towards
    /// [`publish`](Self::publish). Dropped after its first poll, the request is carried out all
    /// the same. Deliveries of queues with [`Settling::Acknowledge`] are acknowledged after the
    /// rest has taken effect.
    ///
    /// * [`LinkError::Down`]: the session has ended, perhaps because the broker did not answer in
    ///   time. All has taken effect or nothing; which, the broker knows: what has not comes again.
    /// * [`LinkError::Blocked`]: what was not yet sent is not going to be, and its deliveries go
    ///   back to their queues. What was, takes effect when the broker goes on.
    /// * [`LinkError::Overloaded`]: nothing was sent; the deliveries go back to their queues.
    /// * [`LinkError::TooLong`]: nothing was sent; the deliveries stay in hand until the session
    ///   ends, for they would come again at once, to the same end.
    pub async fn settle(
        &self,
        receipts: Vec<Receipt>,
        messages: impl IntoIterator<Item = Outgoing<'_>>,
    ) -> Result<Vec<Published>, LinkError> {
        let inner = &self.inner;
        receipts.iter().try_for_each(|receipt| inner.accept(receipt))?;
        let prepared = prepare(messages, &inner.clock)?;
        if let Some(open) = inner.transactions.overloaded() {
            receipts.into_iter().try_for_each(|receipt| self.requeue(receipt))?;
            return Err(LinkError::Overloaded { open });
        }
        let (tell, told) = oneshot::channel();
        let deliveries = receipts.into_iter().map(|receipt| (receipt, Fate::Done)).collect();
        let request = Request { deliveries, messages: prepared, tell: Some(tell) };
        let id = inner.transactions.add(request).ok_or_else(|| inner.down())?;
        // The transaction has a deadline of its own, except while the broker takes nothing.
        let given_up = async {
            sleep_until(inner.deadline()).await;
            inner.until_blocked().await;
        };
        tokio::select! {
            biased;
            published = told => published.map_err(|_| inner.down()),
            () = given_up => {
                inner.transactions.withdraw(id);
                Err(LinkError::Blocked)
            }
        }
    }

    /// Tells the broker that the message is done with. Written soon, in order with everything else
    /// but publishing; should the connection be lost before, the message is handed out again.
    pub fn ack(&self, receipt: Receipt) -> Result<(), LinkError> {
        self.inner.settle_soon(receipt, Fate::Done)
    }

    /// Gives the message back to its queue, for this worker or another.
    pub fn requeue(&self, receipt: Receipt) -> Result<(), LinkError> {
        self.inner.settle_soon(receipt, Fate::Back)
    }

    /// Puts a message that cannot be understood, whole, on the rejected queue with the reason, and
    /// then acknowledges it. Where that fails it stays on, or goes back to, its own queue.
    ///
    /// Not both at once even where that is possible: if the rejected queue is gone, the message
    /// must not go too.
    pub async fn reject(
        &self,
        mut delivery: Delivery,
        reason: &str,
        detail: &str,
    ) -> Result<(), LinkError> {
        let inner = &self.inner;
        let receipt = delivery.receipt.take();
        let Some(queue) = &inner.rejected else {
            // Nothing is kept here.
            return receipt.map_or(Ok(()), |receipt| self.ack(receipt));
        };
        let rejected = Prepared::rejected(&mut delivery, queue, reason, detail, &inner.clock)?;
        let outcome = match self.publish_prepared(rejected).await {
            Ok(Published::Routed) => Ok(()),
            // The rejected queue was deleted: only a new session declares it again.
            Ok(Published::Returned { reason }) => {
                let queue = queue.name.clone();
                Err(inner.fail(EndReason::QueueGone { queue, reason }))
            }
            Err(error) => Err(error),
        };
        match (outcome, receipt) {
            (Ok(()), Some(receipt)) => self.ack(receipt),
            (Err(error), Some(receipt)) => {
                // Already failing: the first error is the one to tell.
                self.requeue(receipt).ok();
                Err(error)
            }
            (outcome, None) => outcome,
        }
    }
}

impl Inner {
    /// Void when of another session.
    fn accept(&self, receipt: &Receipt) -> Result<(), LinkError> {
        self.check()?;
        if receipt.session == self.session { Ok(()) } else { Err(LinkError::OtherSession) }
    }

    /// Takes the receipt by value: used up either way.
    fn settle_soon(&self, receipt: Receipt, fate: Fate) -> Result<(), LinkError> {
        self.accept(&receipt)?;
        match receipt.settling {
            Settling::Acknowledge => self.settle_alone(receipt.tag, fate),
            Settling::Transaction => {
                let deliveries = vec![(receipt, fate)];
                let request = Request { deliveries, messages: Vec::new(), tell: None };
                self.transactions.add(request).map(drop).ok_or_else(|| self.down())
            }
        }
    }

    /// Settles a delivery that came without transactions.
    pub(super) fn settle_alone(&self, tag: u64, fate: Fate) -> Result<(), LinkError> {
        fate.send(&self.deliveries, tag).map_err(|error| {
            self.fail(Step::Serve("acknowledgements").reason(&self.broker, &error))
        })
    }
}

/// Messages as they are sent.
fn prepare<'a>(
    messages: impl IntoIterator<Item = Outgoing<'a>>,
    clock: &Clock,
) -> Result<Vec<Prepared>, LinkError> {
    let messages = messages.into_iter();
    // No room for more: thousands may wait for the broker's disk at once.
    let mut prepared = Vec::with_capacity(messages.size_hint().0);
    for message in messages {
        prepared.push(Prepared::new(message, clock)?);
    }
    Ok(prepared)
}
