//! Publishing as the rest of the program sees it.

use std::sync::Arc;

use tokio::time::timeout_at;

use super::{
    LinkError, Outgoing,
    confirms::{NotPublished, Ticket},
    link::Inner,
    outgoing::Prepared,
    reason::Step,
};

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

/// Messages on their way, in order.
///
/// Each is handed to the network as it is [`add`](Self::add)ed; [`confirmed`](Self::confirmed)
/// waits for all of them. Dropped without waiting, the messages still go out; nobody learns how.
#[must_use = "what became of the messages is only known from `confirmed`"]
pub struct Pipeline {
    link: Arc<Inner>,
    sent: Vec<Ticket>,
}

impl Pipeline {
    /// Waits until the broker takes messages.
    pub(super) async fn open(link: &Arc<Inner>) -> Result<Self, LinkError> {
        link.check()?;
        if link.is_blocked() {
            let unblocked = timeout_at(link.deadline(), link.unblocked()).await;
            unblocked.map_err(|_| LinkError::Blocked)?;
            link.check()?;
        }
        Ok(Self { link: Arc::clone(link), sent: Vec::with_capacity(1) })
    }

    /// Sends one more message behind those before it.
    pub fn add(&mut self, message: Outgoing<'_>) -> Result<(), LinkError> {
        let prepared = Prepared::new(message, &self.link.clock)?;
        self.send(prepared)
    }

    pub(super) fn send(&mut self, message: Prepared) -> Result<(), LinkError> {
        self.link.check()?;
        self.sent.push(self.link.confirms.send(message)?);
        Ok(())
    }

    /// What became of each message, in order. A message without answer in time ends the session,
    /// except while the broker blocks us; it may or may not arrive later.
    pub async fn confirmed(self) -> Result<Vec<Published>, LinkError> {
        let Self { link, sent } = self;
        let deadline = link.deadline();
        let mut published = Vec::with_capacity(sent.len());
        let mut nacked = false;
        for ticket in sent {
            match timeout_at(deadline, ticket).await {
                Ok(Ok(outcome)) => published.push(outcome),
                Ok(Err(NotPublished::Nacked)) => nacked = true,
                Ok(Err(NotPublished::Failed(error))) => {
                    return Err(link.fail(STEP.reason(&link.broker, &error)));
                }
                Err(_) if link.is_blocked() => return Err(LinkError::Blocked),
                Err(_) => return Err(link.fail(STEP.unanswered(&link.broker, link.timeout))),
            }
        }
        if nacked { Err(LinkError::Nacked) } else { Ok(published) }
    }
}

const STEP: Step = Step::Serve("publishing");

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("sent", &self.sent.len()).finish_non_exhaustive()
    }
}
