//! How many messages wait in our queues, asked now and then.

use std::{sync::Arc, time::Duration};

use lapin::{Channel, Connection, options::QueueDeclareOptions, types::FieldTable};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Handler, Link, Topology};

/// Each queue costs a request; what waits is of interest for minutes, not for milliseconds.
const EVERY: Duration = Duration::from_secs(15);

/// Asks for ever, on a channel of its own: a queue that is gone closes the channel that asks for
/// it, and must not take calls with it. Nothing here ends a session.
pub(super) async fn watch(
    connection: &Connection,
    link: &Link,
    topology: &Topology,
    handler: &Arc<dyn Handler>,
) {
    let rejected = topology.rejected.iter().map(|queue| queue.name.as_str());
    let queues: Vec<&str> =
        topology.work.iter().map(|queue| queue.name.as_str()).chain(rejected).collect();
    let mut channel: Option<Channel> = None;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for queue in &queues {
            let messages = ask(connection, &mut channel, queue, link.inner.timeout).await;
            handler.waiting(queue, messages);
        }
    }
}

async fn ask(
    connection: &Connection,
    channel: &mut Option<Channel>,
    queue: &str,
    limit: Duration,
) -> Option<u32> {
    let open = match channel.take() {
        Some(open) => open,
        None => timeout(limit, connection.create_channel()).await.ok()?.ok()?,
    };
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declare = open.queue_declare(queue.into(), passive, FieldTable::default());
    match timeout(limit, declare).await {
        Ok(Ok(found)) => {
            let messages = found.message_count();
            // Kept for the next question; one that failed is closed already.
            *channel = Some(open);
            Some(messages)
        }
        Ok(Err(error)) => {
            tracing::debug!(queue, %error, "the queue's length cannot be asked for");
            None
        }
        Err(_) => None,
    }
}
