//! The measure of all: a worker that answers `continue` at once.
//!
//! It takes executes from a queue of the workers' kind, answers over the same session with the same
//! confirms, and acknowledges when the answer is confirmed. Of the message it reads the three
//! members without which nobody can be answered.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lapin::Connection;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use serde::Deserialize;
use tokio::sync::watch;

use crate::amqp::{
    Broker, Delivery, EndReason, Handler, Link, LinkError, Outgoing, SessionConfig, SessionState,
    Settling, Step, Stop, Topology, open, supervise,
};
use crate::kapi::result::{Executor, result};
use crate::kapi::{ActionResult, Address, Identity};

/// The first part of all names the echo declares; a random part follows.
pub const PREFIX: &str = "kazoo_dynamic_cid.bench.";

/// The one queue of work, acknowledged message by message.
fn topology(prefix: &str) -> Topology {
    let mut topology = Topology::execute(std::iter::empty::<String>()).prefixed(prefix);
    topology.work.truncate(1);
    for work in &mut topology.work {
        work.settling = Settling::Acknowledge;
    }
    topology
}

/// An echo.
pub struct Echo {
    node: String,
    prefix: String,
    work: Duration,
    session: Mutex<Option<(Link, Arc<Identity>)>>,
}

/// An execute, as far as it is read.
#[derive(Deserialize)]
#[allow(clippy::struct_field_names)] // KAZOO's names
struct Execute<'a> {
    #[serde(rename = "Server-ID", borrow)]
    server_id: Cow<'a, str>,
    #[serde(rename = "Msg-ID", borrow)]
    msg_id: Cow<'a, str>,
    #[serde(rename = "Call-ID", borrow)]
    call_id: Cow<'a, str>,
}

impl Echo {
    /// An echo that computes for so long before each answer. `prefix` stands in front of the names
    /// of its exchanges and queues.
    pub fn new(node: &str, prefix: &str, work: Duration) -> Self {
        let (node, prefix) = (node.to_owned(), prefix.to_owned());
        Self { node, prefix, work, session: Mutex::default() }
    }

    /// Echoes until stopped.
    pub async fn serve(self, brokers: Vec<Broker>, prefetch: u16, stop: Stop) {
        let topology = topology(&self.prefix);
        let mut config = SessionConfig::new(brokers, &self.node, topology);
        config.prefetch = prefetch;
        let (state, _states) = watch::channel(SessionState::default());
        supervise(config, Arc::new(self), stop, state).await;
    }

    fn session(&self) -> std::sync::MutexGuard<'_, Option<(Link, Arc<Identity>)>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for Echo {
    fn connected(&self, link: Link) {
        let identity = Arc::new(Identity::new(self.node.clone(), link.reply_queue()));
        *self.session() = Some((link, identity));
    }

    fn work(&self, delivery: Delivery) {
        let Some((link, identity)) = self.session().clone() else { return };
        let exchange = format!("{}targeted", self.prefix);
        let work = self.work;
        tokio::spawn(async move {
            compute(work);
            if let Err(error) = answer(&link, &identity, &exchange, delivery).await {
                tracing::warn!(%error, "a call was not echoed");
            }
        });
    }

    fn reply(&self, _delivery: Delivery) {}

    fn disconnected(&self, _reason: &EndReason) {
        *self.session() = None;
    }
}

/// Keeps a thread busy, as a worker that decides would.
fn compute(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

async fn answer(
    link: &Link,
    identity: &Identity,
    exchange: &str,
    mut delivery: Delivery,
) -> Result<(), LinkError> {
    let read: Option<Execute<'_>> = serde_json::from_slice(&delivery.payload).ok();
    let address = read.as_ref().and_then(|it| Address::parse(&it.server_id).ok());
    let (Some(execute), Some(address)) = (read, address) else {
        return link.reject(delivery, "unreadable", "no execute of the bench's").await;
    };
    let executor =
        Executor { server_id: &address, msg_id: &execute.msg_id, call_id: &execute.call_id };
    let message = result(identity, executor, ActionResult::Continue);
    link.publish(Outgoing { exchange, mandatory: true, ..Outgoing::from(&message) }).await?;
    delivery.receipt.take().map_or(Ok(()), |receipt| link.ack(receipt))
}

/// Removes what the echo has declared, all of which outlives it.
pub async fn remove(broker: &Broker, node: &str, prefix: &str) -> Result<(), EndReason> {
    let topology = topology(prefix);
    let queues: Vec<String> = topology
        .work
        .iter()
        .map(|queue| queue.name.clone())
        .chain(topology.rejected.as_ref().map(|queue| queue.name.clone()))
        .collect();
    let exchanges: Vec<String> =
        topology.exchanges.iter().map(|exchange| exchange.name.clone()).collect();
    let config = SessionConfig::new(vec![broker.clone()], node, topology);
    let opened = open(&config, broker).await?;
    let removed = remove_from(&opened.connection, queues, exchanges);
    let limit = config.timing.request;
    let step = Step::Serve("the echo's queues");
    let outcome = match tokio::time::timeout(limit, removed).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(step.reason(broker, &error)),
        Err(_) => Err(step.unanswered(broker, limit)),
    };
    opened.close(outcome.is_ok(), config.timing.close).await;
    outcome
}

/// RabbitMQ takes the removal of what is not there for done.
async fn remove_from(
    connection: &Connection,
    queues: Vec<String>,
    exchanges: Vec<String>,
) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    for queue in queues {
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
    }
    for exchange in exchanges {
        channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await?;
    }
    Ok(())
}
