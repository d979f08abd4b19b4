//! Who else is on the broker.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::ExchangeKind as LapinKind;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use tokio::time::{Instant, timeout_at};

use super::link::{Peer, PeerError};
use super::received::Received;
use super::wire::{private_queue, short};
use crate::amqp::{EndReason, Step};
use crate::kapi::Exchange;
use crate::kapi::inbound::NodeAdvertisement;
use crate::kapi::message::DEFAULT_APP_NAME;

/// How long to listen for other nodes. KAZOO's nodes advertise every 5 to 15 seconds.
pub const LISTENING: Duration = Duration::from_secs(16);

/// Who else is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Company {
    /// No node of KAZOO's has ever been on this broker since it started.
    Never,
    /// None was heard.
    Silent,
    /// A node advertised itself.
    Node(NodeAdvertisement),
}

/// Who waits for calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// The workers' queue does not exist: none has ever run here.
    NoQueue,
    /// The queue is there.
    Queue {
        /// How many workers take from it.
        workers: u32,
        /// How many calls wait in it.
        waiting: u32,
    },
}

impl Peer {
    /// Listens for nodes other than `own_node`; returns with the first. `listening` is called when
    /// there is something to listen to, before it takes any time.
    ///
    /// Source: `kz_nodes.erl` (`advertise_payload`), `kapi_nodes.erl`.
    pub async fn company(
        &self,
        own_node: &str,
        duration: Duration,
        listening: impl FnOnce(),
    ) -> Result<Company, PeerError> {
        let asked = self.asked();
        let asked = &asked;
        let nodes = asked.name(Exchange::Nodes);
        self.on_scratch_channel(async |channel| {
            let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
            let declare = channel.exchange_declare(
                short(&nodes)?,
                LapinKind::Fanout,
                passive,
                FieldTable::default(),
            );
            let step = Step::DeclareExchange(nodes.clone());
            if asked.if_there(step, declare).await?.is_none() {
                return Ok(Company::Never);
            }
            let queue = private_queue(asked, &channel).await?;
            asked.bind(&channel, &queue, Exchange::Nodes, "").await?;
            let mut consumer = asked.consume(&channel, &queue).await?;
            listening();
            let deadline = Instant::now() + duration;
            loop {
                match timeout_at(deadline, consumer.next()).await {
                    Err(_) => return Ok(Company::Silent),
                    Ok(Some(Ok(delivery))) => {
                        if let Some(node) = other_node(&delivery.data, own_node) {
                            return Ok(Company::Node(node));
                        }
                    }
                    Ok(Some(Err(error))) => {
                        return Err(Step::Consume(queue).reason(asked.broker, &error).into());
                    }
                    Ok(None) => return Err(EndReason::ConsumerEnded { queue }.into()),
                }
            }
        })
        .await
    }

    /// Who takes calls from the workers' queue of this name.
    pub async fn workers(&self, queue: &str) -> Result<Workers, PeerError> {
        let asked = self.asked();
        let asked = &asked;
        let name = short(queue)?;
        self.on_scratch_channel(async |channel| {
            let passive = QueueDeclareOptions { passive: true, ..Default::default() };
            let declare = channel.queue_declare(name.clone(), passive, FieldTable::default());
            let found = asked.if_there(Step::DeclareQueue(queue.to_owned()), declare).await?;
            Ok(found.map_or(Workers::NoQueue, |queue| Workers::Queue {
                workers: queue.consumer_count(),
                waiting: queue.message_count(),
            }))
        })
        .await
    }
}

/// The node that published an advertisement, unless it is a worker of ours. Whatever is said where
/// nodes advertise is said by a node.
fn other_node(payload: &[u8], own_node: &str) -> Option<NodeAdvertisement> {
    let body = Received::parse(payload).unwrap_or_default();
    let mut node = NodeAdvertisement::of(&body);
    if node.node == own_node || matches!(node.apps.as_slice(), [only] if only == DEFAULT_APP_NAME) {
        return None;
    }
    if node.node.is_empty() {
        "a node without a name".clone_into(&mut node.node);
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_nodes_of_others_count() {
        let kazoo = json!({"Node": "kazoo_apps@a", "Zone": "local", "WhApps": {"callflow": {}}});
        for (advertisement, name) in [
            (kazoo, Some("kazoo_apps@a")),
            (json!({"Node": "dcid@own", "WhApps": {}}), None),
            (json!({"Node": "dcid@other", "WhApps": {"kazoo_dynamic_cid": {}}}), None),
            (json!({"Node": "x@a", "WhApps": {"kazoo_dynamic_cid": {}, "b": {}}}), Some("x@a")),
            (json!({"Node": "x@a"}), Some("x@a")),
            (json!({"Node": "x@a", "WhApps": ["callflow"]}), Some("x@a")),
            (json!({"Node": "dcid@other", "WhApps": ["kazoo_dynamic_cid"]}), None),
            (json!([]), Some("a node without a name")),
        ] {
            let payload = serde_json::to_vec(&advertisement).unwrap();
            let node = other_node(&payload, "dcid@own");
            assert_eq!(node.map(|node| node.node).as_deref(), name, "{advertisement}");
        }
    }
}
