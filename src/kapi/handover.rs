//! What workers send each other about a call that came by a route request.
//!
//! An [`Offer`] is what the worker knew that answered the request: whoever gets the win finds in it
//! what to do. A [`Job`] is the same once the call is ours, and waits on the workers' queue until
//! it is done. Workers of different versions may run beside each other: each message says in
//! [`VERSION`] how it is to be read, its `Call-ID`, `Control-Queue` and `Version` mean the same in
//! all of them, and members that a worker does not know go through it unchanged.
//!
//! KAZOO sees neither.

use serde_json::Value;

use super::message::DEFAULT_APP_NAME;
use super::{Address, Exchange, Identity, Message, header};
use crate::json::Object;

/// How this program writes, and the newest that it reads.
pub const VERSION: u64 = 1;

/// The category of both messages.
pub(super) const CATEGORY: &str = DEFAULT_APP_NAME;

/// What a worker knew that offered to take a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The channel.
    pub call_id: String,
    /// The fetch that asked, by which the call is known when its id changes.
    pub fetch_id: Option<String>,
    /// The Call as callflow would have it.
    pub call: Object,
    /// The node's data.
    pub data: Object,
    /// The node that follows; none where nothing does.
    pub child: Option<Object>,
    /// Id of the callflow.
    pub flow_id: String,
    /// Who else may take the call.
    pub way: Way,
    /// When it was offered, in microseconds since the Unix epoch.
    pub offered_at: u64,
    /// What another version says beside all this.
    pub other: Object,
}

/// How the numbers of an account are shared with callflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// Callflow knows them, too, and answers as well: the first answer counts.
    Shared,
    /// Only we know them.
    Exclusive,
}

/// A call that is ours, and what is to be done with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// What was known when it was offered.
    pub offer: Offer,
    /// Where commands for the call go.
    pub control_queue: Address,
    /// When it was won, in microseconds since the Unix epoch.
    pub won_at: u64,
}

impl Way {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Shared, Self::Exclusive];

    /// The member's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Exclusive => "exclusive",
        }
    }
}

/// Which of the two messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An [`Offer`].
    Offer,
    /// A [`Job`].
    Job,
}

impl Kind {
    /// The `Event-Name`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "route_offer",
            Self::Job => "route_job",
        }
    }
}

impl Offer {
    /// The job that a won offer becomes.
    pub fn won(self, control_queue: Address, won_at: u64) -> Job {
        Job { offer: self, control_queue, won_at }
    }

    /// The message that puts it on a queue.
    pub fn message(&self, identity: &Identity, queue: &str) -> Message {
        self.with(Kind::Offer, Object::new(), identity, queue)
    }

    /// Adds what a job has beside its offer. What we do not know never stands in the place of what
    /// we do.
    fn with(&self, kind: Kind, own: Object, identity: &Identity, queue: &str) -> Message {
        let mut members = own;
        for (name, value) in [
            (header::CALL_ID, Some(self.call_id.as_str().into())),
            (header::FETCH_ID, self.fetch_id.as_deref().map(Value::from)),
            (member::VERSION, Some(VERSION.into())),
            (member::FLOW_ID, Some(self.flow_id.as_str().into())),
            (member::WAY, Some(self.way.as_str().into())),
            (member::OFFERED_AT, Some(self.offered_at.into())),
            (member::CALL, Some(self.call.clone().into())),
            (member::DATA, Some(self.data.clone().into())),
            (member::CHILD, self.child.clone().map(Value::Object)),
            (header::SYSTEM_LOG_ID, Some(self.call_id.as_str().into())),
        ] {
            members.extend(value.map(|value| (name.to_owned(), value)));
        }
        for (name, value) in &self.other {
            members.entry(name.as_str()).or_insert_with(|| value.clone());
        }
        Message::new((CATEGORY, kind.as_str()), members, identity, Exchange::Targeted, queue)
    }
}

impl Job {
    /// The message that puts it on a queue.
    pub fn message(&self, identity: &Identity, queue: &str) -> Message {
        let own = [
            (header::CONTROL_QUEUE, self.control_queue.to_string().into()),
            (member::WON_AT, self.won_at.into()),
        ];
        let own = own.map(|(name, value): (_, Value)| (name.to_owned(), value));
        self.offer.with(Kind::Job, own.into_iter().collect(), identity, queue)
    }
}

/// Names of the members that only these messages have.
pub(super) mod member {
    pub(crate) const VERSION: &str = "Version";
    pub(crate) const FLOW_ID: &str = "Flow-ID";
    pub(crate) const WAY: &str = "Way";
    pub(crate) const OFFERED_AT: &str = "Offered-At";
    pub(crate) const CALL: &str = "Call";
    pub(crate) const DATA: &str = "Data";
    pub(crate) const CHILD: &str = "Child";
    pub(crate) const WON_AT: &str = "Won-At";
}

#[cfg(test)]
#[path = "handover_tests.rs"]
mod tests;
