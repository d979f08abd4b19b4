//! The RabbitMQ session.
//!
//! [`supervise()`] keeps one session up: connect, declare, bind, consume; when anything of it breaks
//! the whole is torn down and built anew. A [`Link`] is one live session: to publish with
//! confirms, settle deliveries, alone or in one transaction with what is published because of
//! them, and hear a call's events. What messages mean is not known here.

mod backoff;
mod broker;
mod confirms;
mod connect;
mod consume;
mod delivery;
mod depth;
mod link;
mod once;
mod outgoing;
mod prepare;
mod publish;
mod reason;
mod returned;
mod session;
mod settle;
mod state;
mod supervise;
mod tls;
mod topology;
mod transactions;
mod watchdog;

#[cfg(test)]
mod tests;

pub use backoff::Backoff;
pub use broker::{Broker, BrokerError};
pub(crate) use connect::{Opened, open};
pub use delivery::{Delivery, QueueKind, Receipt};
pub use link::{Link, LinkError};
pub use once::{SendError, send_once};
pub use outgoing::Outgoing;
pub use publish::{Pipeline, Published};
pub use reason::EndReason;
pub(crate) use reason::Step;
pub use session::Handler;
pub use state::SessionState;
pub use supervise::{SessionConfig, Stop, Timing, supervise};
pub use tls::Tls;
pub use topology::{
    Argument, Binding, EXECUTE_QUEUE, Exchange, ExchangeKind, HELD_QUEUE, JOBS_QUEUE,
    REJECTED_QUEUE, ROUTE_QUEUE, RejectedQueue, ReplyQueue, Settling, TAKEOVER_QUEUE, Topology,
    WorkQueue,
};
