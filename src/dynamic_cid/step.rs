//! What goes into the action and what comes out of it.

use std::sync::Arc;

use serde_json::Value;

use crate::call::Destination;
use crate::json::{self, Object};

use super::Reason;

/// Milliseconds of a clock of the caller's choice that never goes back.
pub type Millis = u64;

/// A noop command the action sent, counted from 1; whoever sends it gives it its `Msg-ID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NoopId(pub u32);

/// Something that happened to the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A noop completed; `None` is one that the action did not send.
    NoopComplete(Option<NoopId>),
    /// The switch could not execute a noop; `None` where it does not say which.
    NoopFailed(Option<NoopId>),
    /// A key was pressed: its `DTMF-Digit`, empty where the event has none.
    Dtmf(String),
    /// The channel is gone.
    Hangup,
    /// Any other event of the call.
    Other,
    /// The time asked for in [`Next::Wait`] has come.
    Timer,
    /// The answer to [`Question::Route`].
    Routed(Routed),
}

/// A call command. Media names are resolved already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Plays a media file, then the noop completes.
    Play {
        /// `Media-Name`.
        media: String,
        /// The noop behind it.
        noop: NoopId,
    },
    /// Stops what plays, empties the call's queue; then the noop completes.
    Flush {
        /// The noop that is inserted.
        noop: NoopId,
    },
    /// Answers the call.
    Answer,
    /// Hangs up behind everything queued.
    Hangup,
}

/// A change of the call. KAZOO tells the switch of each at once, with a `set` command, and keeps
/// them only when it stores the call ([`Effect::Store`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The caller's number.
    Number(String),
    /// The caller's name.
    Name(String),
    /// Where the call goes.
    Destination(Destination),
}

/// One effect; a step's effects are in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send a command.
    Command(Command),
    /// Change the call.
    Change(Change),
    /// The changes so far are the executor's from now on.
    Store,
}

/// What the action wants to know before it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Which callflow serves a destination, and what its endpoint may call.
    Route {
        /// The normalised destination.
        destination: String,
        /// Whether the endpoint's restrictions are wanted.
        restrictions: bool,
    },
}

/// The answer to [`Question::Route`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routed {
    /// A callflow was found.
    Found {
        /// Which.
        target: RouteTarget,
        /// What restricts the call.
        endpoint: Endpoint,
    },
    /// No callflow serves the destination, or the callflows could not be read.
    NotFound,
    /// The lookup died of a pattern whose groups all took no part (D31).
    Crashed,
}

/// The endpoint a call comes from, as far as it restricts the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// There is none, or it cannot be read, which KAZOO takes for "not restricted".
    None,
    /// The merged endpoint of the call's Authorizing-ID.
    Merged(Arc<Value>),
    /// KAZOO dies when it merges the endpoint; this is the merge in which the misshapen values say
    /// nothing.
    Broken(Arc<Value>),
}

impl Endpoint {
    /// Its dial plan; `None` where there is no endpoint.
    pub fn dial_plan(&self) -> Option<&Object> {
        match self {
            Self::None => None,
            Self::Merged(merged) | Self::Broken(merged) => {
                json::object(merged.as_object()?, "dial_plan")
            }
        }
    }
}

/// A callflow that serves a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTarget {
    /// The callflow document's id.
    pub callflow_id: String,
    /// Whether `no_match` is among the document's numbers.
    pub no_match: bool,
}

/// How the action ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Go on with the node's `_` child.
    Continue(Reason),
    /// Go on with another callflow; the node's `_` child is stacked.
    Branch {
        /// Why the call has this caller ID.
        reason: Reason,
        /// Where it goes.
        target: RouteTarget,
    },
    /// End the call, or resume a stacked flow.
    Stop(Reason),
    /// The call was refused: the caller hears why and is hung up by the commands already sent;
    /// no flow may follow.
    Refused,
    /// KAZOO's action process dies here and its executor goes on with the `_` child, with the call
    /// as last stored.
    Died(Reason),
}

impl Outcome {
    /// The reason code.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Continue(reason)
            | Self::Stop(reason)
            | Self::Died(reason)
            | Self::Branch { reason, .. } => *reason,
            Self::Refused => Reason::Restricted,
        }
    }

    /// The outcome's name, for logs and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Continue(_) => "continue",
            Self::Branch { .. } => "branch",
            Self::Stop(_) => "stop",
            Self::Refused => "refused",
            Self::Died(_) => "died",
        }
    }
}

/// What comes after a step's effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Wait for the call's events, until the given time at the latest.
    Wait {
        /// When to send [`Event::Timer`]; `None` where KAZOO would wait for ever.
        wake_at: Option<Millis>,
    },
    /// Answer the question.
    Ask(Question),
    /// It is over; further events change nothing.
    Done(Outcome),
}

/// The action's answer to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What to do, in this order.
    pub effects: Vec<Effect>,
    /// What comes then.
    pub next: Next,
}
